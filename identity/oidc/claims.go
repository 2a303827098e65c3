package oidc

import (
	"encoding/json"
	"math"
	"time"
)

// Claims are the members of a token's payload, read case-sensitively with
// duplicates refused: string, bool, json.Number, []any, map[string]any or nil.
// They must not be changed.
type Claims map[string]any

// String returns a claim that is a string and not empty.
func (c Claims) String(name string) (string, bool) {
	s, ok := c[name].(string)
	return s, ok && s != ""
}

// Strings returns a claim that is an array of strings, or one string as an
// array of one. It reports false for an array with anything else in it; an
// empty array is no strings, and true.
func (c Claims) Strings(name string) ([]string, bool) {
	if s, ok := c.String(name); ok {
		return []string{s}, true
	}
	elements, ok := c[name].([]any)
	if !ok {
		return nil, false
	}
	all := make([]string, len(elements))
	for i, e := range elements {
		if all[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return all, true
}

// Bool returns a claim that is true or false, and not a string that says so.
func (c Claims) Bool(name string) (value, ok bool) {
	value, ok = c[name].(bool)
	return value, ok
}

// Time returns a claim that is a number of seconds since 1970 from 0 to 2^53;
// a fraction is cut off. Source: identity-protocol §6.1, "Number tricks".
func (c Claims) Time(name string) (time.Time, bool) {
	number, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || !(seconds >= 0 && seconds <= 1<<53) {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC(), true
}
