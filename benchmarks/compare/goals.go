package main

import (
	"fmt"
	"slices"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// Goal is one promise of the design, and what came of it.
type Goal struct {
	What    string `json:"what"`
	Want    string `json:"want"` // empty for a figure that nothing was promised of
	Reached string `json:"reached"`
	Met     bool   `json:"met"`
	Where   string `json:"where"` // the worst cell, or what the figure is of
}

func goalRows(goals []Goal) [][]string {
	rows := make([][]string, 0, 1+len(goals))
	rows = append(rows, []string{"", "goal", "reached", "met", "at"})
	for _, g := range goals {
		met := []string{"no", "yes"}[btoi(g.Met)]
		if g.Want == "" {
			met = ""
		}
		rows = append(rows, []string{g.What, g.Want, g.Reached, met, g.Where})
	}
	return rows
}

// worst is the largest of what measures gives of the cells that match, with the cell's name.
type worst struct {
	value float64
	where string
}

func (w *worst) add(value float64, k Key) {
	if value > w.value {
		w.value = value
		w.where = fmt.Sprintf("N=%s, %s, %s, %s", thousands(k.N), k.Effect, k.Context, k.Requests)
	}
}

func atMost(what string, limit float64, unit string, w worst) Goal {
	return Goal{
		What: what, Want: fmt.Sprintf("≤ %g%s", limit, unit), Where: w.where,
		Reached: figure(w.value) + unit, Met: w.where != "" && w.value <= limit,
	}
}

// without takes the promise from a figure.
func without(g Goal) Goal {
	g.Want, g.Met = "", false
	return g
}

// decideGoals reads the goals of deciding off the cells of the goals phases.
func decideGoals(results Results, sizes []int) []Goal {
	var mine Results
	for _, r := range results {
		if r.Phase == goalsPhase && r.Subject == subject.Rowan {
			mine = append(mine, r)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	var goals []Goal
	for _, e := range []struct {
		effect string
		limit  float64
	}{{allow, 1.5}, {deny, 2.5}} {
		var exact, wildcard worst
		for _, r := range mine {
			if r.Effect != e.effect || r.Goroutines != 1 || r.Context != subject.Prepared.String() {
				continue
			}
			switch r.Resources {
			case workload.Exact.String():
				exact.add(r.Ratio, r.Key)
			case workload.Wildcard.String():
				wildcard.add(r.Ratio, r.Key)
			}
		}
		goals = append(goals, atMost(e.effect+" by the floor", e.limit, " ×", exact),
			without(atMost(e.effect+" by the floor, wildcards", e.limit, " ×", wildcard)))
	}
	goals = append(goals, builtGoals(mine)...)
	goals = append(goals, flatGoals(results, sizes)...)
	return append(goals, scaleGoal(results))
}

func builtGoals(mine Results) []Goal {
	var built, wild, allocs worst
	for _, r := range mine {
		allocs.add(float64(int(r.Allocs+0.01)), r.Key)
		if r.Goroutines != 1 || r.Context != subject.Built.String() {
			continue
		}
		if r.Resources == workload.Exact.String() {
			built.add(r.NS, r.Key)
		} else {
			wild.add(r.NS, r.Key)
		}
	}
	if allocs.where == "" {
		allocs.where = "every form"
	}
	return []Goal{
		atMost("context built from strings", 250, " ns", built),
		without(atMost("context built from strings, wildcards", 250, " ns", wild)),
		atMost("allocations", 0, "", allocs),
	}
}

// flatGoals compares the largest N with the smallest, round by round, and gives the floor's own
// growth beside Rowan's: over different requests both reach for more memory.
func flatGoals(results Results, sizes []int) []Goal {
	first, last := slices.Min(sizes), slices.Max(sizes)
	span := fmt.Sprintf("N=%s by N=%s", thousands(last), thousands(first))
	forms := []struct {
		resources workload.Resources
		variety   workload.Variety
		limit     float64
	}{
		{workload.Exact, workload.One, 1.3},
		{workload.Exact, workload.Varied, 1.3},
		{workload.Wildcard, workload.One, 2},
		{workload.Wildcard, workload.Varied, 2},
		{workload.Shared, workload.One, 0},
	}
	goals := make([]Goal, 0, len(forms))
	for _, f := range forms {
		mine := growth(results, subject.Rowan, f.resources, f.variety, first, last)
		floor := growth(results, subject.Floor, f.resources, f.variety, first, last)
		mine.where = fmt.Sprintf("%s; the floor %.3g ×", mine.where, floor.value)
		g := atMost(fmt.Sprintf("%s, %v, %v", span, f.resources, f.variety), f.limit, " ×", mine)
		if f.limit == 0 {
			g = without(g)
		}
		goals = append(goals, g)
	}
	return goals
}

func growth(results Results, name string, resources workload.Resources, v workload.Variety, first, last int) worst {
	var w worst
	for _, e := range []string{allow, deny} {
		key := Key{
			Phase: goalsPhase, Subject: name, Resources: resources.String(), N: last, Effect: e,
			Context: subject.Prepared.String(), Requests: v.String(), Goroutines: 1,
		}
		large, ok := results.find(key)
		key.N = first
		small, ok2 := results.find(key)
		if ok && ok2 {
			w.add(median(quotients(large.Rounds, small.Rounds)), large.Key)
		}
	}
	return w
}

// scaleGoal compares what a second goroutine brings Rowan with what it brings the floor.
func scaleGoal(results Results) Goal {
	var mine, floor []float64
	for _, r := range results {
		if r.Phase != goalsPhase || r.Goroutines != 2 {
			continue
		}
		key := r.Key
		key.Goroutines = 1
		single, ok := results.find(key)
		if !ok {
			continue
		}
		gain := median(quotients(single.Rounds, r.Rounds))
		switch r.Subject {
		case subject.Rowan:
			mine = append(mine, gain)
		case subject.Floor:
			floor = append(floor, gain)
		}
	}
	ratio := median(quotients(mine, floor))
	return Goal{
		What: "scaling of two goroutines by the floor's", Want: "≥ 0.95 ×", Reached: fmt.Sprintf("%.3g ×", ratio), Met: ratio >= 0.95,
		Where: fmt.Sprintf("median of %d forms; %.3g × throughput, the floor %.3g ×", len(mine), median(mine), median(floor)),
	}
}
