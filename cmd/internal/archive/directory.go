package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/rowan-authz/rowan/bundle"
)

// ReadDir reads a directory. What bundle.Load leaves alone is not read; links
// and whatever else is neither a file nor a folder are refused. Give the FS of
// an os.Root, lest another lead out of it.
func ReadDir(fsys fs.FS) (*Files, error) {
	f := newFiles()
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == ".":
			return nil
		case bundle.Ignored(d.Name()) && d.IsDir():
			return fs.SkipDir
		case bundle.Ignored(d.Name()):
			return nil
		case d.IsDir():
			return f.addDir(p)
		case d.Type()&fs.ModeSymlink != 0:
			return refuse("invalid", "%s: a symbolic link: a bundle is read as it is, and nothing outside it", p)
		case !d.Type().IsRegular():
			return refuse("invalid", "%s: neither a file nor a folder", p)
		}
		text, err := readFile(fsys, p)
		if err != nil {
			return err
		}
		return f.add(p, text)
	})
	if err != nil {
		var refused *RefusedError
		if !errors.As(err, &refused) {
			err = &RefusedError{"unreadable", err}
		}
		return nil, err
	}
	return f, nil
}

func readFile(fsys fs.FS, p string) (text []byte, err error) {
	file, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() { // it is another one by now
		return nil, fmt.Errorf("%s: no regular file", p)
	}
	return readText(file, p)
}

// readText reads one file of bounded size.
func readText(r io.Reader, p string) ([]byte, error) {
	most := limitOf(p)
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, refuse("invalid", "%s: larger than %d bytes", p, most)
	}
	return text, err
}

// limitOf is how large a file may be.
func limitOf(p string) int64 {
	if p == manifestName {
		return maxManifest
	}
	return bundle.MaxFileBytes
}
