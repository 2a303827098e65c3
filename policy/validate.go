package policy

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// Validate refuses a document that is not a policy of the kind under the
// vocabulary: what it reports could not be decided as its author meant it. All
// faults are reported at once, in source order, as Errors. Size limits and
// doubtful but lawful writing are for Lint. Source: iam-semantics §1.3, §1.8.
func (d *Document) Validate(kind Kind, v *conditions.Vocabulary) error {
	c := checker{name: d.Name, vocabulary: v, doc: d}
	c.document(kind)
	if len(c.faults) > 0 {
		return c.faults.sorted()
	}
	return nil
}

// checker walks a document and notes faults.
type checker struct {
	name       string
	vocabulary *conditions.Vocabulary
	doc        *Document
	grammar    grammar
	kind       Kind
	path       []segment
	faults     Errors
}

func (c *checker) fault(pos Position, format string, args ...any) {
	c.faultErr(pos, fmt.Errorf(format, args...))
}

func (c *checker) faultErr(pos Position, err error) {
	if len(c.faults) < MaxFaults {
		c.faults = append(c.faults, &Error{Name: c.name, Pos: pos, Path: pointer(c.path), Err: err})
	}
}

// full says that there are as many faults as are reported: what follows need
// not be looked at.
func (c *checker) full() bool { return len(c.faults) >= MaxFaults }

// in runs f with a longer path.
func (c *checker) in(name string, index int, f func()) {
	c.path = append(c.path, segment{name, index})
	f()
	c.path = c.path[:len(c.path)-1]
}

func (c *checker) document(kind Kind) {
	if kind < Identity || kind > ResourceControl {
		c.fault(Position{}, "no kind of policy")
		return
	}
	c.kind, c.grammar = kind, grammars[kind]
	if c.doc.HasID && !c.grammar.id {
		c.in("Id", -1, func() { c.fault(c.doc.ID.Pos, "no Id in %s policies", kind) })
	}
	if c.grammar.needVersion && !c.doc.Variables() {
		c.fault(c.doc.Version.Pos, `%s policies need "Version": "2012-10-17"`, kind)
	}
	sids := map[string]bool{}
	c.in("Statement", -1, func() {
		for i := 0; i < len(c.doc.Statements) && !c.full(); i++ {
			c.in("", i, func() { c.statement(&c.doc.Statements[i], sids) })
		}
	})
}

func (c *checker) statement(s *Statement, sids map[string]bool) {
	if sid := s.Sid.Value; c.grammar.plainSid && sid != "" {
		switch {
		case strings.Trim(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "":
			c.in("Sid", -1, func() { c.fault(s.Sid.Pos, "%.100q: want letters and digits", sid) })
		case sids[sid]:
			c.in("Sid", -1, func() { c.fault(s.Sid.Pos, "%.100q stands twice", sid) })
		}
		sids[sid] = true
	}
	c.principal(s)
	c.action(s)
	c.resource(s)
	if len(s.Conditions) > 0 {
		c.in("Condition", -1, func() {
			for i := 0; i < len(s.Conditions) && !c.full(); i++ {
				c.condition(&s.Conditions[i])
			}
		})
	}
	if c.grammar.denyOnly && s.Effect != Deny && !c.fullAccess() {
		c.fault(s.Pos, "%s policies only deny", c.kind)
	}
}

// fullAccess reports whether the document is RCPFullAWSAccess, the one that
// allows. Source: iam-semantics §1.3.
func (c *checker) fullAccess() bool {
	s := &c.doc.Statements[0]
	return c.kind == ResourceControl && len(c.doc.Statements) == 1 && s.Effect == Allow &&
		s.Principal != nil && !s.Principal.Not && len(s.Conditions) == 0 &&
		!s.Action.Not && len(s.Action.Values) == 1 && s.Action.Values[0].Value == "*" &&
		!s.Resource.Not && len(s.Resource.Values) == 1 && s.Resource.Values[0].Value == "*"
}

func (c *checker) principal(s *Statement) {
	p := s.Principal
	switch {
	case p == nil && !c.grammar.principal:
		return
	case p == nil:
		c.fault(s.Pos, "no Principal: %s policies need one", c.kind)
		return
	}
	name := "Principal"
	if p.Not {
		name = "NotPrincipal"
	}
	c.in(name, -1, func() {
		switch {
		case !c.grammar.principal:
			c.fault(p.Pos, "no %s in %s policies", name, c.kind)
			return
		case p.Not && !c.grammar.not:
			c.fault(p.Pos, "no NotPrincipal in %s policies", c.kind)
		case p.Not && s.Effect == Allow:
			c.fault(p.Pos, "NotPrincipal with Allow grants everyone who is not listed, anonymous callers too")
		case c.grammar.everyone && (len(p.Entries) != 1 || p.Entries[0].Type != PrincipalAWS || p.Entries[0].Value != "*"):
			c.fault(p.Pos, `%s policies need "Principal": "*"`, c.kind)
		}
		for _, e := range p.Entries {
			if c.full() {
				return
			}
			if err := checkPrincipal(e, c.grammar.federated); err != nil {
				c.in(e.Type.String(), -1, func() { c.faultErr(e.Pos, err) })
			}
		}
	})
}

func (c *checker) action(s *Statement) {
	name := "Action"
	if s.Action.Not {
		name = "NotAction"
	}
	c.in(name, -1, func() {
		if s.Action.Not && !c.grammar.notAction {
			c.fault(s.Action.Pos, "no NotAction in %s policies", c.kind)
		}
		for _, a := range s.Action.Values {
			if c.full() {
				return
			}
			p, err := conditions.CompileAction(a.Value)
			switch {
			case err != nil:
				c.faultErr(a.Pos, err)
			case c.kind == Trust && !assumes(&p):
				c.fault(a.Pos, "action %q: role trust policies take %s", a.Value, strings.Join(trustActions, ", "))
			case c.kind == ResourceControl && p.Any() && !c.fullAccess():
				c.fault(a.Pos, "action \"*\": resource control policies name a service")
			}
		}
	})
}

// trustActions are the actions of a role trust policy. Source: iam-semantics
// §1.3, where the exact set is unverified.
var trustActions = []string{
	"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity",
	"sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext",
}

// assumes reports whether p is an action of sts: that matches some action of a
// role trust policy.
func assumes(p *conditions.Pattern) bool {
	prefix, _ := p.Prefix()
	for _, a := range trustActions {
		if strings.HasPrefix(prefix, "sts:") && p.Match(a, nil) == conditions.True {
			return true
		}
	}
	return false
}

func (c *checker) resource(s *Statement) {
	r := &s.Resource
	name := "Resource"
	if r.Not {
		name = "NotResource"
	}
	switch {
	case len(r.Values) == 0 && c.grammar.noResource:
		return
	case len(r.Values) == 0:
		c.fault(s.Pos, "no Resource and no NotResource")
		return
	}
	c.in(name, -1, func() {
		if c.grammar.noResource {
			c.fault(r.Pos, "no %s in %s policies: the role is the resource", name, c.kind)
			return
		}
		wide := conditions.TrailingStarCrossesColons(s.Effect == Deny, r.Not)
		for _, t := range r.Values {
			if c.full() {
				return
			}
			if _, err := c.vocabulary.CompileResource(t.Value, c.doc.Variables(), wide); err != nil {
				c.faultErr(t.Pos, err)
			}
		}
	})
}

func (c *checker) condition(x *Condition) {
	c.in(x.Operator.Value, -1, func() {
		c.in(x.Key.Value, -1, func() {
			_, faults := c.vocabulary.Compile(x.Operator.Value, x.Key.Value, x.Texts(), c.doc.Variables())
			for _, f := range faults {
				switch f.Part {
				case conditions.PartOperator:
					c.faultErr(x.Operator.Pos, f.Err)
				case conditions.PartKey:
					c.faultErr(x.Key.Pos, f.Err)
				case conditions.PartValue:
					c.faultErr(x.Values[f.Index].Pos, f.Err)
				}
			}
		})
	})
}

// Texts returns the values as text, in source order.
func (x *Condition) Texts() []string {
	out := make([]string, len(x.Values))
	for i := range x.Values {
		out[i] = x.Values[i].Value
	}
	return out
}
