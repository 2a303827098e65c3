package dynamoitem

import "fmt"

// Refused is an item or key that Split left out.
type Refused struct {
	// Check is the one that was denied.
	Check Check
	// Request is the element of the body: a key of a BatchGetItem, or the
	// PutRequest or DeleteRequest of a BatchWriteItem. It is a part of the body.
	Request []byte
}

// Split divides a BatchGetItem or BatchWriteItem by item. It calls may with the
// check that a batch of that item alone would need, and returns the body of a
// batch of those for which may returned true, in their order, and the others.
// The body is nil if none may pass, and o's own if all may.
//
// IAM decides a batch as a whole, and never does this: offer it only to callers
// who asked for it. May the items of a batch pass one by one, the batch may
// still not, as with a Deny that needs two values: parse the new body, and
// decide its checks. The error is an *Error, as of Checks, or that o is no
// batch. Source: iam-semantics §6.2.
func (o *Operation) Split(tables Tables, may func(*Check) bool) (body []byte, refused []Refused, err error) {
	if o.name != "BatchGetItem" && o.name != "BatchWriteItem" {
		return nil, nil, &Error{Err: fmt.Errorf("%s is no batch of items", o.name)}
	}
	kept := make([][]span, len(o.parts))
	some := false
	for i, p := range o.parts {
		for _, e := range p.entries {
			check, err := o.checkOfEntry(p, e, tables)
			if err != nil {
				return nil, nil, err
			}
			if may(&check) {
				kept[i] = append(kept[i], e.raw)
				some = true
				continue
			}
			refused = append(refused, Refused{check, o.body[e.raw.start:e.raw.end]})
		}
	}
	switch {
	case len(refused) == 0:
		return o.body, nil, nil
	case !some:
		return nil, refused, nil
	}
	return o.keep(kept), refused, nil
}

// checkOfEntry is the check of a batch that has one entry.
func (o *Operation) checkOfEntry(p *part, e entry, tables Tables) (Check, error) {
	alone := *p
	alone.entries = []entry{e}
	checks, err := o.checksOf(&alone, tables)
	if err != nil {
		return Check{}, err
	}
	if len(checks) != 1 {
		return Check{}, p.faultf("", "one item has %d checks", len(checks))
	}
	checks[0].Member = e.member
	return checks[0], nil
}

// keep writes the body with those entries alone. What it keeps it keeps byte by
// byte; a table without entries goes.
func (o *Operation) keep(kept [][]span) []byte {
	out := append(make([]byte, 0, len(o.body)), o.body[:o.items.start]...)
	separator := byte('{')
	for i, p := range o.parts {
		if len(kept[i]) == 0 {
			continue
		}
		out = append(out, separator, '"')
		out = append(out, p.label...) // a name or an ARN: nothing to escape
		out = append(out, '"', ':')
		out = append(out, o.body[p.value.start:p.list.start]...)
		bracket := byte('[')
		for _, s := range kept[i] {
			out = append(out, bracket)
			out = append(out, o.body[s.start:s.end]...)
			bracket = ','
		}
		out = append(out, ']')
		out = append(out, o.body[p.list.end:p.value.end]...)
		separator = ','
	}
	out = append(out, '}')
	return append(out, o.body[o.items.end:]...)
}
