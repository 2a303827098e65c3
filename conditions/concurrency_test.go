package conditions_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestConcurrency shares conditions, patterns and a base context among eight
// goroutines, each with a context of its own. It is for the race detector.
func TestConcurrency(t *testing.T) {
	v := conditions.AWS()
	base := request(t, []string{"aws:PrincipalTag/team", "red"}, []string{"aws:EpochTime", "2026-03-01"})
	shared := []*conditions.Condition{
		compile(t, "ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${aws:username}"),
		compile(t, "ForAnyValue:StringLike", "dynamodb:LeadingKeys", "${aws:username}*", "${aws:PrincipalTag/team}"),
		compile(t, "NumericEquals", "aws:EpochTime", "1772323200"),
		compile(t, "StringNotEqualsIgnoreCase", "aws:username", "${aws:PrincipalTag/TEAM}"),
		compile(t, "ArnLike", "app:arn", "${app:arn}"),
	}
	p, err := v.CompileResource("arn:aws:s3:::b/${aws:username}/*", true, false)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("u", g)
			x := v.NewContext()
			for range 200 {
				x.Reset(base)
				for key, value := range map[string]string{"aws:username": name, "dynamodb:LeadingKeys": name, "app:arn": "arn:aws:s3:::" + name} {
					if err := x.Set(key, value); err != nil {
						t.Error(err)
					}
				}
				for i, c := range shared {
					if got := c.Test(x, "", ""); got != conditions.True {
						t.Errorf("condition %d of %s: %v: %+v", i, name, got, c.Explain(x, "", ""))
					}
				}
				if got := p.Match("arn:aws:s3:::b/"+name+"/x", x); got != conditions.True {
					t.Errorf("%s: %v", name, got)
				}
			}
		})
	}
	wg.Wait()
}
