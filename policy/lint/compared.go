package lint

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// comparedRules are about what a condition compares with what.
var comparedRules = []Rule{
	{
		Code: "any-value", Severity: Suggestion,
		Summary:  "a condition value that is nothing but *",
		Why:      "It asks whether the key is there, and nothing else. Null says that.",
		Analyzer: []string{"EQUIVALENT_TO_NULL_FALSE", "EQUIVALENT_TO_NULL_TRUE"},
	},
	{
		Code: "compares-nothing", Severity: Warning,
		Summary:  "a condition value that is nothing but *, where the key need not be there",
		Why:      "The condition always holds, or never: it looks like a limit and is none.",
		Analyzer: []string{"REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION", "REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION"},
	},
	{
		Code: "arn-as-text", Severity: SecurityWarning,
		Summary:  "StringLike on an ARN, with a wildcard before its last part",
		Why:      "There a * goes on over colons, into the account and the resource: more ARNs match than are meant. ArnLike keeps it within its part.",
		Analyzer: []string{"STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS"},
	},
	{
		Code: "epoch-date", Severity: Warning,
		Summary:  "a date as a number of seconds",
		Why:      "A reader cannot tell which day it is. Write it as 2026-12-31T00:00:00Z.",
		Analyzer: []string{"INVALID_DATE_VALUE"},
	},
	{
		Code: "s3-prefix-negated", Severity: SecurityWarning,
		Summary:  "s3:prefix says what must not be listed",
		Why:      "A shorter prefix, or none, lists the same objects and more. Allow the prefixes that may be listed, or deny all others.",
		Analyzer: []string{"S3_PREFIX_IN_NEGATIVE_CONTEXT"},
	},
	{
		Code: "untrusted-key", Severity: SecurityWarning,
		Summary:  "a context key that callers choose as they like",
		Why:      "It is a header of the request: whoever makes one writes into it what the policy wants to see.",
		Analyzer: []string{"UNTRUSTWORTHY_CONDITION_KEY"},
	},
	{
		Code: "value-format", Severity: Error,
		Summary: "a value that a context key of AWS never has",
		Why:     "The condition never holds, or always.",
		Analyzer: []string{
			"INVALID_KMS_KEY_VALUE", "INVALID_SERVICE_PRINCIPAL_FORMAT", "INVALID_VPCE_FORMAT", "INVALID_VPC_FORMAT",
		},
	},
}

// untrusted are headers of the request, in lower case. Source: IAM User Guide,
// "AWS global condition context keys".
var untrusted = []string{"aws:referer", "aws:useragent"}

// compared looks at one condition.
func (l *linter) compared(s *statement, c *condition) {
	if c.base == "Null" {
		return
	}
	if slices.Contains(untrusted, c.key) {
		l.find("untrusted-key", c.Key.Pos, "%s is a header: callers write it as they like", c.Key.Value)
	}
	if deny := s.Effect == policy.Deny; c.key == "s3:prefix" && deny != c.negated() {
		l.find("s3-prefix-negated", c.Operator.Pos, "a shorter prefix, or none, lists the same objects too")
	}
	for _, v := range c.Values {
		l.anyValue(c, v)
		l.format(c, v)
		if strings.HasPrefix(c.base, "Date") && v.Value != "" && strings.Trim(v.Value, "-.0123456789") == "" && !strings.Contains(strings.TrimPrefix(v.Value, "-"), "-") {
			l.find("epoch-date", v.Pos, "%s counts seconds", v.Value)
		}
	}
	l.arnAsText(c)
	l.extremes(c)
}

// anyValue finds a pattern that covers every value.
func (l *linter) anyValue(c *condition, v policy.Value) {
	if !strings.HasPrefix(c.base, "String") || !strings.HasSuffix(c.base, "Like") || v.Value == "" || strings.Trim(v.Value, "*") != "" {
		return
	}
	null := "false"
	if c.negated() {
		null = "true"
	}
	switch {
	case c.negated() && c.quantifier == "ForAnyValue":
		l.find("compares-nothing", v.Pos, "%s with %q never holds", c.Operator.Value, v.Value)
	case !c.negated() && (c.ifExists || c.quantifier == "ForAllValues"):
		l.find("compares-nothing", v.Pos, "%s with %q always holds", c.Operator.Value, v.Value)
	default:
		l.find("any-value", v.Pos, `%s with %q says "Null": {%q: %q}`, c.Operator.Value, v.Value, c.Key.Value, null)
	}
}

// arnAsText finds patterns of ARNs whose wildcards reach over colons.
func (l *linter) arnAsText(c *condition) {
	if !strings.HasPrefix(c.base, "String") || !strings.HasSuffix(c.base, "Like") {
		return
	}
	compiled, faults := l.Vocabulary.Compile("Null", c.Key.Value, []string{"true"}, false)
	if len(faults) > 0 || compiled.Key().Kind != conditions.ARN {
		return
	}
	for _, v := range c.Values {
		parts := strings.SplitN(v.Value, ":", 6)
		if strings.Trim(v.Value, "*") != "" && (len(parts) < 6 || strings.ContainsAny(strings.Join(parts[:5], ""), "*?")) {
			l.find("arn-as-text", v.Pos, "the wildcards of %q go on over colons: want %s", v.Value, strings.Replace(c.Operator.Value, "String", "Arn", 1))
		}
	}
}

// extremes finds the values of an order beside which others say nothing.
func (l *linter) extremes(c *condition) {
	if len(c.Values) < 2 || !strings.HasPrefix(c.base, "Numeric") || !strings.Contains(c.base, "Than") {
		return
	}
	counts := "greatest"
	if strings.Contains(c.base, "Greater") {
		counts = "least"
	}
	l.find("redundant-value", c.Values[1].Pos, "of several values of %s the %s alone counts", c.Operator.Value, counts)
}

// formats say how the values of keys begin and go on, by the key in lower case.
// Source: IAM User Guide, "AWS global condition context keys".
var formats = map[string]struct {
	want string
	ok   func(string) bool
}{
	"aws:sourcevpc":            {"vpc-ID", func(v string) bool { return resourceID(v, "vpc-") }},
	"aws:sourcevpce":           {"vpce-ID", func(v string) bool { return resourceID(v, "vpce-") }},
	"aws:sourceaccount":        {"twelve digits", accountID},
	"aws:principalaccount":     {"twelve digits", func(v string) bool { return accountID(v) || v == "anonymous" }},
	"aws:resourceaccount":      {"twelve digits", accountID},
	"aws:calledvia":            {"the name of a service such as athena.amazonaws.com", serviceName},
	"aws:calledviafirst":       {"the name of a service such as athena.amazonaws.com", serviceName},
	"aws:calledvialast":        {"the name of a service such as athena.amazonaws.com", serviceName},
	"aws:principalservicename": {"the name of a service such as athena.amazonaws.com", serviceName},
	"iam:passedtoservice":      {"the name of a service such as ec2.amazonaws.com", serviceName},
	"kms:viaservice":           {"the name of a service such as s3.us-east-1.amazonaws.com", serviceName},
	"s3:x-amz-server-side-encryption-aws-kms-key-id": {"the ARN of a key", func(v string) bool { return strings.HasPrefix(v, "arn:") }},
}

// format finds values that a key never has.
func (l *linter) format(c *condition, v policy.Value) {
	f, ok := formats[c.key]
	if !ok || strings.Contains(v.Value, "${") || !strings.HasPrefix(c.base, "String") || strings.HasSuffix(c.base, "Like") && strings.ContainsAny(v.Value, "*?") {
		return
	}
	if !f.ok(v.Value) {
		l.find("value-format", v.Pos, "%s is never %q: want %s", c.Key.Value, v.Value, f.want)
	}
}

func resourceID(v, prefix string) bool {
	id, ok := strings.CutPrefix(v, prefix)
	return ok && (len(id) == 8 || len(id) == 17) && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

func accountID(v string) bool { return len(v) == 12 && strings.Trim(v, "0123456789") == "" }

func serviceName(v string) bool {
	return v == strings.ToLower(v) && strings.Contains(strings.Trim(v, "."), ".")
}
