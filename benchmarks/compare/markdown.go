package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// markdown is the whole report for people.
func (r *Report) markdown() string {
	var b strings.Builder
	b.WriteString("# Deciding, side by side\n\n")
	fmt.Fprintf(&b, "%s, %s/%s, %s, %d cores; medians of %d rounds of %s, interleaved.\n", r.Machine.Go, r.Machine.OS, r.Machine.Arch, r.Machine.CPU, r.Machine.Cores, r.Rounds, r.Target)
	for i, m := range r.Modules {
		fmt.Fprintf(&b, "%s%s %s", []string{", ", ""}[btoi(i == 0)], m.Path, m.Version)
	}
	b.WriteString(".\n\nEach cell is the time of one decision and, as a multiple, that time by the hand-written function's\nin the same round. N is the number of policies. README.md says what the subjects are and what differs.\n")
	if len(r.Goals) > 0 {
		b.WriteString("\n## Goals\n\n")
		writeTable(&b, "lrrll", goalRows(r.Goals))
	}
	if slices.ContainsFunc(r.Results, func(r Result) bool { return r.Phase == peersPhase }) {
		b.WriteString("\n## Beside the peers\n")
	}
	for _, resources := range []workload.Resources{workload.Exact, workload.Wildcard} {
		for _, f := range peerForms() {
			for _, allowed := range []bool{true, false} {
				r.writeCells(&b, peersPhase, resources, f, allowed)
			}
		}
	}
	b.WriteString("\n## Every form\n")
	for _, p := range plan(r.Sizes) {
		if p.name != goalsPhase {
			continue
		}
		for _, resources := range p.resources {
			for _, f := range p.forms {
				for _, allowed := range []bool{true, false} {
					r.writeCells(&b, goalsPhase, resources, f, allowed)
				}
			}
		}
	}
	return b.String()
}

// writeCells writes the table of one form, or nothing if nothing was measured.
func (r *Report) writeCells(b *strings.Builder, phase string, resources workload.Resources, f form, allowed bool) {
	rows := [][]string{{"", "allocs"}}
	for _, n := range r.Sizes {
		rows[0] = append(rows[0], "N="+thousands(n))
	}
	for _, e := range subject.Entries() {
		row := make([]string, 2, 2+len(r.Sizes))
		row[0] = e.Name
		for _, n := range r.Sizes {
			result, ok := r.Results.find(Key{
				Phase: phase, Subject: e.Name, Resources: resources.String(), N: n, Effect: effect(allowed),
				Context: f.context.String(), Requests: f.variety.String(), Goroutines: f.goroutines,
			})
			if ok && result.Over == 0 {
				row[1] = fmt.Sprintf("%.0f", result.Allocs) // the largest N's stands
			}
			row = append(row, cellText(result, ok))
		}
		if slices.ContainsFunc(row[2:], func(s string) bool { return s != "" }) {
			rows = append(rows, row)
		}
	}
	if len(rows) == 1 {
		return
	}
	fmt.Fprintf(b, "\n### %s, %s\n\n", title(effect(allowed)), formText(resources, f))
	writeTable(b, "l"+strings.Repeat("r", len(rows[0])-1), rows)
}

func formText(resources workload.Resources, f form) string {
	texts := []string{resources.String() + " resources", "context " + f.context.String()}
	if f.variety == workload.One {
		texts = append(texts, "one request")
	} else {
		texts = append(texts, thousands(workload.Many)+" different requests")
	}
	if f.goroutines > 1 {
		texts = append(texts, fmt.Sprintf("%d goroutines", f.goroutines))
	}
	return strings.Join(texts, ", ")
}

func cellText(r Result, ok bool) string {
	switch {
	case !ok:
		return ""
	case r.Over > 0:
		return "> " + duration(r.Over)
	case r.Subject == subject.Floor:
		return duration(r.NS)
	case r.Ratio < 10:
		return fmt.Sprintf("%s (%.2f ×)", duration(r.NS), r.Ratio)
	}
	return fmt.Sprintf("%s (%s ×)", duration(r.NS), thousands(int(r.Ratio+0.5)))
}

// duration writes nanoseconds with three figures.
func duration(ns float64) string {
	for _, unit := range []string{"ns", "µs", "ms"} {
		if ns < 999.5 {
			switch {
			case ns < 9.995:
				return fmt.Sprintf("%.2f %s", ns, unit)
			case ns < 99.95:
				return fmt.Sprintf("%.1f %s", ns, unit)
			}
			return fmt.Sprintf("%.0f %s", ns, unit)
		}
		ns /= 1000
	}
	return fmt.Sprintf("%.2f s", ns)
}

// figure writes a number with three figures, and never an exponent.
func figure(v float64) string {
	if v >= 999.5 {
		return thousands(int(v + 0.5))
	}
	return fmt.Sprintf("%.3g", v)
}

// thousands groups the digits of n, which is not negative.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// writeTable pads its cells, so that the text reads as it stands; the first row is the head, and
// align has an l or an r for each column.
func writeTable(b *strings.Builder, align string, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for i, row := range rows {
		for j, cell := range row {
			padding := strings.Repeat(" ", widths[j]-len([]rune(cell)))
			if align[j] == 'r' {
				cell, padding = padding+cell, ""
			}
			b.WriteString("| " + cell + padding + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			for j, width := range widths {
				b.WriteString("|" + strings.Repeat("-", width+1) + []string{"-", ":"}[btoi(align[j] == 'r')])
			}
			b.WriteString("|\n")
		}
	}
}
