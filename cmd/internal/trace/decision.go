package trace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
)

// Decision tells of a decision of a call that is told. refused is why it was not
// given, nil if it was.
func (t *Tracer) Decision(ctx context.Context, r *audit.Record, refused error) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	if c, ok := ctx.Value(callKey{}).(*call); ok && c.decisions.Add(1) > maxSpans {
		return // they are counted
	}
	_, span := t.tracer.Start(ctx, "rowan.decision", trace.WithTimestamp(r.Time), trace.WithAttributes(t.attributes(r)...))
	if refused != nil {
		span.SetStatus(codes.Error, "the decision could not be recorded")
	}
	span.End(trace.WithTimestamp(r.Time.Add(r.Took)))
}

// attributes says what was decided, and what it was about as far as that is
// allowed.
func (t *Tracer) attributes(r *audit.Record) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.String("rowan.decision.id", r.ID), attribute.String("rowan.kind", r.Kind), attribute.String("rowan.decision", r.Outcome.String()),
		attribute.String("rowan.decided_by", r.By), attribute.String("rowan.action", r.Action), attribute.String("rowan.bundle.digest", r.Digest),
	}
	add := func(name, value string) {
		if value != "" {
			out = append(out, attribute.String(name, value))
		}
	}
	add("rowan.service", r.Service)
	add("rowan.fault", r.Fault)
	if len(r.Statements) > 0 {
		add("rowan.policy", r.Statements[0].Policy)
		add("rowan.sid", r.Statements[0].Sid)
	}
	if r.Kind == "rows" {
		out = append(out, attribute.Int("rowan.rows", r.Rows), attribute.Int("rowan.rows.allowed", r.Allowed))
	}
	if len(t.keys) == 0 {
		return out
	}
	client := ""
	if r.Client.IsValid() {
		client = r.Client.String()
	}
	for _, x := range [...]struct{ name, value string }{
		{"principal", r.Principal}, {"resource", r.Resource}, {"session", r.Session}, {"identity", r.Identity}, {"client", client},
	} {
		if t.tells(x.name) {
			add("rowan."+x.name, x.value)
		}
	}
	if r.Context == nil {
		return out
	}
	for name, values := range r.Context.All() {
		if t.tells(name) && len(values) > 0 {
			out = append(out, attribute.StringSlice("rowan.key."+name, values[:min(len(values), maxValues)]))
		}
	}
	return out
}

// tells reports whether something may be told.
func (t *Tracer) tells(name string) bool { return covered(t.keys, name) && !covered(t.masks, name) }

func covered(all []audit.Mask, name string) bool {
	for i := range all {
		if all[i].Covers(name) {
			return true
		}
	}
	return false
}
