package web

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// object is a JSON object whose members are taken one by one. What is wrong is
// kept, the first fault of all, and the zero value read then.
type object struct {
	err  *error
	path string
	m    map[string]any
}

func (o object) fault(name, text string) {
	if *o.err == nil {
		*o.err = invalid("%.200s: %s", o.place(name), text)
	}
}

// place says where a member is.
func (o object) place(name string) string {
	switch {
	case o.path == "":
		return name
	case name == "":
		return o.path
	}
	return o.path + "." + name
}

// take returns a member and counts it as read. null is refused: it could mean
// that there is none, or an empty one.
func (o object) take(name string) (value any, ok bool) {
	if value, ok = o.m[name]; !ok {
		return nil, false
	}
	delete(o.m, name)
	if value == nil {
		o.fault(name, "null")
		return nil, false
	}
	return value, true
}

// done returns the first fault; members that nobody took are one.
func (o object) done() error {
	o.closed()
	return *o.err
}

func (o object) closed() {
	if len(o.m) > 0 {
		o.fault(slices.Min(slices.Collect(maps.Keys(o.m))), "unknown member")
	}
}

func (o object) text(name string) string {
	v, ok := o.take(name)
	s, isText := v.(string)
	if ok && !isText {
		o.fault(name, "want a text")
	}
	return s
}

func (o object) truth(name string) bool {
	v, ok := o.take(name)
	b, isTruth := v.(bool)
	if ok && !isTruth {
		o.fault(name, "want true or false")
	}
	return b
}

// whole reads a whole number that is not negative.
func (o object) whole(name string) int {
	v, ok := o.take(name)
	if !ok {
		return 0
	}
	n, isNumber := v.(json.Number)
	i, err := strconv.Atoi(string(n))
	if !isNumber || err != nil || i < 0 {
		o.fault(name, "want a whole number")
		return 0
	}
	return i
}

func (o object) list(name string) []any {
	v, ok := o.take(name)
	l, isList := v.([]any)
	if ok && !isList {
		o.fault(name, "want a list")
	}
	return l
}

func (o object) texts(name string) []string {
	list := o.list(name)
	out := make([]string, 0, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			o.fault(name+"["+strconv.Itoa(i)+"]", "want a text")
		}
		out = append(out, s)
	}
	return out
}

// object returns a member that is an object.
func (o object) object(name string) (object, bool) {
	v, ok := o.take(name)
	if !ok {
		return object{}, false
	}
	return o.as(name, v)
}

// as returns a value of the member as an object.
func (o object) as(name string, v any) (object, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		o.fault(name, "want an object")
		return object{}, false
	}
	return object{err: o.err, path: o.place(name), m: m}, true
}

// scalar is a value as policies write it: numbers, booleans and dates are text.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		_, err := strconv.ParseFloat(string(v), 64)
		return string(v), err == nil
	}
	return "", false
}
