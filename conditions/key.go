package conditions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is the type of a context key's values.
type Kind uint8

// The kinds of values. Source: Service Authorization Reference, "condition
// keys" types; iam-semantics §5.3.
const (
	// String takes any text.
	String Kind = iota
	// Number takes an exact decimal.
	Number
	// Date takes an instant in W3C form or as epoch seconds.
	Date
	// Epoch is a Date that Numeric operators may read too: aws:EpochTime.
	Epoch
	// Bool takes true or false in any case.
	Bool
	// IP takes one IPv4 or IPv6 address.
	IP
	// StringOrIP is an IP that String operators may read: AWS compares
	// aws:Ec2InstanceSourcePrivateIPv4 with a policy variable.
	StringOrIP
	// ARN takes an Amazon resource name of six parts; String operators may
	// read it.
	ARN
	// StringOrARN takes any text; Arn operators may read it.
	StringOrARN
	// Binary takes any bytes.
	Binary
	// Untyped is the kind of a key that the registry does not know, under a
	// prefix that it does not own: every operator may read it, and a value
	// that does not parse under the operator's type makes it indeterminate.
	Untyped
)

var kindNames = [...]string{"string", "number", "date", "date or number", "bool", "IP address", "string or IP address", "ARN", "string or ARN", "binary", "untyped"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", k)
}

// Key describes a context key.
type Key struct {
	// Name is the registered spelling, such as "aws:SourceIp". Names compare
	// case-insensitively. A name that ends in "/" or ":" registers a family,
	// such as "aws:PrincipalTag/".
	Name string
	Kind Kind
	// List is true for a key whose declared type is ArrayOf…, whatever number
	// of values it has today: it needs a quantifier.
	List bool
}

// keyFamily is a registered prefix with its folded name.
type keyFamily struct {
	Key
	folded string
}

func (k Key) family() bool { return strings.HasSuffix(k.Name, "/") || strings.HasSuffix(k.Name, ":") }

// Errors that callers of this package may branch on.
var (
	// ErrUnknownKey means a name under a prefix that the registry owns and
	// does not hold. A misspelt key under ForAllValues would allow everything.
	ErrUnknownKey = errors.New("unknown context key")
	// ErrKeyName means a text that cannot name a context key at all.
	ErrKeyName = errors.New("malformed context key")
	// ErrValue means a value that is not of its key's kind; the key is then
	// indeterminate.
	ErrValue = errors.New("context value is not of its key's kind")
)

// maxKeyName bounds the length of a key's name, tag key included.
const maxKeyName = 512

// keyRef is a key resolved once, so that no name is compared when asked.
type keyRef struct {
	id   int32 // index into Vocabulary.keys; for dynamic keys -1
	kind Kind
	list bool
	hash uint64 // of folded, for dynamic keys
	// name is the registry's spelling, or a family's with the tag as written,
	// or as written.
	name   string
	folded string // for dynamic keys
}

// resolve finds the key that name means. Unknown names under an owned prefix
// are refused; under any other prefix they are untyped strings.
func (v *Vocabulary) resolve(name string) (keyRef, error) {
	if id, ok := v.ids[name]; ok {
		return v.static(id), nil
	}
	if len(name) > maxKeyName {
		return keyRef{}, fmt.Errorf("%w: longer than %d bytes", ErrKeyName, maxKeyName)
	}
	folded := fold(name)
	if id, ok := v.ids[folded]; ok {
		return v.static(id), nil
	}
	colon := strings.IndexByte(folded, ':')
	if colon <= 0 || colon == len(folded)-1 || strings.ContainsAny(folded[:colon], " \t\r\n") {
		return keyRef{}, fmt.Errorf("%w %q: want prefix:name", ErrKeyName, name)
	}
	if strings.Contains(folded, "${") {
		return keyRef{}, fmt.Errorf("%w %q: a name takes no policy variable", ErrKeyName, name)
	}
	ref := keyRef{id: -1, name: name, folded: folded, hash: hash(folded)}
	for _, f := range v.families {
		rest, ok := strings.CutPrefix(folded, f.folded)
		if ok && rest != "" {
			ref.kind, ref.list = f.Kind, f.List
			if n := foldPrefix(name, f.Name); n > 0 {
				ref.name = f.Name + name[n:]
			}
			return ref, nil
		}
		if ok || folded == f.folded[:len(f.folded)-1] {
			return keyRef{}, fmt.Errorf("%w %q: no tag key, want %s<key>", ErrKeyName, name, f.Name)
		}
	}
	if slices.Contains(v.owned, folded[:colon]) {
		return keyRef{}, fmt.Errorf("%w %q%s", ErrUnknownKey, name, v.suggest(folded))
	}
	ref.kind = Untyped
	if host, claim, ok := cutLast(folded, ':'); ok && strings.Contains(host, ".") {
		ref.kind, ref.list = issuerKey(claim)
	}
	return ref, nil
}

// family returns the folded prefix of the registered family that name means in
// full, such as "aws:ResourceTag/".
func (v *Vocabulary) family(name string) (folded string, ok bool) {
	folded = fold(name)
	for _, f := range v.families {
		if f.folded == folded {
			return folded, true
		}
	}
	return "", false
}

// issuerKey gives the type of a claim of an OIDC issuer that is not built in.
// Source: iam-semantics §5.4; choice C27.
func issuerKey(claim string) (k Kind, list bool) {
	switch claim {
	case "sub", "aud":
		return String, false
	case "amr":
		return String, true
	}
	return Untyped, false
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func (v *Vocabulary) static(id int32) keyRef {
	k := v.keys[id]
	return keyRef{id: id, kind: k.Kind, list: k.List, name: k.Name}
}

// suggest names the registered key that differs least from folded, if one is
// near enough to be meant.
func (v *Vocabulary) suggest(folded string) string {
	best, bestName := 4, ""
	for _, k := range v.keys {
		if d := editDistance(folded, fold(k.Name), best); d < best {
			best, bestName = d, k.Name
		}
	}
	if bestName == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", bestName)
}

// editDistance counts the single-byte edits between a and b, at most limit.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return min(row[len(b)], limit)
}

// hash is FNV-1a; it only speeds up a comparison that follows it.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
