package web

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// authorizerEvent is what API Gateway asks its authorizer: TOKEN and REQUEST of
// REST APIs, and payload 2.0 of HTTP APIs. Source: identity-protocol §5.2.
type authorizerEvent struct {
	Version            string            `json:"version"`
	Type               string            `json:"type"`
	AuthorizationToken string            `json:"authorizationToken"`
	MethodARN          string            `json:"methodArn"`
	RouteARN           string            `json:"routeArn"`
	IdentitySource     any               `json:"identitySource"`
	Headers            map[string]string `json:"headers"`
}

// asked returns the token and the ARN that an event asks about.
func (e *authorizerEvent) asked() (line, arn string, err error) {
	second := e.Version == "2.0"
	switch {
	case second && e.Type == "REQUEST":
		arn = e.RouteARN
		if all, ok := e.IdentitySource.([]any); ok && len(all) == 1 {
			line, _ = all[0].(string)
		}
	case !second && e.Type == "TOKEN":
		line, arn = e.AuthorizationToken, e.MethodARN
	case !second && e.Type == "REQUEST":
		arn = e.MethodARN
		for name, value := range e.Headers {
			if strings.EqualFold(name, "Authorization") {
				line = value
			}
		}
	default:
		return "", "", status.Error(codes.InvalidArgument, "an event has the type TOKEN or REQUEST")
	}
	if !strings.HasPrefix(arn, "arn:") {
		return "", "", status.Error(codes.InvalidArgument, "the event names no method")
	}
	return line, arn, nil
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
// one method that was asked about, and none beside it, or in the simple form of
// HTTP APIs with ?simple. The function that asks throws "Unauthorized" after a
// 401.
func (x *exchange) lambdaAuthorizer() error {
	var in authorizerEvent
	if err := x.read(&in, false); err != nil {
		return err
	}
	line, arn, err := in.asked()
	if err != nil {
		return err
	}
	token, ok := bearer(line)
	if !ok {
		return status.Error(codes.Unauthenticated, "Unauthorized")
	}
	out, who, err := x.options.Decider.DecideWho(x.r.Context(), &rowanv1.DecideRequest{
		Subject: &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Token: token, IdentityPool: x.r.URL.Query().Get("pool")}}},
		Action:  "execute-api:Invoke", Resource: arn,
	})
	if status.Code(err) == codes.Unauthenticated {
		return status.Error(codes.Unauthenticated, "Unauthorized")
	}
	if err != nil {
		return err
	}
	allowed := out.GetAnswer().GetDecision() == rowanv1.Decision_DECISION_ALLOWED
	context := map[string]string{"principal": who.Principal, "identity": who.Identity, "decisionId": out.GetAnswer().GetDecisionId()}
	if x.r.URL.Query().Has("simple") {
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
		"policyDocument": policyDocument{"2012-10-17", []policyStatement{{"execute-api:Invoke", effect, arn}}},
	})
}
