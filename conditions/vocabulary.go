package conditions

import (
	"fmt"
	"strings"
	"sync"
)

// Vocabulary is the set of context keys and condition operators that policies
// may name. It is immutable and safe for concurrent use. A compiled condition
// reads only contexts of the vocabulary that compiled it.
type Vocabulary struct {
	keys []Key            // by id; no families
	ids  map[string]int32 // by registered and by folded name
	// names holds the registered spellings in the order of keys: contexts are
	// filled with these.
	names    textSet
	families []keyFamily
	owned    []string // folded prefixes under which an unknown name is an error
	custom   map[string]Operator
	account  int32 // the id of aws:PrincipalAccount, negative if there is none
}

// AWS returns the vocabulary of the IAM language: every operator, the global
// keys, those of federation, DynamoDB, S3, STS and SAML, and the tag families.
// Every call returns the same value.
func AWS() *Vocabulary { return aws() }

var aws = sync.OnceValue(func() *Vocabulary {
	v, err := new(Vocabulary).With(awsKeys)
	if err != nil {
		// The table is a constant; a test holds it right. A vocabulary without
		// keys refuses every policy.
		return &Vocabulary{owned: ownedPrefixes, account: -1}
	}
	v.owned = ownedPrefixes
	return v
})

// With returns a vocabulary that knows keys and ops as well. It refuses a key
// or an operator that v knows already and a malformed name. Contexts and
// conditions of v do not mix with those of the result.
func (v *Vocabulary) With(keys []Key, ops ...Operator) (*Vocabulary, error) {
	w := &Vocabulary{
		keys:     append([]Key(nil), v.keys...),
		ids:      make(map[string]int32, 2*(len(v.keys)+len(keys))),
		families: append([]keyFamily(nil), v.families...),
		owned:    v.owned,
		custom:   make(map[string]Operator, len(v.custom)+len(ops)),
	}
	for name, id := range v.ids {
		w.ids[name] = id
	}
	for name, op := range v.custom {
		w.custom[name] = op
	}
	for _, k := range keys {
		if err := w.add(k); err != nil {
			return nil, err
		}
	}
	w.nameKeys()
	w.account = -1
	if id, ok := w.ids["aws:PrincipalAccount"]; ok {
		w.account = id
	}
	for _, op := range ops {
		if op.Name == "" || op.Compile == nil {
			return nil, fmt.Errorf("operator %q: want a name and a Compile function", op.Name)
		}
		if _, err := parseOperator(op.Name); err == nil || w.custom[op.Name].Compile != nil {
			return nil, fmt.Errorf("operator %q is known already", op.Name)
		}
		w.custom[op.Name] = op
	}
	return w, nil
}

// nameKeys builds names from keys. If it cannot, resolve serves alone.
func (v *Vocabulary) nameKeys() {
	texts := make([]string, len(v.keys))
	for i := range v.keys {
		texts[i] = v.keys[i].Name
	}
	v.names, _ = newTextSet(texts)
}

func (v *Vocabulary) add(k Key) error {
	if colon := strings.IndexByte(k.Name, ':'); colon <= 0 || len(k.Name) > maxKeyName || k.Kind > Untyped {
		return fmt.Errorf("%w %q: want prefix:name", ErrKeyName, k.Name)
	}
	folded := fold(k.Name)
	if k.family() {
		for _, f := range v.families {
			if f.folded == folded {
				return fmt.Errorf("context key family %q is known already", k.Name)
			}
		}
		v.families = append(v.families, keyFamily{k, folded})
		return nil
	}
	if _, ok := v.ids[folded]; ok {
		return fmt.Errorf("context key %q is known already", k.Name)
	}
	id := int32(len(v.keys))
	v.keys = append(v.keys, k)
	v.ids[folded], v.ids[k.Name] = id, id
	return nil
}

// Key describes the key that name means, in the registry's spelling; a
// family's name keeps the tag key as written. It wraps ErrKeyName and
// ErrUnknownKey. A key of kind Untyped is one that the registry does not know
// under a prefix that it does not own.
func (v *Vocabulary) Key(name string) (Key, error) {
	ref, err := v.resolve(name)
	if err != nil {
		return Key{}, err
	}
	return Key{Name: ref.name, Kind: ref.kind, List: ref.list}, nil
}

// Keys returns the registered keys and families, in the order of the
// registry. The caller owns the slice.
func (v *Vocabulary) Keys() []Key {
	keys := append([]Key(nil), v.keys...)
	for _, f := range v.families {
		keys = append(keys, f.Key)
	}
	return keys
}
