package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/replay"
	"github.com/rowan-authz/rowan/conditions"
)

// explainedDecision is the JSON of a decision of a log.
type explainedDecision struct {
	// Log is the line of the log.
	Log json.RawMessage `json:"log"`
	// Bundle is the one that decided, empty if it is not at hand.
	Bundle string   `json:"bundle"`
	Notes  []string `json:"notes"`
	// Explained is null if the bundle is not at hand, or the log says too little.
	Explained *explained `json:"explained"`
}

// decision explains a decision of a log.
func (e *explainCommand) decision(c *console) error {
	l, err := e.find(c)
	if err != nil || l == nil {
		return err
	}
	b, err := e.bundleOf(c, l.Digest)
	if err != nil {
		return err
	}
	out := explainedDecision{Log: l.Text, Notes: []string{}}
	var again *replay.Replayed
	if b == nil {
		out.Notes = append(out.Notes, "the bundle of that day is not at hand, so this is only what the log says: give the one whose digest is sha256:"+plain(l.Digest)+" with --bundle")
	} else if again, err = replay.Replay(l, b); err != nil {
		out.Notes = append(out.Notes, plain(err.Error()))
	}
	var flips *analysis.Flips
	if again == nil {
		c.raise(exitUnmet)
	} else {
		if e.Changes && !again.Differs {
			if flips, err = c.decisionChanges(b, l, again); err != nil {
				return err
			}
		}
		x := newExplained(&answer{name: l.ID, request: again.Request, explanation: again.Explanation})
		if flips != nil {
			x.Changes = newChanges(flips)
		}
		out.Bundle, out.Explained, out.Notes = b.Name, &x, append(out.Notes, again.Notes...)
		if again.Differs {
			c.raise(exitUnmet)
		}
	}
	if c.format == "json" {
		return c.encode(out)
	}
	c.printf("%s %s, %s", c.paint(bold, "decision "+plain(l.ID)), plain(l.At), plain(l.Kind))
	if l.Service != "" {
		c.printf(" by %s", plain(l.Service))
	}
	c.printf("\n")
	if again == nil {
		c.logged(l)
	} else {
		bundle.RenderExplanation(c.out, again.Request, &again.Explanation, b.Source, c.color)
	}
	if flips != nil {
		c.printChanges(flips)
	}
	for _, n := range out.Notes {
		c.printf("note: %s\n", plain(n))
	}
	return nil
}

// find looks the decision up. If it is not there that is said.
func (e *explainCommand) find(c *console) (found *replay.Line, err error) {
	files := slices.DeleteFunc(slices.Clone(e.Log), audit.IsLock)
	for s := range c.sources(files) {
		l, err := replay.Find(s.Reader, e.DecisionID)
		switch {
		case err != nil:
			return nil, err
		case l != nil && found != nil:
			return nil, replay.ErrAmbiguous
		case l != nil:
			found = l
		}
	}
	if found == nil && c.status == 0 {
		c.say("the log has no decision %s", plain(e.DecisionID))
		c.raise(exitUnmet)
	}
	return found, nil
}

// bundleOf returns the bundle that has a digest, nil if none has.
func (e *explainCommand) bundleOf(c *console, digest string) (*bundle.Bundle, error) {
	if digest == "" {
		return nil, errors.New("the log does not say which bundle decided")
	}
	is := func(b *bundle.Bundle) bool { return strings.TrimPrefix(b.Digest, "sha256:") == digest }
	if b, err := bundle.Load(demo.FS, "demo", conditions.AWS()); err != nil || is(b) {
		return b, err
	}
	for _, from := range e.Bundle {
		for _, name := range within(from) {
			files, err := readFiles(c, name)
			if err != nil {
				c.complain(name, err)
				continue
			}
			b, _, err := loadFiles(files, name, nil, time.Time{}) // whatever the time is
			if err != nil {
				c.complain(name, err)
				continue
			}
			if is(b) {
				return b, nil
			}
		}
	}
	return nil, nil
}

// within returns the archives of a folder that is no bundle itself, else what was
// given.
func within(from string) []string {
	if _, err := os.Stat(filepath.Join(from, "rowan.yaml")); err == nil {
		return []string{from}
	}
	if all, err := filepath.Glob(filepath.Join(from, "*.tar.gz")); err == nil && len(all) > 0 {
		return all
	}
	return []string{from}
}

// logged prints what the log says of a decision.
func (c *console) logged(l *replay.Line) {
	paint := red
	if l.Decision == "allowed" {
		paint = green
	}
	c.printf("who   %s\nasks  %s\non    %s\n└─ %s", plain(l.Principal), plain(l.Action), plain(l.Resource), c.paint(paint, plain(l.Decision)))
	if l.DecidedBy != "" {
		c.printf(", by %s", plain(l.DecidedBy))
	}
	c.printf("\n")
	for _, s := range l.Statements {
		name := s.Sid
		if name == "" {
			name = "a statement"
		}
		c.printf("   ├─ %s, %s:%d\n", plain(name), plain(s.Policy), s.Line)
	}
	if l.Fault != "" {
		c.printf("   ├─ fault: %s\n", plain(l.Fault))
	}
	if l.Guardrail != "" {
		c.printf("   ├─ %s\n", plain(l.Guardrail))
	}
	c.printf("   └─ with %d context keys\n", len(l.Keys)+l.KeysLeftOut)
}
