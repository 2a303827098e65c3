package lsp

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// overlay is a tree with texts over its files. Files that only the texts have are
// in it too.
type overlay struct {
	fs.FS
	texts map[string][]byte // by path
}

// Open opens a file, the text over it if there is one.
func (o overlay) Open(name string) (fs.File, error) {
	if text, ok := o.texts[name]; ok {
		return &overlaid{bytes.NewReader(text), entry{path.Base(name), int64(len(text)), false}}, nil
	}
	return o.FS.Open(name)
}

// ReadDir lists a folder with the files, and the folders, that only the texts have.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Name()] = true
	}
	// What was a link or a folder stays one: only regular files have texts.
	for p, text := range o.texts {
		rest, below := p, true
		if name != "." {
			rest, below = strings.CutPrefix(p, name+"/")
		}
		first, _, folder := strings.Cut(rest, "/")
		if below && !known[first] {
			known[first] = true
			entries = append(entries, entry{first, int64(len(text)), folder})
		}
	}
	if err != nil && (len(entries) == 0 || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// overlaid is an open text.
type overlaid struct {
	*bytes.Reader
	entry
}

// Stat describes the text.
func (f *overlaid) Stat() (fs.FileInfo, error) { return f.entry, nil }

// Size is the text's, in bytes.
func (f *overlaid) Size() int64 { return f.size }

// Close does nothing.
func (f *overlaid) Close() error { return nil }

// entry describes a text as a file, or a folder of texts.
type entry struct {
	name   string
	size   int64
	folder bool
}

func (e entry) Name() string               { return e.name }
func (e entry) Size() int64                { return e.size }
func (e entry) Mode() fs.FileMode          { return 0o444 | e.Type() }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) IsDir() bool                { return e.folder }
func (e entry) Sys() any                   { return nil }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }

// Type is that of a regular file or a folder.
func (e entry) Type() fs.FileMode {
	if e.folder {
		return fs.ModeDir
	}
	return 0
}
