package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/edge"
	"github.com/rowan-authz/rowan/identity"
)

// told are the headers in which a proxy tells of a call. All must be there, once:
// what the proxy does not set, a client could.
type told struct{ method, target, host, proto, client string }

// authNginx answers auth_request of nginx, whose configuration sets the headers.
func (x *exchange) authNginx() error {
	return x.forwardAuth(&told{"X-Original-Method", "X-Original-Uri", "X-Original-Host", "X-Original-Proto", "X-Original-Client"})
}

// authForwarded answers Traefik's ForwardAuth and Caddy's forward_auth, which set
// theirs by themselves. The two are paths of their own, since one proxy passes on
// what a client sends under the other's names.
func (x *exchange) authForwarded() error {
	return x.forwardAuth(&told{"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For"})
}

// forwardAuth answers whether a proxy may let a call through: 200 with who
// calls, 401 without good credentials, 403 for a denial. It never answers 200
// for want of something. Source: identity-protocol §5.5.
func (x *exchange) forwardAuth(names *told) error {
	call, err := names.call(x.r)
	if err != nil {
		return x.refuseCall(err)
	}
	target, err := targetOf(x.r.URL)
	if err != nil {
		return x.refuseCall(err)
	}
	v := x.options.Edge.Check(x.r.Context(), target, call)
	for _, h := range v.Headers() {
		x.w.Header()[h.Name] = []string{h.Value}
	}
	switch v.Status {
	case http.StatusUnauthorized:
		x.w.Header().Set("WWW-Authenticate", v.Challenge)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		x.w.Header().Set("Retry-After", retryAfter)
	}
	if v.Allowed() {
		return x.reply(http.StatusOK, struct{}{})
	}
	return x.reply(v.Status, map[string]any{"error": map[string]string{"message": v.Message}})
}

// refuseCall answers a proxy whose configuration is wrong.
func (x *exchange) refuseCall(err error) error {
	x.options.Log.ErrorContext(x.r.Context(), "a proxy asks in a way that cannot be answered", "path", x.r.URL.Path, "error", err)
	var none edge.Verdict
	for _, h := range none.Headers() {
		x.w.Header()[h.Name] = []string{h.Value}
	}
	return x.reply(http.StatusInternalServerError, map[string]any{"error": map[string]string{"message": status.Convert(err).Message()}})
}

// targetOf reads which API a proxy asks about, of the query that stands in its
// configuration.
func targetOf(u *url.URL) (edge.Target, error) {
	var t edge.Target
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return t, status.Error(codes.InvalidArgument, "the query cannot be read")
	}
	for name, values := range query {
		into, ok := map[string]*string{"routes": &t.Routes, "api": &t.API, "stage": &t.Stage, "pool": &t.Pool}[name]
		if !ok || len(values) != 1 {
			return t, status.Error(codes.InvalidArgument, "the proxy must say ?routes=NAME, or ?api=NAME with stage and pool where there are several, each once")
		}
		*into = values[0]
	}
	return t, nil
}

// call reads the call that a proxy tells of.
func (n *told) call(r *http.Request) (*edge.Call, error) {
	c := &edge.Call{Header: r.Header}
	proto, client := "", ""
	for _, x := range []struct {
		name string
		into *string
	}{{n.method, &c.Method}, {n.target, &c.Target}, {n.host, &c.Host}, {n.proto, &proto}, {n.client, &client}} {
		all := r.Header[x.name]
		if len(all) != 1 || all[0] == "" {
			return nil, status.Errorf(codes.InvalidArgument, "the proxy must set %s, once", x.name)
		}
		*x.into = all[0]
	}
	// A proxy that keeps a list appends the one that it sees itself.
	if i := strings.LastIndexByte(client, ','); i >= 0 {
		client = strings.TrimSpace(client[i+1:])
	}
	address, err := netip.ParseAddr(client)
	if err != nil && client != "unix:" { // a client of nginx on a socket
		return nil, status.Errorf(codes.InvalidArgument, "%s is not an address", n.client)
	}
	c.Client = identity.Client{Address: address.Unmap().WithZone(""), UserAgent: r.UserAgent()}
	switch proto {
	case "https", "wss":
		c.Client.TLS = true
	case "http", "ws":
	default:
		return nil, status.Errorf(codes.InvalidArgument, "%s is neither http nor https", n.proto)
	}
	// Bodies are not passed on, and what has none by rule is taken to have none.
	c.Unread = c.Method != http.MethodGet && c.Method != http.MethodHead || r.ContentLength != 0
	return c, nil
}

// albKey answers with a public key of X-Amzn-Oidc-Data, as the key endpoint of
// ALBs does. Whoever may connect may have it.
func (x *exchange) albKey() error {
	text, ok := x.options.Edge.PublicKey(x.r.PathValue("kid"))
	if !ok {
		return status.Error(codes.NotFound, "no such key")
	}
	x.w.Header().Set("Content-Type", "application/x-pem-file")
	x.w.Header().Set("Cache-Control", "public, max-age=86400, immutable")
	_, err := x.w.Write(text)
	return err
}
