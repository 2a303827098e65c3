package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

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
	if !c.sayFaults(err) {
		c.say("%v", err)
	}
	return nil
}

// sayFaults reports the faults of documents, which bring their places, and
// whether err holds any.
func (c *console) sayFaults(err error) bool {
	var faults policy.Errors
	if !errors.As(err, &faults) {
		return false
	}
	_, _ = fmt.Fprintln(c.stderr, strings.Join(faultLines(faults), "\n")) // as with say
	return true
}
