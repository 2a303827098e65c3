package rowproof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/engine"
)

// Report says what was proved.
type Report struct {
	// Cases are the questions, Pairs those of a question and a row on which Keep
	// and Decide agreed, and Kept the pairs of which both said yes.
	Cases int `json:"cases"`
	Pairs int `json:"pairs"`
	Kept  int `json:"kept"`
	// Nothing, Partly and Everything count the cases by what their filters keep.
	Nothing    int           `json:"nothing"`
	Partly     int           `json:"partly"`
	Everything int           `json:"everything"`
	Stores     []StoreReport `json:"stores"`
	// Refusals are the cases that could not be asked, by reasons in the order in
	// which these came up.
	Refusals []Refusal `json:"refusals"`
}

// StoreReport says what was proved on one store.
type StoreReport struct {
	Name string `json:"name"`
	// Cases and Pairs were asked exactly, and the store agreed; Kept are the
	// pairs that it kept.
	Cases int `json:"cases"`
	Pairs int `json:"pairs"`
	Kept  int `json:"kept"`
	// Refused are the cases that the store cannot be asked exactly, Unheld the
	// rows that it cannot hold or was not asked about.
	Refused int `json:"refused"`
	Unheld  int `json:"unheld"`
}

// Refusal is cases that could not be asked, all for one reason.
type Refusal struct {
	// Store is empty if there is no filter.
	Store string `json:"store,omitempty"`
	// Asker, Action and Table are those of the first.
	Asker  string `json:"asker"`
	Action string `json:"action"`
	Table  string `json:"table"`
	Reason string `json:"reason"`
	// Cases counts them.
	Cases int `json:"cases"`
}

func (r Refusal) String() string {
	store := r.Store
	if store == "" {
		store = "no filter"
	}
	return fmt.Sprintf("%s for %d cases, first %s %s %s: %s", store, r.Cases, r.Asker, r.Action, r.Table, r.Reason)
}

// maxReasons is how many reasons a report lists.
const maxReasons = 500

func (r *Report) refuse(store string, c *Case, why error) {
	reason := why.Error()
	if i := slices.IndexFunc(r.Refusals, func(o Refusal) bool { return o.Store == store && o.Reason == reason }); i >= 0 {
		r.Refusals[i].Cases++
		return
	}
	if len(r.Refusals) == maxReasons {
		r.Refusals = append(r.Refusals, Refusal{Store: store, Asker: c.Asker, Action: c.Action, Table: c.Table, Reason: "and for further reasons"})
	}
	if len(r.Refusals) > maxReasons {
		r.Refusals[maxReasons].Cases++
		return
	}
	r.Refusals = append(r.Refusals, Refusal{Store: store, Asker: c.Asker, Action: c.Action, Table: c.Table, Reason: reason, Cases: 1})
}

func (r *Report) scope(s engine.Scope) {
	switch s {
	case engine.Nothing:
		r.Nothing++
	case engine.Partly:
		r.Partly++
	case engine.Everything:
		r.Everything++
	}
}

// KeyValue is a context key with its value for people.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// DisagreementError is a counter-example: a row of which the judges do not say the
// same.
type DisagreementError struct {
	Asker  string `json:"asker"`
	Action string `json:"action"`
	Table  string `json:"table"`
	// Store is empty if no store was asked.
	Store string `json:"store,omitempty"`
	// StoreKeeps, Keep and Decide are the three answers. Unsure means that the
	// store's predicate is neither true nor false for the row, or both.
	StoreKeeps bool `json:"storeKeeps"`
	Unsure     bool `json:"unsure,omitempty"`
	Keep       bool `json:"keep"`
	Decide     bool `json:"decide"`
	// Filter, Row and Context are what was asked; Statement is what the store
	// was.
	Filter    string     `json:"filter"`
	Statement string     `json:"statement,omitempty"`
	Row       []KeyValue `json:"row"`
	Context   []KeyValue `json:"context"`
	Seed      uint64     `json:"seed"`

	filter string
}

func (d *DisagreementError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s: ", d.Asker, d.Action, d.Table)
	switch {
	case d.Unsure:
		fmt.Fprintf(&b, "the predicate of %s is neither true nor false for a row", d.Store)
	case d.Store != "":
		fmt.Fprintf(&b, "%s %s a row, Keep %s it, Decide %s it", d.Store, keeps(d.StoreKeeps), keeps(d.Keep), allows(d.Decide))
	default:
		fmt.Fprintf(&b, "Keep %s a row, Decide %s it", keeps(d.Keep), allows(d.Decide))
	}
	for _, v := range d.Row {
		fmt.Fprintf(&b, "\n  row      %s = %s", v.Key, v.Value)
	}
	fmt.Fprintf(&b, "\n  filter   %s", d.Filter)
	if d.Statement != "" {
		fmt.Fprintf(&b, "\n  asked    %s", d.Statement)
	}
	for _, v := range d.Context {
		fmt.Fprintf(&b, "\n  context  %s = %s", v.Key, v.Value)
	}
	fmt.Fprintf(&b, "\n  seed     %d", d.Seed)
	return b.String()
}

func keeps(b bool) string {
	if b {
		return "keeps"
	}
	return "drops"
}

func allows(b bool) string {
	if b {
		return "allows"
	}
	return "denies"
}
