package bundle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// listing is what a list test asks: an action on a table or index, and the rows
// that the suite has of it.
type listing struct {
	table *Table
	rows  []*row
	key   Attribute // the partition key of the table or index
}

// listing makes a cell of every identity for {table, action, index} whose
// expect is {rows: [ROW], filter: TEXT, sql: {DIALECT: TEXT, args: [VALUE]}}.
func (t *testReader) listing() {
	var q requestReader
	n := t.list
	n.object("table, action or index", func(member string, x node) bool {
		switch member {
		case "table":
			q.table = x.name()
		case "action":
			q.action = x.name()
		case "index":
			q.index = x.name()
		default:
			return false
		}
		return true
	})
	n.need("table", "action")
	if a, ok := findRowAction(q.action); q.action != "" && (!ok || !a.reads) {
		n.fault("%q lists no rows: want an action that reads", short(q.action))
	}
	if q.table == "" {
		return
	}
	t.request = n
	cell := Cell{Action: q.action, File: t.suite.File, bundle: t.bundle, context: t.context, list: &listing{}}
	t.tableRequest(&q, &cell)
	all := t.rows[q.table]
	if all == nil {
		n.fault("no rows of a table %q in this suite", short(q.table))
		return
	}
	cell.list.table, cell.list.rows, cell.list.key = all.table, all.rows, all.table.PartitionKey
	if x, ok := all.table.Index(q.index); ok {
		cell.list.key = x.PartitionKey
	}
	if a, _ := findRowAction(q.action); a.keys {
		// The call names the attribute that it compares.
		cell.settings = append(cell.settings, setting{key: "dynamodb:Attributes", values: []string{cell.list.key.Name}})
	}
	t.owned(&q, &cell)
	cell.Want, cell.Line = t.listWant(all, q.index)
	for _, id := range t.identities {
		if t.full() {
			break
		}
		cell.Identity, cell.identity = id.name, id
		cell.Name = strings.Join(slices.DeleteFunc([]string{id.name, q.table, q.index}, func(s string) bool { return s == "" }), "/") + " lists " + q.action
		t.test.Cells = append(t.test.Cells, cell)
	}
	if len(t.test.Cells) == 0 {
		t.place.fault("a test without a cell: it would pass whatever the policies say")
	}
}

// listWant reads {rows, filter, sql}.
func (t *testReader) listWant(all *tableRows, index string) (Want, int) {
	w := Want{Listed: true, Rows: []string{}}
	n := t.expect
	if n.Node == nil {
		return w, t.test.Line
	}
	n.object("rows, filter or sql", func(member string, x node) bool {
		switch member {
		case "rows":
			for _, name := range x.names() {
				if all.named[name] == nil {
					x.fault("no row %q of the table %q in this suite", short(name), all.table.Name)
				}
				w.Rows = append(w.Rows, name)
			}
		case "filter":
			w.Filter = x.text()
		case "sql":
			w.SQL = x.wantSQL(all.table, index)
		default:
			return false
		}
		return true
	})
	n.need("rows")
	slices.Sort(w.Rows)
	if len(w.Rows) > 0 {
		w.Outcome = engine.Allowed
	}
	return w, int(n.pos().Line)
}

// runList makes the filter of a list cell, and asks it and the engine about
// every row: the two must agree.
func (r *CellResult) runList(now time.Time, coverage *Coverage) {
	q, err := r.Question(now)
	if err != nil {
		r.Problems = []string{"no question: " + err.Error()}
		return
	}
	f, err := q.Evaluator.Filter(q.Request, leadingKeys)
	if err != nil {
		r.Problems = []string{"no filter: " + err.Error()}
		return
	}
	r.Filter, r.Rows = f.String(), []string{}
	if f.Scope() != engine.Nothing {
		r.Got = engine.Allowed
	}
	for _, x := range r.list.rows {
		value := conditions.Unreadable()
		if s := x.partition(leadingKeys, r.list.key); !s.unknown {
			value = conditions.Text(s.values[0])
		}
		row := []conditions.Value{value}
		kept := f.Keep(row)
		if kept {
			r.Rows = append(r.Rows, x.name)
		}
		one, err := r.Question(now)
		if err == nil {
			err = f.Unknown().Fill(one.Request.Context, row)
		}
		if err != nil {
			r.Problems = append(r.Problems, x.name+": "+err.Error())
			continue
		}
		explained := one.Evaluator.Explain(one.Request)
		coverage.count(one.Request, &explained)
		if explained.Decision.Allowed() != kept {
			r.Problems = append(r.Problems, fmt.Sprintf("%s: the filter and the decision %s disagree", x.name, explained.Decision.Outcome))
		}
	}
	slices.Sort(r.Rows)
	if !slices.Equal(r.Rows, r.Want.Rows) {
		r.Problems = append(r.Problems, "want rows "+bracketed(r.Want.Rows)+"; have "+bracketed(r.Rows)+", by the filter "+r.Filter)
	}
	if r.Want.Filter != "" && r.Want.Filter != r.Filter {
		r.Problems = append(r.Problems, "want the filter "+r.Want.Filter+"; have "+r.Filter)
	}
	r.checkSQL(now)
}
