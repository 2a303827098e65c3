package main

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/cmd/internal/bundleschema"
)

// schemaCommand is `rowan schema`.
type schemaCommand struct {
	Name string `arg:"" optional:"" help:"The sort of file, such as roles; without it the list of them."`
}

// Help describes the command.
func (*schemaCommand) Help() string {
	return `The schemas are JSON Schemas, draft 7, for editors and other tools; rowan lsp has them built in. What is valid under one may still be refused: rowan validate --bundle knows the other files too.

Examples:

    rowan schema
    rowan schema roles > roles.schema.json`
}

// Run prints the schema, or the list.
func (s *schemaCommand) Run(c *console) error {
	if s.Name != "" {
		text, ok := bundleschema.Text(s.Name)
		if !ok {
			names := make([]string, 0, len(bundleschema.All()))
			for _, x := range bundleschema.All() {
				names = append(names, x.Name)
			}
			return fmt.Errorf("no schema %q: want one of %s", s.Name, strings.Join(names, ", "))
		}
		c.printf("%s", text)
		return c.broken()
	}
	if c.format == "json" {
		return c.encode(bundleschema.All())
	}
	for _, x := range bundleschema.All() {
		c.printf("%-15s %s\n", x.Name, x.Files)
	}
	return c.broken()
}
