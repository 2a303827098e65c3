package archive

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/bundle"
)

// The manifest of a bundle and its signature lie at its top.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
)

// Files are the files of a bundle in memory, with its manifest and signature if
// it has them. They do not change and may be shared.
type Files struct {
	texts map[string][]byte
	dirs  map[string]bool
	lower map[string]string // every path in lower case: the path
	size  int
	// manifest and signature are nil if there are none.
	manifest, signature []byte
	// loose says that more is in the archive they come from than Write would
	// write, so that not every byte of it counts.
	loose bool
}

func newFiles() *Files {
	return &Files{texts: map[string][]byte{}, dirs: map[string]bool{}, lower: map[string]string{}}
}

// Paths are the paths of the files, sorted, without manifest and signature.
func (f *Files) Paths() []string { return slices.Sorted(maps.Keys(f.texts)) }

// add adds a file. Two names for one path are refused, and names that a file
// system may take for one.
func (f *Files) add(p string, text []byte) error {
	if err := f.claim(p, false); err != nil {
		return err
	}
	if f.size += len(text); f.size > bundle.MaxBundleBytes || len(f.texts) >= bundle.MaxFiles {
		return refuse("invalid", "a bundle of more than %d files or %d bytes", bundle.MaxFiles, bundle.MaxBundleBytes)
	}
	switch p {
	case manifestName:
		f.manifest = text
	case signatureName:
		f.signature = text
	default:
		f.texts[p] = text
	}
	return nil
}

// addDir adds a folder, which may be there already.
func (f *Files) addDir(p string) error { return f.claim(p, true) }

func (f *Files) claim(p string, dir bool) error {
	if !fs.ValidPath(p) || p == "." || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) || len(p) > maxPath {
		return refuse("invalid", "%.200q: no path within a bundle", p)
	}
	if parent := path.Dir(p); parent != "." && !f.dirs[parent] {
		if err := f.claim(parent, true); err != nil {
			return err
		}
	}
	low := strings.ToLower(p)
	other, taken := f.lower[low]
	switch {
	case taken && other != p:
		return refuse("invalid", "%s differs from %s by case alone", p, other)
	case taken && dir && f.dirs[p]:
		return nil
	case taken:
		return refuse("invalid", "%s is there twice", p)
	case len(f.lower) > 2*bundle.MaxFiles:
		return refuse("invalid", "more than %d files and folders", 2*bundle.MaxFiles)
	}
	f.lower[low] = p
	if dir {
		f.dirs[p] = true
	}
	return nil
}

// maxPath bounds a path: three folders and a name.
const maxPath = 512

// FS returns the files for bundle.Load, without manifest and signature.
func (f *Files) FS() fs.FS { return memory{f} }

// memory is a file system in memory.
type memory struct{ *Files }

// Open opens a file or a folder.
func (m memory) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if text, ok := m.texts[name]; ok {
		return &memoryFile{entry: entry{name, int64(len(text)), false}, Reader: bytes.NewReader(text)}, nil
	}
	if name == "." || m.dirs[name] {
		all, err := m.ReadDir(name)
		return &memoryDir{memoryFile{entry: entry{name, 0, true}, Reader: folder{name}}, all}, err
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir returns what lies in a folder, sorted.
func (m memory) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." && !m.dirs[name] {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var out []fs.DirEntry
	for p, text := range m.texts {
		if path.Dir(p) == name {
			out = append(out, entry{p, int64(len(text)), false})
		}
	}
	for p := range m.dirs {
		if path.Dir(p) == name {
			out = append(out, entry{p, 0, true})
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// memoryFile is an open file or folder.
type memoryFile struct {
	entry
	io.Reader
}

// Stat describes it.
func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.entry, nil }

// Close does nothing.
func (*memoryFile) Close() error { return nil }

// memoryDir is an open folder, with what was not listed yet.
type memoryDir struct {
	memoryFile
	left []fs.DirEntry
}

// ReadDir lists the next n, all for n below one.
func (d *memoryDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.left)
	} else if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	out := d.left[:n:n]
	d.left = d.left[n:]
	return out, nil
}

// folder is what reading a folder as a file comes to.
type folder struct{ path string }

// Read fails.
func (f folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrInvalid}
}

// entry describes a file or a folder.
type entry struct {
	path string
	size int64
	dir  bool
}

// Name is its own name, without folders.
func (e entry) Name() string { return path.Base(e.path) }

// Size is that of its text.
func (e entry) Size() int64 { return e.size }

// IsDir reports whether it is a folder.
func (e entry) IsDir() bool { return e.dir }

// Type is the kind of it.
func (e entry) Type() fs.FileMode { return e.Mode().Type() }

// Mode is what everyone may do: read.
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// ModTime is not known.
func (entry) ModTime() time.Time { return time.Time{} }

// Sys is nil.
func (entry) Sys() any { return nil }

// Info describes it.
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
