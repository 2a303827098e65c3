package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/rowan-authz/rowan/policy"
)

// fmtCommand is `rowan fmt`.
type fmtCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Policy documents; - or none reads standard input."`
	Check bool     `xor:"what" help:"Print the names of files that would change; exit 1 if there are any."`
	Write bool     `short:"w" xor:"what" help:"Write the result back to the files."`
}

// Help describes the command.
func (*fmtCommand) Help() string {
	return `The form: two spaces of indent, members in the order of the grammar, a single value as a string. The meaning stays the same.

Exit status: 0 done, 1 with --check if a file would change, 2 a file that cannot be read or is no policy.

Example:

    rowan fmt --check policies/*.json`
}

// Run formats the files one after another.
func (f *fmtCommand) Run(c *console) error {
	for s := range c.sources(f.Files) {
		if f.Write && s.path == "" {
			return errors.New("fmt --write: standard input cannot be written back")
		}
		if err := f.format(c, s); err != nil {
			return err
		}
	}
	return nil
}

func (f *fmtCommand) format(c *console, s source) error {
	text, doc, err := parse(s)
	if c.sayFaults(err) {
		c.raise(exitUsage)
		return nil
	}
	if err != nil {
		c.complain(s.name, err)
		return nil
	}
	formatted := doc.Print()
	changed := !bytes.Equal(text, formatted)
	switch {
	case f.Check && changed:
		c.raise(exitUnmet)
		c.printf("%s\n", s.name)
	case f.Write && changed:
		if failed := replaceFile(s.path, formatted); failed != nil {
			c.complain(s.path, failed)
		}
	case !f.Check && !f.Write:
		c.printf("%s", formatted)
	}
	return c.broken()
}

// parse reads a policy document, and no more of a file than that may have.
func parse(s source) ([]byte, *policy.Document, error) {
	text, err := io.ReadAll(io.LimitReader(s, policy.MaxDocumentBytes+1))
	if err != nil {
		return nil, nil, err
	}
	doc, err := policy.Parse(s.name, text)
	return text, doc, err
}

// replaceFile writes a file whole or not at all. A symbolic link keeps
// pointing at it.
func replaceFile(path string, text []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	stat, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".rowan-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(stat.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
