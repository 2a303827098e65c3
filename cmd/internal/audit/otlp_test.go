package audit_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
)

// gathering is a collector that fails as long as it is told to.
type gathering struct {
	mu     sync.Mutex
	lines  []string
	fails  int
	strict *testing.T
}

func (g *gathering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lines) > 3 && g.fails > 0 {
		g.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			g.strict.Error(err)
		}
	}
	text, err := io.ReadAll(body)
	var in collogs.ExportLogsServiceRequest
	if err != nil || proto.Unmarshal(text, &in) != nil {
		g.strict.Error(err, string(text))
	}
	for _, x := range in.GetResourceLogs() {
		for _, y := range x.GetScopeLogs() {
			for _, z := range y.GetLogRecords() {
				g.lines = append(g.lines, z.GetBody().GetStringValue())
				if z.GetTimeUnixNano() == 0 {
					g.strict.Error("no time")
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func TestOTLP(t *testing.T) {
	g := &gathering{fails: 2, strict: t}
	server := httptest.NewServer(g)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	l, err := audit.OpenOTLP(t.Context(), options(t))
	require.NoError(t, err)
	taken := 0
	require.Eventually(t, func() bool {
		if l.Write(t.Context(), record(taken)) == nil {
			taken++
		}
		return taken == 600
	}, 20*time.Second, time.Microsecond)
	require.NoError(t, l.Close())
	path := filepath.Join(t.TempDir(), "log")
	out := ""
	for _, line := range g.lines {
		out += line + "\n"
	}
	require.NoError(t, os.WriteFile(path, []byte(out), 0o600))
	r := verify(t, audit.VerifyOptions{}, path)
	require.True(t, r.OK, "%+v", r.Problems)
	require.Equal(t, uint64(600), r.Records, "what failed is sent again")
	require.Zero(t, g.fails)
}
