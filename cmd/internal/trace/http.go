package trace

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Services wraps what answers services over HTTP. What proxies ask there has the
// headers of their clients, who are strangers.
func (t *Tracer) Services(next http.Handler) http.Handler {
	return t.wrap("http", func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/auth/") }, next)
}

// Gateway wraps a gateway, whose clients are strangers.
func (t *Tracer) Gateway(name string, next http.Handler) http.Handler {
	return t.wrap(name, func(*http.Request) bool { return true }, next)
}

// wrap wraps what answers at a listener. Addresses are not told: those of S3 have
// keys of objects in them.
func (t *Tracer) wrap(listener string, stranger func(*http.Request) bool, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := t.begin(r.Context(), "rowan."+listener, stranger(r), propagation.HeaderCarrier(r.Header), attribute.String("http.request.method", method(r.Method)))
		if !span.IsRecording() {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		seen := &answer{ResponseWriter: w}
		defer func() {
			span.SetAttributes(attribute.Int("http.response.status_code", seen.status()))
			if seen.status() >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			end(ctx, span)
		}()
		next.ServeHTTP(seen, r.WithContext(ctx))
	})
}

// Route tells which of its routes a call of HTTP took: a pattern, without what a
// client says.
func Route(ctx context.Context, pattern string) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetName(pattern)
		span.SetAttributes(attribute.String("http.route", pattern))
	}
}

// method is one of HTTP's, or _OTHER. Source: OpenTelemetry, "Semantic conventions
// for HTTP spans".
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER"
}

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	code int
}

// WriteHeader remembers the first status that is no interim one.
func (a *answer) WriteHeader(code int) {
	if a.code < http.StatusOK {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}
