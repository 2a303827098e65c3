package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// compareCommand is `rowan compare`.
type compareCommand struct {
	Old      string        `arg:"" help:"The policies as they were: a document, or the directory of a bundle."`
	New      string        `arg:"" help:"The policies as they are."`
	Role     []string      `placeholder:"ROLE" help:"Compare these roles of bundles only."`
	FailOn   string        `name:"fail-on" enum:"none,broader,different" default:"none" placeholder:"WHAT" help:"Exit with 1 if the new policies allow more (broader), or other requests at all (different)."`
	Requests int           `default:"5" placeholder:"N" help:"Show at most N requests in each direction, each of another action."`
	Time     time.Duration `default:"10s" placeholder:"DURATION" help:"How long one question may take."`
	Markdown bool          `help:"Print Markdown, for a pull request."`
	rowsFlags
	moment
	celFlag
}

// Help describes the command.
func (*compareCommand) Help() string {
	return `Says whether policies allow more or less than they did, for all requests at once: equal, broader, narrower or incomparable, with requests that only one side allows. Documents are compared as identity policies of anybody; bundles role by role, with boundaries and guardrails, and then whom policies of resources let in besides the roles.

With --rows it counts, too, which rows of a table each identity gains and loses: those of the suites of both bundles, each under the roles, tags and pools that it has there. Rows are a sample of yours or those of a live store, which are read past the policies; that wants a --reason.

Exit status: 0 compared, 1 what --fail-on names, 2 usage, 3 unknown, or policies that cannot be loaded. With --fail-on, what is unknown is no pass.

Examples:

    rowan compare --fail-on broader old.json new.json
    rowan compare --markdown main/scores scores
    rowan compare --format sarif main/scores scores > compare.sarif
    rowan compare --rows rows.jsonl main/scores scores`
}

// comparison is how one role, or a document, changed.
type comparison struct {
	role string
	// outsider is a principal that is no role of a bundle, if it is about one.
	outsider string
	diff     *analysis.Difference
	// only says that the role is in one of the bundles alone: "old" or "new".
	only string
	// by and not are who decides about a request, by the new policies and by the
	// old; an error means that nobody allows anything there.
	by, not decider
	// sample is what --rows counted; nil if it did not.
	sample *rowSample
}

// compared is all that was compared; old and now are nil for documents.
type compared struct {
	roles    []comparison
	old, now *bundle.Bundle
}

// decider finds who decides about requests for a resource.
type decider func(resource string) (*engine.Evaluator, error)

// Run compares.
func (x *compareCommand) Run(c *console) error {
	v, err := x.vocabulary()
	if err != nil {
		return err
	}
	if x.Requests < 1 {
		return errors.New("--requests: want at least 1")
	}
	if x.Markdown && c.format != "text" {
		return errors.New("want one of --markdown and --format")
	}
	if err := x.checkRows(x.Role); err != nil {
		return err
	}
	found, err := x.compare(v, analysis.Limits{Time: x.Time, Now: c.now})
	if err == nil && x.Rows != "" {
		err = x.count(c, found, x.Role, clock{x.At}.at(c))
	}
	var unloadable *unloadableError
	switch {
	case errors.As(err, &unloadable):
		return c.unloadable(unloadable.err)
	case err != nil:
		return err
	}
	all := found.roles
	for i := range all {
		x.judge(c, &all[i])
	}
	switch {
	case c.format == "json":
		return c.encode(comparisonsJSON(all))
	case c.format == "sarif":
		return x.sarif(c, v, all)
	case x.Markdown:
		c.printMarkdown(all)
	default:
		for i := range all {
			c.printComparison(&all[i])
		}
	}
	return c.broken()
}

// unloadableError means policies that cannot be loaded.
type unloadableError struct{ err error }

func (e *unloadableError) Error() string { return e.err.Error() }
func (e *unloadableError) Unwrap() error { return e.err }

func (x *compareCommand) compare(v *conditions.Vocabulary, l analysis.Limits) (*compared, error) {
	old, errOld := os.Stat(x.Old)
	now, errNew := os.Stat(x.New)
	switch {
	case errOld != nil:
		return nil, fmt.Errorf("%s: %w", x.Old, cause(errOld))
	case errNew != nil:
		return nil, fmt.Errorf("%s: %w", x.New, cause(errNew))
	case old.IsDir() != now.IsDir():
		return nil, errors.New("want two documents or two directories")
	case old.IsDir():
		return x.bundles(v, l)
	}
	if len(x.Role) > 0 || x.Rows != "" {
		return nil, errors.New("--role and --rows are for bundles")
	}
	a, err := readIdentity(x.Old, v)
	if err != nil {
		return nil, err
	}
	b, err := readIdentity(x.New, v)
	if err != nil {
		return nil, err
	}
	d, err := analysis.Diff(context.Background(), &analysis.Question{
		Vocabulary: v, By: &analysis.Policies{Identity: b}, Not: &analysis.Policies{Identity: a}, Limits: l, Keys: proof.TimeKeys(x.At),
	}, x.Requests)
	return &compared{roles: []comparison{{diff: d, by: documentDecider(v, b), not: documentDecider(v, a)}}}, err
}

// documentDecider decides by identity policies alone.
func documentDecider(v *conditions.Vocabulary, docs []*policy.Document) decider {
	return func(string) (*engine.Evaluator, error) {
		s, err := engine.Compile(v, policy.Identity, docs...)
		return &engine.Evaluator{Identity: s}, err
	}
}

// roleDecider decides by all policies of a role.
func roleDecider(b *bundle.Bundle, role string) decider {
	return func(resource string) (*engine.Evaluator, error) { return b.Evaluator(role, resource, nil) }
}

func readIdentity(name string, v *conditions.Vocabulary) ([]*policy.Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, policy.MaxDocumentBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	d, err := policy.Parse(name, text)
	if err == nil {
		err = d.Validate(policy.Identity, v)
	}
	if err != nil {
		return nil, &unloadableError{err}
	}
	return []*policy.Document{d}, nil
}

func (x *compareCommand) bundles(v *conditions.Vocabulary, l analysis.Limits) (*compared, error) {
	old, _, err := loadBundle(x.Old, v)
	if old == nil || err != nil && x.Rows != "" { // whose identities count
		return nil, &unloadableError{err}
	}
	now, _, err := loadBundle(x.New, v)
	if now == nil || err != nil && x.Rows != "" {
		return nil, &unloadableError{err}
	}
	var names []string
	for _, r := range slices.Concat(old.Roles, now.Roles) {
		if !slices.Contains(names, r.Name) && (len(x.Role) == 0 || slices.Contains(x.Role, r.Name)) {
			names = append(names, r.Name)
		}
	}
	for _, name := range x.Role {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("no role %q", name)
		}
	}
	slices.Sort(names)
	out := &compared{old: old, now: now}
	for _, name := range names {
		one, err := x.role(v, l, old, now, name)
		if err != nil {
			return nil, err
		}
		out.roles = append(out.roles, one)
	}
	if len(x.Role) > 0 {
		return out, nil
	}
	outsiders, err := proof.DiffOutsiders(context.Background(), now, old, proof.Options{Vocabulary: v, Limits: l, At: x.At}, x.Requests)
	for i := range outsiders {
		out.roles = append(out.roles, comparison{outsider: outsiders[i].Name, diff: &outsiders[i].Difference})
	}
	return out, err
}

// who is whose requests are compared; empty for those of documents.
func (x *comparison) who() string {
	if x.outsider != "" {
		return x.outsider + ", by policies of resources"
	}
	return x.role
}

// role compares a role; one that a bundle has not may do nothing there.
func (x *compareCommand) role(v *conditions.Vocabulary, l analysis.Limits, old, now *bundle.Bundle, name string) (comparison, error) {
	out := comparison{role: name, by: roleDecider(now, name), not: roleDecider(old, name)}
	is, b, err := policiesOf(now, name)
	if err != nil {
		return out, err
	}
	was, a, err := policiesOf(old, name)
	if err != nil {
		return out, err
	}
	if is != nil && was != nil && is.ARN != was.ARN {
		doubt := analysis.Direction{Reason: "its ARN was " + was.ARN + ": what policies say of it by name is not compared"}
		out.diff = &analysis.Difference{Gained: doubt, Lost: doubt}
		return out, nil
	}
	from, to, of, r := old, now, now, is
	switch {
	case is == nil:
		out.only, to, of, r = "old", nil, old, was
	case was == nil:
		out.only, from = "new", nil
	}
	q := &analysis.Question{
		Vocabulary: v, By: b, Not: a, Limits: l,
		Principal: "arn:" + of.Partition + ":sts::" + of.Account + ":assumed-role/" + name + "/" + bundle.SessionName,
		Keys:      map[string][]string{"aws:PrincipalArn": {r.ARN}},
	}
	maps.Copy(q.Keys, proof.TimeKeys(x.At))
	out.diff, err = proof.Diff(context.Background(), to, from, q, x.Requests)
	return out, err
}

// policiesOf are a role and its policies, a nil role and none if there is no such.
func policiesOf(b *bundle.Bundle, role string) (*bundle.Role, *analysis.Policies, error) {
	r, ok := b.Role(role)
	if !ok {
		return nil, &analysis.Policies{}, nil
	}
	p, err := proof.Policies(b, r, "")
	return r, p, err
}

// judge raises the exit status for what --fail-on names.
func (x *compareCommand) judge(c *console, one *comparison) {
	gained, lost := one.diff.Gained.Verdict, one.diff.Lost.Verdict
	if gained == analysis.Unknown || lost == analysis.Unknown && x.FailOn != "broader" {
		c.raise(exitUnloadable)
	}
	if x.FailOn != "none" && gained == analysis.Found || x.FailOn == "different" && lost == analysis.Found {
		c.raise(exitUnmet)
	}
}

func (c *console) printComparison(x *comparison) {
	name := x.who()
	if name != "" {
		name = plain(name) + ": "
	}
	color := map[analysis.Relation]string{analysis.Broader: red, analysis.Incomparable: red, analysis.Undecided: yellow}[x.diff.Relation()]
	c.printf("%s%s%s\n", c.paint(bold, name), c.paint(color, string(x.diff.Relation())), onlyIn(x.only))
	c.printDirection("+", "gained", &x.diff.Gained)
	c.printDirection("-", "lost", &x.diff.Lost)
	c.printSample(x.sample)
}

func onlyIn(side string) string {
	if side == "" {
		return ""
	}
	return " (the role is in the " + side + " bundle alone)"
}

func (c *console) printDirection(sign, word string, d *analysis.Direction) {
	color := map[string]string{"+": red, "-": green}[sign]
	for _, w := range d.Witnesses {
		c.printf("  %s\n", c.paint(color, sign+" "+plain(w.Action+" "+w.Resource)))
		c.printKeys("      ", w)
	}
	switch {
	case d.Verdict == analysis.Unknown:
		c.printf("  ? %s: %s\n", word, plain(d.Reason))
	case d.Verdict == analysis.Found && !d.Complete:
		c.printf("  %s … and perhaps other actions\n", sign)
	}
}

func (c *console) printMarkdown(all []comparison) {
	c.printf("| Role | Change |\n|---|---|\n")
	for i := range all {
		name := plain(all[i].who())
		if name == "" {
			name = "policy"
		}
		c.printf("| %s | %s%s |\n", name, all[i].diff.Relation(), onlyIn(all[i].only))
	}
	for i := range all {
		x := &all[i]
		for _, d := range []struct {
			title string
			*analysis.Direction
		}{{"Gained", &x.diff.Gained}, {"Lost", &x.diff.Lost}} {
			if d.Verdict == analysis.Never {
				continue
			}
			c.printf("\n### %s\n\n", strings.TrimSpace(d.title+" "+plain(x.who())))
			for _, w := range d.Witnesses {
				c.printf("- `%s`\n", strings.ReplaceAll(plain(w.String()), "`", "'"))
			}
			if d.Verdict == analysis.Unknown {
				c.printf("Unknown: %s\n", plain(d.Reason))
			}
		}
		c.markdownSample(x.role, x.sample)
	}
}

// comparisonJSON is a role, or a document, of rowan compare.
type comparisonJSON struct {
	Role     string            `json:"role,omitempty"`
	Outsider string            `json:"outsider,omitempty"`
	Only     string            `json:"only,omitempty"`
	Relation analysis.Relation `json:"relation"`
	Gained   directionJSON     `json:"gained"`
	Lost     directionJSON     `json:"lost"`
	Rows     *rowSample        `json:"rows,omitempty"`
}

type directionJSON struct {
	Verdict  string         `json:"verdict"`
	Reason   string         `json:"reason,omitempty"`
	Requests []*witnessJSON `json:"requests,omitempty"`
	Complete bool           `json:"complete"`
}

func comparisonsJSON(all []comparison) []comparisonJSON {
	direction := func(d *analysis.Direction) directionJSON {
		out := directionJSON{Verdict: d.Verdict.String(), Reason: d.Reason, Complete: d.Complete}
		for _, w := range d.Witnesses {
			out.Requests = append(out.Requests, witnessOf(w))
		}
		return out
	}
	out := make([]comparisonJSON, len(all))
	for i := range all {
		x := &all[i]
		out[i] = comparisonJSON{x.role, x.outsider, x.only, x.diff.Relation(), direction(&x.diff.Gained), direction(&x.diff.Lost), x.sample}
	}
	return out
}
