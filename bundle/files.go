package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Limits of what Load reads.
const (
	// MaxFileBytes is the size of the largest file of a bundle.
	MaxFileBytes = 1 << 20
	// MaxFiles is how many files a bundle may have.
	MaxFiles = 1 << 15
	// MaxBundleBytes is the size of all files of a bundle.
	MaxBundleBytes = 256 << 20
)

// folders are the folders of a bundle with what their files are called.
var folders = []struct{ dir, ext, want string }{
	{"policies", ".json", "policies/NAME.json"},
	{"roles", ".yaml", "roles/NAME.yaml"},
	{"resources", ".yaml", "resources/NAME.yaml"},
	{"pools", ".yaml", "pools/NAME.yaml"},
	{"providers", ".yaml", "providers/NAME.yaml, with NAME.xml for the metadata of a SAML provider"},
	{"administrators", ".yaml", "administrators/NAME.yaml"},
	{"services", ".yaml", "services/NAME.yaml"},
	{"routes", ".yaml", "routes/NAME.yaml"},
	{"tables", ".yaml", "tables/NAME.yaml"},
	{"tests", "_test.yaml", "tests/NAME_test.yaml"},
	{"guardrails", ".rego", "guardrails/scp/NN-LEVEL/NAME.json or guardrails/rcp/NN-LEVEL/NAME.json"},
}

// Ignored reports whether Load leaves a file or folder alone, by its own name:
// hidden ones, and what is written beside a bundle for its readers.
func Ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".md") || name == "LICENSE"
}

// IsManifest reports whether a path within a bundle is that of the manifest or
// of its signature, which rowan bundle build makes. They are no part of what
// they speak of.
func IsManifest(p string) bool { return p == "manifest.json" || p == "manifest.sig" }

// collect reads the files of a bundle in the order of their paths. Faults are
// noted; an error means that the tree itself cannot be read.
func (l *loader) collect(fsys fs.FS) error {
	total := 0
	lower := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == ".":
			return nil
		case Ignored(d.Name()), IsManifest(p) && d.Type().IsRegular():
			return skip(d)
		}
		if problem := shape(p, d, l.rego); problem != "" {
			l.faults.file(l.file(p), "%s", problem)
			return skip(d)
		}
		if other, twice := lower[strings.ToLower(p)]; twice {
			l.faults.file(l.file(p), "differs from %s by case alone", other)
			return skip(d)
		}
		lower[strings.ToLower(p)] = p
		if d.IsDir() {
			l.dirs = append(l.dirs, p)
			return nil
		}
		text, err := readFile(fsys, p)
		var big *contentError
		switch {
		case errors.As(err, &big):
			l.faults.file(l.file(p), "%v", err)
			return nil
		case err != nil:
			return err
		}
		if total += len(text); total > MaxBundleBytes || len(l.bundle.sources) >= MaxFiles {
			return fmt.Errorf("a bundle of more than %d files or %d bytes", MaxFiles, MaxBundleBytes)
		}
		l.bundle.sources = append(l.bundle.sources, source{p, text})
		return nil
	})
	slices.SortFunc(l.bundle.sources, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// shape says why a path may not stand in a bundle; empty if it may.
func shape(p string, d fs.DirEntry, rego bool) string {
	switch {
	case d.Type()&fs.ModeSymlink != 0:
		return "a symbolic link: a bundle is read as it is, and nothing outside it"
	case !d.IsDir() && !d.Type().IsRegular():
		return "neither a file nor a folder"
	case p == "rowan.yaml" && !d.IsDir():
		return ""
	}
	top, rest, nested := strings.Cut(p, "/")
	for _, f := range folders {
		if f.dir != top {
			continue
		}
		if top == "guardrails" && nested {
			return guardrailShape(rest, d.IsDir(), rego)
		}
		if nested == d.IsDir() {
			return "unknown: want " + f.want
		}
		if nested && top == "providers" && strings.HasSuffix(rest, ".xml") {
			return nameShape(rest, ".xml", f.want)
		}
		if nested {
			return nameShape(rest, f.ext, f.want)
		}
		return ""
	}
	if d.IsDir() {
		return "unknown folder: want policies, roles, resources, guardrails, pools, providers, administrators, services, routes, tables or tests"
	}
	return "unknown file: want rowan.yaml, and folders"
}

// nameShape checks the name of a file that must end in ext.
func nameShape(name, ext, want string) string {
	stem, ok := strings.CutSuffix(name, ext)
	switch {
	case !ok:
		return "unknown: want " + want
	case !iamName(stem):
		return "NAME has 1 to 128 letters, digits or _+=,.@-"
	}
	return ""
}

// iamName reports whether s may name a policy or role. Source: IAM User Guide,
// "IAM identifiers".
func iamName(s string) bool {
	return s != "" && len(s) <= 128 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-") == ""
}

// guardrailShape checks a path below guardrails.
func guardrailShape(rest string, dir, rego bool) string {
	want := "unknown: want " + folders[len(folders)-1].want
	parts := strings.Split(rest, "/")
	switch {
	case len(parts) == 1 && !dir && strings.HasSuffix(rest, ".rego") && rego:
		return nameShape(rest, ".rego", "guardrails/NAME.rego")
	case len(parts) == 1 && !dir && strings.HasSuffix(rest, ".rego"):
		return "a Rego guardrail: Rego guardrails need the daemon, this cannot hold to them"
	case parts[0] != "scp" && parts[0] != "rcp":
		return want
	case len(parts) == 1 && dir:
		return ""
	case len(parts) == 2 && dir:
		if !levelName(parts[1]) {
			return "a level is called NN-LEVEL, two digits first"
		}
		return ""
	case len(parts) == 3 && !dir:
		return nameShape(parts[2], ".json", folders[len(folders)-1].want)
	}
	return want
}

func levelName(s string) bool {
	return len(s) > 3 && s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && s[2] == '-' && iamName(s)
}

// contentError is what readFile says of a file over the limit, or one that is not
// what the folder said.
type contentError struct{ what string }

func (e *contentError) Error() string { return e.what }

// readFile reads a regular file of bounded size.
func readFile(fsys fs.FS, p string) (text []byte, err error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// The folder may have changed since it was read.
	if !st.Mode().IsRegular() {
		return nil, &contentError{"no regular file"}
	}
	text, err = io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err == nil && len(text) > MaxFileBytes {
		return nil, &contentError{fmt.Sprintf("larger than %d bytes", MaxFileBytes)}
	}
	return text, err
}

// digest is over names and texts with their lengths, so that nothing can move
// from one to the other.
func digest(files []source) string {
	h := sha256.New()
	var n [8]byte
	write := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, f := range files {
		write([]byte(f.path))
		write(f.text)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// stem is the NAME of a path.
func stem(p string) string {
	base := path.Base(p)
	for _, ext := range []string{"_test.yaml", ".yaml", ".json", ".xml"} {
		if s, ok := strings.CutSuffix(base, ext); ok {
			return s
		}
	}
	return base
}
