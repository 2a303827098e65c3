package proof

import (
	"context"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/policy"
)

const amr = "cognito-identity.amazonaws.com:amr"

// guests asks what identities reach that are not signed in. Source: analysis A9
// I.
func guests(b *bundle.Bundle, t *bundle.Table, everything []string) check {
	keys, claim := escaped(t.Isolation.Shared), "as a guest reaches only shared rows"
	switch t.Isolation.Guests {
	case bundle.GuestsShared:
		if len(keys) > 0 {
			claim = "as a guest reaches only " + strings.Join(t.Isolation.Shared, ", ")
		}
	case bundle.GuestsNothing:
		keys, claim = nil, "as a guest reaches nothing of the table"
	case bundle.GuestsOwn:
		keys = append(keys, "${"+t.Isolation.Identity+"}")
		claim = "as a guest reaches only rows whose partition key is ${" + t.Isolation.Identity + "}" + orShared(t)
	}
	c := check{
		name: guestCheck, claim: claim,
		asked:   []string{statement("Allow", []string{"dynamodb:*"}, everything, nil)},
		applies: func(r *bundle.Role, _ *bundle.Table) bool { return len(guestPools(b, r)) > 0 },
		ask: func(r *bundle.Role, q *analysis.Question) {
			q.Keys[amr] = []string{"unauthenticated"}
			pools := guestPools(b, r)
			// The session policy of guests limits what the enhanced flow gives them.
			if d := pools[0].GuestDocument(); len(pools) == 1 && d != nil && !pools[0].ClassicFlow {
				q.By.Session = []*policy.Document{d}
			}
		},
	}
	if len(keys) > 0 {
		c.only = statement("Allow", rowActions, everything, condition{
			"ForAllValues:StringEquals": {leadingKeys: keys}, "Null": {leadingKeys: "false"},
		})
	}
	return c
}

// guestPools are the identity pools whose guests may get a role: as the one for
// guests, or by the classic flow, which gives any that trusts them.
func guestPools(b *bundle.Bundle, r *bundle.Role) []*bundle.IdentityPool {
	var out []*bundle.IdentityPool
	for _, p := range b.IdentityPools {
		if p.Unauthenticated == r.ARN || p.Unauthenticated != "" && p.ClassicFlow && trustsGuests(r, p) {
			out = append(out, p)
		}
	}
	return out
}

// trustsGuests reports whether the trust policy of a role may let in the guests
// of a pool. Its Denies are not looked at: what they keep out is asked about for
// nothing.
func trustsGuests(r *bundle.Role, p *bundle.IdentityPool) bool {
	d := r.TrustDocument()
	if d == nil {
		return false
	}
	allows := *d
	allows.Statements = nil
	for _, s := range d.Statements {
		if s.Effect == policy.Allow {
			s.Principal, s.Resource = nil, policy.Element{Values: []policy.Text{{Value: "*"}}}
			allows.Statements = append(allows.Statements, s)
		}
	}
	entering, err := parse(statement("Allow", []string{"sts:AssumeRoleWithWebIdentity"}, []string{"*"}, nil))
	if err != nil {
		return true
	}
	a, err := analysis.Search(context.Background(), &analysis.Question{
		By:   &analysis.Policies{Identity: []*policy.Document{&allows}},
		And:  []*analysis.Policies{{Identity: []*policy.Document{entering}}},
		Keys: map[string][]string{amr: {"unauthenticated"}, "cognito-identity.amazonaws.com:aud": {p.ID}},
	})
	return err != nil || a.Verdict != analysis.Never
}
