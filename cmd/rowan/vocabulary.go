package main

import (
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/conditions/celop"
)

// celFlag is the flag of commands that read policies.
type celFlag struct {
	Cel bool `help:"Allow conditions written in CEL (operator CelTrue), which AWS does not have."`
}

// vocabulary returns what policies may name.
func (f celFlag) vocabulary() (*conditions.Vocabulary, error) {
	if !f.Cel {
		return conditions.AWS(), nil
	}
	op, err := celop.New(celop.Config{})
	if err != nil {
		return nil, err
	}
	return conditions.AWS().With(nil, op)
}
