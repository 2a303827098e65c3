package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/trace"
)

// traceFlags say what a collector is told.
type traceFlags struct {
	Endpoint string   `name:"otlp-endpoint" placeholder:"URL" help:"Tell the collector of OpenTelemetry at this address of calls and decisions, over OTLP and HTTP. Default: that of OTEL_EXPORTER_OTLP_ENDPOINT, else none."`
	Sample   string   `name:"trace-sample" placeholder:"SHARE" help:"The share of traces that is told, from 0 to 1; what a calling service traces is told too. Default: that of OTEL_TRACES_SAMPLER, else 0.01."`
	Keys     []string `name:"trace-key" placeholder:"KEY" help:"Context keys whose values traces may hold; KEY/ is a family. Also principal, session, identity, client, resource. May be repeated; what --audit-mask hides stays hidden. Default: none."`
}

// open opens the way to the collector into w.
func (f *traceFlags) open(ctx context.Context, c *console, masks []string, log *slog.Logger, w *witness) (err error) {
	o := trace.Options{Endpoint: f.Endpoint, Sample: f.Sample, Keys: f.Keys, Version: thisBuild().Version, Getenv: c.getenv, Log: log}
	for _, text := range masks {
		m, err := audit.ParseMask(text)
		if err != nil {
			return fmt.Errorf("--audit-mask: %w", err)
		}
		o.Masks = append(o.Masks, m)
	}
	if w.tracer, err = trace.Open(ctx, o); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}
