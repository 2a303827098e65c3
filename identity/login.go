package identity

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// Verifier proves logins of one provider. It may be shared.
type Verifier interface {
	// Verify checks a token that a client presents as a login. clients are the
	// client ids whose tokens the pool takes; a provider that knows none, such
	// as SAML, ignores them. A refusal is an *Error with the code
	// NotAuthorized and a message of identity-protocol §1.4; ExternalService
	// means that the provider could not be asked.
	Verify(ctx context.Context, token string, clients []string) (*Login, error)
}

// Checker is a Verifier that can tell whether a login was revoked since its
// token was made: a user pool that is our own.
type Checker interface {
	// Check refuses with NotAuthorized, "Token is inactive".
	Check(ctx context.Context, login *Login) error
}

// Spender is a Verifier whose tokens are not to be used again and again, by
// whoever has got hold of one: a SAML provider.
type Spender interface {
	// Spend ties the token of a login to where it is used first: an identity
	// pool, by its id, where it stays good until it ends, as the enhanced flow
	// sends it twice; or STS, the empty string, where it is good once. What was
	// used elsewhere, or before at STS, is refused with NotAuthorized, "Token is
	// inactive".
	Spend(ctx context.Context, login *Login, pool string) error
}

// Login is a proven login. It is immutable.
type Login struct {
	// Provider is the key of the login, such as accounts.google.com.
	Provider string
	// Subject is who logged in, unique within the provider, 1 to 255 bytes.
	Subject string
	// Issuer and Audience are the token's iss, and the client id it is for
	// (azp if the token has one, else aud); empty where there are none.
	Issuer, Audience string
	// Claims are what the provider says, for role mappings and principal tags.
	// They are what the token holds; nothing is added.
	Claims oidc.Claims
	// Keys are the context keys of the provider that stay in a session, such
	// as accounts.google.com:sub, and TrustKeys the ones that only a trust
	// policy sees. Source: iam-semantics §5.4.
	Keys, TrustKeys []ContextKey
	// AuthTime is when the user proved who they are, zero if the token does
	// not say; MFA reports whether a second factor was used.
	AuthTime time.Time
	MFA      bool
	// Expires is when the token ends, and SessionExpires when the provider's own
	// session does, zero if the token does not say.
	Expires, SessionExpires time.Time
	// ID is the token's own identifier (jti, the ID of a SAML assertion),
	// empty if it has none.
	ID string
}

// ContextKey is a context key with its values.
type ContextKey struct {
	Name   string   `json:"n"`
	Values []string `json:"v"`
}

// Client is what a server knows of the connection that a call came over. Trust
// policies see it, and limits count by its address.
type Client struct {
	// Address is the peer's; the zero value means that it is not known.
	Address   netip.Addr
	UserAgent string
	// TLS says that nobody between could read the call.
	TLS bool
}

// Keys returns the context keys that a request has of its connection, of the
// time and of the region that it was sent to; region may be empty. Source:
// iam-semantics §5.3.
func (c Client) Keys(now time.Time, region string) []ContextKey {
	keys := []ContextKey{
		{"aws:CurrentTime", []string{now.UTC().Format(time.RFC3339)}},
		{"aws:EpochTime", []string{strconv.FormatInt(now.Unix(), 10)}},
		{"aws:SecureTransport", []string{strconv.FormatBool(c.TLS)}},
		{"aws:UserAgent", some(c.UserAgent)},
		{"aws:RequestedRegion", some(region)},
		{"aws:ViaAWSService", []string{"false"}},
	}
	if c.Address.IsValid() {
		keys = append(keys, ContextKey{"aws:SourceIp", []string{c.Address.Unmap().WithZone("").String()}})
	}
	return slices.DeleteFunc(keys, func(k ContextKey) bool { return len(k.Values) == 0 })
}

type clientKey struct{}

// WithClient returns ctx with the client that called.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientFrom returns the client that called; the zero value if ctx has none.
func ClientFrom(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}
