package metrics

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// namespace begins every name.
const namespace = "rowan"

// The labels' values, in the order of their places. The first of each is for what
// is none of the others.
var (
	kinds     = [...]string{"other", "decide", "rows", "filter", "explain", "dynamodb", "s3"}
	effects   = [...]string{"implicitDeny", "explicitDeny", "allowed"}
	causes    = [...]string{"invalid", "expired", "revoked", "stale"}
	listeners = [...]string{"other", "grpc", "http", "identity", "dynamodb", "s3"}
)

// buckets are from a microsecond, which is what a decision takes, to a second.
var buckets = []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1}

// Metrics are those of a server. They may be shared.
type Metrics struct {
	registry  *prometheus.Registry
	decisions [len(kinds)][len(effects)]prometheus.Counter
	seconds   [len(effects)]prometheus.Histogram
	rows      [2]prometheus.Counter
	tokens    [len(causes)]prometheus.Counter
	shed      [len(listeners)]prometheus.Counter
	panics    [len(listeners)]prometheus.Counter
	under     [len(listeners)]atomic.Pointer[underWay]
}

// New returns metrics that have counted nothing.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	decisions := m.counters("decisions_total", "Decisions, by the kind of question and the effect.", "kind", "effect")
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "decision_seconds", Help: "How long decisions took, by the effect.", Buckets: buckets,
	}, []string{"effect"})
	m.registry.MustRegister(seconds)
	for i, effect := range effects {
		for k, kind := range kinds {
			m.decisions[k][i] = decisions.WithLabelValues(kind, effect)
		}
		h, ok := seconds.WithLabelValues(effect).(prometheus.Histogram)
		if !ok {
			h = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "unregistered"})
		}
		m.seconds[i] = h
	}
	rows := m.counters("rows_total", "Rows that questions about rows were about, by the effect.", "effect")
	m.rows[0], m.rows[1] = rows.WithLabelValues("denied"), rows.WithLabelValues("allowed")
	tokens := m.counters("token_failures_total", "Tokens and sessions that did not count, by the cause.", "cause")
	for i, cause := range causes {
		m.tokens[i] = tokens.WithLabelValues(cause)
	}
	shed := m.counters("shed_total", "Calls that were refused as too many were under way.", "listener")
	panics := m.counters("panic_recovered_total", "Calls that panicked, which denies.", "listener")
	for i, l := range listeners {
		m.shed[i], m.panics[i] = shed.WithLabelValues(l), panics.WithLabelValues(l)
	}
	m.registry.MustRegister(calls{m})
	return m
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

// place finds a value of a label; what is none of them has the first place.
func place(all []string, value string) int {
	for i := 1; i < len(all); i++ {
		if all[i] == value {
			return i
		}
	}
	return 0
}

// Decision counts a decision of a kind, as audit.Record has it, which took so
// long.
func (m *Metrics) Decision(kind string, o engine.Outcome, took time.Duration) {
	if m == nil {
		return
	}
	effect := 0
	switch o {
	case engine.Allowed:
		effect = 2
	case engine.ExplicitDeny:
		effect = 1
	case engine.ImplicitDeny:
	}
	m.decisions[place(kinds[:], kind)][effect].Inc()
	m.seconds[effect].Observe(took.Seconds())
}

// Rows counts the rows of a question.
func (m *Metrics) Rows(all, allowed int) {
	if m == nil || all < allowed {
		return
	}
	m.rows[0].Add(float64(all - allowed))
	m.rows[1].Add(float64(max(0, allowed)))
}

// TokenFailure counts a token or session that did not count: "expired", "revoked",
// "stale" if revocations are not known, and else "invalid".
func (m *Metrics) TokenFailure(cause string) {
	if m != nil {
		m.tokens[place(causes[:], cause)].Inc()
	}
}

// TokenFailed counts a token or session by the error that it led to.
func (m *Metrics) TokenFailed(err error) {
	switch {
	case m == nil, err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, identity.ErrSessionExpired):
		m.TokenFailure("expired")
	case errors.Is(err, identity.ErrSessionRevoked):
		m.TokenFailure("revoked")
	case errors.Is(err, identity.ErrRevocationsStale):
		m.TokenFailure("stale")
	default:
		m.TokenFailure("invalid")
	}
}

// Shed counts a call that a listener refused as it had too many: "grpc", "http",
// "identity", "dynamodb" or "s3".
func (m *Metrics) Shed(listener string) {
	if m != nil {
		m.shed[place(listeners[:], listener)].Inc()
	}
}

// Panicked counts a call of a listener that panicked.
func (m *Metrics) Panicked(listener string) {
	if m != nil {
		m.panics[place(listeners[:], listener)].Inc()
	}
}

// underWay returns how many calls are under way, and how many may be.
type underWay func() (now, most int64)

// UnderWay has the metrics say how many calls of a listener are under way. The
// last one that tells of a listener counts.
func (m *Metrics) UnderWay(listener string, f func() (now, most int64)) {
	if m != nil {
		of := underWay(f)
		m.under[place(listeners[:], listener)].Store(&of)
	}
}

var (
	callsNow  = describe("calls_under_way", "Calls that are under way, in questions.", "listener")
	callsMost = describe("calls_limit", "How many calls may be under way; more are refused.", "listener")
)

// calls makes metrics of the calls that are under way.
type calls struct{ *Metrics }

// Describe sends no description: what there is depends on who listens.
func (calls) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics.
func (c calls) Collect(out chan<- prometheus.Metric) {
	for i := range c.under {
		f := c.under[i].Load()
		if f == nil {
			continue
		}
		now, most := (*f)()
		out <- prometheus.MustNewConstMetric(callsNow, prometheus.GaugeValue, float64(now), listeners[i])
		out <- prometheus.MustNewConstMetric(callsMost, prometheus.GaugeValue, float64(most), listeners[i])
	}
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
