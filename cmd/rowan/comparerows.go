package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// rowsFlags say which rows `rowan compare` counts, and for whom.
type rowsFlags struct {
	Rows    string   `placeholder:"FILE|STORE" help:"Count the rows that each identity gains and loses: a file of rows, one object of JSON a line, - for standard input; or sqlite:FILE, postgres:URL, where postgres:- takes DATABASE_URL, or dynamodb:URL."`
	Table   string   `placeholder:"TABLE" help:"With --rows: of which table of the bundles they are, if there are several."`
	As      []string `placeholder:"IDENTITY" help:"With --rows: count for these identities of the suites, or SUITE/IDENTITY; without it for all."`
	Context []string `sep:"none" placeholder:"KEY=VALUE" help:"With --rows and one --role: count for a session of that role with this context key, and for no identity of the suites. One that stands twice has several values."`
	Action  []string `placeholder:"ACTION" help:"With --rows: count for these actions; without it for dynamodb:GetItem, Query, Scan, PutItem, UpdateItem and DeleteItem."`
	MaxRows int      `name:"max-rows" default:"100000" placeholder:"N" help:"With --rows: look at N rows at most. That there are more is said."`
	Reason  string   `placeholder:"TEXT" help:"With --rows of a store: why they are read past the policies; it is said on standard error."`
}

func (f *rowsFlags) checkRows(roles []string) error {
	alone := f.Table == "" && len(f.As) == 0 && len(f.Context) == 0 && len(f.Action) == 0 && f.Reason == ""
	switch {
	case f.Rows == "" && alone:
		return nil
	case f.Rows == "":
		return errors.New("--table, --as, --context, --action and --reason are for --rows")
	case len(f.Context) > 0 && (len(roles) != 1 || len(f.As) > 0):
		return errors.New("--context wants one --role, and no --as: whose session is it?")
	case f.MaxRows < 1:
		return errors.New("--max-rows: want at least 1")
	}
	for _, a := range f.Action {
		if !slices.ContainsFunc(bundle.RowActions(), func(known string) bool { return strings.EqualFold(known, a) }) {
			return fmt.Errorf("--action %q: want one of %s", a, strings.Join(bundle.RowActions(), ", "))
		}
	}
	return nil
}

// countedActions are counted without --action.
var countedActions = []string{
	"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
}

// rowSample is which rows the identities of a role gain and lose.
type rowSample struct {
	Table string `json:"table"`
	// Source is where the rows are, as the user named it but for addresses of
	// databases, which may have a password.
	Source string `json:"source"`
	// Rows were looked at; Complete says that there are no more.
	Rows     int         `json:"rows"`
	Complete bool        `json:"complete"`
	Changes  []rowChange `json:"identities"`
}

// rowChange is what one identity gains and loses by actions.
type rowChange struct {
	// Suite is empty for a session of --context.
	Suite    string   `json:"suite,omitempty"`
	Identity string   `json:"identity"`
	Actions  []string `json:"actions"`
	// Before and After count the rows that the old and the new policies allow.
	Before int `json:"before"`
	After  int `json:"after"`
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// GainedRows and LostRows are partition keys of some of them.
	GainedRows []string `json:"gainedRows,omitempty"`
	LostRows   []string `json:"lostRows,omitempty"`
}

// maxExamples is how many rows are shown of those that one gains or loses.
const maxExamples = 3

// counted is one identity and action while rows are counted.
type counted struct {
	role     string
	old, now *judge // nil allows nothing
	rowChange
}

// count counts what is gained and lost, and adds it to the roles.
func (f *rowsFlags) count(c *console, all *compared, roles []string, now time.Time) error {
	t, err := f.table(all.now)
	if err != nil {
		return err
	}
	source, err := f.source(c, t)
	if err != nil {
		return err
	}
	every, err := f.pairs(all, t, source.keys, roles, now)
	if err != nil {
		return err
	}
	rows := 0
	more, err := source.each(context.Background(), f.MaxRows, func(row []conditions.Value) error {
		rows++
		for _, x := range every {
			if err := x.look(row, source.partition); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("--rows: %w", err)
	}
	for i := range all.roles {
		r := &all.roles[i]
		if r.outsider != "" {
			continue // no suite has one
		}
		r.sample = &rowSample{Table: t.Name, Source: source.name, Rows: rows, Complete: !more, Changes: []rowChange{}}
		for _, x := range every {
			if x.role == r.role {
				r.sample.add(&x.rowChange)
			}
		}
	}
	return nil
}

// table finds the table whose rows they are.
func (f *rowsFlags) table(b *bundle.Bundle) (*bundle.Table, error) {
	if f.Table != "" {
		t, ok := b.Table(f.Table)
		if !ok {
			return nil, fmt.Errorf("no table %q", f.Table)
		}
		return t, nil
	}
	if len(b.Tables) != 1 {
		return nil, fmt.Errorf("the new bundle has %d tables: say with --table of which the rows are", len(b.Tables))
	}
	return b.Tables[0], nil
}

// who is one identity, in both bundles or in one.
type who struct{ old, now *bundle.Asker }

// either is who it is, in the bundle that has it.
func (w *who) either() *bundle.Asker {
	if w.now != nil {
		return w.now
	}
	return w.old
}

// everybody finds the identities to count for.
func (f *rowsFlags) everybody(all *compared, roles []string) ([]who, error) {
	if len(f.Context) > 0 {
		return f.session(all, roles[0])
	}
	var out []who
	find := func(a *bundle.Asker) *who {
		for i := range out {
			if b := out[i].either(); a.Suite == b.Suite && a.Name == b.Name {
				return &out[i]
			}
		}
		out = append(out, who{})
		return &out[len(out)-1]
	}
	// Who is in both is who the new suites say.
	for _, from := range []*bundle.Bundle{all.now, all.old} {
		known := len(out)
		for i, to := range []*bundle.Bundle{all.now, all.old} {
			askers := from.AskersUnder(to)
			for j := range askers {
				w := find(&askers[j])
				switch {
				case from == all.old && slices.IndexFunc(out[:known], func(x who) bool { return x.either() == w.either() }) >= 0:
				case i == 0:
					w.now = &askers[j]
				default:
					w.old = &askers[j]
				}
			}
		}
	}
	return f.chosen(out, roles)
}

// chosen keeps those of --as and --role.
func (f *rowsFlags) chosen(all []who, roles []string) ([]who, error) {
	named := func(a *bundle.Asker, name string) bool { return a.Name == name || a.Suite+"/"+a.Name == name }
	for _, name := range f.As {
		if !slices.ContainsFunc(all, func(w who) bool { return named(w.either(), name) }) {
			return nil, fmt.Errorf("no identity %q in a suite", name)
		}
	}
	all = slices.DeleteFunc(all, func(w who) bool {
		a := w.either()
		return len(roles) > 0 && !slices.Contains(roles, a.Role) ||
			len(f.As) > 0 && !slices.ContainsFunc(f.As, func(name string) bool { return named(a, name) })
	})
	if len(all) == 0 {
		return nil, errors.New("--rows: the suites have no identity to count for: say one with --role and --context")
	}
	return all, nil
}

// session is one of a role with the keys of --context.
func (f *rowsFlags) session(all *compared, role string) ([]who, error) {
	keys, err := contextKeys(f.Context)
	if err != nil {
		return nil, err
	}
	var w who
	for _, x := range []struct {
		b  *bundle.Bundle
		to **bundle.Asker
	}{{all.now, &w.now}, {all.old, &w.old}} {
		if _, ok := x.b.Role(role); !ok {
			continue
		}
		a, err := x.b.RoleAsker(role, keys)
		if err != nil {
			return nil, err
		}
		*x.to = &a
	}
	return []who{w}, nil
}

// pairs makes a question of every identity and action.
func (f *rowsFlags) pairs(all *compared, t *bundle.Table, keys, roles []string, now time.Time) ([]*counted, error) {
	everybody, err := f.everybody(all, roles)
	if err != nil {
		return nil, err
	}
	actions := f.Action
	if len(actions) == 0 {
		actions = countedActions
	}
	var out []*counted
	for _, w := range everybody {
		for _, action := range actions {
			a := w.either()
			x := &counted{role: a.Role, rowChange: rowChange{Suite: a.Suite, Identity: a.Name, Actions: []string{action}}}
			if x.old, err = newJudge(w.old, t, action, now, keys); err != nil {
				return nil, fmt.Errorf("%s %s: %w", a.Name, action, err)
			}
			if x.now, err = newJudge(w.now, t, action, now, keys); err != nil {
				return nil, fmt.Errorf("%s %s: %w", a.Name, action, err)
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// look counts a row.
func (x *counted) look(row []conditions.Value, partition int) error {
	before, err := x.old.allows(row)
	if err != nil {
		return err
	}
	after, err := x.now.allows(row)
	if err != nil {
		return err
	}
	if before {
		x.Before++
	}
	if after {
		x.After++
	}
	switch {
	case after && !before:
		x.Gained++
		x.GainedRows = example(x.GainedRows, row[partition])
	case before && !after:
		x.Lost++
		x.LostRows = example(x.LostRows, row[partition])
	}
	return nil
}

// example notes a partition key, unless there are enough.
func example(all []string, v conditions.Value) []string {
	if text := v.String(); len(all) < maxExamples && !slices.Contains(all, text) {
		return append(all, text)
	}
	return all
}

// add adds a change; actions that change the same stand together.
func (s *rowSample) add(x *rowChange) {
	for i := range s.Changes {
		y := &s.Changes[i]
		if y.Suite == x.Suite && y.Identity == x.Identity && y.Before == x.Before && y.After == x.After && y.Gained == x.Gained && y.Lost == x.Lost &&
			slices.Equal(y.GainedRows, x.GainedRows) && slices.Equal(y.LostRows, x.LostRows) {
			y.Actions = append(y.Actions, x.Actions...)
			return
		}
	}
	s.Changes = append(s.Changes, *x)
}

// judge says whether an identity may do something with a row.
type judge struct {
	question *bundle.Question
	unknown  *conditions.Unknowns
	// filter is nil where no filter holds what the policies say: each row is
	// decided then.
	filter *engine.Filter
}

// newJudge makes one of an asker's question; of nobody's it is nil.
func newJudge(a *bundle.Asker, t *bundle.Table, action string, now time.Time, keys []string) (*judge, error) {
	if a == nil {
		return nil, nil
	}
	q, err := a.Question(t, action, now)
	if err != nil {
		return nil, err
	}
	f, err := q.Evaluator.Filter(q.Request, keys...)
	switch {
	case errors.Is(err, conditions.ErrOpaque):
		u, err := q.Request.Context.Vocabulary().Unknowns(keys...)
		return &judge{question: q, unknown: u}, err
	case err != nil:
		return nil, err
	}
	return &judge{filter: &f}, nil
}

// allows decides about a row; a nil judge allows none.
func (j *judge) allows(row []conditions.Value) (bool, error) {
	switch {
	case j == nil:
		return false, nil
	case j.filter != nil:
		return j.filter.Keep(row), nil
	}
	x := j.question.Request.Context
	defer x.Truncate(x.Len()) // to what it has without a row
	if err := j.unknown.Fill(x, row); err != nil {
		return false, err
	}
	return j.question.Evaluator.Decide(j.question.Request).Allowed(), nil
}

// looked says which rows were looked at.
func (s *rowSample) looked() string {
	more := ""
	if !s.Complete {
		more = ", and there are more"
	}
	return fmt.Sprintf("rows of %s in %s: %d looked at%s", s.Table, s.Source, s.Rows, more)
}

// unchanged reports whether nothing is gained or lost.
func (x *rowChange) unchanged() bool { return x.Gained == 0 && x.Lost == 0 }

func (x *rowChange) name() string {
	if x.Suite == "" {
		return "a session of " + x.Identity
	}
	return x.Suite + "/" + x.Identity
}

func (c *console) printSample(s *rowSample) {
	if s == nil || len(s.Changes) == 0 {
		return
	}
	c.printf("  %s\n", plain(s.looked()))
	for i := range s.Changes {
		x := &s.Changes[i]
		c.printf("    %s: %s: %d, was %d", plain(x.name()), shortActions(x.Actions), x.After, x.Before)
		for _, y := range []struct {
			word, color string
			n           int
			rows        []string
		}{{"gained", red, x.Gained, x.GainedRows}, {"lost", green, x.Lost, x.LostRows}} {
			if y.n > 0 {
				c.printf(", %s, such as %s", c.paint(y.color, fmt.Sprintf("%s %d", y.word, y.n)), plain(strings.Join(y.rows, ", ")))
			}
		}
		c.printf("\n")
	}
}

func (c *console) markdownSample(role string, s *rowSample) {
	if s == nil || !slices.ContainsFunc(s.Changes, func(x rowChange) bool { return !x.unchanged() }) {
		return
	}
	c.printf("\n### %s\n\n%s.\n\n| Identity | Actions | Was | Is | Gained | Lost |\n|---|---|---|---|---|---|\n", strings.TrimSpace("Rows "+role), plain(s.looked()))
	for i := range s.Changes {
		if x := &s.Changes[i]; !x.unchanged() {
			c.printf("| %s | %s | %d | %d | %s | %s |\n", tableCell(x.name()), shortActions(x.Actions), x.Before, x.After, some(x.Gained, x.GainedRows), some(x.Lost, x.LostRows))
		}
	}
}

// cell writes a text for a table of Markdown.
func tableCell(s string) string { return strings.ReplaceAll(plain(s), "|", `\|`) }

func some(n int, rows []string) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, such as `%s`", n, strings.ReplaceAll(tableCell(strings.Join(rows, ", ")), "`", "'"))
}

// shortActions names actions without their service, if that is DynamoDB.
func shortActions(all []string) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a
		if len(a) > len("dynamodb:") && strings.EqualFold(a[:len("dynamodb:")], "dynamodb:") {
			out[i] = a[len("dynamodb:"):]
		}
	}
	return strings.Join(out, ", ")
}
