package lint

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// writingRules are about how a document is written.
var writingRules = []Rule{
	{
		Code: "invalid", Severity: Error, Refused: true,
		Summary: "the document is not a policy of its kind",
		Why:     "It cannot be decided as its author meant it, so it is refused.",
		Analyzer: []string{
			"ALLOW_WITH_NOT_PRINCIPAL", "DATA_TYPE_MISMATCH", "DEPRECATED_GLOBAL_CONDITION_KEY",
			"DUPLICATE_KEYS_WITH_DIFFERENT_CASE", "EMPTY_ARRAY_ACTION", "EMPTY_ARRAY_CONDITION",
			"EMPTY_ARRAY_CONDITION_FORALLVALUES", "EMPTY_ARRAY_CONDITION_FORANYVALUE", "EMPTY_ARRAY_CONDITION_IFEXISTS",
			"EMPTY_ARRAY_PRINCIPAL", "EMPTY_ARRAY_RESOURCE", "EMPTY_OBJECT_CONDITION", "EMPTY_OBJECT_PRINCIPAL", "EMPTY_VARIABLE",
			"FEDERATED_PRINCIPAL_NOT_SUPPORTED", "INVALID_ARN_PREFIX", "INVALID_CONDITION_DATA_TYPE", "INVALID_CONDITION_KEY_FORMAT",
			"INVALID_CONDITION_MULTIPLE_BOOLEAN", "INVALID_CONDITION_OPERATOR", "INVALID_EFFECT",
			"INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY", "INVALID_GLOBAL_CONDITION_KEY", "INVALID_POLICY_ELEMENT",
			"INVALID_PRINCIPAL_FORMAT", "INVALID_PRINCIPAL_KEY", "INVALID_VARIABLE_FOR_OPERATOR", "INVALID_VERSION",
			"JSON_SYNTAX_ERROR", "MISSING_ACTION", "MISSING_ARN_FIELD", "MISSING_BRACE_IN_VARIABLE", "MISSING_EFFECT",
			"MISSING_PRINCIPAL", "MISSING_QUALIFIER", "MISSING_QUOTE_IN_VARIABLE", "MISSING_RESOURCE", "MISSING_STATEMENT",
			"MISSING_TAG_KEY_IN_CONDITION", "NULL_WITH_IF_EXISTS", "NULL_WITH_QUALIFIER", "RCP_SYNTAX_ERROR_ALLOW",
			"RCP_SYNTAX_ERROR_NOTACTION", "RCP_SYNTAX_ERROR_PRINCIPAL", "ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL",
			"ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", "SCP_SYNTAX_ERROR_PRINCIPAL", "TYPE_MISMATCH", "TYPE_MISMATCH_BOOLEAN",
			"TYPE_MISMATCH_DATE", "TYPE_MISMATCH_IP_RANGE", "TYPE_MISMATCH_NUMBER", "TYPE_MISMATCH_STRING", "UNIQUE_SIDS_REQUIRED",
			"UNSUPPORTED_ELEMENT_COMBINATION", "UNSUPPORTED_GLOBAL_CONDITION_KEY", "UNSUPPORTED_PRINCIPAL", "UNSUPPORTED_SID",
			"UNSUPPORTED_SPACE_IN_VARIABLE", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL", "VARIABLE_UNSUPPORTED_IN_ELEMENT",
			"WILDCARD_IN_SERVICE_NAME",
		},
	},
	{
		Code: "policy-size", Severity: Error, Refused: true,
		Summary: "the document is larger than AWS takes for its kind",
		Why:     "AWS refuses to store it.",
		Analyzer: []string{
			"POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", "POLICY_SIZE_EXCEEDS_RCP_QUOTA",
			"POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA", "POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA",
			"POLICY_SIZE_EXCEEDS_SCP_QUOTA",
		},
	},
	{
		Code: "character", Severity: Error, Refused: true,
		Summary: "a text holds a character that IAM does not store",
		Why:     "AWS refuses the document.",
	},
	{
		Code: "variable-without-version", Severity: Warning,
		Summary:  "a policy variable in a document without Version 2012-10-17",
		Why:      "Without it, ${ is ordinary text: the statement matches nobody's name but that very text.",
		Analyzer: []string{"VARIABLE_UNSUPPORTED_IN_VERSION"},
	},
	{
		Code: "missing-version", Severity: Suggestion,
		Summary:  "the document has no Version",
		Why:      "The next policy variable that somebody adds would be ordinary text.",
		Analyzer: []string{"MISSING_VERSION"},
	},
	{
		Code: "unknown-key", Severity: Warning,
		Summary:  "a context key that the registry does not know",
		Why:      "It is taken as text, and is absent unless your own requests set it. A misspelt key never matches, or always.",
		Analyzer: []string{"INVALID_SERVICE"},
	},
	{
		Code: "quantifier-on-single-value", Severity: SecurityWarning,
		Summary: "ForAllValues or ForAnyValue on a key that has one value",
		Why:     "With ForAllValues an absent key passes, which a plain operator would refuse.",
		Analyzer: []string{
			"CONFIRM_AUDIENCE_CLAIM_TYPE", "FORALLVALUES_WITH_SINGLE_VALUED_KEY", "FORANYVALUE_WITH_AUDIENCE_CLAIM_TYPE",
		},
	},
	{
		Code: "wildcard-without-like", Severity: Warning,
		Summary:  "a * or ? in a value of an operator that takes it literally",
		Why:      "StringEquals compares with the very character: the statement matches next to nothing.",
		Analyzer: []string{"WILDCARD_WITHOUT_LIKE_OPERATOR"},
	},
	{
		Code: "empty-sid", Severity: Suggestion,
		Summary:  "an empty Sid",
		Why:      "It names nothing: messages and tests cannot refer to the statement.",
		Analyzer: []string{"EMPTY_SID_VALUE"},
	},
	{
		Code: "repeated-sid", Severity: Warning,
		Summary:  "a Sid that stands twice",
		Why:      "Messages and tests that name it may mean either statement. Documents of roles and users are refused for it.",
		Analyzer: []string{"UNIQUE_SIDS_RECOMMENDED"},
	},
	{
		Code: "ip-range", Severity: Suggestion,
		Summary:  "an address range with bits set beyond its prefix",
		Why:      "The bits are ignored: the range is another than it seems.",
		Analyzer: []string{"IMPROVE_IP_RANGE"},
	},
	{
		Code: "private-source-ip", Severity: Warning,
		Summary: "a private address range for aws:SourceIp",
		Why:     "On AWS, aws:SourceIp holds public addresses alone; private ones are in aws:VpcSourceIp.",
		Analyzer: []string{
			"PRIVATE_IP_ADDRESS", "PRIVATE_IP_ADDRESS_SUBSET", "PRIVATE_NOT_IP_ADDRESS", "PRIVATE_NOT_IP_ADDRESS_SUBSET",
		},
	},
}

// size compares with the sizes of iam-semantics §1.8.
func (l *linter) size() {
	size, limit, counted := l.doc.Size(l.kind)
	if size > limit {
		l.find("policy-size", policy.Position{}, "%d %s: the limit of %s policies is %d", size, counted, l.kind, limit)
	}
}

// version reports a document without one, unless it has variables, which are
// reported where they stand.
func (l *linter) version() {
	if l.doc.Version.Value == "" && !l.dollars() {
		l.findFix(l.addVersion(), "missing-version", policy.Position{Line: 1, Column: 1}, `no "Version": "2012-10-17"`)
	}
}

// dollars reports whether a text of the document may hold a variable.
func (l *linter) dollars() bool {
	for i := range l.doc.Statements {
		s := &l.doc.Statements[i]
		for _, t := range s.Resource.Values {
			if strings.Contains(t.Value, "${") {
				return true
			}
		}
		for j := range s.Conditions {
			for _, v := range s.Conditions[j].Values {
				if strings.Contains(v.Value, "${") {
					return true
				}
			}
		}
	}
	return false
}

func (l *linter) texts(s *statement) {
	for _, t := range s.Action.Values {
		l.in(name("Action", &s.Action), func() { l.character(t) })
	}
	for _, t := range s.Resource.Values {
		l.in(name("Resource", &s.Resource), func() { l.text(t) })
	}
}

// character warns of characters that IAM does not store.
func (l *linter) character(t policy.Text) {
	for _, r := range t.Value {
		if r > 0xff || r < ' ' && !strings.ContainsRune("\t\n\r", r) {
			l.find("character", t.Pos, "character %U: IAM stores U+0020 to U+00FF, tab and line ends", r)
			return
		}
	}
}

// text warns of unstorable characters, and of variables that are none.
func (l *linter) text(t policy.Text) {
	l.character(t)
	if !l.doc.Variables() && strings.Contains(t.Value, "${") {
		l.findFix(l.addVersion(), "variable-without-version", t.Pos, `"${" is ordinary text here: policy variables need "Version": "2012-10-17"`)
	}
}

func (l *linter) sid(s *statement) {
	l.in("Sid", func() {
		switch {
		case s.Sid.Pos == (policy.Position{}):
		case s.Sid.Value == "":
			l.find("empty-sid", s.Sid.Pos, "the Sid is empty")
		case l.sids[s.Sid.Value]:
			l.find("repeated-sid", s.Sid.Pos, "%q stands twice", s.Sid.Value)
		}
		l.sids[s.Sid.Value] = true
	})
}

// vocabularyOf looks at a condition as the vocabulary knows it.
func (l *linter) vocabularyOf(s *statement, c *condition) {
	for _, v := range c.Values {
		l.text(v.Text)
	}
	compiled, faults := l.Vocabulary.Compile(c.Operator.Value, c.Key.Value, c.Texts(), l.doc.Variables())
	if len(faults) > 0 {
		return
	}
	switch k := compiled.Key(); {
	case k.Name == "":
	case k.Kind == conditions.Untyped && l.catalogued(c):
	case k.Kind == conditions.Untyped:
		l.find("unknown-key", c.Key.Pos, "context key %q is not known: taken as text", c.Key.Value)
	case compiled.Quantified() && !k.List:
		var fix *Fix
		if s.Effect == policy.Allow && c.quantifier == "ForAllValues" && l.alone(s, c) {
			fix = l.replace(c.Operator.Pos, strings.TrimPrefix(c.Operator.Value, "ForAllValues:"), "leave out ForAllValues")
		}
		l.findFix(fix, "quantifier-on-single-value", c.Operator.Pos, "%s has one value: a quantifier makes an absent key pass or fail by itself", k.Name)
	}
}

// alone reports whether no other condition stands under the same operator, nor
// under the one that it would become without its quantifier.
func (l *linter) alone(s *statement, c *condition) bool {
	plain := strings.TrimPrefix(c.Operator.Value, c.quantifier+":")
	for i := range s.conditions {
		other := &s.conditions[i]
		if other.Condition != c.Condition && (other.Operator.Pos == c.Operator.Pos || other.Operator.Value == plain) {
			return false
		}
	}
	return true
}

// values looks at the values of a condition.
func (l *linter) values(c *condition) {
	for _, v := range c.Values {
		switch c.base {
		case "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
			if !partitionKeys[c.key] && strings.ContainsAny(withoutVariables(v.Value), "*?") {
				l.find("wildcard-without-like", v.Pos, "%s takes %q literally: want %s", c.base, v.Value, like(c.base))
			}
		case "IpAddress", "NotIpAddress":
			l.address(c, v)
		}
	}
}

func like(base string) string {
	if strings.HasPrefix(base, "StringNot") {
		return "StringNotLike"
	}
	return "StringLike"
}

// withoutVariables leaves out what stands within ${ and }.
func withoutVariables(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if _, s, ok = strings.Cut(rest, "}"); !ok {
			return b.String()
		}
	}
}

func (l *linter) address(c *condition, v policy.Value) {
	p, err := netip.ParsePrefix(v.Value)
	if err != nil {
		addr, err := netip.ParseAddr(v.Value)
		if err != nil {
			return // a variable, or invalid
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if masked := p.Masked(); masked != p {
		fix := l.replace(v.Pos, masked.String(), fmt.Sprintf("write %s", masked))
		l.findFix(fix, "ip-range", v.Pos, "%s is %s: the bits beyond the prefix are ignored", v.Value, masked)
	}
	if c.key == "aws:sourceip" && (p.Addr().IsPrivate() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast()) {
		l.find("private-source-ip", v.Pos, "%s is private: aws:SourceIp holds public addresses on AWS", v.Value)
	}
}
