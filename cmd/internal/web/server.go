package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/edge"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
	"github.com/rowan-authz/rowan/cmd/internal/trace"
)

// Options say how questions are served. Decider, Edge and Log are required.
type Options struct {
	Decider *decide.Decider
	// Edge checks calls for proxies. It is required too.
	Edge *edge.Checker
	// URL is the address that services use, which metadata names; empty leaves
	// metadata out.
	URL string
	// TLS is for connections that are not on a Unix socket; nil means none,
	// which is for loopback alone.
	TLS *tls.Config
	// Trusted gives all rights to local peers without a name: for development.
	Trusted bool
	// InFlight bounds the requests that are under way; zero means
	// rpc.DefaultInFlight. More are refused at once.
	InFlight int
	// Metrics counts what is refused, and panics; nil does not.
	Metrics *metrics.Metrics
	// Wrap wraps what answers, for traces; nil does not.
	Wrap func(http.Handler) http.Handler
	Log  *slog.Logger
}

// Bounds of requests. Headers hold an ID token of up to 16 KiB.
const (
	maxHeaderBytes = 64 << 10
	headerWithin   = 5 * time.Second
	requestWithin  = 20 * time.Second
	answerWithin   = 30 * time.Second
	idleWithin     = 2 * time.Minute
	drainWithin    = 10 * time.Second
	maxStreams     = 250
	// largeShare is which part of the requests under way may be large ones.
	largeShare = 64
	// retryAfter is when to ask again after too much was asked, in seconds.
	retryAfter = "1"
)

// Server serves questions. It may be shared.
type Server struct {
	options Options
	routes  *http.ServeMux
	// slots are those of all requests, large those of large ones.
	slots, large chan struct{}
}

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Decider == nil || o.Edge == nil || o.Log == nil {
		return nil, errors.New("a server needs a decider, what checks calls, and a log")
	}
	if o.InFlight < 0 {
		return nil, fmt.Errorf("%d requests at once", o.InFlight)
	}
	if o.InFlight == 0 {
		o.InFlight = rpc.DefaultInFlight
	}
	if u, err := url.Parse(o.URL); err != nil || o.URL != "" && (u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "") {
		return nil, fmt.Errorf("address %q: want one such as https://authz.example.com", o.URL)
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	s := &Server{
		options: o, routes: http.NewServeMux(),
		slots: make(chan struct{}, o.InFlight), large: make(chan struct{}, max(o.InFlight/largeShare, 1)),
	}
	for pattern, answer := range map[string]func(*exchange) error{
		"POST /v1/decide":                        (*exchange).decide,
		"POST /v1/decide-batch":                  (*exchange).decideBatch,
		"POST /v1/decide-rows":                   (*exchange).decideRows,
		"POST /v1/explain":                       (*exchange).explain,
		"POST /v1/filter":                        (*exchange).filter,
		"GET /v1/describe":                       (*exchange).describe,
		"POST /v1/validate":                      (*exchange).validate,
		"POST /v1/test":                          (*exchange).test,
		"POST /access/v1/evaluation":             (*exchange).evaluation,
		"POST /access/v1/evaluations":            (*exchange).evaluations,
		"POST /access/v1/search/action":          (*exchange).searchActions,
		"POST /access/v1/search/resource":        (*exchange).searchResources,
		"POST /access/v1/search/subject":         (*exchange).searchSubjects,
		"GET /.well-known/authzen-configuration": (*exchange).authzenMetadata,
		"/auth/nginx":                            (*exchange).authNginx,
		"/auth/forwarded":                        (*exchange).authForwarded,
		"POST /lambda-authorizer":                (*exchange).lambdaAuthorizer,
		"GET /alb-keys/{kid}":                    (*exchange).albKey,
		"GET /-/healthy":                         (*exchange).healthy,
		"GET /-/ready":                           (*exchange).ready,
	} {
		s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			trace.Route(r.Context(), pattern)
			x := &exchange{Server: s, w: w, r: r}
			if err := answer(x); err != nil {
				x.fail(err)
			}
		})
	}
	o.Metrics.UnderWay("http", func() (now, most int64) { return int64(len(s.slots)), int64(cap(s.slots)) })
	return s, nil
}

// exchange is a request with its answer.
type exchange struct {
	*Server
	w http.ResponseWriter
	r *http.Request
}

// maxRequestID is the longest X-Request-ID that is echoed.
const maxRequestID = 256

// printable reports whether a text of at most so many bytes may stand in a
// header.
func printable(s string, most int) bool {
	return len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Server: s, w: w, r: r}
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && printable(ids[0], maxRequestID) {
		w.Header().Set("X-Request-ID", ids[0])
	}
	w.Header().Set("Cache-Control", "no-store")
	if !s.enter(s.slots) {
		x.fail(errBusy)
		return
	}
	defer func() { <-s.slots }()
	defer x.recovered()
	if r.URL.EscapedPath() != r.URL.Path || !strings.HasPrefix(r.RequestURI, "/") {
		x.fail(status.Error(codes.NotFound, "nothing is here"))
		return
	}
	p, err := s.peer(r)
	if err != nil {
		x.fail(err)
		return
	}
	s.routes.ServeHTTP(w, r.WithContext(decide.WithPeer(r.Context(), p)))
}

var errBusy = status.Error(codes.ResourceExhausted, "too many requests are under way: ask again later")

// enter takes a slot if there is one: a queue would only grow.
func (s *Server) enter(slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	default:
		s.options.Metrics.Shed("http")
		return false
	}
}

// recovered turns a panic into a refusal: whoever asked denies, and the others
// are served.
func (x *exchange) recovered() {
	if r := recover(); r != nil {
		x.options.Metrics.Panicked("http")
		x.options.Log.ErrorContext(x.r.Context(), "a request panicked", "path", x.r.URL.Path, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		x.fail(status.Error(codes.Internal, "the question could not be answered"))
	}
}

// Serve answers on l until ctx ends. It then takes no more connections, lets
// requests that are under way come to their end, and returns.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var h http.Handler = s
	if s.options.Wrap != nil {
		h = s.options.Wrap(s)
	}
	hs := &http.Server{
		Handler: h, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: headerWithin, ReadTimeout: requestWithin, WriteTimeout: answerWithin, IdleTimeout: idleWithin,
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if c.LocalAddr().Network() != "unix" {
				return ctx
			}
			uid, err := rpc.PeerUID(c)
			if err != nil {
				s.options.Log.ErrorContext(ctx, "who is at a socket could not be told", "error", err)
				return ctx // and nobody is local
			}
			return context.WithValue(ctx, uidKey{}, uid)
		},
	}
	if s.options.TLS != nil && l.Addr().Network() != "unix" {
		l = tls.NewListener(l, s.options.TLS)
	}
	failed := make(chan error, 1)
	go func() { failed <- hs.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	err := hs.Shutdown(last)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// reply writes an answer.
func (x *exchange) reply(code int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(code)
	_, _ = x.w.Write(append(body, '\n')) // a client that has left is told nothing
	return nil
}

// failure is an error as clients see it.
type failure struct {
	Error failureText `json:"error"`
}

type failureText struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fail answers with an error: whoever asked denies.
func (x *exchange) fail(err error) {
	s, ok := status.FromError(err)
	if !ok {
		x.options.Log.ErrorContext(x.r.Context(), "a question could not be answered", "path", x.r.URL.Path, "error", err)
		s = status.New(codes.Internal, "the question could not be answered")
	}
	code := httpStatus(s.Code())
	switch code {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		x.w.Header().Set("Retry-After", retryAfter)
	case http.StatusUnauthorized:
		x.w.Header().Set("WWW-Authenticate", `Bearer realm="rowan"`)
	}
	if x.w.Header().Get("Connection") == "" && code >= http.StatusInternalServerError {
		x.w.Header().Set("Connection", "close")
	}
	if strings.HasPrefix(x.r.URL.Path, "/access/") { // Source: AuthZEN Authorization API 1.0, "Error Responses"
		x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		x.w.WriteHeader(code)
		_, _ = x.w.Write([]byte(s.Message() + "\n")) // a client that has left is told nothing
		return
	}
	_ = x.reply(code, failure{failureText{s.Code().String(), s.Message()}}) // two texts
}

// httpStatus is the status for a code.
func httpStatus(c codes.Code) int {
	switch c {
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound:
		return http.StatusNotFound
	case codes.FailedPrecondition:
		return http.StatusUnprocessableEntity
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return http.StatusServiceUnavailable
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.OK, codes.Unknown, codes.AlreadyExists, codes.Aborted, codes.OutOfRange, codes.Internal, codes.DataLoss:
	}
	return http.StatusInternalServerError
}

// healthy says that the process answers.
func (x *exchange) healthy() error {
	return x.reply(http.StatusOK, map[string]string{"status": "healthy"})
}

// ready says whether questions can be answered truthfully.
func (x *exchange) ready() error {
	if err := x.options.Decider.Ready(); err != nil {
		return x.reply(http.StatusServiceUnavailable, map[string]string{"status": status.Convert(err).Message()})
	}
	return x.reply(http.StatusOK, map[string]string{"status": "ready"})
}
