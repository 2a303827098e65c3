package web

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/identity"
)

// authorizerEvent is what API Gateway asks its authorizer: TOKEN and REQUEST of
// REST APIs, and payload 2.0 of HTTP APIs. Source: identity-protocol §5.2.
type authorizerEvent struct {
	// line is what the client brought as its token, arn the call.
	line, arn string
}

// readEvent reads what an event asks about. Members of the call itself, which are
// the client's, are left alone.
func readEvent(o object) (e authorizerEvent) {
	version, kind := o.text("version"), o.text("type")
	switch {
	case version == "2.0" && kind == "REQUEST":
		e.arn = o.text("routeArn")
		for _, source := range o.texts("identitySource") {
			if _, ok := bearer(source); ok && e.line != "" {
				o.fault("identitySource", "two tokens")
			} else if ok {
				e.line = source
			}
		}
	case version != "2.0" && kind == "TOKEN":
		e.line, e.arn = o.text("authorizationToken"), o.text("methodArn")
	case version != "2.0" && kind == "REQUEST":
		e.arn = o.text("methodArn")
		headers, _ := o.object("headers")
		for name := range headers.m { // no two differ by case alone
			if strings.EqualFold(name, "Authorization") {
				e.line = headers.text(name)
				break
			}
		}
	default:
		o.fault("type", "an event has the type TOKEN, or REQUEST with the version 1.0 or 2.0")
	}
	return e
}

// maxResultARN is how long the ARN in a policy may be. Source: identity-protocol §5.2.
const maxResultARN = 512

// check refuses the ARN of a call that would be a pattern in a policy: the path
// is the client's, and what is cached would allow other calls too.
func (e *authorizerEvent) check(a *identity.Account) error {
	prefix := strings.Join([]string{"arn", a.Partition, "execute-api", a.Region, a.ID, ""}, ":")
	rest, own := strings.CutPrefix(e.arn, prefix)
	parts := strings.SplitN(rest, "/", 4)
	switch {
	case !own || len(parts) < 3 || slices.Contains(parts[:3], ""):
		return invalid("the event names no call of an API of this account and region")
	case len(e.arn) > maxResultARN:
		return invalid("the ARN of the call has more than %d bytes", maxResultARN)
	case strings.ContainsAny(rest, "*?{}") || strings.Contains(strings.Replace(rest, "/$default/", "/", 1), "$"):
		return invalid("the ARN of the call has characters that policies take for a pattern")
	case slices.ContainsFunc([]string{"%2f", "%5c", "%2e", "%25", "%3b", "%0", "%1", "%7f", "%2a", "%3f"}, func(x string) bool { return strings.Contains(strings.ToLower(rest), x) }):
		return invalid("the path of the call can be read in two ways")
	case strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' || r == ';' }), strings.Contains(rest, "//"),
		slices.ContainsFunc(strings.Split(rest, "/"), func(s string) bool { return s == "." || s == ".." }):
		return invalid("the path of the call can be read in two ways")
	}
	return nil
}

// policyDocument allows or denies one call.
type policyDocument struct {
	Version   string
	Statement []policyStatement
}

type policyStatement struct {
	Action, Effect, Resource string
}

// lambdaAuthorizer answers as a Lambda authorizer would: with a policy for the
// one call that was asked about, and none beside it, or in the simple form of
// HTTP APIs with ?simple. The function that asks throws "Unauthorized" after a
// 401.
func (x *exchange) lambdaAuthorizer() error {
	o, err := x.read(oneQuestion)
	if err != nil {
		return err
	}
	e := readEvent(o)
	if *o.err != nil {
		return *o.err
	}
	token, ok := bearer(e.line)
	if !ok {
		return status.Error(codes.Unauthenticated, "Unauthorized")
	}
	query := x.r.URL.Query()
	out, who, err := x.options.Decider.DecideWith(x.r.Context(), func(d *server.Deployment) (*rowanv1.DecideRequest, error) {
		return &rowanv1.DecideRequest{
			Subject: &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Token: token, IdentityPool: query.Get("pool")}}},
			Action:  "execute-api:Invoke", Resource: e.arn,
		}, e.check(d.Account)
	})
	if status.Code(err) == codes.Unauthenticated {
		return status.Error(codes.Unauthenticated, "Unauthorized")
	}
	if err != nil {
		return err
	}
	allowed := out.GetAnswer().GetDecision() == rowanv1.Decision_DECISION_ALLOWED
	// All values are texts, as REST APIs pass them on.
	context := map[string]string{"principal": who.Principal, "identity": who.Identity, "decisionId": out.GetAnswer().GetDecisionId()}
	if query.Has("simple") {
		return x.reply(http.StatusOK, map[string]any{"isAuthorized": allowed, "context": context})
	}
	effect := "Deny"
	if allowed {
		effect = "Allow"
	}
	id := who.Identity
	if id == "" {
		id = who.Principal
	}
	return x.reply(http.StatusOK, map[string]any{
		"principalId": id, "context": context,
		"policyDocument": policyDocument{"2012-10-17", []policyStatement{{"execute-api:Invoke", effect, e.arn}}},
	})
}
