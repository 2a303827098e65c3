package conditions

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// MaxContextKeys is how many keys one context holds.
const MaxContextKeys = 512

// Context holds the values of the context keys of one request. Only the server
// fills it: a value that a client sent as a key of its own never belongs here.
//
// A key is absent, present with values, present without values, or
// indeterminate: present with a value that is not of its kind. Every condition
// and variable that reads an indeterminate key is Unknown.
//
// The zero value is not usable; see Vocabulary.NewContext. A Context may be
// read by many goroutines while nobody changes it.
type Context struct {
	vocabulary *Vocabulary
	base       *Context
	slots      []uint16 // by id: 1 + index into entries
	entries    []entry
	dynamic    int      // how many entries have no id
	unread     []string // folded families of which every key is indeterminate
	arena      []string // what entries' values point into
	typed      []typed  // what entries' typed point into
}

// entry is one key that is present.
type entry struct {
	id     int32
	bad    bool // indeterminate
	hash   uint64
	name   string // the registry's spelling or as written
	folded string // of dynamic keys
	values []string
	typed  *typed // parsed once, for a single-valued key whose kind is no text
}

// typed is a value parsed by its key's kind.
type typed struct {
	number  number
	instant instant
	address netip.Addr
	bool    bool
}

// NewContext returns an empty context.
func (v *Vocabulary) NewContext() *Context {
	return &Context{vocabulary: v, slots: make([]uint16, len(v.keys))}
}

// Vocabulary returns the vocabulary that made c.
func (c *Context) Vocabulary() *Vocabulary { return c.vocabulary }

// Reset empties c for another request and keeps its memory. A base, which may
// be nil, is read before c: what it holds cannot be overridden, so the keys
// that a session determines belong there. The base must be of the same
// vocabulary and have no base itself, or Reset leaves c empty and without a
// vocabulary, and every decision on it denies.
func (c *Context) Reset(base *Context) {
	for i := range c.entries {
		if id := c.entries[i].id; id >= 0 {
			c.slots[id] = 0
		}
	}
	// What stays behind the new ends is written over before it is read.
	c.entries, c.arena, c.typed, c.unread, c.dynamic, c.base = c.entries[:0], c.arena[:0], c.typed[:0], c.unread[:0], 0, base
	if base != nil && (base.vocabulary != c.vocabulary || base.base != nil) {
		c.base, c.vocabulary = nil, nil
	}
}

// Len returns how many keys were set, those of the base not counted.
func (c *Context) Len() int { return len(c.entries) }

// Truncate forgets every key that was set for the first time after Len returned
// n, so that what many requests share need not be set for each. Keys that stood
// before keep the values that they have now, and families that are indeterminate
// stay so. Memory is given back by Reset alone.
func (c *Context) Truncate(n int) {
	for i := n; i < len(c.entries); i++ {
		if id := c.entries[i].id; id >= 0 {
			c.slots[id] = 0
		} else {
			c.dynamic--
		}
	}
	c.entries = c.entries[:min(n, len(c.entries))]
}

// Set stores values under key, replacing what was there; with no values the
// key is present without a value, which is not the same as absent. It parses
// once, by the key's kind. Names compare case-insensitively, except that tag
// keys which differ by case alone are kept apart (see the package comment).
//
// It wraps ErrUnknownKey, ErrKeyName (both leave c as it was), and ErrValue
// for a value that is not of the key's kind and for several values of a
// single-valued key; the key is then indeterminate. The strings are kept, the
// slice is not. Source: IAM User Guide, "IAM JSON policy elements: Condition".
func (c *Context) Set(key string, values ...string) error {
	if c.vocabulary == nil {
		return fmt.Errorf("%w %q: the context has no vocabulary", ErrUnknownKey, key)
	}
	if i := c.vocabulary.names.find(key); i >= 0 {
		id, k := int32(i), &c.vocabulary.keys[i]
		e, err := c.slot(id)
		if err != nil {
			return err
		}
		return c.store(e, id, k.Name, k.Kind, k.List, values)
	}
	ref, err := c.vocabulary.resolve(key)
	if err != nil {
		return err
	}
	e, err := c.slotFor(&ref)
	if err != nil {
		return err
	}
	e.folded, e.hash = ref.folded, ref.hash
	return c.store(e, ref.id, ref.name, ref.kind, ref.list, values)
}

// SetIndeterminate makes key present with a value that nobody knows, replacing
// what was there: every condition and variable that reads it is Unknown, so an
// Allow does not apply and a Deny does. It is for a caller who knows that a
// request has a value and cannot tell which; leaving the key out would satisfy
// ForAllValues. A registered family, such as "aws:ResourceTag/", makes every
// key of it indeterminate that has no value of its own: nobody knows which tags
// the resource has. It wraps ErrUnknownKey and ErrKeyName as Set does. Source:
// iam-semantics §6.4.1, §10.3.
func (c *Context) SetIndeterminate(key string) error {
	if c.vocabulary != nil {
		if family, ok := c.vocabulary.family(key); ok {
			c.unread = append(c.unread, family)
			return nil
		}
	}
	if err := c.Set(key); err != nil {
		return err
	}
	ref, err := c.vocabulary.resolve(key)
	if err != nil {
		return err
	}
	e, err := c.slotFor(&ref)
	if err != nil {
		return err
	}
	e.bad = true
	return nil
}

func (c *Context) slot(id int32) (*entry, error) {
	if i := c.slots[id]; i != 0 {
		return &c.entries[i-1], nil
	}
	e, err := c.grow()
	if err == nil {
		c.slots[id] = uint16(len(c.entries))
	}
	return e, err
}

func (c *Context) slotFor(ref *keyRef) (*entry, error) {
	if ref.id >= 0 {
		return c.slot(ref.id)
	}
	for i := range c.entries {
		if e := &c.entries[i]; e.id < 0 && e.name == ref.name {
			return e, nil
		}
	}
	e, err := c.grow()
	if err == nil {
		c.dynamic++
	}
	return e, err
}

func (c *Context) grow() (*entry, error) {
	if len(c.entries) >= MaxContextKeys {
		return nil, fmt.Errorf("more than %d context keys", MaxContextKeys)
	}
	c.entries = append(c.entries, entry{})
	return &c.entries[len(c.entries)-1], nil
}

func (c *Context) store(e *entry, id int32, name string, kind Kind, list bool, values []string) error {
	e.id, e.name = id, name
	if first := len(c.arena); cap(e.values) < len(values) {
		for _, v := range values { //nolint:staticcheck // one append of few values is a call, and dearer
			c.arena = append(c.arena, v)
		}
		e.values = c.arena[first:len(c.arena):len(c.arena)]
	} else {
		e.values = append(e.values[:0], values...)
	}
	e.bad, e.typed = false, nil
	if list && kind == String || kind == Untyped || len(values) == 0 {
		return nil
	}
	if list {
		return e.checkList(kind)
	}
	if len(values) > 1 {
		e.bad = true
		return fmt.Errorf("%w: %s takes one value, not %d", ErrValue, name, len(values))
	}
	if kind == String || kind == StringOrARN || kind == Binary {
		return nil
	}
	// Growing moves the slice; entries keep what they point into.
	c.typed = append(c.typed, typed{})
	e.typed = &c.typed[len(c.typed)-1]
	if !e.typed.parse(kind, values[0]) {
		e.bad = true
		return fmt.Errorf("%w: %s: want %s, not %.100q", ErrValue, name, kind, values[0])
	}
	return nil
}

// checkList holds every value of a list to its key's kind; one that is not of
// it makes the key indeterminate. The single empty text is no value. Source:
// iam-semantics §3.2; choice C1.
func (e *entry) checkList(kind Kind) error {
	if isNull(e, true) {
		return nil
	}
	var t typed
	for _, v := range e.values {
		if !t.parse(kind, v) {
			e.bad = true
			return fmt.Errorf("%w: %s: want %s, not %.100q", ErrValue, e.name, kind, v)
		}
	}
	return nil
}

// number returns the value as a number; so do the three that follow for their
// types. Values that were not parsed when they were set are parsed now.
func (e *entry) number(value string) (number, bool) {
	if e.typed != nil {
		return e.typed.number, true
	}
	return parseNumber(value)
}

func (e *entry) instant(value string) (instant, bool) {
	if e.typed != nil {
		return e.typed.instant, true
	}
	return parseDate(value)
}

func (e *entry) bool(value string) (is, ok bool) {
	if e.typed != nil {
		return e.typed.bool, true
	}
	return parseBool(value)
}

func (e *entry) address(value string) (netip.Addr, bool) {
	if e.typed != nil {
		return e.typed.address, true
	}
	return parseAddress(value)
}

// parse reads s by kind.
func (t *typed) parse(kind Kind, s string) (ok bool) {
	switch kind {
	case Number:
		t.number, ok = parseNumber(s)
	case Date:
		t.instant, ok = parseDate(s)
	case Epoch:
		t.instant, ok = parseDate(s)
		t.number = t.instant.number(s)
	case Bool:
		t.bool, ok = parseBool(s)
	case IP, StringOrIP:
		t.address, ok = parseAddress(s)
	case ARN:
		ok = isARN(s)
	case String, StringOrARN, Binary, Untyped:
		ok = true
	}
	return ok
}

// number returns t, which was read from s, as exact epoch seconds. Source:
// iam-semantics §3.5, §5.3.
func (t instant) number(s string) number {
	if n, ok := parseNumber(s); ok {
		return n
	}
	seconds, nanos := t.seconds, int64(t.nanos)
	if seconds < 0 && nanos > 0 { // the fraction counts up, a decimal's down
		seconds, nanos = seconds+1, int64(time.Second)-nanos
	}
	n := number{negative: t.seconds < 0, whole: strconv.FormatUint(uint64(max(seconds, -seconds)), 10)}
	if n.whole == "0" {
		n.whole = ""
	}
	if nanos > 0 {
		n.decimal = strings.TrimRight(fmt.Sprintf("%09d", nanos), "0")
	}
	return n
}

// parseBool reads true or false without regard to ASCII case. Source:
// iam-semantics §3.5; choice C8.
func parseBool(s string) (value, ok bool) {
	switch {
	case equalFoldASCII(s, "true"):
		return true, true
	case equalFoldASCII(s, "false"):
		return false, true
	}
	return false, false
}

// find returns the entry that k reads, nil when it is absent. It is ambiguous
// when several tag keys differ from k only by case and none is spelt like it.
func (c *Context) find(k *keyRef) (e *entry, ambiguous bool) {
	if k.id < 0 {
		return c.findTag(k)
	}
	if b := c.base; b != nil {
		if i := b.slots[k.id]; i != 0 {
			return &b.entries[i-1], false
		}
	}
	if i := c.slots[k.id]; i != 0 {
		return &c.entries[i-1], false
	}
	return nil, false
}

// findTag is find for a key that the registry does not list.
func (c *Context) findTag(k *keyRef) (e *entry, ambiguous bool) {
	if b := c.base; b != nil && b.dynamic > 0 {
		if e, ambiguous = b.findDynamic(k); e != nil || ambiguous {
			return e, ambiguous
		}
	}
	if c.dynamic > 0 {
		if e, ambiguous = c.findDynamic(k); e != nil || ambiguous {
			return e, ambiguous
		}
	}
	return nil, c.unreadable(k) || c.base != nil && c.base.unreadable(k)
}

// unreadable reports whether k is of a family that is indeterminate as a whole.
func (c *Context) unreadable(k *keyRef) bool {
	for _, family := range c.unread {
		if strings.HasPrefix(k.folded, family) {
			return true
		}
	}
	return false
}

// findDynamic implements the rule for tag keys: an exact hit wins; else the
// only one that differs by case; several are indeterminate. Source:
// iam-semantics §2.6.
func (c *Context) findDynamic(k *keyRef) (e *entry, ambiguous bool) {
	for i := range c.entries {
		x := &c.entries[i]
		if x.id >= 0 || x.hash != k.hash || x.folded != k.folded {
			continue
		}
		if x.name == k.name {
			return x, false
		}
		ambiguous = ambiguous || e != nil
		e = x
	}
	if ambiguous {
		return nil, true
	}
	return e, false
}

// State says how a key stands in a context. The zero value is Absent.
type State uint8

// The states of a key. Present includes a key without values.
const (
	Absent State = iota
	Present
	Indeterminate
)

// Value returns the values of key and how it stands. The slice must not be
// changed. A key that the vocabulary refuses is Absent.
func (c *Context) Value(key string) ([]string, State) {
	if c.vocabulary == nil {
		return nil, Absent
	}
	ref, err := c.vocabulary.resolve(key)
	if err != nil {
		return nil, Absent
	}
	return c.value(&ref)
}

// Described reports whether the context says of which account its principal
// is: aws:PrincipalAccount, which every signed request has.
func (c *Context) Described() bool {
	if c.vocabulary == nil {
		return false
	}
	id := c.vocabulary.account
	return id >= 0 && (c.slots[id] != 0 || c.base != nil && c.base.slots[id] != 0)
}

func (c *Context) value(k *keyRef) ([]string, State) {
	e, ambiguous := c.find(k)
	switch {
	case ambiguous:
		return nil, Indeterminate
	case e == nil:
		return nil, Absent
	case e.bad:
		return e.values, Indeterminate
	}
	return e.values, Present
}

// Readable reports whether nothing in the context is indeterminate: neither a
// key nor a family as a whole.
func (c *Context) Readable() bool {
	if len(c.unread) > 0 || c.base != nil && !c.base.Readable() {
		return false
	}
	for i := range c.entries {
		if c.entries[i].bad {
			return false
		}
	}
	return true
}

// All yields every key that is present, in the registry's spelling, with its
// values; those of the base first.
func (c *Context) All() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		if c.base != nil {
			for name, values := range c.base.All() {
				if !yield(name, values) {
					return
				}
			}
		}
		for i := range c.entries {
			e := &c.entries[i]
			if c.base != nil {
				if _, state := c.base.Value(e.name); state != Absent {
					continue
				}
			}
			if !yield(e.name, e.values) {
				return
			}
		}
	}
}
