package lsp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sourcegraph/jsonrpc2"
)

func (s *Server) hover(_ context.Context, p *positionParams) (any, *jsonrpc2.Error) {
	c, problem := s.cursorAt(p)
	if problem != nil || c == nil || c.from == c.to {
		return nil, problem
	}
	from, to := c.from, c.to
	var about string
	if name, begin, end, ok := c.variable(); ok {
		about = s.variableAbout(c, name)
		from, to = c.offset+begin, c.offset+end
	} else {
		about = s.about(c)
	}
	if about == "" {
		return nil, nil
	}
	return hover{Contents: *markdown(about), Range: c.doc.text.span(from, to)}, nil
}

// about describes what is under the cursor.
func (s *Server) about(c *cursor) string {
	switch c.element {
	case operatorName:
		return operatorAbout(c.scalar)
	case keyName:
		return s.keyAbout(c.scalar)
	case actionValue:
		if c.key {
			break
		}
		return s.actionAbout(c.scalar)
	case noElement, memberName, effectValue, versionValue, resourceValue, conditionValue:
	}
	path := c.path
	if c.key {
		path = slices.Concat(path, []string{c.scalar})
	}
	if c.policy < 0 {
		if about := s.fileAbout(c, path); about != "" {
			return about
		}
	}
	return memberAbout(c.root, path)
}

// fileAbout describes actions and context keys outside of policies.
func (s *Server) fileAbout(c *cursor, path []string) string {
	around := ""
	if n := len(path); n > 1 {
		around = path[n-2]
	}
	switch {
	case c.key && around == "context":
		return s.keyAbout(c.scalar)
	case !c.key && (around == "actions" || path[len(path)-1] == "action"):
		return s.actionAbout(c.scalar)
	case c.key && c.schema == "tests" && strings.HasPrefix(c.scalar, "dynamodb:"):
		return s.actionAbout(c.scalar)
	}
	return ""
}

// memberAbout describes the member that is nearest to a place.
func memberAbout(root *shape, path []string) string {
	for n := len(path); n > 0; n-- {
		about, member := aboutMember(root, path[:n])
		if member == nil {
			if strings.Trim(path[n-1], "0123456789") == "" {
				continue // an element of a list
			}
			return ""
		}
		text := "**" + path[n-1] + "**"
		if about != "" {
			text += "\n\n" + about
		}
		if member.Default != nil {
			text += fmt.Sprintf("\n\nDefault: `%v`", member.Default)
		}
		return text
	}
	return ""
}

// specialVariables are the characters that are written as variables. Source: IAM
// User Guide, "IAM policy elements: Variables and tags".
var specialVariables = map[string]string{"*": "`*`", "?": "`?`", "$": "`$`"}

func (s *Server) variableAbout(c *cursor, name string) string {
	if char, ok := specialVariables[name]; ok {
		return "The character " + char + " itself."
	}
	about := s.keyAbout(name)
	if about == "" {
		return ""
	}
	if value := s.pinned(c, name); value != "" {
		about += "\n\n" + value
	}
	return about
}
