// Package bundleschema holds JSON Schemas of the files of a bundle, for editors.
// They are written by make gen from what the loader reads, and are looser than it:
// a schema sees one file at a time.
package bundleschema

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// Schema is the schema of one sort of file.
type Schema struct {
	// Name is such as "roles".
	Name string `json:"name"`
	// Files says which files it is of, such as "roles/NAME.yaml".
	Files string `json:"files"`
}

// All are the schemas, in the order of the guide to bundles.
func All() []Schema {
	return []Schema{
		{"rowan", "rowan.yaml"},
		{"roles", "roles/NAME.yaml"},
		{"resources", "resources/NAME.yaml"},
		{"tables", "tables/NAME.yaml"},
		{"pools", "pools/NAME.yaml"},
		{"providers", "providers/NAME.yaml"},
		{"administrators", "administrators/NAME.yaml"},
		{"services", "services/NAME.yaml"},
		{"routes", "routes/NAME.yaml"},
		{"tests", "tests/NAME_test.yaml"},
		{"lint", ".rowan-lint.yaml"},
		{"policy", "policies/NAME.json"},
	}
}

// Text returns a schema by its name; ok is false if there is none.
func Text(name string) (text []byte, ok bool) {
	if !slices.ContainsFunc(All(), func(s Schema) bool { return s.Name == name }) {
		return nil, false
	}
	text, err := files.ReadFile(name + ".json")
	return text, err == nil
}

// Of returns the name of the schema of a file by its path within a bundle; ok is
// false for a path that has none.
func Of(p string) (name string, ok bool) {
	dir, base := path.Split(p)
	for _, s := range All() {
		of, pattern := path.Split(s.Files)
		suffix, many := strings.CutPrefix(pattern, "NAME")
		if dir == of && (base == pattern || many && strings.HasSuffix(base, suffix) && base != suffix) {
			return s.Name, true
		}
	}
	if strings.HasPrefix(p, "guardrails/") && strings.HasSuffix(p, ".json") {
		return "policy", true
	}
	return "", false
}
