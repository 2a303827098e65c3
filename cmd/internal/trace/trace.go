package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
)

// Options say what is told, and whom. Log and Getenv are required.
type Options struct {
	// Endpoint is the address of a collector, such as http://localhost:4318;
	// empty means that of the environment, OTEL_EXPORTER_OTLP_ENDPOINT or
	// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. Without one nothing is told.
	Endpoint string
	// Sample is the share of the traces that begin here which is told, from 0 to
	// 1; empty means what OTEL_TRACES_SAMPLER says, or DefaultSample.
	Sample string
	// Keys are the context keys whose values are told, a family if they end in
	// "/", and principal, resource, session, identity and client. Nil is none.
	Keys []string
	// Masks are those of the decision log: what one covers is not told, whatever
	// Keys says.
	Masks   []audit.Mask
	Version string
	Getenv  func(string) string
	Log     *slog.Logger
}

// DefaultSample is the share of traces that is told.
const DefaultSample = 0.01

// Bounds of what is told. The collector gets batches; what it is too slow for is
// dropped.
const (
	exportWithin = 10 * time.Second
	closeWithin  = 5 * time.Second
	maxText      = 1024
	maxValues    = 16
	maxAttrs     = 64
	// maxSpans is how many decisions of one call have spans.
	maxSpans = 64
)

// Tracer tells a collector of calls and decisions. Nil is one that tells nobody.
// It may be shared.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	keys     []audit.Mask
	masks    []audit.Mask
	read     propagation.TraceContext
	log      *slog.Logger
}

// errProtocol refuses what is not built in.
var errProtocol = errors.New("OTEL_EXPORTER_OTLP_PROTOCOL: traces are told over http/protobuf alone")

// Open returns a tracer, nil if nobody is to be told.
func Open(ctx context.Context, o Options) (*Tracer, error) {
	sampler, err := o.sampler()
	if err != nil {
		return nil, err
	}
	keys, err := o.keys()
	if err != nil || !o.wanted() {
		return nil, err
	}
	for _, p := range []string{o.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), o.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")} {
		if p != "" && p != "http/protobuf" {
			return nil, errProtocol
		}
	}
	to := []otlptracehttp.Option{otlptracehttp.WithTimeout(exportWithin)}
	if o.Endpoint != "" {
		u, err := o.address()
		if err != nil {
			return nil, err
		}
		to = append(to, otlptracehttp.WithEndpointURL(u))
	}
	exporter, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, err
	}
	of, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "rowan"), attribute.String("service.version", o.Version)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// What cannot be sent is a matter of the collector's, and of our log.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("traces could not be told", slog.Any("error", err)) }))
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit, limits.AttributeCountLimit = maxText, maxAttrs
	settings := []sdktrace.TracerProviderOption{
		sdktrace.WithBatcher(exporter, sdktrace.WithExportTimeout(exportWithin)), sdktrace.WithResource(of), sdktrace.WithRawSpanLimits(limits),
	}
	if sampler != nil {
		settings = append(settings, sdktrace.WithSampler(sampler))
	}
	t := &Tracer{provider: sdktrace.NewTracerProvider(settings...), keys: keys, masks: o.Masks, log: o.Log}
	t.tracer = t.provider.Tracer("github.com/rowan-authz/rowan")
	return t, nil
}

// address is where the collector takes traces. Source: OpenTelemetry, "OTLP
// Exporter Configuration".
func (o *Options) address() (string, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("endpoint %.200q: want an address such as http://localhost:4318", o.Endpoint)
	}
	return u.JoinPath("v1", "traces").String(), nil
}

// wanted reports whether there is a collector to tell. Source: OpenTelemetry,
// "Environment Variable Specification".
func (o *Options) wanted() bool {
	switch {
	case o.Endpoint != "":
		return true
	case o.Getenv("OTEL_SDK_DISABLED") == "true", o.Getenv("OTEL_TRACES_EXPORTER") == "none":
		return false
	}
	return o.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || o.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// sampler returns nil where the environment says which.
func (o *Options) sampler() (sdktrace.Sampler, error) {
	share := DefaultSample
	switch {
	case o.Sample != "":
		var err error
		if share, err = strconv.ParseFloat(o.Sample, 64); err != nil || !(share >= 0 && share <= 1) {
			return nil, fmt.Errorf("sample %q: want a share from 0 to 1", o.Sample)
		}
	case o.Getenv("OTEL_TRACES_SAMPLER") != "":
		return nil, nil
	}
	return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share)), nil
}

// keys are what may be told, as masks cover names.
func (o *Options) keys() (out []audit.Mask, err error) {
	for _, name := range o.Keys {
		if name == "" || len(name) > maxText {
			return nil, fmt.Errorf("key %.100q: want the name of a context key, or principal, resource, session, identity or client", name)
		}
		out = append(out, audit.Mask{Key: name})
	}
	return out, nil
}

// Close tells what waits.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "the last traces could not be told", slog.Any("error", err))
	}
}

// call counts the decisions of a call.
type call struct{ decisions atomic.Int64 }

type callKey struct{}

// begin begins the span of a call, below the one that carrier names. A call of a
// stranger begins a trace of its own, which only points to theirs: otherwise they
// would say how much is told.
func (t *Tracer) begin(ctx context.Context, name string, stranger bool, carrier propagation.TextMapCarrier, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	ctx = t.read.Extract(ctx, carrier)
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...)}
	if stranger {
		options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)))
	}
	ctx, span := t.tracer.Start(ctx, name, options...)
	if span.IsRecording() {
		ctx = context.WithValue(ctx, callKey{}, &call{})
	}
	return ctx, span
}

// end ends the span of a call.
func end(ctx context.Context, span trace.Span) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		span.SetAttributes(attribute.Int64("rowan.decisions", c.decisions.Load()))
	}
	span.End()
}
