package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/identity"
)

// Options say how calls are checked. Decider, Now and Log are required.
type Options struct {
	Decider *decide.Decider
	// Signer signs who calls; nil means that nothing is signed.
	Signer *Signer
	Now    func() time.Time
	Log    *slog.Logger
}

// Checker checks calls. It may be shared.
type Checker struct {
	options   Options
	verifiers verifiers
}

// New returns a Checker.
func New(o Options) (*Checker, error) {
	if o.Decider == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("a checker needs a decider, a clock and a log")
	}
	return &Checker{options: o}, nil
}

// Target says which API a call is of, as the proxy's own configuration names it:
// never the client. It is either Routes, the name of routes of the bundle, or API
// with Stage ("$default" if empty) and Pool (the only one if empty).
type Target struct{ Routes, API, Stage, Pool string }

// Call is a call as a proxy tells of it. All of it but Header, and what it has of
// the client's address, is the proxy's own word.
type Call struct {
	// Method, Host and Target are those of the call; Target is as it was sent,
	// with its query.
	Method, Host, Target string
	// Header has the headers of the client, under their canonical names.
	Header http.Header
	Client identity.Client
	// Body is the whole body. Unread says that there may be one that was not
	// passed on: a signature cannot be verified then.
	Body   []byte
	Unread bool
}

// Verdict is the answer to a call. The zero value lets nothing through.
type Verdict struct {
	// Status is 200 if the call may go on; else 401, 403, 429, 500 or 503.
	Status int
	// Challenge is for WWW-Authenticate, with 401.
	Challenge string
	// Message is for people.
	Message string
	// Who and DecisionID are of a call that was decided; Who only of one that may
	// go on.
	Who        decide.Who
	DecisionID string
	// Data says who calls in a signed header, empty if the server has no key.
	Data string
}

// Allowed reports whether the call may go on.
func (v *Verdict) Allowed() bool { return v.Status == http.StatusOK }

// Check decides a call, with the calling service in ctx as package decide has
// it. What cannot be decided is refused.
func (c *Checker) Check(ctx context.Context, t Target, call *Call) Verdict {
	if err := c.options.Decider.Admit(ctx); err != nil {
		return c.unanswered(ctx, err)
	}
	var challenge, signer, api string
	out, who, err := c.options.Decider.DecideWith(ctx, func(d *server.Deployment) (*rowanv1.DecideRequest, error) {
		routes, err := routesOf(d, t)
		if err != nil {
			return nil, err
		}
		signer, api = signerARN(d.Bundle, routes), routes.API
		q, err := c.question(ctx, d, routes, call)
		var r *refusal
		if errors.As(err, &r) {
			challenge = r.challenge
			return nil, r.err
		}
		return q, err
	})
	if err != nil {
		return c.refused(ctx, err, challenge)
	}
	a := out.GetAnswer()
	v := Verdict{Status: http.StatusForbidden, Message: "the policies do not allow this", DecisionID: a.GetDecisionId()}
	if a.GetDecision() != rowanv1.Decision_DECISION_ALLOWED {
		return v
	}
	if c.options.Signer != nil {
		if v.Data, err = c.options.Signer.sign(signer, api, &who, c.options.Now()); err != nil {
			return c.refused(ctx, err, "")
		}
	}
	v.Status, v.Message, v.Who = http.StatusOK, "", who
	return v
}

// PublicKey returns a public key of DataHeader in PEM.
func (c *Checker) PublicKey(kid string) (text []byte, ok bool) {
	return c.options.Signer.PublicKey(kid)
}

// unanswered is the verdict while nothing is answered, or for a proxy that is not
// known: no client can mend that, so that it is no 401.
func (c *Checker) unanswered(ctx context.Context, err error) Verdict {
	if status.Code(err) == codes.Unauthenticated {
		c.options.Log.ErrorContext(ctx, "a proxy that is not known asks", "error", err)
		return Verdict{Status: http.StatusInternalServerError, Message: "the proxy is not known"}
	}
	return c.refused(ctx, err, "")
}

// refusal is a refusal with a challenge for the client.
type refusal struct {
	err       error
	challenge string
}

func (r *refusal) Error() string { return r.err.Error() }

// unauthenticated refuses a client that is not known.
func unauthenticated(challenge, format string, args ...any) error {
	return &refusal{status.Errorf(codes.Unauthenticated, format, args...), challenge}
}

// The challenges. Source: RFC 6750 §3.
const (
	noToken    = `Bearer realm="rowan"`
	badRequest = `Bearer realm="rowan", error="invalid_request"`
	badToken   = `Bearer realm="rowan", error="invalid_token"`
)

// refused is the verdict for an error.
func (c *Checker) refused(ctx context.Context, err error, challenge string) Verdict {
	s, _ := status.FromError(err)
	v := Verdict{Status: http.StatusInternalServerError, Message: s.Message()}
	switch s.Code() {
	case codes.Unauthenticated:
		v.Status, v.Challenge = http.StatusUnauthorized, challenge
		if challenge == "" {
			v.Challenge = badToken
		}
	case codes.InvalidArgument, codes.PermissionDenied, codes.NotFound:
		v.Status = http.StatusForbidden
	case codes.ResourceExhausted:
		v.Status = http.StatusTooManyRequests
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		v.Status = http.StatusServiceUnavailable
	case codes.OK, codes.Unknown, codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.Unimplemented, codes.Internal, codes.DataLoss:
		c.options.Log.ErrorContext(ctx, "a call could not be decided", "error", err)
		v.Message = "the call could not be decided"
	}
	return v
}

// question makes the question of a call: who, by their credentials, may do what,
// by the routes.
func (c *Checker) question(ctx context.Context, d *server.Deployment, routes *bundle.Routes, call *Call) (*rowanv1.DecideRequest, error) {
	if !plainMethod(call.Method) {
		return nil, status.Error(codes.PermissionDenied, "the method is not in capital letters")
	}
	path, ok := canonicalPath(call.Target)
	if !ok {
		return nil, status.Error(codes.PermissionDenied, "the path can be read in two ways: it must be absolute, without empty or dot segments, and with %XX only where it needs be")
	}
	if !routes.Served(call.Host) {
		return nil, status.Errorf(codes.PermissionDenied, "the API is not served under the host %.100q", call.Host)
	}
	asked, ok := d.Bundle.Call(routes, call.Method, path)
	if !ok {
		return nil, status.Error(codes.PermissionDenied, "the API has no such route")
	}
	of, err := c.subject(ctx, d, routes, call)
	if err != nil {
		return nil, err
	}
	q := &rowanv1.DecideRequest{Subject: of, Action: asked.Action, Resource: asked.Resource}
	for _, k := range call.Client.Keys(c.options.Now(), d.Account.Region) {
		if k.Name != "aws:CurrentTime" && k.Name != "aws:EpochTime" { // the decider's own
			q.Context = append(q.Context, &rowanv1.ContextKey{Name: k.Name, Values: k.Values})
		}
	}
	for _, k := range asked.Context {
		q.Context = append(q.Context, &rowanv1.ContextKey{Name: k.Key, Values: []string{k.Value}})
	}
	return q, nil
}

// routesOf finds the routes of a target.
func routesOf(d *server.Deployment, t Target) (*bundle.Routes, error) {
	switch {
	case t.Routes != "" && (t.API != "" || t.Stage != "" || t.Pool != ""):
		return nil, status.Error(codes.FailedPrecondition, "the proxy names routes and an API")
	case t.Routes != "":
		r, ok := d.Bundle.RoutesOf(t.Routes)
		if !ok {
			return nil, status.Errorf(codes.FailedPrecondition, "no routes/%.100s.yaml in the bundle", t.Routes)
		}
		return r, nil
	}
	r := &bundle.Routes{API: t.API, Stage: t.Stage, Pool: t.Pool}
	if r.Stage == "" {
		r.Stage = "$default"
	}
	if !plainName(r.API) || !plainName(strings.TrimPrefix(r.Stage, "$")) {
		return nil, status.Error(codes.FailedPrecondition, "the proxy names neither routes nor an API")
	}
	return r, nil
}

func plainName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}
