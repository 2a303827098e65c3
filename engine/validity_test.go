package engine_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

func identitySet(t require.TestingT, statements ...string) *engine.Set {
	doc, err := policy.Parse("p", []byte(`{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ",")+`]}`))
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, doc)
	require.NoError(t, err)
	return set
}

func allowIf(condition string) string {
	return `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {` + condition + `}}`
}

func TestValidUntil(t *testing.T) {
	now := time.Unix(1_800_000_000, 500)
	never := time.Time{}
	for name, x := range map[string]struct {
		condition string
		want      time.Time
	}{
		"no condition on time":   {`"StringEquals": {"aws:username": "a"}`, never},
		"a date ahead":           {`"DateLessThan": {"aws:CurrentTime": "1800000100"}`, time.Unix(1_800_000_100, 0)},
		"the earlier of two":     {`"DateLessThan": {"aws:CurrentTime": ["1800000100", "1800000050"]}`, time.Unix(1_800_000_050, 0)},
		"a date passed":          {`"DateGreaterThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}`, never},
		"the second of a date":   {`"DateLessThanEquals": {"aws:EpochTime": "1800000000"}`, time.Unix(1_800_000_001, 0)},
		"epoch time as a number": {`"NumericLessThan": {"aws:EpochTime": "1800000100"}`, now},
		"null":                   {`"Null": {"aws:CurrentTime": "false"}`, never},
		"age of a second factor": {`"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}`, now},
		"another date":           {`"DateLessThan": {"aws:TokenIssueTime": "2030-01-01T00:00:00Z"}`, never},
		"a variable":             {`"StringEquals": {"aws:username": "u-${AWS:currenttime}"}`, now},
	} {
		t.Run(name, func(t *testing.T) {
			e := &engine.Evaluator{Identity: identitySet(t, allowIf(x.condition))}
			require.Equal(t, x.want, e.ValidUntil(now))
			e = &engine.Evaluator{ServiceControl: []*engine.Set{nil}}
			require.Zero(t, e.ValidUntil(now))
		})
	}
	e := &engine.Evaluator{Identity: identitySet(t, `{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:EpochTime}"}`)}
	require.Equal(t, now, e.ValidUntil(now), "a resource")
}

// TestValidUntilIsTrue asks at every second whether the answer is the one that
// was promised to hold.
func TestValidUntilIsTrue(t *testing.T) {
	principal, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/a")
	require.NoError(t, err)
	const begin = 1_800_000_000
	allowed := func(e *engine.Evaluator, at int64) bool {
		c := conditions.AWS().NewContext()
		require.NoError(t, principal.Describe(c))
		require.NoError(t, c.Set("aws:CurrentTime", time.Unix(at, 0).UTC().Format(time.RFC3339)))
		require.NoError(t, c.Set("aws:EpochTime", strconv.FormatInt(at, 10)))
		return e.Decide(&engine.Request{Principal: principal, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: "111122223333", Context: c}).Allowed()
	}
	flipped := 0
	rapid.Check(t, func(r *rapid.T) {
		var statements []string
		for range rapid.IntRange(1, 4).Draw(r, "statements") {
			operator := rapid.SampledFrom([]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "DateLessThanIfExists"}).Draw(r, "operator")
			key := rapid.SampledFrom([]string{"aws:CurrentTime", "aws:EpochTime", "AWS:currenttime"}).Draw(r, "key")
			at := time.Unix(begin+rapid.Int64Range(-5, 25).Draw(r, "at"), rapid.SampledFrom([]int64{0, 1, 500_000_000}).Draw(r, "nanos"))
			statement := allowIf(`"` + operator + `": {"` + key + `": "` + at.UTC().Format("2006-01-02T15:04:05.999999999Z") + `"}`)
			if rapid.Bool().Draw(r, "deny") {
				statement = strings.Replace(statement, "Allow", "Deny", 1)
			}
			statements = append(statements, statement)
		}
		e := &engine.Evaluator{Identity: identitySet(r, statements...)}
		for at := int64(begin); at < begin+20; {
			until := e.ValidUntil(time.Unix(at, 0))
			end := begin + int64(20)
			if !until.IsZero() {
				end = min(end, until.Unix())
			}
			require.Greater(r, end, at)
			want := allowed(e, at)
			for second := at; second < end; second++ {
				require.Equal(r, want, allowed(e, second), "asked at %d, promised until %d, changed at %d", at, end, second)
			}
			if end < begin+20 && allowed(e, end) != want {
				flipped++
			}
			at = end
		}
	})
	require.Positive(t, flipped, "no answer changed")
}
