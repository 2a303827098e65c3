package analysis_test

import (
	"context"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// flipCase is a random denial with the policies that deny it.
type flipCase struct {
	testing.TB
	g        small
	policies *analysis.Policies
	request  *engine.Request
	flips    *analysis.Flips
}

// TestFlipRandom holds what Flip says to what the engine decides: every proposal
// flips the decision, none of its changes can be spared, fewer changes do not
// flip it, and a policy that is changed allows no neighbour.
func TestFlipRandom(t *testing.T) {
	n := uint64(*randomN) / 40
	if raceEnabled {
		n /= 8
	}
	denied, parts, hints, doubts := 0, map[analysis.ChangedPart]int{}, 0, 0
	for i := range n {
		x := flipCase{TB: t, g: small{Rand: rand.New(rand.NewPCG(*randomSeed+99, i))}}
		x.policies = &analysis.Policies{Identity: x.g.document(t)}
		if x.g.IntN(3) == 0 {
			x.policies.Boundary = x.g.document(t)
		}
		if x.g.IntN(4) == 0 {
			x.policies.ServiceControl = [][]*policy.Document{x.g.document(t), x.g.document(t)}
		}
		x.request = x.g.request(t)
		if x.evaluator(x.policies).Decide(x.request).Allowed() {
			continue
		}
		denied++
		var err error
		x.flips, err = analysis.Flip(context.Background(), x.policies, x.request, analysis.FlipOptions{})
		require.NoError(t, err, "seed %d:\n%s", i, printed(x.policies.Identity))
		if x.flips.Reason != "" {
			doubts++
		}
		for j := range x.flips.Proposals {
			p := &x.flips.Proposals[j]
			parts[p.Part]++
			if !t.Run("proposal", func(t *testing.T) { x.TB = t; x.check(p) }) {
				t.Fatalf("seed %d: %s %s %v: %s\n%s%s", i, x.request.Action, x.request.Resource, contextOf(x.request), p, printed(x.policies.Identity), printed(x.policies.Boundary))
			}
		}
		if x.flips.Hint != "" {
			hints++
			x.checkHint()
		}
	}
	t.Logf("%d denied, %v, %d hints, %d in doubt", denied, parts, hints, doubts)
	for _, p := range []analysis.ChangedPart{analysis.OfRequest, analysis.OfIdentity, analysis.OfPolicy} {
		require.True(t, parts[p] > 0 || raceEnabled)
	}
}

func (x *flipCase) evaluator(p *analysis.Policies) *engine.Evaluator {
	compile := func(kind policy.Kind, docs []*policy.Document) *engine.Set {
		if docs == nil {
			return nil
		}
		s, err := engine.Compile(conditions.AWS(), kind, docs...)
		require.NoError(x, err)
		return s
	}
	e := &engine.Evaluator{Identity: compile(policy.Identity, p.Identity), Boundary: compile(policy.Boundary, p.Boundary)}
	for _, l := range p.ServiceControl {
		e.ServiceControl = append(e.ServiceControl, compile(policy.ServiceControl, l))
	}
	return e
}

// with returns the request with changes, of which some are left out.
func (x *flipCase) with(p *analysis.Proposal, leftOut func(thing int) bool) *engine.Request {
	keys := contextOf(x.request)
	for i, c := range p.Keys {
		if leftOut(i) {
			continue
		}
		delete(keys, c.Key)
		if c.Now != nil {
			keys[c.Key] = c.Now
		}
	}
	out := x.request.Resource
	if p.Resource != "" && !leftOut(len(p.Keys)) {
		out = p.Resource
	}
	return x.asking(x.request.Action, out, keys)
}

func (x *flipCase) asking(action, resource string, keys map[string][]string) *engine.Request {
	c := conditions.AWS().NewContext()
	for k, v := range keys {
		require.NoError(x, c.Set(k, v...))
	}
	return &engine.Request{Principal: x.request.Principal, Action: action, Resource: resource, ResourceAccount: x.request.ResourceAccount, Context: c}
}

func (x *flipCase) check(p *analysis.Proposal) {
	if p.Part == analysis.OfPolicy {
		x.checkPolicy(p)
		return
	}
	e := x.evaluator(x.policies)
	require.True(x, e.Decide(x.with(p, func(int) bool { return false })).Allowed())
	for some := 1; some < 1<<p.Size; some++ {
		require.False(x, e.Decide(x.with(p, func(thing int) bool { return some>>thing&1 == 1 })).Allowed(), "changes that can be spared")
	}
	if p.Size == 1 || x.flips.Reason != "" {
		return
	}
	for range 200 { // no single change of the class does
		other := x.g.request(x)
		keys, resource := contextOf(x.request), x.request.Resource
		mine := []string{"s3:prefix", "aws:TagKeys", "s3:max-keys", "aws:SourceIp", ""}
		if p.Part == analysis.OfIdentity {
			mine = append(mine, tagU, tagV)
		}
		if key := x.g.pick(mine...); key != "" {
			values, state := other.Context.Value(key)
			if delete(keys, key); state != conditions.Absent {
				keys[key] = values
			}
		} else if resource != "*" && other.Resource != "*" {
			resource = other.Resource
		}
		require.False(x, e.Decide(x.asking(x.request.Action, resource, keys)).Allowed(), "a single change does")
	}
}

// changed returns policies with the statements of a proposal.
func (x *flipCase) changed(p *analysis.Proposal) *analysis.Policies {
	out := *x.policies
	for _, a := range p.Additions {
		d, err := policy.Parse("added", []byte(`{"Version":"2012-10-17","Statement":`+a.Statement+`}`))
		require.NoError(x, err)
		switch a.Kind {
		case policy.Identity:
			out.Identity = append(slices.Clip(out.Identity), d)
		case policy.Boundary:
			out.Boundary = append(slices.Clip(out.Boundary), d)
		case policy.ServiceControl:
			out.ServiceControl = slices.Clone(out.ServiceControl)
			out.ServiceControl[a.Level] = append(slices.Clip(out.ServiceControl[a.Level]), d)
		case policy.Session, policy.Endpoint, policy.Resource, policy.Trust, policy.ResourceControl:
			require.Fail(x, "an addition where there are no policies", a.Kind)
		}
	}
	return &out
}

// checkPolicy holds that the changed policies allow the request, once no Deny
// stands in the way, and nothing beside it.
func (x *flipCase) checkPolicy(p *analysis.Proposal) {
	now := x.changed(p)
	before, after := x.evaluator(x.policies), x.evaluator(now)
	d := after.Decide(x.request)
	require.Equal(x, len(p.Obstacles) == 0, d.Allowed())
	require.Equal(x, len(p.Obstacles) > 0, d.Outcome == engine.ExplicitDeny)
	if len(p.Obstacles) > 0 {
		require.True(x, x.evaluator(x.spared(now, p.Obstacles)).Decide(x.request).Allowed())
	}
	read := printed(now.Identity) + printed(now.Boundary)
	for _, l := range now.ServiceControl {
		read += printed(l)
	}
	for range 60 {
		other, keys := x.g.request(x), contextOf(x.request)
		action, resource := x.request.Action, x.request.Resource
		switch key := x.g.pick("action", "resource", tagU, tagV, "s3:prefix", "aws:TagKeys", "s3:max-keys"); key {
		case "action":
			action = other.Action
		case "resource":
			resource = other.Resource
		default:
			if strings.HasPrefix(key, "s3:") && !strings.HasPrefix(action, "s3:") {
				continue // another service's
			}
			if _, has := keys[key]; !strings.Contains(read, key) || !has && !strings.Contains(p.String(), key) && !strings.HasPrefix(key, "aws:PrincipalTag/") {
				continue // nothing tells the two apart
			}
			values, state := other.Context.Value(key)
			if key == "aws:TagKeys" && less(values, keys[key]) {
				continue // fewer of the values are no neighbour
			}
			if delete(keys, key); state != conditions.Absent {
				keys[key] = values
			}
		}
		q := x.asking(action, resource, keys)
		if action == x.request.Action && resource == x.request.Resource && same(contextOf(q), contextOf(x.request)) {
			continue
		}
		require.Equal(x, before.Decide(q).Allowed(), after.Decide(q).Allowed(), "a neighbour: %s %s %v", action, resource, keys)
	}
}

// less reports whether all values are among others.
func less(values, others []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != "" && !slices.Contains(others, v) })
}

func same(a, b map[string][]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || !slices.Equal(v, w) {
			return false
		}
	}
	return true
}

// spared takes statements away.
func (x *flipCase) spared(p *analysis.Policies, refs []analysis.Ref) *analysis.Policies {
	without := func(kind policy.Kind, level int, docs []*policy.Document) []*policy.Document {
		if docs == nil {
			return nil
		}
		out := []*policy.Document{}
		for _, d := range docs {
			y := *d
			y.Statements = slices.DeleteFunc(slices.Clone(d.Statements), func(s policy.Statement) bool {
				return s.Effect == policy.Deny && slices.ContainsFunc(refs, func(r analysis.Ref) bool {
					return r.Kind == kind && r.Level == level && r.Statement == s.Index && r.Pos == s.Pos
				})
			})
			out = append(out, &y)
		}
		return out
	}
	out := &analysis.Policies{Identity: without(policy.Identity, 0, p.Identity), Boundary: without(policy.Boundary, 0, p.Boundary)}
	for i, l := range p.ServiceControl {
		out.ServiceControl = append(out.ServiceControl, without(policy.ServiceControl, i, l))
	}
	return out
}

var quotedText = regexp.MustCompile(`"([^"]*)"`)

// checkHint holds that a hint speaks of what the caller sent, or is, alone.
func (x *flipCase) checkHint() {
	known := []string{}
	for _, values := range contextOf(x.request) {
		known = append(known, values...)
	}
	for _, m := range quotedText.FindAllStringSubmatch(x.flips.Hint, -1) {
		require.Contains(x, known, m[1], x.flips.Hint)
	}
	require.NotEqual(x, engine.ExplicitDeny, x.evaluator(x.policies).Decide(x.request).Outcome)
	require.NotContains(x, x.flips.Hint, "olicy")
}
