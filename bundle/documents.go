package bundle

import "github.com/rowan-authz/rowan/policy"

// Documents returns the role's policies, managed ones first, and its permissions
// boundary, nil if it has none. The documents must not be changed.
func (r *Role) Documents() (identity, boundary []*policy.Document) {
	identity = policyDocuments(r.attached.policies)
	if r.attached.limit != nil {
		boundary = []*policy.Document{r.attached.limit.Document}
	}
	return identity, boundary
}

// TrustDocument returns the role's trust policy, nil if it has none. It must not
// be changed.
func (r *Role) TrustDocument() *policy.Document {
	if r.trust == nil {
		return nil
	}
	return r.trust.Document
}

// GuestDocument returns the session policy of the pool's guests, nil if there is
// none. It must not be changed.
func (p *IdentityPool) GuestDocument() *policy.Document {
	if p.guests == nil {
		return nil
	}
	return p.guests.Document
}

// Documents returns the policies of the level. They must not be changed.
func (l *Level) Documents() []*policy.Document { return policyDocuments(l.documents) }

// Document returns the policy of the resource. It must not be changed.
func (r *Resource) Document() *policy.Document { return r.policy.Document }

func policyDocuments(docs []*document) []*policy.Document {
	out := make([]*policy.Document, len(docs))
	for i, d := range docs {
		out[i] = d.Document
	}
	return out
}
