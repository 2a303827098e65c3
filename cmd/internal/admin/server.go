package admin

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/replay"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// Options say what an operator sees. All are required.
type Options struct {
	Live    *server.Live
	Metrics *metrics.Metrics
	// Log is the decision log; a nil one is none. Recent holds what was decided.
	Log    *audit.Log
	Recent *audit.Recent
	Asker  Asker
	Now    func() time.Time
	Logger *slog.Logger
}

const (
	headerWithin  = 5 * time.Second
	requestWithin = 10 * time.Second
	idleWithin    = 2 * time.Minute
	drainWithin   = 5 * time.Second
	maxHeader     = 16 << 10
	maxQuestion   = 1 << 20
)

// Server answers an operator. It may be shared.
type Server struct {
	options Options
	handler http.Handler
}

// page is the operator's page: nothing of it comes from elsewhere.
//
//go:embed page
var page embed.FS

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Live == nil || o.Metrics == nil || o.Recent == nil || o.Asker == nil || o.Now == nil || o.Logger == nil {
		return nil, errors.New("an admin server needs what it shows, a clock and a log")
	}
	s := &Server{options: o}
	mux := http.NewServeMux()
	probes(mux, o.Live, o.Metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /api/state", s.state)
	mux.HandleFunc("GET /api/decisions", s.decisions)
	mux.HandleFunc("GET /api/why", s.why)
	mux.HandleFunc("POST /api/ask", s.ask)
	if err := s.pages(mux); err != nil {
		return nil, err
	}
	// A page of another site must not ask, whatever its browser can reach.
	s.handler = server.LocalOnly(http.NewCrossOriginProtection().Handler(mux))
	return s, nil
}

// pages serves the page, its style and its script.
func (s *Server) pages(mux *http.ServeMux) error {
	const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	for path, x := range map[string]struct{ name, kind string }{
		"GET /{$}": {"page/page.html", "text/html; charset=utf-8"}, "GET /page.css": {"page/page.css", "text/css; charset=utf-8"},
		"GET /page.js": {"page/page.js", "text/javascript; charset=utf-8"},
	} {
		text, err := page.ReadFile(x.name)
		if err != nil {
			return err
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			reply(w, http.StatusOK, x.kind, text)
		})
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Metrics answers /metrics, /healthz and /readyz alone.
func Metrics(live *server.Live, m *metrics.Metrics) http.Handler {
	mux := http.NewServeMux()
	probes(mux, live, m)
	return mux
}

// probes has mux answer what machines ask.
func probes(mux *http.ServeMux, live *server.Live, m *metrics.Metrics) {
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /healthz", health(live, "/-/healthy"))
	mux.HandleFunc("GET /readyz", health(live, "/-/ready"))
}

// Serve answers on l until ctx ends. Within bounds an answer; zero does not.
func Serve(ctx context.Context, l net.Listener, h http.Handler, within time.Duration, log *slog.Logger) error {
	hs := &http.Server{
		Handler: h, MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerWithin, ReadTimeout: requestWithin, WriteTimeout: within,
		IdleTimeout: idleWithin, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
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
	if err := hs.Shutdown(last); errors.Is(err, context.DeadlineExceeded) {
		_ = hs.Close() // a profile may last
	} else if err != nil {
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// health answers as the server itself does.
func health(live *server.Live, path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI = path, "", "", path
		live.ServeHTTP(w, r)
	}
}

func reply(w http.ResponseWriter, code int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body) // who has left is told nothing
}

func (s *Server) replyJSON(w http.ResponseWriter, code int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.options.Logger.Error("an answer to the operator cannot be written", slog.Any("error", err))
		code, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	reply(w, code, "application/json", text)
}

// shown is the state of a server as the page shows it.
type shown struct {
	Now       time.Time      `json:"now"`
	Source    string         `json:"source"`
	Digest    string         `json:"digest"`
	Version   uint64         `json:"version"`
	Key       string         `json:"key"`
	Loaded    time.Time      `json:"loaded"`
	Checked   time.Time      `json:"checked"`
	Expires   *time.Time     `json:"expires"`
	Loads     uint64         `json:"loads"`
	Refusal   *shownRefusal  `json:"refusal"`
	StaleBy   float64        `json:"revocationLagSeconds"`
	Unready   string         `json:"unready"`
	Stale     bool           `json:"stale"`
	Roles     []string       `json:"roles"`
	Log       *shownLog      `json:"log"`
	Resources map[string]int `json:"counts"`
}

type shownRefusal struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Text   string    `json:"text"`
}

type shownLog struct {
	Line    uint64 `json:"line"`
	Written uint64 `json:"written"`
	Skipped uint64 `json:"skipped"`
	Dropped uint64 `json:"dropped"`
	Refused uint64 `json:"refused"`
	Failing string `json:"failing"`
}

func (s *Server) state(w http.ResponseWriter, _ *http.Request) {
	now, d, st := s.options.Now(), s.options.Live.Current(), s.options.Live.Status()
	x := shown{
		Now: now.UTC(), Source: d.Source, Digest: d.Digest, Version: d.Version, Key: d.Key, Loaded: d.Loaded.UTC(), Checked: st.Checked.UTC(),
		Loads: st.Loads, StaleBy: d.Sessions.Age().Seconds(), Stale: d.Sessions.Ready() != nil, Unready: s.options.Live.Unready(), Roles: []string{},
		Resources: map[string]int{
			"policies": d.Bundle.Documents(), "resources": len(d.Bundle.Resources), "identity pools": len(d.Bundle.IdentityPools),
			"user pools": len(d.Bundle.UserPools), "services": len(d.Bundle.Services),
		},
	}
	for _, r := range d.Bundle.Roles {
		x.Roles = append(x.Roles, r.Name)
	}
	if !d.Expires.IsZero() {
		at := d.Expires.UTC()
		x.Expires = &at
	}
	if r := st.Refusal; r != nil {
		x.Refusal = &shownRefusal{r.At.UTC(), r.Kind, r.Error()}
	}
	if s.options.Log != nil {
		l := s.options.Log.Stats()
		x.Log = &shownLog{l.Line, l.Written, l.Skipped, l.Dropped, l.Refused, ""}
		if l.Failing != nil {
			x.Log.Failing = l.Failing.Error()
		}
	}
	s.replyJSON(w, http.StatusOK, x)
}

func (s *Server) decisions(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		since = 0
	}
	lines, next := s.options.Recent.Since(since)
	out := struct {
		Next      uint64            `json:"next"`
		Decisions []json.RawMessage `json:"decisions"`
	}{next, make([]json.RawMessage, len(lines))}
	for i, l := range lines {
		out.Decisions[i] = l
	}
	s.replyJSON(w, http.StatusOK, out)
}

func (s *Server) refuse(w http.ResponseWriter, code int, text string) {
	s.replyJSON(w, code, struct {
		Error string `json:"error"`
	}{text})
}

// why explains one of the last decisions again, with the bundle in force.
func (s *Server) why(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	lines, _ := s.options.Recent.Since(0)
	for _, text := range lines {
		l, err := replay.Parse(text)
		if err != nil || l.ID != id {
			continue
		}
		b := s.options.Live.Current().Bundle
		again, err := replay.Replay(l, b)
		if err != nil {
			s.refuse(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		s.replyJSON(w, http.StatusOK, replayed(l, again, b))
		return
	}
	s.refuse(w, http.StatusNotFound, "that decision is not among the last ones any more: rowan explain --decision-id finds it in the log")
}

func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/json" {
		s.refuse(w, http.StatusUnsupportedMediaType, "a question is application/json")
		return
	}
	var q Question
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	x, err := s.options.Asker.Ask(r.Context(), &q)
	switch code := status.Code(err); {
	case err == nil:
		s.replyJSON(w, http.StatusOK, x)
	case code == codes.InvalidArgument:
		s.refuse(w, http.StatusBadRequest, status.Convert(err).Message())
	default:
		s.refuse(w, http.StatusServiceUnavailable, status.Convert(err).Message())
	}
}
