package bundle

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// maxOverlaps bounds how many compiled combinations of resource policies a
// bundle keeps; a further one is compiled each time it is asked for.
const maxOverlaps = 1024

// Evaluator combines what applies to a session of a role that asks for a
// resource: the role's own policies and boundary, the guardrails, and the
// policies of the resource. session is the session policy, nil if there is
// none: see IdentityPool.GuestSession.
//
// All resource policies whose pattern covers the resource count together: each
// of their denies denies. A role is covered by its trust policy. The resource
// control policies are those of the bundle's account and do not hold for a
// resource of another one.
//
// The parts are compiled once and shared; the Evaluator itself is cheap. An
// error means that there is no such role, or that the resource policies do not
// agree who owns the resource; the caller denies then.
func (b *Bundle) Evaluator(role, resource string, session *engine.Set) (*engine.Evaluator, error) {
	r, ok := b.Role(role)
	if !ok {
		return nil, fmt.Errorf("no role %q", role)
	}
	account, known, err := b.Owner(resource)
	if err != nil {
		return nil, err
	}
	set, err := b.ResourceSet(resource)
	if err != nil {
		return nil, err
	}
	e := &engine.Evaluator{
		Identity: r.Identity, Boundary: r.Boundary, Session: session, Resource: set,
		ServiceControl: b.serviceControl, ResourceControl: b.resourceControl,
	}
	if known && account != b.Account {
		e.ResourceControl = nil
	}
	return e, nil
}

// Principal returns a session of a role. name is SessionName for the sessions
// that an identity pool makes.
func (b *Bundle) Principal(role, name string) (engine.Principal, error) {
	r, ok := b.Role(role)
	if !ok {
		return engine.Principal{}, fmt.Errorf("no role %q", role)
	}
	p, err := engine.ParsePrincipal("arn:" + b.Partition + ":sts::" + b.Account + ":assumed-role/" + r.Name + "/" + name)
	if err != nil {
		return p, err
	}
	return p.WithUniqueID(r.UniqueID).WithRole(r.ARN)
}

// Owner returns the account that owns a resource: the one of its ARN, else the
// one that resources/NAME.yaml gives. known is false if neither says. "*" is
// the bundle's own.
func (b *Bundle) Owner(resource string) (account string, known bool, err error) {
	if resource == "*" {
		return b.Account, true, nil
	}
	if parts, ok := splitARN(resource); ok && parts[4] != "" {
		return parts[4], true, nil
	}
	by := ""
	for _, r := range b.Resources {
		switch {
		case !r.Covers(resource):
		case by != "" && r.Account != account:
			return "", false, fmt.Errorf("resources/%s.yaml and resources/%s.yaml both cover %s and name different accounts", by, r.Name, resource)
		default:
			by, account = r.Name, r.Account
		}
	}
	return account, by != "", nil
}

// ResourceSet returns the policies of a resource, nil if there are none: the
// Resource of an Evaluator for a request about it. Of a role it is the trust
// policy.
func (b *Bundle) ResourceSet(resource string) (*engine.Set, error) {
	if isRole(resource) {
		i := slices.IndexFunc(b.Roles, func(r *Role) bool { return r.ARN == resource })
		if i < 0 {
			return nil, nil
		}
		return b.Roles[i].Trust, nil
	}
	var found []*Resource
	key := ""
	for i, r := range b.Resources {
		if r.Covers(resource) {
			found = append(found, r)
			key += strconv.Itoa(i) + ","
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0].set, nil
	}
	return b.overlap(key, found)
}

// overlap returns the set of several resource policies that apply together.
func (b *Bundle) overlap(key string, found []*Resource) (*engine.Set, error) {
	o := b.overlaps
	o.mu.Lock()
	defer o.mu.Unlock()
	if s, ok := o.sets[key]; ok {
		return s, nil
	}
	docs := make([]*policy.Document, len(found))
	for i, r := range found {
		docs[i] = r.policy.Document
	}
	s, err := engine.Compile(b.vocabulary, policy.Resource, docs...)
	if err == nil && len(o.sets) < maxOverlaps {
		if o.sets == nil {
			o.sets = map[string]*engine.Set{}
		}
		o.sets[key] = s
	}
	return s, err
}
