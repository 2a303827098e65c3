package sqlrow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Drift is where a live database and the policies part.
type Drift struct {
	// What is a sentence for people.
	What string
	// Command is what the row security policies are for, empty if it is not
	// about one row.
	Command string
	// Row is a row for which they differ, Variables are the session's, by key,
	// and Kept is what the policies say of it.
	Row       []conditions.Value
	Variables map[string]string
	Kept      bool
}

func (d Drift) String() string {
	if d.Command == "" {
		return d.What
	}
	return fmt.Sprintf("%s: %s: the row %v of a session with %v", d.Command, d.What, d.Row, d.Variables)
}

// errUndo ends a transaction that is not meant to last.
var errUndo = errors.New("undo")

// Drift compares the row security policies of a live database, those of the role
// and those of everybody, with the policies, by witness rows: values that the
// policies speak of and others near them, in a temporary table under the
// policies' own expressions. Nothing of the live table is read or changed, and
// the transaction is undone. The connection must be one of a role that may make
// temporary tables and may become the database role.
//
// Nothing found is no proof: rows is how many witnesses are asked, seed which.
func (s *RowSecurity) Drift(ctx context.Context, c Conn, rows int, seed uint64) ([]Drift, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var out []Drift
	err := c.Atomic(ctx, func(c Conn) error {
		w := witness{security: s, conn: c, rand: rand.New(rand.NewPCG(seed, 0))}
		if err := w.look(ctx); err != nil {
			return err
		}
		if err := w.ask(ctx, rows); err != nil {
			return err
		}
		out = w.found
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return nil, err
	}
	return out, nil
}

// witness is a comparison at work.
type witness struct {
	security *RowSecurity
	conn     Conn
	rand     *rand.Rand
	live     []livePolicy
	texts    []string // that the policies speak of
	sessions []map[string]string
	found    []Drift
}

// livePolicy is a row security policy of the database.
type livePolicy struct {
	name, kind, command string
	using, check        *string
}

func (w *witness) differ(format string, args ...any) {
	w.found = append(w.found, Drift{What: fmt.Sprintf(format, args...)})
}

// look reads what the database has.
func (w *witness) look(ctx context.Context) error {
	t, role := &w.security.Table, w.security.Role
	name := t.qualified(PostgreSQL)
	enabled, forced, found := false, false, 0
	err := w.conn.Query(ctx, Statement{SQL: "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = to_regclass($1::text)", Args: []any{name}},
		func(scan func(into ...any) error) error { found++; return scan(&enabled, &forced) })
	switch {
	case err != nil:
		return err
	case found == 0:
		return fmt.Errorf("%w: there is no table %s", ErrTable, name)
	}
	if !enabled {
		w.differ("row level security of %s is not enabled", name)
	}
	if !forced {
		w.differ("row level security of %s is not forced: its owner sees every row", name)
	}
	if err := w.lookAtRole(ctx, role); err != nil {
		return err
	}
	return w.conn.Query(ctx, Statement{SQL: `SELECT polname, CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
			CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
			pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
		FROM pg_policy WHERE polrelid = to_regclass($1::text)
			AND EXISTS (SELECT 1 FROM unnest(polroles) AS r(oid) WHERE r.oid = 0 OR pg_has_role($2::text, r.oid, 'USAGE')) ORDER BY polname`, Args: []any{name, role}},
		func(scan func(into ...any) error) error {
			var p livePolicy
			if err := scan(&p.name, &p.kind, &p.command, &p.using, &p.check); err != nil {
				return err
			}
			w.live = append(w.live, p)
			return nil
		})
}

// lookAtRole reads whether the role is held to row security.
func (w *witness) lookAtRole(ctx context.Context, role string) error {
	found := false
	err := w.conn.Query(ctx, Statement{SQL: "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1::text", Args: []any{role}},
		func(scan func(into ...any) error) error {
			found = true
			free := false
			if err := scan(&free); err != nil || !free {
				return err
			}
			w.differ("the role %s is not held to row security", role)
			return nil
		})
	if err == nil && !found {
		err = fmt.Errorf("%w: there is no role %s", ErrTable, role)
	}
	return err
}

// asked are the predicates that PostgreSQL asks: of the row that is there, or of
// the one that is written.
var asked = []struct {
	operation Operation
	command   string
	written   bool
}{
	{Read, "SELECT", false},
	{Insert, "INSERT", true},
	{Update, "UPDATE", false},
	{Update, "UPDATE", true},
	{Delete, "DELETE", false},
}

// ask compares every predicate for every witness. For each predicate the
// temporary table has a policy for SELECT that says the same.
func (w *witness) ask(ctx context.Context, rows int) error {
	w.speak()
	t := w.security.Table
	name := PostgreSQL.quote(t.Name)
	t.Schema = "pg_temp"
	table := t.qualified(PostgreSQL)
	statements := []string{
		// Of the same name, since an expression may name the table.
		"CREATE TEMPORARY TABLE " + name + " ON COMMIT DROP AS SELECT * FROM " + w.security.Table.qualified(PostgreSQL) + " WHERE false",
		"ALTER TABLE " + table + " ADD COLUMN rowan_witness integer",
		"GRANT SELECT ON " + table + " TO " + PostgreSQL.quote(w.security.Role),
		"ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY",
	}
	for _, sql := range statements {
		if _, err := w.conn.Exec(ctx, Statement{SQL: sql}); err != nil {
			return err
		}
	}
	if err := w.fill(ctx, table, rows); err != nil {
		return err
	}
	values, err := w.read(ctx, &t)
	if err != nil {
		return err
	}
	for _, a := range asked {
		if w.security.Table.Access.action(a.operation) == "" && !slices.ContainsFunc(w.live, func(p livePolicy) bool { return p.command == a.command || p.command == "ALL" }) {
			continue
		}
		for _, variables := range w.sessions {
			if err := w.compare(ctx, &t, a.operation, a.command, a.written, variables, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare asks one predicate about all witnesses, for one session.
func (w *witness) compare(ctx context.Context, t *Table, o Operation, command string, written bool, variables map[string]string, values map[int][]conditions.Value) error {
	caller, err := w.caller(variables)
	if err != nil {
		return err
	}
	visible := map[int]bool{}
	err = w.conn.Atomic(ctx, func(c Conn) error {
		for _, sql := range w.policies(t, command, written) {
			if _, err := c.Exec(ctx, Statement{SQL: sql}); err != nil {
				return fmt.Errorf("a policy of the database: %w", err)
			}
		}
		if err := w.security.Enter(engine.WithCaller(ctx, caller), c); err != nil && !errors.Is(err, ErrSession) {
			return err
		}
		err := c.Query(ctx, Statement{SQL: "SELECT rowan_witness FROM " + t.qualified(PostgreSQL)}, func(scan func(into ...any) error) error {
			n := 0
			if err := scan(&n); err != nil {
				return err
			}
			visible[n] = true
			return nil
		})
		if err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return err
	}
	filters, err := w.filters(caller, o)
	if err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(values)) {
		row := values[n]
		kept := len(filters) > 0
		for i := range filters {
			kept = kept && filters[i].Keep(row)
		}
		if kept == visible[n] {
			continue
		}
		what := "the database lets through what the policies do not"
		if kept {
			what = "the database holds back what the policies allow"
		}
		if written {
			command += " with check"
		}
		w.found = append(w.found, Drift{What: what, Command: command, Row: row, Variables: variables, Kept: kept})
		return nil // one of a kind will do
	}
	return nil
}

// policies are the database's policies for a command, as policies for SELECT of
// the temporary table.
func (w *witness) policies(t *Table, command string, written bool) []string {
	var out []string
	for i, p := range w.live {
		if p.command != command && p.command != "ALL" {
			continue
		}
		expression := p.using
		if written && p.check != nil {
			expression = p.check
		}
		if expression == nil {
			continue // a policy without one lets nothing through, nor holds anything back
		}
		out = append(out, fmt.Sprintf("CREATE POLICY rowan_witness_%d ON %s AS %s FOR SELECT TO %s USING (%s)", i, t.qualified(PostgreSQL), p.kind, PostgreSQL.quote(w.security.Role), *expression))
	}
	return out
}

// caller is a session of the role.
func (w *witness) caller(variables map[string]string) (*engine.Caller, error) {
	arn := w.security.Principal
	p, err := engine.ParsePrincipal("arn:aws:sts::" + account(arn) + ":assumed-role/" + arn[strings.LastIndexByte(arn, '/')+1:] + "/witness")
	if err != nil {
		return nil, err
	}
	if p, err = p.WithRole(arn); err != nil {
		return nil, err
	}
	x := w.security.Vocabulary.NewContext()
	if err := p.Describe(x); err != nil {
		return nil, err
	}
	for key, value := range variables {
		if err := x.Set(key, value); err != nil {
			return nil, err
		}
	}
	return &engine.Caller{Principal: p, Evaluator: &engine.Evaluator{}, Session: x}, nil
}

// filters are what is left of each set for an operation; none if it has no
// action.
func (w *witness) filters(caller *engine.Caller, o Operation) ([]engine.Filter, error) {
	action := w.security.Table.Access.action(o)
	if action == "" {
		return nil, nil
	}
	keys := make([]string, len(w.security.Table.Columns))
	for i, c := range w.security.Table.Columns {
		keys[i] = c.Key
	}
	out := make([]engine.Filter, len(w.security.Policies))
	for i, documents := range w.security.Policies {
		set, err := engine.Compile(w.security.Vocabulary, policy.Identity, documents...)
		if err != nil {
			return nil, err
		}
		if out[i], err = (&engine.Evaluator{Identity: set}).Filter(caller.NewRequest(action, w.security.Table.Access.Resource), keys...); err != nil {
			return nil, err
		}
	}
	return out, nil
}
