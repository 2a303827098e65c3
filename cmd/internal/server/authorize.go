package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// newVerifiers makes a verifier for each service: a signature for one is none
// for another.
func newVerifiers(region string, hosts []string, now func() time.Time, c *httpauth.Credentials) (map[string]*sigv4.Verifier, error) {
	out := make(map[string]*sigv4.Verifier)
	for _, name := range []string{"cognito-identity", "cognito-idp", "sts", adminService} {
		v, err := sigv4.New(sigv4.Options{
			Region: region, Services: []string{name}, REST: name == adminService,
			Hosts: hosts, MaxBody: maxBody, Now: now, Lookup: c.Lookup,
		})
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

// admit counts a call that nobody signed.
func (x *exchange) admit() error {
	if !x.limits.take(identity.ClientFrom(x.r.Context()).Address, x.now) {
		return throttled()
	}
	return nil
}

func throttled() *fault {
	return badRequest(string(identity.TooManyRequests), "Too many requests. Please try again after some time.")
}

// authenticate finds out who signed the request, and returns the body that was
// signed. Whoever sends many signatures that are wrong is not listened to for
// a while.
func (x *exchange) authenticate(service string) (*engine.Caller, []byte, error) {
	address := identity.ClientFrom(x.r.Context()).Address
	if !x.limits.open(address, x.now) {
		return nil, nil, throttled()
	}
	v, ok := x.verifiers[service]
	if !ok {
		return nil, nil, internal(fmt.Errorf("no verifier for %s", service))
	}
	verified, err := v.Verify(x.r)
	if err != nil {
		x.limits.take(address, x.now)
		return nil, nil, err
	}
	caller, err := x.Credentials.Caller(verified)
	if err != nil {
		return nil, nil, internal(err)
	}
	return caller, verified.Body, nil
}

// authorize asks the engine whether the caller may. Source: identity-protocol
// §4.5, row 10.
func (x *exchange) authorize(caller *engine.Caller, action, resource string) error {
	q := caller.NewRequest(action, resource)
	if err := x.describe(q); err != nil {
		return internal(err)
	}
	d := caller.Evaluator.Decide(q)
	if d.Allowed() {
		return x.guarded(q)
	}
	f := badRequest("AccessDeniedException", "%s", httpauth.Denial(q, d))
	if d.Fault != engine.NoFault {
		f.cause = errors.New(d.Fault.String())
	}
	return f
}

// guarded asks the guardrails in Rego, which have the last word.
func (x *exchange) guarded(q *engine.Request) error {
	err := x.Guardrail(x.r.Context(), q)
	if err == nil {
		return nil
	}
	f := badRequest("AccessDeniedException", "%s", httpauth.GuardrailDenial(q))
	f.cause = err
	return f
}

// describe sets the context keys that a request has of its connection.
func (x *exchange) describe(q *engine.Request) error {
	if q.Context == nil {
		return errors.New("a caller without context")
	}
	for _, k := range identity.ClientFrom(x.r.Context()).Keys(x.now, x.Account.Region) {
		if err := q.Context.Set(k.Name, k.Values...); err != nil {
			return err
		}
	}
	return nil
}

// resource returns the ARN of the pool that the member of a request names, "*"
// if the operation has none. It need not exist: who may not see a pool does not
// learn whether it does.
func (x *exchange) resource(service string, op *operation, members map[string]any) (string, error) {
	member := op.member
	if member == "" {
		return "*", nil
	}
	value, given := members[member]
	if !given && op.optional {
		return "*", nil
	}
	id, ok := value.(string)
	if !ok || !poolID(id) {
		return "", badRequest(string(identity.InvalidParameter), "%s must be the id of a pool.", member)
	}
	return x.poolARN(service, id), nil
}

// poolARN is the ARN of an identity pool or a user pool. Source:
// identity-protocol §1.1, §2.1.
func (d *Deployment) poolARN(service, id string) string {
	kind := "identitypool"
	if service == "cognito-idp" {
		kind = "userpool"
	} else {
		service = "cognito-identity"
	}
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s/%s", d.Account.Partition, service, d.Account.Region, d.Account.ID, kind, id)
}

// poolID reports whether s can stand in an ARN as the id of a pool of either
// kind.
func poolID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && c != ':' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 55
}

// signatureFault is the fault of a refused signature, nil for other errors.
func signatureFault(err error) *fault {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return nil
	}
	status, code := e.JSON()
	f := &fault{status: status, code: code, message: e.Message, cause: err}
	if status >= http.StatusInternalServerError {
		f.message = internal(nil).message
	}
	f.queryStatus, f.queryCode = e.Query()
	return f
}
