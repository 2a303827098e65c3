package decide

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/access/sqlrow"
	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/engine"
)

// Filter says which rows a subject may reach.
func (d *Decider) Filter(ctx context.Context, in *rowanv1.FilterRequest) (*rowanv1.FilterResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	if s.guards() {
		return nil, status.Error(codes.FailedPrecondition, "the bundle has guardrails in Rego, which no filter can hold: ask DecideRows")
	}
	table, err := s.table(in)
	if err != nil {
		return nil, err
	}
	unknown := in.GetUnknown()
	if len(unknown) == 0 && table != nil {
		unknown = keysOf(table)
	}
	if len(unknown) == 0 || len(unknown) > maxColumns {
		return nil, status.Errorf(codes.InvalidArgument, "want 1 to %d unknown keys, or a table", maxColumns)
	}
	a, err := s.ask(ctx, &asking{
		subject: in.GetSubject(), action: in.GetAction(), resource: in.GetResource(), resourceAccount: in.GetResourceAccount(), context: in.GetContext(),
	})
	if err != nil {
		return nil, err
	}
	defer s.force.free(a)
	f, err := a.evaluator.Filter(&a.request, unknown...)
	var opaque *engine.FilterError
	switch {
	case errors.As(err, &opaque):
		return nil, status.Errorf(codes.FailedPrecondition, "no filter says what the policies say: %v", err)
	case err != nil:
		return nil, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	out := &rowanv1.FilterResponse{
		Scope: scope(f.Scope()), Expression: expression(f.Root()), Text: f.String(), DecisionId: s.id(), Bundle: s.force.name,
		ValidUntil: a.until,
	}
	if out.Sql, err = sqlOf(&f, table, in.GetDialect()); err != nil {
		return nil, err
	}
	whole := engine.Decision{}
	if f.Scope() != engine.Nothing {
		whole.Outcome = engine.Allowed
	}
	return out, s.record(ctx, a, &Record{Kind: "filter", ID: out.GetDecisionId(), Decision: whole})
}

// table returns the table that the question names, nil if it names none.
func (s *session) table(in *rowanv1.FilterRequest) (*sqlrow.Table, error) {
	if in.GetTable() == "" {
		if in.GetDialect() != rowanv1.SqlDialect_SQL_DIALECT_UNSPECIFIED {
			return nil, status.Error(codes.InvalidArgument, "SQL is of a table: name one of the bundle")
		}
		return nil, nil
	}
	t, ok := s.force.Bundle.Table(in.GetTable())
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "no table %.100q in the bundle", in.GetTable())
	}
	table, ok := t.SQLRow()
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "tables/%s.yaml has no sql", t.Name)
	}
	return &table, nil
}

// keysOf are the context keys that a table has columns for.
func keysOf(t *sqlrow.Table) (keys []string) {
	for i := range t.Columns {
		keys = append(keys, t.Columns[i].Key)
	}
	return keys
}

func sqlOf(f *engine.Filter, t *sqlrow.Table, d rowanv1.SqlDialect) (*rowanv1.SqlFilter, error) {
	dialects := map[rowanv1.SqlDialect]sqlrow.Dialect{
		rowanv1.SqlDialect_SQL_DIALECT_POSTGRES: sqlrow.PostgreSQL,
		rowanv1.SqlDialect_SQL_DIALECT_MYSQL:    sqlrow.MySQL,
		rowanv1.SqlDialect_SQL_DIALECT_SQLITE:   sqlrow.SQLite,
	}
	if d == rowanv1.SqlDialect_SQL_DIALECT_UNSPECIFIED {
		return nil, nil
	}
	dialect, ok := dialects[d]
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "no dialect %d", d)
	}
	clause, err := sqlrow.Where(f, t, dialect)
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "%v", err)
	}
	out := &rowanv1.SqlFilter{Where: clause.SQL}
	for _, a := range clause.Args {
		out.Args = append(out.Args, fmt.Sprint(a))
	}
	return out, nil
}

func scope(s engine.Scope) rowanv1.FilterScope {
	switch s {
	case engine.Everything:
		return rowanv1.FilterScope_FILTER_SCOPE_EVERYTHING
	case engine.Partly:
		return rowanv1.FilterScope_FILTER_SCOPE_SOME
	case engine.Nothing:
	}
	return rowanv1.FilterScope_FILTER_SCOPE_NOTHING
}

// expression renders an expression. Filters are not deep: conjunctions and
// disjunctions take turns, and join no more than policies have statements.
func expression(x *engine.Expr) *rowanv1.Expression {
	out := &rowanv1.Expression{}
	switch x.Op {
	case engine.ExprFalse:
		out.Op = rowanv1.ExpressionOp_EXPRESSION_OP_FALSE
	case engine.ExprTrue:
		out.Op = rowanv1.ExpressionOp_EXPRESSION_OP_TRUE
	case engine.ExprAnd:
		out.Op = rowanv1.ExpressionOp_EXPRESSION_OP_AND
	case engine.ExprOr:
		out.Op = rowanv1.ExpressionOp_EXPRESSION_OP_OR
	case engine.ExprTest:
		out.Op, out.Key, out.Test = rowanv1.ExpressionOp_EXPRESSION_OP_TEST, x.Test.Key.Name, x.String()
	}
	for i := range x.Args {
		out.Args = append(out.Args, expression(&x.Args[i]))
	}
	return out
}
