package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// loadBundle reads a directory and its suites. The bundle is nil if it cannot
// be loaded, and the suites if any of them cannot be.
func loadBundle(dir string, v *conditions.Vocabulary) (*bundle.Bundle, []*bundle.Suite, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, cause(err))
	}
	defer func() { _ = root.Close() }() // it was only read
	b, err := bundle.Load(root.FS(), dir, v)
	if err != nil {
		return nil, nil, err
	}
	suites, err := b.Suites()
	if err != nil {
		return b, nil, err
	}
	return b, suites, nil
}

// unloadable reports why a bundle cannot be loaded.
func (c *console) unloadable(err error) error {
	c.raise(exitUnloadable)
	if errors.As(err, new(policy.Errors)) {
		_, err = fmt.Fprintln(c.stderr, err)
		return err
	}
	c.say("%v", err)
	return nil
}
