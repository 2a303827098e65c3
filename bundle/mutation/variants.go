package mutation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// variant is a document with one change.
type variant struct {
	statement *policy.Statement // as it was
	change    string
	document  *policy.Document
}

// weakener writes the variants of a document.
type weakener struct {
	document *policy.Document
	// known are values of context keys, by folded name, that policies and suites
	// have.
	known map[string][]string
	seen  map[string]bool
	out   []variant
}

// variants returns a document's variants, in the order of its statements.
func variants(d *policy.Document, known map[string][]string) []variant {
	w := &weakener{document: d, known: known, seen: map[string]bool{string(d.Print()): true}}
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Effect == policy.Deny {
			w.remove(i)
			w.deny(i)
		} else {
			w.allow(i)
		}
		w.flip(i)
	}
	return w.out
}

// add notes a variant, unless one is written alike.
func (w *weakener) add(i int, d *policy.Document, format string, args ...any) {
	if text := string(d.Print()); !w.seen[text] {
		w.seen[text] = true
		w.out = append(w.out, variant{&w.document.Statements[i], fmt.Sprintf(format, args...), d})
	}
}

// change notes the variant in which a statement is changed; its lists may be
// written to.
func (w *weakener) change(i int, change func(*policy.Statement), format string, args ...any) {
	d := *w.document
	d.Statements = slices.Clone(d.Statements)
	s := &d.Statements[i]
	s.Action.Values, s.Resource.Values, s.Conditions = slices.Clone(s.Action.Values), slices.Clone(s.Resource.Values), slices.Clone(s.Conditions)
	for j := range s.Conditions {
		s.Conditions[j].Values = slices.Clone(s.Conditions[j].Values)
	}
	change(s)
	w.add(i, &d, format, args...)
}

func (w *weakener) remove(i int) {
	d := *w.document
	d.Statements = slices.Delete(slices.Clone(d.Statements), i, i+1)
	w.add(i, &d, "the statement is removed")
}

func (w *weakener) flip(i int) {
	other := policy.Deny
	if w.document.Statements[i].Effect == policy.Deny {
		other = policy.Allow
	}
	w.change(i, func(s *policy.Statement) { s.Effect = other }, "Effect is %s", other)
}

// allow widens an Allow.
func (w *weakener) allow(i int) {
	s := &w.document.Statements[i]
	for j := range s.Conditions {
		c := &s.Conditions[j]
		w.change(i, func(s *policy.Statement) { s.Conditions = slices.Delete(s.Conditions, j, j+1) }, "the condition %s %s is removed", c.Operator.Value, c.Key.Value)
		w.weaken(i, j, widened(c))
		if strings.Contains(c.Operator.Value, "Not") {
			w.fewerValues(i, j)
		} else {
			w.moreValues(i, j)
		}
	}
	if s.Action.Not {
		w.fewer(i, "NotAction", len(s.Action.Values), func(s *policy.Statement) *policy.Element { return &s.Action })
	} else {
		w.wideActions(i)
	}
	if s.Resource.Not {
		w.fewer(i, "NotResource", len(s.Resource.Values), func(s *policy.Statement) *policy.Element { return &s.Resource })
	} else {
		w.wideResources(i)
	}
}

// deny narrows a Deny.
func (w *weakener) deny(i int) {
	s := &w.document.Statements[i]
	for j := range s.Conditions {
		c := &s.Conditions[j]
		w.weaken(i, j, narrowed(c))
		if strings.Contains(c.Operator.Value, "Not") {
			w.moreValues(i, j)
		} else {
			w.fewerValues(i, j)
		}
	}
	if !s.Action.Not {
		w.fewer(i, "Action", len(s.Action.Values), func(s *policy.Statement) *policy.Element { return &s.Action })
	}
	if !s.Resource.Not {
		w.fewer(i, "Resource", len(s.Resource.Values), func(s *policy.Statement) *policy.Element { return &s.Resource })
	}
}

// fewer takes each value of an element away, if it has several.
func (w *weakener) fewer(i int, name string, n int, of func(*policy.Statement) *policy.Element) {
	for j := 0; n > 1 && j < n; j++ {
		value := of(&w.document.Statements[i]).Values[j].Value
		w.change(i, func(s *policy.Statement) { e := of(s); e.Values = slices.Delete(e.Values, j, j+1) }, "%s lacks %q", name, value)
	}
}

// wideActions replaces the actions of a service by all of it.
func (w *weakener) wideActions(i int) {
	s := &w.document.Statements[i]
	var services []string
	for _, t := range s.Action.Values {
		if service, name, ok := strings.Cut(t.Value, ":"); ok && name != "*" && !slices.Contains(services, service) {
			services = append(services, service)
		}
	}
	for _, service := range services {
		w.change(i, func(s *policy.Statement) {
			first := slices.IndexFunc(s.Action.Values, func(t policy.Text) bool { return strings.HasPrefix(t.Value, service+":") })
			s.Action.Values[first].Value = service + ":*"
			s.Action.Values = slices.DeleteFunc(s.Action.Values, func(t policy.Text) bool { return strings.HasPrefix(t.Value, service+":") && t.Value != service+":*" })
		}, "Action is %q", service+":*")
	}
}

// wideResources lets each ARN go on, and takes any resource.
func (w *weakener) wideResources(i int) {
	s := &w.document.Statements[i]
	for j, t := range s.Resource.Values {
		if t.Value != "*" && !strings.HasSuffix(t.Value, "*") {
			w.change(i, func(s *policy.Statement) { s.Resource.Values[j].Value += "*" }, "Resource is %q", t.Value+"*")
		}
	}
	if len(s.Resource.Values) > 0 {
		w.change(i, func(s *policy.Statement) {
			s.Resource.Values = s.Resource.Values[:1]
			s.Resource.Values[0].Value = "*"
		}, `Resource is "*"`)
	}
}

// fewerValues takes each value of a condition away, if it has several.
func (w *weakener) fewerValues(i, j int) {
	c := &w.document.Statements[i].Conditions[j]
	for k := 0; len(c.Values) > 1 && k < len(c.Values); k++ {
		w.change(i, func(s *policy.Statement) { s.Conditions[j].Values = slices.Delete(s.Conditions[j].Values, k, k+1) },
			"%s %s lacks %q", c.Operator.Value, c.Key.Value, c.Values[k].Value)
	}
}

// moreValues adds values that the key has elsewhere.
func (w *weakener) moreValues(i, j int) {
	c := &w.document.Statements[i].Conditions[j]
	if _, base, _ := operatorParts(c.Operator.Value); base == "Null" || base == "Bool" {
		return
	}
	const most = 2
	added := 0
	for _, value := range w.known[strings.ToLower(c.Key.Value)] {
		if added == most || slices.ContainsFunc(c.Values, func(v policy.Value) bool { return v.Value == value }) {
			continue
		}
		added++
		w.change(i, func(s *policy.Statement) {
			x := &s.Conditions[j]
			x.Values = append(x.Values, policy.Value{Text: policy.Text{Value: value, Pos: x.Values[0].Pos}})
		}, "%s %s has %q too", c.Operator.Value, c.Key.Value, value)
	}
}

// rewrite is another way to write a condition.
type rewrite struct {
	operator string
	value    func(string) string // nil leaves values alone
	change   string
}

// weaken notes the variants of a condition.
func (w *weakener) weaken(i, j int, all []rewrite) {
	c := &w.document.Statements[i].Conditions[j]
	for _, r := range all {
		w.change(i, func(s *policy.Statement) {
			x := &s.Conditions[j]
			x.Operator.Value = r.operator
			for k := range x.Values {
				if r.value != nil {
					x.Values[k].Value = r.value(x.Values[k].Value)
				}
			}
		}, "%s %s %s", c.Operator.Value, c.Key.Value, r.change)
	}
}

// operatorParts takes an operator apart.
func operatorParts(operator string) (quantifier, base string, ifExists bool) {
	if before, after, ok := strings.Cut(operator, ":"); ok {
		quantifier, operator = before+":", after
	}
	base, ifExists = strings.CutSuffix(operator, "IfExists")
	return quantifier, base, ifExists
}

var otherQuantifiers = map[string]string{"ForAllValues:": "ForAnyValue:", "ForAnyValue:": "ForAllValues:"}

// quantified is the condition with the other quantifier.
func quantified(quantifier, rest string) []rewrite {
	other, ok := otherQuantifiers[quantifier]
	if !ok {
		return nil
	}
	return []rewrite{{other + rest, nil, "is " + other + rest}}
}

// widened are weaker conditions of an Allow.
func widened(c *policy.Condition) []rewrite {
	quantifier, base, ifExists := operatorParts(c.Operator.Value)
	suffix := ""
	if ifExists {
		suffix = "IfExists"
	}
	out := quantified(quantifier, base+suffix)
	if quantifier == "" && !ifExists && base != "Null" {
		out = append(out, rewrite{base + "IfExists", nil, "is " + base + "IfExists"})
	}
	star := func(s string) string { return strings.TrimSuffix(s, "*") + "*" }
	switch base {
	case "StringEquals", "StringLike":
		out = append(out, rewrite{quantifier + "StringLike" + suffix, star, "is StringLike with * at the end"})
	case "NumericLessThan", "NumericGreaterThan", "DateLessThan", "DateGreaterThan":
		out = append(out, rewrite{quantifier + base + "Equals" + suffix, nil, "is " + base + "Equals"})
	case "IpAddress":
		out = append(out, rewrite{quantifier + base + suffix, wider, "takes networks of twice the size"})
	}
	return out
}

// wider is the network that holds one and its neighbour.
func wider(network string) string {
	p, err := netip.ParsePrefix(network)
	if err != nil {
		a, err := netip.ParseAddr(network)
		if err != nil {
			return network
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Bits() == 0 {
		return network
	}
	return netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked().String()
}

// narrowed are stronger conditions of a Deny, which then denies less.
func narrowed(c *policy.Condition) []rewrite {
	quantifier, base, ifExists := operatorParts(c.Operator.Value)
	suffix := ""
	if ifExists {
		suffix = "IfExists"
	}
	out := quantified(quantifier, base+suffix)
	if ifExists {
		out = append(out, rewrite{quantifier + base, nil, "is " + quantifier + base})
	}
	switch base {
	case "StringLike":
		out = append(out, rewrite{quantifier + base + suffix, func(s string) string { return strings.TrimSuffix(s, "*") }, "has no * at the end"})
	case "StringNotEquals", "StringNotLike":
		star := func(s string) string { return strings.TrimSuffix(s, "*") + "*" }
		out = append(out, rewrite{quantifier + "StringNotLike" + suffix, star, "is StringNotLike with * at the end"})
	case "NumericLessThanEquals", "NumericGreaterThanEquals", "DateLessThanEquals", "DateGreaterThanEquals":
		out = append(out, rewrite{quantifier + strings.TrimSuffix(base, "Equals") + suffix, nil, "is " + strings.TrimSuffix(base, "Equals")})
	case "NotIpAddress":
		out = append(out, rewrite{quantifier + base + suffix, wider, "spares networks of twice the size"})
	}
	return out
}
