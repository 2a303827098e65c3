package lint

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// trustRules are about whom a policy lets in.
var trustRules = []Rule{
	{
		Code: "trust-action", Severity: Error,
		Summary:  "a trust policy whose principals cannot ask for its actions",
		Why:      "Users of an OIDC or SAML provider assume a role with another operation than users of an account: nobody gets the role.",
		Analyzer: []string{"MISMATCHED_ACTION_FOR_PRINCIPAL"},
	},
	{
		Code: "trust-without-audience", Severity: SecurityWarning,
		Summary:  "a role trusts an OIDC provider, whoever the token was made for",
		Why:      "Anybody's application at that provider, and any identity pool of Amazon Cognito, gives its users the role. Compare the provider's aud, or sub.",
		Analyzer: []string{"MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL", "MISSING_GITHUB_REPO_CONDITION_KEY"},
	},
	{
		Code: "trust-anyone", Severity: SecurityWarning,
		Summary:  "a role that anybody on AWS may assume",
		Why:      "Every account is let in. Name the accounts, or compare aws:PrincipalOrgID or another key of who asks.",
		Analyzer: []string{"ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL"},
	},
	{
		Code: "service-without-source", Severity: SecurityWarning,
		Summary:  "a resource's policy lets a service in, for whomever it works",
		Why:      "The service acts for other accounts too, and anybody may have it reach the resource. Compare aws:SourceAccount, aws:SourceArn, aws:SourceOrgID or aws:SourceOrgPaths.",
		Analyzer: []string{"RECOMMENDED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL", "RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL"},
	},
	{
		Code: "service-principal-key", Severity: Error,
		Summary:  "a service is let in if its organisation, account or tags are the right ones",
		Why:      "A service has none of them: the condition never holds.",
		Analyzer: []string{"UNSUPPORTED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL"},
	},
	{
		Code: "principal-id", Severity: Warning,
		Summary:  "a principal by its unique id",
		Why:      "AWS writes it in place of a role or a user that was deleted; another one of that name is not meant. Take it out, or write the ARN.",
		Analyzer: []string{"INVALID_ROLE_REFERENCE", "INVALID_USER_REFERENCE"},
	},
	{
		Code: "redundant-principal", Severity: Suggestion,
		Summary:  "a principal that stands twice, or a session beside its role",
		Why:      "It changes nothing, and a reader who removes one of them believes that it did.",
		Analyzer: []string{"REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY"},
	},
}

// The operations that give out a role. Source: AWS STS API Reference.
const (
	byAccount = "sts:AssumeRole"
	byToken   = "sts:AssumeRoleWithWebIdentity"
	bySAML    = "sts:AssumeRoleWithSAML"
)

var assuming = []string{byAccount, byToken, bySAML}

// principals looks at whom a statement is about.
func (l *linter) principals(s *statement) {
	if s.Principal == nil {
		return
	}
	member := "Principal"
	if s.Principal.Not {
		member = "NotPrincipal"
	}
	l.in(member, func() {
		l.references(s.Principal)
		for _, e := range s.Principal.Entries {
			if s.Effect == policy.Allow && !s.Principal.Not {
				l.in(e.Type.String(), func() {
					l.service(s, e)
					l.assumed(s, e)
				})
			}
		}
	})
	services := func(e policy.PrincipalEntry) bool { return e.Type == policy.PrincipalService }
	if s.Effect == policy.Allow && slices.ContainsFunc(s.Principal.Entries, services) {
		l.serviceConditions(s)
	}
}

// references looks at how principals are written.
func (l *linter) references(p *policy.Principal) {
	type named struct {
		of   policy.PrincipalType
		text string
	}
	seen := map[named]bool{}
	few := len(p.Entries)*len(p.Entries) <= maxPairs
	for _, e := range p.Entries {
		l.in(e.Type.String(), func() {
			if e.Type == policy.PrincipalAWS && (strings.HasPrefix(e.Value, "AROA") || strings.HasPrefix(e.Value, "AIDA")) {
				l.find("principal-id", e.Pos, "%s is the id of a role or a user, most likely of one that was deleted", e.Value)
			}
			role := func(other policy.PrincipalEntry) bool { return sessionOf(e.Value, other.Value) }
			if seen[named{e.Type, e.Value}] {
				l.findFix(l.remove(e.Pos), "redundant-principal", e.Pos, "%s stands twice", e.Value)
			} else if i := slices.IndexFunc(p.Entries, role); !p.Not && few && i >= 0 { // NotPrincipal needs both
				l.find("redundant-principal", e.Pos, "%s is a session of %s", e.Value, p.Entries[i].Value)
			}
			seen[named{e.Type, e.Value}] = true
		})
	}
}

// sessionOf reports whether an ARN is that of a session of a role.
func sessionOf(session, role string) bool {
	account, rest, ok := strings.Cut(strings.TrimPrefix(session, "arn:aws:sts::"), ":assumed-role/")
	of, path, isRole := strings.Cut(strings.TrimPrefix(role, "arn:aws:iam::"), ":role/")
	name, _, _ := strings.Cut(rest, "/")
	return ok && isRole && account == of && name == path[strings.LastIndexByte(path, '/')+1:]
}

// service looks at a service that a resource's policy lets in.
func (l *linter) service(s *statement, e policy.PrincipalEntry) {
	if l.kind == policy.Resource && e.Type == policy.PrincipalService && !slices.ContainsFunc(sourceKeys, s.reads) {
		l.find("service-without-source", e.Pos, "%s may come for any account", e.Value)
	}
}

// serviceConditions looks for what a service does not have.
func (l *linter) serviceConditions(s *statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if ofPrincipal(*c) {
			l.within(c, func() { l.find("service-principal-key", c.Key.Pos, "a service has no %s", c.Key.Value) })
		}
	}
}

// ofPrincipal reports whether a condition lets in those of an account alone, by
// their organisation, account, name or tags.
func ofPrincipal(c condition) bool {
	service := strings.HasPrefix(c.key, "aws:principalservice") || c.key == "aws:principalisawsservice"
	return strings.HasPrefix(c.key, "aws:principal") && !service && !c.negated() && !c.ifExists && !c.null("true")
}

// assumed looks at who may get a role.
func (l *linter) assumed(s *statement, e policy.PrincipalEntry) {
	if l.kind != policy.Trust {
		return
	}
	if e.Type == policy.PrincipalAWS && e.Value == "*" {
		if !slices.ContainsFunc(s.conditions, ofPrincipal) {
			l.find("trust-anyone", e.Pos, "every account may assume the role")
		}
		return // whichever operation it is
	}
	want := assumes(e)
	switch covered := func(action string) bool { return l.covers(s, action) }; {
	case !slices.ContainsFunc(assuming, covered): // it says who may tag a session
	case !covered(want):
		l.find("trust-action", e.Pos, "%s asks for a role with %s, which the statement does not have", e.Value, want)
	case want == byToken && !s.audience(e.Value):
		l.find("trust-without-audience", e.Pos, "nothing says for whom a token of %s must have been made", e.Value)
	}
}

// sourceKeys say for whom a service acts.
var sourceKeys = []string{"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"}

// assumes returns the operation by which a principal asks for a role.
func assumes(e policy.PrincipalEntry) string {
	switch {
	case e.Type != policy.PrincipalFederated:
		return byAccount
	case strings.Contains(e.Value, ":saml-provider/"):
		return bySAML
	}
	return byToken
}

// audience reports whether a condition compares what a token of a provider says
// of its application or its user. How the user signed in, amr, says neither, and
// aud is the same for all of GitHub.
func (s *statement) audience(provider string) bool {
	if _, issuer, ok := strings.Cut(provider, ":oidc-provider/"); ok {
		provider = issuer
	}
	prefix := strings.ToLower(provider) + ":"
	says := func(key string) bool {
		return key != "amr" && (key != "aud" || prefix != "token.actions.githubusercontent.com:")
	}
	return slices.ContainsFunc(s.conditions, func(c condition) bool {
		key, ok := strings.CutPrefix(c.key, prefix)
		return ok && says(key) && c.base != "Null" && !c.negated() && !c.ifExists && c.quantifier != "ForAllValues" &&
			!slices.ContainsFunc(c.Values, func(v policy.Value) bool {
				return strings.HasSuffix(c.base, "Like") && strings.Trim(v.Value, "*") == ""
			})
	})
}
