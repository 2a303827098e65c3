package reference

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Section 3.3: every cell of the truth table. One list-typed key stands for
// the "list" columns, a single-valued one for the others.
func TestTruthTable(t *testing.T) {
	const columns = "absent one-hit one-miss all some none empty"
	rows := []struct {
		positive, negated string // two spellings of the operator, if both have the row
		want              string // T or F a column
	}{
		{positive: "StringEquals", want: "FTFFFFF"},
		{negated: "StringNotEquals", want: "TFTFFFT"},
		{positive: "StringEqualsIfExists", want: "TTFFFFT"},
		{negated: "StringNotEqualsIfExists", want: "TFTFFFT"},
		{positive: "ForAllValues:StringEquals", want: "TTFTFFT"},
		{negated: "ForAllValues:StringNotEquals", want: "TFTFFTT"},
		{positive: "ForAllValues:StringEqualsIfExists", want: "TTFTFFT"},
		{negated: "ForAllValues:StringNotEqualsIfExists", want: "TFTFFTT"},
		{positive: "ForAnyValue:StringEquals", want: "FTFTTFF"},
		{negated: "ForAnyValue:StringNotEquals", want: "FFTFTTF"},
		{positive: "ForAnyValue:StringEqualsIfExists", want: "FTFTTFF"},
		{negated: "ForAnyValue:StringNotEqualsIfExists", want: "FFTFTTF"},
	}
	contexts := []struct {
		column, key string
		values      []string // nil: absent
	}{
		{"absent", "aws:username", nil},
		{"one-hit", "aws:username", []string{"a"}},
		{"one-miss", "aws:username", []string{"c"}},
		{"all", "aws:TagKeys", []string{"a", "b"}},
		{"some", "aws:TagKeys", []string{"a", "c"}},
		{"none", "aws:TagKeys", []string{"c", "d"}},
		{"empty", "aws:TagKeys", []string{}},
	}
	for _, row := range rows {
		for i, c := range contexts {
			context := map[string][]string{}
			if c.values != nil {
				context[c.key] = c.values
			}
			operator := row.positive + row.negated
			got := asking(context).entry(condition(operator, c.key, "a", "b"), true)
			require.Equal(t, truthOf(row.want[i] == 'T'), got, "%s, column %s of %s", operator, c.column, columns)
		}
	}
}

// The negated column of 3.3 holds for every negated operator, and the
// comparisons are not negated.
func TestAbsentKey(t *testing.T) {
	values := map[family]string{
		stringFamily: "a", numericFamily: "1", dateFamily: "2026-01", boolFamily: "true",
		binaryFamily: "AQI=", addressFamily: "10.0.0.0/8", arnFamily: "arn:aws:s3:::b",
	}
	negated := 0
	for name, op := range catalogue {
		if op.family == nullFamily {
			continue
		}
		got := asking(nil).entry(condition(name, "app:k", values[op.family]), true)
		require.Equal(t, truthOf(op.negated), got, name)
		require.Equal(t, yes, asking(nil).entry(condition(name+"IfExists", "app:k", values[op.family]), true), name)
		require.Equal(t, yes, asking(nil).entry(condition("ForAllValues:"+name, "app:k", values[op.family]), true), name)
		require.Equal(t, no, asking(nil).entry(condition("ForAnyValue:"+name+"IfExists", "app:k", values[op.family]), true), name)
		if op.negated {
			negated++
		}
	}
	require.Equal(t, 8, negated)
	require.Len(t, catalogue, 27)
}

// Section 3.4: the second table, and its repair by Null.
func TestQuantifiers(t *testing.T) {
	rows := []struct {
		values []string
		want   string // ForAll…Equals, ForAll…NotEquals, ForAny…Equals, ForAny…NotEquals
	}{
		{nil, "TTFF"},
		{[]string{}, "TTFF"},
		{[]string{"a"}, "TFTF"},
		{[]string{"a", "b"}, "TFTF"},
		{[]string{"a", "c"}, "FFTT"},
		{[]string{"c"}, "FTFT"},
	}
	operators := []string{
		"ForAllValues:StringEquals", "ForAllValues:StringNotEquals",
		"ForAnyValue:StringEquals", "ForAnyValue:StringNotEquals",
	}
	for _, row := range rows {
		context := map[string][]string{}
		if row.values != nil {
			context["aws:TagKeys"] = row.values
		}
		for i, operator := range operators {
			got := asking(context).entry(condition(operator, "aws:TagKeys", "a", "b"), true)
			require.Equal(t, truthOf(row.want[i] == 'T'), got, "%v %s", row.values, operator)
		}
		guard := asking(context).entry(condition("Null", "aws:TagKeys", "false"), true)
		require.Equal(t, truthOf(len(row.values) > 0), guard, "%v", row.values)
	}
}

// Section 3.5: the table of results. Where a value is not of its key's kind,
// the table shows the comparison alone and the engine meets unknown.
func TestCoercion(t *testing.T) {
	accounts := []string{"111111111111", "222222222222"}
	rows := []struct {
		operator, key string
		policy        []string
		context       string // "-" is absent
		want          truth
	}{
		{"NumericLessThanEquals", "s3:max-keys", []string{"10"}, "10.0", yes},
		{"NumericLessThanEquals", "s3:max-keys", []string{"10"}, "abc", unknown},
		{"NumericNotEquals", "s3:max-keys", []string{"10"}, "abc", unknown},
		{"DateGreaterThan", "aws:CurrentTime", []string{"2026-03-01"}, "2026-03-01T00:00:00Z", no},
		{"DateGreaterThan", "aws:CurrentTime", []string{"2026-03-01"}, "2026-03-01T00:00:01Z", yes},
		{"DateLessThan", "aws:CurrentTime", []string{"2026-03-01T02:00:00+02:00"}, "2026-02-28T23:59:59Z", yes},
		{"DateEquals", "aws:EpochTime", []string{"1772323200"}, "2026-03-01T00:00:00Z", yes},
		{"NumericEquals", "aws:EpochTime", []string{"1772323200"}, "2026-03-01T00:00:00Z", yes},
		{"NumericLessThan", "aws:EpochTime", []string{"1772323200.5"}, "2026-03-01T00:00:00Z", yes},
		{"IpAddress", "aws:SourceIp", []string{"203.0.113.77/24"}, "203.0.113.1", yes},
		{"IpAddress", "aws:SourceIp", []string{"203.0.113.77"}, "203.0.113.1", no},
		{"IpAddress", "aws:SourceIp", []string{"2001:db8::/32"}, "203.0.113.1", no},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24", "2001:db8::/32"}, "2001:db8::9", no},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24"}, "2001:db8::9", yes},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24"}, "-", yes},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24"}, "203.0.113.0/24", unknown},
		{"Bool", "aws:SecureTransport", []string{"false"}, "-", no},
		{"Bool", "aws:SecureTransport", []string{"false"}, "FALSE", yes},
		{"Bool", "aws:SecureTransport", []string{"false"}, "0", unknown},
		{"BinaryEquals", "app:nonce", []string{"AQI="}, "\x01\x02", yes},
		{"BinaryEquals", "app:nonce", []string{"AQI="}, "AQI=", no},
		{"StringEquals", "aws:PrincipalAccount", accounts, "222222222222", yes},
		{"StringNotEquals", "aws:PrincipalAccount", accounts, "222222222222", no},
		{"StringNotEquals", "aws:PrincipalAccount", accounts, "333333333333", yes},
		{"StringLike", "s3:prefix", []string{"", "docs/*"}, "", yes},
		{"StringLike", "s3:prefix", []string{"", "docs/*"}, "-", no},
		{"StringEqualsIgnoreCase", "app:k", []string{"straSSe\u212a"}, "STRASSEk", yes},
		{"StringEquals", "app:k", []string{"k"}, "K", no},
		{"ArnLike", "aws:PrincipalArn", []string{"arn:aws:iam::*:role/app-*"}, "arn:aws:iam::111111111111:role/app-a/b", yes},
		{"ArnLike", "aws:SourceArn", []string{"arn:aws:sns:*:111111111111:t"}, "arn:aws:sns:us-east-1:222222222222:x:111111111111:t", no},
		{"StringLike", "aws:SourceArn", []string{"arn:aws:sns:*:111111111111:t"}, "arn:aws:sns:us-east-1:222222222222:x:111111111111:t", yes},
		{"ArnNotLike", "aws:SourceArn", []string{"arn:aws:sns:*:*:t"}, "no arn", unknown},
		{"ArnNotLike", "aws:FederatedProvider", []string{"arn:aws:iam::*:oidc-provider/x"}, "accounts.google.com", unknown},
		{"StringNotEquals", "aws:FederatedProvider", []string{"accounts.google.com"}, "accounts.google.com", no},
		{"NumericEquals", "app:k", []string{"1"}, "one", unknown},
		{"NumericNotEquals", "app:k", []string{"1"}, "one", unknown},
	}
	for _, row := range rows {
		context := map[string][]string{row.key: {row.context}}
		if row.context == "-" {
			context = nil
		}
		got := asking(context).entry(condition(row.operator, row.key, row.policy...), true)
		require.Equal(t, row.want, got, "%s %s %v: %q", row.operator, row.key, row.policy, row.context)
	}
}

// Section 3.6: the table of Null, and the single empty string of a list.
func TestNull(t *testing.T) {
	for _, row := range []struct {
		key    string
		values []string // nil: absent
		isNull truth
	}{
		{"aws:TokenIssueTime", nil, yes},
		{"aws:TokenIssueTime", []string{}, yes},
		{"aws:TokenIssueTime", []string{"2026-01-01"}, no},
		{"aws:TokenIssueTime", []string{"soon"}, unknown},
		{"aws:TagKeys", []string{""}, yes},
		{"aws:TagKeys", []string{"", ""}, no},
		{"s3:prefix", []string{""}, no},
	} {
		context := map[string][]string{}
		if row.values != nil {
			context[row.key] = row.values
		}
		r := asking(context)
		require.Equal(t, row.isNull, r.entry(condition("Null", row.key, "true"), true), "%v", row)
		require.Equal(t, not(row.isNull), r.entry(condition("Null", row.key, "false"), true), "%v", row)
	}
}

// C1 and C2: an indeterminate key makes every entry that reads it unknown.
func TestIndeterminate(t *testing.T) {
	r := asking(map[string][]string{"aws:username": {"a", "b"}, "app:k": {"a", "b"}, "s3:prefix": {"a"}})
	for _, operator := range []string{
		"StringEquals", "StringNotEqualsIfExists", "ForAllValues:StringLike", "ForAnyValue:StringNotLike",
	} {
		require.Equal(t, unknown, r.entry(condition(operator, "aws:username", "a"), true), operator)
	}
	require.Equal(t, unknown, r.entry(condition("Null", "aws:username", "true"), true))
	require.Equal(t, unknown, r.entry(condition("StringNotEquals", "s3:prefix", "${aws:username}"), true))
	require.Equal(t, yes, r.entry(condition("StringEquals", "s3:prefix", "${aws:username}", "a"), true))
	require.Equal(t, no, r.entry(condition("StringNotEquals", "app:k", "c"), true), "several values, no quantifier")
	require.Equal(t, yes, r.entry(condition("ForAllValues:StringNotEquals", "app:k", "c"), true))
}

// What validation refuses stops the interpreter.
func TestInvalidConditionsAreRefused(t *testing.T) {
	for _, c := range [][3]string{
		{"StringEqualz", "aws:username", "a"},
		{"stringEquals", "aws:username", "a"},
		{"ForSomeValues:StringEquals", "aws:username", "a"},
		{"NullIfExists", "aws:username", "true"},
		{"ForAllValues:Null", "aws:TagKeys", "true"},
		{"Null", "aws:username", "perhaps"},
		{"BoolNotEquals", "aws:SecureTransport", "true"},
		{"NumericEquals", "s3:max-keys", "0x10"},
		{"NumericEquals", "aws:username", "1"},
		{"StringEquals", "aws:SecureTransport", "true"},
		{"StringEquals", "aws:UserName2", "a"},
		{"StringEquals", "aws:ResourceTag/", "a"},
		{"StringEquals", "aws:RequestTag/${aws:username}", "a"},
		{"StringEquals", "aws:username", "${aws:nobody}"},
		{"StringEquals", "aws:username", "${aws:username"},
		{"StringEquals", "aws:username", "${username}"},
		{"StringEquals", "aws:username", "${aws:userid, x}"},
		{"StringEquals", "aws:username", "${}"},
		{"IpAddress", "aws:SourceIp", "10.0.0.01"},
		{"BinaryEquals", "app:k", "AQI"},
		{"DateEquals", "aws:CurrentTime", "2026-13-01"},
	} {
		r := asking(map[string][]string{
			"aws:username": {"a"}, "aws:SourceIp": {"10.0.0.1"}, "s3:max-keys": {"1"}, "app:k": {"a"},
			"aws:SecureTransport": {"true"}, "aws:CurrentTime": {"2026-03-01"},
		})
		require.Panics(t, func() { r.entry(condition(c[0], c[1], c[2]), true) }, "%v", c)
	}
}
