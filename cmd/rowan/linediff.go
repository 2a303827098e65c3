package main

import (
	"fmt"
	"strings"
)

// diffContext is how many lines a diff shows around what changed.
const diffContext = 3

// lineDiff writes two texts as a unified diff of one hunk, which reaches from
// the first line that differs to the last; empty if none does.
func lineDiff(name string, before, after []byte) string {
	old, now := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	head := 0
	for head < min(len(old), len(now)) && old[head] == now[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(now))-head && old[len(old)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	if head == len(old) && head == len(now) {
		return ""
	}
	from, rest := max(0, head-diffContext), min(tail, diffContext)
	var b strings.Builder
	line := func(mark, text string) {
		if text != "" {
			b.WriteString(mark + printable(strings.TrimSuffix(text, "\n")) + "\n")
		}
	}
	fmt.Fprintf(&b, "--- %s\n+++ %s\n@@ -%d,%d +%d,%d @@\n", plain(name), plain(name),
		from+1, lines(old[from:len(old)-tail+rest]), from+1, lines(now[from:len(now)-tail+rest]))
	for _, text := range old[from:head] {
		line(" ", text)
	}
	for _, text := range old[head : len(old)-tail] {
		line("-", text)
	}
	for _, text := range now[head : len(now)-tail] {
		line("+", text)
	}
	for _, text := range old[len(old)-tail : len(old)-tail+rest] {
		line(" ", text)
	}
	return b.String()
}

// printable is plain with its tabs left alone.
func printable(text string) string {
	parts := strings.Split(text, "\t")
	for i, p := range parts {
		parts[i] = plain(p)
	}
	return strings.Join(parts, "\t")
}

// lines counts lines; what follows the last line end is none if it is empty.
func lines(texts []string) int {
	if n := len(texts); n > 0 && texts[n-1] == "" {
		return n - 1
	}
	return len(texts)
}
