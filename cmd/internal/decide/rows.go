package decide

import (
	"context"
	"errors"
	"math/bits"
	"runtime"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Bounds of a question about rows.
const (
	maxRows    = 1_000_000
	maxColumns = 16
)

// DecideRows answers a question about many rows.
func (d *Decider) DecideRows(ctx context.Context, in *rowanv1.DecideRowsRequest) (*rowanv1.DecideRowsResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkColumns(in); err != nil {
		return nil, err
	}
	q := &asking{
		subject: in.GetSubject(), action: in.GetAction(), resource: in.GetResource(), resourceAccount: in.GetResourceAccount(), context: in.GetContext(),
	}
	a, err := s.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	defer s.force.free(a)
	r := &rowQuestion{session: s, asked: a, asking: q, rows: int(in.GetRows()), columns: in.GetColumns(), bits: make([]byte, (in.GetRows()+7)/8)}
	if err := r.decide(ctx); err != nil {
		return nil, err
	}
	out := &rowanv1.DecideRowsResponse{
		Allowed: r.bits, DecisionId: s.id(), Bundle: s.force.name, ValidUntil: a.until,
	}
	for _, b := range r.bits {
		out.Count += uint32(bits.OnesCount8(b))
	}
	whole := engine.Decision{}
	if out.GetCount() > 0 {
		whole.Outcome = engine.Allowed
	}
	return out, s.record(ctx, a, &Record{Kind: "rows", ID: out.GetDecisionId(), Decision: whole, Rows: r.rows, Allowed: int(out.GetCount())})
}

// checkColumns refuses columns whose parts do not fit together.
func checkColumns(in *rowanv1.DecideRowsRequest) error {
	refuse := func(format string, args ...any) error { return status.Errorf(codes.InvalidArgument, format, args...) }
	switch {
	case in.GetRows() > maxRows:
		return refuse("more than %d rows", maxRows)
	case len(in.GetColumns()) == 0 || len(in.GetColumns()) > maxColumns:
		return refuse("want 1 to %d columns", maxColumns)
	}
	rows := int(in.GetRows())
	for _, c := range in.GetColumns() {
		if len(c.GetEnds()) != rows {
			return refuse("the column %.100q has %d ends for %d rows", c.GetKey(), len(c.GetEnds()), rows)
		}
		if n := len(c.GetAbsent()); n != 0 && n != (rows+7)/8 {
			return refuse("the column %.100q has %d bytes of absent, want none or %d", c.GetKey(), n, (rows+7)/8)
		}
		before := uint32(0)
		for _, end := range c.GetEnds() {
			if end < before {
				return refuse("the column %.100q has a value that ends before it begins", c.GetKey())
			}
			before = end
		}
		if int(before) != len(c.GetValues()) {
			return refuse("the column %.100q has %d bytes of values, and its ends say %d", c.GetKey(), len(c.GetValues()), before)
		}
	}
	return nil
}

// rowQuestion is a question about rows.
type rowQuestion struct {
	*session
	*asked
	asking  *asking
	rows    int
	columns []*rowanv1.Column
	bits    []byte // the answer
}

// decide fills in the answer. What is left of the policies when the rows are
// not known decides each; where the policies have no such rest the rows are
// decided one by one.
func (r *rowQuestion) decide(ctx context.Context) error {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.GetKey()
	}
	f, err := r.evaluator.Filter(&r.request, names...)
	var opaque *engine.FilterError
	switch {
	case errors.Is(err, engine.ErrUndecidable):
		return nil // and every row is denied
	case errors.As(err, &opaque):
		u, err := r.request.Context.Vocabulary().Unknowns(names...)
		if err != nil {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
		return r.eachRow(ctx, u, nil)
	case err != nil:
		return status.Errorf(codes.InvalidArgument, "%v", err)
	case f.Scope() == engine.Nothing:
		return nil
	case r.guards():
		return r.eachRow(ctx, f.Unknown(), &f)
	case len(r.columns) == 1 && len(r.columns[0].GetAbsent()) == 0:
		r.column(&f)
		return nil
	}
	return r.filter(ctx, &f)
}

// page is how many rows are looked at between two looks at the deadline and turns
// of others, and rowsTurn how many are where one may take a decision of its own.
const (
	page     = 4096
	rowsTurn = 512
)

// rowPage is memory for a page of rows.
type rowPage struct {
	text [page]string
	keep [page]bool
}

var rowPages = sync.Pool{New: func() any { return new(rowPage) }}

// column decides the rows of one column.
func (r *rowQuestion) column(f *engine.Filter) {
	c := r.columns[0]
	values := string(c.GetValues()) // one copy, which the texts point into
	p, ok := rowPages.Get().(*rowPage)
	if !ok {
		return
	}
	defer func() {
		clear(p.text[:])
		rowPages.Put(p)
	}()
	begin := uint32(0)
	for from := 0; from < r.rows; from += page {
		ends := c.GetEnds()[from:min(from+page, r.rows)]
		text, keep := p.text[:len(ends)], p.keep[:len(ends)]
		for i, end := range ends {
			text[i] = values[begin:end]
			begin = end
		}
		f.KeepColumn(text, keep)
		for i, kept := range keep {
			if kept {
				r.allow(from + i)
			}
		}
		runtime.Gosched() // as in decideBatch
	}
}

func (r *rowQuestion) allow(row int) { r.bits[row/8] |= 1 << (row % 8) }

// filter decides the rows of several columns, or of one with rows that do not
// have the key.
func (r *rowQuestion) filter(ctx context.Context, f *engine.Filter) error {
	return r.each(ctx, func(i int, row []conditions.Value) error {
		if f.Keep(row) {
			r.allow(i)
		}
		return nil
	})
}

// eachRow decides row by row, in a context that has the row's keys. f, if it is
// not nil, says which rows need not be looked at.
func (r *rowQuestion) eachRow(ctx context.Context, u *conditions.Unknowns, f *engine.Filter) error {
	if err := u.Check(r.context); err != nil {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	err := r.each(ctx, func(i int, row []conditions.Value) error {
		if f != nil && !f.Keep(row) {
			return nil
		}
		if err := r.fill(r.asked, r.asking); err != nil {
			return err
		}
		if err := u.Fill(r.context, row); err != nil {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
		if d := r.evaluator.Decide(&r.request); d.Allowed() && r.guarded(ctx, r.asked, d) == "" {
			r.allow(i)
		}
		return nil
	})
	return errors.Join(err, r.fill(r.asked, r.asking)) // what is recorded has no row's keys
}

// each calls do with the values of every row.
func (r *rowQuestion) each(ctx context.Context, do func(i int, row []conditions.Value) error) error {
	row := make([]conditions.Value, len(r.columns))
	texts := make([]string, len(r.columns))
	for i, c := range r.columns {
		texts[i] = string(c.GetValues())
	}
	begins := make([]uint32, len(r.columns))
	for i := range r.rows {
		if i%rowsTurn == 0 {
			if ctx.Err() != nil {
				return status.FromContextError(ctx.Err()).Err()
			}
			runtime.Gosched() // as in decideBatch
		}
		for j, c := range r.columns {
			end := c.GetEnds()[i]
			row[j] = conditions.Text(texts[j][begins[j]:end])
			if absent(c.GetAbsent(), i) {
				row[j] = conditions.Value{}
			}
			begins[j] = end
		}
		if err := do(i, row); err != nil {
			return err
		}
	}
	return nil
}

func absent(bitmap []byte, row int) bool {
	return len(bitmap) > 0 && bitmap[row/8]&(1<<(row%8)) != 0
}
