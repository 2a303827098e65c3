package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// spans is a collector of traces.
type spans struct {
	*httptest.Server
	mu   sync.Mutex
	all  []*tracev1.Span
	text strings.Builder
}

func newSpans(t *testing.T) *spans {
	t.Helper()
	s := &spans{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		text, err := io.ReadAll(body)
		var in coltrace.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(text, &in) != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		s.text.Write(text)
		for _, x := range in.GetResourceSpans() {
			for _, y := range x.GetScopeSpans() {
				s.all = append(s.all, y.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s
}

func TestServeTraces(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	traceparent := "00-" + trace + "-" + parent + "-01"
	c := newSpans(t)
	s := startServe(t, "--dev", "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--otlp-endpoint", c.URL, "--trace-sample", "0")
	conn, err := grpc.NewClient(s.at("answering grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	in := &rowanv1.DecideRequest{
		Subject: &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: &rowanv1.Principal{Principal: "Player", IdentityId: "us-east-1:aaaa"}}},
		Action:  "dynamodb:GetItem", Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores",
		Context: []*rowanv1.ContextKey{{Name: "dynamodb:LeadingKeys", Values: []string{"us-east-1:aaaa"}}},
	}
	client := rowanv1.NewAuthorizationServiceClient(conn)
	_, err = client.Decide(t.Context(), in) // of which nobody is told
	require.NoError(t, err)
	traced := metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceparent)
	out, err := client.Decide(traced, in)
	require.NoError(t, err)
	_, err = client.DecideBatch(traced, &rowanv1.DecideBatchRequest{Requests: []*rowanv1.DecideRequest{in, in}})
	require.NoError(t, err)
	stream, err := client.DecideStream(traced)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&rowanv1.DecideStreamRequest{Request: in}))
	_, err = stream.Recv()
	require.NoError(t, err)
	require.NoError(t, stream.CloseSend())
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.at("answering http")+"/v1/decide", strings.NewReader(fmt.Sprintf(ownRow, "bbbb")))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Traceparent", traceparent)
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Equal(t, http.StatusOK, w.StatusCode)
	s.end()

	names := map[string]int{}
	calls := map[string]bool{}
	for _, x := range c.all {
		names[x.GetName()]++
		require.Equal(t, trace, fmt.Sprintf("%x", x.GetTraceId()))
		if x.GetName() != "rowan.decision" {
			require.Equal(t, parent, fmt.Sprintf("%x", x.GetParentSpanId()))
			calls[string(x.GetSpanId())] = true
		}
	}
	for _, x := range c.all {
		if x.GetName() == "rowan.decision" {
			require.True(t, calls[string(x.GetParentSpanId())], "a decision is below its call")
		}
	}
	require.Equal(t, map[string]int{
		"rowan.v1.AuthorizationService/Decide": 1, "rowan.v1.AuthorizationService/DecideBatch": 1, "rowan.v1.AuthorizationService/DecideStream": 1,
		"POST /v1/decide": 1, "rowan.decision": 5,
	}, names)
	text := c.text.String()
	require.Contains(t, text, out.GetAnswer().GetDecisionId())
	for _, key := range []string{"us-east-1:aaaa", "us-east-1:bbbb", "GameScores", "assumed-role"} {
		require.NotContains(t, text, key)
	}
}

func TestServeTracesNobody(t *testing.T) {
	for _, args := range [][]string{
		{"--otlp-endpoint", "collector:4318"}, {"--otlp-endpoint", "http://127.0.0.1:1", "--trace-sample", "2"},
	} {
		out, err := runRowan(t, append([]string{"serve", "--dev", "--listen", "127.0.0.1:0"}, args...)...)
		require.Error(t, err, "%v", args)
		require.Contains(t, out, "traces: ", "%v", args)
	}
}

const grafanaFile = deployDir + "/grafana/rowan.json"

// expressions returns what a dashboard asks Prometheus.
func expressions(t *testing.T, x any) (out []string) {
	t.Helper()
	switch x := x.(type) {
	case map[string]any:
		for name, value := range x {
			if text, ok := value.(string); ok && (name == "expr" || name == "query" || name == "definition") {
				out = append(out, text)
			}
			out = append(out, expressions(t, value)...)
		}
	case []any:
		for _, value := range x {
			out = append(out, expressions(t, value)...)
		}
	}
	return out
}

// TestMetricsAreThoseThatAreDocumented holds the dashboard and the page of the
// documentation to what a server says.
func TestMetricsAreThoseThatAreDocumented(t *testing.T) {
	s := startServe(t, "--dev", "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
		"--data", t.TempDir(), "--audit", filepath.Join(t.TempDir(), "log"))
	s.decide("aaaa")
	code, text := ask(t, http.DefaultClient, "GET", "http://"+s.at("answering metrics")+"/metrics", "")
	require.Equal(t, http.StatusOK, code)
	has, labels := map[string]bool{}, map[string]bool{"instance": true, "job": true}
	for _, line := range strings.Split(text, "\n") {
		if name := regexp.MustCompile(`^[a-z_0-9]+`).FindString(line); name != "" {
			has[name] = true
		}
		for _, label := range regexp.MustCompile(`[{,]([a-z]+)="`).FindAllStringSubmatch(line, -1) {
			labels[label[1]] = true
		}
	}
	board, err := os.ReadFile(grafanaFile)
	require.NoError(t, err)
	var x any
	require.NoError(t, json.Unmarshal(board, &x))
	all := expressions(t, x)
	require.Greater(t, len(all), 30)
	name := regexp.MustCompile(`\b(?:rowan|go|process)_[a-z_0-9]+`)
	asked := 0
	for _, text := range all {
		for _, metric := range name.FindAllString(text, -1) {
			asked++
			require.True(t, has[metric], "the dashboard asks for %s, which no server has: %s", metric, text)
		}
		for _, by := range regexp.MustCompile(`\bby \(([a-z, ]+)\)`).FindAllStringSubmatch(text, -1) {
			for _, label := range strings.Split(by[1], ", ") {
				require.True(t, labels[label], "no metric has the label %s: %s", label, text)
			}
		}
	}
	require.Greater(t, asked, 40)
	page, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	for metric := range has {
		if base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(metric, "_bucket"), "_sum"), "_count"); strings.HasPrefix(base, "rowan_") {
			require.Contains(t, string(page), "`"+base+"`", "it is documented")
		}
	}
	for _, metric := range regexp.MustCompile("`(rowan_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		require.True(t, has[metric[1]] || has[metric[1]+"_count"], "%s is documented, and no server has it", metric[1])
	}
}
