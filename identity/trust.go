package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// The actions that a trust policy decides on. Source: iam-semantics §4.8.
const (
	actionWebIdentity = "sts:AssumeRoleWithWebIdentity"
	actionSAML        = "sts:AssumeRoleWithSAML"
	actionTag         = "sts:TagSession"
	actionSource      = "sts:SetSourceIdentity"
)

// assumption is a federated principal that is about to become a session.
type assumption struct {
	role *Role
	// principal is the Federated principal: a built-in issuer's host, or the
	// ARN of a provider. federated is aws:FederatedProvider, empty for none.
	principal, federated string
	// action is how the role is assumed.
	action string
	// keys are those of the provider.
	keys           []ContextKey
	sessionName    string
	sourceIdentity string
	tags           []Tag
	transitive     []string
}

// actions are what the trust policy must allow, each of them.
func (a *assumption) actions() []string {
	out := []string{a.action}
	if len(a.tags) > 0 {
		out = append(out, actionTag)
	}
	if a.sourceIdentity != "" {
		out = append(out, actionSource)
	}
	return out
}

// trust asks the role's trust policy, and the resource control policies of the
// account, whether they allow all that a is about. refused is the first action
// that they do not; it is empty if they do. Source: identity-protocol §1.12.
func (p *Pools) trust(ctx context.Context, a *assumption, now time.Time) (refused string, err error) {
	for _, action := range a.actions() {
		e, r, err := p.trustRequest(ctx, a, action, now)
		if err != nil {
			return action, err
		}
		if !e.Decide(r).Allowed() {
			return action, nil
		}
	}
	return "", nil
}

// warnOfGuests tells the log of roles for users whose trust policies let guests
// in: in the basic flow it is the client who chooses the role. Source:
// identity-protocol §6.2, "Guest credentials for an authenticated role".
func (p *Pools) warnOfGuests(ctx context.Context, pool *PoolConfig) {
	if pool.Unauthenticated == "" || !pool.ClassicFlow {
		return
	}
	roles := []string{pool.Authenticated}
	for i := range pool.Providers {
		for _, r := range pool.Providers[i].Roles.Rules {
			roles = append(roles, r.Role)
		}
	}
	slices.Sort(roles)
	region, _, _ := strings.Cut(pool.ID, ":")
	guest := &Session{IdentityID: region + ":" + unborn, PoolID: pool.ID, AMR: []string{guestAMR}}
	for _, arn := range slices.Compact(roles) {
		role := p.options.Account.Roles[arn]
		if role == nil || arn == pool.Unauthenticated {
			continue
		}
		refused, err := p.trust(ctx, &assumption{
			role: role, principal: poolPrincipal, federated: poolPrincipal, action: actionWebIdentity, keys: poolKeys(guest), sessionName: poolSessionName,
		}, p.now())
		if err == nil && refused == "" {
			p.options.Log.WarnContext(ctx, "guests can assume a role for users by the basic flow: its trust policy does not ask for amr authenticated", "pool", pool.ID, "role", arn)
		}
	}
}

// trustRequest makes the question whether a may do action, and who answers it.
func (p *Pools) trustRequest(ctx context.Context, a *assumption, action string, now time.Time) (*engine.Evaluator, *engine.Request, error) {
	if a.role.Trust == nil {
		return nil, nil, fmt.Errorf("role %s has no trust policy", a.role.ARN)
	}
	if err := p.untrusted[a.role.ARN]; err != nil && a.principal == poolPrincipal {
		return nil, nil, err
	}
	principal, err := engine.FederatedPrincipal(a.principal)
	if err != nil {
		return nil, nil, err
	}
	keys, err := p.trustContext(ctx, a, now)
	if err != nil {
		return nil, nil, err
	}
	account := p.options.Account
	return &engine.Evaluator{Resource: a.role.Trust, ResourceControl: account.ResourceControl},
		&engine.Request{Principal: principal, Action: action, Resource: a.role.ARN, ResourceAccount: account.ID, Context: keys}, nil
}

// trustContext gives the context keys of the exchange. Source: identity-protocol
// §1.12; iam-semantics §5.3, §5.4.
func (p *Pools) trustContext(ctx context.Context, a *assumption, now time.Time) (*conditions.Context, error) {
	keys := slices.Concat(a.keys, ClientFrom(ctx).Keys(now, p.options.Account.Region), []ContextKey{
		{"aws:FederatedProvider", some(a.federated)},
		{"aws:ResourceAccount", []string{p.options.Account.ID}},
		{"sts:RoleSessionName", some(a.sessionName)},
		{"sts:SourceIdentity", some(a.sourceIdentity)},
		{"sts:TransitiveTagKeys", a.transitive},
	})
	names := make([]string, len(a.tags))
	for i, t := range a.tags {
		names[i] = t.Key
		keys = append(keys, ContextKey{"aws:RequestTag/" + t.Key, []string{t.Value}})
	}
	keys = append(keys, ContextKey{"aws:TagKeys", names})
	for _, t := range a.role.Tags {
		keys = append(keys, ContextKey{"aws:ResourceTag/" + t.Key, []string{t.Value}})
	}
	c := p.options.Account.Vocabulary.NewContext()
	for _, k := range keys {
		if len(k.Values) == 0 {
			continue // absent, which is not the same as present without a value
		}
		// A value that is not of its key's kind leaves the key indeterminate,
		// under which no Allow applies; a key that no policy can name is no loss.
		err := c.Set(k.Name, k.Values...)
		if err != nil && !errors.Is(err, conditions.ErrValue) && !errors.Is(err, conditions.ErrUnknownKey) {
			return nil, fmt.Errorf("trust policy of %s: %w", a.role.ARN, err)
		}
	}
	return c, nil
}
