package dynamoproof

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/rowproof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// maxQueries is how many partition keys Narrow makes Queries of.
const maxQueries = 100

// operation reads a call of the case's action, or of another one.
func (q *question) operation(name string, body map[string]any) (*dynamoitem.Operation, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return dynamoitem.Parse(q.scope(), name, text)
}

// keyed is a call for the item alone.
func (q *question) keyed(name string, x *item) (*dynamoitem.Operation, error) {
	body := q.projection()
	body["TableName"], body["ConsistentRead"] = q.table.of.Table, true
	if name == "GetItem" {
		body["Key"] = x.key
		return q.operation(name, body)
	}
	partition := q.table.of.PartitionKey.Name
	body["KeyConditionExpression"] = "#p0 = :p" // the first of the projection
	body["ExpressionAttributeValues"] = map[string]any{":p": x.key[partition]}
	return q.operation(name, body)
}

// narrow narrows a call, and sends what is left of it: kept are the partition
// keys that came back.
func (q *question) narrow(o *dynamoitem.Operation) (n dynamoitem.Narrowed, kept map[string]bool, err error) {
	if n, err = q.store.Narrow(o, q.find, q.ask); err != nil {
		return n, nil, err
	}
	kept = map[string]bool{}
	for _, r := range n.Requests {
		if err := q.send(r, kept); err != nil {
			return n, nil, fmt.Errorf("%s %.1000s: %w", r.Name(), r.Body(), err)
		}
		q.answer.Statement = r.Name() + " " + string(r.Body())
	}
	if len(n.Requests) == 0 {
		q.answer.Statement = fmt.Sprintf("%s, of which nothing is left: %v", o.Name(), n.Reason)
	}
	return n, kept, nil
}

// send sends a request and marks the partition keys that come back.
func (q *question) send(o *dynamoitem.Operation, kept map[string]bool) error {
	body, err := renamed(o.Body(), q.table.of.Table, q.table.name)
	if err != nil {
		return err
	}
	type attributes map[string]map[string]string
	var answer struct {
		Item             attributes
		Items            []attributes
		Responses        map[string][]attributes
		LastEvaluatedKey attributes
		UnprocessedKeys  map[string]any
	}
	if err := q.store.call(q.ctx, o.Name(), body, &answer); err != nil {
		return err
	}
	if len(answer.LastEvaluatedKey) > 0 || len(answer.UnprocessedKeys) > 0 {
		return errors.New("the server did not answer at once")
	}
	all := slices.Concat(answer.Items, answer.Responses[q.table.name])
	if answer.Item != nil {
		all = append(all, answer.Item)
	}
	partition := q.table.of.PartitionKey
	for _, x := range all {
		text, ok := x[partition.Name][partition.Type]
		if partition.Type == "N" && ok {
			text, ok = dynamoitem.CanonicalNumber(text)
		}
		if !ok || kept[text] {
			return fmt.Errorf("the server answers with an item twice or without its key: %v", x)
		}
		kept[text] = true
	}
	return nil
}

// question is the one that a call asks, without the partition key.
func (q *question) question(o *dynamoitem.Operation) (*bundle.Question, error) {
	checks, err := o.Checks(q.find)
	if err != nil {
		return nil, err
	}
	c := checks[0]
	c.PartitionKeys = nil
	e, r, err := q.ask(&c)
	if err != nil {
		return nil, err
	}
	return &bundle.Question{Evaluator: e, Request: r}, nil
}

// hold answers which of the items are kept.
func (q *question) hold(kept map[string]bool) {
	for _, x := range q.items {
		q.answer.Held = append(q.answer.Held, held(x.text, kept[x.text]))
	}
}

func held(text string, kept bool) rowproof.Held {
	return rowproof.Held{Values: []conditions.Value{conditions.Text(text)}, Kept: kept, Dropped: !kept}
}

// one asks for each item alone, by a GetItem or a Query.
func (q *question) one() error {
	all := map[string]bool{}
	for i := range q.items {
		o, err := q.keyed(strings.TrimPrefix(q.of.Action, "dynamodb:"), &q.items[i])
		if err != nil {
			return err
		}
		if q.answer.Question == nil {
			if q.answer.Question, err = q.question(o); err != nil {
				return err
			}
		}
		_, kept, err := q.narrow(o)
		if err != nil {
			return err
		}
		for text := range kept {
			if text != q.items[i].text {
				return fmt.Errorf("asked for the item %q, the server answers with %q", q.items[i].text, text)
			}
			all[text] = true
		}
	}
	q.hold(all)
	return nil
}

// batch asks for all items in one BatchGetItem.
func (q *question) batch() error {
	call := func(items []item) (*dynamoitem.Operation, error) {
		request := q.projection()
		keys := make([]any, len(items))
		for i, x := range items {
			keys[i] = x.key
		}
		request["Keys"], request["ConsistentRead"] = keys, true
		return q.operation("BatchGetItem", map[string]any{"RequestItems": map[string]any{q.table.of.Table: request}})
	}
	o, err := call(q.items)
	if err != nil {
		return err
	}
	if q.answer.Question, err = q.question(o); err != nil {
		return err
	}
	n, kept, err := q.narrow(o)
	if err != nil {
		return err
	}
	own, err := q.kept(q.answer.Question)
	if err != nil {
		return err
	}
	// IAM decides a batch as a whole, and so may say of several keys what it does
	// not say of each.
	var together bool
	switch {
	case n.Denied == nil && len(own) < len(q.items):
		if together, err = q.decides(o); err == nil && together {
			q.answer.Refused = errors.New("a BatchGetItem is allowed as a whole, though not for each key of it")
		}
	case len(n.Requests) == 0 && len(own) > 0:
		if o, err = call(own); err == nil {
			if together, err = q.decides(o); err == nil && !together {
				q.answer.Refused = errors.New("a BatchGetItem is denied as a whole, though not for each key of it")
			}
		}
	}
	if err != nil || q.answer.Refused != nil {
		return err
	}
	q.hold(kept)
	return nil
}

// scan asks for all items by a Scan, of which Queries are left. What these may
// is the question then.
func (q *question) scan() error {
	body := q.projection()
	body["TableName"], body["ConsistentRead"] = q.table.of.Table, true
	o, err := q.operation("Scan", body)
	if err != nil {
		return err
	}
	n, kept, err := q.narrow(o)
	if err != nil {
		return err
	}
	if n.Denied == nil {
		allowed, err := q.decides(o)
		if err == nil && !allowed {
			err = errors.New("a Scan that is denied was to be sent as it is")
		}
		q.answer.Refused = errors.New("a Scan is allowed as it is: it names no partition key")
		return err
	}
	query, err := q.keyed("Query", &q.items[0])
	if err != nil {
		return err
	}
	if q.answer.Question, err = q.question(query); err != nil {
		return err
	}
	f, err := q.answer.Question.Evaluator.Filter(q.answer.Question.Request, leadingKeys)
	if err != nil {
		q.answer.Refused = err
		return nil
	}
	switch values, finite := f.Root().Values(0); {
	case !finite:
		q.answer.Refused = errors.New("a Scan is not confined to known partition keys")
	case len(values) > maxQueries:
		q.answer.Refused = fmt.Errorf("a Scan is confined to more than %d partition keys", maxQueries)
	}
	if q.answer.Refused != nil {
		if len(n.Requests) > 0 {
			return errors.New("requests are left of a Scan that cannot be narrowed")
		}
		return nil
	}
	q.hold(kept)
	return nil
}

// kept are the items that the filter of a question keeps.
func (q *question) kept(asked *bundle.Question) ([]item, error) {
	f, err := asked.Evaluator.Filter(asked.Request, leadingKeys)
	if err != nil {
		return nil, err
	}
	var out []item
	for _, x := range q.items {
		if f.Keep([]conditions.Value{conditions.Text(x.text)}) {
			out = append(out, x)
		}
	}
	return out, nil
}

// decides decides a call as a whole.
func (q *question) decides(o *dynamoitem.Operation) (bool, error) {
	checks, err := o.Checks(q.find)
	if err != nil {
		return false, err
	}
	for i := range checks {
		var e *engine.Evaluator
		var r *engine.Request
		if e, r, err = q.ask(&checks[i]); err != nil || !e.Decide(r).Allowed() {
			return false, err
		}
	}
	return true, nil
}
