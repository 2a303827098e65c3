package identity

import (
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Account is what identity needs of a bundle: roles, pools, guardrails and
// administrators of one account. It is immutable and may be shared; a new
// bundle makes a new one.
type Account struct {
	// ID is twelve digits; Partition is such as "aws", Region such as
	// "us-east-1".
	ID, Partition, Region string
	Vocabulary            *conditions.Vocabulary
	// Roles are by ARN, with the role's path.
	Roles map[string]*Role
	// Pools are by id.
	Pools map[string]*PoolConfig
	// Administrators are by access key id.
	Administrators map[string]*Administrator
	// Policies are the managed policies that a call to STS may name as session
	// policies: IAM JSON by ARN. nil is none.
	Policies map[string]string
	// OIDC and SAML providers are those registered in the account, which STS
	// takes tokens of: by the key of a login (the issuer without its scheme),
	// and by ARN. Pools name providers of their own.
	OIDC map[string]*OIDCProvider
	SAML map[string]*SAMLProvider
	// Facebook is the app behind logins of graph.facebook.com, nil if there is
	// none. Its access tokens are no JWTs: an endpoint is asked about them.
	Facebook *FacebookProvider
	// ServiceControl and ResourceControl are levels, root first; nil if there
	// is none.
	ServiceControl, ResourceControl []*engine.Set
}

// Issuer returns the OIDC issuer behind the key of a login: the one that is
// registered, else https://NAME, whose discovery tells the keys, with RS256.
func (a *Account) Issuer(name string) *OIDCProvider {
	if p, ok := a.OIDC[name]; ok {
		return p
	}
	return &OIDCProvider{
		Name: name, ARN: "arn:" + a.Partition + ":iam::" + a.ID + ":oidc-provider/" + name,
		Issuer: "https://" + name, Algorithms: []string{"RS256"},
	}
}

// Role is a role whose sessions identity makes.
type Role struct {
	// ARN has the role's path. UniqueID is AROA and 16 of A-Z2-7: a role that
	// is made anew has another one, so that old sessions end.
	ARN, UniqueID string
	// Trust is the trust policy; nil means that nobody can assume the role.
	Trust *engine.Set
	// TrustDocument is what Trust was compiled of, for CheckTrust; nil if there
	// is none.
	TrustDocument *policy.Document
	// Identity holds the role's policies and is never nil; Boundary is nil if
	// it has none.
	Identity, Boundary *engine.Set
	// Tags are the role's own; a session's come on top.
	Tags []Tag
	// MaxSession is how long a session lasts at most; zero means an hour.
	MaxSession time.Duration
}

// Tag is a tag of a role or a session.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// Administrator is a user of the account who may call signed operations, as
// far as the policies allow.
type Administrator struct {
	// ARN is a user's. UniqueID is AIDA and 16 of A-Z2-7.
	ARN, UniqueID string
	AccessKeyID   string
	Tags          []Tag
	// Identity is never nil; Boundary is nil if there is none.
	Identity, Boundary *engine.Set
}

// OIDCProvider is an issuer registered in the account.
type OIDCProvider struct {
	// Name is the key of its logins: the issuer without https://.
	Name string
	// ARN is arn:PARTITION:iam::ACCOUNT:oidc-provider/NAME.
	ARN string
	// Issuer is the exact iss of its tokens.
	Issuer string
	// KeysURL is where its key set is; empty means that discovery at the
	// issuer tells.
	KeysURL string
	// Clients are the audiences registered for STS.
	Clients []string
	// Algorithms is the closed list; empty means RS256.
	Algorithms []string
}

// SAMLProvider is a SAML 2.0 identity provider registered in the account.
type SAMLProvider struct {
	// ARN is arn:PARTITION:iam::ACCOUNT:saml-provider/NAME.
	ARN string
	// Metadata is its entity descriptor; the signing certificates in it are
	// the only ones trusted.
	Metadata []byte
	// Audience is what an assertion must name: our entity id.
	Audience string
	// Recipients are the addresses that an assertion may be posted to, of which it
	// must name one.
	Recipients []string
}

// FacebookProvider is the app whose users' access tokens pools take.
type FacebookProvider struct {
	// AppID is the app's; its secret stands outside the bundle.
	AppID string
	// Endpoint is where tokens are checked, https://graph.facebook.com unless
	// the bundle says otherwise.
	Endpoint string
}

// PoolConfig is an identity pool as a bundle describes it.
type PoolConfig struct {
	// ID is REGION:UUID, the value of cognito-identity.amazonaws.com:aud.
	ID   string
	Name string
	// Authenticated and Unauthenticated are ARNs of the default roles, empty if
	// there is none. Without the latter there are no guests.
	Authenticated, Unauthenticated string
	// GuestPolicy is the session policy of guests, IAM JSON; empty means that
	// nothing but the role limits them.
	GuestPolicy string
	// ClassicFlow lets clients take the pool's token to STS themselves.
	ClassicFlow bool
	// NoLinking refuses to link further logins to an identity that has one:
	// the switch "no implicit link after creation".
	NoLinking bool
	// DeveloperProvider is the provider name of developer-authenticated
	// identities, empty if there are none.
	DeveloperProvider string
	// OneTimeTokens lets a token of a developer's user be exchanged for
	// credentials once; a second time it is refused.
	OneTimeTokens bool
	// Providers are those whose logins the pool takes, by the keys of logins.
	Providers []PoolProvider
}

// Provider returns the provider of a login key.
func (p *PoolConfig) Provider(name string) (*PoolProvider, bool) {
	for i := range p.Providers {
		if p.Providers[i].Name == name {
			return &p.Providers[i], true
		}
	}
	return nil, false
}

// ProviderKind is the sort of an identity provider. Source: identity-protocol
// §1.5.
type ProviderKind string

// The sorts of providers.
const (
	UserPoolProvider  ProviderKind = "userPool"
	SocialProvider    ProviderKind = "social"
	OpenIDProvider    ProviderKind = "oidc"
	SAML2Provider     ProviderKind = "saml"
	DeveloperProvider ProviderKind = "developer"
)

// PoolProvider is one source of logins of an identity pool.
type PoolProvider struct {
	// Name is the key of its logins: a host with a path, or the ARN of a SAML
	// provider.
	Name string
	Kind ProviderKind
	// Clients are the client ids that tokens may be for. SAML has none.
	Clients []string
	// ServerSideTokenCheck asks the user pool whether a token was revoked.
	ServerSideTokenCheck bool
	// Roles says which role a login gets; its zero value means the pool's
	// default role.
	Roles RoleMapping
	// PrincipalTags are the session tags that claims give.
	PrincipalTags PrincipalTags
}

// RoleMapping chooses the role of a login. Source: identity-protocol §1.9.
type RoleMapping struct {
	// Type is "Token", "Rules", or empty for no mapping.
	Type string
	// Ambiguous is "AuthenticatedRole" or "Deny": what happens when nothing
	// chooses.
	Ambiguous string
	// Rules are tried in order.
	Rules []RoleRule
}

// RoleRule gives a role to a login by one of its claims.
type RoleRule struct {
	// Claim is the name of the claim.
	Claim string `json:"claim"`
	// Match is "Equals", "NotEqual", "StartsWith" or "Contains".
	Match string `json:"match"`
	// Value is what the claim is compared with.
	Value string `json:"value"`
	// Role is an ARN.
	Role string `json:"role"`
}

// PrincipalTags map claims to session tags. Source: identity-protocol §1.11.
type PrincipalTags struct {
	// Defaults means client from aud and username from sub.
	Defaults bool
	// Claims are in source order.
	Claims []TagClaim
}

// TagClaim says which claim gives a tag its value.
type TagClaim struct{ Tag, Claim string }
