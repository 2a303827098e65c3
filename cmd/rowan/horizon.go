package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
)

// horizonCommand is `rowan horizon`.
type horizonCommand struct {
	Bundle  string        `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	Within  span          `placeholder:"SPAN" help:"Look no further than SPAN, such as 30d or 12h, and exit with 1 if something changes within it."`
	Effects bool          `default:"true" negatable:"" help:"Say which cells of tests and which checks of rowan prove change, too."`
	Time    time.Duration `default:"10s" placeholder:"DURATION" help:"How long one question of a check may take."`
	clock
	celFlag
}

// Help describes the command.
func (*horizonCommand) Help() string {
	return `Lists when statements of a bundle will begin or cease to apply by the passing of time alone, by their conditions on aws:CurrentTime and aws:EpochTime, and which cells of tests and checks of rowan prove come out otherwise from then on. Tests are asked at these times whatever clock their suite has, unless they say the time themselves. What cannot be foreseen, such as a condition in CEL, is listed.

Exit status: 0 listed, 1 with --within if something changes within it, 2 usage, 3 the bundle cannot be loaded, or with --within if something cannot be foreseen.

Examples:

    rowan horizon --bundle scores
    rowan horizon --bundle scores --within 30d`
}

// span is a duration that may be in days.
type span time.Duration

// UnmarshalText reads 30d, or what time.ParseDuration does.
func (s *span) UnmarshalText(text []byte) error {
	const day = 24 * time.Hour
	d, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		if d = time.Duration(n) * day; n > 36500 {
			err = errors.New("more than a hundred years")
		}
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q: want a span such as 30d or 12h", text)
	}
	*s = span(d)
	return nil
}

// maxInstants is of how many times the effects are looked at.
const maxInstants = 64

// horizonRecord is what the passing of time changes.
type horizonRecord struct {
	From time.Time `json:"from"`
	// Until is the end of --within, zero without it.
	Until   time.Time      `json:"until,omitzero"`
	Changes []changeRecord `json:"changes"`
	// Unforeseen are conditions of which it cannot be told when they change.
	Unforeseen []unforeseenRecord `json:"unforeseen"`
	// Skipped is at how many times the effects were not looked at.
	Skipped int `json:"skipped,omitempty"`
}

// changeRecord is what changes at one time.
type changeRecord struct {
	At         time.Time     `json:"at"`
	Statements []flipRecord  `json:"statements"`
	Cells      []cellRecord  `json:"cells,omitempty"`
	Checks     []checkRecord `json:"checks,omitempty"`
}

// flipRecord is a statement that begins or ceases to apply.
type flipRecord struct {
	Statement  string   `json:"statement"`
	File       string   `json:"file"`
	Line       uint32   `json:"line"`
	Column     uint32   `json:"column"`
	Effect     string   `json:"effect"`
	Applies    bool     `json:"applies"`
	Conditions []string `json:"conditions"`
}

// cellRecord is a cell of a test that comes out otherwise. Fails says that it
// is not what the test wants.
type cellRecord struct {
	Suite string `json:"suite"`
	Test  string `json:"test"`
	Cell  string `json:"cell"`
	From  string `json:"from"`
	To    string `json:"to"`
	Fails bool   `json:"fails"`
}

// checkRecord is a check that comes out otherwise.
type checkRecord struct {
	Check string        `json:"check"`
	Role  string        `json:"role,omitempty"`
	Table string        `json:"table,omitempty"`
	Claim string        `json:"claim"`
	From  proof.Verdict `json:"from"`
	To    proof.Verdict `json:"to"`
}

type unforeseenRecord struct {
	Statement string `json:"statement"`
	File      string `json:"file"`
	Line      uint32 `json:"line"`
	Condition string `json:"condition"`
}

// Run looks ahead.
func (h *horizonCommand) Run(c *console) error {
	v, err := h.vocabulary()
	if err != nil {
		return err
	}
	b, guardrails, suites, err := loadGuarded(h.Bundle, v)
	if err != nil {
		return c.unloadable(err)
	}
	now := h.at(c).UTC().Truncate(time.Second)
	record := &horizonRecord{From: now, Changes: []changeRecord{}, Unforeseen: []unforeseenRecord{}}
	if h.Within > 0 {
		record.Until = now.Add(time.Duration(h.Within))
	}
	record.look(v, b)
	if h.Effects && len(record.Changes) > 0 {
		w := &watcher{command: h, console: c, vocabulary: v, bundle: b, guardrails: guardrails, suites: suites}
		if err := w.effects(record); err != nil {
			return err
		}
	}
	if h.Within > 0 && len(record.Changes) > 0 {
		c.raise(exitUnmet)
	}
	if h.Within > 0 && len(record.Unforeseen) > 0 {
		c.raise(exitUnloadable)
	}
	if c.format == "json" {
		return c.encode(record)
	}
	c.printHorizon(record)
	return c.broken()
}

// proofs runs the checks at a time, if there are any.
func (w *watcher) proofs(at time.Time) ([]proof.Result, error) {
	if len(w.bundle.Tables) == 0 && !slices.ContainsFunc(w.suites, func(s *bundle.Suite) bool { return len(s.Properties) > 0 }) {
		return nil, nil
	}
	return proof.Prove(context.Background(), w.bundle, proof.Options{
		Vocabulary: w.vocabulary, Suites: w.suites, Limits: analysis.Limits{Time: w.command.Time, Now: w.console.now}, At: at,
	})
}

func (c *console) printHorizon(r *horizonRecord) {
	for i := range r.Changes {
		x := &r.Changes[i]
		c.printf("%s, in %s\n", c.paint(bold, x.At.Format(time.RFC3339)), ahead(x.At.Sub(r.From)))
		for _, f := range x.Statements {
			word := "ceases to apply"
			if f.Applies {
				word = "begins to apply"
			}
			color := red
			if f.Applies == (f.Effect == "Deny") {
				color = green
			}
			c.printf("  %s %s %s: %s\n    %s:%d\n", f.Effect, c.paint(bold, plain(f.Statement)), c.paint(color, word), plain(strings.Join(f.Conditions, " and ")), plain(f.File), f.Line)
		}
		for _, y := range x.Cells {
			fails := "as the test wants it from then on"
			if y.Fails {
				fails = c.paint(red, "the test fails then")
			}
			c.printf("  test %s: %s, was %s; %s\n", plain(y.Suite+"/"+y.Test+"/"+y.Cell), y.To, y.From, fails)
		}
		for _, y := range x.Checks {
			c.printf("  check %s of %s: %s, was %s\n", y.Check, plain(strings.Trim(y.Role+", "+y.Table, ", ")), y.To, y.From)
		}
	}
	for _, u := range r.Unforeseen {
		c.printf("%s: %s: %s\n  %s:%d\n", c.paint(yellow, "cannot be foreseen"), plain(u.Statement), plain(u.Condition), plain(u.File), u.Line)
	}
	if r.Skipped > 0 {
		c.printf("what changes with it was not looked at for %d more times\n", r.Skipped)
	}
	if len(r.Changes) == 0 {
		until := ""
		if !r.Until.IsZero() {
			until = " until " + r.Until.Format(time.RFC3339)
		}
		c.printf("nothing changes by the passing of time%s\n", until)
	}
}

// ahead says how long something is away.
func ahead(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%d days", int(d/day))
	}
	return d.Round(time.Second).String()
}

func byTime(a, b changeRecord) int { return a.At.Compare(b.At) }

func byPlace(a, b flipRecord) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
