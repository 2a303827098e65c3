package playground

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/catalogue"
	"github.com/rowan-authz/rowan/policy/lint"
)

// The members of a question, as faults name them.
const (
	partPolicy         = "policy"
	partBoundary       = "boundary"
	partServiceControl = "serviceControl"
	partOther          = "other"
	partPrincipal      = "principal"
	partSession        = "session"
	partAction         = "action"
	partResource       = "resource"
	partContext        = "context"
	partKey            = "partitionKey"
	partRows           = "rows"
	partOwner          = "owner"
)

// parts are what a question holds, read.
type parts struct {
	policy, boundary, serviceControl, other *policy.Document
	principal                               engine.Principal
	session, context                        []keyValues
	evaluator, otherEvaluator               *engine.Evaluator
}

// keyValues are the values of a context key.
type keyValues struct {
	name   string
	values []string
	at     int
}

// finding is what the linter says of a place.
type finding struct {
	Part     string `json:"part"`
	Line     uint32 `json:"line"`
	Column   uint32 `json:"column"`
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Why      string `json:"why"`
	// Fix says what would mend it; empty if nothing certain does. Fixed is the
	// policy then.
	Fix   string `json:"fix,omitempty"`
	Fixed string `json:"fixed,omitempty"`
}

// readParts reads all parts and notes what is wrong with them.
func (a *asker) readParts() {
	var identity, boundary, control, other *engine.Set
	a.read.policy, identity = a.document(partPolicy, a.Policy, policy.Identity, true)
	a.read.boundary, boundary = a.document(partBoundary, a.Boundary, policy.Boundary, false)
	a.read.serviceControl, control = a.document(partServiceControl, a.ServiceControl, policy.ServiceControl, false)
	a.read.other, other = a.document(partOther, a.Other, policy.Identity, false)
	a.read.evaluator = &engine.Evaluator{Identity: identity, Boundary: boundary}
	if control != nil {
		a.read.evaluator.ServiceControl = []*engine.Set{control}
	}
	if other != nil {
		e := *a.read.evaluator
		e.Identity = other
		a.read.otherEvaluator = &e
	}
	a.names()
	a.read.session = a.keys(partSession, a.Session, true)
	a.read.context = a.keys(partContext, a.Context, false)
	a.who()
}

// document reads, lints and compiles a policy. There is no set if it has faults,
// and none if it is blank and need not be there.
func (a *asker) document(part, text string, kind policy.Kind, needed bool) (*policy.Document, *engine.Set) {
	switch {
	case len(text) > maxPolicy:
		a.fail(part, 0, 0, "it has %d bytes, more than %d", len(text), maxPolicy)
		return nil, nil
	case strings.TrimSpace(text) == "" && !needed:
		return nil, nil
	}
	d, err := policy.Parse(part, []byte(text))
	var set *engine.Set
	if err == nil {
		set, err = engine.Compile(a.vocabulary, kind, d)
	}
	var faults policy.Errors
	if err != nil && !errors.As(err, &faults) {
		a.fail(part, 0, 0, "%v", err)
	}
	refused := map[policy.Position]bool{}
	for _, f := range faults {
		what := f.Err.Error()
		if f.Path != "" {
			what = f.Path + ": " + what
		}
		a.fail(part, f.Pos.Line, f.Pos.Column, "%s", what)
		refused[f.Pos] = true
	}
	if d != nil && a.Ask == AskDecision {
		a.lint(part, text, d, kind, refused)
	}
	if err != nil {
		return nil, nil
	}
	return d, set
}

// maxFindings is how many findings of one policy are told.
const maxFindings = 50

// lint notes what the linter finds where no fault is.
func (a *asker) lint(part, text string, d *policy.Document, kind policy.Kind, refused map[policy.Position]bool) {
	known, err := catalogue.AWS()
	if err != nil {
		a.fail(part, 0, 0, "%v", err)
		return
	}
	o := lint.Options{Vocabulary: a.vocabulary, Catalogue: known, Source: []byte(text)}
	if arn, ok := tableOf(a.Resource); ok && a.PartitionKey != "" {
		o.Tables = []lint.Table{{ARN: arn, PartitionKey: a.PartitionKey}}
	}
	for i, f := range lint.Check(d, kind, o) {
		if i == maxFindings {
			return
		}
		if refused[f.Pos] {
			continue
		}
		x := finding{
			Part: part, Line: f.Pos.Line, Column: f.Pos.Column, Code: f.Code, Severity: f.Severity.String(), Text: short(f.Err.Error(), maxShownText),
		}
		if r, ok := lint.Find(f.Code); ok {
			x.Why = r.Why
		}
		if f.Fix != nil {
			if fixed, n, err := lint.Apply([]byte(text), []*lint.Fix{f.Fix}); err == nil && n == 1 && i < maxShown {
				x.Fix, x.Fixed = f.Fix.What, string(fixed)
			}
		}
		a.answer.Findings = append(a.answer.Findings, x)
	}
}

// names checks the parts that are one line.
func (a *asker) names() {
	for _, x := range []struct{ part, text string }{
		{partPrincipal, a.Principal}, {partAction, a.Action}, {partResource, a.Resource}, {partKey, a.PartitionKey}, {partOwner, a.Owner},
	} {
		if len(x.text) > maxName {
			a.fail(x.part, 0, 0, "it has %d bytes, more than %d", len(x.text), maxName)
		}
	}
	if a.Action == "" {
		a.fail(partAction, 0, 0, "no action: want one such as dynamodb:GetItem")
	}
	if a.Resource == "" {
		a.fail(partResource, 0, 0, "no resource: want an ARN, or * for an action that has none")
	}
	if a.KeyType != "" && a.KeyType != "S" && a.KeyType != "N" && a.KeyType != "B" {
		a.fail(partKey, 0, 0, "the type of a key is S, N or B")
	}
	if a.Owner != "" {
		if k, err := a.vocabulary.Key(a.Owner); err != nil {
			a.fail(partOwner, 0, 0, "%v", err)
		} else if k.List || !engine.SessionKey(a.Owner) {
			a.fail(partOwner, 0, 0, "%s: want a key of a session with one value", a.Owner)
		}
	}
}

// keys reads context keys: those of a session, or those that a request brings.
func (a *asker) keys(part, text string, session bool) []keyValues {
	if len(text) > maxValues {
		a.fail(part, 0, 0, "it has %d bytes, more than %d", len(text), maxValues)
		return nil
	}
	all, wrong := values(text, 1)
	var out []keyValues
	if wrong == nil && len(all) == 1 {
		wrong = all[0].members(func(name string, nameAt int, v value) *placed {
			k, p := a.key(name, nameAt, v, session)
			out = append(out, k)
			for _, other := range out[:len(out)-1] {
				if p == nil && strings.EqualFold(other.name, name) {
					p = at(nameAt, "%q and %q are one context key", other.name, name)
				}
			}
			if p == nil && len(out) > conditions.MaxContextKeys {
				p = at(nameAt, "more than %d context keys", conditions.MaxContextKeys)
			}
			return p
		})
	}
	if wrong != nil {
		a.failAt(part, text, wrong)
		return nil
	}
	return out
}

// key reads one context key.
func (a *asker) key(name string, nameAt int, v value, session bool) (keyValues, *placed) {
	out := keyValues{name: name, values: []string{}, at: nameAt}
	if _, err := a.vocabulary.Key(name); err != nil {
		return out, at(nameAt, "%w", err)
	}
	switch of := engine.SessionKey(name); {
	case session && !of:
		return out, at(nameAt, "%s is no key of a session: it belongs to the request", name)
	case !session && of:
		return out, at(nameAt, "%s is a key of the session, which no request sets: it belongs to the identity", name)
	}
	list := []value{v}
	if v.kind() == "an array" {
		list = v.elements()
	}
	for _, x := range list {
		s, p := x.scalar()
		if p != nil {
			return out, p
		}
		out.values = append(out.values, s)
	}
	return out, nil
}

func (a *asker) failAt(part, text string, p *placed) {
	line, column := position(text, p.at)
	a.fail(part, line, column, "%v", p.err)
}

// who reads the principal, with the path of its role if the session says it.
func (a *asker) who() {
	if a.failed(partPrincipal, partSession) {
		return
	}
	p, err := engine.ParsePrincipal(a.Principal)
	if err != nil {
		a.fail(partPrincipal, 0, 0, "%v", err)
		return
	}
	for _, k := range a.read.session {
		if len(k.values) != 1 {
			continue
		}
		switch strings.ToLower(k.name) {
		case "aws:principalarn":
			if p.Kind() != engine.RoleSession {
				continue
			}
			if p, err = p.WithRole(k.values[0]); err != nil {
				a.failAt(partSession, a.Session, at(k.at, "%w", err))
				return
			}
		case "aws:userid":
			id, _, _ := strings.Cut(k.values[0], ":")
			p = p.WithUniqueID(id)
		}
	}
	a.read.principal = p
}

// filled returns the context of a request: what the principal determines, the
// time, the session's keys, and of the request's keys those that keep says.
func (a *asker) filled(keep func(name string) bool) (*conditions.Context, bool) {
	c := a.vocabulary.NewContext()
	if err := a.read.principal.Describe(c); err != nil {
		a.fail(partPrincipal, 0, 0, "%v", err)
		return nil, false
	}
	now := a.now()
	derived := []keyValues{
		{name: "aws:CurrentTime", values: []string{now.UTC().Format("2006-01-02T15:04:05Z")}},
		{name: "aws:EpochTime", values: []string{strconv.FormatInt(now.Unix(), 10)}},
		{name: "aws:ResourceAccount", values: []string{a.owner()}},
	}
	for _, k := range derived {
		if err := c.Set(k.name, k.values...); err != nil {
			continue // the key is indeterminate then
		}
	}
	ok := true
	for _, x := range []struct {
		part, text string
		keys       []keyValues
	}{{partSession, a.Session, a.read.session}, {partContext, a.Context, a.read.context}} {
		for _, k := range x.keys {
			if x.part == partContext && !keep(k.name) {
				continue
			}
			err := c.Set(k.name, k.values...)
			if errors.Is(err, conditions.ErrValue) && len(k.values) == 1 {
				continue // the key is indeterminate, which is an answer
			}
			if err != nil {
				a.failAt(x.part, x.text, at(k.at, "%w", err))
				ok = false
			}
		}
	}
	return c, ok
}

// owner is the account of the resource: that of its ARN, else the principal's.
func (a *asker) owner() string {
	if p := strings.SplitN(a.Resource, ":", 6); len(p) == 6 && p[0] == "arn" && p[4] != "" {
		return p[4]
	}
	return a.read.principal.Account()
}

// tableOf returns the ARN of the table whose, or whose index's, ARN this is.
func tableOf(resource string) (arn string, ok bool) {
	p := strings.SplitN(resource, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "dynamodb" || p[1] == "" || p[3] == "" || p[4] == "" {
		return "", false
	}
	name, ok := strings.CutPrefix(p[5], "table/")
	name, _, _ = strings.Cut(name, "/")
	if !ok || name == "" || strings.ContainsAny(resource, "*?$") {
		return "", false
	}
	return strings.Join(p[:5], ":") + ":table/" + name, true
}
