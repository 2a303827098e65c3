package decide

import (
	"fmt"
	"strings"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// report says how a statement came out.
func (s *session) report(r *engine.StatementReport) *rowanv1.StatementReport {
	return &rowanv1.StatementReport{
		Statement: s.statement(r.StatementRef), Kind: r.Authority.String(), Effect: r.Effect.String(), Applied: r.Applies, Unmet: Unmet(r),
	}
}

// Unmet says what of a statement did not match, a line for each part.
func Unmet(r *engine.StatementReport) (out []string) {
	if r.Principal != conditions.True {
		out = append(out, "the principal")
	}
	if r.Action != conditions.True {
		out = append(out, negated("the action: the statement has ", r.NotAction, r.Actions))
	}
	if r.Resource != conditions.True {
		out = append(out, negated("the resource: the statement has ", r.NotResource, r.Meanings))
	}
	for i := range r.Conditions {
		c := &r.Conditions[i]
		if c.Result == conditions.True {
			continue
		}
		has := fmt.Sprintf("the request has %q", c.Request)
		switch c.State {
		case conditions.Absent:
			has = "the request does not have it"
		case conditions.Indeterminate:
			has = "nobody knows what the request has"
		case conditions.Present:
		}
		line := fmt.Sprintf("%s %s: %s, the policy wants %q", c.Operator, c.Key, has, c.Meaning)
		if c.Err != nil {
			line += fmt.Sprintf(" (%v)", c.Err)
		}
		out = append(out, line)
	}
	return out
}

func negated(begin string, not bool, patterns []string) string {
	quoted := make([]string, len(patterns))
	for i, p := range patterns {
		quoted[i] = fmt.Sprintf("%q", p)
	}
	if not {
		begin += "all but "
	}
	return begin + strings.Join(quoted, ", ")
}
