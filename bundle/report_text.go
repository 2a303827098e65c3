package bundle

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteText writes results for people: a tree of suites and tests, below each
// failed cell what it wanted, where that stands and why it got something else,
// and a last line with the count. color is for terminals.
func (r *Result) WriteText(w io.Writer, color bool) error {
	t := &textReport{paint: paint(color)}
	for i := range r.Suites {
		t.suite(&r.Suites[i])
	}
	if r.Coverage != nil {
		t.coverage(r.Coverage)
	}
	t.total(r)
	_, err := io.WriteString(w, t.String())
	return err
}

type textReport struct {
	strings.Builder
	paint
}

func (t *textReport) suite(s *SuiteResult) {
	fmt.Fprintf(&t.Builder, "%s %s\n", t.bold(harmless(s.Name)), t.faint(harmless(s.File)))
	for i := range s.Tests {
		x := &s.Tests[i]
		elbow, below := "├─ ", "│  "
		if i == len(s.Tests)-1 {
			elbow, below = "└─ ", "   "
		}
		count := fmt.Sprintf("%d", x.Passed)
		if x.Failed > 0 {
			count = fmt.Sprintf("%d of %d failed", x.Failed, x.Passed+x.Failed)
		}
		fmt.Fprintf(&t.Builder, "%s%s %s %s\n", elbow, t.mark(x.Failed == 0), harmless(x.Name), t.faint("("+count+")"))
		for j := range x.Cells {
			if c := &x.Cells[j]; !c.Pass {
				t.indented(below, c.failure(bool(t.paint)))
				if i < len(s.Tests)-1 || j < len(x.Cells)-1 {
					t.WriteString(strings.TrimRight(below, " ") + "\n")
				}
			}
		}
	}
	t.WriteByte('\n')
}

func (t *textReport) indented(indent, text string) {
	for line := range strings.Lines(text) {
		t.WriteString(indent + line)
	}
}

func (t *textReport) total(r *Result) {
	all := r.Passed + r.Failed
	cells := "cells"
	if all == 1 {
		cells = "cell"
	}
	switch {
	case all == 0:
		fmt.Fprintf(&t.Builder, "%s\n", t.bad("no cell ran"))
	case r.Failed == 0:
		fmt.Fprintf(&t.Builder, "%s\n", t.good(fmt.Sprintf("%d %s passed", all, cells)))
	default:
		fmt.Fprintf(&t.Builder, "%s\n", t.bad(fmt.Sprintf("%d of %d %s failed", r.Failed, all, cells)))
	}
}

// Failure returns what a failed cell says: where it stands with its source
// line, what it wanted and what it got, and the explanation. It is empty for a
// cell that passed. color is for terminals.
func (r *CellResult) Failure(color bool) string {
	if r.Pass {
		return ""
	}
	return r.failure(color)
}

func (r *CellResult) failure(color bool) string {
	var b strings.Builder
	p := paint(color)
	fmt.Fprintf(&b, "%s %s\n", p.mark(false), p.bold(harmless(r.Name)))
	fmt.Fprintf(&b, "  %s\n", p.faint(fmt.Sprintf("%s:%d", harmless(r.File), r.Line)))
	if line := r.sourceLine(); line != "" {
		fmt.Fprintf(&b, "  %s\n", p.faint(fmt.Sprintf("%d │ %s", r.Line, line)))
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "  %s\n", harmless(problem))
	}
	if r.Explanation == nil {
		return b.String()
	}
	e := &explainer{paint: p, request: r.Request, explanation: r.Explanation, source: r.bundle.Source, name: r.bundle.StatementName}
	e.answer("  ")
	return b.String() + e.String()
}

// sourceLine returns the line of the suite that the cell stands on.
func (r *CellResult) sourceLine() string {
	lines := bytes.Split(r.bundle.Source(r.File), []byte("\n"))
	if r.Line < 1 || r.Line > len(lines) {
		return ""
	}
	return window(string(lines[r.Line-1]), 0)
}

// coverage lists what no cell met.
func (t *textReport) coverage(c *Coverage) {
	covered, total := c.Count()
	fmt.Fprintf(&t.Builder, "%s %.1f %%, %d of %d\n", t.bold("coverage"), c.Percent(), covered, total)
	rows := [][3]string{}
	for i := range c.Statements {
		s := &c.Statements[i]
		at := fmt.Sprintf("%s:%d", s.File, s.Line)
		if s.Reached() == "never" {
			rows = append(rows, [3]string{"never applied", s.Name, at})
		}
		for _, v := range s.Values {
			if v.True+v.False == 0 {
				continue // no cell came so far
			}
			text := fmt.Sprintf("%s, %s %s %s", s.Name, v.Operator, v.Key, shown(v.Value))
			at := fmt.Sprintf("%s:%d", s.File, v.Line)
			if v.True == 0 {
				rows = append(rows, [3]string{"never hit", text, at})
			}
			if v.False == 0 {
				rows = append(rows, [3]string{"never missed", text, at})
			}
		}
	}
	for _, row := range rows {
		fmt.Fprintf(&t.Builder, "  %-13s  %s  %s\n", row[0], harmless(row[1]), t.faint(harmless(row[2])))
	}
	t.WriteByte('\n')
}

// WriteMatrix writes a test as a grid, a line for each identity and row, a
// column for each action: ✓ allowed, ✗ explicitly denied, a dot for what
// nothing allows. color is for terminals.
func (r *TestResult) WriteMatrix(w io.Writer, color bool) error {
	var lines, columns []string
	cells := map[[2]string]*CellResult{}
	width := 0
	for i := range r.Cells {
		c := &r.Cells[i]
		line := strings.TrimSuffix(c.Name, " "+c.Action)
		if cells[[2]string{line, ""}] == nil {
			cells[[2]string{line, ""}] = c
			lines = append(lines, line)
			width = max(width, len([]rune(line)))
		}
		if cells[[2]string{"", c.Action}] == nil {
			cells[[2]string{"", c.Action}] = c
			columns = append(columns, c.Action)
		}
		cells[[2]string{line, c.Action}] = c
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", width, "")
	for _, a := range columns {
		b.WriteString("  " + harmless(shortAction(a)))
	}
	b.WriteByte('\n')
	p := paint(color)
	for _, line := range lines {
		fmt.Fprintf(&b, "%-*s", width, harmless(line))
		for _, a := range columns {
			pad := len([]rune(shortAction(a)))
			b.WriteString("  " + p.outcome(cells[[2]string{line, a}]) + strings.Repeat(" ", pad-1))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, trimLines(b.String()))
	return err
}

func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func shortAction(a string) string {
	_, name, ok := strings.Cut(a, ":")
	if !ok || name == "" {
		return "?"
	}
	return name
}
