package conditions_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// base is one row of the catalogue of iam-semantics §3.1, copied from there:
// values of a policy, and values of a request that satisfy the positive test
// against one of them and that do not.
type base struct {
	name    string
	negated bool
	// takes are the kinds of keys that it may read beside untyped ones. Source:
	// choice C4.
	takes     []conditions.Kind
	variables bool
	policy    []string
	hit       [2]string
	miss      [2]string
}

var (
	texts2    = []string{"Red", "b*d"}
	textKinds = []conditions.Kind{conditions.String, conditions.ARN, conditions.StringOrARN, conditions.StringOrIP}
	arnKinds  = []conditions.Kind{conditions.ARN, conditions.StringOrARN}
	numbers   = []conditions.Kind{conditions.Number, conditions.Epoch}
	dates     = []conditions.Kind{conditions.Date, conditions.Epoch}
	addresses = []conditions.Kind{conditions.IP, conditions.StringOrIP}
	networks  = []string{"203.0.113.7/24", "2001:db8::/32"}
	roles     = []string{"arn:aws:iam::1:role/a*", "arn:aws:iam::1:role/c"}
	march     = []string{"2026-03-01", "2026-03-03"}
	tens      = []string{"10", "30"}
)

var catalogue = []base{
	{"StringEquals", false, textKinds, true, texts2, [2]string{"Red", "b*d"}, [2]string{"red", "bad"}},
	{"StringNotEquals", true, textKinds, true, texts2, [2]string{"Red", "b*d"}, [2]string{"red", "bad"}},
	{"StringEqualsIgnoreCase", false, textKinds, true, texts2, [2]string{"rED", "B*D"}, [2]string{"re", "bad"}},
	{"StringNotEqualsIgnoreCase", true, textKinds, true, texts2, [2]string{"rED", "B*D"}, [2]string{"re", "bad"}},
	{"StringLike", false, textKinds, true, texts2, [2]string{"Red", "bad"}, [2]string{"red", "ba"}},
	{"StringNotLike", true, textKinds, true, texts2, [2]string{"Red", "bad"}, [2]string{"red", "ba"}},
	{"NumericEquals", false, numbers, false, tens, [2]string{"10.0", "030"}, [2]string{"10.1", "0"}},
	{"NumericNotEquals", true, numbers, false, tens, [2]string{"10.0", "030"}, [2]string{"10.1", "0"}},
	{"NumericLessThan", false, numbers, false, tens, [2]string{"29.9", "-1"}, [2]string{"30", "31"}},
	{"NumericLessThanEquals", false, numbers, false, tens, [2]string{"30", "-1"}, [2]string{"30.1", "31"}},
	{"NumericGreaterThan", false, numbers, false, tens, [2]string{"10.1", "31"}, [2]string{"10", "-1"}},
	{"NumericGreaterThanEquals", false, numbers, false, tens, [2]string{"10", "31"}, [2]string{"9.9", "-1"}},
	{"DateEquals", false, dates, false, march, [2]string{"2026-03-01T01:00+01:00", "1772496000"}, [2]string{"2026-03-02", "0"}},
	{"DateNotEquals", true, dates, false, march, [2]string{"2026-03-01T01:00+01:00", "1772496000"}, [2]string{"2026-03-02", "0"}},
	{"DateLessThan", false, dates, false, march, [2]string{"2026-03-02T23:59:59Z", "0"}, [2]string{"2026-03-03", "2026-04"}},
	{"DateLessThanEquals", false, dates, false, march, [2]string{"2026-03-03", "0"}, [2]string{"2026-03-03T00:00:01Z", "2026-04"}},
	{"DateGreaterThan", false, dates, false, march, [2]string{"2026-03-01T00:00:01Z", "2026-04"}, [2]string{"2026-03-01", "0"}},
	{"DateGreaterThanEquals", false, dates, false, march, [2]string{"2026-03-01", "2026-04"}, [2]string{"2026-02-28", "0"}},
	{"Bool", false, []conditions.Kind{conditions.Bool}, false, []string{"true"}, [2]string{"true", "TRUE"}, [2]string{"false", "False"}},
	{"BinaryEquals", false, []conditions.Kind{conditions.Binary}, false, []string{"AQI=", ""}, [2]string{"\x01\x02", "\x01\x02"}, [2]string{"AQI=", "\x01"}},
	{"IpAddress", false, addresses, false, networks, [2]string{"203.0.113.1", "2001:db8::9"}, [2]string{"203.0.114.1", "2001:db9::9"}},
	{"NotIpAddress", true, addresses, false, networks, [2]string{"203.0.113.1", "::ffff:203.0.113.9"}, [2]string{"203.0.114.1", "::"}},
	{"ArnEquals", false, arnKinds, true, roles, [2]string{"arn:aws:iam::1:role/ab", "arn:aws:iam::1:role/c"}, [2]string{"arn:aws:iam::1:role/b", "arn:aws:iam::2:role/c"}},
	{"ArnLike", false, arnKinds, true, roles, [2]string{"arn:aws:iam::1:role/ab", "arn:aws:iam::1:role/c"}, [2]string{"arn:aws:iam::1:role/b", "arn:aws:iam::2:role/c"}},
	{"ArnNotEquals", true, arnKinds, true, roles, [2]string{"arn:aws:iam::1:role/ab", "arn:aws:iam::1:role/c"}, [2]string{"arn:aws:iam::1:role/b", "arn:aws:iam::2:role/c"}},
	{"ArnNotLike", true, arnKinds, true, roles, [2]string{"arn:aws:iam::1:role/ab", "arn:aws:iam::1:role/c"}, [2]string{"arn:aws:iam::1:role/b", "arn:aws:iam::2:role/c"}},
}

// samples is a key of every kind, of vocabulary typed.
var samples = []conditions.Key{
	{Name: "aws:username"},
	{Name: "s3:max-keys", Kind: conditions.Number},
	{Name: "aws:CurrentTime", Kind: conditions.Date},
	{Name: "aws:EpochTime", Kind: conditions.Epoch},
	{Name: "aws:SecureTransport", Kind: conditions.Bool},
	{Name: "aws:SourceIp", Kind: conditions.IP},
	{Name: "aws:Ec2InstanceSourcePrivateIPv4", Kind: conditions.StringOrIP},
	{Name: "aws:SourceArn", Kind: conditions.ARN},
	{Name: "aws:FederatedProvider", Kind: conditions.StringOrARN},
	{Name: "app:Nonce", Kind: conditions.Binary},
	{Name: "app:k", Kind: conditions.Untyped},
}

// TestOperatorsFitKinds is choice C4 as a matrix of operators and kinds: what
// could never match is refused, quantified and with IfExists too.
func TestOperatorsFitKinds(t *testing.T) {
	v, err := conditions.AWS().With([]conditions.Key{{Name: "app:Nonce", Kind: conditions.Binary}})
	require.NoError(t, err)
	for _, b := range catalogue {
		for _, k := range samples {
			got, err := v.Key(k.Name)
			require.NoError(t, err)
			require.Equal(t, k, got)
			for _, operator := range []string{b.name, b.name + "IfExists", "ForAllValues:" + b.name, "ForAnyValue:" + b.name + "IfExists"} {
				c, faults := v.Compile(operator, k.Name, b.policy, true)
				if k.Kind == conditions.Untyped || slices.Contains(b.takes, k.Kind) {
					require.Empty(t, faults, "%s %s", operator, k.Name)
					require.Equal(t, k, c.Key())
					require.Equal(t, strings.HasPrefix(operator, "ForA"), c.Quantified())
					continue
				}
				require.Len(t, faults, 1, "%s %s", operator, k.Name)
				require.Equal(t, conditions.PartOperator, faults[0].Part)
				require.EqualError(t, faults[0].Err,
					"condition operator does not fit: "+operator+" cannot read "+k.Name+", whose kind is "+k.Kind.String())
				require.ErrorIs(t, faults[0].Err, conditions.ErrOperator)
			}
		}
	}
	for _, k := range samples {
		_, faults := v.Compile("Null", k.Name, []string{"true"}, true)
		require.Empty(t, faults, "Null reads every key")
	}
}

// TestOperatorNames holds the exact text of what is refused as an operator.
func TestOperatorNames(t *testing.T) {
	const unknown = "unknown condition operator "
	for name, want := range map[string]string{
		"":                                      unknown + `""`,
		"StringEqualz":                          unknown + `"StringEqualz"; did you mean "StringEquals"?`,
		"stringEquals":                          unknown + `"stringEquals"; did you mean "StringEquals"?`,
		"STRINGLIKE":                            unknown + `"STRINGLIKE"; did you mean "StringLike"?`,
		"IPAddress":                             unknown + `"IPAddress"; did you mean "IpAddress"?`,
		"Boolean":                               unknown + `"Boolean"; did you mean "Bool"?`,
		"BoolNotEquals":                         unknown + `"BoolNotEquals"`,
		"BinaryNotEquals":                       unknown + `"BinaryNotEquals"; did you mean "BinaryEquals"?`,
		"StringLikeIgnoreCase":                  unknown + `"StringLikeIgnoreCase"`,
		"NumericBetween":                        unknown + `"NumericBetween"`,
		"StringEqualsIfExistsIfExists":          unknown + `"StringEqualsIfExistsIfExists"`,
		"StringEqualsIfexists":                  unknown + `"StringEqualsIfexists"`,
		"IfExists":                              unknown + `"IfExists"`,
		"ForAllValues:":                         unknown + `"ForAllValues:"`,
		"ForAllValues:StringEqual":              unknown + `"ForAllValues:StringEqual"; did you mean "StringEquals"?`,
		"ForAllValue:StringEquals":              unknown + `"ForAllValue:StringEquals"; did you mean "StringEquals"?`,
		"forAnyValue:StringEquals":              unknown + `"forAnyValue:StringEquals"; did you mean "StringEquals"?`,
		"ForAllValues:ForAnyValue:StringEquals": unknown + `"ForAllValues:ForAnyValue:StringEquals"; did you mean "StringEquals"?`,
		"CelTrue":                               unknown + `"CelTrue"`,
		"\x20StringEquals":                      unknown + `" StringEquals"; did you mean "StringEquals"?`,
		strings.Repeat("x", 200):                unknown + `"` + strings.Repeat("x", 100) + `"`,
		"NullIfExists":                          `condition operator does not fit: Null takes neither a quantifier nor IfExists: "NullIfExists"`,
		"ForAllValues:Null":                     `condition operator does not fit: Null takes neither a quantifier nor IfExists: "ForAllValues:Null"`,
		"ForAnyValue:NullIfExists":              `condition operator does not fit: Null takes neither a quantifier nor IfExists: "ForAnyValue:NullIfExists"`,
	} {
		for range 20 { // the suggestion must not hang on the order of a map
			_, faults := conditions.AWS().Compile(name, "app:k", []string{"true"}, true)
			require.Len(t, faults, 1)
			require.Equal(t, conditions.PartOperator, faults[0].Part)
			require.EqualError(t, faults[0].Err, want)
		}
	}
}

// TestListNeedsQuantifier refuses a list-typed key without one: a Deny with it
// would never deny. Source: iam-semantics §1.8, §3.3.
func TestListNeedsQuantifier(t *testing.T) {
	for _, key := range []string{"aws:TagKeys", "DYNAMODB:leadingkeys", "idp.example.net:amr"} {
		k, err := conditions.AWS().Key(key)
		require.NoError(t, err)
		for _, operator := range []string{"StringEquals", "StringNotLikeIfExists"} {
			_, faults := conditions.AWS().Compile(operator, key, []string{"a"}, true)
			require.Len(t, faults, 1)
			require.Equal(t, conditions.PartOperator, faults[0].Part)
			require.EqualError(t, faults[0].Err, "condition operator does not fit: "+k.Name+" is a list: it needs the quantifier ForAllValues or ForAnyValue")
			compile(t, "ForAllValues:"+operator, key, "a")
		}
		compile(t, "Null", key, "true")
	}
}

// TestValuesRefused holds the exact text of each policy value that is refused.
// Source: iam-semantics §1.8, §3.5, §3.6; choices C6 to C9, C26.
func TestValuesRefused(t *testing.T) {
	const only = ": only String and Arn operators take policy variables"
	for _, c := range []struct {
		operator, value, want string
	}{
		{"NumericEquals", "1e3", `"1e3" is no number`},
		{"NumericLessThan", "", `"" is no number`},
		{"NumericLessThan", "${aws:MultiFactorAuthAge}", `condition operator does not fit: "${aws:MultiFactorAuthAge}"` + only},
		{"DateLessThan", "2026-13-01", `"2026-13-01" is no date (YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or epoch seconds)`},
		{"DateEquals", "2026-*", `"2026-*" is no date (YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or epoch seconds)`},
		{"DateEquals", "${aws:CurrentTime}", `condition operator does not fit: "${aws:CurrentTime}"` + only},
		{"Bool", "yes", `"yes" is neither true nor false`},
		{"Bool", "", `"" is neither true nor false`},
		{"Bool", "${aws:SecureTransport}", `condition operator does not fit: "${aws:SecureTransport}"` + only},
		{"Null", "maybe", `"maybe" is neither true nor false`},
		{"Null", "${app:k}", `condition operator does not fit: "${app:k}"` + only},
		{"BinaryEquals", "AQI", `"AQI" is no standard base64 with padding`},
		{"BinaryEquals", "${app:k}", `condition operator does not fit: "${app:k}"` + only},
		{"IpAddress", "203.0.113.0/33", `"203.0.113.0/33" is no IP address or CIDR`},
		{"NotIpAddress", "${aws:SourceIp}", `condition operator does not fit: "${aws:SourceIp}"` + only},
		{"IpAddress", strings.Repeat("1", 200), `"` + strings.Repeat("1", 100) + `" is no IP address or CIDR`},
	} {
		_, faults := conditions.AWS().Compile(c.operator, "app:k", []string{c.value}, true)
		require.Equal(t, []conditions.Fault{{Part: conditions.PartValue, Err: faults[0].Err}}, faults, c.operator)
		require.EqualError(t, faults[0].Err, c.want)
	}
}

// TestFaultsAtOnce reports every fault of a condition.
func TestFaultsAtOnce(t *testing.T) {
	v := conditions.AWS()
	_, faults := v.Compile("Bool", "aws:secure", []string{"true", "what"}, true)
	var got []string
	for _, f := range faults {
		got = append(got, f.Err.Error())
	}
	require.Equal(t, []string{
		`unknown context key "aws:secure"`,
		`"what" is neither true nor false`,
		"condition operator does not fit: one value, true or false, not 2",
	}, got)
	require.Equal(t, 1, faults[1].Index)
	require.Equal(t, 1, faults[2].Index)

	_, faults = v.Compile("Boool", "secure", nil, true)
	require.Len(t, faults, 3)
	require.ErrorIs(t, faults[0].Err, conditions.ErrUnknownOperator)
	require.ErrorIs(t, faults[1].Err, conditions.ErrKeyName)
	require.EqualError(t, faults[2].Err, "condition operator does not fit: no value")
}
