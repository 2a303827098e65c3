package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/trace"
	"github.com/rowan-authz/rowan/engine"
)

// auditFlags say where decisions are remembered.
type auditFlags struct {
	To   string        `name:"audit" placeholder:"FILE|stdout|otlp" help:"The decision log: a file, stdout, or otlp for the collector of OTEL_EXPORTER_OTLP_ENDPOINT. Default: none."`
	What string        `name:"audit-what" default:"all" placeholder:"WHAT" help:"Which decisions: all, denies, or sample=0.1 for all denials and a tenth of what is allowed. Default all."`
	Mask []string      `name:"audit-mask" placeholder:"KEY" help:"Context keys whose values are replaced by a keyed hash, or with KEY=drop left out; KEY/ is a family. Also principal, session, identity, client, resource."`
	Full string        `name:"audit-full" enum:"block,drop" default:"block" placeholder:"HOW" help:"What happens when the log cannot be written: block refuses the decision, drop counts it. Default block."`
	Key  string        `name:"audit-key" placeholder:"FILE" help:"The key that signs the log's heads, of rowan keys audit. Default: audit.pem in the data directory, made when there is none."`
	Size int64         `name:"audit-size" default:"100" placeholder:"MIB" help:"The size at which a file of the log is put away as FILE.000001 and so on. Default 100."`
	Keep int           `name:"audit-keep" default:"0" placeholder:"N" help:"How many files that were put away stay; 0 is all. Default 0."`
	Wait time.Duration `name:"audit-wait" default:"100ms" placeholder:"TIME" help:"How long a decision waits for room in the log's queue. Default 100ms."`
	Sync string        `name:"audit-sync" enum:"second,always,never" default:"second" placeholder:"WHEN" help:"When what was written is made to survive a loss of power: every second, always or never. Default second."`
}

const auditStdout, auditOTLP = "stdout", "otlp"

// witness remembers and counts what was decided.
type witness struct {
	log     *audit.Log
	metrics *metrics.Metrics
	recent  *audit.Recent
	tracer  *trace.Tracer
}

// claim keeps standard output for the log, if that is where it goes: what else
// is printed there goes to standard error.
func (f *auditFlags) claim(c *console) io.Writer {
	out := c.stdout
	if f.To == auditStdout {
		c.stdout = c.stderr
		c.out.Reset(c.stderr)
	}
	return out
}

// open opens the log into w. A check opens none.
func (f *auditFlags) open(ctx context.Context, c *console, s *serveCommand, stdout io.Writer, log *slog.Logger, w *witness) error {
	o, err := f.options(c, log)
	if err != nil {
		return err
	}
	if o.Recent = w.recent; f.To == "" {
		o.What = audit.Nothing()
	}
	switch {
	case f.To == "" && w.recent == nil:
		return nil
	case f.To == "" || s.Check:
		if f.Key != "" {
			if _, err := readAuditKey(f.Key); err != nil {
				return err
			}
		}
		_, o.Key, err = ed25519.GenerateKey(rand.Reader)
		if err == nil {
			w.log, err = audit.OpenStream(o, io.Discard)
		}
		return err
	}
	if o.Key, err = f.key(c, s); err != nil {
		return err
	}
	switch f.To {
	case auditStdout:
		w.log, err = audit.OpenStream(o, stdout)
	case auditOTLP:
		w.log, err = audit.OpenOTLP(ctx, o)
	default:
		w.log, err = audit.OpenFile(o, audit.FileOptions{Path: f.To, Size: f.Size << 20, Keep: f.Keep})
	}
	if err != nil {
		return fmt.Errorf("--audit: %w", err)
	}
	return nil
}

func (f *auditFlags) options(c *console, log *slog.Logger) (o audit.Options, err error) {
	o = audit.Options{Drop: f.Full == "drop", Wait: f.Wait, Now: c.now, Log: log}
	o.Sync = map[string]audit.Sync{"second": audit.SyncEverySecond, "always": audit.SyncAlways, "never": audit.SyncNever}[f.Sync]
	if o.What, err = audit.ParseWhat(f.What); err != nil {
		return o, fmt.Errorf("--audit-what: %w", err)
	}
	for _, text := range f.Mask {
		m, err := audit.ParseMask(text)
		if err != nil {
			return o, fmt.Errorf("--audit-mask: %w", err)
		}
		o.Masks = append(o.Masks, m)
	}
	if f.Size < 1 || f.Size > 1<<20 || f.Keep < 0 || f.Wait <= 0 {
		return o, errors.New("--audit-size wants 1 MiB or more, --audit-keep no less than 0, --audit-wait some time")
	}
	return o, nil
}

// key reads the key of the log. The default one is made if there is none.
func (f *auditFlags) key(c *console, s *serveCommand) (ed25519.PrivateKey, error) {
	file := f.Key
	if file == "" {
		dir, err := s.data(c)
		if err != nil {
			return nil, err
		}
		file = filepath.Join(dir, "audit.pem")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			if err := writeKeyPair(file); err != nil {
				return nil, err
			}
			c.say("made the key of the decision log, %s: %s.pub verifies it", file, file)
		}
	}
	return readAuditKey(file)
}

func readAuditKey(file string) (ed25519.PrivateKey, error) {
	text, err := readPrivate(file)
	if err != nil {
		return nil, err
	}
	key, err := archive.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// writeKeyPair makes a key pair: FILE and FILE.pub.
func writeKeyPair(file string) error {
	private, public, err := archive.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		file string
		text []byte
	}{{file, private}, {file + ".pub", public}} {
		if err := writeNew(x.file, x.text); err != nil {
			return fmt.Errorf("%s: %w", x.file, cause(err))
		}
	}
	return nil
}

// watches reports whether anybody is to be told of decisions.
func (w *witness) watches() bool { return w.log != nil || w.metrics != nil || w.tracer != nil }

// record remembers and counts a decision; after an error it must not be given.
func (w *witness) record(ctx context.Context, r *audit.Record) error {
	w.metrics.Decision(r.Kind, r.Outcome, r.Took)
	if r.Kind == "rows" {
		w.metrics.Rows(r.Rows, r.Allowed)
	}
	err := w.log.Write(ctx, r)
	w.tracer.Decision(ctx, r, err)
	return err
}

// decided remembers and counts an answer to a question.
func (w *witness) decided(ctx context.Context, d *decide.Record) error {
	r := audit.Record{
		ID: d.ID, Time: d.At, Kind: d.Kind, Service: d.Service, Principal: d.Request.Principal.String(), Session: d.Session, Identity: d.Identity,
		Action: d.Request.Action, Resource: d.Request.Resource, ResourceAccount: d.Request.ResourceAccount, Context: d.Request.Context,
		Outcome: d.Decision.Outcome, By: d.Decision.By.String(), SessionPolicy: d.SessionPolicy,
		Rows: d.Rows, Allowed: d.Allowed, Digest: d.Digest, Version: d.Version, Took: d.Took,
	}
	if d.Decision.Fault != engine.NoFault {
		r.Fault = d.Decision.Fault.String()
	}
	if d.Guardrail != "" {
		r.Outcome, r.By, r.Guardrail = engine.ExplicitDeny, audit.ByGuardrail, d.Guardrail
	} else if ref, ok := d.Decision.Statement(); ok {
		r.Statements = []audit.Statement{{
			Policy: strings.TrimPrefix(ref.Document, path.Clean(d.Bundle.Name)+"/"), Sid: ref.Sid, Index: ref.Index, Line: int(ref.Pos.Line),
		}}
	}
	return w.record(ctx, &r)
}
