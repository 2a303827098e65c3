package celop

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/rowan-authz/rowan/conditions"
)

// Bounds of what an expression reads of a request. CEL walks a value before it
// charges for it.
const (
	maxValueBytes = 16 << 10
	maxValues     = 1000
	maxLookups    = 1000 // of keys, in one evaluation
)

// prefixes are those of the context keys that the maps show.
var prefixes = map[string]string{contextKeys: "", principalTags: "aws:PrincipalTag/"}

// view is what one evaluation sees of a request. It copies nothing and reads a
// key when the expression does. It is the cel.Activation of that evaluation
// and of no other.
type view struct {
	context          *conditions.Context
	action, resource string
	lookups          int
	names            map[string][]string // by prefix, once asked for
}

var _ cel.Activation = (*view)(nil)

// Parent implements cel.Activation.
func (v *view) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation. A variable without a value is an
// error, which CEL passes on as one.
func (v *view) ResolveName(name string) (any, bool) {
	switch name {
	case requestAction:
		return v.text(lower(v.action))
	case requestResource:
		return v.text(v.resource)
	case requestTime:
		return v.time(), true
	case principalARN:
		return v.single("aws:PrincipalArn"), true
	case principalAccount:
		return v.single("aws:PrincipalAccount"), true
	case principalType:
		return v.single("aws:PrincipalType"), true
	case principalUserID:
		return v.single("aws:userid"), true
	case principalUsername:
		return v.single("aws:username"), true
	case principalTags:
		return &mapping{v, prefixes[name]}, true
	case contextKeys:
		return &mapping{v, prefixes[name]}, true
	}
	return nil, false
}

func (v *view) text(s string) (any, bool) {
	if len(s) > maxValueBytes {
		return types.WrapErr(errTooLong), true
	}
	return types.String(s), true
}

var errTooLong = fmt.Errorf("a text of more than %d bytes", maxValueBytes)

// values reads a context key.
func (v *view) values(key string) (values []string, present bool, err error) {
	if v.lookups++; v.lookups > maxLookups {
		return nil, false, fmt.Errorf("%w: too many lookups of keys", ErrCostLimit)
	}
	values, state := v.context.Value(key)
	switch state {
	case conditions.Indeterminate:
		return nil, false, fmt.Errorf("%w: %s", conditions.ErrValue, key)
	case conditions.Absent:
		// What no request can have is a mistake, not absent. Its error
		// searches the registry for what was meant.
		_, err := v.context.Vocabulary().Key(key)
		if err != nil {
			v.lookups += maxLookups / 20
		}
		return nil, false, err
	case conditions.Present:
	}
	return values, true, bounded(key, values)
}

func bounded(key string, values []string) error {
	if len(values) > maxValues {
		return fmt.Errorf("%s has more than %d values", key, maxValues)
	}
	for _, s := range values {
		if len(s) > maxValueBytes {
			return fmt.Errorf("%s: %w", key, errTooLong)
		}
	}
	return nil
}

// single reads a key that a variable stands for.
func (v *view) single(key string) ref.Val {
	values, present, err := v.values(key)
	switch {
	case err != nil:
		return types.WrapErr(err)
	case !present:
		return types.WrapErr(fmt.Errorf("the request has no %s", key))
	case len(values) != 1:
		return types.WrapErr(fmt.Errorf("%s has %d values, not one", key, len(values)))
	}
	return types.String(values[0])
}

// time reads the request's own clock; there is no other.
func (v *view) time() ref.Val {
	key := "aws:CurrentTime"
	if _, present, err := v.values(key); err == nil && !present {
		key = "aws:EpochTime"
	}
	text := v.single(key)
	if types.IsError(text) {
		return text
	}
	return toTimestamp(text)
}

// readable refuses a map that cannot be looked through: a key that is passed
// over could be the one that matters.
func readable(c *conditions.Context, prefix string) error {
	for key, values := range c.All() {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if _, state := c.Value(key); state == conditions.Indeterminate {
			return fmt.Errorf("%w: %s", conditions.ErrValue, key)
		}
		if err := bounded(key, values); err != nil {
			return err
		}
	}
	return nil
}

// mapping is context, or with a prefix the tags of the principal, as a map of
// CEL.
type mapping struct {
	view   *view
	prefix string
}

var _ traits.Mapper = (*mapping)(nil)

// Find implements traits.Mapper. An error is the value, as CEL wants it.
func (m *mapping) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.NewErr("a key is a string"), false
	}
	values, present, err := m.view.values(m.prefix + string(name))
	if err != nil {
		return types.WrapErr(err), false
	}
	if !present {
		return nil, false
	}
	if m.prefix == "" {
		return types.NewStringList(types.DefaultTypeAdapter, values), true
	}
	if len(values) != 1 {
		return types.NewErr("the tag %.100q has %d values, not one", string(name), len(values)), false
	}
	return types.String(values[0]), true
}

// Get implements traits.Indexer.
func (m *mapping) Get(key ref.Val) ref.Val {
	value, found := m.Find(key)
	if !found && value == nil {
		return types.NewErr("no such key: %v", key)
	}
	return value
}

// Contains implements traits.Container.
func (m *mapping) Contains(key ref.Val) ref.Val {
	value, found := m.Find(key)
	if value != nil && types.IsError(value) {
		return value
	}
	return types.Bool(found)
}

// names returns the keys in the order in which they were set. It is asked only
// when all of them are readable.
func (m *mapping) names() []string {
	if names, ok := m.view.names[m.prefix]; ok {
		return names
	}
	var names []string
	for key := range m.view.context.All() {
		if name, ok := strings.CutPrefix(key, m.prefix); ok {
			names = append(names, name)
		}
	}
	if m.view.names == nil {
		m.view.names = map[string][]string{}
	}
	m.view.names[m.prefix] = names
	return names
}

// Size implements traits.Sizer.
func (m *mapping) Size() ref.Val { return types.Int(len(m.names())) }

// Iterator implements traits.Iterable.
func (m *mapping) Iterator() traits.Iterator {
	return types.NewStringList(types.DefaultTypeAdapter, m.names()).Iterator()
}

// Type implements ref.Val.
func (m *mapping) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (m *mapping) Value() any { return m }

// Equal implements ref.Val. Contexts are not compared.
func (m *mapping) Equal(ref.Val) ref.Val {
	return types.NewErr("context and principal.tags cannot be compared whole")
}

// ConvertToType implements ref.Val.
func (m *mapping) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("context and principal.tags cannot be converted")
}

// ConvertToNative implements ref.Val.
func (m *mapping) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("context and principal.tags cannot be converted")
}
