package policy

import "strings"

// Print returns the document in canonical form: two spaces of indent, members
// in the order of the grammar, a single value as a string, statements always
// as an array. Parsing it again gives a document of the same meaning, and
// printing that the same text.
func (d *Document) Print() []byte {
	w := &printer{}
	w.open("{")
	if d.Version.Value != "" {
		w.member("Version")
		w.quote(d.Version.Value)
	}
	if d.HasID {
		w.member("Id")
		w.quote(d.ID.Value)
	}
	w.member("Statement")
	w.open("[")
	for i := range d.Statements {
		w.next()
		w.statement(&d.Statements[i])
	}
	w.close("]")
	w.close("}")
	w.WriteByte('\n')
	return []byte(w.String())
}

// printer writes JSON. first is true until the open object or array has a
// member.
type printer struct {
	strings.Builder
	depth int
	first bool
}

func (w *printer) open(bracket string) {
	w.WriteString(bracket)
	w.depth++
	w.first = true
}

func (w *printer) close(bracket string) {
	w.depth--
	w.newline()
	w.WriteString(bracket)
	w.first = false
}

func (w *printer) newline() {
	w.WriteByte('\n')
	for range w.depth {
		w.WriteString("  ")
	}
}

func (w *printer) next() {
	if !w.first {
		w.WriteByte(',')
	}
	w.first = false
	w.newline()
}

func (w *printer) member(name string) {
	w.next()
	w.quote(name)
	w.WriteString(": ")
}

// quote writes a JSON string; only what JSON forbids is escaped.
func (w *printer) quote(s string) {
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r == '\n':
			w.WriteString(`\n`)
		case r == '\t':
			w.WriteString(`\t`)
		case r < ' ':
			w.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

// list writes one text as it is and several as an array; a long list has a
// line for each.
func (w *printer) list(n int, write func(i int)) {
	if n == 1 {
		write(0)
		return
	}
	w.open("[")
	for i := range n {
		w.next()
		write(i)
	}
	w.close("]")
}

func (w *printer) statement(s *Statement) {
	w.open("{")
	if s.Sid.Value != "" {
		w.member("Sid")
		w.quote(s.Sid.Value)
	}
	w.member("Effect")
	w.quote(s.Effect.String())
	if s.Principal != nil {
		w.principal(s.Principal)
	}
	w.element("Action", &s.Action)
	if len(s.Resource.Values) > 0 {
		w.element("Resource", &s.Resource)
	}
	if len(s.Conditions) > 0 {
		w.conditions(s.Conditions)
	}
	w.close("}")
}

func (w *printer) element(name string, e *Element) {
	if e.Not {
		name = "Not" + name
	}
	w.member(name)
	w.list(len(e.Values), func(i int) { w.quote(e.Values[i].Value) })
}

func (w *printer) principal(p *Principal) {
	if p.Not {
		w.member("NotPrincipal")
	} else {
		w.member("Principal")
	}
	if p.Everyone {
		w.quote("*")
		return
	}
	w.open("{")
	for t := PrincipalAWS; t <= PrincipalCanonicalUser; t++ {
		var entries []string
		for _, e := range p.Entries {
			if e.Type == t {
				entries = append(entries, e.Value)
			}
		}
		if len(entries) > 0 {
			w.member(t.String())
			w.list(len(entries), func(i int) { w.quote(entries[i]) })
		}
	}
	w.close("}")
}

func (w *printer) conditions(all []Condition) {
	w.member("Condition")
	w.open("{")
	for i := range all {
		c := &all[i]
		if i == 0 || all[i-1].Operator != c.Operator {
			if i > 0 {
				w.close("}")
			}
			w.member(c.Operator.Value)
			w.open("{")
		}
		w.member(c.Key.Value)
		w.list(len(c.Values), func(i int) {
			if v := c.Values[i]; v.Kind == StringValue {
				w.quote(v.Value)
			} else {
				w.WriteString(v.Value)
			}
		})
	}
	w.close("}")
	w.close("}")
}
