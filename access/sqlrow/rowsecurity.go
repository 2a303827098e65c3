package sqlrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// RowSecurity turns the policies of one IAM role into row security policies of
// PostgreSQL for one database role: the database then holds any statement of
// that role to them, whoever wrote it. A session of the database role says on
// whose behalf it runs in variables of its own, which RunAs sets for the length
// of a transaction. They are only as good as the statements that the role runs:
// one that can be made to set a variable can be made to be another.
//
// A statement of a policy is translated exactly or not at all. Its conditions
// must ask about keys of the row; where they compare with a policy variable,
// that is one of Variables, which has one value, not empty. Without a value
// for each of them no row is shown.
//
// PostgreSQL asks the policies for reading about every row that a statement has
// to find: a row that may be changed but not read is not found by UPDATE or
// DELETE with a condition. A row that is inserted with RETURNING must be
// readable too. Roles that have BYPASSRLS and superusers are not held to row
// security at all.
type RowSecurity struct {
	// Table is the table, with its Access and without an alias.
	Table Table
	// Role is the database role.
	Role string
	// Principal is the ARN of the IAM role: a session of any other caller is
	// refused.
	Principal string
	// Policies are the sets that must each allow, none denying: the role's
	// identity policies, its boundary if it has one, then each level of the
	// service control policies that hold for it.
	Policies [][]*policy.Document
	// Vocabulary is that of the policies.
	Vocabulary *conditions.Vocabulary
	// Variables are the context keys whose values a session brings, and for
	// each the name of the session's variable, such as "rowan.sub".
	Variables map[string]string
}

// rowCommands are the commands that have policies of their own, and whether
// these are asked of the row that is there, and of the row that is written.
var rowCommands = []struct {
	operation      Operation
	command        string
	using, checked bool
}{
	{Read, "SELECT", true, false},
	{Insert, "INSERT", false, true},
	{Update, "UPDATE", true, true},
	{Delete, "DELETE", true, false},
}

// Statements returns the statements that put the policies into the database, in
// order; they replace those of an earlier run. A command whose action the table
// does not name has no policy, and PostgreSQL then refuses it.
//
// It wraps ErrTable for a description that cannot be used, and an
// *UnsupportedError for a statement of a policy that cannot be translated.
func (s *RowSecurity) Statements() ([]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	table := s.Table.qualified(PostgreSQL)
	out := []string{
		"ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY",
		"ALTER TABLE " + table + " FORCE ROW LEVEL SECURITY",
	}
	for _, c := range rowCommands {
		name := PostgreSQL.quote("rowan_" + s.Role + "_" + strings.ToLower(c.command))
		out = append(out, "DROP POLICY IF EXISTS "+name+" ON "+table)
		if s.Table.Access.action(c.operation) == "" {
			continue
		}
		predicate, err := s.Predicate(c.operation)
		if err != nil {
			return nil, err
		}
		create := "CREATE POLICY " + name + " ON " + table + " FOR " + c.command + " TO " + PostgreSQL.quote(s.Role)
		if c.using {
			create += " USING (" + predicate + ")"
		}
		if c.checked {
			create += " WITH CHECK (" + predicate + ")"
		}
		out = append(out, create)
	}
	return out, nil
}

func (s *RowSecurity) check() error {
	for _, fault := range []error{s.Table.check(), checkName(s.Role), checkName("rowan_" + s.Role + "_select")} {
		if fault != nil {
			return fault
		}
	}
	switch {
	case len(s.Role) > 63-len("rowan__select"): // PostgreSQL would cut the name of a policy
		return fmt.Errorf("%w: the role's name is too long", ErrTable)
	case s.Vocabulary == nil, len(s.Policies) == 0, s.Table.Alias != "", s.Table.Access.Resource == "":
		return fmt.Errorf("%w: no vocabulary, no policies, no resource, or an alias", ErrTable)
	case s.Table.Access.Policy != nil:
		return fmt.Errorf("%w: a table with a resource policy cannot be left to row security", ErrTable)
	}
	if account(s.Principal) == "" || account(s.Principal) != account(s.Table.Access.Resource) {
		return fmt.Errorf("%w: the role %q is not of the account of %s", ErrTable, s.Principal, s.Table.Access.Resource)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Variables)) {
		if err := s.checkVariable(key); err != nil {
			return err
		}
	}
	return nil
}

// account is the account part of an ARN.
func account(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

func (s *RowSecurity) checkVariable(key string) error {
	k, err := s.Vocabulary.Key(key)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrTable, err)
	case k.List || !slices.Contains([]conditions.Kind{conditions.String, conditions.StringOrARN, conditions.Untyped}, k.Kind):
		return fmt.Errorf("%w: %s is no single text", ErrTable, key)
	case !validSetting(s.Variables[key]):
		return fmt.Errorf("%w: %s: %q is no variable of a session: want name.name in lower case", ErrTable, key, s.Variables[key])
	}
	if _, ok := s.Table.column(key); ok {
		return fmt.Errorf("%w: %s is the row's", ErrTable, key)
	}
	return nil
}

// validSetting reports whether s may name a variable of a session.
func validSetting(s string) bool {
	class, name, ok := strings.Cut(s, ".")
	word := func(s string) bool {
		return s != "" && len(s) < 60 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && (s[0] > '9')
	}
	return ok && word(class) && word(name)
}

// Predicate returns the predicate of an operation, without arguments.
func (s *RowSecurity) Predicate(o Operation) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	w := rowWriter{security: s, action: s.Table.Access.action(o)}
	keys := slices.Sorted(maps.Keys(s.Variables))
	settings := make([]string, len(keys))
	for i, key := range keys {
		settings[i] = s.Variables[key]
	}
	w.emitter = emitter{dialect: PostgreSQL, table: &s.Table, places: map[string]int{}, symbols: newSymbols(keys, settings)}
	var sets []string
	for _, documents := range s.Policies {
		set, err := w.set(documents)
		if err != nil {
			return "", err
		}
		sets = append(sets, set)
	}
	marked := allOf(sets...)
	if marked == never {
		return never, nil
	}
	present := make([]string, 0, len(settings)+1)
	for _, setting := range settings {
		present = append(present, "NULLIF(current_setting('"+setting+"', true), '') IS NOT NULL")
	}
	return w.inline(allOf(append(present, marked)...)), nil
}

// rowWriter writes the predicate of one action.
type rowWriter struct {
	security *RowSecurity
	action   string
	emitter  emitter
}

// inline writes the arguments into marked SQL.
func (w *rowWriter) inline(marked string) string {
	var b strings.Builder
	for i, part := range strings.Split(marked, "\x00") {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		n := 0
		for _, c := range part {
			n = 10*n + int(c-'0')
		}
		b.WriteString(w.emitter.literal(w.emitter.args[n]))
	}
	return b.String()
}

// everything is a statement that allows all.
var everything = policy.Statement{
	Effect: policy.Allow, Action: policy.Element{Values: []policy.Text{{Value: "*"}}}, Resource: policy.Element{Values: []policy.Text{{Value: "*"}}},
}

// set is for which rows one of the documents allows and none denies.
func (w *rowWriter) set(documents []*policy.Document) (string, error) {
	allows, spared := []string{never}, []string{always}
	for _, d := range documents {
		for i := range d.Statements {
			s := &d.Statements[i]
			parts, err := w.statement(d, s)
			if err != nil {
				return "", fmt.Errorf("%s, statement %d: %w", d.Name, s.Index, err)
			}
			if s.Effect == policy.Deny {
				spared = append(spared, anyOf(parts...))
			} else {
				allows = append(allows, allOf(parts...))
			}
		}
	}
	return allOf(allOf(spared...), anyOf(allows...)), nil
}

// statement asks the engine about a statement with each of its conditions alone:
// conditions that compare with a symbol must not meet, since whether two texts
// are equal is not known before the session is. What a Deny does not deny is the
// answer for a Deny.
func (w *rowWriter) statement(d *policy.Document, s *policy.Statement) ([]string, error) {
	alone := *s
	alone.Conditions, alone.Resource = nil, everything.Resource
	matches, err := w.matches(d, alone)
	if err == nil && matches {
		// It is asked only now: a variable of the resource is not known.
		if err := w.session(d, s.Resource.Values); err != nil {
			return nil, err
		}
		alone.Resource = s.Resource
		matches, err = w.matches(d, alone)
	}
	if err != nil {
		return nil, err
	}
	if !matches { // the conditions do not matter
		return []string{constant(s.Effect == policy.Deny)}, nil
	}
	if len(s.Conditions) == 0 {
		return []string{constant(s.Effect == policy.Allow)}, nil
	}
	out := make([]string, len(s.Conditions))
	for i, c := range s.Conditions {
		if _, ok := w.security.Table.column(c.Key.Value); !ok {
			return nil, w.unsupported(c.Key.Value, c.Operator.Value, "no column holds the key, and a session is not asked about it")
		}
		texts := make([]policy.Text, len(c.Values))
		for j := range c.Values {
			texts[j] = c.Values[j].Text
		}
		if err := w.variables(d, texts, c.Key.Value); err != nil {
			return nil, err
		}
		alone.Conditions = []policy.Condition{c}
		f, err := w.ask(d, alone)
		if err != nil {
			return nil, err
		}
		if out[i], err = w.emitter.expr(f.Root()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// matches reports whether a statement without conditions is about the action and
// the resource.
func (w *rowWriter) matches(d *policy.Document, s policy.Statement) (bool, error) {
	f, err := w.ask(d, s)
	if err != nil {
		return false, err
	}
	return (f.Scope() == engine.Everything) == (s.Effect == policy.Allow), nil
}

// ask is what is left of one statement; of a Deny, of all but what it denies.
func (w *rowWriter) ask(d *policy.Document, s policy.Statement) (*engine.Filter, error) {
	one := &policy.Document{Name: d.Name, Version: d.Version, Statements: []policy.Statement{s}}
	if s.Effect == policy.Deny {
		one.Statements = append(one.Statements, everything)
	}
	set, err := engine.Compile(w.security.Vocabulary, policy.Identity, one)
	if err != nil {
		return nil, err
	}
	p, err := engine.ParsePrincipal("arn:aws:sts::" + account(w.security.Principal) + ":assumed-role/row/security")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	x := w.security.Vocabulary.NewContext()
	if err := p.Describe(x); err != nil {
		return nil, err
	}
	for _, symbol := range w.emitter.symbols {
		if err := x.Set(symbol.key, symbol.text); err != nil {
			return nil, fmt.Errorf("%w: a variable that takes no text: %w", ErrTable, err)
		}
	}
	r := &engine.Request{Principal: p, Action: w.action, Resource: w.security.Table.Access.Resource, Context: x}
	keys := make([]string, len(w.security.Table.Columns))
	for i, c := range w.security.Table.Columns {
		keys[i] = c.Key
	}
	f, err := (&engine.Evaluator{Identity: set}).Filter(r, keys...)
	return &f, err
}

// variables refuses texts that hold a policy variable which no session brings.
func (w *rowWriter) variables(d *policy.Document, texts []policy.Text, of string) error {
	for _, t := range texts {
		if strings.Contains(t.Value, symbolMark) {
			return w.unsupported(of, t.Value, "a private character")
		}
		for rest := t.Value; d.Variables(); {
			_, after, found := strings.Cut(rest, "${")
			if !found {
				break
			}
			body, after, _ := strings.Cut(after, "}")
			rest = after
			name, _, _ := strings.Cut(body, ",")
			name = strings.TrimSpace(name)
			if body == "*" || body == "?" || body == "$" {
				continue
			}
			if !slices.ContainsFunc(w.emitter.symbols, func(x symbol) bool { return strings.EqualFold(x.key, name) }) {
				return w.unsupported(of, t.Value, "no session brings "+name)
			}
		}
	}
	return nil
}

// session refuses resources that hold a policy variable.
func (w *rowWriter) session(d *policy.Document, texts []policy.Text) error {
	for _, t := range texts {
		if d.Variables() && strings.Contains(t.Value, "${") {
			return w.unsupported("", "the resource "+t.Value, "a policy variable outside the conditions")
		}
	}
	return nil
}

func (w *rowWriter) unsupported(key, condition, reason string) error {
	return &UnsupportedError{Dialect: PostgreSQL, Key: key, Condition: strings.TrimSpace(key + " " + condition), Reason: reason}
}

// ErrSession means a caller that no session of the database role can stand for.
var ErrSession = errors.New("caller cannot use row security")

// Settings returns the statement that makes a transaction one of a caller's: it
// sets the session's variables and the role, both until the transaction ends,
// and its one row says whether row security does not hold for the role. It wraps
// ErrSession for a caller that is not of the IAM role, has a session policy, or
// lacks one of the variables.
func (s *RowSecurity) Settings(caller *engine.Caller) (Statement, error) {
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	if caller == nil || caller.Evaluator == nil || caller.Session == nil {
		return Statement{}, ErrNoCaller
	}
	if arn, state := caller.Session.Value("aws:PrincipalArn"); state != conditions.Present || len(arn) != 1 || s.Principal == "" || arn[0] != s.Principal {
		return Statement{}, fmt.Errorf("%w: it is not %s", ErrSession, s.Principal)
	}
	if caller.Evaluator.Session != nil {
		return Statement{}, fmt.Errorf("%w: it has a session policy", ErrSession)
	}
	b := &builder{dialect: PostgreSQL}
	b.write("SELECT ")
	for _, key := range slices.Sorted(maps.Keys(s.Variables)) {
		values, state := caller.Session.Value(key)
		if state != conditions.Present || len(values) != 1 || values[0] == "" || !PostgreSQL.storable(values[0]) || !utf8.ValidString(values[0]) {
			return Statement{}, fmt.Errorf("%w: it has no %s", ErrSession, key)
		}
		b.write("set_config('", s.Variables[key], "', ")
		b.value(values[0])
		b.write("::text, true), ")
	}
	b.write("set_config('role', ")
	b.value(s.Role)
	b.write("::text, true), (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = ")
	b.value(s.Role)
	b.write("::text)")
	return b.statement(Filtered)
}

// Enter runs the statement of Settings in the transaction at hand. It wraps
// ErrSession for a role that row security does not hold for.
func (s *RowSecurity) Enter(ctx context.Context, c Conn) error {
	caller, ok := engine.CallerFrom(ctx)
	if !ok {
		return ErrNoCaller
	}
	statement, err := s.Settings(caller)
	if err != nil {
		return err
	}
	row := make([]string, len(s.Variables)+1)
	into := make([]any, 0, len(row)+1)
	for i := range row {
		into = append(into, &row[i])
	}
	free := true
	into = append(into, &free)
	err = c.Query(ctx, statement, func(scan func(into ...any) error) error { return scan(into...) })
	switch {
	case err != nil:
		return err
	case free:
		return fmt.Errorf("%w: the role %s is not held to row security", ErrSession, s.Role)
	}
	return nil
}

// RunAs runs f in a transaction of the caller in ctx: under the database role,
// with the session's variables set until the transaction ends, so that nothing
// of them is left to the next user of the connection. It wraps ErrNoCaller and
// ErrSession; f is not run then.
func (s *RowSecurity) RunAs(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing is left to undo after a commit
	if err := s.Enter(ctx, sqlConn{runner: tx}); err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
