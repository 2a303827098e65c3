package proof_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
)

// TestOutsidersOfGuardrails: a guardrail tells apart whom a table lets in.
func TestOutsidersOfGuardrails(t *testing.T) {
	everybody := "arn: " + table + "\npolicy: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: \"*\", Action: \"dynamodb:GetItem\", Resource: \"*\", Condition: {StringEquals: {\"aws:PrincipalAccount\": \"111122223333\"}}}]}\n"
	for spared, want := range map[string]proof.Verdict{
		`"arn:aws:iam::111122223333:role/User"`:   proof.Proved,
		`"arn:aws:iam::111122223333:role/Job"`:    proof.Refuted,
		`"arn:aws:iam::111122223333:role/jobs/*"`: proof.Unknown,
	} {
		b, _ := loadWith(t, map[string]string{
			"resources/x.yaml":                          everybody,
			"guardrails/scp/00-root/FullAWSAccess.json": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
			"guardrails/scp/00-root/Others.json":        `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":` + spared + `}}}]}`,
		}, "", allow(`"dynamodb:GetItem"`, `"`+table+`"`, own+","+there))
		results, err := proof.Prove(t.Context(), b, proof.Options{Checks: []string{"outsiders"}})
		require.NoError(t, err)
		require.Len(t, results, 1)
		require.Equal(t, want, results[0].Verdict, spared)
	}
}

// TestOutsiders: whom a table's own policy lets in besides the roles of the
// bundle. Each case that is refuted has a neighbour that differs in one thing.
func TestOutsiders(t *testing.T) {
	const (
		partner = `{AWS: "arn:aws:iam::444455556666:role/partners/Partner"}`
		session = "role/partners/Partner"
		where   = `Resource: "` + table + `"`
	)
	one := func(principal, rest string) string {
		return `{Effect: Allow, Principal: ` + principal + `, ` + rest + `}`
	}
	all := func(list ...string) string { return strings.Join(list, ", ") }
	get := `Action: "dynamodb:GetItem", ` + where
	deny := one(`"*"`, get+`, Condition: {StringNotEquals: {"aws:PrincipalAccount": "111122223333"}}`)
	deny = strings.Replace(deny, "Allow", "Deny", 1)
	mine := `, Condition: {StringEquals: {"aws:PrincipalAccount": "111122223333"}}`
	for name, x := range map[string]struct {
		isolation, arn, statements string
		want                       proof.Verdict // empty if there is nobody to ask about
		shows                      string
	}{
		"a role of another account":       {"", table, one(partner, get), proof.Refuted, session},
		"that is declared":                {`outsiders: ["arn:aws:iam::444455556666:role/partners/Partner"]`, table, one(partner, get), "", ""},
		"another one is declared":         {`outsiders: ["arn:aws:iam::444455556666:role/Partner"]`, table, one(partner, get), proof.Refuted, session},
		"that only describes":             {"", table, one(partner, `Action: "dynamodb:DescribeTable", `+where), proof.Proved, ""},
		"that scans an index":             {"", table, one(partner, `Action: "dynamodb:Scan", Resource: "`+table+`/index/*"`), proof.Refuted, "dynamodb:Scan"},
		"on another table":                {"", table + "Old", one(partner, get), "", ""},
		"on the index alone":              {"", table + "/index/ByTopic", one(partner, `Action: "dynamodb:Query", Resource: "*"`), proof.Refuted, "dynamodb:Query"},
		"that may change the policy":      {"", table, one(partner, `Action: "dynamodb:PutResourcePolicy", `+where), proof.Refuted, "PutResourcePolicy"},
		"but another statement denies it": {"", table, all(one(partner, get), deny), proof.Proved, ""},
		"shared rows":                     {"shared: [all]", table, one(partner, get+`, Condition: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": all}, "Null": {"dynamodb:LeadingKeys": "false"}}`), proof.Proved, ""},
		"rows that are not":               {"shared: [some]", table, one(partner, get+`, Condition: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": all}, "Null": {"dynamodb:LeadingKeys": "false"}}`), proof.Refuted, `"all"`},
		"a whole account":                 {"", table, one(`{AWS: "444455556666"}`, get), proof.Refuted, "arn:aws:sts::444455556666:"},
		"an account declared by its id":   {`outsiders: ["444455556666"]`, table, one(`{AWS: "arn:aws:iam::444455556666:root"}`, get), "", ""},
		"a role of a declared account":    {`outsiders: ["444455556666"]`, table, one(partner, get), "", ""},
		"all of a declared account":       {`outsiders: ["444455556666"]`, table, all(one(`"*"`, get), strings.Replace(one(`"*"`, get+`, Condition: {StringNotEquals: {"aws:PrincipalAccount": "444455556666"}}`), "Allow", "Deny", 1)), proof.Proved, ""},
		"of one that is not declared":     {`outsiders: ["777755556666"]`, table, all(one(`"*"`, get), strings.Replace(one(`"*"`, get+`, Condition: {StringNotEquals: {"aws:PrincipalAccount": "444455556666"}}`), "Allow", "Deny", 1)), proof.Refuted, "444455556666"},
		"the account of the bundle":       {"", table, one(`{AWS: "111122223333"}`, get), "", ""},
		"a role of the bundle":            {"", table, one(`{AWS: "arn:aws:iam::111122223333:role/User"}`, get), "", ""},
		"another role of its account":     {"", table, one(`{AWS: "arn:aws:iam::111122223333:role/Job"}`, get), proof.Refuted, "role/Job"},
		"a user":                          {"", table, one(`{AWS: "arn:aws:iam::111122223333:user/ana"}`, get), proof.Refuted, "user/ana"},
		"a session of a role":             {"", table, one(`{AWS: "arn:aws:sts::111122223333:assumed-role/User/root"}`, get), proof.Refuted, "assumed-role/User/root"},
		"everybody":                       {"", table, one(`"*"`, `Action: "dynamodb:GetItem", Resource: "*"`), proof.Refuted, table},
		"everybody of an organisation":    {"", table, one(`"*"`, get+`, Condition: {StringEquals: {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}`), proof.Refuted, "o-a1b2c3d4e5"},
		"everybody of the account":        {"", table, one(`"*"`, get+mine), proof.Refuted, "arn:aws:sts::111122223333:"},
		"everybody of another account":    {"", table, one(`"*"`, get+strings.Replace(mine, "111122223333", "444455556666", 1)), proof.Refuted, "arn:aws:sts::444455556666:"},
		"one of a whole account":          {"", table, one(`{AWS: "444455556666"}`, get+`, Condition: {ArnEquals: {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/partners/Partner"}}`), proof.Refuted, session},
		"some of a whole account":         {"", table, one(`{AWS: "444455556666"}`, get+`, Condition: {ArnLike: {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/partners/*"}}`), proof.Unknown, "depends on what aws:PrincipalArn says"},
		"all but one":                     {"", table, all(one(`"*"`, get), strings.Replace(one(`"*"`, get+`, Condition: {StringNotEquals: {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/partners/Partner"}}`), "Allow", "Deny", 1)), proof.Refuted, session},
		"all but one who is named":        {"", table, all(one(`"*"`, get), `{Effect: Deny, NotPrincipal: {AWS: ["arn:aws:iam::444455556666:role/partners/Partner", "arn:aws:iam::444455556666:root"]}, `+get+`}`), proof.Refuted, session},
		"all but the bundle's":            {"", table, all(one(`"*"`, get), `{Effect: Deny, NotPrincipal: {AWS: ["arn:aws:iam::111122223333:role/User"]}, `+get+`}`), proof.Proved, ""},
		"all but a role of the bundle":    {"", table, all(one(`"*"`, get), strings.Replace(one(`"*"`, get+`, Condition: {StringNotEquals: {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/User"}}`), "Allow", "Deny", 1)), proof.Proved, ""},
		"indexes of some tables":          {"", "arn:aws:dynamodb:us-east-1:111122223333:table/N*/index/*", one(partner, `Action: "dynamodb:Query", Resource: "*"`), proof.Unknown, "not looked at"},
		"everybody of no account":         {"", table, all(one(`"*"`, get+mine), strings.Replace(one(`"*"`, get+mine), "Allow", "Deny", 1)), proof.Proved, ""},
		"a service":                       {"", table, one(`{Service: "redshift.amazonaws.com"}`, get), proof.Refuted, "redshift.amazonaws.com"},
		"a service that only describes":   {"", table, one(`{Service: "redshift.amazonaws.com"}`, `Action: "dynamodb:DescribeTable", `+where), proof.Proved, ""},
		"a service that is declared":      {"outsiders: [redshift.amazonaws.com]", table, one(`{Service: "redshift.amazonaws.com"}`, get), "", ""},
		"somebody who was deleted":        {"", table, one(`{AWS: AROAEXAMPLEEXAMPLE123}`, get), proof.Refuted, "AROAEXAMPLEEXAMPLE123"},
	} {
		t.Run(name, func(t *testing.T) {
			isolation := ""
			if x.isolation != "" {
				isolation = "isolation: {" + x.isolation + "}\n"
			}
			b, _ := loadWith(t, map[string]string{
				"resources/x.yaml": "arn: " + x.arn + "\npolicy: {Version: 2012-10-17, Statement: [" + x.statements + "]}\n",
			}, isolation, allow(`"dynamodb:GetItem"`, `"`+table+`"`, own+","+there))
			results, err := proof.Prove(t.Context(), b, proof.Options{Checks: []string{"outsiders", "open-world"}})
			require.NoError(t, err)
			var verdict proof.Verdict
			shown := ""
			for _, r := range results {
				if r.Check != "outsiders" {
					continue
				}
				require.Equal(t, "Notes", r.Table)
				require.Empty(t, r.Role)
				verdict, shown = r.Verdict, shown+r.Reason
				if r.Witness != nil {
					shown += r.Witness.String() + r.Witness.Principal
				}
			}
			require.Equal(t, x.want, verdict, shown)
			require.Contains(t, shown, x.shows)
		})
	}
}

// TestDiffOutsiders: how what a policy of a resource lets in changes. Each case
// has a neighbour that differs in one thing.
func TestDiffOutsiders(t *testing.T) {
	const where = `Action: "dynamodb:GetItem", Resource: "*"`
	one := func(principal, rest string) string {
		return `{Effect: Allow, Principal: ` + principal + `, ` + rest + `}`
	}
	partner := one(`{AWS: "arn:aws:iam::444455556666:role/Partner"}`, where)
	some := one(`{AWS: "444455556666"}`, where+`, Condition: {ArnLike: {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/Q*"}}`)
	service := one(`{Service: redshift.amazonaws.com}`, where)
	for name, x := range map[string]struct {
		old, now string
		want     map[string]analysis.Relation
	}{
		"nothing":                      {partner, partner, nil},
		"let in":                       {"", partner, map[string]analysis.Relation{"arn:aws:iam::444455556666:role/Partner": analysis.Broader}},
		"let out":                      {partner, "", map[string]analysis.Relation{"arn:aws:iam::444455556666:role/Partner": analysis.Narrower}},
		"twice":                        {partner, partner + ", " + partner, nil},
		"for more":                     {partner, strings.Replace(partner, "GetItem", "*Item", 1), map[string]analysis.Relation{"arn:aws:iam::444455556666:role/Partner": analysis.Broader}},
		"a role of the bundle":         {"", strings.Replace(partner, "444455556666:role/Partner", "111122223333:role/User", 1), nil},
		"by a pattern":                 {"", some, map[string]analysis.Relation{"444455556666": analysis.Undecided}},
		"by a pattern, as before":      {some, some + ", " + partner, map[string]analysis.Relation{"arn:aws:iam::444455556666:role/Partner": analysis.Broader}},
		"a service":                    {partner, partner + ", " + service, map[string]analysis.Relation{"redshift.amazonaws.com": analysis.Undecided}},
		"a service, as before":         {service, service + ", " + partner, map[string]analysis.Relation{"arn:aws:iam::444455556666:role/Partner": analysis.Broader}},
		"everybody":                    {partner, partner + ", " + one(`"*"`, where), map[string]analysis.Relation{"*": analysis.Broader}},
		"everybody but who was let in": {partner, one(`"*"`, where) + `, {Effect: Deny, Principal: "*", ` + where + `}`, map[string]analysis.Relation{"arn:aws:iam::444455556666:role/Partner": analysis.Narrower}},
	} {
		load := func(statements string) *bundle.Bundle {
			more := map[string]string{}
			if statements != "" {
				more["resources/x.yaml"] = "arn: " + table + "\npolicy: {Version: 2012-10-17, Statement: [" + statements + "]}\n"
			}
			b, _ := loadWith(t, more, "", allow(`"dynamodb:GetItem"`, `"`+table+`"`, own+","+there))
			return b
		}
		changes, err := proof.DiffOutsiders(t.Context(), load(x.now), load(x.old), proof.Options{}, 2)
		require.NoError(t, err, name)
		got := map[string]analysis.Relation{}
		for i := range changes {
			got[changes[i].Name] = changes[i].Difference.Relation()
		}
		if x.want == nil {
			x.want = map[string]analysis.Relation{}
		}
		require.Equal(t, x.want, got, name)
	}
}
