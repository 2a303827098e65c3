package partiql_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/partiql"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`SELECT a, b.c[0], size(d) FROM "T"."I" WHERE e = 'x' AND (f IN [1, ?] OR NOT g BETWEEN 1 AND h) ORDER BY i DESC`,
		`SELECT * FROM T WHERE begins_with(a, 'b') AND c IS NOT MISSING AND d <> -1e5 + 2 - (e - 1)`,
		`EXISTS(SELECT * FROM T WHERE a = true)`, `INSERT INTO T VALUE {'a': [1, <<'b'>>, {'c': NULL}]}`,
		`UPDATE T SET a = list_append(b, [1]) REMOVE c[1] WHERE d = ? RETURNING ALL NEW *`,
		`DELETE FROM T WHERE a = 'it''s' RETURNING ALL OLD *`, `SELECT "a""b" FROM T`, `SELECT * FROM T -- x`, `SELECT`, `'`, `"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := partiql.Parse(text)
		if err != nil {
			return
		}
		everyNameIsReported(t, text, s.Attributes())
		once := s.String()
		if len(once) > partiql.MaxCharacters { // quotes are added
			return
		}
		again, err := partiql.Parse(once)
		require.NoError(t, err, "%q is printed as %q", text, once)
		require.Equal(t, once, again.String())
		require.Equal(t, s.Attributes(), again.Attributes())
		require.Equal(t, s.Parameters, again.Parameters)
		require.Equal(t, [2]string{s.Table, s.Index}, [2]string{again.Table, again.Index})
	})
}

// everyNameIsReported is an oracle that shares nothing with the parser: with
// strings and what follows a dot taken out, every name left is of an attribute,
// the table or index, or a word of the language.
func everyNameIsReported(t *testing.T, text string, attributes []string) {
	t.Helper()
	if strings.ContainsAny(text, `'"`) {
		return // the test for printed statements covers these
	}
	known := map[string]bool{}
	for _, a := range attributes {
		known[a] = true
	}
	for _, k := range strings.Fields("ALL AND ASC BETWEEN BY DELETE DESC EXISTS FALSE FROM IN INSERT INTO IS MISSING MODIFIED NEW NOT NULL OLD OR " +
		"ORDER REMOVE RETURNING SELECT SET TRUE UPDATE VALUE WHERE ATTRIBUTE_TYPE BEGINS_WITH CONTAINS SIZE LIST_APPEND SET_ADD SET_DELETE") {
		known[k] = true
	}
	tokens := split(text)
	for i, w := range tokens {
		if w[0] >= '0' && w[0] <= '9' || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
			continue
		}
		before := ""
		if i > 0 {
			before = strings.ToUpper(tokens[i-1])
		}
		if before == "." || before == "FROM" || before == "INTO" || before == "UPDATE" {
			continue
		}
		require.True(t, known[w] || known[strings.ToUpper(w)], "%q in %q is not reported", w, text)
	}
}

// split divides text at white space and around punctuation.
func split(text string) []string {
	var spaced strings.Builder
	for _, r := range text {
		if strings.ContainsRune("=<>!+-()[]{}.,:*?", r) {
			spaced.WriteString(" " + string(r) + " ")
			continue
		}
		spaced.WriteRune(r)
	}
	return strings.Fields(spaced.String())
}
