package main

import (
	"fmt"
	"slices"
	"strings"
)

// printRole prints what a session may do.
func (c *console) printRole(r *roleRecord) {
	c.printf("%s: %s\n", c.paint(bold, r.Role), plain(r.How))
	if r.Open != "" {
		c.printf("  %s\n", plain(r.Open))
	}
	for i := range r.Tables {
		c.printTable(&r.Tables[i], r.known)
	}
	switch {
	case len(r.Grants) > 0:
		c.printf("  elsewhere\n")
		for i := range r.Grants {
			c.printGrant(&r.Grants[i], r.known)
		}
	case r.Elsewhere == "nothing":
		c.printf("  elsewhere: may do nothing\n")
	case r.Elsewhere == "some":
		c.printf("  elsewhere: may do something that no policy of its own allows\n")
	}
	if r.ElsewhereReason != "" {
		c.printf("  elsewhere: %s: %s\n", c.paint(yellow, "unknown"), plain(r.ElsewhereReason))
	}
}

// printTable prints the actions that have one answer together.
func (c *console) printTable(t *tableRecord, known map[string][]string) {
	c.printf("  %s\n", c.paint(bold, t.Table))
	var order []string
	together := map[string][]*abilityRecord{}
	for i := range t.Actions {
		key := t.Actions[i].sentence() + "\n" + strings.Join(t.Actions[i].Depends, "\n")
		if together[key] == nil {
			order = append(order, key)
		}
		together[key] = append(together[key], &t.Actions[i])
	}
	// What it may not do comes last.
	slices.SortStableFunc(order, func(a, b string) int { return rank(together[a][0]) - rank(together[b][0]) })
	for _, key := range order {
		all := together[key]
		names := make([]string, len(all))
		for i, a := range all {
			names[i] = a.name()
		}
		color := map[string]string{"can": green, "unknown": yellow}[all[0].Verdict]
		word := map[string]string{"can": "may", "cannot": "may not"}[all[0].Verdict]
		if word == "" {
			word = "unknown"
		}
		c.printf("    %s %s%s\n", c.paint(color, word), plain(strings.Join(names, ", ")), plain(all[0].sentence()))
		for _, d := range all[0].Depends {
			c.printf("      %s\n", plain(d))
		}
		if w := all[0].Request; w != nil && (all[0].Rows != "listed" || !all[0].Always) {
			c.printf("      for instance %s\n", plain(w.words(known)))
		}
	}
	for _, w := range t.Other {
		c.printf("    %s do more with it, such as %s\n", c.paint(green, "may"), plain(w.words(known)))
	}
	switch {
	case t.OtherReason != "":
		c.printf("    other actions: %s: %s\n", c.paint(yellow, "unknown"), plain(t.OtherReason))
	case t.OtherComplete && len(t.Other) == 0:
		c.printf("    may not do anything else with it\n")
	case !t.OtherComplete:
		c.printf("    and perhaps other actions\n")
	}
}

func rank(a *abilityRecord) int {
	return map[string]int{"can": 0, "unknown": 1, "cannot": 2}[a.Verdict]
}

// name is the action, and the index that it is on.
func (a *abilityRecord) name() string {
	out := strings.TrimPrefix(a.Action, "dynamodb:")
	if _, index, ok := strings.Cut(a.Resource, "/index/"); ok {
		out += " on index " + index
	}
	return out
}

// sentence says on which rows, and whether always.
func (a *abilityRecord) sentence() string {
	if a.Verdict == "unknown" {
		return ": " + a.Reason
	}
	if a.Verdict == "cannot" {
		return ""
	}
	var out string
	switch a.Rows {
	case "all":
		out = ": every row"
	case "listed":
		out = ": rows of " + quoted(a.Keys) + " alone"
	case "others":
		out = ": rows of others too"
		if len(a.Keys) > 0 {
			out += ", such as " + quoted(a.Keys[:min(len(a.Keys), maxExamples)])
		}
	default:
		out = ": only without a partition key"
	}
	if a.RowsReason != "" {
		out += ", unknown which: " + a.RowsReason
	}
	if a.Keyless && a.Rows != "all" && a.Rows != "none" {
		out += ", and without a partition key"
	}
	switch {
	case !a.Always && len(a.Depends) > 0:
		out += ", depending on"
	case !a.Always && a.Rows != "others":
		out += ", by some requests"
	}
	return out
}

// printGrant prints what a statement allows elsewhere.
func (c *console) printGrant(g *grantRecord, known map[string][]string) {
	place := fmt.Sprintf("%s (%s:%d)", g.Statement, g.File, g.Line)
	if g.Reason != "" {
		c.printf("    %s: %s: %s\n", c.paint(yellow, "unknown"), plain(place), plain(g.Reason))
		return
	}
	not := map[bool]string{true: "all but "}
	c.printf("    %s %s%s on %s%s, by %s\n", c.paint(green, "may"), not[g.NotAction], plain(strings.Join(g.Actions, ", ")),
		not[g.NotResource], plain(strings.Join(g.Resources, ", ")), plain(place))
	for _, d := range g.Depends {
		c.printf("      %s\n", plain(d))
	}
	c.printf("      for instance %s\n", plain(g.Request.words(known)))
}
