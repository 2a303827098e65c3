package proof_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
)

const (
	in      = `"` + table + `"`
	rows    = `["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]`
	all     = `"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "all"}`
	sub     = "cognito-identity.amazonaws.com:sub"
	guests  = "identityPool: {id: \"us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa\", unauthenticated: User"
	trusted = `
trust:
  Version: 2012-10-17
  Statement:
    - Effect: Allow
      Principal: {Federated: cognito-identity.amazonaws.com}
      Action: sts:AssumeRoleWithWebIdentity
      Condition:
        StringEquals: {"cognito-identity.amazonaws.com:aud": "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"}
        ForAnyValue:StringLike: {"cognito-identity.amazonaws.com:amr": AMR}
`
)

// one runs a check of a bundle with one role.
func one(t *testing.T, check string, b *bundle.Bundle) []proof.Result {
	t.Helper()
	out, err := proof.Prove(context.Background(), b, proof.Options{Checks: []string{check}})
	if err != nil {
		require.ErrorContains(t, err, "nothing to prove")
	}
	return out
}

// TestGuests: a role that guests may get reaches what is declared for them.
func TestGuests(t *testing.T) {
	everybodys, owns := allow(rows, in, all+","+there), allow(rows, in, own+","+there)
	pool := func(more string) map[string]string {
		return map[string]string{"pools/game.yaml": guests + more + "}\n"}
	}
	other := "roles/Other.yaml"
	for name, x := range map[string]struct {
		files      map[string]string
		isolation  string
		statements []string
		want       proof.Verdict // empty if the check does not apply
		shows      string
	}{
		"shared rows":                          {pool(""), "isolation: {shared: [all]}\n", []string{everybodys}, proof.Proved, ""},
		"shared rows, and their own":           {pool(""), "isolation: {shared: [all]}\n", []string{everybodys, owns}, proof.Refuted, `LeadingKeys=["x"]`},
		"shared rows, and a scan":              {pool(""), "isolation: {shared: [all]}\n", []string{everybodys, allow(`"dynamodb:DescribeTable"`, in, "")}, proof.Refuted, "dynamodb:DescribeTable"},
		"own rows that are declared":           {pool(""), "isolation: {shared: [all], guests: own}\n", []string{everybodys, owns}, proof.Proved, ""},
		"others' rows though own are declared": {pool(""), "isolation: {guests: own}\n", []string{allow(rows, in, strings.Replace(strings.Replace(own, `:sub}"`, `:sub}*"`, 1), "StringEquals", "StringLike", 1)+","+there)}, proof.Refuted, "LeadingKeys"},
		"nothing":                              {pool(""), "isolation: {shared: [all], guests: nothing}\n", []string{allow(`"s3:GetObject"`, `"*"`, "")}, proof.Proved, ""},
		"something where nothing is declared":  {pool(""), "isolation: {shared: [all], guests: nothing}\n", []string{everybodys}, proof.Refuted, `"all"`},
		"not as a guest":                       {pool(""), "", []string{allow(rows, in, `"ForAnyValue:StringEquals": {"cognito-identity.amazonaws.com:amr": "authenticated"}, `+there)}, proof.Proved, ""},
		"as a guest":                           {pool(""), "", []string{allow(rows, in, `"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "*authenticated"}, `+there)}, proof.Refuted, "unauthenticated"},
		"guests use another service":           {pool(", guestServices: [s3]"), "", []string{owns}, proof.Proved, ""},
		"guests use this service":              {pool(", guestServices: [dynamodb]"), "", []string{owns}, proof.Refuted, "dynamodb:"},
		"the classic flow goes round services": {pool(", guestServices: [s3], classicFlow: true"), "", []string{owns}, proof.Refuted, "dynamodb:"},
		"a role of who is signed in":           {map[string]string{"pools/game.yaml": strings.Replace(guests, "unauthenticated", "authenticated", 1) + "}\n"}, "", []string{owns}, "", ""},
		"no guests get the role": {
			map[string]string{"pools/game.yaml": strings.Replace(guests, "User", "Other", 1) + "}\n", other: "policies: []\n", "roles/User.yaml": "policies: [Own]" + strings.ReplaceAll(trusted, "AMR", "unauthenticated")},
			"",
			[]string{owns},
			"", "",
		},
		"the classic flow gives the role to guests": {
			map[string]string{"pools/game.yaml": strings.Replace(guests, "User", "Other", 1) + ", classicFlow: true}\n", other: "policies: []\n", "roles/User.yaml": "policies: [Own]" + strings.ReplaceAll(trusted, "AMR", "unauthenticated")},
			"",
			[]string{owns},
			proof.Refuted, "dynamodb:",
		},
		"the classic flow and a role that guests do not get": {
			map[string]string{"pools/game.yaml": strings.Replace(guests, "User", "Other", 1) + ", classicFlow: true}\n", other: "policies: []\n", "roles/User.yaml": "policies: [Own]" + strings.ReplaceAll(trusted, "AMR", "authenticated")},
			"",
			[]string{owns},
			"", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := loadWith(t, x.files, x.isolation, x.statements...)
			var found []proof.Result
			for _, r := range one(t, "guests", b) {
				if r.Role == "User" {
					found = append(found, r)
				}
			}
			if x.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, x.want, found[0].Verdict, "%s %v", found[0].Reason, found[0].Witness)
			if x.want == proof.Refuted {
				require.Contains(t, found[0].Witness.String(), x.shows)
			}
		})
	}
}

// TestConstants: who is named in a policy may not do more than others.
func TestConstants(t *testing.T) {
	good := allow(rows, in, own+","+there)
	when := func(operator, key, value string) string {
		return allow(rows, in, `"`+operator+`": {"`+key+`": "`+value+`"}`)
	}
	never := func(operator, key, value string) string {
		return strings.Replace(when(operator, key, value), "Allow", "Deny", 1)
	}
	for name, x := range map[string]struct {
		isolation  string
		statements []string
		want       proof.Verdict
		shows      string
	}{
		"nobody is named":                  {"", []string{good}, proof.Proved, ""},
		"an identity may do more":          {"", []string{good, when("StringEquals", sub, "us-east-1:admin")}, proof.Refuted, "us-east-1:admin"},
		"an identity that is declared":     {"isolation: {privileged: [\"us-east-1:admin\"]}\n", []string{good, when("StringEquals", sub, "us-east-1:admin")}, proof.Proved, ""},
		"another is declared":              {"isolation: {privileged: [\"us-east-1:other\"]}\n", []string{good, when("StringEquals", sub, "us-east-1:admin")}, proof.Refuted, "us-east-1:admin"},
		"an identity of another kind":      {"", []string{good, when("StringEquals", "aws:SourceIdentity", "admin")}, proof.Refuted, "admin"},
		"a tag that identifies nobody":     {"", []string{good, when("StringEquals", "aws:PrincipalTag/team", "red")}, proof.Proved, ""},
		"a tag that does":                  {"isolation: {identity: \"aws:PrincipalTag/team\"}\n", []string{when("StringEquals", "aws:PrincipalTag/team", "red")}, proof.Refuted, "red"},
		"one login":                        {"", []string{good, when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "cognito-idp.us-east-1.amazonaws.com/p:CognitoSignIn:7d3f")}, proof.Refuted, "7d3f"},
		"all logins":                       {"", []string{good, when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "authenticated")}, proof.Proved, ""},
		"named, and may do no more":        {"", []string{good, allow(rows, in, `"StringEquals": {"`+sub+`": "us-east-1:admin"}, `+own+","+there)}, proof.Proved, ""},
		"all identities of a region":       {"", []string{allow(rows, in, `"StringLike": {"`+sub+`": "us-east-1:*"}, `+own+","+there)}, proof.Proved, ""},
		"some identities of a region":      {"", []string{allow(rows, in, `"StringLike": {"`+sub+`": "us-east-1:a*"}, `+own+","+there)}, proof.Refuted, "us-east-1:a"},
		"a Deny for all others":            {"", []string{good, never("StringNotEquals", sub, "us-east-1:admin")}, proof.Refuted, "us-east-1:admin"},
		"a Deny for one":                   {"", []string{good, never("StringEquals", sub, "us-east-1:banned")}, proof.Proved, ""},
		"an Allow for all others":          {"", []string{allow(rows, in, `"StringNotEquals": {"`+sub+`": "us-east-1:banned"}, `+own+","+there)}, proof.Proved, ""},
		"the account of the bundle":        {"", []string{allow(rows, in, `"StringEquals": {"aws:PrincipalAccount": "111122223333"}, `+own+","+there)}, proof.Proved, ""},
		"a role that is named":             {"", []string{good, when("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/User")}, proof.Refuted, table},
		"another role that is named":       {"", []string{good, when("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/Admin")}, proof.Proved, ""},
		"any role":                         {"", []string{allow(rows, in, `"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}, `+own+","+there)}, proof.Proved, ""},
		"a role that may reach all is not": {"isolation: {except: [User]}\n", []string{when("StringEquals", sub, "us-east-1:admin")}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := load(t, x.isolation, x.statements...)
			found := one(t, "constants", b)
			if x.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, x.want, found[0].Verdict, "%s %v", found[0].Reason, found[0].Witness)
			if x.want == proof.Refuted {
				require.Contains(t, found[0].Witness.String(), x.shows)
			}
		})
	}
}

// TestPrivileged: who is declared is spared by the checks of isolation, and
// nobody else is.
func TestPrivileged(t *testing.T) {
	statements := []string{allow(rows, in, own+","+there), allow(rows, in, `"StringEquals": {"`+sub+`": "us-east-1:admin"}`)}
	for id, want := range map[string]proof.Verdict{"us-east-1:admin": proof.Proved, "us-east-1:other": proof.Refuted} {
		b, _ := load(t, "isolation: {privileged: [\""+id+"\"]}\n", statements...)
		for _, check := range []string{"isolation", "missing-key", "non-interference"} {
			found := one(t, check, b)
			require.Len(t, found, 1)
			require.Equal(t, want, found[0].Verdict, "%s %v", check, found[0])
		}
	}
}

// TestDeadDenies: a Deny that no request meets is found, and where it stands.
func TestDeadDenies(t *testing.T) {
	deny := func(conditions string) string {
		return strings.Replace(allow(`"dynamodb:DeleteItem"`, in, conditions), "Allow", "Deny", 1)
	}
	scp := func(conditions string) map[string]string {
		return map[string]string{
			"guardrails/scp/00-root/Full.json": `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`,
			"guardrails/scp/00-root/No.json":   `{"Version": "2012-10-17", "Statement": [{"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {` + conditions + `}}]}`,
		}
	}
	const (
		never   = `"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}, "DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}`
		someday = `"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}, "DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}`
		root    = `"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}`
	)
	for name, x := range map[string]struct {
		files map[string]string
		deny  []string
		want  proof.Verdict
		file  string
	}{
		"none":                               {nil, nil, "", ""},
		"between two days":                   {nil, []string{deny(someday)}, proof.Proved, ""},
		"before one day and after a later":   {nil, []string{deny(never)}, proof.Refuted, "b/policies/Own.json"},
		"of a guardrail":                     {scp(someday), nil, proof.Proved, ""},
		"of a guardrail, never":              {scp(never), nil, proof.Refuted, "b/guardrails/scp/00-root/No.json"},
		"for the root user, of a guardrail":  {scp(root), nil, proof.Proved, ""},
		"for the root user, of a role":       {nil, []string{deny(root)}, proof.Refuted, "b/policies/Own.json"},
		"of a set without values":            {nil, []string{deny(`"ForAnyValue:StringEquals": {"dynamodb:Attributes": "a"}, "Null": {"dynamodb:Attributes": "true"}`)}, proof.Refuted, "b/policies/Own.json"},
		"of a set without values, all of it": {nil, []string{deny(`"ForAllValues:StringEquals": {"dynamodb:Attributes": "a"}, "Null": {"dynamodb:Attributes": "true"}`)}, proof.Proved, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := loadWith(t, x.files, "", append([]string{allow(rows, in, own+","+there)}, x.deny...)...)
			found := one(t, "dead-denies", b)
			if x.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, x.want, found[0].Verdict, found[0].Reason)
			require.Equal(t, x.file, found[0].File)
			if x.want == proof.Refuted {
				require.Positive(t, found[0].Line)
				require.Contains(t, found[0].Reason, "denies nothing")
			}
		})
	}
}

func parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

// TestAt: a proof may be of one time alone.
func TestAt(t *testing.T) {
	b, suites := load(t, "", allow(rows, in, own+","+there), allow(`"dynamodb:GetItem"`, in, `"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}, `+there))
	for at, want := range map[string]proof.Verdict{"": proof.Refuted, "2026-05-31T23:59:59Z": proof.Refuted, "2026-06-01T00:00:00Z": proof.Proved} {
		found, err := proof.Prove(context.Background(), b, proof.Options{Checks: []string{"isolation"}, Suites: suites, At: parseTime(t, at)})
		require.NoError(t, err)
		require.Equal(t, want, found[0].Verdict, at)
	}
}

// TestClaims: every check says what it claims.
func TestClaims(t *testing.T) {
	for _, name := range proof.Checks() {
		require.NotEmpty(t, proof.Claim(name), name)
	}
	require.Empty(t, proof.Claim("none"))
}
