package lsp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sourcegraph/jsonrpc2"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

// pinIdentity makes an identity the pinned one; without a name there is none.
func (s *Server) pinIdentity(arguments []json.RawMessage) (any, *jsonrpc2.Error) {
	if len(arguments) == 0 {
		s.pin = ""
		return nil, nil
	}
	var name string
	if err := json.Unmarshal(arguments[0], &name); err != nil || len(arguments) > 1 {
		return nil, fault(jsonrpc2.CodeInvalidParams, "%s takes IDENTITY or SUITE/IDENTITY", pinCommand)
	}
	if s.dirty {
		s.refresh()
	}
	for _, dir := range slices.Sorted(maps.Keys(s.projects)) {
		if a, _ := s.projects[dir].asker(name); a != nil {
			s.pin = name
			s.tell(messageInfo, "pinned "+name)
			return nil, nil
		}
	}
	return nil, fault(jsonrpc2.CodeInvalidParams, "no suite of an open bundle has one identity %.200q", name)
}

// asker finds an identity of the suites; it is nil if there is none of the name,
// or several.
func (p *project) asker(name string) (*bundle.Asker, error) {
	if p.bundle == nil {
		return nil, nil
	}
	all, err := p.bundle.Askers(p.suites)
	if err != nil {
		return nil, err
	}
	var found *bundle.Asker
	for i := range all {
		a := &all[i]
		if a.Suite == "" || a.Name != name && a.Suite+"/"+a.Name != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("several suites have an identity %q", name)
		}
		found = a
	}
	return found, nil
}

// pinned says what a policy variable is for the pinned identity; empty if there is
// none in the project.
func (s *Server) pinned(c *cursor, key string) string {
	if s.pin == "" || c.project == nil {
		return ""
	}
	if s.dirty {
		s.refresh()
	}
	a, err := c.project.asker(s.pin)
	if err != nil || a == nil {
		return ""
	}
	session, err := a.Session()
	if err != nil {
		return ""
	}
	values, state := session.Value(key)
	k, err := s.vocabulary.Key(key)
	switch {
	case err != nil:
		return ""
	case k.List:
		return "A list is no policy variable: it never resolves."
	case state == conditions.Present && len(values) == 1:
		return "For **" + s.pin + "**: `" + strings.ReplaceAll(values[0], "`", "'") + "`"
	case state == conditions.Absent:
		return "**" + s.pin + "** has none: the request may bring it."
	}
	return "For **" + s.pin + "** it cannot be read."
}

// pinLenses offer to pin the identities of a suite.
func (s *Server) pinLenses(d *document) []codeLens {
	var root yaml.Node
	if yaml.Unmarshal([]byte(d.text.string), &root) != nil || len(root.Content) != 1 {
		return nil
	}
	suite, identities := "", (*yaml.Node)(nil)
	for i := 0; i+1 < len(root.Content[0].Content); i += 2 {
		switch value := root.Content[0].Content[i+1]; root.Content[0].Content[i].Value {
		case "suite":
			suite = value.Value
		case "identities":
			identities = value
		}
	}
	if identities == nil || identities.Kind != yaml.MappingNode {
		return nil
	}
	var out []codeLens
	for i := 0; i+1 < len(identities.Content); i += 2 {
		n := identities.Content[i]
		name := suite + "/" + n.Value
		title := "pin " + n.Value
		if s.pin == name || s.pin == n.Value {
			title = "pinned"
		}
		from := d.text.offset(Position{Line: uint32(max(n.Line, 1) - 1)})
		out = append(out, codeLens{d.text.span(from, from+len(d.text.line(max(n.Line, 1)-1))), command{title, pinCommand, []any{name}}})
	}
	return out
}
