package awssdk

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/engine"
)

type narrowedKey struct{}

// NarrowedBy says what of a call was sent, by the ResultMetadata of its output;
// ok is false for a call that was sent as it was asked.
func NarrowedBy(m middleware.Metadata) (n dynamoitem.Narrowed, ok bool) {
	n, ok = m.Get(narrowedKey{}).(dynamoitem.Narrowed)
	return n, ok
}

// narrowed sends what of a denied call is allowed.
func (x *call) narrowed(denied *DeniedError) (out middleware.BuildOutput, md middleware.Metadata, err error) {
	n, err := x.op.Narrow(x.find, func(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
		return x.ask(x.question(c))
	})
	switch {
	case err != nil:
		return out, md, err
	case len(n.Requests) == 0:
		denied.Reason = n.Reason
		return out, md, denied
	case len(n.Requests) == 1:
		out, md, err = x.send(n.Requests[0])
	default:
		out, md, err = x.queries(n.Requests)
	}
	if n.Denied != nil {
		md.Set(narrowedKey{}, n)
	}
	return out, md, err
}

// queries answers a Scan by several Queries: one after the other, until one has
// a page more. What its answer says of where to go on is in the partition that
// it was about, where Narrow goes on then.
func (x *call) queries(requests []*dynamoitem.Operation) (out middleware.BuildOutput, md middleware.Metadata, err error) {
	limit := x.op.Limit()
	total := &dynamodb.ScanOutput{}
	for _, op := range requests {
		if limit > 0 {
			left := limit - int(total.ScannedCount)
			if left <= 0 {
				return out, md, errors.New("the store ended at its limit and did not say where")
			}
			if op, err = op.WithLimit(left); err != nil {
				return out, md, err
			}
		}
		var one middleware.BuildOutput
		if one, md, err = x.send(op); err != nil {
			return out, md, err
		}
		page, ok := one.Result.(*dynamodb.ScanOutput)
		if !ok {
			return out, md, fmt.Errorf("the answer of a Scan has the type %T", one.Result)
		}
		add(total, page)
		*page = dynamodb.ScanOutput{} // the SDK reads the next answer into it
		if total.LastEvaluatedKey != nil {
			break
		}
	}
	out.Result = total
	return out, md, nil
}

// add adds a page to what a Scan answers.
func add(total, page *dynamodb.ScanOutput) {
	total.Items = append(total.Items, page.Items...)
	total.Count += page.Count
	total.ScannedCount += page.ScannedCount
	total.LastEvaluatedKey = page.LastEvaluatedKey
	if page.ConsumedCapacity == nil {
		return
	}
	if total.ConsumedCapacity == nil {
		total.ConsumedCapacity = &types.ConsumedCapacity{TableName: page.ConsumedCapacity.TableName, CapacityUnits: aws.Float64(0)}
	}
	*total.ConsumedCapacity.CapacityUnits += aws.ToFloat64(page.ConsumedCapacity.CapacityUnits)
}
