package rowtest

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
)

// key is a context key that rows have, and the types of columns for it.
type key struct {
	name string
	kind conditions.Kind
	list bool
	in   []sqlrow.Type
	// chosen is the type of the column at hand.
	chosen sqlrow.Type
}

var (
	textColumns = []sqlrow.Type{sqlrow.Text, sqlrow.Text, sqlrow.Text, sqlrow.Text, sqlrow.Integer, sqlrow.UUID, sqlrow.Decimal}
	anyColumn   = []sqlrow.Type{
		sqlrow.Text, sqlrow.Text, sqlrow.Text, sqlrow.Text, sqlrow.Integer, sqlrow.Decimal, sqlrow.Bool, sqlrow.Bytes,
		sqlrow.Timestamp, sqlrow.TimestampTZ, sqlrow.UUID, sqlrow.TextArray, sqlrow.TextArray,
	}
)

var keys = []key{
	{"dynamodb:LeadingKeys", conditions.String, true, textColumns, 0},
	{"dynamodb:LeadingKeys", conditions.String, true, textColumns, 0},
	{"aws:ResourceTag/owner", conditions.String, false, textColumns, 0},
	{"s3:prefix", conditions.String, false, textColumns, 0},
	{"s3:ExistingObjectTag/state", conditions.String, false, textColumns, 0},
	{"aws:TagKeys", conditions.String, true, []sqlrow.Type{sqlrow.Text, sqlrow.TextArray}, 0},
	{"dynamodb:Attributes", conditions.String, true, []sqlrow.Type{sqlrow.Text, sqlrow.TextArray}, 0},
	{"s3:max-keys", conditions.Number, false, []sqlrow.Type{sqlrow.Text, sqlrow.Integer, sqlrow.Decimal}, 0},
	{"aws:SecureTransport", conditions.Bool, false, []sqlrow.Type{sqlrow.Text, sqlrow.Bool}, 0},
	{"s3:object-lock-retain-until-date", conditions.Date, false, []sqlrow.Type{sqlrow.Timestamp, sqlrow.TimestampTZ, sqlrow.Integer, sqlrow.Text}, 0},
	{"aws:SourceArn", conditions.ARN, false, []sqlrow.Type{sqlrow.Text}, 0},
	{"aws:SourceIp", conditions.IP, false, []sqlrow.Type{sqlrow.Text}, 0},
	{"app:k", conditions.Untyped, false, anyColumn, 0},
	{"app:l", conditions.Untyped, false, anyColumn, 0},
	{"app:m", conditions.Untyped, false, anyColumn, 0},
	{"app:n", conditions.Untyped, false, anyColumn, 0},
}

var (
	stringOperators = []string{
		"StringEquals", "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringLike", "StringNotLike",
	}
	numericOperators = []string{
		"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	}
	dateOperators = []string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"}
	arnOperators  = []string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}
)

// generator makes random policies over the keys of a row, and rows that such a
// policy may tell apart.
type generator struct {
	*rand.Rand
	// pool are texts of the policy at hand.
	pool []string
}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// words are texts that databases compare in ways of their own.
var words = []string{
	"ann", "Ann", "ANN", "ann ", " ann", "ann\n", "bob", "a", "A", "", " ", "x", "é", "e\u0301", "É", "ß", "ẞ", "ss", "SS", "İ", "i", "I", "ı", "i\u0307",
	"K", "\u212a", "k", "ſ", "s", "S", "µ", "μ", "ǅ", "ς", "σ", "😀", "😀a", "\U0001D400", "\uffff", "\ufffd", "\u00ad", "a\u00ad", "ａ", "日本", "ﬀ", "ff",
	"%", "_", "a%", "a_b", "aXb", "a%b", "\\", "a\\", "\\_", "|", "a|b", "*", "?", "[a]", "[^a]", "a*b", "'", "\"", "`", "a'b", ";--", "$1", "?1", "\x00", "a\x00", "a\x00b",
	"ann/x", "ann/y/z", "ann/", "annx", "a:b", "aéb", "aa", "aaa", "ab", "ba", "abab", "aab",
	"0", "-0", "-0", "-0.0", "00", "10", "10.0", "010", "+10", "-10", "1e1", "10 ", " 10", "10\n", "1_0", "１０", "9", "9.5", ".5", "5.", "-", "+", "--1", "1.2.3", "1..2", "0x10", "NaN", "Infinity",
	"0.1", "0.10", "100", "99999999999999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
	"10.000000000000000000001", "0.3", "0.30000000000000004", strings.Repeat("9", 64), "1" + strings.Repeat("0", 64), "-0.0000001", "-9.5", "-100",
	"true", "TRUE", "True", "false", "FALSE", "tru", "true ", "t", "1", "fal\u017fe",
	"2026-03-01T12:00:00Z", "2026-03-01", "1772366400", "2026", "2026-02-30", "10.0.0.1", "10.0.0.0/8", "::1",
	"arn:aws:s3:::b/k", "arn:aws:s3:::b", "arn:aws:s3::", "arn:aws:sns:us-east-1:111122223333:t", "arn:aws:sns:us-east-1:111122223333:a:t", "arn:::::", "ARN:aws:s3:::b", "arn:a\x00:s3:::b",
	"arn:aws:sns:eu:west-1:111122223333:t", "xarn:aws:s3:::b",
	"6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01", "6B1F3C52-0D0E-4C57-9A53-0A8A4D6B8F01", "6b1f3c520d0e4c579a530a8a4d6b8f01",
	"A\ufffdb", "\xff", "\xc3", "\xa9", "a\xffb", "\xe2\x84\xaa\xff", "\xf0\x82\x84\xaa",
}

var long = []string{strings.Repeat("a", 5000), strings.Repeat("a", 4999) + "b", strings.Repeat("é", 2000)}

var networks = []string{"10.0.0.0/8", "::/0", "0.0.0.0/0", "10.0.0.1"}

var dates = []string{
	"2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00.000001Z", "2026-03-01T12:00:00.0000005Z",
	"2026-03-01", "2026-03", "1772366400", "0", "253402300799", "0001-01-01", "0000-12-31", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999999Z",
}

// text is a text for a row or a policy.
func (g *generator) text() string {
	switch n := g.IntN(20); {
	case n < 8 && len(g.pool) > 0:
		return g.bend(pick(g.Rand, g.pool...))
	case n == 19 && g.IntN(4) == 0:
		return pick(g.Rand, long...)
	}
	return pick(g.Rand, words...)
}

// bend leaves a text as it is, or changes little.
func (g *generator) bend(s string) string {
	switch g.IntN(14) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.ToLower(s)
	case 2:
		return s + " "
	case 3, 4:
		return strings.NewReplacer("*", pick(g.Rand, "", "q", "é", ":", "x:y", "x/y"), "?", pick(g.Rand, "q", "😀", "", "e\u0301")).Replace(s)
	case 5:
		return s + pick(g.Rand, words...)
	case 6:
		return pick(g.Rand, words...) + s
	case 7:
		return pick(g.Rand, "0", "-", "+", "-0") + s
	case 8:
		return s + pick(g.Rand, ".0", ".00", "0", "\x00", "\x001")
	}
	return s
}

// document is a policy over some of the keys.
func (g *generator) document(of []key) string {
	g.pool = nil
	var statements []map[string]any
	for i := range 1 + g.IntN(4) {
		s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}
		if i > 0 && g.IntN(2) == 0 || i == 0 && g.IntN(8) == 0 {
			s["Effect"] = "Deny"
		}
		if block := g.conditions(of); len(block) > 0 {
			s["Condition"] = block
		}
		statements = append(statements, s)
	}
	if g.IntN(3) == 0 { // so that a Deny shows
		statements = append(statements, map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"})
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return ""
	}
	return string(text)
}

func (g *generator) conditions(of []key) map[string]map[string]any {
	block := map[string]map[string]any{}
	for range 1 + g.IntN(3) {
		k := pick(g.Rand, of...)
		operator := g.operator(k)
		if block[operator] == nil {
			block[operator] = map[string]any{}
		}
		var values []string
		for range pick(g.Rand, 1, 1, 1, 2, 3, 5) {
			values = append(values, g.value(operator))
		}
		if strings.HasSuffix(operator, "Null") || strings.Contains(operator, "Bool") {
			values = values[:1]
		}
		if strings.Contains(operator, "Null") {
			values[0] = pick(g.Rand, "true", "false")
		}
		block[operator][k.name] = values
	}
	return block
}

func (g *generator) operator(k key) string {
	if g.IntN(12) == 0 {
		return "Null"
	}
	var base string
	switch k.kind {
	case conditions.Number:
		base = pick(g.Rand, numericOperators...)
	case conditions.Bool:
		base = "Bool"
	case conditions.Date:
		base = pick(g.Rand, dateOperators...)
	case conditions.ARN:
		base = pick(g.Rand, slices.Concat(arnOperators, stringOperators)...)
	case conditions.IP:
		base = pick(g.Rand, "IpAddress", "NotIpAddress")
	case conditions.Untyped:
		base = pick(g.Rand, g.untyped(k.chosen)...)
	case conditions.String, conditions.StringOrARN, conditions.StringOrIP, conditions.Binary, conditions.Epoch:
		base = pick(g.Rand, stringOperators...)
	}
	if k.list || g.IntN(6) == 0 {
		base = pick(g.Rand, "ForAllValues:", "ForAnyValue:") + base
	}
	if g.IntN(5) == 0 {
		base += "IfExists"
	}
	return base
}

// untyped are operators for a key of any kind in a column, most often those that
// fit the column.
func (g *generator) untyped(k sqlrow.Type) []string {
	if g.IntN(10) > 0 {
		switch k {
		case sqlrow.Text, sqlrow.Integer, sqlrow.TextArray:
			return pick(g.Rand, stringOperators, stringOperators, numericOperators, numericOperators, arnOperators, []string{"Bool", "BinaryEquals"})
		case sqlrow.Decimal:
			return pick(g.Rand, numericOperators, []string{"StringEquals", "StringNotEquals"})
		case sqlrow.Timestamp, sqlrow.TimestampTZ:
			return dateOperators
		case sqlrow.Bytes:
			return []string{"BinaryEquals", "StringEquals"}
		case sqlrow.Bool:
			return []string{"Bool", "StringEquals", "StringNotEquals"}
		case sqlrow.UUID:
			return stringOperators
		}
	}
	return pick(g.Rand, stringOperators, numericOperators, dateOperators, arnOperators, []string{"Bool", "BinaryEquals", "IpAddress"})
}

// value is a policy's value for an operator.
func (g *generator) value(operator string) string {
	base := strings.TrimSuffix(operator[strings.Index(operator, ":")+1:], "IfExists")
	s := strings.ReplaceAll(strings.ToValidUTF8(g.text(), "?"), "${", "")
	s = s[:min(len(s), 3000)]
	s = strings.ToValidUTF8(s, "")
	switch {
	case strings.HasPrefix(base, "Numeric"):
		s = g.number()
	case strings.HasPrefix(base, "Date"):
		s = pick(g.Rand, dates...)
	case base == "Bool":
		return pick(g.Rand, "true", "false")
	case strings.HasSuffix(base, "IpAddress"):
		return pick(g.Rand, networks...)
	case base == "BinaryEquals":
		g.pool = append(g.pool, s)
		return base64.StdEncoding.EncodeToString([]byte(s))
	case strings.HasPrefix(base, "Arn"):
		parts := strings.SplitN(pick(g.Rand, "arn:aws:s3:::b/k", "arn:aws:sns:us-east-1:111122223333:a:t", "arn:aws:sns:us-east-1:111122223333:t"), ":", 6)
		for i := 1; i < 6; i++ {
			if g.IntN(4) == 0 {
				parts[i] = pick(g.Rand, "*", "?", parts[i]+"*", "*"+parts[i], "", "%", "us-?ast-1")
			}
		}
		s = strings.Join(parts, ":")
	case strings.HasSuffix(base, "Like"):
		s = g.pattern(s)
	case g.IntN(6) == 0:
		s = pick(g.Rand, "${aws:username}", "${aws:username}", "${aws:username}", "${aws:PrincipalTag/odd}", "a${aws:PrincipalTag/odd}")
	}
	g.pool = append(g.pool, strings.NewReplacer("${aws:username}", "ann", "${aws:PrincipalTag/odd}", oddTag).Replace(s))
	return s
}

func (g *generator) number() string {
	for range 20 {
		if s := pick(g.Rand, words...); s != "" {
			if n, ok := conditions.CanonicalNumber(s); ok {
				return n
			}
		}
	}
	return "10"
}

func (g *generator) pattern(s string) string {
	switch g.IntN(8) {
	case 0:
		return s + "*"
	case 1:
		return "*" + s
	case 2:
		return "*" + s + "*"
	case 3:
		return pick(g.Rand, "*", "?", "??", "*?", "a?b", "ann/*", "${aws:username}/*", "${aws:username}*", "*${aws:PrincipalTag/odd}", "a*b*a", "*a*b*", "a*a", "*é*a*", "a*b?")
	case 4:
		if len(s) > 1 && s[1] < 0x80 && s[0] < 0x80 {
			return s[:1] + "*" + s[1:]
		}
	case 5:
		return strings.Replace(s, "a", "?", 1)
	}
	return s
}

// value is what a row has in a column: for a text often one of the policy's.
func (g *generator) column(k sqlrow.Type) any {
	if g.IntN(9) == 0 {
		return nil
	}
	switch k {
	case sqlrow.Text:
		return g.text()
	case sqlrow.Integer:
		for range 4 {
			if n, ok := wholeNumber(g.text()); ok {
				return n
			}
		}
		return pick[int64](g.Rand, 0, 1, 9, 10, 11, -10, -9, 100, int64(math.MaxInt64), int64(math.MinInt64), 1772366400, 1772366399, 253402300799, 253402300800)
	case sqlrow.Decimal:
		for range 6 {
			if n, ok := conditions.CanonicalNumber(g.text()); ok {
				return n
			}
		}
		return pick(g.Rand, "10", "10.5", "-0.1", "0.000000000001", "9.999999999999", "12345678901234567890.5")
	case sqlrow.Bool:
		return pick(g.Rand, true, false)
	case sqlrow.Bytes:
		return []byte(g.text())
	case sqlrow.Timestamp, sqlrow.TimestampTZ:
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		return pick(g.Rand, at, at, at.Add(time.Microsecond), at.Add(-time.Microsecond), at.Add(time.Hour), at.Add(-12*time.Hour), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
			time.Unix(0, 0).UTC(), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	case sqlrow.UUID:
		return pick(g.Rand, "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01", "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f02", "ffffffff-ffff-ffff-ffff-ffffffffffff")
	case sqlrow.TextArray:
		list := make([]string, pick(g.Rand, 0, 1, 1, 2, 2, 3))
		for i := range list {
			list[i] = g.text()
		}
		return list
	}
	return nil
}
