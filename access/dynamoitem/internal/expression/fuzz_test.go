package expression_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/expression"
)

// stable wants that what text reads as is printed, and what is printed reads as
// the same.
func stable(t *testing.T, text string, print func(string) (string, error)) {
	t.Helper()
	once, err := print(text)
	if err != nil || len(once) > expression.MaxBytes { // spaces may be added
		return
	}
	twice, err := print(once)
	require.NoError(t, err, "%q is printed as %q", text, once)
	require.Equal(t, once, twice, text)
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		"a = :b", "NOT (a.b[0] <> #c OR size(d) >= :e) AND f IN (:g, h)", "attribute_type(a, :b) and c between :d and e",
		"((a)) = (:b)", "begins_with(a, :b) AND contains(c, d)", "a = :b AND", "(((", "#", "a[00]", "NOT NOT a = b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stable(t, text, func(s string) (string, error) {
			n, err := expression.Condition(s)
			if err != nil {
				return "", err
			}
			everyNameIsRead(t, s, func(visit func(*expression.Node)) { n.Walk(visit) })
			return n.String(), nil
		})
		stable(t, text, func(s string) (string, error) {
			n, _, err := expression.KeyCondition(s)
			if err != nil {
				return "", err
			}
			return n.String(), nil
		})
	})
}

func FuzzProjection(f *testing.F) {
	for _, seed := range []string{"a", "a.b[0].#c, d[1][2]", "a,", "a b", "#a.#b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stable(t, text, func(s string) (string, error) {
			paths, err := expression.Projection(s)
			if err != nil {
				return "", err
			}
			everyNameIsRead(t, s, func(visit func(*expression.Node)) {
				for _, p := range paths {
					p.Walk(visit)
				}
			})
			return expression.List(paths), nil
		})
	})
}

func FuzzUpdate(f *testing.F) {
	for _, seed := range []string{
		"SET a = :b, c.d = if_not_exists(e, :f) + g REMOVE h[0] ADD i :j DELETE k :l", "SET a = (b - (c - :d))",
		"set a = list_append(list_append(b, c), :d)", "REMOVE", "SET a", "SET a = b SET c = d",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stable(t, text, func(s string) (string, error) {
			u, err := expression.ParseUpdate(s)
			if err != nil {
				return "", err
			}
			everyNameIsRead(t, s, u.Walk)
			return u.String(), nil
		})
	})
}

// everyNameIsRead is an oracle that shares nothing with the parser: whatever in
// the text looks like a name, and is no word of the grammar, must be in a path
// or be a placeholder of a value. Source: iam-semantics §10.4.
func everyNameIsRead(t *testing.T, text string, walk func(func(*expression.Node))) {
	t.Helper()
	read := map[string]bool{}
	walk(func(n *expression.Node) {
		for _, e := range n.Path {
			read[e.Name] = true
		}
		if n.Kind == expression.Value || n.Kind == expression.Call {
			read[n.Text] = true
		}
	})
	words := strings.FieldsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("#:_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", r)
	})
	for _, w := range words {
		for _, part := range cut(w) {
			if strings.Trim(part, "0123456789") == "" {
				continue
			}
			switch strings.ToUpper(part) {
			case "AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE":
				continue
			}
			require.True(t, read[part], "%q in %q was not read", part, text)
		}
	}
}

// cut divides a run such as AND:b at its placeholders.
func cut(s string) []string {
	var parts []string
	for len(s) > 0 {
		n := strings.IndexAny(s[1:], "#:") + 1
		if n == 0 {
			n = len(s)
		}
		parts, s = append(parts, s[:n]), s[n:]
	}
	return parts
}
