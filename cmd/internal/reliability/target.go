package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// target is a row of the table. short says that CI holds it.
type target struct {
	id, what, criterion string
	short               bool
	// run returns the figure; an error says why the target is missed.
	run func(context.Context, *lab) (string, error)
}

// errNotBuilt is of a target whose part of the product is not there yet.
var errNotBuilt = errors.New("not built")

// targets are those of the table, in its order.
func targets() []target {
	return []target{
		{"L1", "saturation", "reported; in-process p99 <= 50 us", true, saturationTarget},
		{"L2", "hold 70 % of saturation", "0 wrong, 0 errors, p99 <= 10 ms, p99.9 <= 50 ms, RSS slope < 1 MB/min, GC CPU < 15 %", true, holdTarget},
		{"L3", "hold 70 %, reload every second", "0 mixed canaries, 0 wrong, p99 <= 2 x L2's bound", true, reloadTarget},
		{"L4", "overload 200 %", "excess refused, 0 wrong, goodput >= 80 % of saturation, p99 back within 10 s", false, overloadTarget},
		{"L5", "a million identities, a thousand policies", "RSS <= base + 256 MB, 0 wrong, revoked stay revoked", false, identitiesTarget},
		{"R1", "revocation on one node", "0 allowed after the acknowledgement", true, revocationTarget},
		{"X1", "kill -9 during a reload", "old or new whole, never back, MTTR <= 2 s", true, killReloadTarget},
		{"X2", "kill -9 during a write of the store", "acknowledged writes are there", true, killWriteTarget},
		{"X3", "corrupt bundles", "all refused with a reason, the last good one serves", true, corruptTarget},
		{"X4", "disk full", "writes refused, nothing half-written, decisions go on", false, diskFullTarget},
		{"X5", "clock jumps", "expired is denied, nothing lives longer, one now per call", true, clockTarget},
		{"X6", "key sets of issuers fail", "known kid unaffected, unknown denied with few fetches, bad sets never used", false, keySetTarget},
		{"X7", "PostgreSQL restarts and is down", "reads go on, writes fail cleanly, none lost, back <= 5 s", false, databaseTarget},
		{"X8", "partition from the store", "denied once revocations are stale, heals <= 10 s", false, partitionTarget},
		{"X9", "SIGTERM under load", "0 failed behind a retrying client, 0 resets, exit 0", true, drainTarget},
		{"X10", "memory limit of 128 MB", "no kill, or a restart as in X1", false, memoryTarget},
		{"X11", "hostile clients", "others' p99 <= 2 x L2's bound, RSS + <= 64 MB, limits refuse", false, hostileTarget},
		{"X12", "hostile policies", "10 kB against 10 kB < 10 ms, 10,000 statements", false, hostilePolicyTarget},
		{"X13", "start with nothing", "not ready, nothing is allowed", true, nothingTarget},
	}
}

// outcome is what became of a target. Error is empty if it was met.
type outcome struct {
	ID        string  `json:"id"`
	What      string  `json:"what"`
	Criterion string  `json:"criterion"`
	Figure    string  `json:"figure"`
	Verdict   string  `json:"verdict"` // pass, fail or not built
	Error     string  `json:"error,omitempty"`
	Seconds   float64 `json:"seconds"`
}

const (
	pass     = "pass"
	fail     = "fail"
	notBuilt = "not built"
)

// targetWithin bounds what hangs.
const targetWithin = 15 * time.Minute

// measureAll runs targets in turn.
func measureAll(ctx context.Context, l *lab, all []target) []outcome {
	var out []outcome
	for _, t := range all {
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		_, _ = fmt.Fprintf(l.progress, "%s: %s\n", t.id, t.what)
		within, cancel := context.WithTimeout(ctx, targetWithin)
		figure, err := t.run(within, l)
		cancel()
		l.stopAll()
		o := outcome{ID: t.id, What: t.what, Criterion: t.criterion, Figure: figure, Verdict: pass, Seconds: time.Since(began).Seconds()}
		if err != nil {
			o.Verdict, o.Error = fail, err.Error()
			if errors.Is(err, errNotBuilt) {
				o.Verdict = notBuilt
			}
		}
		_, _ = fmt.Fprintf(l.progress, "%s: %s: %s %s\n", t.id, o.Verdict, o.Figure, o.Error)
		out = append(out, o)
	}
	return out
}

// report prints outcomes. It is an error if there are none, or if one is not
// met.
func report(w io.Writer, asJSON bool, all []outcome) error {
	if len(all) == 0 {
		return errors.New("no target was run")
	}
	met := 0
	for _, o := range all {
		if o.Verdict == pass {
			met++
		}
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			return err
		}
	} else if err := printTable(w, all, met); err != nil {
		return err
	}
	if met < len(all) {
		return errMissed
	}
	return nil
}

func printTable(w io.Writer, all []outcome, met int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "TARGET\tVERDICT\tS\tFIGURE") // Flush tells of errors
	for _, o := range all {
		figure := o.Figure
		if o.Error != "" {
			figure = strings.TrimPrefix(figure+"; ", "; ") + strings.ReplaceAll(o.Error, "\n", "; ")
		}
		_, _ = fmt.Fprintf(t, "%s %s\t%s\t%.0f\t%s\n", o.ID, o.What, o.Verdict, o.Seconds, figure)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	load, _ := os.ReadFile("/proc/loadavg") // for people
	_, err := fmt.Fprintf(w, "%d of %d met; load of the machine %s\n", met, len(all), strings.TrimSpace(string(load)))
	return err
}

// check is a target's list of what is not as it should be.
type check struct{ faults []error }

// must notes what is not so.
func (c *check) must(ok bool, format string, args ...any) {
	if !ok {
		c.faults = append(c.faults, fmt.Errorf(format, args...))
	}
}

// try notes an error.
func (c *check) try(err error) {
	if err != nil {
		c.faults = append(c.faults, err)
	}
}

// shown is how many faults are told of.
const shown = 3

func (c *check) err() error {
	if len(c.faults) > shown {
		return errors.Join(append(c.faults[:shown:shown], fmt.Errorf("and %d more", len(c.faults)-shown))...)
	}
	return errors.Join(c.faults...)
}
