package bundle

import (
	"errors"
	"slices"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// errNotSwapped means a document that is none of a bundle's, or one that suites do
// not decide by.
var errNotSwapped = errors.New("no policy of a role, of a guardrail or of a resource of this bundle")

// Swap returns a bundle that decides with another document in the place of one of
// its own: a policy or boundary of roles, a guardrail, or the policy of a resource.
// All else is shared, the digest too, and only sets that hold the document are
// compiled: it is for trying out what a change does. It fails if the document is
// not valid there. The bundle itself stays as it is.
func (b *Bundle) Swap(old, now *policy.Document) (*Bundle, error) {
	i := slices.IndexFunc(b.documents, func(d *document) bool { return d.Document == old })
	if i < 0 || b.documents[i].kind == policy.Trust || b.documents[i].kind == policy.Session {
		return nil, errNotSwapped
	}
	swapped := *b.documents[i]
	swapped.Document = now
	s := &swap{
		old: b.documents[i], now: &swapped, sets: map[*engine.Set]*engine.Set{},
		bundle: &Bundle{
			Name: b.Name, Account: b.Account, Partition: b.Partition, Region: b.Region, Digest: b.Digest,
			RequireTests: b.RequireTests, AllowEmpty: b.AllowEmpty, Tables: b.Tables, IdentityPools: b.IdentityPools,
			UserPools: b.UserPools, Providers: b.Providers, Administrators: b.Administrators, Services: b.Services, Routes: b.Routes,
			Rego: b.Rego, vocabulary: b.vocabulary, sources: b.sources, warnings: b.warnings, names: b.names, overlaps: &overlaps{},
		},
	}
	s.bundle.documents, _ = s.replaced(b.documents)
	if err := s.roles(b.Roles); err != nil {
		return nil, err
	}
	if err := s.resources(b.Resources); err != nil {
		return nil, err
	}
	var err error
	out := s.bundle
	if out.ServiceControl, out.serviceControl, err = s.levels(policy.ServiceControl, b.ServiceControl, b.serviceControl); err != nil {
		return nil, err
	}
	out.ResourceControl, out.resourceControl, err = s.levels(policy.ResourceControl, b.ResourceControl, b.resourceControl)
	return out, err
}

// swap fills a bundle that differs from another in one document.
type swap struct {
	bundle   *Bundle
	old, now *document
	sets     map[*engine.Set]*engine.Set // compiled, by what they replace
}

// replaced returns documents with the one replaced; has says whether it is among
// them.
func (s *swap) replaced(docs []*document) (out []*document, has bool) {
	i := slices.Index(docs, s.old)
	if i < 0 {
		return docs, false
	}
	out = slices.Clone(docs)
	out[i] = s.now
	return out, true
}

// compiled returns the set of documents that replaces another.
func (s *swap) compiled(was *engine.Set, kind policy.Kind, docs ...*document) (*engine.Set, error) {
	if set, ok := s.sets[was]; ok {
		return set, nil
	}
	set, err := engine.Compile(s.bundle.vocabulary, kind, policyDocuments(docs)...)
	if err == nil {
		s.sets[was] = set
	}
	return set, err
}

func (s *swap) roles(all []*Role) (err error) {
	s.bundle.Roles = slices.Clone(all)
	for i, r := range all {
		x := *r
		var own, limits bool
		if x.attached.policies, own = s.replaced(r.attached.policies); own {
			if x.Identity, err = s.compiled(r.Identity, policy.Identity, x.attached.policies...); err != nil {
				return err
			}
		}
		if limits = r.attached.limit == s.old; limits {
			x.attached.limit = s.now
			if x.Boundary, err = s.compiled(r.Boundary, policy.Boundary, s.now); err != nil {
				return err
			}
		}
		if own || limits {
			s.bundle.Roles[i] = &x
		}
	}
	return nil
}

func (s *swap) resources(all []*Resource) (err error) {
	s.bundle.Resources = slices.Clone(all)
	for i, r := range all {
		if r.policy != s.old {
			continue
		}
		x := *r
		x.policy = s.now
		if x.set, err = s.compiled(r.set, policy.Resource, s.now); err != nil {
			return err
		}
		s.bundle.Resources[i] = &x
	}
	return nil
}

func (s *swap) levels(kind policy.Kind, all []*Level, sets []*engine.Set) ([]*Level, []*engine.Set, error) {
	for i, l := range all {
		docs, has := s.replaced(l.documents)
		if !has {
			continue
		}
		set, err := s.compiled(sets[i], kind, docs...)
		if err != nil {
			return nil, nil, err
		}
		all, sets = slices.Clone(all), slices.Clone(sets)
		all[i], sets[i] = &Level{Name: l.Name, documents: docs}, set
	}
	return all, sets, nil
}
