package generate

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

var (
	stringOperators = []string{
		"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringLike",
		"StringNotLike",
	}
	numericOperators = []string{
		"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
		"NumericGreaterThanEquals",
	}
	dateOperators = []string{
		"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
	}
	boolOperators    = []string{"Bool"}
	addressOperators = []string{"IpAddress", "NotIpAddress"}
	arnOperators     = []string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}
	binaryOperators  = []string{"BinaryEquals"}
	anyOperators     = [][]string{
		stringOperators, stringOperators, numericOperators, dateOperators, boolOperators, addressOperators, arnOperators,
		binaryOperators,
	}
)

// operators are those that take a key.
func (g *generator) operators(kind keyKind) []string {
	switch kind {
	case numberKey:
		return numericOperators
	case dateKey:
		return dateOperators
	case epochKey:
		return pick(g.Rand, numericOperators, dateOperators)
	case boolKey:
		return boolOperators
	case addressKey:
		return addressOperators
	case arnKey, providerKey:
		return pick(g.Rand, arnOperators, stringOperators)
	case untypedKey, partsKey:
		return pick(g.Rand, anyOperators...)
	case textKey, listKey:
	}
	return stringOperators
}

// conditions is a Condition block, or none. No two entries have the same
// operator, so each is a member of its own.
func (g *generator) conditions() object {
	var block object
	used := map[string]bool{}
	for range pick(g.Rand, 0, 0, 0, 1, 1, 1, 2, 3) {
		k := pick(g.Rand, keys...)
		for range 3 { // rather one that the request has
			if _, has := g.c.Context[g.keyName(k)]; !has && g.chance(60) {
				k = pick(g.Rand, keys...)
			}
		}
		operator := g.operator(k.kind)
		if used[operator] {
			continue
		}
		used[operator] = true
		name := g.keyName(k)
		if !k.kind.untyped() {
			name = g.respellKey(name)
		}
		block.add(operator, object{{name, g.values(operator, g.keyName(k))}}.String())
	}
	return block
}

// operator is one that takes the key, with a quantifier if the key needs it.
func (g *generator) operator(kind keyKind) string {
	if g.chance(8) {
		return "Null"
	}
	operator := pick(g.Rand, g.operators(kind)...)
	if g.chance(20) {
		operator += "IfExists"
	}
	if kind == listKey || g.chance(10) {
		operator = pick(g.Rand, "ForAllValues:", "ForAnyValue:") + operator
	}
	return operator
}

// respellKey changes the case of what stands before a tag.
func (g *generator) respellKey(name string) string {
	before, tag, isTag := strings.Cut(name, "/")
	if !isTag {
		return g.respell(name)
	}
	return g.respell(before) + "/" + tag
}

// values are the policy's values for a key, as JSON.
func (g *generator) values(operator, name string) string {
	base := strings.TrimSuffix(operator[strings.Index(operator, ":")+1:], "IfExists")
	if base == "Null" {
		return pick(g.Rand, `"true"`, `"false"`, "true", `"false"`)
	}
	if base == "Bool" {
		return pick(g.Rand, `"true"`, `"false"`, "true", `"TRUE"`)
	}
	if strings.HasPrefix(base, "Numeric") && g.chance(30) {
		return pick(g.Rand, "10", "1e1", "10.0", "[10, -3]", "100e-1", "-0")
	}
	var out []string
	for range pick(g.Rand, 1, 1, 2, 3) {
		out = append(out, g.policyValue(base, name))
	}
	return list(g.Rand, out)
}

// longestLiteral is how much of a long string a policy repeats.
const longestLiteral = 3000

// policyValue is one value for an operator, often one that the request meets.
func (g *generator) policyValue(base, name string) string {
	hit := g.word()
	if has := g.c.Context[name]; len(has) > 0 && g.chance(60) {
		hit = strings.ToValidUTF8(pick(g.Rand, has...), "?")
	}
	hit = hit[:min(len(hit), longestLiteral)]
	switch {
	case strings.HasPrefix(base, "Numeric"):
		return pick(g.Rand, numbers...)
	case strings.HasPrefix(base, "Date"):
		return pick(g.Rand, dates...)
	case strings.HasSuffix(base, "IpAddress"):
		return pick(g.Rand, networks...)
	case base == "BinaryEquals":
		return base64.StdEncoding.EncodeToString([]byte(hit))
	case strings.HasPrefix(base, "Arn"):
		return g.arnPattern()
	case strings.HasSuffix(base, "Like"):
		return g.pattern(hit)
	case g.variables && g.chance(25):
		return g.withVariable(hit)
	}
	return g.plain(hit)
}

// plain writes a string so that none of it is a variable.
func (g *generator) plain(s string) string {
	if g.variables {
		return strings.ReplaceAll(s, "${", "${$}{")
	}
	return s
}

// arnPattern is a value of an ARN operator.
func (g *generator) arnPattern() string {
	parts := strings.SplitN(pick(g.Rand, arns...), ":", 6)
	if g.variables && g.chance(25) {
		return pick(g.Rand,
			"${aws:PrincipalArn}", "${aws:SourceArn}", "arn:aws:${app:k}", "arn:aws:sns:${app:two}:a:t", "arn:aws:sns:${app:two}:a:t", "arn:${app:k}:*", "arn:aws:iam::${aws:PrincipalAccount}:*", "arn:aws:sns:${app:two}:t",
			"arn:aws:iam::${app:k}*:role/*", "${aws:PrincipalArn}*", "arn:aws:s3:::b/${aws:username}/*",
			"${aws:PrincipalArn, 'arn:aws:iam::"+own+":role/R'}")
	}
	for _, i := range []int{1, 2, 3, 4, 5} {
		if g.chance(25) {
			parts[i] = pick(g.Rand, "*", g.loosen(parts[i]), "?")
		}
	}
	return strings.Join(parts, ":")
}

// object is a JSON object whose members keep their order. Values are JSON.
type object [][2]string

func (o *object) add(name, value string) { *o = append(*o, [2]string{name, value}) }

func (o object) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, member := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(member[0]))
		b.WriteByte(':')
		b.WriteString(member[1])
	}
	b.WriteByte('}')
	return b.String()
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}
