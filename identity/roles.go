package identity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// The words of role mappings. Source: identity-protocol §1.9.
const (
	mappingToken = "Token"
	mappingRules = "Rules"

	ambiguousAuthenticated = "AuthenticatedRole"
	ambiguousDeny          = "Deny"
)

// MappingTrace is how one provider's role mapping fared.
type MappingTrace struct {
	// Type is "Token" or "Rules".
	Type string `json:"type"`
	// Candidates are the roles that the token offers, Preferred the one it
	// prefers, for the type Token.
	Candidates []string `json:"candidates,omitempty"`
	Preferred  string   `json:"preferred,omitempty"`
	// Rules are in order, for the type Rules.
	Rules []RuleTrace `json:"rules,omitempty"`
	// Role is what the mapping gives, empty if it refuses; Reason says why.
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason"`

	fellBack bool // to the pool's role for authenticated identities
}

// RuleTrace is how one rule fared.
type RuleTrace struct {
	RoleRule
	Matched bool `json:"matched"`
	// Why says what the rule compared.
	Why string `json:"why"`
}

// roleChoice is which role a call gets, and why.
type roleChoice struct {
	// role is empty if err says why there is none.
	role, reason string
	// mappings are those of the proofs, nil for a login without one.
	mappings []*MappingTrace
	err      *Error
}

// mapping returns the trace of a proof, nil if it has none.
func (c *roleChoice) mapping(i int) *MappingTrace {
	if i >= len(c.mappings) {
		return nil
	}
	return c.mappings[i]
}

// chooseRole picks the role of a call; no proofs means a guest. Source:
// identity-protocol §1.9.
func chooseRole(pool *PoolConfig, proofs []proof, custom string) roleChoice {
	if len(proofs) == 0 {
		return guestRole(pool, custom)
	}
	c := roleChoice{mappings: make([]*MappingTrace, len(proofs))}
	var mapped []*MappingTrace
	fallback := true
	for i := range proofs {
		provider := proofs[i].provider
		if provider == nil || provider.Roles.Type == "" {
			continue
		}
		trace := provider.Roles.choose(provider.Kind, proofs[i].login.Claims, pool.Authenticated, custom)
		c.mappings[i] = trace
		mapped = append(mapped, trace)
		fallback = fallback && provider.Roles.Ambiguous == ambiguousAuthenticated
	}
	switch {
	case len(mapped) == 0 && custom != "":
		return c.refuse("CustomRoleArn is given and no login has a role mapping")
	case len(mapped) == 0:
		return c.take(pool.Authenticated, "the pool's role for authenticated identities")
	case slices.ContainsFunc(mapped, func(t *MappingTrace) bool { return t.Role != mapped[0].Role }):
		if !fallback || custom != "" || slices.ContainsFunc(mapped, func(t *MappingTrace) bool { return t.Role == "" }) {
			return c.refuse("the mappings of several logins disagree")
		}
		return c.take(pool.Authenticated, "the mappings of several logins disagree: the pool's role for authenticated identities")
	case mapped[0].Role == "" && !mapped[0].fellBack:
		return c.refuse(mapped[0].Reason)
	}
	return c.take(mapped[0].Role, mapped[0].Reason)
}

// guestRole is the role of a guest, who may not choose.
func guestRole(pool *PoolConfig, custom string) roleChoice {
	if custom != "" {
		return roleChoice{}.refuse("CustomRoleArn is given and nobody is logged in")
	}
	return roleChoice{}.take(pool.Unauthenticated, "the pool's role for guests")
}

// take chooses a role; an empty one means that the pool lacks it.
func (c roleChoice) take(role, reason string) roleChoice {
	c.role, c.reason = role, reason
	if role == "" {
		c.err = badRoles(reason + ", which it does not have")
	}
	return c
}

// refuse chooses none. The client is not told which rules there are.
func (c roleChoice) refuse(reason string) roleChoice {
	c.reason = reason
	c.err = Errorf(NotAuthorized, "No role of this identity pool is for these logins.").Because(fmt.Errorf("role selection: %s", reason))
	return c
}

func badRoles(cause string) *Error {
	return Errorf(InvalidIdentityPoolConfiguration, "Invalid identity pool configuration. Check assigned IAM roles for this pool.").
		Because(fmt.Errorf("%s", cause))
}

// choose applies one mapping. fallback is the pool's role for authenticated
// identities.
func (m *RoleMapping) choose(kind ProviderKind, claims oidc.Claims, fallback, custom string) *MappingTrace {
	t := &MappingTrace{Type: m.Type}
	var offered []string // what CustomRoleArn may be
	switch m.Type {
	case mappingToken:
		offered = t.byToken(kind, claims)
	case mappingRules:
		offered = t.byRules(m.Rules, claims)
	default:
		t.Role, t.Reason = "", "the mapping has an unknown type"
		return t
	}
	switch {
	case custom != "" && slices.Contains(offered, custom):
		t.Role, t.Reason = custom, "CustomRoleArn, which the login may choose"
	case custom != "":
		t.Role, t.Reason = "", "CustomRoleArn is none of the roles that the login may choose"
	case t.Role != "":
	case m.Ambiguous == ambiguousAuthenticated:
		t.Role, t.Reason, t.fellBack = fallback, t.Reason+": the pool's role for authenticated identities", true
	}
	return t
}

// byToken takes the preferred role of a user pool's token. Claims of that name
// in another provider's tokens mean nothing: anyone may run a provider.
func (t *MappingTrace) byToken(kind ProviderKind, claims oidc.Claims) (offered []string) {
	if kind != UserPoolProvider {
		t.Reason = "only a user pool's tokens name roles"
		return nil
	}
	t.Candidates = tokenRoles(claims)
	t.Preferred, _ = claims.String("cognito:preferred_role")
	switch {
	case t.Preferred == "":
		t.Reason = "the token prefers no role"
	case !slices.Contains(t.Candidates, t.Preferred):
		t.Reason = "the role that the token prefers is not among its roles"
	default:
		t.Role, t.Reason = t.Preferred, "the role that the token prefers"
	}
	return t.Candidates
}

// tokenRoles reads cognito:roles: an array, or text with commas. Source:
// identity-protocol §1.9.
func tokenRoles(claims oidc.Claims) []string {
	if text, ok := claims.String("cognito:roles"); ok {
		return strings.Split(text, ",")
	}
	roles, _ := claims.Strings("cognito:roles")
	return roles
}

// byRules takes the role of the first rule that matches; every matching rule's
// is offered.
func (t *MappingTrace) byRules(rules []RoleRule, claims oidc.Claims) (offered []string) {
	t.Reason = "no rule matches"
	for i := range rules {
		matched, why := rules[i].matches(claims)
		t.Rules = append(t.Rules, RuleTrace{RoleRule: rules[i], Matched: matched, Why: why})
		if !matched {
			continue
		}
		if len(offered) == 0 {
			t.Role, t.Reason = rules[i].Role, fmt.Sprintf("rule %d is the first that matches", i+1)
		}
		offered = append(offered, rules[i].Role)
	}
	return offered
}

// matches compares bytes. A claim that is absent, or of a form that has no
// text, matches nothing, under NotEqual too.
func (r *RoleRule) matches(claims oidc.Claims) (matched bool, why string) {
	values, list, ok := claimValues(claims, r.Claim)
	if !ok {
		return false, "the login has no such claim"
	}
	equal := slices.Contains(values, r.Value)
	switch r.Match {
	case "Equals":
		matched = equal && len(values) == 1
	case "NotEqual":
		matched = !equal
	case "StartsWith":
		matched = !list && strings.HasPrefix(values[0], r.Value)
	case "Contains":
		matched = list && equal || !list && strings.Contains(values[0], r.Value)
	default:
		return false, "the rule has an unknown match type"
	}
	if list {
		return matched, fmt.Sprintf("the claim is the list %q", values)
	}
	return matched, fmt.Sprintf("the claim is %q", values[0])
}

// claimValues returns a claim as rules and tags see it: at least one value, and
// whether it is an array. Booleans and whole numbers are their JSON text;
// null, an object, another number, an empty array, and an array with one of
// these in it are as good as absent.
func claimValues(claims oidc.Claims, name string) (values []string, list, ok bool) {
	elements, list := claims[name].([]any)
	if !list {
		elements = []any{claims[name]}
	}
	for _, e := range elements {
		text, ok := claimText(e)
		if !ok {
			return nil, list, false
		}
		values = append(values, text)
	}
	return values, list, len(values) > 0
}

func claimText(claim any) (string, bool) {
	switch v := claim.(type) {
	case string:
		return v, true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case json.Number:
		digits := strings.TrimPrefix(v.String(), "-")
		return v.String(), digits != "" && strings.Trim(digits, "0123456789") == ""
	}
	return "", false
}
