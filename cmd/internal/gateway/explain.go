package gateway

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// explained says of a denial which statement denied, or which one came nearest
// and what it wanted, on one line.
func explained(x *engine.Explanation) string {
	var b strings.Builder
	for i := range x.Statements {
		fmt.Fprintf(&b, "; denied by %s", statementName(&x.Statements[i]))
	}
	if s := x.Nearest; s != nil {
		fmt.Fprintf(&b, "; nearest is %s", statementName(s))
		if s.Action != conditions.True {
			fmt.Fprintf(&b, ", whose actions are %q", s.Actions)
		}
		if s.Resource != conditions.True {
			fmt.Fprintf(&b, ", whose resources are %q", s.Meanings)
		}
		for _, c := range s.Conditions {
			if c.Result != conditions.True {
				fmt.Fprintf(&b, ", %s %s: the request has %q, the policy wants %q", c.Operator, c.Key, c.Request, c.Meaning)
			}
		}
	}
	if len(x.MissingContext) > 0 {
		fmt.Fprintf(&b, "; absent: %s", strings.Join(x.MissingContext, ", "))
	}
	return b.String()
}

func statementName(s *engine.StatementReport) string {
	if s.Sid != "" {
		return s.Document + " " + s.Sid
	}
	return fmt.Sprintf("%s statement %d", s.Document, s.Index)
}
