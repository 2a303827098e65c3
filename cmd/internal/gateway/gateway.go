package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// Options say what a gateway guards. All but Hosts, Explain, Count, Record and
// Metrics must be there.
type Options struct {
	// Current returns the deployment in force: every request asks once, and is
	// authenticated and decided by that one alone. It has at least Bundle,
	// Account and Credentials.
	Current  func() *server.Deployment
	Upstream Upstream
	// Hosts are what clients may name as the host; nil takes whatever host they
	// signed. For S3 a bucket may stand before one of them: bucket.HOST.
	Hosts []string
	// Explain puts into denials what the nearest statement wanted, with the
	// values on both sides. It is for development: it shows policies.
	Explain bool
	// Count is told how many decisions were made, and when; nil is nobody.
	Count func(at time.Time, n int)
	// Record is told of every decision before anything comes of it; nil is
	// nobody. After an error of it nothing does.
	Record func(context.Context, *audit.Record) error
	// Metrics counts sessions that do not count, and panics; nil does not.
	Metrics *metrics.Metrics
	Now     func() time.Time
	Random  io.Reader
	Log     *slog.Logger
}

// Upstream is the server behind a gateway.
type Upstream struct {
	// URL is its address, without a path. It is https, or http on this machine:
	// bodies are not signed towards it.
	URL string
	// Region is what it wants signatures to name.
	Region      string
	AccessKeyID string
	Secret      identity.Secret
	// Transport is how to reach it; nil means HTTP with bounds of its own.
	Transport http.RoundTripper
}

// guard is what both gateways have: the way to the upstream, and the deployment
// that decides.
type guard struct {
	*server.Deployment
	options Options
	base    *url.URL
	client  *http.Client
	signer  *v4.Signer
	service string
	ids     *audit.IDs
}

// MaxRequest is the largest body that a JSON request may have: the 16 MiB of a
// batch, and what base64 and JSON add to it.
const maxRequest = 24 << 20

func newGuard(o Options, service string) (*guard, error) {
	if o.Current == nil || o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("a gateway needs a deployment, a clock, randomness and a log")
	}
	u, err := url.Parse(o.Upstream.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("upstream %q: want an address such as https://dynamodb.example.com", o.Upstream.URL)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("upstream %q: want https, or http on this machine", o.Upstream.URL)
	}
	if o.Upstream.AccessKeyID == "" || o.Upstream.Secret.Empty() || o.Upstream.Region == "" {
		return nil, fmt.Errorf("upstream %q: it needs a region, an access key id and its secret", o.Upstream.URL)
	}
	transport := o.Upstream.Transport
	if transport == nil {
		transport = newTransport()
	}
	ids, err := audit.NewIDs(o.Random)
	if err != nil {
		return nil, err
	}
	return &guard{
		ids: ids, options: o, base: &url.URL{Scheme: u.Scheme, Host: u.Host}, service: service,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		signer: v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = service == "s3" }),
	}, nil
}

// newTransport keeps connections, and gives up on an upstream that does not
// begin to answer. It neither compresses nor follows.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.DisableCompression = true
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.ResponseHeaderTimeout = 60 * time.Second
	return t
}

// under returns the guard with the deployment that decides.
func (g *guard) under(d *server.Deployment) (*guard, error) {
	if d == nil || d.Bundle == nil || d.Account == nil || d.Credentials == nil {
		return nil, errors.New("a gateway needs a bundle, an account and credentials")
	}
	out := *g
	out.Deployment = d
	return &out, nil
}

// authenticated wraps a handler by what authenticates its requests.
func (g *guard) authenticated(o sigv4.Options, refuse func(http.ResponseWriter, *http.Request, *sigv4.Error), next http.Handler) (http.Handler, error) {
	o.Region, o.Services, o.Now, o.Lookup = g.Account.Region, []string{g.service}, g.options.Now, g.Credentials.Lookup
	v, err := sigv4.New(o)
	if err != nil {
		return nil, err
	}
	counted := func(w http.ResponseWriter, r *http.Request, e *sigv4.Error) {
		g.options.Metrics.TokenFailed(e)
		refuse(w, r, e)
	}
	wrap, err := httpauth.New(httpauth.Options{Verifier: v, Credentials: g.Credentials, Refuse: counted, Log: g.options.Log})
	if err != nil {
		return nil, err
	}
	return wrap(next), nil
}

// question is what a check asks.
type question struct {
	action, resource string
	fill             func(*conditions.Context) error
	// keys are those of the request beside the check's own.
	keys []identity.ContextKey
}

// denied is a denial with what may be told of it.
type denied struct {
	request  *engine.Request
	decision engine.Decision
	text     string
	// guardrail says why a guardrail in Rego denied, empty if none did.
	guardrail string
}

func (d *denied) Error() string { return d.text }

// errOverdue means that the bundle's time is over, and nothing is allowed.
var errOverdue = errors.New("the policies are past their time")

// ask puts a question about a resource to the policies of the caller, those of
// the resource among them. A denial is a *denied; any other error means that
// there is no decision.
func (g *guard) ask(ctx context.Context, caller *engine.Caller, q *question) error {
	if g.Expired(g.options.Now()) {
		return errOverdue
	}
	set, err := g.Bundle.ResourceSet(q.resource)
	if err != nil {
		return err
	}
	owner, known, err := g.Bundle.Owner(q.resource)
	if err != nil {
		return err
	}
	if !known {
		owner = g.Account.ID
	}
	r := caller.NewRequest(q.action, q.resource)
	if r.Context == nil || caller.Evaluator == nil {
		return errors.New("a caller without policies or session")
	}
	r.ResourceAccount = owner
	if err := r.Context.Set("aws:ResourceAccount", owner); err != nil {
		return err
	}
	for _, k := range q.keys {
		// What is not of its key's kind leaves the key indeterminate.
		if err := r.Context.Set(k.Name, k.Values...); err != nil && !errors.Is(err, conditions.ErrValue) {
			return err
		}
	}
	// It stops at the first key that it cannot set, and those behind it would be
	// absent, which is not the same as indeterminate.
	if err := q.fill(r.Context); err != nil {
		return err
	}
	e := *caller.Evaluator
	e.Resource = set
	began := g.began()
	d := e.Decide(r)
	return g.record(ctx, caller, r, d, g.verdict(ctx, &e, r, d), began)
}

// verdict says what comes of a decision: nil, or a *denied.
func (g *guard) verdict(ctx context.Context, e *engine.Evaluator, r *engine.Request, d engine.Decision) error {
	if d.Allowed() {
		return g.guarded(ctx, r)
	}
	if d.Fault != engine.NoFault {
		g.options.Log.Error("a check could not be decided", "action", r.Action, "resource", r.Resource, "fault", d.Fault.String())
	}
	return &denied{request: r, decision: d, text: g.denial(e, r, d)}
}

// guarded asks the guardrails in Rego, which have the last word.
func (g *guard) guarded(ctx context.Context, r *engine.Request) error {
	err := g.Guardrail(ctx, r)
	if err == nil {
		return nil
	}
	text := httpauth.GuardrailDenial(r)
	if g.options.Explain {
		text += ": " + err.Error()
	}
	return &denied{request: r, text: text, guardrail: err.Error()}
}

// denial is what a client is told of a denial.
func (g *guard) denial(e *engine.Evaluator, r *engine.Request, d engine.Decision) string {
	text := httpauth.Denial(r, d)
	if !g.options.Explain {
		return text
	}
	x := e.Explain(r)
	return text + explained(&x)
}
