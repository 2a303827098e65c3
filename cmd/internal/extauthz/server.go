package extauthz

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/rowan-authz/rowan/cmd/internal/edge"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

// Server answers CheckRequests. It may be shared.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	checker *edge.Checker
}

// New returns a Server that lets a checker decide.
func New(c *edge.Checker) *Server { return &Server{checker: c} }

// Register adds the service to a gRPC server whose interceptors know who calls.
func (s *Server) Register(to *grpc.Server) { authv3.RegisterAuthorizationServer(to, s) }

// Check decides a call. It has no error of its own: what cannot be understood is
// denied, also where failure_mode_allow is on.
func (s *Server) Check(ctx context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	a := in.GetAttributes()
	call, err := callOf(a)
	if err != nil {
		return denied(&edge.Verdict{Status: http.StatusForbidden, Message: err.Error()}), nil
	}
	extensions := a.GetContextExtensions()
	v := s.checker.Check(ctx, edge.Target{
		Routes: extensions["routes"], API: extensions["api"], Stage: extensions["stage"], Pool: extensions["pool"],
	}, call)
	if !v.Allowed() {
		return denied(&v), nil
	}
	return allowed(&v, call.Header), nil
}

// allowed lets a call through with the headers that say who calls, and without
// those that the client sent for that.
func allowed(v *edge.Verdict, client http.Header) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	var set []string
	for _, h := range v.Headers() {
		if h.Value != "" {
			set = append(set, strings.ToLower(h.Name))
			ok.Headers = append(ok.Headers, overwrite(h.Name, h.Value))
		}
	}
	// Envoy may be told to pass on some headers only: those that are known are
	// removed whether it showed them or not.
	remove := slices.Clone(known)
	for _, h := range v.Headers() {
		remove = append(remove, strings.ToLower(h.Name))
	}
	for name := range client {
		if httpauth.Reserved(name) {
			remove = append(remove, strings.ToLower(name))
		}
	}
	remove = slices.DeleteFunc(remove, func(name string) bool { return slices.Contains(set, name) })
	slices.Sort(remove)
	ok.HeadersToRemove = slices.Compact(remove)
	return &authv3.CheckResponse{
		Status:       &statuspb.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// known are headers that applications take for who calls, beside Rowan's own.
var known = []string{
	"x-amzn-oidc-accesstoken", "x-amzn-oidc-identity", "x-auth-user", "x-auth-request-user", "x-auth-request-email", "x-auth-request-groups",
	"x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-access-token", "x-remote-user", "remote-user",
}

func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: strings.ToLower(name), Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// statuses are those of calls that may not go on. For one that is missing Envoy
// answers 403.
var statuses = map[int]typev3.StatusCode{
	http.StatusUnauthorized:        typev3.StatusCode_Unauthorized,
	http.StatusForbidden:           typev3.StatusCode_Forbidden,
	http.StatusTooManyRequests:     typev3.StatusCode_TooManyRequests,
	http.StatusInternalServerError: typev3.StatusCode_InternalServerError,
	http.StatusServiceUnavailable:  typev3.StatusCode_ServiceUnavailable,
}

// denied answers the client in the place of the application.
func denied(v *edge.Verdict) *authv3.CheckResponse {
	code := codes.PermissionDenied
	if v.Status == http.StatusUnauthorized {
		code = codes.Unauthenticated
	}
	text, err := json.Marshal(map[string]any{"error": map[string]string{"message": v.Message}})
	if err != nil {
		text = nil
	}
	out := &authv3.DeniedHttpResponse{
		Status:  &typev3.HttpStatus{Code: statuses[v.Status]},
		Headers: []*corev3.HeaderValueOption{overwrite("Content-Type", "application/json"), overwrite("Cache-Control", "no-store")},
		Body:    string(text),
	}
	if v.Challenge != "" {
		out.Headers = append(out.Headers, overwrite("WWW-Authenticate", v.Challenge))
	}
	return &authv3.CheckResponse{
		Status:       &statuspb.Status{Code: int32(code), Message: v.Message},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: out},
	}
}
