package server

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// newVerifiers makes a verifier for each service: a signature for one is none
// for another.
func newVerifiers(region string, now func() time.Time, c *httpauth.Credentials) (map[string]*sigv4.Verifier, error) {
	out := make(map[string]*sigv4.Verifier)
	for _, name := range []string{"cognito-identity", "cognito-idp", "sts", adminService} {
		v, err := sigv4.New(sigv4.Options{
			Region: region, Services: []string{name}, REST: name == adminService,
			MaxBody: maxBody, Now: now, Lookup: c.Lookup,
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
	caller, err := x.credentials.Caller(verified)
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
		return nil
	}
	f := badRequest("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s %s",
		caller.Principal.String(), action, resource, because(d, action))
	if d.Fault != engine.NoFault {
		f.cause = errors.New(d.Fault.String())
	}
	return f
}

// describe sets the context keys that a request has of its connection.
func (x *exchange) describe(q *engine.Request) error {
	if q.Context == nil {
		return errors.New("a caller without context")
	}
	client := identity.ClientFrom(x.r.Context())
	keys := [][2]string{
		{"aws:CurrentTime", x.now.UTC().Format(time.RFC3339)},
		{"aws:EpochTime", strconv.FormatInt(x.now.Unix(), 10)},
		{"aws:SecureTransport", strconv.FormatBool(client.TLS)},
		{"aws:RequestedRegion", x.Account.Region},
		{"aws:ViaAWSService", "false"},
	}
	if client.Address.IsValid() {
		keys = append(keys, [2]string{"aws:SourceIp", client.Address.String()})
	}
	if client.UserAgent != "" {
		keys = append(keys, [2]string{"aws:UserAgent", client.UserAgent})
	}
	for _, k := range keys {
		if err := q.Context.Set(k[0], k[1]); err != nil {
			return err
		}
	}
	return nil
}

// policyNames are what AWS calls the kinds of policies in its denials.
var policyNames = map[engine.Authority]string{
	engine.ByResourceControl: "resource control policy",
	engine.ByServiceControl:  "service control policy",
	engine.ByEndpoint:        "VPC endpoint policy",
	engine.ByBoundary:        "permissions boundary",
	engine.BySession:         "session policy",
	engine.ByIdentity:        "identity-based policy",
	engine.ByResource:        "resource-based policy",
}

// because says which kind of policy denied, in the words of AWS. Source: IAM
// User Guide, "Troubleshoot access denied error messages".
func because(d engine.Decision, action string) string {
	name, ok := policyNames[d.By]
	switch {
	case !ok:
		return "because no policy allows the " + action + " action"
	case d.Outcome == engine.ExplicitDeny:
		return "with an explicit deny in " + article(name)
	}
	return "because no " + name + " allows the " + action + " action"
}

func article(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
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
