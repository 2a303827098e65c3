package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/rego"
	"github.com/rowan-authz/rowan/cmd/internal/saml"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// Options say what is served, and by what. All but Secrets, Origin, Rate, Poll,
// MaxStale, HashParams, AllowLoopback, Accept, Observe and
// Metrics must be there.
type Options struct {
	// Bundle, Secrets and Origin are the first to come into force; Live.Reload
	// brings others. Nil Secrets means none.
	Bundle  *bundle.Bundle
	Secrets *Secrets
	Origin  Origin
	Store   identity.Store
	// Sessions seals what clients hold, Storage what the store holds.
	Sessions, Storage *identity.Keyring
	// URL is the base address as clients see it, and the issuer of tokens:
	// https, or http on loopback, without a path.
	URL string
	// Hosts are what signed requests may name as the host, as clients send it but
	// for a default port; nil takes whatever host they signed.
	Hosts  []string
	Sender userpool.Sender
	// Rate bounds unsigned calls by address; the zero value means 20 a second,
	// and 100 at once.
	Rate Rate
	// Poll is how often revocations are asked for, and MaxStale how long sessions
	// are taken while they cannot be; zero means 1 s and a minute.
	Poll, MaxStale time.Duration
	// HashParams are argon2id's; nil means those of package userpool.
	HashParams *argon2id.Params
	// AllowLoopback lets providers be on this machine: for development.
	AllowLoopback bool
	// Accept is asked last before a bundle comes into force; an error refuses it.
	// Observe is told of every attempt to load one. Both are called by one
	// goroutine at a time, and nil is nobody.
	Accept  func(context.Context, *Deployment) error
	Observe func(Load)
	// Metrics counts panics, and calls that are too many; nil does not.
	Metrics *metrics.Metrics
	Now     func() time.Time
	Random  io.Reader
	Log     *slog.Logger
}

// Origin says where a bundle came from. The zero value is one that nobody
// signed or numbered.
type Origin struct {
	// Source is a directory, a file or an address, for people.
	Source string
	// Version is that of the bundle's manifest, 0 without one. Expires is when
	// the bundle stops being good; zero means never. Key is the id of the key
	// that signed it, empty if none did.
	Version uint64
	Expires time.Time
	Key     string
}

// Deployment is one bundle in service, with all that decisions need. It does
// not change and may be shared: whoever answers a request takes the one that is
// in force, of Live.Current, and works with it to the end.
type Deployment struct {
	Origin
	Bundle      *bundle.Bundle
	Account     *identity.Account
	Pools       *identity.Pools
	Directory   *userpool.Directory
	Sessions    *identity.Sessions
	Credentials *httpauth.Credentials
	// Digest is that of the bundle's files: 64 hexadecimal digits.
	Digest string
	// Loaded is when the bundle came into force.
	Loaded time.Time

	guardrails *rego.Guardrails

	options  *Options
	secrets  *Secrets
	store    identity.Store
	usage    *usage.Meter
	url      string
	log      *slog.Logger
	remotes  map[remoteKey]*oidc.Remote
	handler  *Handler
	replaced chan struct{}
}

// Expired reports whether the bundle's time is over. All requests are denied
// then.
func (d *Deployment) Expired(now time.Time) bool {
	return !d.Expires.IsZero() && !now.Before(d.Expires)
}

// Guarded reports whether the bundle has guardrails in Rego.
func (d *Deployment) Guarded() bool { return d.guardrails != nil }

// Guardrail asks the bundle's guardrails in Rego about a request that its
// policies allow. Nil means that nothing denies it, at no cost if there are none;
// any error denies, and says why: a *rego.DeniedError is what the guardrails say
// themselves.
func (d *Deployment) Guardrail(ctx context.Context, r *engine.Request) error {
	if d.guardrails == nil {
		return nil
	}
	err := d.guardrails.Check(ctx, r, d.options.Now())
	if _, own := errors.AsType[*rego.DeniedError](err); err != nil && !own {
		d.log.ErrorContext(ctx, "the guardrails gave no answer, which denies", "action", r.Action, "resource", r.Resource, "error", err)
	}
	return err
}

// Test runs suites of the bundle with its guardrails.
func (d *Deployment) Test(ctx context.Context, suites []*bundle.Suite, o bundle.RunOptions) bundle.Result {
	o.Guardrail = d.guardrails.Hook(ctx, o.Now)
	return bundle.Run(d.Bundle, suites, o)
}

// Replaced is closed when another bundle has come into force.
func (d *Deployment) Replaced() <-chan struct{} { return d.replaced }

// Bundles that are not put into service, though nothing in them is wrong.
var (
	errEmpty   = errors.New("the bundle has no roles, administrators or resources, so that nobody may do anything: if that is meant, say allowEmpty: true in rowan.yaml")
	errNoTests = errors.New("rowan.yaml says requireTests, and there are no tests")
)

// open makes a deployment of a bundle beside the one that is in force, nil at
// first. It makes the signing keys that the store does not have yet.
func (l *Live) open(ctx context.Context, c *Candidate, before *Deployment) (d *Deployment, err error) {
	o := &l.options
	d = &Deployment{
		Origin: c.Origin, Bundle: c.Bundle, Digest: strings.TrimPrefix(c.Bundle.Digest, "sha256:"), Loaded: o.Now(),
		options: o, secrets: c.Secrets, store: o.Store, usage: l.usage, url: l.url, log: o.Log,
		remotes: map[remoteKey]*oidc.Remote{}, replaced: make(chan struct{}),
	}
	if d.Account, err = c.Bundle.IdentityAccount(); err != nil {
		return nil, err
	}
	if now := o.Now(); d.Expired(now) {
		return nil, &RefusalError{Kind: "expired", Err: fmt.Errorf("the bundle expired at %s", d.Expires.UTC().Format(time.RFC3339))}
	} else if d.guardrails, err = Check(ctx, c.Bundle, now); err != nil {
		return nil, err
	}
	if before == nil {
		before = &Deployment{}
	}
	if err := d.openDirectory(ctx, before); err != nil {
		return nil, fmt.Errorf("user pools: %w", err)
	}
	if err := d.openPools(ctx, before); err != nil {
		return nil, fmt.Errorf("identity pools: %w", err)
	}
	d.Sessions, err = identity.NewSessions(identity.SessionsOptions{
		Account: d.Account, Keys: o.Sessions, Store: o.Store, Now: o.Now, Poll: o.Poll, MaxStale: o.MaxStale, Before: before.Sessions,
	})
	if err != nil {
		return nil, err
	}
	if before.Sessions == nil {
		if err := d.Sessions.Refresh(ctx); err != nil {
			return nil, fmt.Errorf("revocations: %w", err)
		}
	}
	return d, d.newHandler(l.front)
}

// Check refuses a bundle that should not be served though it was loaded: one
// that lets nobody do anything and does not say so, one whose guardrails in Rego
// do not compile, and one that fails the tests that it demands. It returns the
// guardrails, nil without any.
func Check(ctx context.Context, b *bundle.Bundle, now time.Time) (*rego.Guardrails, error) {
	if !b.AllowEmpty && len(b.Roles)+len(b.Administrators)+len(b.Resources) == 0 {
		return nil, &RefusalError{Kind: "empty", Err: errEmpty}
	}
	g, err := rego.Compile(ctx, b.Rego, conditions.AWS())
	if err != nil {
		return nil, &RefusalError{Kind: "guardrail", Err: err}
	}
	if b.RequireTests {
		err = passes(ctx, b, g, now)
	}
	return g, err
}

// passes runs the tests of a bundle.
func passes(ctx context.Context, b *bundle.Bundle, g *rego.Guardrails, now time.Time) error {
	suites, err := b.Suites()
	if err == nil && len(suites) == 0 {
		err = errNoTests
	}
	if err != nil {
		return &RefusalError{Kind: "tests", Err: err}
	}
	r := bundle.Run(b, suites, bundle.RunOptions{Now: now, Guardrail: g.Hook(ctx, now)})
	if r.Failed > 0 || r.Passed == 0 {
		return &RefusalError{Kind: "tests", Err: fmt.Errorf("the bundle's own tests: %d passed, %d failed: %s", r.Passed, r.Failed, failures(&r))}
	}
	return nil
}

// baseURL checks the address that tokens will name.
func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("base address %q: want one such as https://auth.example.com", text)
	}
	switch {
	case u.Scheme == "https", u.Scheme == "http" && Loopback(u.Hostname()):
		return u.Scheme + "://" + u.Host, nil
	}
	return "", fmt.Errorf("base address %q: want https, or http on loopback", text)
}

// Loopback reports whether a host, without port, is this machine.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// issuer is the iss of a user pool's tokens.
func (d *Deployment) issuer(poolID string) string { return d.url + "/" + poolID }

// ProviderOf returns the key of the logins whose tokens an issuer makes, of the
// providers of an identity pool; empty if it has none of that issuer. It is no
// proof of anything: a token says of itself who made it.
func (d *Deployment) ProviderOf(identityPool, issuer string) string {
	pool := d.Account.Pools[identityPool]
	if pool == nil {
		return ""
	}
	for i := range pool.Providers {
		p := &pool.Providers[i]
		switch p.Kind {
		case identity.UserPoolProvider:
			_, userPool, _ := strings.Cut(p.Name, "/")
			if _, own := d.Directory.KeySet(userPool); own && d.issuer(userPool) == issuer {
				return p.Name
			}
			if "https://"+p.Name == issuer {
				return p.Name
			}
		case identity.SocialProvider, identity.OpenIDProvider:
			if d.Account.Issuer(p.Name).Issuer == issuer {
				return p.Name
			}
		case identity.SAML2Provider, identity.DeveloperProvider: // their logins are no such tokens
		}
	}
	return ""
}

func (d *Deployment) openDirectory(ctx context.Context, before *Deployment) (err error) {
	o := d.options
	d.Directory, err = userpool.New(ctx, d.Bundle.UserPoolConfigs(), userpool.Options{
		Store: o.Store, Storage: o.Storage, Sessions: o.Sessions, Sender: o.Sender, Secrets: d.secrets.Clients,
		Active: d.usage.Active, Issuer: d.issuer, Now: o.Now, Random: o.Random, Log: o.Log, HashParams: o.HashParams, Before: before.Directory,
	})
	return err
}

func (d *Deployment) openPools(ctx context.Context, before *Deployment) error {
	verifiers, err := d.newLoginVerifiers(before.remotes)
	if err != nil {
		return err
	}
	o := d.options
	d.Pools, err = identity.New(ctx, identity.Options{
		Account: d.Account, Store: o.Store, Sessions: o.Sessions, Storage: o.Storage, Verifiers: verifiers, Issuer: d.url,
		Now: o.Now, Random: o.Random, Log: o.Log, Audit: d.audit, Before: before.Pools,
	})
	return err
}

// audit writes what happened to identities. Events hold no secrets, and of
// guests no more than the beginning of the id.
func (d *Deployment) audit(ctx context.Context, e identity.Event) {
	if e.Name == identity.EventIssue && e.Pool != "" {
		d.usage.Authenticated(e.Pool)
	}
	d.log.LogAttrs(ctx, slog.LevelInfo, "audit",
		slog.String("event", e.Name), slog.String("pool", e.Pool), slog.String("identity", e.Identity),
		slog.String("merged", e.Merged), slog.Any("providers", e.Providers), slog.String("role", e.Role),
		slog.String("session", e.Session), slog.String("accessKeyId", e.AccessKeyID), slog.String("client", e.Address))
}

// newLoginVerifiers makes a verifier for every provider of the account and its
// pools, by the key of its logins. Key sets of issuers that were there before
// stay as they are.
func (d *Deployment) newLoginVerifiers(before map[remoteKey]*oidc.Remote) (map[string]identity.Verifier, error) {
	out := make(map[string]identity.Verifier)
	add := func(name string, kind identity.ProviderKind) error {
		if out[name] != nil {
			return nil
		}
		v, err := d.newLoginVerifier(name, kind, before)
		if err != nil {
			return fmt.Errorf("provider %s: %w", name, err)
		}
		out[name] = v
		return nil
	}
	for _, pool := range d.Bundle.IdentityPools {
		for i := range pool.Providers {
			if err := add(pool.Providers[i].Name, pool.Providers[i].Kind); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range d.Bundle.Providers {
		name, kind := facebook, identity.SocialProvider
		switch {
		case p.OIDC != nil:
			name, kind = p.OIDC.Name, identity.OpenIDProvider
		case p.SAML != nil:
			name, kind = p.SAML.ARN, identity.SAML2Provider
		}
		if err := add(name, kind); err != nil {
			return nil, err
		}
	}
	return out, nil
}

const (
	facebook = "graph.facebook.com"
	// foreignSkew is how far the clocks of other issuers may be off. Source:
	// identity-protocol §1.5, step 8.
	foreignSkew = 5 * time.Minute
)

func (d *Deployment) newLoginVerifier(name string, kind identity.ProviderKind, before map[remoteKey]*oidc.Remote) (identity.Verifier, error) {
	if kind == identity.SAML2Provider {
		return d.newSAMLVerifier(name)
	}
	if name == facebook {
		return d.newFacebookVerifier()
	}
	if _, pool, _ := strings.Cut(name, "/"); kind == identity.UserPoolProvider {
		if _, own := d.Directory.KeySet(pool); own {
			return d.Directory.Verifier(pool, name), nil
		}
	}
	issuer := d.Account.Issuer(name)
	keys, err := d.remote(remoteKey{issuer.Issuer, issuer.KeysURL}, before)
	if err != nil {
		return nil, err
	}
	if kind == identity.UserPoolProvider {
		return identity.NewUserPoolVerifier(name, issuer.Issuer, keys, d.options.Now)
	}
	return identity.NewOIDCVerifier(issuer, keys, d.options.Now, foreignSkew)
}

// remoteKey is what a key set is fetched by.
type remoteKey struct{ issuer, keysURL string }

// remote returns the key set of an issuer, the one from before if there is one.
func (d *Deployment) remote(k remoteKey, before map[remoteKey]*oidc.Remote) (*oidc.Remote, error) {
	for _, known := range []map[remoteKey]*oidc.Remote{d.remotes, before} {
		if r := known[k]; r != nil {
			d.remotes[k] = r
			return r, nil
		}
	}
	r, err := oidc.NewRemote(oidc.RemoteOptions{
		Issuer: k.issuer, KeysURL: k.keysURL, Client: d.client(), AllowLoopback: d.options.AllowLoopback, Now: d.options.Now,
	})
	if err == nil {
		d.remotes[k] = r
	}
	return r, err
}

func (d *Deployment) newSAMLVerifier(arn string) (identity.Verifier, error) {
	p := d.Account.SAML[arn]
	if p == nil {
		return nil, errors.New("the bundle does not register it")
	}
	return saml.NewVerifier(p, saml.Options{Store: d.store, Now: d.options.Now})
}

func (d *Deployment) newFacebookVerifier() (identity.Verifier, error) {
	p, secret := d.Account.Facebook, d.secrets.FacebookApp
	switch {
	case p == nil:
		return nil, errors.New("the bundle does not register it")
	case secret.Empty():
		return nil, errors.New("the secrets file must have facebook: {appSecret: SECRET}")
	}
	return identity.NewFacebookVerifier(identity.FacebookOptions{
		Endpoint: p.Endpoint, AppID: p.AppID, AppSecret: secret, Client: d.client(), Now: d.options.Now,
	})
}

// client calls providers.
func (d *Deployment) client() *http.Client {
	return oidc.GuardedClient(oidc.GuardOptions{AllowLoopback: d.options.AllowLoopback})
}

// newHandler makes what answers for the deployment.
func (d *Deployment) newHandler(f *front) (err error) {
	d.Credentials, err = httpauth.NewCredentials(httpauth.CredentialsOptions{
		Sessions: d.Sessions, Account: d.Account, Secrets: d.secrets.AccessKeys,
	})
	if err != nil {
		return err
	}
	verifiers, err := newVerifiers(d.Account.Region, f.hosts, f.now, d.Credentials)
	if err != nil {
		return err
	}
	d.handler = &Handler{
		Deployment: d, front: f, verifiers: verifiers,
		services: []*service{identityPoolService(d.Pools), userPoolService(d.Directory)}, admin: newAdminService(d),
		pages: http.NewServeMux(),
	}
	d.handler.addPages()
	return nil
}

// addPages adds the routes that are not AWS protocols.
func (h *Handler) addPages() {
	for _, p := range []struct {
		pattern, service, operation string
		answer                      func(*exchange)
	}{
		{"GET /-/healthy", "health", "Healthy", healthy},
		{"GET /-/ready", "health", "Ready", ready},
		{"GET /.well-known/openid-configuration", "oidc", "IdentityPoolDiscovery", identityPoolDiscovery},
		{"GET /.well-known/jwks_uri", "oidc", "IdentityPoolKeys", identityPoolKeys},
		{"GET /{pool}/.well-known/openid-configuration", "oidc", "UserPoolDiscovery", userPoolDiscovery},
		{"GET /{pool}/.well-known/jwks.json", "oidc", "UserPoolKeys", userPoolKeys},
	} {
		h.pages.HandleFunc(p.pattern, page(p.service, p.operation, p.answer))
	}
	h.addHosted()
}

// addHosted adds what a user pool has for browsers and OAuth clients. Source:
// identity-protocol §2.11.
func (h *Handler) addHosted() {
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /{pool}/oauth2/authorize":       hosted("Authorize", (*visitor).signInPage),
		"GET /{pool}/login":                  hosted("SignInPage", (*visitor).signInPage),
		"POST /{pool}/login":                 hosted("SignIn", (*visitor).signIn),
		"GET /{pool}/signup":                 hosted("SignUpPage", (*visitor).signUpPage),
		"POST /{pool}/signup":                hosted("SignUp", (*visitor).signUp),
		"GET /{pool}/confirm":                hosted("ConfirmPage", (*visitor).confirmPage),
		"POST /{pool}/confirm":               hosted("Confirm", (*visitor).confirm),
		"GET /{pool}/forgotPassword":         hosted("ForgotPasswordPage", (*visitor).forgotPage),
		"POST /{pool}/forgotPassword":        hosted("ForgotPassword", (*visitor).forgot),
		"GET /{pool}/confirmForgotPassword":  hosted("ConfirmForgotPasswordPage", (*visitor).resetPage),
		"POST /{pool}/confirmForgotPassword": hosted("ConfirmForgotPassword", (*visitor).reset),
		"GET /{pool}/logout":                 page("hosted", "Logout", (*exchange).logout),
		"POST /{pool}/logout":                page("hosted", "Logout", (*exchange).logout),

		"POST /{pool}/oauth2/token":       endpoint("Token", (*exchange).token),
		"OPTIONS /{pool}/oauth2/token":    preflightOf("POST"),
		"GET /{pool}/oauth2/userInfo":     endpoint("UserInfo", (*exchange).userInfo),
		"POST /{pool}/oauth2/userInfo":    endpoint("UserInfo", (*exchange).userInfo),
		"OPTIONS /{pool}/oauth2/userInfo": preflightOf("GET, POST"),
		"POST /{pool}/oauth2/revoke":      endpoint("Revoke", (*exchange).revoke),
		"OPTIONS /{pool}/oauth2/revoke":   preflightOf("POST"),

		"OPTIONS /{pool}/.well-known/openid-configuration": preflightOf("GET"),
		"OPTIONS /{pool}/.well-known/jwks.json":            preflightOf("GET"),
	} {
		h.pages.HandleFunc(pattern, handler)
	}
}
