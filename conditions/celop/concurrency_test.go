package celop_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rowan-authz/rowan/conditions/celop"
	"github.com/rowan-authz/rowan/engine"
)

// TestConcurrentUse: eight goroutines share the compiled policies, and some of
// their requests a context. Run it with the race detector. The errors are in
// it because CEL keeps some of its own in variables of the package.
func TestConcurrentUse(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	e := mustCompile(t, v,
		statement("Allow", object{"a": "principal.tags['team'] == context['s3:RequestObjectTag/team'][0] && context['dynamodb:Attributes'].all(a, a in ['UserId'])"}),
		statement("Deny", object{"a": "request.time.getHours('Europe/Berlin') > 18 || principal.tags.exists(k, k == 'banned')"}),
		statement("Deny", object{"a": []string{
			"timestamp(context['app:until'][0]) < request.time", "int(context['app:until'][0]) == 1", "request.time.getHours('-08:00') > 23",
			"request.time + duration(context['app:until'][0]) < request.time",
		}, "b": "'app:until' in context"}),
	)
	red := keys{"aws:CurrentTime": {"2026-11-23T05:00:00Z"}, "aws:PrincipalTag/team": {"red"}, "s3:RequestObjectTag/team": {"red"}, "dynamodb:Attributes": {"UserId"}}
	with := func(key, value string) keys {
		k := keys{key: {value}}
		for name, values := range red {
			if name != key {
				k[name] = values
			}
		}
		return k
	}
	shared := request(t, v, red)
	op, err := celop.New(celop.Config{})
	assert.NoError(t, err)

	var wait sync.WaitGroup
	for range 8 {
		own := map[engine.Outcome][]*engine.Request{
			engine.Allowed:      {shared, request(t, v, red)},
			engine.ImplicitDeny: {request(t, v, with("s3:RequestObjectTag/team", "blue"))},
			engine.ExplicitDeny: {
				request(t, v, with("aws:CurrentTime", "2026-11-23T20:00:00Z")), request(t, v, with("aws:PrincipalTag/banned", "")),
				request(t, v, with("app:until", "0000-01-01T00:00:00Z")), request(t, v, with("app:until", "x")), request(t, v, with("app:until", "2562047h")),
			},
		}
		wait.Go(func() {
			for range 10 {
				for outcome, requests := range own {
					for _, r := range requests {
						assert.Equal(t, outcome, e.Decide(r).Outcome)
						assert.Equal(t, outcome, e.Explain(r).Decision.Outcome)
					}
				}
				_, err := op.Compile("request.time.getHours('Asia/Tokyo') < 18")
				assert.NoError(t, err)
			}
		})
	}
	wait.Wait()
}
