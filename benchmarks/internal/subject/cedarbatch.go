package subject

import (
	"context"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/batch"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// batchSize is how many decisions one call of cedar-go's batch answers here.
const batchSize = workload.Many

// cedarBatch is cedar-go's x/exp/batch: the policies are evaluated in part for what a batch has
// in common (here the action and the resource), then for each context. A batch enumerates the
// product of its variables, so its requests must share their resource: the decider answers
// request i about the resource of request 0.
type cedarBatch struct {
	policies *cedar.PolicySet
}

func newCedarBatch(w *workload.Workload) (Subject, error) {
	policies, err := cedarPolicies(w)
	if err != nil {
		return nil, err
	}
	return &cedarBatch{policies: policies}, nil
}

// Decider answers one request in one batch of one, and otherwise in batches of batchSize, the
// requests repeated in order; the whole batch is decided when its first answer is asked for.
func (c *cedarBatch) Decider(requests []workload.Request, from Context) (Decider, error) {
	contexts := make([]types.Value, batchSize)
	fill := func() {
		for i := range contexts {
			contexts[i] = cedarContext(&requests[i%len(requests)])
		}
	}
	fill()
	answers := make([]bool, 0, batchSize)
	var next int
	return func(int) (bool, error) {
		if next == len(answers) {
			if from == Built {
				fill()
			}
			var err error
			if answers, err = c.decide(requests[0], contexts, answers[:0]); err != nil {
				return false, err
			}
			next = 0
		}
		next++
		return answers[next-1], nil
	}, nil
}

func (c *cedarBatch) decide(r workload.Request, contexts []types.Value, answers []bool) ([]bool, error) {
	request := batch.Request{
		Principal: cedar.NewEntityUID("Identity", types.String(r.Identity)),
		Action:    cedar.NewEntityUID("Action", types.String(r.Action)),
		Resource:  cedar.NewEntityUID("Table", types.String(r.Resource)),
		Context:   batch.Variable("context"),
		Variables: batch.Variables{"context": contexts},
	}
	err := batch.Authorize(context.Background(), c.policies, nil, request, func(result batch.Result) error {
		answers = append(answers, result.Decision == cedar.Allow)
		return nil
	})
	return answers, err
}
