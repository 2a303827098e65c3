package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

const (
	bearerScheme    = "Bearer "
	signatureScheme = "AWS4-"
	tokenHeader     = "X-Amz-Security-Token"
)

// subject finds out who calls, by the one Authorization of the call.
func (c *Checker) subject(ctx context.Context, d *server.Deployment, routes *bundle.Routes, call *Call) (*rowanv1.Subject, error) {
	var line string
	switch all := call.Header["Authorization"]; {
	case len(all) == 0:
		return nil, unauthenticated(noToken, "the call brings no token")
	case len(all) > 1:
		return nil, unauthenticated(badRequest, "the call brings more than one Authorization")
	default:
		line = all[0]
	}
	switch {
	case len(line) > len(bearerScheme) && strings.EqualFold(line[:len(bearerScheme)], bearerScheme):
		return &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{
			Token: line[len(bearerScheme):], IdentityPool: routes.Pool,
		}}}, nil
	case strings.HasPrefix(line, signatureScheme):
		return c.signer(ctx, d, call)
	}
	return nil, unauthenticated(noToken, `the Authorization is neither "Bearer TOKEN" nor a signature`)
}

// verifiers keeps the verifier of the deployment in force.
type verifiers struct{ last atomic.Pointer[verifier] }

type verifier struct {
	of *server.Deployment
	*sigv4.Verifier
}

// invokeService is what signatures of calls are scoped to.
const invokeService = "execute-api"

func (v *verifiers) get(c *Checker, d *server.Deployment) (*sigv4.Verifier, error) {
	if last := v.last.Load(); last != nil && last.of == d {
		return last.Verifier, nil
	}
	made, err := sigv4.New(sigv4.Options{
		Region: d.Account.Region, Services: []string{invokeService}, REST: true, Now: c.options.Now, Lookup: d.Credentials.Lookup,
		TLS: func(*http.Request) bool { return false }, // what is not signed is not believed
	})
	if err != nil {
		return nil, err
	}
	v.last.Store(&verifier{d, made})
	return made, nil
}

// signer verifies the signature of a call with temporary credentials.
func (c *Checker) signer(ctx context.Context, d *server.Deployment, call *Call) (*rowanv1.Subject, error) {
	if call.Unread {
		return nil, unauthenticated(badRequest, "the call is signed and may have a body that the proxy does not pass on, so that its signature cannot be verified")
	}
	v, err := c.verifiers.get(c, d)
	if err != nil {
		return nil, err
	}
	u, err := url.ParseRequestURI(call.Target)
	if err != nil {
		return nil, unauthenticated(badRequest, "the target is no path")
	}
	r := (&http.Request{
		Method: call.Method, URL: u, RequestURI: call.Target, Host: call.Host, Header: call.Header.Clone(),
		Body: io.NopCloser(bytes.NewReader(call.Body)), ContentLength: int64(len(call.Body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	verified, err := v.Verify(r)
	if err != nil {
		return nil, signatureError(err)
	}
	if _, ok := verified.Value.(*identity.Session); !ok || verified.Presigned {
		return nil, unauthenticated(badToken, "the call is not signed in its headers with temporary credentials")
	}
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{
		AccessKeyId: verified.AccessKeyID, Token: call.Header.Get(tokenHeader),
	}}}, nil
}

// signatureError says why a signature does not count. An outage is not the
// client's fault.
func signatureError(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) || e.Kind == sigv4.Unavailable {
		return status.Error(codes.Unavailable, "the signature cannot be verified now")
	}
	return unauthenticated(badToken, "%s", e.Message)
}
