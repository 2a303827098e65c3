package identity

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/policy"
)

// Options say what identity pools work with. All but Log and Audit are
// required.
type Options struct {
	Account *Account
	Store   Store
	// Sessions seals session tokens and page tokens; Storage seals the signing
	// key in the store.
	Sessions, Storage *Keyring
	// Verifiers are by the key of a login, those of SAML by ARN. Every provider
	// of a pool, and every one registered in the account, needs one.
	Verifiers map[string]Verifier
	// Issuer is the iss of the pools' own tokens: the base URL of the
	// deployment.
	Issuer string
	Now    func() time.Time
	Random io.Reader
	// Log is nil for no log.
	Log *slog.Logger
	// Audit is called after what it tells of is stored; nil drops events. It
	// must not block for long.
	Audit func(context.Context, Event)
	// Before are the Pools that these take the place of when a new bundle does;
	// nil at first. The count of guests by address and pool goes on.
	Before *Pools
}

// Pools are the identity pools of an account. They may be shared. A new bundle
// makes new Pools on the same store.
type Pools struct {
	options Options
	signing oidc.SigningKey
	keys    *oidc.KeySet
	guests  *guestLimit
	// untrusted says what is wrong with the trust policy of a role, by ARN, for
	// tokens of identity pools.
	untrusted map[string]error
}

// poolTokenAlgorithm signs the pools' own tokens. Source: identity-protocol
// §1.8.
const poolTokenAlgorithm = "RS512"

// New checks the pools of the account against the roles and verifiers there
// are; the error names all that is wrong. It loads the signing key of the
// pools' own tokens from the store, or makes it.
func New(ctx context.Context, o Options) (*Pools, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pools{options: o, untrusted: untrustedRoles(o.Account), guests: new(guestLimit)}
	if o.Before != nil {
		p.guests, p.options.Before = o.Before.guests, nil // or none would ever be freed
	}
	if err := p.checkPools(); err != nil {
		return nil, err
	}
	signing, err := LoadSigningKeys(ctx, o.Store, o.Storage, "identity pools", 1, poolTokenAlgorithm, o.Random, o.Now())
	if err != nil {
		return nil, err
	}
	for _, id := range sortedKeys(o.Account.Pools) {
		p.warnOfGuests(ctx, o.Account.Pools[id])
	}
	p.signing = signing[0]
	p.keys = oidc.NewKeySet(p.signing.Public())
	return p, nil
}

func (o *Options) check() error {
	var missing []string
	for _, x := range []struct {
		name string
		lack bool
	}{
		{"Account", o.Account == nil},
		{"Account.Vocabulary", o.Account != nil && o.Account.Vocabulary == nil},
		{"Store", o.Store == nil},
		{"Sessions", o.Sessions == nil},
		{"Storage", o.Storage == nil},
		{"Issuer", o.Issuer == ""},
		{"Now", o.Now == nil},
		{"Random", o.Random == nil},
	} {
		if x.lack {
			missing = append(missing, x.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("identity pools without %s", strings.Join(missing, ", "))
	}
	return nil
}

// untrustedRoles finds the roles that the tokens of any identity pool could
// assume. A trust policy whose document is not there cannot be looked at.
func untrustedRoles(a *Account) map[string]error {
	out := map[string]error{}
	for _, arn := range sortedKeys(a.Roles) {
		role := a.Roles[arn]
		err := CheckTrust(role.TrustDocument)
		if role.Trust != nil && role.TrustDocument == nil {
			err = errors.New("its trust document is not there to be checked")
		}
		if err != nil {
			out[arn] = fmt.Errorf("trust policy of role %s: %w", arn, err)
		}
	}
	return out
}

// checkPools finds what is wrong with the account's pools.
func (p *Pools) checkPools() error {
	var errs []error
	account := p.options.Account
	for _, id := range sortedKeys(account.Pools) {
		if err := p.checkPool(id, account.Pools[id]); err != nil {
			errs = append(errs, fmt.Errorf("identity pool %s: %w", id, err))
		}
	}
	for _, name := range sortedKeys(account.OIDC) {
		if p.options.Verifiers[name] == nil || account.OIDC[name].Name != name {
			errs = append(errs, fmt.Errorf("OIDC provider %s has no verifier or another name", name))
		}
	}
	for _, arn := range sortedKeys(account.SAML) {
		if p.options.Verifiers[arn] == nil || account.SAML[arn].ARN != arn {
			errs = append(errs, fmt.Errorf("SAML provider %s has no verifier or another ARN", arn))
		}
	}
	return errors.Join(errs...)
}

func (p *Pools) checkPool(id string, pool *PoolConfig) error {
	var errs []error
	if pool.ID != id || len(idRule.faults(id)) > 0 {
		errs = append(errs, errors.New("its id is not REGION:UUID"))
	}
	if err := checkDeveloper(pool); err != nil {
		errs = append(errs, err)
	}
	for _, arn := range []string{pool.Authenticated, pool.Unauthenticated} {
		if arn != "" {
			errs = append(errs, p.checkRole(arn))
		}
	}
	if pool.GuestPolicy != "" {
		errs = append(errs, p.checkSessionPolicy("guest policy", pool.GuestPolicy))
	}
	for i := range pool.Providers {
		provider := &pool.Providers[i]
		if err := p.checkProvider(pool, provider); err != nil {
			errs = append(errs, fmt.Errorf("provider %s: %w", provider.Name, err))
		}
	}
	return errors.Join(errs...)
}

// checkDeveloper refuses a developer provider that could pass for another one.
// Source: identity-protocol §6.2.
func checkDeveloper(pool *PoolConfig) error {
	name := pool.DeveloperProvider
	if name == "" {
		return nil
	}
	_, public := pool.Provider(name)
	if public || len(developerRule.faults(name)) > 0 || name == poolPrincipal || name == authenticatedAMR || name == guestAMR || slices.Contains(publicProviders, name) {
		return fmt.Errorf("developer provider %q: want %s, and no name of a public provider", name, developerRule.pattern)
	}
	return nil
}

// publicProviders are the names that no developer's provider may have, whether
// the pool takes their tokens or not.
var publicProviders = []string{googleLogins, facebookLogins, "appleid.apple.com", "www.amazon.com", "api.twitter.com"}

// checkRole refuses a role that is not there or that any pool could assume.
func (p *Pools) checkRole(arn string) error {
	if p.options.Account.Roles[arn] == nil {
		return fmt.Errorf("no role %s in the account", arn)
	}
	return p.untrusted[arn]
}

func (p *Pools) checkSessionPolicy(name, text string) error {
	doc, err := policy.Parse(name, []byte(text))
	if err != nil {
		return err
	}
	return doc.Validate(policy.Session, p.options.Account.Vocabulary)
}

func (p *Pools) checkProvider(pool *PoolConfig, x *PoolProvider) error {
	first, _ := pool.Provider(x.Name)
	verifier := p.options.Verifiers[x.Name]
	_, checks := verifier.(Checker)
	known := slices.Contains([]ProviderKind{UserPoolProvider, SocialProvider, OpenIDProvider, SAML2Provider}, x.Kind)
	switch {
	case x.Name == "" || x.Name == poolPrincipal || len(providerRule.faults(x.Name)) > 0:
		return errors.New("no name of a public provider")
	case !known:
		return fmt.Errorf("unknown kind %q", x.Kind)
	case first != x:
		return errors.New("it is there twice")
	case verifier == nil:
		return errors.New("it has no verifier")
	case x.ServerSideTokenCheck && !checks:
		return errors.New("its verifier cannot check tokens at the server")
	case x.Kind != SAML2Provider && len(x.Clients) == 0:
		return errors.New("it has no clients: whose tokens would these be?")
	}
	for _, t := range x.PrincipalTags.Claims {
		if err := checkTag(t.Tag, ""); err != nil {
			return err
		}
	}
	return p.checkMapping(x)
}

func (p *Pools) checkMapping(x *PoolProvider) error {
	m := &x.Roles
	switch {
	case m.Type == "" && m.Ambiguous == "" && len(m.Rules) == 0:
		return nil
	case m.Type != mappingToken && m.Type != mappingRules:
		return fmt.Errorf("unknown type of role mapping %q", m.Type)
	case m.Type == mappingToken && x.Kind != UserPoolProvider:
		return errors.New("roles by token are for user pools: another provider's tokens must not choose roles")
	case m.Ambiguous != ambiguousAuthenticated && m.Ambiguous != ambiguousDeny:
		return fmt.Errorf("unknown ambiguous role resolution %q", m.Ambiguous)
	case (m.Type == mappingRules) != (len(m.Rules) > 0):
		return errors.New("a role mapping has rules if its type is Rules, and none otherwise")
	}
	for i, r := range m.Rules {
		err := p.checkRole(r.Role)
		if r.Claim == "" || !slices.Contains([]string{"Equals", "NotEqual", "StartsWith", "Contains"}, r.Match) {
			err = errors.Join(err, fmt.Errorf("no claim, or unknown match type %q", r.Match))
		}
		if err != nil {
			return fmt.Errorf("role rule %d: %w", i+1, err)
		}
	}
	return nil
}

// KeySet returns the public keys of the pools' own tokens.
func (p *Pools) KeySet() *oidc.KeySet { return p.keys }

// Verifier verifies the pools' own tokens: logins under
// cognito-identity.amazonaws.com. clients are the pools whose tokens it takes.
// It looks at the token alone, not at whether its identity is still there.
func (p *Pools) Verifier() Verifier { return ownVerifier{p} }

// pool returns the configuration of a pool.
func (p *Pools) pool(id string) (*PoolConfig, error) {
	if pool, ok := p.options.Account.Pools[id]; ok {
		return pool, nil
	}
	return nil, Errorf(ResourceNotFound, "IdentityPool %s not found.", shown(id))
}

// poolOf returns the pool of an identity. An identity of a pool that is no
// longer there is as good as unknown.
func (p *Pools) poolOf(ctx context.Context, id string, now time.Time) (*PoolConfig, error) {
	var r *identityRecord
	err := p.options.Store.View(ctx, func(tx Tx) (err error) {
		r, err = loadIdentity(tx, id, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r != nil {
		if pool, ok := p.options.Account.Pools[r.Pool]; ok {
			return pool, nil
		}
	}
	return nil, unknownIdentity(id)
}

// now reads the clock, once for an operation.
func (p *Pools) now() time.Time { return p.options.Now().UTC() }

// newID makes an identity id: the region of the pool and 122 random bits.
func (p *Pools) newID(pool *PoolConfig) (string, error) {
	b, err := p.random(16)
	if err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4
	region, _, _ := strings.Cut(pool.ID, ":")
	x := hex.EncodeToString(b)
	return region + ":" + x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:], nil
}

func (p *Pools) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(p.options.Random, b); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	return b, nil
}

// failed turns the error of an operation into its answer: what is no *Error is
// logged, and the client learns no more than that it happened.
func (p *Pools) failed(ctx context.Context, operation string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		if cause := e.Unwrap(); cause != nil {
			p.options.Log.DebugContext(ctx, "refused", "operation", operation, "code", string(e.Code), "cause", cause.Error())
		}
		return e
	}
	if ctx.Err() != nil { // the client has gone
		return Errorf(InternalError, "The call was given up.").Because(err)
	}
	p.options.Log.ErrorContext(ctx, "failed", "operation", operation, "error", err.Error())
	return Errorf(InternalError, "Something went wrong. Try again later.").Because(err)
}

// sealPage makes the token of the page that comes after a key; scope is what
// is listed.
func (p *Pools) sealPage(now time.Time, scope, after string) (string, error) {
	sealed, err := p.options.Sessions.Seal(now, PurposePage, []byte(scope), []byte(after))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openPage reads what sealPage made; "" is before the first.
func (p *Pools) openPage(now time.Time, scope, token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err == nil {
		sealed, err = p.options.Sessions.Open(now, PurposePage, []byte(scope), sealed)
	}
	if err != nil {
		return "", Errorf(InvalidParameter, "Invalid NextToken.").Because(err)
	}
	return string(sealed), nil
}
