package bundle

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/policy"
)

// Property is what a suite says of all requests at once: that roles may make
// none of some kind, or only those that meet conditions.
type Property struct {
	Name string
	// File and Line, from 1, are where it stands.
	File string
	Line int
	// Roles are those that it is about, in source order.
	Roles []*Role
	// Asked allows the requests that it is about.
	Asked *policy.Document
	// Only allows those of them that a role may make; nil for none.
	Only *policy.Document
}

const propertyFields = "name, roles, actions, table, resource, when, never or only"

// property reads one property.
func (s *suiteReader) property(n node) Property {
	p := Property{File: n.file.name, Line: n.Line}
	actions, resources := []string{"*"}, []string{"*"}
	var when, only node
	never := false
	n.object(propertyFields, func(member string, x node) bool {
		switch member {
		case "name":
			p.Name = x.name()
		case "roles":
			p.Roles = s.propertyRoles(x)
		case "actions":
			actions = x.names()
		case "table":
			resources = s.propertyTable(x)
		case "resource":
			resources = x.names()
		case "when":
			when = x
		case "only":
			only = x
		case "never":
			if never = x.truth(); !never {
				x.fault("want true, or only")
			}
		default:
			return false
		}
		return true
	})
	n.need("name", "roles")
	if never == (only.Node != nil) {
		n.fault("want one of never and only")
		return p
	}
	if n.has("table") && n.has("resource") {
		n.fault("want one of table and resource")
	}
	p.Asked = s.allowing(n, when, actions, resources)
	if only.Node != nil {
		p.Only = s.allowing(n, only, []string{"*"}, []string{"*"})
	}
	return p
}

func (s *suiteReader) propertyRoles(n node) []*Role {
	var out []*Role
	for _, name := range n.names() {
		r, ok := s.bundle.Role(name)
		if !ok {
			n.fault("no role %q", short(name))
			continue
		}
		out = append(out, r)
	}
	return out
}

// propertyTable returns the ARNs of a table and its indexes.
func (s *suiteReader) propertyTable(n node) []string {
	t, ok := s.bundle.Table(n.name())
	if !ok {
		n.fault("no table %q", short(n.Value))
		return []string{"*"}
	}
	return []string{t.ARN, t.ARN + "/index/*"}
}

// allowing makes a policy that allows actions on resources under a condition
// block, which may be missing.
func (s *suiteReader) allowing(n, block node, actions, resources []string) *policy.Document {
	statement := map[string]any{"Effect": "Allow", "Action": actions, "Resource": resources}
	at := n
	if block.Node != nil {
		at = block
		if block.Kind != yaml.MappingNode {
			block.fault("want a condition block, have %s", block.kind())
			return nil
		}
		r := renderer{file: n.file}
		r.node(block.Node)
		statement["Condition"] = json.RawMessage(bytes.Clone(r.Bytes()))
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statement})
	if err != nil {
		at.fault("%v", err)
		return nil
	}
	d, err := policy.Parse(n.file.name, text)
	if err == nil {
		err = d.Validate(policy.Identity, s.bundle.vocabulary)
	}
	if err != nil {
		for _, line := range slices.Compact(strings.Split(err.Error(), "\n")) {
			at.fault("%s", line[strings.LastIndex(line, ": /")+1:])
		}
		return nil
	}
	return d
}
