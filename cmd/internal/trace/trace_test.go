package trace_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/trace"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// collector is a receiver of OTLP over HTTP.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []*tracev1.Span
	resource string
	// text is all that came, as it came.
	text strings.Builder
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
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
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(text, &in) != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.text.Write(text)
		for _, x := range in.GetResourceSpans() {
			c.resource = fmt.Sprint(values(x.GetResource().GetAttributes()))
			for _, y := range x.GetScopeSpans() {
				c.spans = append(c.spans, y.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

func values(all []*commonv1.KeyValue) map[string]string {
	out := map[string]string{}
	for _, x := range all {
		switch v := x.GetValue().GetValue().(type) {
		case *commonv1.AnyValue_StringValue:
			out[x.GetKey()] = v.StringValue
		case *commonv1.AnyValue_IntValue:
			out[x.GetKey()] = fmt.Sprint(v.IntValue)
		case *commonv1.AnyValue_ArrayValue:
			for _, y := range v.ArrayValue.GetValues() {
				out[x.GetKey()] += y.GetStringValue() + ";"
			}
		}
	}
	return out
}

// named returns the spans of a name.
func (c *collector) named(name string) (out []*tracev1.Span) {
	for _, s := range c.spans {
		if s.GetName() == name {
			out = append(out, s)
		}
	}
	return out
}

func open(t *testing.T, o trace.Options, env map[string]string) *trace.Tracer {
	t.Helper()
	o.Getenv, o.Log = func(name string) string { return env[name] }, slog.New(slog.DiscardHandler)
	x, err := trace.Open(t.Context(), o)
	require.NoError(t, err)
	return x
}

// record is a decision about ann's row.
func record(t *testing.T) *audit.Record {
	t.Helper()
	c := conditions.AWS().NewContext()
	require.NoError(t, c.Set("dynamodb:LeadingKeys", "row-of-ann"))
	require.NoError(t, c.Set("aws:RequestTag/team", "blue-team"))
	return &audit.Record{
		ID: "d1", Time: time.Now(), Kind: "decide", Service: "reports", Principal: "arn:aws:sts::111122223333:assumed-role/Player/ann",
		Identity: "identity-of-ann", Action: "dynamodb:GetItem", Resource: "arn:aws:s3:::bucket/object-of-ann", Context: c,
		Outcome: engine.ExplicitDeny, By: "identity", Digest: "abc", Took: time.Millisecond, Guardrail: "guardrail-of-ann",
		Statements: []audit.Statement{{Policy: "policies/Rows.json", Sid: "NoRows"}},
	}
}

const (
	parent  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unasked = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// call sends a request to what wraps a handler that decides n times.
func call(t *testing.T, x *trace.Tracer, wrap func(http.Handler) http.Handler, path, traceparent string, n int) {
	t.Helper()
	h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace.Route(r.Context(), "POST /v1/decide")
		for range n {
			x.Decision(r.Context(), record(t), nil)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
	r.Header.Set("Traceparent", traceparent)
	r.Header.Set("Authorization", "secret-of-ann")
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func TestSpans(t *testing.T) {
	c := newCollector(t)
	x := open(t, trace.Options{Endpoint: c.URL, Sample: "0", Version: "7"}, nil)
	call(t, x, x.Services, "/v1/decide?row=ann", parent, 200)
	x.Close()
	calls, decisions := c.named("POST /v1/decide"), c.named("rowan.decision")
	require.Len(t, calls, 1)
	require.Len(t, decisions, 64, "a call has no more")
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", fmt.Sprintf("%x", calls[0].GetTraceId()))
	require.Equal(t, "b7ad6b7169203331", fmt.Sprintf("%x", calls[0].GetParentSpanId()))
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "http.response.status_code": "403", "http.route": "POST /v1/decide", "rowan.decisions": "200",
	}, values(calls[0].GetAttributes()))
	require.Equal(t, calls[0].GetSpanId(), decisions[0].GetParentSpanId())
	require.Equal(t, uint64(time.Millisecond), decisions[0].GetEndTimeUnixNano()-decisions[0].GetStartTimeUnixNano())
	require.Equal(t, map[string]string{
		"rowan.decision.id": "d1", "rowan.kind": "decide", "rowan.decision": "explicitDeny", "rowan.decided_by": "identity", "rowan.action": "dynamodb:GetItem",
		"rowan.bundle.digest": "abc", "rowan.service": "reports", "rowan.policy": "policies/Rows.json", "rowan.sid": "NoRows",
	}, values(decisions[0].GetAttributes()))
	require.Contains(t, c.resource, "service.name:rowan")
	require.Contains(t, c.resource, "service.version:7")
	require.NotContains(t, c.text.String(), "ann", "nobody allowed it")
	require.NotContains(t, c.text.String(), "blue")
}

func TestKeysAreAllowedByName(t *testing.T) {
	c := newCollector(t)
	x := open(t, trace.Options{
		Endpoint: c.URL, Keys: []string{"principal", "resource", "DynamoDB:leadingkeys", "aws:RequestTag/"}, Masks: []audit.Mask{{Key: "resource"}, {Key: "aws:RequestTag/team"}},
	}, nil)
	call(t, x, x.Services, "/v1/decide", parent, 1)
	x.Close()
	got := values(c.named("rowan.decision")[0].GetAttributes())
	require.Equal(t, "arn:aws:sts::111122223333:assumed-role/Player/ann", got["rowan.principal"])
	require.Equal(t, "row-of-ann;", got["rowan.key.dynamodb:LeadingKeys"])
	require.NotContains(t, got, "rowan.identity")
	require.NotContains(t, c.text.String(), "object-of-ann", "a mask hides it")
	require.NotContains(t, c.text.String(), "blue-team", "a mask hides it")
}

func TestStrangersDoNotSayWhatIsTold(t *testing.T) {
	for _, all := range []bool{false, true} {
		c := newCollector(t)
		x := open(t, trace.Options{Endpoint: c.URL, Sample: map[bool]string{false: "0", true: "1"}[all]}, nil)
		call(t, x, func(h http.Handler) http.Handler { return x.Gateway("s3", h) }, "/bucket/object-of-ann", parent, 1)
		call(t, x, x.Services, "/auth/nginx", parent, 1)
		x.Close()
		if !all {
			require.Empty(t, c.spans)
			continue
		}
		require.Len(t, c.named("rowan.decision"), 2)
		for _, s := range c.named("POST /v1/decide") {
			require.Empty(t, s.GetParentSpanId())
			require.NotEqual(t, "0af7651916cd43dd8448eb211c80319c", fmt.Sprintf("%x", s.GetTraceId()))
			require.Equal(t, "0af7651916cd43dd8448eb211c80319c", fmt.Sprintf("%x", s.GetLinks()[0].GetTraceId()))
		}
		require.NotContains(t, c.text.String(), "object-of-ann")
	}
}

func TestSample(t *testing.T) {
	for _, x := range []struct {
		sample, parent string
		least, most    int
		env            map[string]string
	}{
		{"0", "", 0, 0, nil},
		{"1", "", 400, 400, nil},
		{"0.5", "", 100, 300, nil},
		{"", "", 0, 30, nil},
		{"1", unasked, 0, 0, nil},
		{"0", parent, 400, 400, nil},
		{"0", "nonsense", 0, 0, nil},
	} {
		c := newCollector(t)
		tracer := open(t, trace.Options{Endpoint: c.URL, Sample: x.sample}, x.env)
		for range 400 {
			call(t, tracer, tracer.Services, "/v1/decide", x.parent, 0)
		}
		tracer.Close()
		require.LessOrEqual(t, len(c.spans), x.most, "%+v", x)
		require.GreaterOrEqual(t, len(c.spans), x.least, "%+v", x)
	}
}

func TestOpen(t *testing.T) {
	for _, env := range []map[string]string{
		nil,
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		x := open(t, trace.Options{}, env)
		require.Nil(t, x, "%v", env)
		call(t, x, x.Services, "/v1/decide", parent, 1)
		require.Nil(t, x.GRPC())
		x.Close()
	}
	for _, o := range []trace.Options{{Sample: "2"}, {Sample: "-1"}, {Sample: "NaN"}, {Sample: "x"}, {Keys: []string{""}}, {Endpoint: "localhost:4318"}, {Endpoint: "http://u:p@localhost"}, {Endpoint: "ftp://localhost"}} {
		o.Getenv, o.Log = func(string) string { return "" }, slog.New(slog.DiscardHandler)
		_, err := trace.Open(t.Context(), o)
		require.Error(t, err, "%+v", o)
	}
	_, err := trace.Open(t.Context(), trace.Options{Endpoint: "http://127.0.0.1:1", Log: slog.New(slog.DiscardHandler), Getenv: func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}[name]
	}})
	require.ErrorContains(t, err, "http/protobuf")
}

// TestNobodyListens shows that a collector that is not there is waited for by
// nobody who asks.
func TestNobodyListens(t *testing.T) {
	x := open(t, trace.Options{Endpoint: "http://127.0.0.1:1", Sample: "1"}, nil)
	began := time.Now()
	for range 3000 {
		call(t, x, x.Services, "/v1/decide", "", 1)
	}
	require.Less(t, time.Since(began), 5*time.Second)
	ended := make(chan struct{})
	go func() { x.Close(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	x.Decision(context.Background(), record(t), nil)
}
