package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Options say what is proved. The zero value proves everything.
type Options struct {
	// Vocabulary is that of the bundle; nil means conditions.AWS.
	Vocabulary *conditions.Vocabulary
	// Roles and Checks are names; empty means all. A check is called "property"
	// for what suites say.
	Roles, Checks []string
	Suites        []*bundle.Suite
	Limits        analysis.Limits
	// At is when the requests are made; the zero time means at any time.
	At time.Time
	// Progress, which may be nil, is told of each result.
	Progress func(Result)
}

// Verdict says how a check came out. The zero value is Unknown.
type Verdict string

// The verdicts.
const (
	Unknown Verdict = "unknown"
	Proved  Verdict = "proved"
	Refuted Verdict = "refuted"
)

// Result is one check of one role.
type Result struct {
	// Check is its name; see Checks. Property is the name of a suite's property.
	Check, Property string
	// Role is empty for a check of the whole bundle or of a table's own policy, Table
	// is the table's name, empty if the check is about none.
	Role, Table string
	Verdict     Verdict
	// Claim says what is proved, or would be.
	Claim string
	// Witness is a request that refutes the claim, Second that of another
	// identity where two are needed.
	Witness, Second *analysis.Witness
	// Reason says why it is unknown, or refuted where a request does not say it.
	Reason string
	// File and Line are where a property stands, or a statement that is no good.
	File string
	Line int
}

// check is a question about a role and a table. It is refuted by a request that
// the role allows, every one of asked describes, and only does not.
type check struct {
	name, claim string
	asked       []string // statements; they are ANDed
	only        string
	meet        bool // two identities must reach one row
	// applies reports whether the check makes sense.
	applies func(r *bundle.Role, t *bundle.Table) bool
	// ask, which may be nil, says more of what is asked, and part of what is asked
	// of the resources of some policies; see parts.go.
	ask  func(r *bundle.Role, q *analysis.Question)
	part func(q *analysis.Question)
}

// prover proves the checks of a bundle.
type prover struct {
	*Options
	bundle *bundle.Bundle
	other  *bundle.Bundle // that it is compared with, or nil
	out    []Result
}

// Prove runs the checks in the order of tables, roles and checks, then the
// properties. A bundle without tables and properties has nothing to prove: that
// is an error. Its other errors are those of analysis.
func Prove(ctx context.Context, b *bundle.Bundle, o Options) ([]Result, error) {
	p := &prover{Options: &o, bundle: b}
	for _, name := range o.Roles {
		if _, ok := b.Role(name); !ok {
			return nil, fmt.Errorf("no role %q", name)
		}
	}
	for _, name := range o.Checks {
		if !slices.Contains(Checks(), name) {
			return nil, fmt.Errorf("no check %q: want one of %s", name, strings.Join(Checks(), ", "))
		}
	}
	for _, t := range b.Tables {
		for _, r := range b.Roles {
			if !p.wanted(r) {
				continue
			}
			if err := p.table(ctx, r, t); err != nil {
				return nil, err
			}
		}
		if err := p.outsiders(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := p.deadDenies(ctx); err != nil {
		return nil, err
	}
	for _, s := range o.Suites {
		for i := range s.Properties {
			if err := p.property(ctx, &s.Properties[i]); err != nil {
				return nil, err
			}
		}
	}
	if len(p.out) == 0 {
		return nil, fmt.Errorf("nothing to prove: the bundle has no table and no property, or none is chosen")
	}
	return p.out, nil
}

func (p *prover) wanted(r *bundle.Role) bool {
	return len(p.Roles) == 0 || slices.Contains(p.Roles, r.Name)
}

func (p *prover) chosen(check string) bool {
	return len(p.Checks) == 0 || slices.Contains(p.Checks, check)
}

// table runs the checks of a role and a table.
func (p *prover) table(ctx context.Context, r *bundle.Role, t *bundle.Table) error {
	for _, c := range checks(p.bundle, t) {
		if !p.chosen(c.name) || c.applies != nil && !c.applies(r, t) {
			continue
		}
		q, err := p.asking(&c, r, t)
		if err != nil {
			return err
		}
		out := Result{Check: c.name, Role: r.Name, Table: t.Name, Claim: c.claim}
		if c.meet {
			m, err := meet(ctx, p.bundle, q, []string{t.Isolation.Identity})
			if err != nil {
				return err
			}
			out.judge(&m.Answer)
			out.Witness, out.Second = m.First, m.Second
			p.add(out)
			continue
		}
		a, err := search(ctx, sides{by: p.bundle}, q, c.part)
		if err != nil {
			return err
		}
		out.judge(a)
		p.add(out)
	}
	return nil
}

// asking makes the question of a check.
func (p *prover) asking(c *check, r *bundle.Role, t *bundle.Table) (*analysis.Question, error) {
	q, err := p.question(r, "")
	if err != nil {
		return nil, err
	}
	for _, s := range c.asked {
		d, err := parse(s)
		if err != nil {
			return nil, err
		}
		q.And = append(q.And, &analysis.Policies{Identity: []*policy.Document{d}})
	}
	if c.only != "" {
		d, err := parse(c.only)
		if err != nil {
			return nil, err
		}
		q.Not = &analysis.Policies{Identity: []*policy.Document{d}}
	}
	q.Needed = []string{t.Isolation.Identity}
	if len(t.Isolation.Privileged) > 0 && isolated(r, t) { // they may reach all rows
		d, err := parse(statement("Deny", []string{"*"}, []string{"*"}, condition{"StringEquals": {t.Isolation.Identity: escaped(t.Isolation.Privileged)}}))
		if err != nil {
			return nil, err
		}
		q.By.Identity = append(slices.Clone(q.By.Identity), d)
	}
	if c.ask != nil {
		c.ask(r, q)
	}
	return q, nil
}

func (p *prover) property(ctx context.Context, x *bundle.Property) error {
	if !p.chosen(propertyCheck) {
		return nil
	}
	for _, r := range x.Roles {
		if !p.wanted(r) {
			continue
		}
		q, err := p.question(r, "")
		if err != nil {
			return err
		}
		q.And = []*analysis.Policies{{Identity: []*policy.Document{x.Asked}}}
		if x.Only != nil {
			q.Not = &analysis.Policies{Identity: []*policy.Document{x.Only}}
		}
		a, err := Search(ctx, p.bundle, q)
		if err != nil {
			return err
		}
		out := Result{Check: propertyCheck, Property: x.Name, Role: r.Name, Claim: x.Name, File: x.File, Line: x.Line}
		out.judge(a)
		p.add(out)
	}
	return nil
}

func (r *Result) judge(a *analysis.Answer) {
	switch a.Verdict {
	case analysis.Never:
		r.Verdict = Proved
	case analysis.Found:
		r.Verdict, r.Witness = Refuted, a.Witness
	case analysis.Unknown:
		r.Verdict, r.Reason = Unknown, a.Reason
	}
}

func (p *prover) add(r Result) {
	p.out = append(p.out, r)
	if p.Progress != nil {
		p.Progress(r)
	}
}

// question asks about what a role allows on the resource of an ARN, or on any.
func (p *prover) question(r *bundle.Role, arn string) (*analysis.Question, error) {
	policies, err := Policies(p.bundle, r, arn)
	if err != nil {
		return nil, err
	}
	q := &analysis.Question{
		Vocabulary: p.Vocabulary, By: policies, Limits: p.Limits,
		Principal: "arn:" + p.bundle.Partition + ":sts::" + p.bundle.Account + ":assumed-role/" + r.Name + "/" + bundle.SessionName,
		Keys:      map[string][]string{"aws:PrincipalArn": {r.ARN}},
	}
	maps.Copy(q.Keys, TimeKeys(p.At))
	return q, nil
}

// TimeKeys are the context keys of requests that are made at a time, to the
// second; of the zero time there are none.
func TimeKeys(at time.Time) map[string][]string {
	if at.IsZero() {
		return nil
	}
	return map[string][]string{
		"aws:CurrentTime": {at.UTC().Format("2006-01-02T15:04:05Z")}, "aws:EpochTime": {strconv.FormatInt(at.Unix(), 10)},
	}
}

// Policies returns what decides about a role's requests: its own policies, the
// guardrails, and the policies of the resource of an ARN, if that is not empty.
func Policies(b *bundle.Bundle, r *bundle.Role, arn string) (*analysis.Policies, error) {
	out := &analysis.Policies{}
	out.Identity, out.Boundary = r.Documents()
	for _, l := range b.ServiceControl {
		out.ServiceControl = append(out.ServiceControl, l.Documents())
	}
	for _, l := range b.ResourceControl {
		out.ResourceControl = append(out.ResourceControl, l.Documents())
	}
	for _, x := range b.Resources {
		if arn == "" || !x.Covers(arn) {
			continue
		}
		d := x.Document()
		if out.Resource == nil {
			out.Resource = d
			continue
		}
		if d.Version.Value != out.Resource.Version.Value {
			return nil, fmt.Errorf("%s and %s: the policies of one resource are of two versions", out.Resource.Name, d.Name)
		}
		both := *out.Resource
		both.Statements = slices.Concat(both.Statements, d.Statements)
		out.Resource = &both
	}
	return out, nil
}

// Doubt makes a proof unknown that did not look at the policy of every resource:
// of those that Policies was asked about by an ARN. For a table only the policies
// of DynamoDB's other resources matter.
func Doubt(b *bundle.Bundle, a *analysis.Answer, arn string) {
	if a.Verdict != analysis.Never {
		return
	}
	for _, x := range b.Resources {
		part := strings.SplitN(x.ARN, ":", 4)
		elsewhere := len(part) == 4 && part[0] == "arn" && part[2] != "dynamodb"
		if arn == "" || !x.Covers(arn) && !elsewhere {
			a.Verdict, a.Reason = analysis.Unknown, "the policy of resources/"+x.Name+".yaml is not looked at here"
			return
		}
	}
}

// parse makes a policy of one statement, or several.
func parse(statements string) (*policy.Document, error) {
	return policy.Parse("check", []byte(`{"Version": "2012-10-17", "Statement": [`+statements+`]}`))
}

// statement writes a statement.
func statement(effect string, actions, resources []string, condition map[string]map[string]any) string {
	s := map[string]any{"Effect": effect, "Action": actions, "Resource": resources}
	if len(condition) > 0 {
		s["Condition"] = condition
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "{}" // which no policy is; texts always encode
	}
	return string(text)
}
