package lint

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// grantRules are about what a statement gives beyond what it seems to, or
// twice.
var grantRules = []Rule{
	{
		Code: "pass-role-any", Severity: SecurityWarning,
		Summary: "iam:PassRole on any role",
		Why:     "Whoever may pass any role to a service can use the strongest one. Name the roles, or limit iam:PassedToService.",
		Analyzer: []string{
			"PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", "PASS_ROLE_WITH_STAR_IN_RESOURCE",
			"PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION",
		},
	},
	{
		Code: "pass-role-not-resource", Severity: SecurityWarning,
		Summary: "iam:PassRole on every role that is not listed",
		Why:     "Every role of tomorrow is given too.",
		Analyzer: []string{
			"PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE", "PASS_ROLE_WITH_NOT_RESOURCE",
			"PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE",
		},
	},
	{
		Code: "service-linked-role-any", Severity: Warning,
		Summary: "iam:CreateServiceLinkedRole for any service",
		Why:     "Whoever has it can make roles for services that nobody asked for. Name the role's ARN, or limit iam:AWSServiceName.",
		Analyzer: []string{
			"CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE", "CREATE_SLR_WITH_NOT_RESOURCE",
			"CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", "CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE",
			"CREATE_SLR_WITH_STAR_IN_RESOURCE", "CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION",
		},
	},
	{
		Code: "paired-key", Severity: SecurityWarning,
		Summary:  "aws:VpcSourceIp without aws:SourceVpc",
		Why:      "Private addresses are not unique: another network has the same. Say which network too.",
		Analyzer: []string{"MISSING_PAIRED_CONDITION_KEYS"},
	},
	{
		Code: "redundant-action", Severity: Suggestion,
		Summary:  "an action that another one of the same list covers",
		Why:      "It changes nothing, and a reader who removes the other one believes that it did.",
		Analyzer: []string{"REDUNDANT_ACTION"},
	},
	{
		Code: "redundant-resource", Severity: Suggestion,
		Summary:  "a resource that stands twice, or beside one that covers it",
		Why:      "It changes nothing: that the statement names a resource does not limit it.",
		Analyzer: []string{"REDUNDANT_RESOURCE"},
	},
	{
		Code: "redundant-value", Severity: Suggestion,
		Summary:  "a condition value that stands twice, or beside one that says more",
		Why:      "It changes nothing.",
		Analyzer: []string{"REDUNDANT_CONDITION_VALUE_NUM"},
	},
	{
		Code: "redundant-statement", Severity: Suggestion,
		Summary:  "a statement that stands twice",
		Why:      "Whoever removes one believes that it is gone.",
		Analyzer: []string{"REDUNDANT_STATEMENT"},
	},
}

// roles looks for rights over roles that are wider than they need be.
func (l *linter) roles(s *statement) {
	if s.Effect != policy.Allow || l.kind == policy.Trust {
		return
	}
	wide := -1
	for i, t := range s.Resource.Values {
		if t.Value == "*" || t.Value == "arn:*" || anyRole(t.Value) {
			wide = i
			break
		}
	}
	if wide < 0 && !s.Resource.Not {
		return
	}
	if l.kind == policy.ServiceControl || l.kind == policy.ResourceControl || l.kind == policy.Endpoint {
		return // these only limit
	}
	pos := s.Resource.Pos
	if wide >= 0 {
		pos = s.Resource.Values[wide].Pos
	}
	l.in(name("Resource", &s.Resource), func() {
		if l.covers(s, "iam:PassRole") && !s.reads("iam:passedtoservice") {
			code := "pass-role-any"
			if s.Resource.Not {
				code = "pass-role-not-resource"
			}
			l.find(code, pos, "iam:PassRole on every role")
		}
		if l.covers(s, "iam:CreateServiceLinkedRole") && !s.reads("iam:awsservicename") {
			l.find("service-linked-role-any", pos, "iam:CreateServiceLinkedRole for every service")
		}
	})
}

// anyRole reports whether an ARN covers every role of an account.
func anyRole(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	return len(parts) == 6 && (parts[2] == "iam" || parts[2] == "*") && (parts[5] == "*" || parts[5] == "role/*")
}

// elements looks for what stands twice in a statement.
func (l *linter) elements(s *statement) {
	if s.reads("aws:vpcsourceip") && s.Effect == policy.Allow && !s.reads("aws:sourcevpc") && !s.reads("aws:sourcevpce") && !s.reads("aws:sourcevpcarn") {
		l.in("Condition", func() {
			i := slices.IndexFunc(s.conditions, func(c condition) bool { return c.key == "aws:vpcsourceip" })
			l.find("paired-key", s.conditions[i].Key.Pos, "aws:VpcSourceIp without aws:SourceVpc: other networks have the same addresses")
		})
	}
	l.in(name("Action", &s.Action), func() { l.redundantActions(s.Action.Values) })
	l.in(name("Resource", &s.Resource), func() { l.redundantResources(s) })
	for i := range s.conditions {
		c := &s.conditions[i]
		seen := map[string]bool{}
		l.within(c, func() {
			for _, v := range c.Values {
				if seen[v.Value] {
					l.findFix(l.remove(v.Pos), "redundant-value", v.Pos, "%q stands twice", v.Value)
				}
				seen[v.Value] = true
			}
		})
	}
}

func (l *linter) redundantActions(values []policy.Text) {
	var wild []policy.Text
	for _, t := range values {
		if strings.Contains(t.Value, "*") && !strings.Contains(t.Value, "?") && l.action(t.Value) != nil {
			wild = append(wild, t)
		}
	}
	if len(wild)*len(values) > maxPairs {
		wild = nil
	}
	seen := map[string]bool{}
	for _, t := range values {
		folded := strings.ToLower(t.Value)
		if seen[folded] {
			l.findFix(l.remove(t.Pos), "redundant-action", t.Pos, "%s stands twice", t.Value)
			continue
		}
		seen[folded] = true
		for _, w := range wild {
			if other := strings.ToLower(w.Value); other != folded && glob(other, folded) {
				l.findFix(l.remove(t.Pos), "redundant-action", t.Pos, "%s is part of %s", t.Value, w.Value)
				break
			}
		}
	}
}

func (l *linter) redundantResources(s *statement) {
	values := s.Resource.Values
	var wild []policy.Text
	for _, t := range values {
		if strings.ContainsAny(withoutVariables(t.Value), "*?") {
			wild = append(wild, t)
		}
	}
	if len(wild)*len(values) > maxPairs {
		wild = nil
	}
	seen := map[string]bool{}
	for _, t := range values {
		i := slices.IndexFunc(wild, func(w policy.Text) bool { return w.Value != t.Value && coversARN(w.Value, t.Value) })
		switch {
		case seen[t.Value]:
			l.findFix(l.remove(t.Pos), "redundant-resource", t.Pos, "%q stands twice", t.Value)
		case i >= 0:
			// Which of the two is meant is not certain.
			l.find("redundant-resource", t.Pos, "%q is part of %q", t.Value, wild[i].Value)
		}
		seen[t.Value] = true
	}
}

// coversARN reports whether every ARN of one pattern is one of another. A
// variable is in both or in none.
func coversARN(wide, narrow string) bool {
	if wide == "*" {
		return true
	}
	if strings.Contains(narrow, "${*}") || strings.Contains(narrow, "${?}") || strings.Contains(wide, "?") && strings.ContainsAny(narrow, "*$") {
		return false
	}
	one, other := strings.SplitN(wide, ":", 6), strings.SplitN(narrow, ":", 6)
	if len(one) != 6 || len(other) != 6 {
		return false
	}
	for i := range one {
		if one[i] != other[i] && !glob(one[i], other[i]) {
			return false
		}
	}
	return true
}

// repeated finds statements that stand twice, whatever their Sids are.
func (l *linter) repeated() {
	seen := map[string]int{}
	for i := range l.doc.Statements {
		s := l.doc.Statements[i]
		s.Sid = policy.Text{}
		one := policy.Document{Statements: []policy.Statement{s}}
		text := string(one.Print())
		if first, ok := seen[text]; ok {
			l.find("redundant-statement", s.Pos, "the statement is the same as statement %d", first)
			continue
		}
		seen[text] = i
	}
}
