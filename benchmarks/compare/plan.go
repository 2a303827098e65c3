package main

import (
	"fmt"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// form is one way of asking.
type form struct {
	context    subject.Context
	variety    workload.Variety
	goroutines int
}

// phase is what is measured in the same rounds: all its subjects, at all its sizes.
type phase struct {
	name      string
	resources []workload.Resources
	sizes     []int
	subjects  []subject.Entry
	forms     []form
}

// everyForm is the cross product: context prepared and built, one request and many, one goroutine
// and two.
func everyForm() []form {
	forms := make([]form, 0, 8)
	for _, context := range []subject.Context{subject.Prepared, subject.Built} {
		for _, variety := range []workload.Variety{workload.One, workload.Varied} {
			for _, goroutines := range []int{1, 2} {
				forms = append(forms, form{context, variety, goroutines})
			}
		}
	}
	return forms
}

// peerForms are those that the peers are timed in.
func peerForms() []form {
	return []form{
		{subject.Prepared, workload.One, 1},
		{subject.Prepared, workload.Varied, 1},
		{subject.Prepared, workload.Varied, 2},
		{subject.Built, workload.Varied, 1},
	}
}

const (
	goalsPhase = "goals"
	peersPhase = "peers"
)

// plan is all phases, in order. The floor and Rowan first go through every form with every size
// in the same rounds, which is what the goals speak of; then, size by size since the peers are
// heavy, everything is timed side by side.
func plan(sizes []int) []phase {
	var ours []subject.Entry
	for _, e := range subject.Entries() {
		if !e.Peer {
			ours = append(ours, e)
		}
	}
	phases := make([]phase, 0, 2+2*len(sizes))
	phases = append(
		phases,
		phase{name: goalsPhase, resources: []workload.Resources{workload.Exact, workload.Wildcard}, sizes: sizes, subjects: ours, forms: everyForm()},
		phase{name: goalsPhase, resources: []workload.Resources{workload.Shared}, sizes: sizes, subjects: ours, forms: peerForms()[:2]},
	)
	for _, resources := range []workload.Resources{workload.Exact, workload.Wildcard} {
		for _, n := range sizes {
			phases = append(phases, phase{
				name: peersPhase, resources: []workload.Resources{resources}, sizes: []int{n},
				subjects: subject.Entries(), forms: peerForms(),
			})
		}
	}
	return phases
}

func (p phase) String() string {
	return fmt.Sprintf("%s, %v resources, N=%v", p.name, p.resources, p.sizes)
}
