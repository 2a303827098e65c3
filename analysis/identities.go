package analysis

import (
	"context"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// secondPrefix begins the names of the second identity's keys.
const secondPrefix = "second."

// Meeting is two requests for one resource by two identities.
type Meeting struct {
	Answer
	// First and Second are requests of one action on one resource, by different
	// identities, if the verdict is Found.
	First, Second *Witness
}

// Meet looks for something that two identities both reach: one action, one
// resource and the same values of all keys but those of the identities, of which
// the first is what tells them apart. Source: analysis A4.6, A9 J.
func Meet(ctx context.Context, q *Question, keys []string) (*Meeting, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no key tells the identities apart", ErrQuestion)
	}
	second := make(map[string]string, len(keys))
	for _, k := range keys {
		second[keyName(k)] = secondPrefix + k
	}
	apart, err := policy.Parse("identities", fmt.Appendf(nil, `{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Action": "*", "Resource": "*",
  "Condition": {"StringNotEquals": {%q: "${%s}"}, "Null": {%q: "false", %q: "false"}}}]}`,
		secondPrefix+keys[0], keys[0], keys[0], secondPrefix+keys[0]))
	if err != nil {
		return nil, err
	}
	x := *q
	other := renamedPolicies(q.By, second)
	x.And = append([]*Policies{other, {Identity: []*policy.Document{apart}}}, q.And...)
	x.Needed = q.Needed
	for _, k := range q.Needed {
		if name, ok := second[keyName(k)]; ok {
			x.Needed = append(x.Needed[:len(x.Needed):len(x.Needed)], name)
		}
	}
	x.Formats = map[string]string{}
	for k, format := range q.Formats {
		x.Formats[k] = format
		if name, ok := second[keyName(k)]; ok {
			x.Formats[name] = format
		}
	}
	a, err := Search(ctx, &x)
	if err != nil {
		return nil, err
	}
	out := &Meeting{Answer: *a}
	if a.Verdict == Found {
		out.First, out.Second = halves(a.Witness, keys)
	}
	return out, nil
}

// halves takes a request of two identities apart.
func halves(w *Witness, keys []string) (first, second *Witness) {
	a, b := *w, *w
	a.Context, b.Context = map[string][]string{}, map[string][]string{}
	own := func(name string) bool {
		for _, k := range keys {
			if keyName(k) == keyName(name) {
				return true
			}
		}
		return false
	}
	for name, values := range w.Context {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), secondPrefix); ok && own(rest) {
			b.Context[name[len(secondPrefix):]] = values
			continue
		}
		a.Context[name] = values
		if !own(name) {
			b.Context[name] = values
		}
	}
	return &a, &b
}

func renamedPolicies(p *Policies, names map[string]string) *Policies {
	out := &Policies{
		Identity: renamedAll(p.Identity, names), Boundary: renamedAll(p.Boundary, names),
		Session: renamedAll(p.Session, names), Endpoint: renamedAll(p.Endpoint, names),
	}
	if p.Resource != nil {
		out.Resource = renamed(p.Resource, names)
	}
	for _, l := range p.ServiceControl {
		out.ServiceControl = append(out.ServiceControl, renamedAll(l, names))
	}
	for _, l := range p.ResourceControl {
		out.ResourceControl = append(out.ResourceControl, renamedAll(l, names))
	}
	return out
}

func renamedAll(docs []*policy.Document, names map[string]string) []*policy.Document {
	if docs == nil {
		return nil
	}
	out := make([]*policy.Document, len(docs))
	for i, d := range docs {
		out[i] = renamed(d, names)
	}
	return out
}

// renamed returns the document with other names for keys, in conditions and in
// policy variables.
func renamed(d *policy.Document, names map[string]string) *policy.Document {
	out := *d
	out.Statements = make([]policy.Statement, len(d.Statements))
	for i := range d.Statements {
		s := d.Statements[i]
		s.Resource.Values = append([]policy.Text(nil), s.Resource.Values...)
		for j := range s.Resource.Values {
			s.Resource.Values[j].Value = renamedText(s.Resource.Values[j].Value, d.Variables(), names)
		}
		s.Conditions = append([]policy.Condition(nil), s.Conditions...)
		for j := range s.Conditions {
			c := &s.Conditions[j]
			if name, ok := names[keyName(c.Key.Value)]; ok {
				c.Key.Value = name
			}
			c.Values = append([]policy.Value(nil), c.Values...)
			for k := range c.Values {
				c.Values[k].Value = renamedText(c.Values[k].Value, d.Variables(), names)
			}
		}
		out.Statements[i] = s
	}
	return &out
}

// renamedText renames the keys of the policy variables in a text.
func renamedText(text string, variables bool, names map[string]string) string {
	if !variables {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexAny(rest, ",}")
		if end < 0 {
			b.WriteString("${" + rest)
			return b.String()
		}
		name := rest[:end]
		if other, ok := names[keyName(name)]; ok {
			name = other
		}
		b.WriteString("${" + name)
		text = rest[end:]
	}
}
