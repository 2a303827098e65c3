package expression_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/expression"
)

// TestCondition: what is read, as it is printed. Printing shows what binds to
// what, for parentheses stand only where they are needed.
func TestCondition(t *testing.T) {
	for text, want := range map[string]string{
		"a = :b":                                 "a = :b",
		"a<>:b":                                  "a <> :b",
		" a\t<=\r\n#b ":                          "a <= #b",
		":a >= size(b)":                          ":a >= size(b)",
		"size ( a.b[0] ) > :n":                   "size(a.b[0]) > :n",
		"a.#b [ 12 ] . c[0][1]=d":                "a.#b[12].c[0][1] = d",
		"a = :b and c = :d or e = :f":            "a = :b AND c = :d OR e = :f",
		"a = :b and (c = :d or e = :f)":          "a = :b AND (c = :d OR e = :f)",
		"(a = :b and c = :d) and e = :f":         "(a = :b AND c = :d) AND e = :f",
		"(a = :b) or ((c = :d))":                 "a = :b OR c = :d",
		"not a = :b and c = :d":                  "NOT a = :b AND c = :d",
		"not (a = :b and c = :d)":                "NOT (a = :b AND c = :d)",
		"NOT not (a = :b)":                       "NOT NOT a = :b",
		"a between :b and :c and d = :e":         "a BETWEEN :b AND :c AND d = :e",
		"a in (:b, c ,size(d))":                  "a IN (:b, c, size(d))",
		"(a) = (:b)":                             "a = :b",
		"attribute_exists(a) AND contains(:x,y)": "attribute_exists(a) AND contains(:x, y)",
		"begins_with((a), :p)":                   "begins_with(a, :p)",
		"contains = :x":                          "contains = :x",
		"_a9 = :_0":                              "_a9 = :_0",
	} {
		n, err := expression.Condition(text)
		require.NoError(t, err, text)
		require.Equal(t, want, n.String(), text)
	}
}

func TestConditionRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "the expression is empty",
		" \n":                                   "the expression is empty",
		"a":                                     `1: want a condition, have "a"`,
		"size(a)":                               `1: want a condition, have "size(a)"`,
		"(a) AND b = :c":                        `2: want a condition, have "a"`,
		"a = :b AND size(c)":                    `12: want a condition, have "size(c)"`,
		"NOT a":                                 `5: want a condition, have "a"`,
		"a = (b = :c)":                          "6: want a path, a value or size, have a condition",
		"(a = :b) = :c":                         "2: want a path, a value or size, have a condition",
		"a = attribute_exists(b)":               "5: want a path, a value or size, have a condition",
		"a IN (contains(b, :c))":                "7: want a path, a value or size, have a condition",
		"a =":                                   "4: want the name of an attribute, have the end",
		"a = :b :c":                             `8: want the end, have ":c"`,
		"a == :b":                               `4: want the name of an attribute, have "="`,
		"a != :b":                               `3: want the end, have "!"`,
		"a = 5":                                 `5: want the name of an attribute, have "5"`,
		"a = 'x'":                               `5: want the name of an attribute, have "'"`,
		"a = :":                                 `5: want the name of an attribute, have ":"`,
		"a = #":                                 `5: want the name of an attribute, have "#"`,
		"and = :b":                              `1: want the name of an attribute, have "and"`,
		"a.Set = :b":                            `3: want the name of an attribute, have "Set"`,
		"a.0 = :b":                              `3: want the name of an attribute, have "0"`,
		"a[01] = :b":                            `3: want the index of a list, have "01"`,
		"a[-1] = :b":                            `3: want the index of a list, have "-"`,
		"a[1234567890] = :b":                    `3: want the index of a list, have "1234567890"`,
		"a[0 = :b":                              `5: want "]", have "="`,
		"a..b = :c":                             `3: want the name of an attribute, have "."`,
		"(a).b = :c":                            `4: want the end, have "."`,
		"(a = :b":                               `8: want ")", have the end`,
		"a BETWEEN :b OR :c":                    `14: want AND, have "OR"`,
		"a IN :b":                               `6: want "(", have ":b"`,
		"a IN ()":                               `7: want the name of an attribute, have ")"`,
		"a NOT IN (:b)":                         `3: want the end, have "NOT"`,
		"Contains(a, :b)":                       `1: no function "Contains" here`,
		"list_append(a, :b)":                    `1: no function "list_append" here`,
		"contains(a)":                           "1: contains takes 2 operands, not 1",
		"size(a, b) = :c":                       "1: size takes 1 operands, not 2",
		"attribute_exists(:a)":                  "18: attribute_exists takes a path first",
		"contains(size(a), :b)":                 "10: contains takes paths and values",
		"begins_with(a = :b, c)":                `15: want ")", have "="`,
		"a = :b\x00":                            `7: want the end, have "\x00"`,
		"é = :b":                                `1: want the name of an attribute, have "\xc3"`,
		strings.Repeat("a", 4097):               "an expression has at most 4096 bytes, not 4097",
		"a = :" + strings.Repeat("b", 255):      "5: a placeholder has at most 255 bytes",
		"#" + strings.Repeat("b", 255) + " = a": "1: a placeholder has at most 255 bytes",
		strings.Repeat("(", 301) + "a = :b" + strings.Repeat(")", 301): "301: nests deeper than 300",
		strings.Repeat("NOT ", 301) + "a = :b":                         "1201: more than 300 operators and functions",
		"a IN (:b" + strings.Repeat(",:b", 100) + ")":                  "1: IN takes at most 100 operands",
	} {
		_, err := expression.Condition(text)
		assert.EqualError(t, err, want, text)
	}
}

// TestLimits: what is at a limit passes.
func TestLimits(t *testing.T) {
	chain := func(n int) string { return strings.Repeat("a=:b AND ", n-1) + "a=:b" }
	for _, text := range []string{
		"a IN (:b" + strings.Repeat(",:b", 99) + ")",
		strings.Repeat("(", 300) + "a = :b" + strings.Repeat(")", 300),
		"a=:b" + strings.Repeat(" ", 4092),
		chain(150), // and 149 ANDs
	} {
		_, err := expression.Condition(text)
		require.NoError(t, err, text)
	}
	_, err := expression.Condition(chain(151))
	require.ErrorContains(t, err, "more than 300 operators and functions")
}

func TestProjection(t *testing.T) {
	paths, err := expression.Projection("a, #b.c[0] ,contains")
	require.NoError(t, err)
	require.Equal(t, "a, #b.c[0], contains", expression.List(paths))
	for text, want := range map[string]string{
		"":         "the expression is empty",
		"a,":       "3: want the name of an attribute, have the end",
		"a b":      `3: want the end, have "b"`,
		"a, :b":    `4: want the name of an attribute, have ":b"`,
		"size(a)":  `5: want the end, have "("`,
		"*":        `1: want the name of an attribute, have "*"`,
		"a, or, b": `4: want the name of an attribute, have "or"`,
	} {
		_, err := expression.Projection(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestKeyCondition(t *testing.T) {
	_, terms, err := expression.KeyCondition("#p = :p AND (:s < q AND begins_with(r, :t)) AND u BETWEEN :v AND :w")
	require.NoError(t, err)
	require.Equal(t, []expression.KeyTerm{
		{At: 1, Name: "#p", Operator: "=", Values: []string{":p"}},
		{At: 14, Name: "q", Operator: ">", Values: []string{":s"}},
		{At: 25, Name: "r", Operator: "begins_with", Values: []string{":t"}},
		{At: 49, Name: "u", Operator: "BETWEEN", Values: []string{":v", ":w"}},
	}, terms)
	for text, want := range map[string]string{
		"p = :p OR p = :q":               `1: a key condition is a comparison of a key attribute, not "p = :p OR p = :q"`,
		"NOT p = :p":                     `1: a key condition is a comparison of a key attribute, not "NOT p = :p"`,
		"p <> :p":                        `1: a key condition is a comparison of a key attribute, not "p <> :p"`,
		"p IN (:p)":                      `1: a key condition is a comparison of a key attribute, not "p IN (:p)"`,
		"p = :p AND attribute_exists(q)": `12: a key condition is a comparison of a key attribute, not "attribute_exists(q)"`,
		"p = :p AND contains(q, :c)":     `12: a key condition is a comparison of a key attribute, not "contains(q, :c)"`,
		"p = q":                          `5: want a :value, have "q"`,
		"p BETWEEN :a AND q":             `18: want a :value, have "q"`,
		"p.x = :p":                       `1: want a key attribute, have "p.x"`,
		"size(p) = :p":                   `1: want a key attribute, have "size(p)"`,
		":p = :p":                        `6: want a key attribute, have ":p"`,
		"begins_with(:p, q)":             `13: want a key attribute, have ":p"`,
		"p = ":                           "5: want the name of an attribute, have the end",
	} {
		_, _, err := expression.KeyCondition(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestUpdate(t *testing.T) {
	for text, want := range map[string]string{
		"SET a = :b":                     "SET a = :b",
		"set a=b+:c,d.e[0] = (f - (:g))": "SET a = b + :c, d.e[0] = f - :g",
		"SET a = b - (c - :d)":           "SET a = b - (c - :d)",
		"SET a = b + c + d":              "SET a = b + c + d",
		"SET a = if_not_exists(a, :b) + :c, l = list_append(list_append(l, :m), if_not_exists(n, :o))": "SET a = if_not_exists(a, :b) + :c, l = list_append(list_append(l, :m), if_not_exists(n, :o))",
		"DELETE s :t ADD n :m REMOVE r[1], #q SET a = :b":                                              "SET a = :b REMOVE r[1], #q ADD n :m DELETE s :t",
		"REMOVE a": "REMOVE a",
	} {
		u, err := expression.ParseUpdate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, u.String(), text)
	}
	for text, want := range map[string]string{
		"":                                 "the expression is empty",
		"a = :b":                           `1: want SET, REMOVE, ADD or DELETE, have "a"`,
		"SET a = :b SET c = :d":            "12: a second SET",
		"SET a = :b, REMOVE c":             `13: want the name of an attribute, have "REMOVE"`,
		"SET a :b":                         `7: want "=", have ":b"`,
		"SET :a = b":                       `5: want the name of an attribute, have ":a"`,
		"SET size(a) = b":                  `9: want "=", have "("`,
		"SET a = size(b)":                  `9: no function "size" here`,
		"SET a = if_not_exists(:b, c)":     "23: if_not_exists takes a path first",
		"SET a = if_not_exists(b, c + :d)": `28: want ")", have "+"`,
		"SET a = list_append(b)":           "9: list_append takes 2 operands, not 1",
		"SET a = b = c":                    `11: want SET, REMOVE, ADD or DELETE, have "="`,
		"SET a = b * c":                    `11: want SET, REMOVE, ADD or DELETE, have "*"`,
		"SET a = b AND c":                  `11: want SET, REMOVE, ADD or DELETE, have "AND"`,
		"ADD a b":                          `7: want a :value, have "b"`,
		"REMOVE a = :b":                    `10: want SET, REMOVE, ADD or DELETE, have "="`,
		"DELETE a":                         "9: want a :value, have the end",
		"SET a = -:b":                      `9: want the name of an attribute, have "-"`,
		"SET a = :b" + strings.Repeat("+:b", 301): "911: more than 300 operators and functions",
	} {
		_, err := expression.ParseUpdate(text)
		assert.EqualError(t, err, want, text)
	}
}
