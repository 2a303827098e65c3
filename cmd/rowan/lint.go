package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/sarif"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/catalogue"
	"github.com/rowan-authz/rowan/policy/lint"
)

// lintCommand is `rowan lint`.
type lintCommand struct {
	Files         []string `arg:"" optional:"" name:"file" help:"Policy documents; - or none reads standard input."`
	Kind          string   `enum:",identity,permissionsBoundary,session,endpoint,resource,trust,serviceControl,resourceControl" default:"" placeholder:"KIND" help:"What kind of policies they are, as for validate; without it the one that it is most likely meant as."`
	Bundle        string   `placeholder:"DIR" help:"Look at a bundle instead of single files."`
	Fix           bool     `help:"Write the fixes that are certain back to the files."`
	Diff          bool     `help:"Show what --fix changes; alone, what it would change."`
	Config        string   `placeholder:"FILE" help:"Findings to leave out, each with its reason. Without it .rowan-lint.yaml in the bundle or here, if there is one."`
	Baseline      string   `placeholder:"FILE" xor:"baseline" help:"Leave out the findings that the file lists."`
	WriteBaseline string   `name:"write-baseline" placeholder:"FILE" xor:"baseline" help:"Write all findings to the file, for --baseline."`
	FailOn        string   `name:"fail-on" enum:"none,suggestion,warning,security-warning,error" default:"warning" placeholder:"LEVEL" help:"Exit with 1 for a finding of that level or a heavier one. One of none, suggestion, warning, security-warning, error."`
	celFlag
}

// Help describes the command.
func (*lintCommand) Help() string {
	return `Findings have codes that stay; docs/lint.md lists them, with the issue codes of IAM Access Analyzer. Nothing is asked of the network.

Exit status: 0 clean, 1 findings, 2 usage or a file that cannot be read.

Examples:

    rowan lint policies/*.json
    rowan lint --bundle scores --fix --diff
    rowan lint --bundle scores --format sarif > lint.sarif`
}

// linted is a file that was looked at.
type linted struct {
	name, path string // path is empty for what cannot be written back
	text       []byte
	kind       policy.Kind // zero for a file that holds documents
	options    lint.Options
}

// lintRun is one run of the command.
type lintRun struct {
	*lintCommand
	vocabulary *conditions.Vocabulary
	catalogue  lint.Catalogue
	exceptions *exceptions
	files      []linted
	findings   []lintFinding
}

// lintFinding is a finding and why it does not count, if it does not.
type lintFinding struct {
	lint.Finding
	suppressed string
}

// Run looks at the files or the bundle.
func (l *lintCommand) Run(c *console) error {
	r := &lintRun{lintCommand: l}
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.look(c); err != nil {
		return err
	}
	if l.Fix || l.Diff {
		if err := r.fix(c); err != nil {
			return err
		}
	}
	r.exceptions.complain(c)
	if l.WriteBaseline != "" {
		return writeBaseline(l.WriteBaseline, r.findings)
	}
	r.judge(c)
	switch c.format {
	case "json":
		return r.json(c)
	case "sarif":
		return r.sarif(c)
	}
	r.text(c)
	return c.broken()
}

func (r *lintRun) prepare() (err error) {
	if r.Bundle != "" && (r.Kind != "" || len(r.Files) > 0) {
		return errors.New("lint --bundle: a bundle says itself which files it has and of which kind")
	}
	if r.vocabulary, err = r.celFlag.vocabulary(); err != nil {
		return err
	}
	if r.catalogue, err = catalogue.AWS(); err != nil {
		return err
	}
	r.exceptions, err = readExceptions(r.Config, r.Bundle, r.Baseline)
	return err
}

// look finds what there is to find.
func (r *lintRun) look(c *console) error {
	r.files, r.findings = nil, nil
	r.exceptions.begin()
	if r.Bundle != "" {
		return r.lookBundle()
	}
	for s := range c.sources(r.Files) {
		if err := r.lookFile(s); err != nil {
			c.complain(s.name, err)
		}
	}
	return nil
}

func (r *lintRun) lookBundle() error {
	b, _, _, err := loadGuarded(r.Bundle, r.vocabulary)
	var faults policy.Errors
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	for _, e := range faults {
		r.add(lint.New("invalid", e.Name, e.Pos, e.Path, "%w", e.Err))
	}
	if b == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, f := range b.Lint(r.catalogue) {
		r.add(f)
		if f.Fix != nil && !seen[f.Name] {
			seen[f.Name] = true
			r.remember(b, f.Name)
		}
	}
	return nil
}

// remember keeps a file of a bundle that can be written back.
func (r *lintRun) remember(b *bundle.Bundle, file string) {
	kind, options, _ := b.LintDocument(file, r.catalogue)
	r.files = append(r.files, linted{file, file, b.Source(file), kind, options})
}

func (r *lintRun) lookFile(s source) error {
	text, doc, err := parse(s)
	var faults policy.Errors
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	for _, e := range faults {
		r.add(lint.New("invalid", e.Name, e.Pos, e.Path, "%w", e.Err))
	}
	if doc == nil || err != nil {
		return nil
	}
	kind, ok := policy.ParseKind(r.Kind)
	if !ok {
		kind = lint.LikelyKind(doc, r.vocabulary)
	}
	file := linted{s.name, s.path, text, kind, lint.Options{Vocabulary: r.vocabulary, Catalogue: r.catalogue, Source: text}}
	r.files = append(r.files, file)
	for _, f := range lint.Check(doc, file.kind, file.options) {
		r.add(f)
	}
	return nil
}

func (r *lintRun) add(f lint.Finding) {
	r.findings = append(r.findings, lintFinding{f, r.exceptions.reason(&f)})
}

// maxRounds is how often fix looks again at what it has written.
const maxRounds = 100

// fix writes what is certain back, or shows it.
func (r *lintRun) fix(c *console) error {
	for range maxRounds {
		written, err := r.fixFiles(c)
		if err != nil || !written {
			return err
		}
		if err := r.look(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *lintRun) fixFiles(c *console) (written bool, err error) {
	for i := range r.files {
		f := &r.files[i]
		fixed, taken := r.mend(f)
		if taken == 0 {
			continue
		}
		if r.Diff && c.format == "text" {
			c.printf("%s", lineDiff(f.name, f.text, fixed))
		}
		if !r.Fix {
			continue
		}
		if f.path == "" {
			return written, errors.New("lint --fix: standard input cannot be written back")
		}
		if err := replaceFile(f.path, fixed); err != nil {
			c.complain(f.path, err)
			continue
		}
		written = true
	}
	return written, nil
}

// mend takes the fixes of a file that are certain. Those of documents within a
// file are for the file as it is now, so that they are taken once.
func (r *lintRun) mend(f *linted) (fixed []byte, taken int) {
	if f.kind != 0 {
		return lint.FixAll(f.name, f.text, f.kind, f.options, r.exceptions.counts)
	}
	var fixes []*lint.Fix
	for i := range r.findings {
		if x := &r.findings[i]; x.Name == f.name && x.Fix != nil && x.suppressed == "" {
			fixes = append(fixes, x.Fix)
		}
	}
	fixed, taken, err := lint.Apply(f.text, fixes)
	if err != nil {
		return f.text, 0 // each fits alone
	}
	return fixed, taken
}

// judge raises the exit status for findings of the level that --fail-on names.
func (r *lintRun) judge(c *console) {
	least, ok := lint.ParseSeverity(r.FailOn)
	for i := range r.findings {
		if f := &r.findings[i]; ok && f.suppressed == "" && f.Severity >= least {
			c.raise(exitUnmet)
		}
	}
}

func (r *lintRun) text(c *console) {
	count, suppressed, fixable := map[lint.Severity]int{}, 0, 0
	for i := range r.findings {
		f := &r.findings[i]
		if f.suppressed != "" {
			suppressed++
			continue
		}
		count[f.Severity]++
		if f.Fix != nil {
			fixable++
		}
		color := yellow
		if f.Severity == lint.Error {
			color = red
		}
		place := plain(f.Name) + ": "
		if f.Pos.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d: ", plain(f.Name), f.Pos.Line, f.Pos.Column)
		}
		if f.Path != "" {
			place += plain(f.Path) + ": "
		}
		c.printf("%s%s: %s [%s]\n", place, c.paint(color, f.Severity.String()), plain(f.Err.Error()), f.Code)
	}
	var parts []string
	for s := lint.Error; s >= lint.Suggestion; s-- {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", s, count[s]))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, c.paint(green, "no findings"))
	}
	if fixable > 0 {
		parts = append(parts, fmt.Sprintf("--fix mends %d", fixable))
	}
	if suppressed > 0 {
		parts = append(parts, fmt.Sprintf("suppressed: %d", suppressed))
	}
	c.printf("%s\n", strings.Join(parts, ", "))
}

// lintJSON is a finding as JSON has it.
type lintJSON struct {
	finding
	Code       string   `json:"code"`
	Why        string   `json:"why"`
	Analyzer   []string `json:"analyzer,omitempty"`
	Fix        string   `json:"fix,omitempty"`
	Suppressed string   `json:"suppressed,omitempty"`
}

func (r *lintRun) json(c *console) error {
	out := make([]lintJSON, 0, len(r.findings))
	for i := range r.findings {
		f := &r.findings[i]
		rule, _ := lint.Find(f.Code)
		x := lintJSON{
			finding: finding{f.Name, f.Severity.String(), f.Pos.Line, f.Pos.Column, f.Path, f.Err.Error()},
			Code:    f.Code, Why: rule.Why, Analyzer: rule.Analyzer, Suppressed: f.suppressed,
		}
		if f.Fix != nil {
			x.Fix = f.Fix.What
		}
		out = append(out, x)
	}
	return c.encode(map[string]any{"findings": out})
}

// levels are those of SARIF.
var levels = map[lint.Severity]sarif.Level{
	lint.Suggestion: sarif.Note, lint.Warning: sarif.Warning, lint.SecurityWarning: sarif.Error, lint.Error: sarif.Error,
}

func (r *lintRun) sarif(c *console) error {
	log := sarif.Log{Tool: "rowan lint"}
	for _, x := range lint.Rules() {
		log.Rules = append(log.Rules, sarif.Rule{ID: x.Code, Short: x.Summary, Full: x.Why, Level: levels[x.Severity]})
	}
	for i := range r.findings {
		f := &r.findings[i]
		log.Results = append(log.Results, sarif.Result{
			RuleID: f.Code, Level: levels[f.Severity], Message: f.Err.Error(), File: f.Name,
			Line: f.Pos.Line, Column: f.Pos.Column, Path: f.Path, Suppressed: f.suppressed,
		})
	}
	return sarif.Write(c.out, log)
}
