package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/admin"
	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// adminFlags say where operators look.
type adminFlags struct {
	Listen  string `name:"admin-listen" placeholder:"ADDRESS" help:"Where to answer operators: a page of health, bundle and decisions, /metrics and profiles. unix:PATH, which is its owner's alone, or host:port on this machine, where every program may ask. With --dev, unless --listen is given, 127.0.0.1:8083."`
	Metrics string `name:"metrics-listen" placeholder:"ADDRESS" help:"Where to answer /metrics, /healthz and /readyz alone, to other machines too: host:port, with the certificate of --tls-cert, or unix:PATH."`
}

const (
	defaultAdminListen = "127.0.0.1:8083"
	// lastDecisions is how many the operator's page shows.
	lastDecisions = 200
)

// prepare sets defaults, and refuses a page that other machines would reach.
func (f *adminFlags) prepare(s *serveCommand) error {
	if s.Dev && s.Listen == defaultListen && f.Listen == "" {
		f.Listen = defaultAdminListen
	}
	if f.Listen == "" || strings.HasPrefix(f.Listen, "unix:") {
		return nil
	}
	if host, _, err := net.SplitHostPort(f.Listen); err != nil || !server.Loopback(host) {
		return errors.New("--admin-listen wants unix:PATH, or host:port on loopback: whoever reaches it sees policies and decisions, and --metrics-listen is for other machines")
	}
	return nil
}

// watch has w count and remember, if anybody is to see it.
func (f *adminFlags) watch(w *witness) {
	if f.Listen != "" || f.Metrics != "" {
		w.metrics = metrics.New()
	}
	if f.Listen != "" {
		w.recent = audit.NewRecent(lastDecisions)
	}
}

// open listens for operators. What it returns is to be closed, with an error too.
func (f *adminFlags) open(ctx context.Context, s *serveCommand, live *server.Live, d *decide.Decider, o *server.Options, w *witness) (all []service, err error) {
	if w.metrics == nil {
		return nil, nil
	}
	kept := w.log
	if s.Audit.To == "" {
		kept = nil // it is read here alone
	}
	w.metrics.Observe(observe(live, kept, o.Now))
	if f.Metrics != "" {
		config, err := s.tls()
		if err != nil {
			return nil, err
		}
		l, err := server.Listen(ctx, f.Metrics, config)
		if err != nil {
			return nil, fmt.Errorf("--metrics-listen: %w", err)
		}
		all = append(all, answering("metrics", l, admin.Metrics(live, w.metrics), time.Minute, o.Log))
	}
	if f.Listen != "" {
		page, err := admin.New(admin.Options{
			Live: live, Metrics: w.metrics, Log: kept, Recent: w.recent, Asker: admin.Decider{Decider: d}, Now: o.Now, Logger: o.Log,
		})
		if err != nil {
			return all, err
		}
		l, err := server.ListenForServices(ctx, f.Listen, false)
		if err != nil {
			return all, fmt.Errorf("--admin-listen: %w", err)
		}
		all = append(all, answering("operators", l, page, 0, o.Log))
	}
	return all, nil
}

func answering(whom string, l net.Listener, h http.Handler, within time.Duration, log *slog.Logger) service {
	return service{"answering " + whom, l, func(ctx context.Context, l net.Listener) error { return admin.Serve(ctx, l, h, within, log) }}
}

// observe returns what metrics say of a server and of the decision log.
func observe(live *server.Live, log *audit.Log, now func() time.Time) func() metrics.State {
	return func() metrics.State {
		at, d, st := now(), live.Current(), live.Status()
		hits, misses := d.Sessions.CacheStats()
		return metrics.State{
			PolicyAge: max(0, at.Sub(st.Checked)), Loaded: max(0, at.Sub(d.Loaded)), Digest: d.Digest, Version: d.Version,
			Refused: st.Refusal != nil, Loads: st.Loads, Refusals: st.Refusals,
			RevocationLag: d.Sessions.Age(), Hits: hits, Misses: misses, Ready: live.Unready() == "", Audit: log.Stats(),
			Usage: live.Usage().Totals(),
		}
	}
}
