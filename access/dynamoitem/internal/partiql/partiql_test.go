package partiql_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/partiql"
)

// TestParse: what is read, as it is printed, and the attributes it names.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, want string
		attributes []string
	}{
		{`select * from Music`, `SELECT * FROM "Music"`, nil},
		{
			`SELECT a, b.c[0]."d e", size(f) FROM "T"."I"`, `SELECT "a", "b"."c"[0]."d e", size("f") FROM "T"."I"`,
			[]string{"a", "b", "f"},
		},
		{
			`SELECT * FROM T WHERE a=1 OR b!='x' AND NOT(c<-1.5e3 OR d>=?)`,
			`SELECT * FROM "T" WHERE "a" = 1 OR "b" <> 'x' AND NOT ("c" < -1.5e3 OR "d" >= ?)`,
			[]string{"a", "b", "c", "d"},
		},
		{
			`SELECT * FROM T WHERE a IN (1, +2) AND b IN ['it''s'] AND c BETWEEN d AND e + 1 AND f - (g - h) = 2`,
			`SELECT * FROM "T" WHERE "a" IN [1, 2] AND "b" IN ['it''s'] AND "c" BETWEEN "d" AND "e" + 1 AND "f" - ("g" - "h") = 2`,
			[]string{"a", "b", "c", "d", "e", "f", "g", "h"},
		},
		{
			`SELECT * FROM T WHERE a IS MISSING AND b is not null AND Begins_With(c, 'x') AND contains(d, e) ORDER BY f DESC, g asc, h`,
			`SELECT * FROM "T" WHERE "a" IS MISSING AND "b" IS NOT NULL AND begins_with("c", 'x') AND contains("d", "e") ORDER BY "f" DESC, "g" ASC, "h"`,
			[]string{"a", "b", "c", "d", "e", "f", "g", "h"},
		},
		{
			`EXISTS(SELECT * FROM T WHERE "a""b" = true)`, `EXISTS(SELECT * FROM "T" WHERE "a""b" = TRUE)`,
			[]string{`a"b`},
		},
		{
			`INSERT INTO T value {'a':?,'b':{'c':[1,null,<<'x','y'>>]},'d':[],'e':{}}`,
			`INSERT INTO "T" VALUE {'a': ?, 'b': {'c': [1, NULL, <<'x', 'y'>>]}, 'd': [], 'e': {}}`,
			[]string{"a", "b", "d", "e"},
		},
		{
			`UPDATE T SET a=1, b.c = list_append(d, [?]) REMOVE e[1], f SET g = set_add(g, <<1>>) WHERE h='x' RETURNING modified old *`,
			`UPDATE "T" SET "a" = 1 SET "b"."c" = list_append("d", [?]) REMOVE "e"[1] REMOVE "f" SET "g" = set_add("g", <<1>>) WHERE "h" = 'x' RETURNING MODIFIED OLD *`,
			[]string{"a", "b", "d", "e", "f", "g", "h"},
		},
		{`DELETE FROM "a-b.c" WHERE d='x' RETURNING ALL OLD *`, `DELETE FROM "a-b.c" WHERE "d" = 'x' RETURNING ALL OLD *`, []string{"d"}},
		{`SELECT "select" FROM T WHERE "it's" = 'a "quote"'`, `SELECT "select" FROM "T" WHERE "it's" = 'a "quote"'`, []string{"select", "it's"}},
	} {
		s, err := partiql.Parse(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, s.String(), c.text)
		require.Equal(t, c.attributes, s.Attributes(), c.text)
		require.Equal(t, strings.Count(c.text, "?"), s.Parameters, c.text)
	}
}

func TestParseRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                                "1: want SELECT, INSERT, UPDATE, DELETE or EXISTS, have the end",
		"DROP TABLE T":                                                    `1: want SELECT, INSERT, UPDATE, DELETE or EXISTS, have "DROP"`,
		"SELECT FROM T":                                                   `8: want a path or a value, have "FROM"`,
		"SELECT DISTINCT a FROM T":                                        `17: want FROM, have "a"`,
		"SELECT VALUE a FROM T":                                           `8: want a path or a value, have "VALUE"`,
		"SELECT count(*) FROM T":                                          `8: no function "count" here`,
		"SELECT *, a FROM T":                                              `9: want FROM, have ","`,
		"SELECT a b FROM T":                                               `10: want FROM, have "b"`,
		"SELECT a = b FROM T":                                             `10: want FROM, have "="`,
		"SELECT begins_with(a, 'b') FROM T":                               "8: want a path, a value or a function, have a condition",
		"SELECT a.* FROM T":                                               `10: want the name of an attribute, have "*"`,
		"SELECT a[*] FROM T":                                              `10: want the index of a list, have "*"`,
		"SELECT a['b'] FROM T":                                            "10: want the index of a list, have a string",
		"SELECT a[1.5] FROM T":                                            "10: want the index of a list, have a number",
		"SELECT a[1e2] FROM T":                                            "10: want the index of a list, have a number",
		"SELECT * FROM T, U":                                              `16: want the end, have ","`,
		"SELECT * FROM 'T'":                                               "15: want the name of a table, have a string",
		`SELECT * FROM ""`:                                                `15: want the name of a table, have ""`,
		"SELECT * FROM T.I.x":                                             `18: want the end, have "."`,
		"SELECT * FROM T JOIN U":                                          `17: want the end, have "JOIN"`,
		"SELECT * FROM T WHERE":                                           "22: want a path or a value, have the end",
		"SELECT * FROM T WHERE a":                                         "23: want a condition, have a value",
		"SELECT * FROM T WHERE NOT a":                                     "27: want a condition, have a value",
		"SELECT * FROM T WHERE TRUE":                                      "23: want a condition, have a value",
		"SELECT * FROM T WHERE a = 1 AND 2":                               "33: want a condition, have a value",
		"SELECT * FROM T WHERE (a = 1) + 1 = 2":                           "24: want a path, a value or a function, have a condition",
		"SELECT * FROM T WHERE a = 1 = 2":                                 `29: want the end, have "="`,
		"SELECT * FROM T WHERE a LIKE 'x'":                                "23: want a condition, have a value",
		"SELECT * FROM T WHERE a || 'x' = 'y'":                            "23: want a condition, have a value",
		"SELECT * FROM T WHERE a * 2 = 4":                                 "23: want a condition, have a value",
		"SELECT * FROM T WHERE a NOT IN [1]":                              "23: want a condition, have a value",
		"SELECT * FROM T WHERE a IN ?":                                    `28: want "(", have "?"`,
		"SELECT * FROM T WHERE a IN []":                                   `29: want a path or a value, have "]"`,
		"SELECT * FROM T WHERE a IN [1)":                                  `30: want "]", have ")"`,
		"SELECT * FROM T WHERE a IS STRING":                               `28: want NULL or MISSING, have "STRING"`,
		"SELECT * FROM T WHERE a BETWEEN 1 OR 2":                          `35: want AND, have "OR"`,
		"SELECT * FROM T WHERE a = 'x":                                    "27: want a path or a value, have a quote that does not end",
		`SELECT * FROM T WHERE a = "x`:                                    "27: want a path or a value, have a quote that does not end",
		"SELECT * FROM T WHERE a = `x`":                                   "27: want a path or a value, have \"`\"",
		"SELECT * FROM T WHERE a = - b":                                   `29: want a number, have "b"`,
		"SELECT * FROM T WHERE a = --1":                                   `27: want a path or a value, have "--"`,
		"SELECT * FROM T WHERE a /* */ = 1":                               "23: want a condition, have a value",
		"SELECT * FROM T WHERE a = 1;":                                    `28: want the end, have ";"`,
		"SELECT * FROM T WHERE a = $b":                                    `27: want a path or a value, have "$"`,
		"SELECT * FROM T WHERE é = 1":                                     `23: want a path or a value, have "é"`,
		"SELECT * FROM T LIMIT 1":                                         `17: want the end, have "LIMIT"`,
		"SELECT * FROM T GROUP BY a":                                      `17: want the end, have "GROUP"`,
		"SELECT * FROM T ORDER a":                                         `23: want BY, have "a"`,
		"SELECT * FROM T ORDER BY size(a)":                                `30: want the end, have "("`,
		"SELECT * FROM T RETURNING ALL OLD *":                             `17: want the end, have "RETURNING"`,
		"SELECT t.a FROM T":                                               `8: "t" may be the table or an attribute`,
		"SELECT a FROM T WHERE \"T\" = 1":                                 `23: "T" may be the table or an attribute`,
		"SELECT a FROM T.I WHERE size(I) = 1":                             `30: "I" may be the table or an attribute`,
		"SELECT a FROM T ORDER BY T":                                      `26: "T" may be the table or an attribute`,
		"UPDATE T SET T.a = 1 WHERE b = 1":                                `14: "T" may be the table or an attribute`,
		"EXISTS SELECT * FROM T":                                          `8: want "(", have "SELECT"`,
		"EXISTS(DELETE FROM T WHERE a = 1)":                               `8: want SELECT, have "DELETE"`,
		"SELECT * FROM T WHERE EXISTS(SELECT * FROM U)":                   `23: want a path or a value, have "EXISTS"`,
		"INSERT INTO T VALUES {'a': 1}":                                   `15: want VALUE, have "VALUES"`,
		"INSERT INTO T (a) VALUES (1)":                                    `15: want VALUE, have "("`,
		"INSERT INTO T VALUE ?":                                           `21: want a tuple, have "?"`,
		"INSERT INTO T VALUE {a: 1}":                                      `22: want the name of an attribute as 'text', have "a"`,
		`INSERT INTO T VALUE {"a": 1}`:                                    `22: want the name of an attribute as 'text', have "a"`,
		"INSERT INTO T VALUE {'': 1}":                                     "22: want the name of an attribute as 'text', have a string",
		"INSERT INTO T VALUE {'a': 1, 'a': 2}":                            `30: the attribute "a" twice`,
		"INSERT INTO T VALUE {'a': b}":                                    `27: want a path or a value, have "b"`,
		"INSERT INTO T VALUE {'a': 1 + 1}":                                `29: want "}", have "+"`,
		"INSERT INTO T VALUE {'a': size('b')}":                            `27: want a path or a value, have "size"`,
		"INSERT INTO T VALUE {'a': 1} RETURNING ALL OLD *":                `30: want the end, have "RETURNING"`,
		"INSERT INTO T VALUE {'a': 1} IF NOT EXISTS":                      `30: want the end, have "IF"`,
		"INSERT INTO T VALUE {'a': " + strings.Repeat("[", 32):            "58: values nest deeper than 32",
		"UPDATE T WHERE a = 1":                                            `10: want SET or REMOVE, have "WHERE"`,
		"UPDATE T SET a = 1":                                              "19: want WHERE, have the end",
		"UPDATE T SET a = b = 1 WHERE c = 1":                              `20: want WHERE, have "="`,
		"UPDATE T SET 'a' = 1 WHERE c = 1":                                "14: want the name of an attribute, have a string",
		"UPDATE T ADD a 1 WHERE c = 1":                                    `10: want SET or REMOVE, have "ADD"`,
		"UPDATE T.I SET a = 1 WHERE c = 1":                                `9: want SET or REMOVE, have "."`,
		"UPDATE T SET a = if_not_exists(a, 1) WHERE c = 1":                `18: no function "if_not_exists" here`,
		"UPDATE T SET a = 1 WHERE c = 1 RETURNING *":                      "42: want ALL OLD *, MODIFIED OLD *, ALL NEW *, MODIFIED NEW *",
		"UPDATE T SET a = 1 WHERE c = 1 RETURNING ALL NEW a":              `50: want "*", have "a"`,
		"DELETE FROM T":                                                   "14: want WHERE, have the end",
		"DELETE FROM T WHERE a = 1 RETURNING ALL NEW *":                   "37: want ALL OLD *",
		"DELETE FROM T WHERE a = 1 RETURNING MODIFIED OLD *":              "37: want ALL OLD *",
		"DELETE T WHERE a = 1":                                            `8: want FROM, have "T"`,
		strings.Repeat("x", 8193):                                         "a statement has at most 8192 characters, not 8193",
		"SELECT * FROM T WHERE a IN [1" + strings.Repeat(",1", 100) + "]": "23: IN takes at most 100 values",
		"SELECT * FROM T WHERE " + strings.Repeat("(", 301):               "323: nests deeper than 300",
		"SELECT * FROM T WHERE " + strings.Repeat("NOT ", 301):            "1223: more than 300 operators and functions",
	} {
		_, err := partiql.Parse(text)
		assert.EqualError(t, err, want, text)
	}
}
