package conditions

import "strings"

// timeKeys are the keys whose values change while a session lasts: those of the
// time of day, and the age of the second factor. They are in lower case.
var timeKeys = [...]string{"aws:currenttime", "aws:epochtime", "aws:multifactorauthage"}

// NamesTime reports whether a text with policy variables has one that changes
// by the passing of time alone.
func NamesTime(text string) bool {
	if !strings.Contains(text, "${") {
		return false
	}
	folded := strings.ToLower(text)
	for _, key := range timeKeys {
		if strings.Contains(folded, key) {
			return true
		}
	}
	return false
}

// Flips says when the condition may come to another answer by the passing of
// time alone, the rest of the request being the same: in the seconds since 1970
// that it returns, and never else. foreseen is false if that cannot be told:
// then it may be at any time. Times in requests are taken to be whole seconds.
func (c *Condition) Flips() (seconds []int64, foreseen bool) {
	if c.custom != nil || c.test == nil {
		return nil, false
	}
	if c.form.family == familyNull || !c.readsTime() {
		return nil, true
	}
	t, ok := c.test.(*date)
	if !ok {
		return nil, false
	}
	for _, at := range t.instants {
		// Before and not after it, or after it: the second of it and the next.
		seconds = append(seconds, at.seconds, at.seconds+1)
	}
	return seconds, true
}

func (c *Condition) readsTime() bool {
	for _, key := range timeKeys {
		if strings.EqualFold(c.key.name, key) {
			return true
		}
	}
	return false
}
