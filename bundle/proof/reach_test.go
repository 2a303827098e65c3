package proof_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

func can(t *testing.T, b *bundle.Bundle, role string, keys map[string][]string) *proof.Reach {
	t.Helper()
	r, ok := b.Role(role)
	require.True(t, ok)
	out, err := proof.Can(context.Background(), b, &proof.Session{Role: r, Keys: keys}, proof.Options{})
	require.NoError(t, err)
	return out
}

func ability(t *testing.T, r *proof.Reach, action string) *proof.Ability {
	t.Helper()
	for i := range r.Tables[0].Rows {
		if a := &r.Tables[0].Rows[i]; a.Action == "dynamodb:"+action {
			return a
		}
	}
	require.Fail(t, "no such action", action)
	return nil
}

// TestCanDemo is what a player of the demo may do, and a referee.
func TestCanDemo(t *testing.T) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	player := can(t, b, "Player", map[string][]string{sub: {"us-east-1:aaaa"}})
	for action, keys := range map[string][]string{
		"GetItem": {"leaderboard", "us-east-1:aaaa"}, "Query": {"leaderboard", "us-east-1:aaaa"},
		"BatchGetItem": {"us-east-1:aaaa"}, "PutItem": {"us-east-1:aaaa"}, "UpdateItem": {"us-east-1:aaaa"},
	} {
		a := ability(t, player, action)
		require.Equal(t, analysis.Found, a.Verdict, action)
		require.Equal(t, proof.ListedRows, a.Rows, action)
		require.ElementsMatch(t, keys, a.Keys, action)
		require.True(t, a.Always, "%s %v", action, a.Depends)
		require.False(t, a.Keyless, action)
	}
	for _, action := range []string{"DeleteItem", "Scan", "BatchWriteItem"} {
		require.Equal(t, analysis.Never, ability(t, player, action).Verdict, action)
	}
	require.Empty(t, player.Tables[0].Other)
	require.True(t, player.Tables[0].Complete)
	require.Equal(t, analysis.Never, player.NothingElse)

	referee := can(t, b, "Referee", nil)
	a := ability(t, referee, "GetItem")
	require.Equal(t, proof.AllRows, a.Rows)
	require.True(t, a.Always)
	require.Equal(t, analysis.Never, ability(t, referee, "PutItem").Verdict)
}

// TestCan has, for each answer, a policy and its neighbour.
func TestCan(t *testing.T) {
	session := map[string][]string{sub: {"us-east-1:aaaa"}}
	get := `"dynamodb:GetItem"`
	of := func(statements ...string) *proof.Ability {
		b, _ := load(t, "", statements...)
		return ability(t, can(t, b, "User", session), "GetItem")
	}
	a := of(allow(get, in, own+","+there))
	require.Equal(t, proof.ListedRows, a.Rows)
	require.Equal(t, []string{"us-east-1:aaaa"}, a.Keys)
	require.True(t, a.Always)
	require.False(t, a.Keyless)

	a = of(allow(get, in, own))
	require.True(t, a.Keyless, "without a partition key ForAllValues holds")

	a = of(allow(get, in, strings.Replace(own, `:sub}"`, `:sub}*"`, 1)+","+there))
	require.Equal(t, proof.ListedRows, a.Rows, "an asterisk of StringEquals is one")
	a = of(allow(get, in, strings.Replace(strings.Replace(own, `:sub}"`, `:sub}*"`, 1), "StringEquals", "StringLike", 1)+","+there))
	require.Equal(t, proof.OtherRows, a.Rows)
	require.NotEmpty(t, a.Keys)

	a = of(allow(get, in, there))
	require.Equal(t, proof.AllRows, a.Rows, "every request with a partition key is allowed")
	require.False(t, a.Keyless)
	a = of(allow(get, in, ""))
	require.Equal(t, proof.AllRows, a.Rows)
	require.True(t, a.Keyless)
	a = of(allow(get, in, `"Null": {"dynamodb:LeadingKeys": "true"}`))
	require.Equal(t, proof.NoRows, a.Rows)

	a = of(allow(get, in, own+","+there+`, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}`))
	require.False(t, a.Always)
	require.Equal(t, []string{`if IpAddress aws:SourceIp ["10.0.0.0/8"], by Own#0`}, a.Depends)
	a = of(allow(get, in, own+","+there), strings.Replace(allow(get, in, `"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}`), "Allow", "Deny", 1))
	require.False(t, a.Always)
	require.Equal(t, []string{`not if IpAddress aws:SourceIp ["10.0.0.0/8"], by Own#1`}, a.Depends)

	a = of(allow(get, in, own+","+there+`, "StringEquals": {"`+sub+`": "us-east-1:bbbb"}`))
	require.Equal(t, analysis.Never, a.Verdict, "it is another's")
	a = of(allow(get, in, own+","+there+`, "StringEquals": {"`+sub+`": "us-east-1:aaaa"}`))
	require.True(t, a.Always)
}

// TestCanElsewhere: what is no row of a table is told by statements.
func TestCanElsewhere(t *testing.T) {
	good := allow(rows, in, own+","+there)
	b, _ := load(t, "", good)
	r := can(t, b, "User", map[string][]string{sub: {"us-east-1:aaaa"}})
	require.Equal(t, analysis.Never, r.NothingElse)
	require.Empty(t, r.Elsewhere)
	require.True(t, r.Tables[0].Complete)

	b, _ = load(t, "", good, allow(`"s3:GetObject"`, `"arn:aws:s3:::bucket/${`+sub+`}/*"`, ""), allow(`"dynamodb:DescribeTable"`, in, ""))
	r = can(t, b, "User", map[string][]string{sub: {"us-east-1:aaaa"}})
	require.Equal(t, analysis.Found, r.NothingElse)
	require.Len(t, r.Elsewhere, 1)
	g := r.Elsewhere[0]
	require.Equal(t, []string{"s3:GetObject"}, g.Actions)
	require.Equal(t, []string{"arn:aws:s3:::bucket/us-east-1:aaaa/*"}, g.Resources)
	require.Contains(t, g.Witness.Resource, "arn:aws:s3:::bucket/us-east-1:aaaa/")
	require.Len(t, r.Tables[0].Other, 1)
	require.Equal(t, "dynamodb:DescribeTable", r.Tables[0].Other[0].Action)
	require.True(t, r.Tables[0].Complete)

	// A Deny takes it away.
	b, _ = load(t, "", good, allow(`"s3:GetObject"`, `"*"`, ""), strings.Replace(allow(`"s3:*"`, `"*"`, ""), "Allow", "Deny", 1))
	r = can(t, b, "User", nil)
	require.Equal(t, analysis.Never, r.NothingElse)
}

// TestCanUnknown: what the policy of some resource may allow is not claimed to
// be nothing.
func TestCanUnknown(t *testing.T) {
	b, _ := load(t, "", allow(rows, in, own+","+there))
	b.Resources = []*bundle.Resource{resource(t, "arn:aws:s3:::bucket")}
	r := can(t, b, "User", nil)
	require.Equal(t, analysis.Unknown, r.NothingElse)
	require.Contains(t, r.ElseReason, "resources/X.yaml")
	require.Equal(t, analysis.Never, ability(t, r, "DeleteItem").Verdict)
}

// TestCanAgainstDecisions holds what is claimed of random policies to decisions
// about every request of a small world.
func TestCanAgainstDecisions(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	keyConditions := []string{
		"", there, own, own + "," + there, all + "," + there,
		`"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["all", "${` + sub + `}"]}`,
		`"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "a*"}, ` + there,
		`"ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": "all"}`,
		`"Null": {"dynamodb:LeadingKeys": "true"}`,
	}
	others := []string{"", `"Bool": {"aws:SecureTransport": "true"}`, `"StringEquals": {"` + sub + `": "us-east-1:aaaa"}`, `"StringEquals": {"` + sub + `": "us-east-1:bbbb"}`}
	effects := []string{"Allow", "Allow", "Allow", "Deny"}
	told := map[proof.Rows]int{}
	for range 40 {
		statements := make([]string, 1+random.IntN(3))
		for i := range statements {
			var parts []string
			for _, p := range []string{keyConditions[random.IntN(len(keyConditions))], others[random.IntN(len(others))]} {
				if p != "" {
					parts = append(parts, p)
				}
			}
			statements[i] = strings.Replace(allow(`["dynamodb:GetItem", "dynamodb:Scan"]`, in, strings.Join(parts, ", ")), "Allow", effects[random.IntN(len(effects))], 1)
		}
		b, _ := load(t, "", statements...)
		session := map[string][]string{sub: {"us-east-1:aaaa"}}
		a := ability(t, can(t, b, "User", session), "GetItem")
		require.NotEqual(t, analysis.Unknown, a.Verdict, "%s %v", a.Reason, statements)
		told[a.Rows]++
		checkAbility(t, b, a, fmt.Sprint(statements))
	}
	t.Log(told)
	for _, r := range []proof.Rows{proof.NoRows, proof.ListedRows, proof.OtherRows, proof.AllRows} {
		require.NotZero(t, told[r], r)
	}
}

// checkAbility holds an ability to decisions.
func checkAbility(t *testing.T, b *bundle.Bundle, a *proof.Ability, about string) {
	t.Helper()
	e, err := b.Evaluator("User", table, nil)
	require.NoError(t, err)
	p, err := b.Principal("User", bundle.SessionName)
	require.NoError(t, err)
	some := false
	for _, keys := range [][]string{nil, {"all"}, {"us-east-1:aaaa"}, {"us-east-1:bbbb"}, {"abc"}, {"z"}, {"all", "us-east-1:aaaa"}, {"all", "z"}, {"abc", "us-east-1:aaaa"}} {
		for _, tls := range []string{"", "true", "false"} {
			x := conditions.AWS().NewContext()
			require.NoError(t, p.Describe(x))
			require.NoError(t, x.Set(sub, "us-east-1:aaaa"))
			if keys != nil {
				require.NoError(t, x.Set("dynamodb:LeadingKeys", keys...))
			}
			if tls != "" {
				require.NoError(t, x.Set("aws:SecureTransport", tls))
			}
			allowed := e.Decide(&engine.Request{Principal: p, Action: "dynamodb:GetItem", Resource: table, ResourceAccount: b.Account, Context: x}).Allowed()
			some = some || allowed
			inside := keys != nil
			for _, k := range keys {
				listed := false
				for _, l := range a.Keys {
					listed = listed || l == k
				}
				inside = inside && (listed || a.Rows == proof.AllRows || a.Rows == proof.OtherRows)
			}
			about := fmt.Sprintf("%s: %v %q: %+v", about, keys, tls, a)
			switch {
			case allowed && keys == nil:
				require.True(t, a.Keyless, about)
			case allowed:
				require.True(t, inside, about)
			case inside && (len(keys) < 2 || a.Rows != proof.ListedRows):
				require.False(t, a.Always, about)
			}
		}
	}
	if some {
		require.Equal(t, analysis.Found, a.Verdict, about)
	}
}
