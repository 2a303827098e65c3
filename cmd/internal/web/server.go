package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
	"github.com/rowan-authz/rowan/internal/strictjson"
)

// Options say how questions are served. Decider and Log are required.
type Options struct {
	Decider *decide.Decider
	// TLS is for connections that are not on a Unix socket; nil means none,
	// which is for loopback alone.
	TLS *tls.Config
	// Trusted gives all rights to local peers without a name: for development.
	Trusted bool
	// InFlight bounds the requests that are under way; zero means
	// rpc.DefaultInFlight. More are refused at once.
	InFlight int
	Log      *slog.Logger
}

// Bounds of requests.
const (
	maxBody        = 1 << 20
	maxHeaderBytes = 64 << 10
	headerWithin   = 5 * time.Second
	requestWithin  = 20 * time.Second
	answerWithin   = 30 * time.Second
	idleWithin     = 2 * time.Minute
	drainWithin    = 10 * time.Second
	maxStreams     = 250
	// A body has at most so many members, nested so deep.
	maxMembers = 20_000
	maxDepth   = 32
	// retryAfter is when to ask again after too much was asked, in seconds.
	retryAfter = "1"
)

// Server serves questions. It may be shared.
type Server struct {
	options Options
	routes  *http.ServeMux
	slots   chan struct{}
}

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Decider == nil || o.Log == nil {
		return nil, errors.New("a server needs a decider and a log")
	}
	if o.InFlight < 0 {
		return nil, fmt.Errorf("%d requests at once", o.InFlight)
	}
	if o.InFlight == 0 {
		o.InFlight = rpc.DefaultInFlight
	}
	s := &Server{options: o, routes: http.NewServeMux(), slots: make(chan struct{}, o.InFlight)}
	for pattern, answer := range map[string]func(*exchange) error{
		"POST /v1/decide":                        (*exchange).decide,
		"POST /v1/decide-batch":                  (*exchange).decideBatch,
		"POST /v1/explain":                       (*exchange).explain,
		"POST /v1/filter":                        (*exchange).filter,
		"GET /v1/describe":                       (*exchange).describe,
		"POST /access/v1/evaluation":             (*exchange).evaluation,
		"POST /access/v1/evaluations":            (*exchange).evaluations,
		"GET /.well-known/authzen-configuration": (*exchange).authzenMetadata,
		"/auth/nginx":                            (*exchange).authNginx,
		"/auth/forwarded":                        (*exchange).authForwarded,
		"POST /lambda-authorizer":                (*exchange).lambdaAuthorizer,
		"GET /-/healthy":                         (*exchange).healthy,
		"GET /-/ready":                           (*exchange).ready,
	} {
		s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{Server: s, w: w, r: r}
			if err := answer(x); err != nil {
				x.fail(err)
			}
		})
	}
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

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Server: s, w: w, r: r}
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && len(ids[0]) <= maxRequestID {
		w.Header().Set("X-Request-ID", ids[0])
	}
	w.Header().Set("Cache-Control", "no-store")
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		x.fail(status.Error(codes.ResourceExhausted, "too many requests are under way: ask again later"))
		return
	}
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

// recovered turns a panic into a refusal: whoever asked denies, and the others
// are served.
func (x *exchange) recovered() {
	if r := recover(); r != nil {
		x.options.Log.ErrorContext(x.r.Context(), "a request panicked", "path", x.r.URL.Path, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		x.fail(status.Error(codes.Internal, "the question could not be answered"))
	}
}

type uidKey struct{}

// serviceKey is where a proxy puts its own key: what it passes on in
// Authorization is its client's.
const serviceKey = "X-Rowan-Service-Key"

// peer finds out which service calls.
func (s *Server) peer(r *http.Request) (*decide.Peer, error) {
	p := &decide.Peer{Trusted: s.options.Trusted}
	if uid, ok := r.Context().Value(uidKey{}).(uint32); ok {
		p.UID, p.HasUID, p.Local = uid, true, int(uid) == os.Getuid()
	} else if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		ip := net.ParseIP(host)
		p.Local = ip != nil && ip.IsLoopback()
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.PeerCertificates) > 0 {
		p.Certificate = r.TLS.PeerCertificates[0]
	}
	key, err := s.key(r)
	if err != nil {
		return nil, err
	}
	if key != nil {
		*p = p.KeyOf(*key)
	}
	return p, nil
}

// key returns the key of the calling service, nil if it brings none.
func (s *Server) key(r *http.Request) (*string, error) {
	if strings.HasPrefix(r.URL.Path, "/auth/") {
		if all, ok := r.Header[serviceKey]; ok {
			if len(all) != 1 {
				return nil, status.Error(codes.Unauthenticated, "more than one "+serviceKey)
			}
			return &all[0], nil
		}
		return nil, nil
	}
	switch all := r.Header["Authorization"]; {
	case len(all) == 0:
		return nil, nil
	case len(all) > 1:
		return nil, status.Error(codes.Unauthenticated, "more than one Authorization")
	default:
		key, ok := bearer(all[0])
		if !ok {
			return nil, status.Error(codes.Unauthenticated, `the Authorization is not "Bearer KEY"`)
		}
		return &key, nil
	}
}

// bearer returns what follows the scheme.
func bearer(line string) (token string, ok bool) {
	const scheme = "bearer "
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", false
	}
	return line[len(scheme):], true
}

// Serve answers on l until ctx ends. It then takes no more connections, lets
// requests that are under way come to their end, and returns.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	hs := &http.Server{
		Handler: s, MaxHeaderBytes: maxHeaderBytes,
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

// read reads a body that is one JSON object, into into. With strict, members
// that into does not have are refused.
func (x *exchange) read(into any, strict bool) error {
	media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return status.Error(codes.InvalidArgument, "the Content-Type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "the body could not be read, or has more than %d bytes", maxBody)
	}
	if err := strictjson.Check(body, strictjson.Limits{Depth: maxDepth, Members: maxMembers, Bytes: maxBody}); err != nil {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	return nil
}

// reply writes an answer.
func (x *exchange) reply(code int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/json")
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
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		x.w.Header().Set("Retry-After", retryAfter)
	}
	if x.w.Header().Get("Connection") == "" && code >= http.StatusInternalServerError {
		x.w.Header().Set("Connection", "close")
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
	case codes.OK, codes.Unknown, codes.AlreadyExists, codes.Aborted, codes.OutOfRange, codes.Unimplemented, codes.Internal, codes.DataLoss:
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
