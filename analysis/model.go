package analysis

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Policies are the documents that decide: nil means that there is none of the
// kind, empty and not nil that there is one and it allows nothing.
type Policies struct {
	Identity, Boundary, Session, Endpoint []*policy.Document
	// Resource is the resource's policy, nil if it has none.
	Resource *policy.Document
	// ServiceControl and ResourceControl are levels, root first.
	ServiceControl, ResourceControl [][]*policy.Document
}

// equal reports whether policies are written alike.
func (p *Policies) equal(q *Policies) bool {
	resources := func(d *policy.Document) []*policy.Document {
		if d == nil {
			return nil
		}
		return []*policy.Document{d}
	}
	return alike(p.Identity, q.Identity) && alike(p.Boundary, q.Boundary) && alike(p.Session, q.Session) && alike(p.Endpoint, q.Endpoint) &&
		alike(resources(p.Resource), resources(q.Resource)) &&
		slices.EqualFunc(p.ServiceControl, q.ServiceControl, alike) && slices.EqualFunc(p.ResourceControl, q.ResourceControl, alike)
}

func alike(a, b []*policy.Document) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(d, e *policy.Document) bool { return d == e || bytes.Equal(d.Print(), e.Print()) })
}

// layer is a set of documents of which one statement must allow.
type layer struct {
	allows []*statement
}

// side is what Policies mean for a principal: it allows what no Deny is about
// and what, by one of its ways, every layer of the way allows.
type side struct {
	denies []*statement
	ways   [][]layer
}

// statement is a statement, compiled but for its variables.
type statement struct {
	ref        Ref
	source     *policy.Statement
	deny       bool
	actions    []conditions.Pattern
	resources  []conditions.Pattern
	conditions []conditions.Condition
	naming     engine.Naming
	account    bool // it is about what is of the principal's account
}

// Ref names a statement of Policies.
type Ref struct {
	// Kind is that of the document; Level counts those of guardrails.
	Kind  policy.Kind
	Level int
	// Document is the name that the document was parsed under, Statement the
	// place of the statement in it.
	Document  string
	Statement int
	Sid       string
	Pos       policy.Position
}

func (r Ref) String() string {
	name := r.Sid
	if name == "" {
		name = fmt.Sprintf("statement %d", r.Statement)
	}
	return fmt.Sprintf("%s:%s: %s", r.Document, r.Pos, name)
}

// compiler compiles documents for one principal.
type compiler struct {
	vocabulary *conditions.Vocabulary
	principal  *engine.Principal
	bounded    bool
}

// side compiles policies. Source: iam-semantics §4.4.
func (c *compiler) side(p *Policies) (*side, error) {
	out := &side{}
	c.bounded = p.Boundary != nil
	kind := c.principal.Kind()
	own := kind == engine.User || kind == engine.RoleSession || kind == engine.FederatedUser
	if !own {
		return nil, fmt.Errorf("%w: a principal that is no user, role session or federated user", ErrQuestion)
	}
	var guards []layer
	for i, level := range p.ServiceControl {
		l, err := c.layer(out, policy.ServiceControl, i, level)
		if err != nil {
			return nil, err
		}
		guards = append(guards, l)
	}
	for i, level := range p.ResourceControl {
		if _, err := c.layer(out, policy.ResourceControl, i, level); err != nil { // RCPFullAWSAccess is implied
			return nil, err
		}
	}
	add := func(to []layer, kind policy.Kind, docs []*policy.Document) ([]layer, error) {
		if docs == nil {
			return to, nil
		}
		l, err := c.layer(out, kind, 0, docs)
		return slices.Concat(to, []layer{l}), err
	}
	guards, err := add(guards, policy.Endpoint, p.Endpoint)
	if err != nil {
		return nil, err
	}
	limited, err := add(guards, policy.Boundary, p.Boundary)
	if err != nil {
		return nil, err
	}
	if limited, err = add(limited, policy.Session, p.Session); err != nil {
		return nil, err
	}
	if p.Session == nil && kind == engine.FederatedUser {
		limited = slices.Concat(limited, []layer{{}}) // which has no permissions of its own
	}
	identity, err := c.layer(out, policy.Identity, 0, p.Identity)
	if err != nil {
		return nil, err
	}
	out.ways = append(out.ways, slices.Concat(limited, []layer{identity, c.openToAccount()}))
	if p.Resource == nil {
		return out, nil
	}
	resource, err := c.layer(out, policy.Resource, 0, []*policy.Document{p.Resource})
	if err != nil {
		return nil, err
	}
	same := layer{[]*statement{{account: true}}}
	out.ways = append(out.ways,
		slices.Concat(limited, []layer{identity, resource.least(engine.NamedByAccount)}),
		slices.Concat(guards, []layer{resource.least(engine.NamedByEveryone), same}),
		slices.Concat(limited, []layer{resource.least(engine.NamedByParent), same}))
	return out, nil
}

// least keeps the statements that name the principal at least so closely.
func (l layer) least(n engine.Naming) layer {
	var out layer
	for _, s := range l.allows {
		if s.naming >= n {
			out.allows = append(out.allows, s)
		}
	}
	return out
}

// openToAccount is what an account's principals may do with a resource of their
// account that has no policy: all but assume roles and use keys. Source:
// iam-semantics §4.4 E; choice C22.
func (c *compiler) openToAccount() layer {
	allow := func(not bool, actions, resources []string) *statement {
		s := &statement{account: true, source: &policy.Statement{Effect: policy.Allow}}
		s.source.Action.Not, s.source.Resource.Not = not, resources[0] != "*"
		for _, a := range actions {
			p, err := conditions.CompileAction(a)
			if err == nil {
				s.actions = append(s.actions, p)
			}
		}
		for _, r := range resources {
			p, err := c.vocabulary.CompileResource(r, false, false)
			if err == nil {
				s.resources = append(s.resources, p)
			}
		}
		return s
	}
	return layer{[]*statement{
		allow(true, []string{"sts:*", "kms:*"}, []string{"*"}),
		allow(false, []string{"sts:*"}, []string{"arn:*:iam:*:*:role/*"}),
		allow(false, []string{"kms:*"}, []string{"arn:*:kms:*:*:key/*"}),
	}}
}

// layer compiles the documents of a kind: their Denies go to the side, their
// Allows make the layer.
func (c *compiler) layer(to *side, kind policy.Kind, level int, docs []*policy.Document) (layer, error) {
	var out layer
	for _, d := range docs {
		for i := range d.Statements {
			s, err := c.statement(kind, level, d, &d.Statements[i])
			switch {
			case err != nil:
				return out, err
			case s == nil:
			case s.deny:
				to.denies = append(to.denies, s)
			default:
				out.allows = append(out.allows, s)
			}
		}
	}
	return out, nil
}

// statement compiles a statement; nil means that it is not about the principal.
func (c *compiler) statement(kind policy.Kind, level int, d *policy.Document, s *policy.Statement) (*statement, error) {
	out := &statement{
		ref:    Ref{kind, level, d.Name, s.Index, s.Sid.Value, s.Pos},
		source: s, deny: s.Effect == policy.Deny, naming: engine.NamedDirectly,
	}
	if s.Principal != nil {
		naming, denied := c.principal.NamedBy(s.Principal, c.bounded)
		out.naming = naming
		if out.deny && denied == conditions.False || !out.deny && naming == engine.NotNamed {
			return nil, nil
		}
	}
	fail := func(err error) (*statement, error) {
		return nil, &policy.Error{Name: d.Name, Pos: s.Pos, Path: fmt.Sprintf("/Statement/%d", s.Index), Err: err}
	}
	for _, t := range s.Action.Values {
		p, err := conditions.CompileAction(t.Value)
		if err != nil {
			return fail(err)
		}
		out.actions = append(out.actions, p)
	}
	wide := conditions.TrailingStarCrossesColons(out.deny, s.Resource.Not)
	for _, t := range s.Resource.Values {
		p, err := c.vocabulary.CompileResource(t.Value, d.Variables(), wide)
		if err != nil {
			return fail(err)
		}
		out.resources = append(out.resources, p)
	}
	for i := range s.Conditions {
		x := &s.Conditions[i]
		compiled, faults := c.vocabulary.Compile(x.Operator.Value, x.Key.Value, x.Texts(), d.Variables())
		if len(faults) > 0 {
			return fail(faults[0].Err)
		}
		out.conditions = append(out.conditions, compiled)
	}
	return out, nil
}

// each calls f with every statement of a side.
func (s *side) each(f func(*statement)) {
	seen := map[*statement]bool{}
	visit := func(x *statement) {
		if !seen[x] {
			seen[x] = true
			f(x)
		}
	}
	for _, d := range s.denies {
		visit(d)
	}
	for _, way := range s.ways {
		for _, l := range way {
			for _, a := range l.allows {
				visit(a)
			}
		}
	}
}

// allBuckets reports whether an entry is arn:aws:s3:::*, which s3:ListAllMyBuckets
// is granted with. Source: iam-semantics §1.6 R10.
func allBuckets(pattern string) bool {
	rest, ok := strings.CutPrefix(pattern, "arn:")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, ":")
	return rest == "s3:::*"
}
