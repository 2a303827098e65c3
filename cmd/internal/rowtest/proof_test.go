package rowtest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/rowproof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// proofCase is a case about two keys of a row, where a policy allows what meets
// both conditions.
func proofCase(t *testing.T, blocks ...string) *rowproof.Case {
	var statements []json.RawMessage
	for _, b := range blocks {
		statements = append(statements, json.RawMessage(b))
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	require.NoError(t, err)
	document, err := policy.Parse("policy.json", text)
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, document)
	require.NoError(t, err)
	return &rowproof.Case{
		Asker: "ann", Action: "app:Read", Texts: []string{"ann", "10", "true", "s%b_*"},
		Question: bundle.Question{Evaluator: &engine.Evaluator{Identity: set}, Request: newRequest(t)},
		Keys:     []sqlrow.Column{{Key: "app:owner", Name: "c0"}, {Key: "app:size", Name: "c1", Type: sqlrow.Integer}},
	}
}

func allowed(condition string) string {
	return `{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": ` + condition + `}`
}

const both = `{"StringLike": {"app:owner": ["ann", "s%b_*"]}, "NumericLessThan": {"app:size": "10"}}`

// TestProofOverSQL proves a case on every database, and finds a predicate that
// is spoilt.
func TestProofOverSQL(t *testing.T) {
	half := proofCase(t, allowed(`{"StringLike": {"app:owner": ["ann", "s%b_*"]}}`))
	faults := map[string]func(*engine.Filter, *sqlrow.Table, sqlrow.Dialect) (sqlrow.Clause, error){
		"": sqlrow.Where,
		"a conjunct is missing": func(_ *engine.Filter, table *sqlrow.Table, d sqlrow.Dialect) (sqlrow.Clause, error) {
			f, err := half.Evaluator.Filter(half.Request, "app:owner", "app:size")
			require.NoError(t, err)
			return sqlrow.Where(&f, table, d)
		},
		"no predicate": func(*engine.Filter, *sqlrow.Table, sqlrow.Dialect) (sqlrow.Clause, error) {
			return sqlrow.Clause{SQL: "1 = 1"}, nil
		},
		"nothing": func(*engine.Filter, *sqlrow.Table, sqlrow.Dialect) (sqlrow.Clause, error) {
			return sqlrow.Clause{SQL: "1 = 0"}, nil
		},
		"neither true nor false": func(f *engine.Filter, table *sqlrow.Table, d sqlrow.Dialect) (sqlrow.Clause, error) {
			c, err := sqlrow.Where(f, table, d)
			c.SQL = "(" + c.SQL + " OR c1 < 10 AND c1 > 10)"
			return c, err
		},
		"wildcards of LIKE": func(*engine.Filter, *sqlrow.Table, sqlrow.Dialect) (sqlrow.Clause, error) {
			return sqlrow.Clause{SQL: "c0 IS NOT NULL AND c1 IS NOT NULL AND (c0 = 'ann' OR c0 LIKE 's%b_%') AND c1 < 10"}, nil
		},
	}
	each(t, func(t *testing.T, db *database) {
		for name, where := range faults {
			t.Run(name, func(t *testing.T) {
				s, err := rowproof.OpenSQL(t.Context(), db.DB, db.dialect)
				require.NoError(t, err)
				defer func() { require.NoError(t, s.Close()) }()
				s.Where = where
				p := rowproof.NewProver(rowproof.Options{Seed: 1, Stores: []rowproof.Store{s}})
				for i := 0; i < 60 && err == nil; i++ {
					err = p.Case(t.Context(), proofCase(t, allowed(both)))
				}
				if name == "" {
					require.NoError(t, err)
					require.Greater(t, p.Report().Stores[0].Kept, 50)
					require.Empty(t, p.Report().Refusals)
					return
				}
				var d *rowproof.DisagreementError
				require.ErrorAs(t, err, &d)
				require.Equal(t, db.dialect.String(), d.Store)
				require.Equal(t, d.Keep, d.Decide)
				require.Equal(t, name == "neither true nor false", d.Unsure)
			})
		}
	})
}

// TestProofTypes proves every type of column on every database, those among them
// that it does not have.
func TestProofTypes(t *testing.T) {
	blocks := map[sqlrow.Type][]string{
		sqlrow.Text:        {`{"StringLike": {"app:k": ["a*", "%?", "10"]}}`, `{"StringNotEquals": {"app:k": ["a", ""]}}`, `{"NumericLessThan": {"app:k": "10"}}`, `{"StringEqualsIgnoreCase": {"app:k": ["k", "s\ufffd", "É"]}}`, `{"IpAddress": {"app:k": "10.0.0.0/8"}}`},
		sqlrow.Integer:     {`{"NumericLessThan": {"app:k": "10"}}`, `{"StringEquals": {"app:k": ["10", "010"]}}`},
		sqlrow.Decimal:     {`{"NumericGreaterThan": {"app:k": "0.1"}}`, `{"StringNotEquals": {"app:k": "0.1"}}`},
		sqlrow.Bool:        {`{"Bool": {"app:k": "true"}}`, `{"StringNotEquals": {"app:k": "true"}}`},
		sqlrow.Bytes:       {`{"BinaryEquals": {"app:k": ["YQ==", "/w=="]}}`},
		sqlrow.Timestamp:   {`{"DateLessThan": {"app:k": "2026-03-01T12:00:00Z"}}`},
		sqlrow.TimestampTZ: {`{"DateGreaterThanEquals": {"app:k": "2026-03-01T12:00:00Z"}}`},
		sqlrow.UUID:        {`{"StringEquals": {"app:k": "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01"}}`},
		sqlrow.TextArray:   {`{"ForAllValues:StringLike": {"app:k": ["a*", "10"]}}`, `{"ForAnyValue:StringEquals": {"app:k": ["a", "10"]}}`, `{"Null": {"app:k": "true"}}`},
	}
	each(t, func(t *testing.T, db *database) {
		s, err := rowproof.OpenSQL(t.Context(), db.DB, db.dialect)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		p := rowproof.NewProver(rowproof.Options{Seed: 1, Stores: []rowproof.Store{s}})
		for k := sqlrow.Text; k <= sqlrow.TextArray; k++ {
			require.NotEmpty(t, blocks[k])
			before := p.Report().Stores[0]
			for range 10 {
				for _, b := range blocks[k] {
					c := proofCase(t, allowed(b))
					c.Keys = []sqlrow.Column{{Key: "app:k", Name: "c0", Type: k}}
					c.Texts = append(c.Texts, "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01", "2026-03-01T12:00:00Z", "a", "k", "\u212a", "0.1", "0.10")
					require.NoError(t, p.Case(t.Context(), c))
				}
			}
			has := db.types[0][k] != "" || db.types[1][k] != ""
			require.Equal(t, has, p.Report().Stores[0].Pairs > before.Pairs, "%s", k)
		}
		t.Logf("%+v", p.Report().Stores[0])
	})
}
