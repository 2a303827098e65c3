package rowproof

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
)

// boundary are texts that predicates are known to go wrong about.
var boundary = []string{
	"", " ", "a", "A", "a ", " a", "a\t", "a\n", "*", "?", "a*", "a?", "*a", "%", "_", "a%", "a_", "%a%", `\`, `a\`, `\%`, `\\`, "|", "'", `"`, "''", "--",
	"${aws:username}", "${*}", "é", "É", "e\u0301", "k", "K", "\u212a", "s", "ſ", "ß", "ss", "İ", "i", "ı", "ς", "σ", "Σ", "ǅ", "ａ", "日本", "😀", "\u00ad",
	"\x00", "a\x00b", "\ufffd", "\xff", "a\xffb", "\xe2\x84",
	"0", "-0", "00", "1", "01", "1.0", "1.", ".1", "+1", "1e0", "1 ", "10", "9", "100", "-1", "0x1", "NaN", "Infinity", "１",
	"9223372036854775807", "9223372036854775808", "99999999999999999999999999999999999999", "0.1", "0.10", "1772366400",
	"true", "TRUE", "True", "false", "t", "null", "NULL", "2026-03-01T12:00:00Z", "2026-03-01", "10.0.0.1", "::1",
	"arn:aws:s3:::b/k", "arn:aws:iam::111122223333:role/R", "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01",
	strings.Repeat("a", 1000),
}

// generator makes rows of one case.
type generator struct {
	*rand.Rand
	keys []sqlrow.Column
	// spoken are the texts of the policies and the session.
	spoken []string
}

func newGenerator(r *rand.Rand, c *Case) *generator {
	g := &generator{Rand: r, keys: c.Keys}
	for _, s := range c.Texts {
		g.spoken = append(g.spoken, resolved(s, c.Request.Context))
	}
	for _, values := range c.Request.Context.All() {
		g.spoken = append(g.spoken, values...)
	}
	return g
}

// resolved puts the values of a session in place of policy variables, and their
// defaults where it has none.
func resolved(s string, x *conditions.Context) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "${")
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed || b.Len() > 4000 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		name, fallback, _ := strings.Cut(name, ",")
		values, _ := x.Value(strings.TrimSpace(name))
		switch {
		case len(name) == 1: // ${*} is a *
			b.WriteString(name)
		case len(values) > 0:
			b.WriteString(values[0])
		default:
			b.WriteString(strings.Trim(fallback, " '"))
		}
		s = rest
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// text is one that the policies speak of, or near it, or a boundary.
func (g *generator) text() string {
	if len(g.spoken) == 0 || g.IntN(4) == 0 {
		return pick(g.Rand, boundary...)
	}
	return g.near(pick(g.Rand, g.spoken...))
}

// near leaves a text as it is, or changes little.
func (g *generator) near(s string) string {
	switch g.IntN(16) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.ToLower(s)
	case 2:
		return s + pick(g.Rand, " ", "x", "/x", "\x00", ".0", "%", "_", "*", "\xff")
	case 3:
		return pick(g.Rand, " ", "x", "0", "-", "%", "*") + s
	case 4, 5, 6:
		return strings.NewReplacer("*", pick(g.Rand, "", "q", "é", "x/y", "x:y"), "?", pick(g.Rand, "q", "é", "", "😀")).Replace(s)
	case 7:
		return s[:len(s)/2]
	case 8:
		return strings.NewReplacer("k", "\u212a", "s", "ſ", "e", "é").Replace(s)
	case 9:
		return strings.NewReplacer("%", "a", "_", "a", `\`, "").Replace(s)
	}
	return s
}

// row is one row.
func (g *generator) row() Row {
	out := make(Row, len(g.keys))
	for i := range g.keys {
		out[i] = g.value(g.keys[i].Type)
	}
	return out
}

// value is what a column of a type can hold.
func (g *generator) value(t sqlrow.Type) any {
	if g.IntN(10) == 0 {
		return nil
	}
	switch t {
	case sqlrow.Text:
		return g.text()
	case sqlrow.Integer:
		return g.integer()
	case sqlrow.Decimal:
		for range 8 {
			if n, ok := conditions.CanonicalNumber(g.text()); ok {
				return n
			}
		}
		return pick(g.Rand, "0", "1", "10.5", "-0.1", "9.999999", "12345678901234567890.5")
	case sqlrow.Bool:
		return g.IntN(2) == 0
	case sqlrow.Bytes:
		return []byte(g.text())
	case sqlrow.Timestamp, sqlrow.TimestampTZ:
		return g.instant()
	case sqlrow.UUID:
		for range 8 {
			c := sqlrow.Column{Type: sqlrow.UUID}
			if s := strings.ToLower(g.text()); c.Value(sqlrow.PostgreSQL, s).String() != conditions.Unreadable().String() {
				return s
			}
		}
		return pick(g.Rand, "00000000-0000-0000-0000-000000000000", "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01", "ffffffff-ffff-ffff-ffff-ffffffffffff")
	case sqlrow.TextArray:
		list := make([]string, pick(g.Rand, 0, 1, 1, 2, 2, 3))
		for i := range list {
			list[i] = g.text()
		}
		return list
	}
	return nil
}

func (g *generator) integer() int64 {
	for range 8 {
		if n, err := strconv.ParseInt(g.text(), 10, 64); err == nil {
			return n + pick[int64](g.Rand, 0, 0, 0, 1, -1) // which may wrap round
		}
	}
	return pick[int64](g.Rand, 0, 1, -1, 9, 10, 11, 100, 1772366400, 253402300799, 253402300800, 1<<63-1, -1<<63)
}

func (g *generator) instant() time.Time {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 8 {
		s := g.text()
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			at = t.UTC()
			break
		} else if t, err := time.Parse(time.DateOnly, s); err == nil {
			at = t
			break
		}
	}
	if at.Year() < 1 || at.Year() > 9999 {
		return time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
	}
	return at.Truncate(time.Microsecond).Add(pick(g.Rand, 0, 0, time.Microsecond, -time.Microsecond, time.Hour, -12*time.Hour))
}

// values are what a row has in process, where now and then it has for a key what
// no store would hold.
func (g *generator) values(row Row) []conditions.Value {
	out := make([]conditions.Value, len(row))
	for i := range row {
		switch g.IntN(16) {
		case 0:
			out[i] = conditions.Unreadable()
		case 1:
			list := make([]string, g.IntN(4))
			for j := range list {
				list[j] = g.text()
			}
			out[i] = conditions.List(list)
		case 2:
			out[i] = conditions.Text(g.text())
		default:
			out[i] = g.keys[i].Value(sqlrow.PostgreSQL, row[i])
		}
	}
	return slices.Clip(out)
}
