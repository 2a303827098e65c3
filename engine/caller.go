package engine

import (
	"context"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// Caller is who asks, with the policies that apply to them and the context
// keys that their session determines: made once for a session, used for each
// of its requests. It must not be changed and may then be shared. The zero
// value is denied everything.
type Caller struct {
	Principal Principal
	Evaluator *Evaluator
	// Session is the base of every request's context.
	Session *conditions.Context
}

// NewRequest returns a request of the caller whose context is empty but for
// the session's keys, which it cannot override. The resource's policy, if
// there is one, is not the caller's to know.
func (c *Caller) NewRequest(action, resource string) *Request {
	r := &Request{Principal: c.Principal, Action: action, Resource: resource}
	if c.Session != nil && c.Session.Vocabulary() != nil {
		r.Context = c.Session.Vocabulary().NewContext()
		r.Context.Reset(c.Session)
	}
	return r
}

type callerKey struct{}

// WithCaller returns ctx with the caller on whose behalf it runs.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of ctx; ok is false if it has none.
func CallerFrom(ctx context.Context) (c *Caller, ok bool) {
	c, _ = ctx.Value(callerKey{}).(*Caller)
	return c, c != nil
}

// sessionKeys are the keys beside aws:Principal… and those of providers that
// the credentials of a caller determine, in lower case.
var sessionKeys = map[string]bool{
	"aws:userid":                       true,
	"aws:username":                     true,
	"aws:tokenissuetime":               true,
	"aws:federatedprovider":            true,
	"aws:multifactorauthpresent":       true,
	"aws:multifactorauthage":           true,
	"aws:sourceidentity":               true,
	"aws:assumedroot":                  true,
	"aws:signinsessionarn":             true,
	"aws:chatbotsourcearn":             true,
	"aws:ec2instancesourcevpc":         true,
	"aws:ec2instancesourceprivateipv4": true,
}

// SessionKey reports whether a context key, in any case, is one that only a
// session may set: those of the principal, of the token, and of identity
// providers. A request that brings one of these as its own is to be refused,
// also when the session has no such key. Source: iam-semantics §5.2 to §5.4.
func SessionKey(name string) bool {
	if hasFoldedPrefix(name, "aws:") {
		return hasFoldedPrefix(name, "aws:principal") || sessionKeys[strings.ToLower(name)]
	}
	return ProviderKey(name)
}

func hasFoldedPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// ProviderKey reports whether a context key, in any case, is a claim of an
// identity provider: saml:NAME, or ISSUER:CLAIM where the issuer is a host with
// or without port and path. A host of one label cannot be told from the prefix
// of a service; of such an issuer only the claims are known that stay in a
// session. Source: iam-semantics §5.4.
func ProviderKey(name string) bool {
	prefix, rest, ok := strings.Cut(name, ":")
	if !ok {
		return false
	}
	if strings.EqualFold(prefix, "saml") || strings.ContainsAny(prefix, "./[") || portAndClaim(rest) {
		return true
	}
	return strings.EqualFold(rest, "sub") || strings.EqualFold(rest, "aud") || strings.EqualFold(rest, "amr")
}

// portAndClaim reports whether s goes on after a host's colon: a port, perhaps
// a path, and a claim.
func portAndClaim(s string) bool {
	end := strings.IndexAny(s, ":/")
	return end > 0 && strings.Trim(s[:end], "0123456789") == "" && strings.Contains(s[end:], ":")
}
