package identity

import (
	"context"

	"github.com/rowan-authz/rowan/engine"
)

// Lens is what a login comes to: whose it is, which role it gets and why, and
// what policies will see. It is for operators: it holds claims and subjects.
type Lens struct {
	Pool string `json:"pool"`
	// IdentityID is the identity of the logins; empty if there is none yet.
	IdentityID string `json:"identityId,omitempty"`
	// New says that GetId would make an identity, or link a login to one.
	New bool `json:"new,omitempty"`
	// Links are the logins that are new to the identity; Merges are the
	// identities that GetId would merge into it.
	Links         []string `json:"links,omitempty"`
	Merges        []string `json:"merges,omitempty"`
	Authenticated bool     `json:"authenticated"`
	// Logins are sorted by provider.
	Logins []LensLogin `json:"logins,omitempty"`
	// Role is the ARN of the chosen role, empty if none was; Reason says what
	// chose it.
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Tags are the session's tags and those that were left out.
	Tags []TagTrace `json:"tags,omitempty"`
	// Trust holds what the role's trust policy says, one for each action.
	Trust []LensTrust `json:"trust,omitempty"`
	// Context holds every context key of the session, sorted; those with one
	// value are policy variables too.
	Context []ContextKey `json:"context,omitempty"`
	// SessionPolicies limit the session; nil if there are none.
	SessionPolicies []string `json:"sessionPolicies,omitempty"`
	// Refusal is why the login gets no credentials; nil if it does.
	Refusal *Error `json:"refusal,omitempty"`
}

// LensLogin is one login as the pool reads it.
type LensLogin struct {
	Provider string       `json:"provider"`
	Kind     ProviderKind `json:"kind"`
	Subject  string       `json:"subject"`
	Audience string       `json:"audience,omitempty"`
	Issuer   string       `json:"issuer,omitempty"`
	Expires  Epoch        `json:"expires"`
	// Claims are those that role rules and tags read, present or not.
	Claims []LensClaim `json:"claims,omitempty"`
	// Mapping says how the provider's role mapping fared; nil if it has none.
	Mapping *MappingTrace `json:"mapping,omitempty"`
}

// LensClaim is a claim; Values are as rules see them.
type LensClaim struct {
	Name    string   `json:"name"`
	Present bool     `json:"present"`
	Values  []string `json:"values,omitempty"`
}

// LensTrust is a decision of a trust policy.
type LensTrust struct {
	Action      string             `json:"action"`
	Allowed     bool               `json:"allowed"`
	Explanation engine.Explanation `json:"-"`
}

// Lens shows what GetId and GetCredentialsForIdentity would make of logins, by
// the same code, and changes nothing. A token that is not valid is an error; a
// login that gets no credentials is a Lens with a Refusal.
func (p *Pools) Lens(ctx context.Context, poolID string, logins map[string]string) (*Lens, error) {
	return nil, Errorf(InternalError, "not yet")
}
