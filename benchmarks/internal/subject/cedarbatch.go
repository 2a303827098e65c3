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
//
// What differs is the whole context if it may be, which is fastest. Patterns read the resource
// from the context, and only what is known there can be evaluated in part: then it is a member.
type cedarBatch struct {
	policies *cedar.PolicySet
	whole    bool
}

func newCedarBatch(w *workload.Workload) (Subject, error) {
	b := &cedarBatch{whole: w.Resources == workload.Exact}
	values := "context.request"
	if b.whole {
		values = "context"
	}
	var err error
	b.policies, err = cedarPolicies(w, values)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Decider decides in batches of batchSize, the requests repeated in order whatever i says; a whole
// batch is decided when its first answer is asked for.
func (c *cedarBatch) Decider(requests []workload.Request, from Context) (Decider, error) {
	records := make([]types.Value, batchSize)
	fill := func() {
		for i := range records {
			records[i] = cedarRecord(&requests[i%len(requests)])
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
			if answers, err = c.decide(requests[0], records, answers[:0]); err != nil {
				return false, err
			}
			next = 0
		}
		next++
		return answers[next-1], nil
	}, nil
}

func (c *cedarBatch) decide(r workload.Request, records []types.Value, answers []bool) ([]bool, error) {
	request := batch.Variable("request")
	if !c.whole {
		request = cedar.NewRecord(cedar.RecordMap{"resource": types.String(r.Resource), "request": request})
	}
	question := batch.Request{
		Principal: cedar.NewEntityUID("Identity", types.String(r.Identity)),
		Action:    cedar.NewEntityUID("Action", types.String(r.Action)),
		Resource:  cedar.NewEntityUID("Table", types.String(r.Resource)),
		Context:   request,
		Variables: batch.Variables{"request": records},
	}
	err := batch.Authorize(context.Background(), c.policies, nil, question, func(result batch.Result) error {
		answers = append(answers, result.Decision == cedar.Allow)
		return nil
	})
	return answers, err
}

func cedarRecord(r *workload.Request) cedar.Record {
	return cedar.NewRecord(cedar.RecordMap{
		"sub":         types.String(r.Identity),
		"leadingKeys": cedarSet(r.LeadingKeys),
		"attributes":  cedarSet(r.Attributes),
	})
}
