package server

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// front is what answers whatever the bundle: it outlives deployments.
type front struct {
	now    func() time.Time
	random io.Reader
	hosts  []string
	limits *limiter
	// origins tells posts of the hosted page from those of other sites.
	origins   *http.CrossOriginProtection
	draining  atomic.Bool
	bodies    bodies
	readiness readiness
	status    status
}

// Handler answers all that a deployment is asked over HTTP. It may be shared.
type Handler struct {
	*Deployment
	*front
	services []*service
	admin    *service
	// verifiers check signatures, by the service that is signed for.
	verifiers map[string]*sigv4.Verifier
	pages     *http.ServeMux
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := h.begin(w, r)
	defer x.end()
	if len(r.TransferEncoding) > 0 { // net/http hides whether there was a length too: a proxy may have gone by that
		w.Header().Set("Connection", "close")
		x.fail(badRequest("SerializationException", "The request must have a Content-Length and no Transfer-Encoding."))
		return
	}
	size := r.ContentLength
	if size < 0 || size > maxBody {
		size = maxBody // more of it is never read
	}
	if h.Expired(x.now) && !strings.HasPrefix(r.URL.EscapedPath(), healthPrefix) {
		x.fail(overdue())
		return
	}
	client := identity.ClientFrom(x.r.Context()).Address
	if !h.bodies.take(client, size) {
		x.fail(throttled())
		return
	}
	defer h.bodies.give(client, size)
	x.route()
}

// healthPrefix begins the paths that are answered whatever the bundle.
const healthPrefix = "/-/"

// overdue answers when the bundle's time is over: nothing is allowed then.
func overdue() *fault {
	return &fault{
		status: http.StatusServiceUnavailable, code: "ServiceUnavailableException",
		message: "The policies of this server are out of date. Please try again later.",
	}
}

// route finds who answers. The AWS protocols all live at "/", so that no
// router may have an opinion of their paths.
func (x *exchange) route() {
	p := x.r.URL.EscapedPath()
	switch {
	case !strings.HasPrefix(x.r.RequestURI, "/"):
		x.fail(badRequest("UnknownOperationException", "The request must name a path of this server."))
	case p == "/":
		x.root()
	case strings.HasPrefix(p, adminPrefix):
		x.callAdmin(strings.TrimPrefix(p, adminPrefix))
	case path.Clean(p) != p || strings.Contains(p, "%"):
		x.fail(notFound())
	default:
		x.visit()
	}
}

// root answers what the AWS protocols ask.
func (x *exchange) root() {
	allowOrigins(x.w.Header())
	media := mediaType(x.r.Header)
	switch x.r.Method {
	case http.MethodOptions:
		x.preflight(http.MethodPost)
	case http.MethodPost:
		switch media {
		case form:
			x.callQuery()
		case json11:
			x.callJSON()
		default:
			x.fail(badRequest("UnknownOperationException", "The Content-Type must be %s or %s.", json11, form))
		}
	case http.MethodGet:
		if q, err := url.ParseQuery(x.r.URL.RawQuery); err == nil && q.Has("Action") {
			x.callQuery() // a presigned GetCallerIdentity
			return
		}
		x.fail(notFound())
	default:
		x.w.Header().Set("Allow", "POST, OPTIONS")
		x.fail(badRequest("UnknownOperationException", "The method must be POST."))
	}
}

// visit answers from the routes of the paths that are not AWS protocols.
func (x *exchange) visit() {
	if handler, pattern := x.pages.Handler(x.r); pattern == "" {
		probe := &statusProbe{header: make(http.Header)}
		handler.ServeHTTP(probe, x.r)
		if allow := probe.header.Get("Allow"); allow != "" {
			x.w.Header().Set("Allow", allow)
			f := badRequest("UnknownOperationException", "The method must be one of %s.", allow)
			f.status = http.StatusMethodNotAllowed
			x.fail(f)
			return
		}
		x.fail(notFound())
		return
	}
	x.r = x.r.WithContext(context.WithValue(x.r.Context(), exchangeKey{}, x))
	x.pages.ServeHTTP(x.w, x.r)
}

type exchangeKey struct{}

// page makes a route of what answers an exchange. Its methods are named in the
// pattern.
func page(service, operation string, answer func(*exchange)) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		x, ok := r.Context().Value(exchangeKey{}).(*exchange)
		if !ok {
			return // nobody else serves the routes
		}
		x.r, x.service, x.operation = r, service, operation
		answer(x)
	}
}

// statusProbe asks a handler of the standard library what it would answer.
type statusProbe struct{ header http.Header }

// Header returns what the handler sets.
func (p *statusProbe) Header() http.Header { return p.header }

// Write drops the text.
func (*statusProbe) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader drops the status.
func (*statusProbe) WriteHeader(int) {}

func notFound() *fault {
	f := badRequest("UnknownOperationException", "Nothing is here.")
	f.status = http.StatusNotFound
	return f
}
