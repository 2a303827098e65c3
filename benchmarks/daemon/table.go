package main

import (
	"fmt"
	"io"
	"strings"
)

// goals are the least ratios to the floor; of rows what counts is the rate.
const (
	leastRatio = 0.9
	leastRows  = 2_000_000
	mostTail   = 2
)

// printTable prints medians, and how they stand to the goals.
func printTable(w io.Writer, rows []*row) error {
	var b strings.Builder
	b.WriteString("| Question | Server | a second | to the floor | CPU of the server for each | 99 % at half load | goal |\n|---|---|--:|--:|--:|--:|---|\n")
	for _, r := range rows {
		floor := median(r.rates["echo"])
		for _, name := range []string{"echo", "rowan", "opa"} {
			if len(r.rates[name]) == 0 {
				continue
			}
			rate, tail := median(r.rates[name]), "-"
			if t := median(r.tails[name]); t > 0 {
				tail = fmt.Sprintf("%.0f µs", t)
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f %s | %.2f × | %.2f µs | %s | %s |\n",
				r.kind, name, rate, r.unit, rate/floor, median(r.cpus[name]), tail, r.verdict(name))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict says whether Rowan meets the goals of a row.
func (r *row) verdict(name string) string {
	switch name {
	case "echo":
		return "the floor"
	case "rowan":
	default:
		return "over HTTP, told who asks"
	}
	rate, floor := median(r.rates[name]), median(r.rates["echo"])
	if r.unit == "rows" {
		return met(rate >= leastRows, fmt.Sprintf("≥ %d a second", leastRows))
	}
	out := met(rate >= leastRatio*floor, fmt.Sprintf("≥ %.1f ×", leastRatio))
	if t := median(r.tails[name]); t > 0 {
		out += "; " + met(t <= mostTail*median(r.tails["echo"]), fmt.Sprintf("99 %% ≤ %d ×", mostTail))
	}
	return out
}

func met(ok bool, goal string) string {
	if ok {
		return goal + ": met"
	}
	return goal + ": missed"
}
