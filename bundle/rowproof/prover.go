package rowproof

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Options say how much is proved, and where.
type Options struct {
	// Pairs is how many pairs of a question and a row are asked about in process,
	// at least: every case is asked about in any event. Stores are asked about as
	// many, less those rows that they cannot hold.
	Pairs int
	// Seed makes the rows. One seed makes the same rows again.
	Seed uint64
	// Now is the time of the questions.
	Now time.Time
	// Stores are asked beside Keep and Decide; there may be none.
	Stores []Store
	// Progress, if there is one, hears how many pairs are done.
	Progress func(done int)
}

// Store is a real store that rows are loaded into. It is asked by one goroutine.
type Store interface {
	Name() string
	// Ask loads rows, each with a value for each key of the case as Row says,
	// and answers what the store's own predicate does with them. An error ends
	// the proof.
	Ask(ctx context.Context, c *Case, rows []Row) (Answer, error)
}

// Case is a question about rows.
type Case struct {
	// Asker, Action and Table name it for people.
	Asker, Action, Table string
	bundle.Question
	// Keys are the context keys that a row brings, in the order of its values,
	// and what type of column each is in.
	Keys []sqlrow.Column
	// Of is the bundle's table; nil if the case is of none.
	Of *bundle.Table
	// Texts are what rows are made of: values of the policies, policy variables
	// and wildcards among them.
	Texts []string

	filter engine.Filter
}

// Filter is what is left of the policies of the case; a prover has set it before
// it asks a store.
func (c *Case) Filter() *engine.Filter { return &c.filter }

func (c *Case) String() string {
	return strings.Join(slices.DeleteFunc([]string{c.Asker, c.Action, c.Table}, func(s string) bool { return s == "" }), " ")
}

// names are the keys' names.
func (c *Case) names() []string {
	out := make([]string, len(c.Keys))
	for i := range c.Keys {
		out[i] = c.Keys[i].Key
	}
	return out
}

// Row is what is to be stored for each key of a case: nil for NULL, or what
// sqlrow.Column.Value takes for the column's type.
type Row []any

// Answer is what a store says of the rows that it could hold.
type Answer struct {
	Held []Held
	// Refused says why the store cannot be asked this question exactly; nil if it
	// was.
	Refused error
	// Rest says that the predicate may let more rows through than the filter
	// keeps, and never fewer.
	Rest bool
	// Question is the one that the store was really asked, where that is not the
	// case's own; nil if it is.
	Question *bundle.Question
	// Statement is what the store was asked, for people.
	Statement string
}

// Held is a row that a store holds.
type Held struct {
	// Values are what it has for each key, as read back.
	Values []conditions.Value
	// Kept and Dropped say whether the predicate lets it through, and whether the
	// predicate's negation does. One of them must be true.
	Kept, Dropped bool
}

// Prover proves case by case. Use NewProver.
type Prover struct {
	options Options
	report  Report
	random  *rand.Rand
	keep    func(*engine.Filter, []conditions.Value) bool // Filter.Keep, but for tests of the proof itself
}

// NewProver begins a proof.
func NewProver(o Options) *Prover {
	p := &Prover{options: o, random: rand.New(rand.NewPCG(o.Seed, 0x726f77)), keep: (*engine.Filter).Keep}
	for _, s := range o.Stores {
		p.report.Stores = append(p.report.Stores, StoreReport{Name: s.Name()})
	}
	return p
}

// Report says what was proved so far.
func (p *Prover) Report() *Report { return &p.report }

// rowsOfCase is how many rows one question is asked about.
const rowsOfCase = 24

// Case proves one case with rows made for it. The error is a *DisagreementError if
// the judges do not agree, else that of a store.
func (p *Prover) Case(ctx context.Context, c *Case) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.report.Cases++
	var err error
	if c.filter, err = c.Evaluator.Filter(c.Request, c.names()...); err != nil {
		p.report.refuse("", c, err)
		return nil
	}
	p.report.scope(c.filter.Scope())
	g := newGenerator(p.random, c)
	rows := make([]Row, rowsOfCase)
	for i := range rows {
		rows[i] = g.row()
		if err := p.inProcess(c, g.values(rows[i])); err != nil {
			return err
		}
	}
	if err := p.columns(c, rows); err != nil {
		return err
	}
	for i, s := range p.options.Stores {
		if err := p.ask(ctx, s, &p.report.Stores[i], c, rows); err != nil {
			return err
		}
	}
	if p.options.Progress != nil {
		p.options.Progress(p.report.Pairs)
	}
	return nil
}

// inProcess asks Keep and Decide about one row.
func (p *Prover) inProcess(c *Case, row []conditions.Value) error {
	allowed, err := decide(&c.Question, &c.filter, row)
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	kept := p.keep(&c.filter, row)
	if kept != allowed {
		return p.disagreement(c, row, DisagreementError{Keep: kept, Decide: allowed})
	}
	p.report.Pairs++
	if kept {
		p.report.Kept++
	}
	return nil
}

// columns asks KeepColumn about the rows of one key that are texts.
func (p *Prover) columns(c *Case, rows []Row) error {
	if len(c.Keys) != 1 {
		return nil
	}
	var texts []string
	for _, r := range rows {
		if s, ok := r[0].(string); ok {
			texts = append(texts, s)
		}
	}
	keep := make([]bool, len(texts))
	c.filter.KeepColumn(texts, keep)
	for i, s := range texts {
		row := []conditions.Value{conditions.Text(s)}
		allowed, err := decide(&c.Question, &c.filter, row)
		if err != nil {
			return err
		}
		if keep[i] != allowed {
			return p.disagreement(c, row, DisagreementError{Store: "KeepColumn", StoreKeeps: keep[i], Keep: p.keep(&c.filter, row), Decide: allowed})
		}
	}
	return nil
}

// decide is the decision about one row. It leaves the question as it was.
func decide(q *bundle.Question, f *engine.Filter, row []conditions.Value) (bool, error) {
	x := q.Request.Context
	defer x.Truncate(x.Len()) // a filter's context has no key of a row
	if err := f.Unknown().Fill(x, row); err != nil {
		return false, err
	}
	return q.Evaluator.Decide(q.Request).Allowed(), nil
}

// ask asks a store about the rows of a case.
func (p *Prover) ask(ctx context.Context, s Store, report *StoreReport, c *Case, rows []Row) error {
	a, err := s.Ask(ctx, c, rows)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", s.Name(), c, err)
	}
	if a.Refused != nil {
		report.Refused++
		p.report.refuse(s.Name(), c, a.Refused)
	} else {
		report.Cases++
	}
	question, filter := &c.Question, c.filter
	if a.Question != nil {
		question = a.Question
		if filter, err = question.Evaluator.Filter(question.Request, c.names()...); err != nil {
			return fmt.Errorf("%s: %s: %w", s.Name(), c, err)
		}
	}
	report.Unheld += max(0, len(rows)-len(a.Held))
	for i := range a.Held {
		h := &a.Held[i]
		kept := p.keep(&filter, h.Values)
		allowed, err := decide(question, &filter, h.Values)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		d := DisagreementError{Store: s.Name(), StoreKeeps: h.Kept, Unsure: h.Kept == h.Dropped, Keep: kept, Decide: allowed, Statement: a.Statement}
		if kept != allowed || d.Unsure || h.Kept != kept && (!a.Rest || kept) {
			d.filter = filter.String()
			return p.disagreement(c, h.Values, d)
		}
		if a.Refused == nil {
			report.Pairs++
			if kept {
				report.Kept++
			}
		}
	}
	return nil
}

func (p *Prover) disagreement(c *Case, row []conditions.Value, d DisagreementError) error {
	d.Asker, d.Action, d.Table, d.Seed = c.Asker, c.Action, c.Table, p.options.Seed
	if d.Filter = d.filter; d.Filter == "" {
		d.Filter = c.filter.String()
	}
	for i, v := range row {
		d.Row = append(d.Row, KeyValue{c.Keys[i].Key, v.String()})
	}
	for key, values := range c.Request.Context.All() {
		d.Context = append(d.Context, KeyValue{key, fmt.Sprintf("%q", values)})
	}
	return &d
}

// ErrNothing means that a proof, or a store of it, was asked about no pair: it
// proves nothing.
var ErrNothing = errors.New("no pair was proved")

// Bundle proves every asker, table and action of a bundle, and goes round with
// other context keys and rows until there are enough pairs. It wraps ErrNothing.
func (p *Prover) Bundle(ctx context.Context, b *bundle.Bundle, suites []*bundle.Suite) error {
	askers, err := b.Askers(suites)
	if err != nil {
		return err
	}
	v := newVariation(p.random, b)
	for round := 0; round == 0 || p.report.Pairs < p.options.Pairs; round++ {
		before := p.report.Pairs
		for i := range askers {
			for _, t := range b.Tables {
				if round > 0 && p.report.Pairs >= p.options.Pairs {
					return p.proved()
				}
				if err := p.table(ctx, &askers[i], t, v, round > 0); err != nil {
					return err
				}
			}
		}
		if p.report.Pairs == before {
			break
		}
	}
	return p.proved()
}

// table proves every action of an asker on a table, with context keys that vary
// or those that a suite gives.
func (p *Prover) table(ctx context.Context, a *bundle.Asker, t *bundle.Table, v *variation, vary bool) error {
	keys := keysOf(t)
	for _, action := range bundle.RowActions() {
		q, err := a.Question(t, action, p.options.Now)
		if err != nil {
			return fmt.Errorf("%s %s %s: %w", a.Name, action, t.Name, err)
		}
		c := &Case{Asker: a.Name, Action: action, Table: t.Name, Question: *q, Keys: keys, Of: t}
		if a.Suite != "" {
			c.Asker = a.Suite + "/" + a.Name
		}
		if err := v.apply(c, vary); err != nil {
			return err
		}
		if err := p.Case(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// proved refuses a proof of nothing.
func (p *Prover) proved() error {
	if p.report.Pairs == 0 {
		return fmt.Errorf("%w: %d cases", ErrNothing, p.report.Cases)
	}
	for _, s := range p.report.Stores {
		if s.Pairs == 0 {
			return fmt.Errorf("%w on %s: %d cases, of which it refused %d", ErrNothing, s.Name, s.Cases+s.Refused, s.Refused)
		}
	}
	return nil
}

// keysOf are the context keys that rows of a table bring.
func keysOf(t *bundle.Table) []sqlrow.Column {
	out := slices.Clone(t.RowKeys())
	for i := range out { // two keys of one column are apart here
		out[i].Name = fmt.Sprintf("c%d", i)
	}
	return out
}

const leadingKeys = "dynamodb:LeadingKeys"
