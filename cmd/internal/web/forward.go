package web

import (
	"net/http"
	"net/netip"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
)

// The headers of an answer that a proxy passes on. They are always there, so
// that what a client sent under these names is replaced.
const (
	principalHeader = "X-Rowan-Principal"
	identityHeader  = "X-Rowan-Identity"
	decisionHeader  = "X-Rowan-Decision-Id"
)

// original is the request that a proxy asks about.
type original struct{ method, uri string }

// authNginx answers auth_request of nginx, which puts the original request into
// X-Original-Method and X-Original-URI.
func (x *exchange) authNginx() error { return x.forwardAuth("X-Original-Method", "X-Original-Uri") }

// authForwarded answers Traefik's ForwardAuth and Caddy's forward_auth, which put
// it into X-Forwarded-Method and X-Forwarded-Uri. The two are paths of their
// own, since one proxy passes on what a client sends under the other's names.
func (x *exchange) authForwarded() error {
	return x.forwardAuth("X-Forwarded-Method", "X-Forwarded-Uri")
}

// forwardAuth answers whether a proxy may let a request through: 200 with who
// asks, 401 without a good token, 403 for a denial. It never answers 200 for
// want of something. Source: identity-protocol §5.5.
func (x *exchange) forwardAuth(methodHeader, uriHeader string) error {
	for _, name := range []string{principalHeader, identityHeader, decisionHeader} {
		x.w.Header().Set(name, "")
	}
	o := original{one(x.r.Header, methodHeader), one(x.r.Header, uriHeader)}
	resource, err := x.invoked(&o)
	if err != nil {
		return err
	}
	token, err := x.userToken()
	if err != nil {
		return err
	}
	q := &rowanv1.DecideRequest{
		Subject: &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Token: token, IdentityPool: x.r.URL.Query().Get("pool")}}},
		Action:  "execute-api:Invoke", Resource: resource,
	}
	if ip := x.clientAddress(); ip != "" {
		q.Context = append(q.Context, &rowanv1.ContextKey{Name: "aws:SourceIp", Values: []string{ip}})
	}
	out, who, err := x.options.Decider.DecideWho(x.r.Context(), q)
	if err != nil {
		if status.Code(err) == codes.Unauthenticated {
			x.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
		return err
	}
	x.w.Header().Set(decisionHeader, out.GetAnswer().GetDecisionId())
	if out.GetAnswer().GetDecision() != rowanv1.Decision_DECISION_ALLOWED {
		return status.Error(codes.PermissionDenied, "the policies do not allow this")
	}
	x.setWho(&who)
	return x.reply(http.StatusOK, struct{}{})
}

func (x *exchange) setWho(who *decide.Who) {
	x.w.Header().Set(principalHeader, who.Principal)
	x.w.Header().Set(identityHeader, who.Identity)
}

// one returns a header that is there once.
func one(h http.Header, name string) string {
	if all := h[name]; len(all) == 1 {
		return all[0]
	}
	return ""
}

// invoked returns the ARN of the method that was called, as API Gateway names
// it. Of which API it is, the proxy's configuration says in the query.
func (x *exchange) invoked(o *original) (string, error) {
	query := x.r.URL.Query()
	api, stage := query.Get("api"), query.Get("stage")
	if stage == "" {
		stage = "$default"
	}
	if !plainName(api) || !plainName(strings.TrimPrefix(stage, "$")) {
		return "", status.Error(codes.InvalidArgument, "the proxy must say ?api=NAME, and stage=NAME if there are several")
	}
	if o.method == "" || strings.Trim(o.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", status.Error(codes.InvalidArgument, "the proxy names no method")
	}
	path, _, _ := strings.Cut(o.uri, "?")
	if !canonicalPath(path) {
		return "", status.Error(codes.InvalidArgument, "the path can be read in two ways: it must be absolute, without empty or dot segments, and with %XX only where it needs be")
	}
	a := x.options.Decider.Account()
	return "arn:" + a.Partition + ":execute-api:" + a.Region + ":" + a.ID + ":" + api + "/" + stage + "/" + o.method + path, nil
}

func plainName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// maxPath is how long a path may be.
const maxPath = 1500

// canonicalPath reports whether a proxy, this server and the one behind read a
// path alike. Source: identity-protocol §5.4.
func canonicalPath(p string) bool {
	if !strings.HasPrefix(p, "/") || len(p) > maxPath {
		return false
	}
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '%':
			if i+2 >= len(p) {
				return false
			}
			high, low := upperHex(p[i+1]), upperHex(p[i+2])
			if high < 0 || low < 0 || !needsEscape(byte(high<<4|low)) {
				return false
			}
			i += 2
		case c == '/' || pathByte(c):
		default:
			return false
		}
	}
	segments := strings.Split(p[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return false
		}
	}
	return true
}

// pathByte reports whether a byte stands for itself in a path: neither ";",
// which some take for the beginning of parameters, nor what patterns use.
func pathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~!$&'()+,=:@", c) >= 0
}

// needsEscape reports whether a byte may be written %XX: not if it stands for
// itself, and not what would become another path once decoded.
func needsEscape(c byte) bool {
	return !pathByte(c) && c > ' ' && c != 0x7f && strings.IndexByte(`/\;%*?#`, c) < 0 || c == ' '
}

// upperHex is the value of a digit in upper case, -1 for what is none.
func upperHex(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// userToken returns the token that the client of the proxy brings.
func (x *exchange) userToken() (string, error) {
	refuse := func(challenge, text string) (string, error) {
		x.w.Header().Set("WWW-Authenticate", challenge)
		return "", status.Error(codes.Unauthenticated, text)
	}
	switch all := x.r.Header["Authorization"]; {
	case len(all) == 0:
		return refuse("Bearer", "the request brings no token")
	case len(all) > 1:
		return refuse(`Bearer error="invalid_request"`, "the request brings more than one Authorization")
	default:
		token, ok := bearer(all[0])
		if !ok {
			return refuse("Bearer", `the Authorization is not "Bearer TOKEN"`)
		}
		return token, nil
	}
}

// clientAddress returns the address of the proxy's client, empty if it is not
// known. Only where the proxy's configuration says ip=x-real-ip does it set that
// header; a client's own word is not asked for.
func (x *exchange) clientAddress() string {
	if x.r.URL.Query().Get("ip") != "x-real-ip" {
		return ""
	}
	ip, err := netip.ParseAddr(one(x.r.Header, "X-Real-Ip"))
	if err != nil {
		return ""
	}
	return ip.Unmap().WithZone("").String()
}
