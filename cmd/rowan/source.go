package main

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
)

// stdinName stands for standard input in messages.
const stdinName = "<stdin>"

// source is a file that a command reads.
type source struct {
	// name stands in messages; path is the file's, empty for standard input.
	name, path string
	io.Reader
}

// sources opens the files in turn, "-" or none at all meaning standard input.
// It complains about those that cannot be opened and leaves them out.
func (c *console) sources(paths []string) iter.Seq[source] {
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	return func(yield func(source) bool) {
		for _, path := range paths {
			if !c.open(path, yield) {
				return
			}
		}
	}
}

// open opens one file for as long as yield runs and returns what yield does.
func (c *console) open(path string, yield func(source) bool) bool {
	if path == "-" {
		if c.terminal(c.stdin) {
			c.say("reading what you type; end with Ctrl-D")
		}
		return yield(source{name: stdinName, Reader: c.stdin})
	}
	f, err := os.Open(path)
	if err == nil {
		defer func() { _ = f.Close() }() // it was only read
		var stat fs.FileInfo
		if stat, err = f.Stat(); err == nil && stat.IsDir() {
			err = errors.New("is a directory")
		}
	}
	if err != nil {
		c.complain(path, err)
		return true
	}
	return yield(source{name: path, path: path, Reader: f})
}

// cause drops the operation and the path from a file system's error.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
