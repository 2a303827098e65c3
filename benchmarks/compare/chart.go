package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// The chart's plane in pixels: the labels of the lines stand to its right.
const (
	chartWidth, chartHeight        = 800, 460
	planeLeft, planeRight          = 70.0, 640.0
	planeTop, planeBottom          = 60.0, 400.0
	labelGap                       = 15.0
	chartForeground, chartGridline = "#7d8590", "#7d859040"
)

// strokes are the colours of the engines, of middling lightness so that they show on white and on
// black, and the dashes of their forms.
var strokes = map[string]struct{ colour, dash string }{
	subject.Floor:   {"#8b949e", "2 3"},
	subject.Rowan:   {"#e5484d", ""},
	"cedar":         {"#3b8fd4", ""},
	"cedar-index":   {"#3b8fd4", "8 4"},
	"cedar-batch":   {"#3b8fd4", "2 4"},
	"opa":           {"#9a70d8", ""},
	"opa-data":      {"#9a70d8", "2 4"},
	"opa-indexed":   {"#9a70d8", "8 4"},
	"casbin":        {"#2f9e6e", ""},
	"casbin-cached": {"#2f9e6e", "8 4"},
	"cel":           {"#c2851f", ""},
}

// line is one subject's way over the plane.
type line struct {
	name   string
	points [][2]float64
	label  float64 // where its name stands, kept apart from the others
}

// chart draws what an allow costs at each number of policies: both axes logarithmic, context
// prepared, different requests. It has no ground of its own.
func chart(results Results, sizes []int) string {
	lines, low, high := chartLines(results, sizes)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="t" font-family="system-ui, sans-serif" font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<title id="t">Time of one decision by number of policies</title>`+"\n")
	writeText(&b, planeLeft, 24, "start", chartForeground, `font-size="15" font-weight="600"`, "Time of one decision, by number of policies")
	writeText(&b, planeLeft, 42, "start", chartForeground, "", "row-level check, allowed; "+thousands(workload.Many)+" different requests, context prepared; lower is better")
	writeAxes(&b, sizes, low, high)
	for _, l := range lines {
		writeLine(&b, l)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// chartLines also says between which powers of ten the times lie.
func chartLines(results Results, sizes []int) (lines []line, low, high int) {
	var times []float64
	found := make(map[string][]Result)
	for _, r := range results {
		if r.Phase == peersPhase && r.Resources == workload.Exact.String() && r.Effect == allow && r.Context == subject.Prepared.String() &&
			r.Requests == workload.Varied.String() && r.Goroutines == 1 && r.NS > 0 {
			found[r.Subject] = append(found[r.Subject], r)
			times = append(times, r.NS)
		}
	}
	if len(times) == 0 {
		return nil, 0, 1
	}
	low = int(math.Floor(math.Log10(slices.Min(times))))
	high = max(low+1, int(math.Ceil(math.Log10(slices.Max(times)))))
	for _, e := range subject.Entries() {
		if len(found[e.Name]) == 0 {
			continue
		}
		l := line{name: e.Name}
		for _, r := range found[e.Name] {
			l.points = append(l.points, [2]float64{chartX(slices.Index(sizes, r.N), len(sizes)), chartY(r.NS, low, high)})
		}
		l.label = l.points[len(l.points)-1][1]
		lines = append(lines, l)
	}
	spreadLabels(lines)
	return lines, low, high
}

// spreadLabels moves the names apart, from the bottom up.
func spreadLabels(lines []line) {
	order := make([]*line, len(lines))
	for i := range lines {
		order[i] = &lines[i]
	}
	order = slices.DeleteFunc(order, func(l *line) bool { return l.points[len(l.points)-1][0] < planeRight-40 })
	slices.SortFunc(order, func(a, b *line) int { return cmp.Compare(b.label, a.label) })
	for i := 1; i < len(order); i++ {
		order[i].label = min(order[i].label, order[i-1].label-labelGap)
	}
}

func chartX(i, count int) float64 {
	return planeLeft + 20 + (planeRight-planeLeft-40)*float64(i)/float64(max(1, count-1))
}

func chartY(ns float64, low, high int) float64 {
	return planeBottom - (planeBottom-planeTop)*(math.Log10(ns)-float64(low))/float64(high-low)
}

func writeAxes(b *strings.Builder, sizes []int, low, high int) {
	for power := low; power <= high; power++ {
		y := chartY(math.Pow10(power), low, high)
		fmt.Fprintf(b, `<path d="M%.0f %.1fH%.0f" stroke="%s"/>`+"\n", planeLeft, y, planeRight, chartGridline)
		writeText(b, planeLeft-8, y+4, "end", chartForeground, "", axisTime(power))
	}
	for i, n := range sizes {
		x := chartX(i, len(sizes))
		fmt.Fprintf(b, `<path d="M%.1f %.0fV%.0f" stroke="%s"/>`+"\n", x, planeTop, planeBottom, chartGridline)
		writeText(b, x, planeBottom+18, "middle", chartForeground, "", thousands(n))
	}
	writeText(b, (planeLeft+planeRight)/2, planeBottom+40, "middle", chartForeground, "", "policies")
}

// axisTime is the name of a power of ten of nanoseconds.
func axisTime(power int) string {
	units := []string{"ns", "µs", "ms", "s"}
	unit := min(max(power/3, 0), len(units)-1)
	return thousands(int(math.Pow10(power-3*unit))) + " " + units[unit]
}

func writeLine(b *strings.Builder, l line) {
	stroke := strokes[l.name]
	width := 2.0
	if l.name == subject.Rowan {
		width = 3.5
	}
	var path strings.Builder
	for i, p := range l.points {
		fmt.Fprintf(&path, "%s%.1f %.1f", []string{"L", "M"}[btoi(i == 0)], p[0], p[1])
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", p[0], p[1], width+0.5, stroke.colour)
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="%.1f" stroke-dasharray="%s"/>`+"\n", path.String(), stroke.colour, width, stroke.dash)
	if end := l.points[len(l.points)-1]; end[0] < planeRight-40 { // it has one size: named before it
		writeText(b, end[0]-6, end[1]+4, "end", stroke.colour, "", l.name)
		return
	}
	writeText(b, planeRight+16, l.label+4, "start", stroke.colour, []string{"", `font-weight="700"`}[btoi(l.name == subject.Rowan)], l.name)
}

func writeText(b *strings.Builder, x, y float64, anchor, colour, more, text string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" %s>%s</text>`+"\n", x, y, anchor, colour, more, text)
}
