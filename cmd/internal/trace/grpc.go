package trace

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// GRPC returns what a server of gRPC tells of its calls; nil tells nobody.
func (t *Tracer) GRPC() stats.Handler {
	if t == nil {
		return nil
	}
	return calls{t}
}

// faults are the codes that a server is to blame for. Source: OpenTelemetry,
// "Semantic conventions for gRPC".
var faults = []grpccodes.Code{
	grpccodes.Unknown, grpccodes.DeadlineExceeded, grpccodes.Unimplemented, grpccodes.Internal, grpccodes.Unavailable, grpccodes.DataLoss,
}

// calls makes spans of calls.
type calls struct{ *Tracer }

// TagRPC begins the span of a call. Probes have none.
func (c calls) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	name := strings.TrimPrefix(info.FullMethodName, "/")
	service, method, _ := strings.Cut(name, "/")
	if strings.HasPrefix(service, "grpc.") {
		return ctx
	}
	in, _ := metadata.FromIncomingContext(ctx)
	ctx, _ = c.begin(ctx, name, false, carrier(in), attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service), attribute.String("rpc.method", method))
	return ctx
}

// HandleRPC ends the span of a call.
func (calls) HandleRPC(ctx context.Context, s stats.RPCStats) {
	last, ok := s.(*stats.End)
	if !ok {
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	code := status.Code(last.Error)
	span.SetAttributes(attribute.Int64("rpc.grpc.status_code", int64(code)))
	if slices.Contains(faults, code) {
		span.SetStatus(codes.Error, code.String())
	}
	end(ctx, span)
}

// TagConn leaves connections alone.
func (calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn leaves connections alone.
func (calls) HandleConn(context.Context, stats.ConnStats) {}

// carrier reads metadata.
type carrier metadata.MD

// Get returns the value of a key, if it has one only.
func (c carrier) Get(key string) string {
	if all := metadata.MD(c).Get(key); len(all) == 1 {
		return all[0]
	}
	return ""
}

// Set writes nothing.
func (carrier) Set(string, string) {}

// Keys returns nothing: nobody asks.
func (carrier) Keys() []string { return nil }
