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
	"github.com/rowan-authz/rowan/cmd/internal/saml"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// Options say what a deployment consists of. All but Secrets, Rate, Poll,
// HashParams and AllowLoopback must be there.
type Options struct {
	Bundle *bundle.Bundle
	Store  identity.Store
	// Sessions seals what clients hold, Storage what the store holds.
	Sessions, Storage *identity.Keyring
	Secrets           *Secrets
	// URL is the base address as clients see it, and the issuer of tokens:
	// https, or http on loopback, without a path.
	URL    string
	Sender userpool.Sender
	// Rate bounds unsigned calls by address; the zero value means 20 a second,
	// and 100 at once.
	Rate Rate
	// Poll is how often revocations are asked for; zero means 2 s.
	Poll time.Duration
	// HashParams are argon2id's; nil means those of package userpool.
	HashParams *argon2id.Params
	// AllowLoopback lets providers be on this machine: for development.
	AllowLoopback bool
	Now           func() time.Time
	Random        io.Reader
	Log           *slog.Logger
}

// Deployment is a bundle in service. It may be shared.
type Deployment struct {
	Account   *identity.Account
	Pools     *identity.Pools
	Directory *userpool.Directory
	Sessions  *identity.Sessions

	options Options
	store   identity.Store
	url     string
	log     *slog.Logger
}

// Open puts a bundle into service. It makes the signing keys that the store
// does not have yet.
func Open(ctx context.Context, o Options) (*Deployment, error) {
	if o.Bundle == nil || o.Store == nil || o.Sessions == nil || o.Storage == nil || o.Sender == nil ||
		o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("a deployment needs a bundle, a store, keys, a sender, a clock, randomness and a log")
	}
	if o.Secrets == nil {
		o.Secrets = &Secrets{}
	}
	base, err := baseURL(o.URL)
	if err != nil {
		return nil, err
	}
	d := &Deployment{options: o, store: o.Store, url: base, log: o.Log}
	if d.Account, err = o.Bundle.IdentityAccount(); err != nil {
		return nil, err
	}
	if err := d.openDirectory(ctx); err != nil {
		return nil, fmt.Errorf("user pools: %w", err)
	}
	if err := d.openPools(ctx); err != nil {
		return nil, fmt.Errorf("identity pools: %w", err)
	}
	d.Sessions, err = identity.NewSessions(identity.SessionsOptions{
		Account: d.Account, Keys: o.Sessions, Store: o.Store, Now: o.Now, Poll: o.Poll,
	})
	if err != nil {
		return nil, err
	}
	if err := d.Sessions.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	return d, nil
}

// New opens a deployment and returns what answers for it. Deployment.Run must
// run beside it, or sessions will be refused as soon as revocations are stale.
func New(ctx context.Context, o Options) (*Handler, error) {
	d, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return d.Handler()
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

func (d *Deployment) openDirectory(ctx context.Context) (err error) {
	o := &d.options
	d.Directory, err = userpool.New(ctx, o.Bundle.UserPoolConfigs(), userpool.Options{
		Store: o.Store, Storage: o.Storage, Sessions: o.Sessions, Sender: o.Sender, Secrets: o.Secrets.Clients,
		Issuer: d.issuer, Now: o.Now, Random: o.Random, Log: o.Log, HashParams: o.HashParams,
	})
	return err
}

func (d *Deployment) openPools(ctx context.Context) error {
	verifiers, err := d.newLoginVerifiers()
	if err != nil {
		return err
	}
	o := &d.options
	d.Pools, err = identity.New(ctx, identity.Options{
		Account: d.Account, Store: o.Store, Sessions: o.Sessions, Storage: o.Storage, Verifiers: verifiers, Issuer: d.url,
		Now: o.Now, Random: o.Random, Log: o.Log, Audit: d.audit,
	})
	return err
}

// audit writes what happened to identities. Events hold no secrets, and of
// guests no more than the beginning of the id.
func (d *Deployment) audit(ctx context.Context, e identity.Event) {
	d.log.LogAttrs(ctx, slog.LevelInfo, "audit",
		slog.String("event", e.Name), slog.String("pool", e.Pool), slog.String("identity", e.Identity),
		slog.String("merged", e.Merged), slog.Any("providers", e.Providers), slog.String("role", e.Role),
		slog.String("session", e.Session), slog.String("accessKeyId", e.AccessKeyID), slog.String("client", e.Address))
}

// newLoginVerifiers makes a verifier for every provider of the account and its
// pools, by the key of its logins.
func (d *Deployment) newLoginVerifiers() (map[string]identity.Verifier, error) {
	out := make(map[string]identity.Verifier)
	add := func(name string, kind identity.ProviderKind) error {
		if out[name] != nil {
			return nil
		}
		v, err := d.newLoginVerifier(name, kind)
		if err != nil {
			return fmt.Errorf("provider %s: %w", name, err)
		}
		out[name] = v
		return nil
	}
	for _, pool := range d.options.Bundle.IdentityPools {
		for i := range pool.Providers {
			if err := add(pool.Providers[i].Name, pool.Providers[i].Kind); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range d.options.Bundle.Providers {
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

func (d *Deployment) newLoginVerifier(name string, kind identity.ProviderKind) (identity.Verifier, error) {
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
	keys, err := oidc.NewRemote(oidc.RemoteOptions{
		Issuer: issuer.Issuer, KeysURL: issuer.KeysURL, Client: d.client(), AllowLoopback: d.options.AllowLoopback, Now: d.options.Now,
	})
	if err != nil {
		return nil, err
	}
	if kind == identity.UserPoolProvider {
		return identity.NewUserPoolVerifier(name, issuer.Issuer, keys, d.options.Now)
	}
	return identity.NewOIDCVerifier(issuer, keys, d.options.Now, foreignSkew)
}

func (d *Deployment) newSAMLVerifier(arn string) (identity.Verifier, error) {
	p := d.Account.SAML[arn]
	if p == nil {
		return nil, errors.New("the bundle does not register it")
	}
	return saml.NewVerifier(p, saml.Options{Store: d.store, Now: d.options.Now})
}

func (d *Deployment) newFacebookVerifier() (identity.Verifier, error) {
	p, secret := d.Account.Facebook, d.options.Secrets.FacebookApp
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

// defaultRate is generous to a household or an office behind one address.
var defaultRate = Rate{PerSecond: 20, Burst: 100}

// Handler returns what answers for the deployment.
func (d *Deployment) Handler() (*Handler, error) {
	o := &d.options
	credentials, err := httpauth.NewCredentials(httpauth.CredentialsOptions{
		Sessions: d.Sessions, Account: d.Account, Secrets: o.Secrets.AccessKeys,
	})
	if err != nil {
		return nil, err
	}
	verifiers, err := newVerifiers(d.Account.Region, o.Now, credentials)
	if err != nil {
		return nil, err
	}
	origins, err := newOrigins(d.url)
	if err != nil {
		return nil, err
	}
	rate := o.Rate
	if rate == (Rate{}) {
		rate = defaultRate
	}
	h := &Handler{
		Deployment: d, now: o.Now, random: o.Random, limits: newLimiter(rate), credentials: credentials, verifiers: verifiers,
		services: []*service{identityPoolService(d.Pools), userPoolService(d.Directory)}, admin: newAdminService(d),
		pages: http.NewServeMux(), origins: origins,
	}
	h.addPages()
	return h, nil
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

// sweepEvery is how often what has expired is deleted from the store.
const sweepEvery = time.Minute

// Run keeps the deployment in order until ctx ends: it learns of revocations,
// and sweeps the store.
func (d *Deployment) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Sessions.Run(ctx, func(err error) { d.log.ErrorContext(ctx, "revocations could not be read", "error", err) })
	}()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			<-done
			return
		case <-tick.C:
			d.sweep(ctx)
		}
	}
}

// sweep deletes all that has expired. One call of the store deletes a bounded
// number, and strangers make records faster than that once a minute.
func (d *Deployment) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := d.store.Sweep(ctx, d.options.Now())
		if err != nil && ctx.Err() == nil {
			d.log.ErrorContext(ctx, "the store could not be swept", "error", err)
		}
		if err != nil || n == 0 {
			return
		}
	}
}
