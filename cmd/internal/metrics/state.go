package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
)

// State is what is asked for whenever somebody looks.
type State struct {
	// PolicyAge is since the bundle in force was last known to be the newest one,
	// Loaded since it came into force. Digest and Version are its own.
	PolicyAge, Loaded time.Duration
	Digest            string
	Version           uint64
	// Refused says that a newer one was refused. Loads counts those that came into
	// force, Refusals the others by their reason.
	Refused  bool
	Loads    uint64
	Refusals map[string]uint64
	// RevocationLag is the age of what is known of revocations.
	RevocationLag time.Duration
	// Hits and Misses are of the cache of opened sessions.
	Hits, Misses uint64
	Ready        bool
	// Audit is how the decision log fares.
	Audit audit.Stats
	// Usage is what rowan usage counts, as far as this process does.
	Usage []usage.Total
}

var (
	policyAge     = describe("policy_age_seconds", "How long ago the bundle in force was last known to be the newest one.")
	policyLoaded  = describe("policy_loaded_seconds", "How long the bundle has been in force.")
	policyVersion = describe("policy_version", "The version of the bundle in force, 0 without one.")
	policyInfo    = describe("policy_info", "The bundle in force.", "digest")
	policyLoads   = describe("policy_load_total", "Bundles that were to come into force.", "result", "reason")
	policyRefused = describe("policy_refused", "1 if a newer bundle was refused, and the one before stays.")
	lag           = describe("revocation_lag_seconds", "The age of what is known of revocations.")
	hits          = describe("cache_hit_total", "Sessions that were found open.", "cache")
	misses        = describe("cache_miss_total", "Sessions that had to be opened.", "cache")
	ready         = describe("ready", "1 if requests should come here.")
	records       = describe("audit_records_total", "Records of the decision log.", "result")
	auditDropped  = describe("audit_dropped_total", "Records that the decision log had no room for.")
	auditQueue    = describe("audit_queue_bytes", "What waits to be written to the decision log.")
	auditRoom     = describe("audit_queue_limit_bytes", "How much may wait to be written to the decision log; 0 without one.")
	auditFailing  = describe("audit_failing", "1 if the decision log cannot be written.")
	auditLine     = describe("audit_line", "The number of the last line of the decision log.")
	used          = describe("usage_total", "What rowan usage counts, by this process: the sum over all is a deployment's.", "of", "pool")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// Observe has the metrics say what state returns.
func (m *Metrics) Observe(state func() State) { m.registry.MustRegister(stateCollector(state)) }

// stateCollector makes metrics of a state.
type stateCollector func() State

// Describe sends no description: what there is depends on the state.
func (stateCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics.
func (f stateCollector) Collect(out chan<- prometheus.Metric) {
	s := f()
	send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { send(d, prometheus.GaugeValue, v, labels...) }
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		send(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(policyAge, s.PolicyAge.Seconds())
	gauge(policyLoaded, s.Loaded.Seconds())
	gauge(policyVersion, float64(s.Version))
	gauge(policyInfo, 1, s.Digest)
	gauge(policyRefused, one(s.Refused))
	count(policyLoads, s.Loads, "loaded", "")
	for _, reason := range slices.Sorted(maps.Keys(s.Refusals)) {
		count(policyLoads, s.Refusals[reason], "refused", reason)
	}
	gauge(lag, s.RevocationLag.Seconds())
	count(hits, s.Hits, "sessions")
	count(misses, s.Misses, "sessions")
	gauge(ready, one(s.Ready))
	count(records, s.Audit.Written, "written")
	count(records, s.Audit.Skipped, "skipped")
	count(records, s.Audit.Dropped, "dropped")
	count(records, s.Audit.Refused, "refused")
	count(auditDropped, s.Audit.Dropped)
	gauge(auditQueue, float64(s.Audit.Queued))
	gauge(auditRoom, float64(s.Audit.Queue))
	gauge(auditFailing, one(s.Audit.Failing != nil))
	gauge(auditLine, float64(s.Audit.Line))
	for _, t := range s.Usage {
		count(used, t.N, string(t.Of), t.Pool)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
