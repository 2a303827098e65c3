package rowtest

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

var (
	oraclePairs = flag.Int("rows.n", 25_000, "how many random pairs of policies and rows TestStoreKeepsWhatDecideAllows asks of each database")
	oracleSeed  = flag.Uint64("rows.seed", 1, "seed of the random pairs")
)

// rowsOfFilter is how many rows one filter is asked about.
const rowsOfFilter = 60

// oddTag is a tag of the caller that no policy should read as a pattern.
const oddTag = "a*\xff"

func wholeNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// question is a policy about rows, with rows.
type question struct {
	group     int
	document  string
	evaluator *engine.Evaluator
	request   *engine.Request
	filter    engine.Filter
	table     sqlrow.Table
	slot      []int
	rows      [][]any              // as written
	values    [][]conditions.Value // as read
}

func TestStoreKeepsWhatDecideAllows(t *testing.T) {
	if raceEnabled && *oraclePairs == 25_000 {
		*oraclePairs = 4_000 // the race detector is for the others
	}
	each(t, func(t *testing.T, db *database) {
		var tally tally
		r := rand.New(rand.NewPCG(*oracleSeed, 4))
		for group := 0; tally.pairs < *oraclePairs; {
			var batch []*question
			for len(batch) < 50 {
				if q := newQuestion(t, r, db, group); q != nil {
					batch = append(batch, q)
					group++
				}
			}
			db.insert(t, batch)
			for _, q := range batch {
				db.readBack(t, q)
				tally.ask(t, db, q)
			}
		}
		t.Logf("%d pairs, 0 disagreements, %d kept; filters: %d exact, %d pushed down in part: %v",
			tally.pairs, tally.kept, tally.exact, tally.partly, tally.reasons)
		require.Greater(t, tally.kept, tally.pairs/20, "too few rows are kept")
		require.Greater(t, tally.exact, tally.partly, "too few filters are exact")
	})
}

// newQuestion makes a policy over some keys; nil if it leaves nothing to ask.
func newQuestion(t *testing.T, r *rand.Rand, db *database, group int) *question {
	g := &generator{Rand: r}
	var of []key
	q := &question{group: group, table: sqlrow.Table{Name: tableName}}
	for slot := range slots {
		k := pick(r, keys...)
		if slot > g.IntN(5)+1 || slices.ContainsFunc(of, func(o key) bool { return o.name == k.name }) {
			continue
		}
		var has []sqlrow.Type
		for _, in := range k.in {
			if _, ok := db.types[slot][in]; ok {
				has = append(has, in)
			}
		}
		if len(has) == 0 {
			continue
		}
		in := pick(r, has...)
		k.chosen = in
		of = append(of, k)
		q.table.Columns = append(q.table.Columns, sqlrow.Column{Key: k.name, Name: column(slot, in), Type: in})
		q.slot = append(q.slot, slot)
	}
	q.document = g.document(of)
	document, err := policy.Parse("policy.json", []byte(q.document))
	require.NoError(t, err, q.document)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, document)
	if err != nil {
		return nil // as an unquantified operator on a list is
	}
	q.evaluator = &engine.Evaluator{Identity: set}
	q.request = newRequest(t)
	names := make([]string, len(q.table.Columns))
	for i, c := range q.table.Columns {
		names[i] = c.Key
	}
	q.filter, err = q.evaluator.Filter(q.request, names...)
	if errors.Is(err, conditions.ErrOpaque) {
		return nil
	}
	require.NoError(t, err, q.document)
	if q.filter.Scope() != engine.Partly && r.IntN(20) > 0 {
		return nil
	}
	for range rowsOfFilter {
		row := make([]any, len(q.slot))
		for i, c := range q.table.Columns {
			row[i] = g.stored(db, q.slot[i], c.Type)
		}
		q.rows = append(q.rows, row)
	}
	return q
}

func newRequest(t *testing.T) *engine.Request {
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	require.NoError(t, x.Set("aws:PrincipalTag/odd", oddTag))
	return &engine.Request{Principal: p, Action: "app:Read", Resource: "arn:aws:app:us-east-1:111122223333:doc/1", Context: x}
}

// literal is SQL that no driver has a value for.
type literal string

// stored is a value that the column can hold.
func (g *generator) stored(db *database, slot int, k sqlrow.Type) any {
	if odd := g.odd(db, slot, k); odd != nil && g.IntN(12) == 0 {
		return odd
	}
	for {
		v := g.column(k)
		switch x := v.(type) {
		case string:
			if k == sqlrow.Text && !db.storable(slot, x) {
				continue
			}
			if k == sqlrow.Decimal && !fits(db, slot, x) {
				continue
			}
		case []string:
			if slices.ContainsFunc(x, func(s string) bool { return !db.storable(1, s) }) {
				continue
			}
		case int64:
			if !fitsInteger(db, slot, x) {
				continue
			}
		}
		return v
	}
}

func fits(db *database, slot int, s string) bool {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	switch {
	case slot%2 == 1:
		return len(whole) <= 28 && len(fraction) <= 12
	case db.dialect == sqlrow.MySQL:
		return len(whole) <= 35 && len(fraction) <= 30
	}
	return true
}

func fitsInteger(db *database, slot int, n int64) bool {
	small := n <= 1<<31-1 && n >= -1<<31
	switch db.dialect {
	case sqlrow.PostgreSQL:
		return slot%2 == 0 || small
	case sqlrow.MySQL:
		return slot%3 == 0 || slot%3 == 1 && n >= 0 || slot%3 == 2 && small
	case sqlrow.SQLite:
	}
	return true
}

// odd is a value that is unreadable in the column, or hard to read; nil if it can
// have none.
func (g *generator) odd(db *database, slot int, k sqlrow.Type) any {
	type place struct {
		dialect sqlrow.Dialect
		in      sqlrow.Type
	}
	at := place{db.dialect, k}
	switch {
	case db.dialect == sqlrow.SQLite: // takes any value anywhere
		return pick[any](g.Rand, int64(10), 1.5, []byte("ann"), "ann", int64(2), "10", "")
	case at == place{sqlrow.PostgreSQL, sqlrow.Timestamp}, at == place{sqlrow.PostgreSQL, sqlrow.TimestampTZ}:
		return literal(pick(g.Rand, "'infinity'", "'-infinity'", "'10000-01-01 00:00:00+00'", "'0001-12-31 23:59:59+00 BC'"))
	case at == place{sqlrow.PostgreSQL, sqlrow.Decimal} && slot%2 == 1:
		return literal("'NaN'")
	case at == place{sqlrow.PostgreSQL, sqlrow.Decimal}:
		return literal(pick(g.Rand, "'NaN'", "'Infinity'", "'-Infinity'", "1e30", "-1e30", "1e-31", "10.000", "1e29"))
	case at == place{sqlrow.PostgreSQL, sqlrow.TextArray}:
		return literal(pick(g.Rand, "ARRAY[NULL]::text[]", "ARRAY['ann',NULL]", "ARRAY[['ann','ann'],['ann','ann']]", "'[5:6]={ann,bob}'::text[]", "'[7:7]={ann}'::text[]"))
	case at == place{sqlrow.MySQL, sqlrow.Bool}:
		return literal(pick(g.Rand, "2", "-1"))
	case at == place{sqlrow.MySQL, sqlrow.Integer} && slot%3 == 1:
		return literal("18446744073709551615")
	}
	return nil
}

// insert writes the rows of some questions.
func (db *database) insert(t *testing.T, batch []*question) {
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for _, q := range batch {
		names := []string{"grp", "id"}
		for _, c := range q.table.Columns {
			names = append(names, quoted(db.dialect, c.Name))
		}
		var args []any
		var rows []string
		place := func(v any) string {
			if s, ok := v.(literal); ok {
				return string(s)
			}
			if b, ok := v.(bool); ok && db.dialect != sqlrow.PostgreSQL {
				v = map[bool]int{true: 1}[b]
			}
			args = append(args, v)
			if db.dialect == sqlrow.PostgreSQL {
				return "$" + strconv.Itoa(len(args))
			}
			return "?"
		}
		for id, row := range q.rows {
			places := []string{strconv.Itoa(q.group), strconv.Itoa(id)}
			for _, v := range row {
				places = append(places, place(v))
			}
			rows = append(rows, "("+strings.Join(places, ", ")+")")
		}
		_, err := tx.ExecContext(t.Context(), "INSERT INTO "+quoted(db.dialect, tableName)+" ("+strings.Join(names, ", ")+") VALUES "+strings.Join(rows, ", "), args...)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

// readBack reads what the database has for each row: that, and not what was
// written, is what its predicate sees.
func (db *database) readBack(t *testing.T, q *question) {
	selected := []string{"id"}
	for _, c := range q.table.Columns {
		name := quoted(db.dialect, c.Name)
		if form, ok := db.read[c.Type]; ok {
			name = fmt.Sprintf(form, name)
		}
		switch {
		case db.dialect == sqlrow.PostgreSQL && (c.Type == sqlrow.Timestamp || c.Type == sqlrow.TimestampTZ):
			// The driver has no time for these.
			name = "CASE WHEN isfinite(" + name + ") IS FALSE THEN '10000-01-01' ELSE " + name + " END"
		case db.dialect == sqlrow.SQLite:
			name = "+" + name // or the driver would convert it to what the column declares
		}
		selected = append(selected, name)
	}
	rows, err := db.QueryContext(t.Context(), "SELECT "+strings.Join(selected, ", ")+" FROM "+quoted(db.dialect, tableName)+" WHERE grp = "+strconv.Itoa(q.group)+" ORDER BY id")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		raw := make([]any, len(selected))
		into := make([]any, len(selected))
		for i := range raw {
			into[i] = &raw[i]
		}
		require.NoError(t, rows.Scan(into...))
		values := make([]conditions.Value, len(q.table.Columns))
		for i := range values {
			values[i] = q.table.Columns[i].Value(db.dialect, raw[i+1])
		}
		q.values = append(q.values, values)
	}
	require.NoError(t, rows.Err())
	require.Len(t, q.values, len(q.rows))
	db.sameAsWritten(t, q)
}

// sameAsWritten holds what is read to what was written, where the database
// changes nothing.
func (db *database) sameAsWritten(t *testing.T, q *question) {
	for id, row := range q.rows {
		for i, v := range row {
			c := &q.table.Columns[i]
			if _, ok := v.(literal); ok || db.dialect == sqlrow.SQLite ||
				c.Type == sqlrow.Text && (q.slot[i] == 3 || q.slot[i] == 4) { // char drops spaces at the end
				continue
			}
			require.Equal(t, c.Value(db.dialect, v).String(), q.values[id][i].String(), "%s written %v", c.Type, v)
		}
	}
}

// tally counts what was asked.
type tally struct {
	pairs, kept, exact, partly int
	reasons                    map[string]int
}

// ask compares the rows that the database keeps with Keep and Decide.
func (y *tally) ask(t *testing.T, db *database, q *question) {
	kept := make([]bool, len(q.values))
	for id, row := range q.values {
		kept[id] = q.filter.Keep(row)
		require.Equal(t, q.decide(t, row), kept[id], "%s\nfilter %s\nrow %v", q.document, q.filter.String(), row)
	}
	clause, err := sqlrow.Where(&q.filter, &q.table, db.dialect)
	var unsupported *sqlrow.UnsupportedError
	exact := !errors.As(err, &unsupported)
	if exact {
		require.NoError(t, err)
		require.False(t, clause.Rest)
		db.compare(t, q, &clause, kept)
		y.exact++
		y.pairs += len(kept)
		for _, k := range kept {
			if k {
				y.kept++
			}
		}
	} else if y.reasons == nil {
		y.reasons = map[string]int{}
	}
	pushed, err := sqlrow.Pushdown(&q.filter, &q.table, db.dialect)
	require.NoError(t, err)
	require.Equal(t, !exact, pushed.Rest, q.filter.String())
	if !exact {
		y.partly++
		y.reasons[unsupported.Reason]++
		db.compare(t, q, &pushed, kept)
	} else {
		require.Equal(t, clause.SQL, pushed.SQL)
	}
}

// compare asks the database for the rows of a question, plainly and by NOT.
func (db *database) compare(t *testing.T, q *question, clause *sqlrow.Clause, kept []bool) {
	found := db.ids(t, q, clause, "("+clause.SQL+")")
	hidden := db.ids(t, q, clause, "NOT ("+clause.SQL+")")
	for id := range kept {
		about := func() string {
			return fmt.Sprintf("%s\nfilter %s\nrow %d: %v, written %q\n%s\n%q", q.document, q.filter.String(), id, q.values[id], q.rows[id], clause.SQL, clause.Args)
		}
		if found[id] == hidden[id] {
			t.Fatalf("the clause is neither true nor false, or both\n%s", about())
		}
		if found[id] != kept[id] && (!clause.Rest || kept[id]) {
			t.Fatalf("the database keeps the row: %v; Keep: %v\n%s", found[id], kept[id], about())
		}
	}
}

func (db *database) ids(t *testing.T, q *question, clause *sqlrow.Clause, where string) map[int]bool {
	rows, err := db.QueryContext(t.Context(), "SELECT id FROM "+quoted(db.dialect, tableName)+" WHERE grp = "+strconv.Itoa(q.group)+" AND "+where, clause.Args...)
	require.NoError(t, err, "%s\n%q", where, clause.Args)
	defer func() { require.NoError(t, rows.Close()) }()
	found := map[int]bool{}
	for rows.Next() {
		var id int
		require.NoError(t, rows.Scan(&id))
		found[id] = true
	}
	require.NoError(t, rows.Err(), where)
	return found
}

func (q *question) decide(t *testing.T, row []conditions.Value) bool {
	x := conditions.AWS().NewContext()
	for name, values := range q.request.Context.All() {
		require.NoError(t, x.Set(name, values...))
	}
	require.NoError(t, q.filter.Unknown().Fill(x, row))
	r := *q.request
	r.Context = x
	return q.evaluator.Decide(&r).Allowed()
}
