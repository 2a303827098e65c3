package rowproof

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// variation is what the policies of a bundle read beside the keys of rows, and
// what they want of it.
type variation struct {
	*rand.Rand
	keys  []string // in the order in which they come up
	texts map[string][]string
	all   []string
}

// newVariation reads the documents of a bundle.
func newVariation(r *rand.Rand, b *bundle.Bundle) *variation {
	v := &variation{Rand: r, texts: map[string][]string{}}
	for _, d := range b.Policies() {
		for i := range d.Statements {
			v.statement(&d.Statements[i])
		}
	}
	return v
}

func (v *variation) statement(s *policy.Statement) {
	for _, c := range s.Conditions {
		key := strings.ToLower(c.Key.Value)
		v.reads(key)
		for _, value := range c.Values {
			v.texts[key] = append(v.texts[key], value.Value)
			v.all = append(v.all, value.Value)
			v.variables(value.Value)
		}
	}
	for _, r := range s.Resource.Values {
		v.variables(r.Value)
	}
}

// variables notes the policy variables of a text.
func (v *variation) variables(s string) {
	for {
		_, after, found := strings.Cut(s, "${")
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			return
		}
		name, _, _ = strings.Cut(name, ",")
		v.reads(strings.ToLower(strings.TrimSpace(name)))
		s = rest
	}
}

func (v *variation) reads(key string) {
	if strings.Contains(key, ":") && !slices.Contains(v.keys, key) {
		v.keys = append(v.keys, key)
	}
}

// fixed reports whether a key must stay as it is: it says who the principal is,
// or belongs to rows.
func fixed(key string) bool {
	return strings.HasPrefix(key, "aws:principal") && !strings.HasPrefix(key, "aws:principaltag/") ||
		key == strings.ToLower(leadingKeys) || strings.HasSuffix(key, "partitionkeyvalues")
}

// apply gives a case its texts; with vary it changes some of the keys that the
// policies read beside those of rows.
func (v *variation) apply(c *Case, vary bool) error {
	x := c.Request.Context
	if vary {
		for _, key := range v.keys {
			if fixed(key) || v.IntN(3) > 0 || slices.ContainsFunc(c.Keys, func(k sqlrow.Column) bool { return strings.EqualFold(k.Key, key) }) {
				continue
			}
			// What is not of the key's kind makes it indeterminate, as it would be.
			if err := x.Set(key, v.values(x, key)...); err != nil && !errors.Is(err, conditions.ErrValue) {
				return err
			}
		}
	}
	for _, key := range c.Keys {
		c.Texts = append(c.Texts, v.texts[strings.ToLower(key.Key)]...)
		if key.Key == leadingKeys {
			c.Texts = append(c.Texts, v.texts["dynamodb:firstpartitionkeyvalues"]...)
		}
	}
	return nil
}

// values are those of a key that is no row's: what the policies want, or what
// they do not.
func (v *variation) values(x *conditions.Context, key string) []string {
	count := 1
	if k, err := x.Vocabulary().Key(key); err == nil && k.List {
		count = v.IntN(4)
	}
	wanted := v.texts[key]
	out := make([]string, count)
	for i := range out {
		switch n := v.IntN(8); {
		case n < 6 && len(wanted) > 0:
			out[i] = resolved(pick(v.Rand, wanted...), x)
		case n == 6 && len(v.all) > 0:
			out[i] = pick(v.Rand, v.all...)
		default:
			out[i] = pick(v.Rand, boundary...)
		}
	}
	return out
}
