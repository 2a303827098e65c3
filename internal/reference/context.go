package reference

import (
	"strconv"
	"time"
)

// keyState says whether a context key has values that can be compared.
type keyState uint8

const (
	absent keyState = iota
	present
	// indeterminate: the values are not what the key holds. Section 10.3.
	indeterminate
)

// contextValues is the context of one request. Section 5.1.
type contextValues struct {
	byName map[string][]contextEntry // by folded name
}

type contextEntry struct {
	name   string
	values []string
}

func (c *contextValues) add(name string, values []string) {
	folded := fold(name)
	c.byName[folded] = append(c.byName[folded], contextEntry{name, values})
}

// addDerived adds a value unless the caller gave the key.
func (c *contextValues) addDerived(name, value string) {
	if len(c.byName[fold(name)]) == 0 {
		c.add(name, []string{value})
	}
}

// lookup returns the values of a key. Section 3.2; C1: a value that is not of
// the key's kind, or several for a single-valued key, make it indeterminate.
func (c *contextValues) lookup(name string) ([]string, keyState) {
	entries := c.byName[fold(name)]
	if len(entries) == 0 {
		return nil, absent
	}
	if len(entries) > 1 {
		entries = sameTag(name, entries)
	}
	if len(entries) != 1 {
		return nil, indeterminate
	}
	key, values := describe(name), entries[0].values
	if len(values) > 1 && !key.list && !key.untyped {
		return nil, indeterminate
	}
	for _, v := range values {
		if !isOfKind(key.kind, v) {
			return nil, indeterminate
		}
	}
	return values, present
}

// sameTag keeps the entries whose tag is written as in name. Section 2.6 and
// C30: among tags that differ only by case the exact one wins; without it the
// key is indeterminate.
func sameTag(name string, entries []contextEntry) []contextEntry {
	tag := describe(name).tag
	if tag == "" {
		refuse("context keys %q and %q differ only by case", entries[0].name, entries[1].name)
	}
	var out []contextEntry
	for _, e := range entries {
		if describe(e.name).tag == tag {
			out = append(out, e)
		}
	}
	return out
}

// isOfKind says whether v is a value of kind k. Section 3.5.
func isOfKind(k kind, v string) bool {
	ok := true
	switch k {
	case textKind, textOrARNKind:
	case numberKind:
		_, ok = parseNumber(v)
	case dateKind, epochKind:
		_, ok = parseDate(v)
	case boolKind:
		_, ok = parseBool(v)
	case addressKind, textOrAddressKind:
		_, ok = parseAddress(v)
	case arnKind:
		_, ok = splitARN(v)
	}
	return ok
}

// buildContext is the context that the caller gave, and what the principal,
// the resource's account and the time say beside it. Sections 5.2 and 5.3,
// C29.
func buildContext(q *Question, account string) contextValues {
	c := contextValues{byName: map[string][]contextEntry{}}
	for name, values := range q.Context {
		c.add(name, values)
	}
	for _, key := range q.Principal.contextKeys() {
		c.addDerived(key[0], key[1])
	}
	if account != "" {
		c.addDerived("aws:ResourceAccount", account)
	}
	if !q.Now.IsZero() {
		now := q.Now.UTC().Truncate(time.Second)
		c.addDerived("aws:CurrentTime", now.Format("2006-01-02T15:04:05Z"))
		c.addDerived("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	}
	return c
}
