package dynamoitem

import (
	"errors"
	"fmt"

	"github.com/rowan-authz/rowan/engine"
)

// Ask puts a check to the policies of a caller: it returns their evaluator and
// the request that asks it, with every context key, those of Check.Fill among
// them. Narrow asks checks that lack PartitionKeys or Attributes too: the
// request must not have their keys then, for Narrow asks for which values of
// them it is allowed.
type Ask func(*Check) (*engine.Evaluator, *engine.Request, error)

// Narrowed is what may be sent of a call. The zero value is nothing.
type Narrowed struct {
	// Requests are allowed, each of them, and their answers in this order are
	// the answer to the call. One that is allowed as it is comes back alone.
	Requests []*Operation
	// Denied is the check of the call as it was asked that is not allowed; nil
	// if it may pass unchanged.
	Denied *Check
	// Refused are the keys that are left out of a BatchGetItem.
	Refused []Refused
	// Reason says why nothing is left; nil if something is.
	Reason error
}

// Narrow makes of a call that the policies deny requests for the part of it
// that they allow. A call that is allowed stays as it is, and so does what AWS
// allows by the letter of a policy, such as a Scan beside ForAllValues.
//
//   - A GetItem, BatchGetItem, Query or Scan that asks for all attributes asks
//     for those only that the policies name, if that makes it allowed.
//   - A BatchGetItem leaves out the keys that are not allowed: see Split.
//   - A Scan becomes one Query for each partition key that the policies allow,
//     in the order of their texts, if these are a finite list, and at most 100.
//     Conditions of its filter on the key move into the key condition. With an
//     ExclusiveStartKey it goes on in that partition, and then with those behind.
//
// No request is wider than the policies: each is read and decided again, and if
// one is not allowed none is left. IAM itself refuses a call or lets it pass,
// and never does this: offer it only to callers who asked for it. Conditions on
// the rows do not become a FilterExpression, since no filter makes a request
// allowed: IAM does not look into it.
//
// The error is an *Error, as of Checks, or one of ask: there is no decision
// then. Source: iam-semantics §6.2 to §6.6.
func (o *Operation) Narrow(tables Tables, ask Ask) (Narrowed, error) {
	n := narrower{scope: o.scope, tables: tables, ask: ask}
	denied, err := n.denied(o)
	if err != nil {
		return Narrowed{}, err
	}
	if denied == nil {
		return Narrowed{Requests: []*Operation{o}}, nil
	}
	out := Narrowed{Denied: denied}
	switch o.name {
	case "GetItem", "Query":
		out.Requests, err = one(n.projected(o))
	case "Scan":
		out.Requests, err = n.scan(o)
	case "BatchGetItem":
		out.Requests, out.Refused, err = n.batch(o)
	default:
		err = because("a %s is not narrowed", o.name)
	}
	var why *reason
	switch {
	case errors.As(err, &why):
		return Narrowed{Denied: denied, Refused: out.Refused, Reason: why}, nil
	case err != nil:
		return Narrowed{}, err
	}
	return out, nil
}

func one(o *Operation, err error) ([]*Operation, error) { return []*Operation{o}, err }

// reason says why a call cannot be narrowed. Other errors mean that nobody
// knows.
type reason struct{ err error }

func (r *reason) Error() string { return r.err.Error() }

func (r *reason) Unwrap() error { return r.err }

func because(format string, args ...any) error { return &reason{fmt.Errorf(format, args...)} }

// given reports whether err is a reason, so that another way may be tried.
func given(err error) bool {
	var why *reason
	return errors.As(err, &why)
}

// narrower narrows one call.
type narrower struct {
	scope  Scope
	tables Tables
	ask    Ask
}

// question asks a check.
func (n *narrower) question(c *Check) (*engine.Evaluator, *engine.Request, error) {
	e, r, err := n.ask(c)
	if err == nil && (e == nil || r == nil) {
		err = errors.New("a check was not asked")
	}
	return e, r, err
}

func (n *narrower) allows(c *Check) (bool, error) {
	e, r, err := n.question(c)
	if err != nil {
		return false, err
	}
	return e.Decide(r).Allowed(), nil
}

// denied is the first check of a call that is not allowed; nil if there is no
// such and no error.
func (n *narrower) denied(o *Operation) (*Check, error) {
	checks, err := o.Checks(n.tables)
	if err != nil {
		return nil, err
	}
	for i := range checks {
		if allowed, err := n.allows(&checks[i]); err != nil || !allowed {
			return &checks[i], err
		}
	}
	return nil, nil
}

// again reads and decides a body that was made here.
func (n *narrower) again(name string, body []byte) (*Operation, error) {
	o, err := Parse(n.scope, name, body)
	if err != nil {
		return nil, because("%w", err)
	}
	denied, err := n.denied(o)
	var of *Error
	switch {
	case errors.As(err, &of):
		return nil, because("%w", err)
	case err != nil:
		return nil, err
	case denied != nil:
		return nil, because("%s of %s is not allowed either", denied.Action, denied.Resource)
	}
	return o, nil
}

// filter asks for which values of the open keys a check is allowed.
func (n *narrower) filter(c *Check, open ...string) (engine.Filter, error) {
	e, r, err := n.question(c)
	if err != nil {
		return engine.Filter{}, err
	}
	f, err := e.Filter(r, open...)
	if err != nil {
		return engine.Filter{}, because("%w", err)
	}
	return f, nil
}

// batch narrows a BatchGetItem: to fewer attributes, to fewer keys, to both.
func (n *narrower) batch(o *Operation) ([]*Operation, []Refused, error) {
	fewer, err := n.projectTables(o, n.wholeTable)
	if err == nil {
		var whole *Operation
		if whole, err = n.again(o.name, fewer); err == nil {
			return []*Operation{whole}, nil, nil
		}
	}
	if !given(err) {
		return nil, nil, err
	}
	out, refused, err := n.split(o)
	if err == nil || !given(err) {
		return out, refused, err
	}
	if fewer, other := n.projectTables(o, n.someEntry); other == nil {
		both, other := Parse(n.scope, o.name, fewer)
		if other == nil {
			return n.split(both)
		}
	} else if !given(other) {
		return nil, nil, other
	}
	return nil, refused, err
}

// split leaves out the keys that are not allowed.
func (n *narrower) split(o *Operation) ([]*Operation, []Refused, error) {
	var failed error
	body, refused, err := o.Split(n.tables, func(c *Check) bool {
		allowed, err := n.allows(c)
		failed = errors.Join(failed, err)
		return allowed
	})
	switch {
	case failed != nil:
		return nil, nil, failed
	case err != nil:
		return nil, nil, because("%w", err)
	case body == nil:
		return nil, refused, because("none of its keys is allowed")
	}
	kept, err := n.again(o.name, body)
	return []*Operation{kept}, refused, err
}
