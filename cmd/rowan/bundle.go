package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/rego"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// loadBundle reads a directory and its suites. The bundle is nil if it cannot
// be loaded, and the suites if any of them cannot be.
func loadBundle(dir string, v *conditions.Vocabulary) (*bundle.Bundle, []*bundle.Suite, error) {
	return loadDir(dir, v, bundle.Load)
}

// loadGuarded is loadBundle for a command that holds to guardrails in Rego,
// which are nil if the bundle has none.
func loadGuarded(dir string, v *conditions.Vocabulary) (*bundle.Bundle, *rego.Guardrails, []*bundle.Suite, error) {
	b, suites, err := loadDir(dir, v, bundle.LoadWithRego)
	if b == nil {
		return nil, nil, nil, err
	}
	g, faults := rego.Compile(context.Background(), b.Rego, v)
	if faults != nil {
		return b, nil, nil, faults
	}
	return b, g, suites, err
}

func loadDir(dir string, v *conditions.Vocabulary, load func(fs.FS, string, *conditions.Vocabulary) (*bundle.Bundle, error)) (*bundle.Bundle, []*bundle.Suite, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, cause(err))
	}
	defer func() { _ = root.Close() }() // it was only read
	b, err := load(root.FS(), dir, v)
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
