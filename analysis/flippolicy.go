package analysis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// writtenStatement is a statement as JSON.
type writtenStatement struct {
	Effect      string
	Principal   map[string]string         `json:",omitempty"`
	Action      string                    `json:",omitempty"`
	Resource    string                    `json:",omitempty"`
	NotResource string                    `json:",omitempty"`
	Condition   map[string]map[string]any `json:",omitempty"`
}

// on limits the statement to a resource. An action that has none is granted with
// everything but resources: it may have one after all.
func (s *writtenStatement) on(asked, resource string) {
	if asked == noResource {
		s.NotResource = "arn:*"
		return
	}
	s.Resource = resource
}

// exactly spells a text so that a document of version 2012-10-17 means it and
// nothing else.
func exactly(text string) string {
	if text == noResource {
		return text
	}
	return strings.NewReplacer("${", "${$}{", "*", "${*}", "?", "${?}").Replace(text)
}

// policyChange finds the one change of the policies that allows the request and
// nothing else: a statement for every layer that lacks an Allow. Deny statements
// that apply are obstacles.
func (f *flipper) policyChange() error {
	p := &Proposal{Part: OfPolicy}
	now := f.policies.copied()
	for i := range f.explained.Looked {
		s := &f.explained.Looked[i]
		if s.Effect == policy.Deny && s.Applies {
			ref, ok := now.withoutDeny(s)
			if !ok {
				return fmt.Errorf("%w: a statement that is not in the policies", ErrInternal)
			}
			p.Obstacles = append(p.Obstacles, ref)
		}
	}
	for range maxPolicyChanges {
		j, err := newJudge(f.vocabulary, now, &f.request.Principal)
		if err != nil {
			return err
		}
		d, ok := j.decide(&f.asked)
		if !ok {
			return nil
		}
		if d.Allowed() {
			if allowed, err := j.allows(&f.asked); err != nil || !allowed {
				return err
			}
			p.Size = len(p.Obstacles) + len(p.Additions)
			f.out.Proposals = append(f.out.Proposals, *p)
			return nil
		}
		a, err := f.add(now, d, j)
		if err != nil {
			f.doubt(err.Error())
			return nil
		}
		p.Additions = append(p.Additions, *a)
	}
	f.doubt(fmt.Sprintf("it takes more than %d changes of the policies", maxPolicyChanges))
	return nil
}

// copied returns policies whose lists may be changed.
func (p *Policies) copied() *Policies {
	out := *p
	for _, l := range []*[]*policy.Document{&out.Identity, &out.Boundary, &out.Session, &out.Endpoint} {
		*l = slices.Clone(*l)
	}
	levels := func(all [][]*policy.Document) [][]*policy.Document {
		all = slices.Clone(all)
		for i := range all {
			all[i] = slices.Clone(all[i])
		}
		return all
	}
	out.ServiceControl, out.ResourceControl = levels(p.ServiceControl), levels(p.ResourceControl)
	return &out
}

// documents returns the list of a kind that an authority stands for.
func (p *Policies) documents(by engine.Authority, level int) (*[]*policy.Document, policy.Kind) {
	switch by {
	case engine.ByIdentity:
		return &p.Identity, policy.Identity
	case engine.ByBoundary:
		return &p.Boundary, policy.Boundary
	case engine.BySession:
		return &p.Session, policy.Session
	case engine.ByEndpoint:
		return &p.Endpoint, policy.Endpoint
	case engine.ByServiceControl:
		if level < len(p.ServiceControl) {
			return &p.ServiceControl[level], policy.ServiceControl
		}
	case engine.ByResourceControl:
		if level < len(p.ResourceControl) {
			return &p.ResourceControl[level], policy.ResourceControl
		}
	case engine.ByResource:
		if p.Resource != nil {
			return &[]*policy.Document{p.Resource}, policy.Resource
		}
	case engine.ByNothing, engine.ByRoot:
	}
	return nil, 0
}

// withoutDeny takes a statement away and names it.
func (p *Policies) withoutDeny(s *engine.StatementReport) (Ref, bool) {
	docs, kind := p.documents(s.Authority, s.Level)
	if docs == nil || s.DocumentIndex >= len(*docs) {
		return Ref{}, false
	}
	d := *(*docs)[s.DocumentIndex]
	i := slices.IndexFunc(d.Statements, func(x policy.Statement) bool { return x.Index == s.Index && x.Pos == s.Pos })
	if i < 0 {
		return Ref{}, false
	}
	d.Statements = slices.Delete(slices.Clone(d.Statements), i, i+1)
	(*docs)[s.DocumentIndex] = &d
	if kind == policy.Resource {
		p.Resource = &d
	}
	return Ref{kind, s.Level, s.Document, s.Index, s.Sid, s.Pos}, true
}

// errNoAddition means that no statement can be written that allows the request and
// nothing else.
var errNoAddition = errors.New("no statement allows this request alone")

// add adds the statement to the layer that lacks an Allow.
func (f *flipper) add(now *Policies, d engine.Decision, j *judge) (*Addition, error) {
	level := 0
	if d.By == engine.ByServiceControl || d.By == engine.ByResourceControl {
		level = f.lacking(d.By, j)
	}
	docs, kind := now.documents(d.By, level)
	if docs == nil {
		return nil, errNoAddition
	}
	s, err := f.statement(kind)
	if err != nil {
		return nil, err
	}
	text, err := encoded(s)
	if err != nil {
		return nil, err
	}
	out := &Addition{Kind: kind, Level: level, Statement: text}
	at := slices.IndexFunc(*docs, func(d *policy.Document) bool { return d.Variables() || !strings.Contains(text, "${") })
	version := "2012-10-17"
	if at >= 0 {
		d := (*docs)[at]
		out.Document, version = d.Name, d.Version.Value
		if len(d.Statements) > 0 {
			out.Pos = d.Statements[0].Pos
		}
	}
	added, err := policy.Parse(out.Document, []byte(documentOf(version, text)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAddition, err)
	}
	switch {
	case kind == policy.Resource && at < 0:
		return nil, errNoAddition // a resource has one policy
	case at < 0:
		*docs = append(*docs, added)
	default:
		wider := *(*docs)[at]
		one := added.Statements[0]
		one.Index = len(wider.Statements)
		wider.Statements = append(slices.Clone(wider.Statements), one)
		if (*docs)[at] = &wider; kind == policy.Resource {
			now.Resource = &wider
		}
	}
	return out, nil
}

func documentOf(version, statement string) string {
	if version == "" {
		return `{"Statement": [` + statement + `]}`
	}
	return fmt.Sprintf(`{"Version": %q, "Statement": [%s]}`, version, statement)
}

// lacking finds the first level without an Allow that applies.
func (f *flipper) lacking(by engine.Authority, j *judge) int {
	x := j.evaluator.Explain(f.request)
	levels := len(j.evaluator.ServiceControl)
	if by == engine.ByResourceControl {
		levels = len(j.evaluator.ResourceControl)
	}
	for level := range levels {
		if !slices.ContainsFunc(x.Looked, func(s engine.StatementReport) bool {
			return s.Authority == by && s.Level == level && s.Effect == policy.Allow && s.Applies
		}) {
			return level
		}
	}
	return levels
}

func encoded(s *writtenStatement) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// statement allows the action on the resource to the identity, with the values
// that the request has. Of a list, fewer values do too.
func (f *flipper) statement(kind policy.Kind) (*writtenStatement, error) {
	s := &writtenStatement{Effect: "Allow", Action: f.asked.action, Condition: map[string]map[string]any{}}
	s.on(f.asked.resource, exactly(f.asked.resource))
	if kind == policy.Resource {
		s.Principal = map[string]string{"AWS": f.request.Principal.String()}
	}
	for _, k := range f.pinned() {
		if ownerOf(k.Name) == ownedByCircumstance && f.asNearest(s, k) {
			continue
		}
		if err := f.pin(s, k); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// asNearest takes over what the nearest statement wants of a circumstance and the
// request meets; false if it does not.
func (f *flipper) asNearest(s *writtenStatement, k conditions.Key) bool {
	if f.explained.Nearest == nil {
		return false
	}
	taken := false
	for i := range f.explained.Nearest.Conditions {
		c := &f.explained.Nearest.Conditions[i]
		if keyName(c.Key) != keyName(k.Name) {
			continue
		}
		if c.Result != conditions.True || slices.ContainsFunc(c.Policy, func(v string) bool { return strings.Contains(v, "${") }) {
			return false
		}
		taken = true
	}
	if !taken {
		return false
	}
	for i := range f.explained.Nearest.Conditions {
		if c := &f.explained.Nearest.Conditions[i]; keyName(c.Key) == keyName(k.Name) {
			s.when(c.Operator, k.Name, c.Policy)
		}
	}
	return true
}

// when adds a condition.
func (s *writtenStatement) when(operator, key string, value any) {
	if s.Condition[operator] == nil {
		s.Condition[operator] = map[string]any{}
	}
	s.Condition[operator][key] = value
}

// pinned are the keys that tell this request from others: those that policies
// read for the action, those that the action has of its own, and who asks. What
// only circumstances say is left out, unless policies read it.
func (f *flipper) pinned() []conditions.Key {
	out := slices.Clone(f.keys)
	has := func(name string) bool {
		return slices.ContainsFunc(out, func(k conditions.Key) bool { return keyName(k.Name) == keyName(name) })
	}
	for _, k := range f.tags {
		if !has(k.Name) {
			out = append(out, k)
		}
	}
	service, _, _ := strings.Cut(strings.ToLower(f.asked.action), ":")
	var names []string
	for name := range f.asked.context {
		folded := strings.ToLower(name)
		identity := ownerOf(name) == ownedByIdentity && (strings.HasSuffix(folded, ":sub") || strings.HasPrefix(folded, "aws:principaltag/"))
		sent := strings.HasPrefix(folded, service+":") || strings.HasPrefix(folded, "aws:requesttag/") || folded == "aws:tagkeys"
		if sent || identity || folded == "aws:principalarn" || folded == "aws:username" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if k, err := f.vocabulary.Key(name); err == nil && !has(name) {
			out = append(out, k)
		}
	}
	return out
}

// equalities are the operators that pin a value of a kind.
var equalities = map[conditions.Kind]string{
	conditions.String: "StringEquals", conditions.Number: "NumericEquals", conditions.Date: "DateEquals", conditions.Epoch: "DateEquals",
	conditions.Bool: "Bool", conditions.IP: "IpAddress", conditions.StringOrIP: "StringEquals", conditions.ARN: "StringEquals",
	conditions.StringOrARN: "StringEquals", conditions.Untyped: "StringEquals",
}

// pin adds the conditions that a key is as it is.
func (f *flipper) pin(s *writtenStatement, k conditions.Key) error {
	values := f.asked.values(k.Name)
	null := len(values) == 0 || k.List && len(values) == 1 && values[0] == ""
	if null {
		s.when("Null", k.Name, "true")
		return nil
	}
	operator, ok := equalities[k.Kind]
	if !ok {
		return errNoAddition
	}
	texts := make([]string, len(values))
	for i, v := range values {
		if texts[i] = v; operator == "StringEquals" {
			texts[i] = strings.ReplaceAll(v, "${", "${$}{")
		}
	}
	if !k.List && len(values) == 1 {
		s.when(operator, k.Name, texts[0])
		return nil
	}
	s.when("Null", k.Name, "false")
	if len(texts) == 1 {
		s.when("ForAllValues:"+operator, k.Name, texts[0])
		return nil
	}
	s.when("ForAllValues:"+operator, k.Name, texts)
	return nil
}
