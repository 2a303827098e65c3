package audit

import (
	"bytes"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

const (
	exportWithin = 10 * time.Second
	// maxExport is how many lines are sent at once.
	maxExport = 256
)

// OpenOTLP opens a log that is sent to a collector over OTLP and HTTP, to where
// the environment says: OTEL_EXPORTER_OTLP_ENDPOINT and the like. Each line is the
// body of a log record. It is a chain of its own, which ends with the process. A
// collector that took lines and did not say so has them twice.
func OpenOTLP(ctx context.Context, o Options) (*Log, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	// The batches and retries of the SDK drop silently: ours do not.
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithTimeout(exportWithin), otlploghttp.WithRetry(otlploghttp.RetryConfig{}))
	if err != nil {
		return nil, err
	}
	s := &collector{exporter: exporter}
	s.provider = sdklog.NewLoggerProvider(sdklog.WithProcessor(s), sdklog.WithAttributeValueLengthLimit(-1))
	s.logger = s.provider.Logger("github.com/rowan-authz/rowan/audit")
	l, err := open(o, s, found{})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return l, nil
}

// collector is a sink at the other end of a network. It is a processor that
// gathers what is emitted.
type collector struct {
	exporter sdklog.Exporter
	provider *sdklog.LoggerProvider
	logger   log.Logger
	gathered []sdklog.Record
}

func (s *collector) write(text []byte) (n int, err error) {
	for n < len(text) {
		s.gathered = s.gathered[:0]
		end := n
		for range maxExport {
			size := bytes.IndexByte(text[end:], '\n')
			if size < 0 {
				break
			}
			var r log.Record
			r.SetTimestamp(atOf(text[end : end+size]))
			r.SetSeverity(log.SeverityInfo)
			r.SetEventName("rowan.decision")
			r.SetBody(attribute.StringValue(string(text[end : end+size])))
			s.logger.Emit(context.Background(), r)
			end += size + 1
		}
		if err := s.export(); err != nil {
			return n, err
		}
		n = end
	}
	return n, nil
}

func (s *collector) export() error {
	ctx, cancel := context.WithTimeout(context.Background(), exportWithin)
	defer cancel()
	return s.exporter.Export(ctx, s.gathered)
}

// atOf returns the time that a line says, the zero time if it says none.
func atOf(line []byte) (at time.Time) {
	_, rest, _ := bytes.Cut(line, []byte(`,"at":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	_ = at.UnmarshalText(text) // and it stays zero
	return at
}

// OnEmit gathers a record.
func (s *collector) OnEmit(_ context.Context, r *sdklog.Record) error {
	s.gathered = append(s.gathered, r.Clone())
	return nil
}

// Enabled takes everything.
func (*collector) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// Shutdown does nothing: close does.
func (*collector) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing: nothing waits here.
func (*collector) ForceFlush(context.Context) error { return nil }

func (*collector) sync() error   { return nil }
func (*collector) full() bool    { return false }
func (*collector) rotate() error { return nil }

func (s *collector) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), exportWithin)
	defer cancel()
	return errors.Join(s.provider.Shutdown(ctx), s.exporter.Shutdown(ctx))
}
