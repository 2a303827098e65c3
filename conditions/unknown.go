package conditions

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknowns means keys that cannot be left open together, or in the context
// at hand.
var ErrUnknowns = errors.New("context keys cannot be left open")

// maxUnknowns is how many keys of a row may be left open.
const maxUnknowns = 64

// Unknowns are the context keys whose values a question leaves open because
// they belong to a row that is not known yet. It is immutable and safe for
// concurrent use. The zero value leaves nothing open.
type Unknowns struct {
	refs []keyRef
}

// Unknowns resolves the names of keys that are to be left open; the order is
// that of a row's values. dynamodb:LeadingKeys stands for
// dynamodb:FirstPartitionKeyValues too, which holds the same values, unless
// that is named as well. It wraps ErrUnknownKey, ErrKeyName, and ErrUnknowns
// for a name that is there twice, be it in another case: which of two such tags
// a policy means would depend on the row. Source: iam-semantics §2.6, §6.4.1.
func (v *Vocabulary) Unknowns(names ...string) (*Unknowns, error) {
	if len(names) > maxUnknowns {
		return nil, fmt.Errorf("%w: more than %d", ErrUnknowns, maxUnknowns)
	}
	u := &Unknowns{refs: make([]keyRef, 0, len(names))}
	for _, name := range names {
		ref, err := v.resolve(name)
		if err != nil {
			return nil, err
		}
		if ref.kind == Epoch {
			return nil, fmt.Errorf("%w: %s is of the request", ErrUnknowns, name)
		}
		if i := u.exactly(&ref); i >= 0 {
			return nil, fmt.Errorf("%w: %s and %s are one", ErrUnknowns, u.refs[i].name, name)
		}
		u.refs = append(u.refs, ref)
	}
	return u, nil
}

// Len returns how many keys are left open.
func (u *Unknowns) Len() int { return len(u.refs) }

// Key describes the key at place i.
func (u *Unknowns) Key(i int) Key {
	r := &u.refs[i]
	return Key{Name: r.name, Kind: r.kind, List: r.list}
}

// Names returns the names of the keys in order.
func (u *Unknowns) Names() []string {
	out := make([]string, len(u.refs))
	for i := range u.refs {
		out[i] = u.refs[i].name
	}
	return out
}

// Check refuses a context that knows a key which is to be left open.
func (u *Unknowns) Check(x *Context) error {
	for i := range u.refs {
		if e, ambiguous := x.find(&u.refs[i]); e != nil || ambiguous {
			return fmt.Errorf("%w: the context has a value of %s", ErrUnknowns, u.refs[i].name)
		}
		if alias, ok := aliasOf(u.refs[i].name); ok {
			if _, state := x.Value(alias); state != Absent {
				return fmt.Errorf("%w: the context has a value of %s", ErrUnknowns, alias)
			}
		}
	}
	return nil
}

// Fill stores a row's values in x, one for each key and in their order, as a
// request for that row would have them. A value that is not of its key's kind
// makes the key indeterminate, as does a partition key without a value.
func (u *Unknowns) Fill(x *Context, row []Value) error {
	if len(row) != len(u.refs) {
		return fmt.Errorf("%w: %d values for %d keys", ErrUnknowns, len(row), len(u.refs))
	}
	for i := range row {
		ref := &u.refs[i]
		if err := row[i].set(x, ref, ref.name); err != nil {
			return err
		}
		if alias, ok := aliasOf(ref.name); ok && !u.names(alias) {
			if err := row[i].set(x, ref, alias); err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *Unknowns) names(name string) bool {
	for i := range u.refs {
		if u.refs[i].name == name {
			return true
		}
	}
	return false
}

// find returns the place of the key that k reads, negative if that is not left
// open.
func (u *Unknowns) find(k *keyRef) int {
	if i := u.exactly(k); i >= 0 {
		return i
	}
	if k.id >= 0 {
		for i := range u.refs {
			if alias, ok := aliasOf(u.refs[i].name); ok && alias == k.name {
				return i
			}
		}
	}
	return -1
}

func (u *Unknowns) exactly(k *keyRef) int {
	for i := range u.refs {
		r := &u.refs[i]
		if k.id >= 0 && r.id == k.id || k.id < 0 && r.id < 0 && r.hash == k.hash && r.folded == k.folded {
			return i
		}
	}
	return -1
}

const (
	leadingKeys    = "dynamodb:LeadingKeys"
	firstPartition = "dynamodb:FirstPartitionKeyValues"
)

// aliasOf returns the other name of a key's values, if there is one. Source:
// iam-semantics §6.4.1.
func aliasOf(name string) (alias string, ok bool) {
	switch name {
	case leadingKeys:
		return firstPartition, true
	case firstPartition:
		return leadingKeys, true
	}
	return "", false
}

// partitionKey reports whether the key holds the partition key of a row. A row
// always has one: without a value it is indeterminate and never absent, or
// ForAllValues would show the row to everyone.
func (k *keyRef) partitionKey() bool {
	return k.name == leadingKeys || strings.HasPrefix(k.name, "dynamodb:") && strings.HasSuffix(k.name, "PartitionKeyValues")
}

// single reports whether a row has at most one usable value for the key: of a
// partition key it has exactly one, and several values of a single-valued
// registered key are none that can be read. Source: choice C1.
func (k *keyRef) single() bool {
	return k.partitionKey() || !k.list && k.kind != Untyped
}

// typed reports whether values must be of the key's kind, and can fail to be.
func (k *keyRef) typed() bool {
	switch k.kind {
	case Number, Date, Epoch, Bool, IP, StringOrIP, ARN:
		return true
	case String, StringOrARN, Binary, Untyped:
	}
	return false
}

// Value is what a row has for one context key: nothing, one text, several
// texts, or something that cannot be read. The zero value is absent.
type Value struct {
	state valueState
	text  string
	texts []string
}

type valueState uint8

const (
	valueAbsent valueState = iota
	valueText
	valueList
	valueUnreadable
)

// Text returns the value that is one text. The empty text is a value, except
// where a list-typed key or a partition key has it.
func Text(s string) Value { return Value{state: valueText, text: s} }

// List returns the value that is a list of texts, which it keeps; an empty one
// is present without a value.
func List(texts []string) Value {
	if len(texts) == 1 {
		return Text(texts[0])
	}
	return Value{state: valueList, texts: texts}
}

// Unreadable returns the value that nobody can tell: the key is indeterminate.
func Unreadable() Value { return Value{state: valueUnreadable} }

// set stores the value in x under a name of the key.
func (v *Value) set(x *Context, ref *keyRef, name string) error {
	var err error
	switch {
	case v.state == valueUnreadable, ref.partitionKey() && (v.state != valueText || v.text == ""):
		return x.SetIndeterminate(name)
	case v.state == valueText:
		err = x.Set(name, v.text)
	case v.state == valueList:
		err = x.Set(name, v.texts...)
	}
	if errors.Is(err, ErrValue) {
		return nil // and the key is indeterminate
	}
	return err
}

func (v Value) String() string {
	switch v.state {
	case valueText:
		return fmt.Sprintf("%q", v.text)
	case valueList:
		return fmt.Sprintf("%q", v.texts)
	case valueUnreadable:
		return "unreadable"
	case valueAbsent:
	}
	return "absent"
}
