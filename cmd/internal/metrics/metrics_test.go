package metrics_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
	"github.com/rowan-authz/rowan/engine"
)

func TestMetrics(t *testing.T) {
	m := metrics.New()
	m.Observe(func() metrics.State {
		return metrics.State{
			PolicyAge: 90 * time.Second, Digest: "abc", Version: 7, Refused: true, Loads: 3, Refusals: map[string]uint64{"tests": 2},
			RevocationLag: 1500 * time.Millisecond, Hits: 5, Misses: 1, Ready: true, Audit: audit.Stats{Dropped: 4, Queued: 10, Failing: errors.New("full")},
			Usage: []usage.Total{{Of: usage.Authentications, Pool: "guests", N: 8}, {Of: usage.Decisions, N: 9}},
		}
	})
	m.Decision("decide", engine.Allowed, 3*time.Microsecond)
	m.Decision("s3", engine.ExplicitDeny, time.Millisecond)
	m.Decision("somewhere", engine.ImplicitDeny, time.Hour)
	m.Rows(10, 3)
	m.TokenFailure("expired")
	m.TokenFailure("who knows")
	m.Shed("grpc")
	m.Panicked("http")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	for _, line := range []string{
		`rowan_decisions_total{effect="allowed",kind="decide"} 1`,
		`rowan_decisions_total{effect="explicitDeny",kind="s3"} 1`,
		`rowan_decisions_total{effect="implicitDeny",kind="other"} 1`,
		`rowan_decision_seconds_bucket{effect="allowed",le="5e-06"} 1`,
		`rowan_decision_seconds_bucket{effect="implicitDeny",le="1"} 0`,
		`rowan_rows_total{effect="denied"} 7`, `rowan_rows_total{effect="allowed"} 3`,
		`rowan_token_failures_total{cause="expired"} 1`, `rowan_token_failures_total{cause="invalid"} 1`,
		`rowan_shed_total{listener="grpc"} 1`, `rowan_panic_recovered_total{listener="http"} 1`,
		`rowan_policy_age_seconds 90`, `rowan_policy_load_total{reason="tests",result="refused"} 2`, `rowan_policy_info{digest="abc"} 1`,
		`rowan_revocation_lag_seconds 1.5`, `rowan_cache_hit_total{cache="sessions"} 5`, `rowan_audit_dropped_total 4`, `rowan_audit_failing 1`, "go_goroutines ",
		`rowan_usage_total{of="authentications",pool="guests"} 8`, `rowan_usage_total{of="decisions",pool=""} 9`,
	} {
		require.Contains(t, string(text), "\n"+line)
	}
}

func TestNilMetrics(*testing.T) {
	var m *metrics.Metrics
	m.Decision("decide", engine.Allowed, 1)
	m.Rows(1, 1)
	m.TokenFailure("expired")
	m.Shed("grpc")
	m.Panicked("grpc")
}

func TestDecisionAllocatesNothing(t *testing.T) {
	m := metrics.New()
	require.Zero(t, testing.AllocsPerRun(1000, func() { m.Decision("decide", engine.Allowed, time.Microsecond) }))
}

func BenchmarkDecision(b *testing.B) {
	m := metrics.New()
	b.ReportAllocs()
	for b.Loop() {
		m.Decision("dynamodb", engine.Allowed, 3*time.Microsecond)
	}
}
