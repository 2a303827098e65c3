package watch

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
)

// fingerprint sums up names, sizes, times and links. The zero value is of
// nothing that was looked at.
type fingerprint struct {
	sum  uint64
	seen bool
}

var seed = maphash.MakeSeed()

// look sums up what lies at a path, through links. What cannot be read counts as
// such.
func look(path string) fingerprint {
	var h maphash.Hash
	h.SetSeed(seed)
	mount, real, err := resolve(path)
	_, _ = fmt.Fprintf(&h, "%q %q %v\n", mount, real, err) // a hash takes all
	if err == nil {
		_ = filepath.WalkDir(real, func(p string, d fs.DirEntry, err error) error {
			if err == nil && p != real && bundle.Ignored(d.Name()) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			return add(&h, p, d, err)
		})
	}
	return fingerprint{h.Sum64(), true}
}

// resolve follows the links to a directory or file, and the one in it through
// which Kubernetes swaps it.
func resolve(path string) (mount, real string, err error) {
	if mount, err = filepath.EvalSymlinks(path); err != nil {
		return "", "", err
	}
	if data, err := filepath.EvalSymlinks(filepath.Join(mount, dataLink)); err == nil {
		return mount, data, nil
	}
	return mount, mount, nil
}

func add(h *maphash.Hash, p string, d fs.DirEntry, err error) error {
	var stat fs.FileInfo
	if err == nil {
		stat, err = d.Info()
	}
	if err != nil {
		_, _ = fmt.Fprintf(h, "%q %v\n", p, err)
		return nil
	}
	_, _ = fmt.Fprintf(h, "%q %d %d %v\n", p, stat.Size(), stat.ModTime().UnixNano(), stat.Mode())
	return nil
}

// dataLink is what Kubernetes swaps in a volume of a ConfigMap: everything else
// in it is a link through this one. Source: Kubernetes, pkg/volume/util,
// AtomicWriter.
const dataLink = "..data"

// directory is a directory of files.
type directory struct {
	path string
	now  func() time.Time
	last fingerprint
}

const (
	// attempts is how often a directory is read that changes meanwhile, and
	// between the pause.
	attempts     = 20
	betweenReads = 100 * time.Millisecond
)

func (d *directory) changed() bool {
	before := d.last
	d.last = look(d.path)
	return d.last != before
}

// paths are the folder that holds the directory, for it may be a link, and all
// folders in it.
func (d *directory) paths() []string {
	out := []string{filepath.Dir(d.path)}
	mount, real, err := resolve(d.path)
	if err != nil {
		return out
	}
	out = append(out, mount)
	_ = filepath.WalkDir(real, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case e.IsDir() && p != real && bundle.Ignored(e.Name()):
			return fs.SkipDir
		case e.IsDir():
			out = append(out, p)
		}
		return nil
	})
	return out
}

// read reads the directory until nothing changed while it was read.
func (d *directory) read(ctx context.Context, _ bool) (*archive.Files, error) {
	var err error
	for range attempts {
		d.last = look(d.path)
		var f *archive.Files
		f, err = d.once()
		d.wait(ctx)
		if look(d.path) == d.last && (err == nil || !errors.Is(err, fs.ErrNotExist)) {
			return f, err
		}
		if err == nil {
			err = &archive.RefusedError{Kind: "unreadable", Err: errors.New("it changed all the time while it was read")}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(betweenReads):
		}
		if _, gone := os.Stat(d.path); gone != nil {
			break
		}
	}
	return nil, fmt.Errorf("%s: %w", d.path, err)
}

// wait waits a moment if something changed just now: a file that is being
// written may have the same size and time in a moment.
func (d *directory) wait(ctx context.Context) {
	newest := time.Time{}
	_, real, err := resolve(d.path)
	if err != nil {
		return
	}
	_ = filepath.WalkDir(real, func(_ string, e fs.DirEntry, err error) error {
		if err == nil {
			if stat, err := e.Info(); err == nil && stat.ModTime().After(newest) {
				newest = stat.ModTime()
			}
		}
		return nil
	})
	if age := d.now().Sub(newest); age < 0 || age > quiet {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(quiet):
	}
}

// once reads the directory, which links in it do not lead out of.
func (d *directory) once() (*archive.Files, error) {
	unreadable := func(err error) error { return &archive.RefusedError{Kind: "unreadable", Err: err} }
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer func() { _ = root.Close() }() // it was only read
	if stat, err := root.Lstat(dataLink); err == nil && stat.Mode()&fs.ModeSymlink != 0 {
		data, err := root.OpenRoot(dataLink)
		if err != nil {
			return nil, unreadable(err)
		}
		defer func() { _ = data.Close() }()
		return archive.ReadDir(data.FS())
	}
	return archive.ReadDir(root.FS())
}

// packed is a tar.gz.
type packed struct {
	path string
	last fingerprint
}

func (p *packed) changed() bool {
	before := p.last
	p.last = look(p.path)
	return p.last != before
}

func (p *packed) paths() []string { return []string{filepath.Dir(p.path)} }

func (p *packed) read(context.Context, bool) (*archive.Files, error) {
	p.last = look(p.path)
	f, err := os.Open(p.path)
	if err != nil {
		return nil, &archive.RefusedError{Kind: "unreadable", Err: err}
	}
	defer func() { _ = f.Close() }() // it was only read
	return readArchive(f, p.path)
}

// readArchive reads a tar.gz of bounded size.
func readArchive(r io.Reader, name string) (*archive.Files, error) {
	text, err := io.ReadAll(io.LimitReader(r, archive.MaxArchive+1))
	if err != nil {
		return nil, &archive.RefusedError{Kind: "unreadable", Err: fmt.Errorf("%s: %w", name, err)}
	}
	f, err := archive.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}
