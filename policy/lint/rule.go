// Package lint finds lawful writing in policies that does not mean what its
// author meant, and rows that a policy gives away.
//
// Check looks at one document and returns findings: each has the code of a
// Rule, a place, and where there is no doubt a Fix. Codes are stable: they are
// never given to another rule. A Rule names the policy checks of IAM Access
// Analyzer that find the same.
//
// What is wrong with actions, condition keys and resources of AWS services is
// only found with a Catalogue, such as policy/catalogue; what is wrong with the
// keys of a table only with its Table.
//
// A document without findings is not thereby safe: a linter looks for what is
// known to go wrong. Source: IAM User Guide, "Access Analyzer policy check
// reference"; DynamoDB Developer Guide, "Using IAM policy conditions for
// fine-grained access control"; iam-semantics §3.4, §6.4.
package lint

import "slices"

// Severity says how much a finding weighs. The names are the finding types of
// IAM Access Analyzer. The zero value is none.
type Severity uint8

// The severities, the lightest first.
const (
	Suggestion Severity = iota + 1
	Warning
	SecurityWarning
	Error
)

var severityNames = [...]string{"none", "suggestion", "warning", "security-warning", "error"}

// String returns the name that ParseSeverity reads.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[0]
}

// ParseSeverity reads suggestion, warning, security-warning or error.
func ParseSeverity(name string) (Severity, bool) {
	i := slices.Index(severityNames[1:], name)
	return Severity(i + 1), i >= 0
}

// Rule is one check.
type Rule struct {
	// Code is lower-case words with hyphens, such as "leading-keys-null-guard".
	Code     string
	Severity Severity
	// Summary says what is found, Why what comes of it.
	Summary, Why string
	// Analyzer are the issue codes of IAM Access Analyzer that find the same,
	// none if it has no such check.
	Analyzer []string
	// Refused is true if AWS, or Rowan, does not accept such a document.
	Refused bool
}

// Rules returns every rule, ordered by code. The slice is the caller's.
func Rules() []Rule {
	out := slices.Concat(writingRules, comparedRules, rowRules, grantRules, trustRules, placeRules, catalogueRules, poolRules)
	slices.SortFunc(out, func(a, b Rule) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return out
}

// Find returns the rule of a code.
func Find(code string) (Rule, bool) {
	i, ok := index[code]
	if !ok {
		return Rule{}, false
	}
	return all[i], true
}

var (
	all   = Rules()
	index = indexed(all)
)

func indexed(rules []Rule) map[string]int {
	out := make(map[string]int, len(rules))
	for i := range rules {
		out[rules[i].Code] = i
	}
	return out
}

// poolRules are about pools of a bundle: whoever loads it reports them.
var poolRules = []Rule{
	{
		Code: "writable-role-claim", Severity: SecurityWarning,
		Summary: "a claim that users can write chooses a role",
		Why:     "Whoever may write the attribute picks the role of the next session.",
	},
	{
		Code: "loose-role-claim", Severity: SecurityWarning,
		Summary: "a rule that chooses a role looks for a part of a text that users choose",
		Why:     "A longer text of one's own choice contains the value too.",
	},
	{
		Code: "writable-tag-claim", Severity: SecurityWarning,
		Summary: "a principal tag comes from a claim that users can write",
		Why:     "Policies that compare aws:PrincipalTag then compare with what the caller chose.",
	},
	{
		Code: "unverifiable-provider", Severity: Warning,
		Summary: "an identity pool lists a provider whose tokens nothing here verifies",
		Why:     "Nobody can sign in with it.",
	},
	{
		Code: "role-policy-size", Severity: Error, Refused: true,
		Summary: "the inline policies of one role or user are larger together than AWS takes",
		Why:     "AWS refuses to store them.",
	},
}
