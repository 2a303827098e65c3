package dynamoitem

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rewrite is an object of a body that is written anew: what is not changed
// stays byte by byte.
type rewrite struct {
	names  []string
	values []string
}

// rewrite begins with the object that p was read from.
func (o *Operation) rewrite(p *part) rewrite {
	var w rewrite
	for _, m := range p.members {
		w.set(m.name, string(o.body[m.raw.start:m.raw.end]))
	}
	return w
}

func (w *rewrite) place(name string) int {
	for i, n := range w.names {
		if n == name {
			return i
		}
	}
	return -1
}

// set gives a member a value, which is JSON.
func (w *rewrite) set(name, value string) {
	if i := w.place(name); i >= 0 {
		w.values[i] = value
		return
	}
	w.names, w.values = append(w.names, name), append(w.values, value)
}

func (w *rewrite) drop(name string) {
	if i := w.place(name); i >= 0 {
		w.names = append(w.names[:i:i], w.names[i+1:]...)
		w.values = append(w.values[:i:i], w.values[i+1:]...)
	}
}

func (w *rewrite) rename(name, to string) {
	if i := w.place(name); i >= 0 {
		w.names[i] = to
	}
}

// extend gives the member name, which is an object or is not there, a member
// that it does not have.
func (w *rewrite) extend(name, member, value string) {
	entry := "{" + quote(member) + ":" + value
	i := w.place(name)
	if i < 0 {
		w.set(name, entry+"}")
		return
	}
	rest := strings.TrimLeft(w.values[i][1:], " \t\r\n")
	if rest != "}" {
		entry += ","
	}
	w.values[i] = entry + rest
}

// clone returns what can be changed without changing w.
func (w *rewrite) clone() rewrite {
	return rewrite{append([]string(nil), w.names...), append([]string(nil), w.values...)}
}

func (w *rewrite) String() string {
	var b strings.Builder
	separator := byte('{')
	for i, name := range w.names {
		b.WriteByte(separator)
		b.WriteString(quote(name) + ":" + w.values[i])
		separator = ','
	}
	if separator == '{' {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.String()
}

// quote spells a text as JSON.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // a string has a spelling
		return `""`
	}
	return string(text)
}

// fresh is a placeholder that none of the request's is.
func (v *variables) fresh(first string) string {
	for i := 0; ; i++ {
		name := first + strconv.Itoa(i)
		_, isName := v.names[name]
		_, isValue := v.values[name]
		if !isName && !isValue {
			return name
		}
	}
}

// value spells the value of a key attribute of which context keys have that
// text. It is not ok if no value has it.
func (a *Attribute) value(text string) (raw string, ok bool) {
	switch a.Type {
	case "S":
		ok = text != "" && utf8.ValidString(text)
	case "N":
		canonical, number := CanonicalNumber(text)
		ok = number && canonical == text
	case "B":
		ok = text != "" && canonicalBase64(text)
	}
	return `{"` + a.Type + `":` + quote(text) + `}`, ok
}

// replace is the body of a batch with other objects for some of its tables, by
// their places.
func (o *Operation) replace(tables map[int]string) []byte {
	var b strings.Builder
	b.Write(o.body[:o.items.start])
	for i, p := range o.parts {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		b.WriteByte(separator)
		b.WriteString(quote(p.label) + ":")
		if text, ok := tables[i]; ok {
			b.WriteString(text)
		} else {
			b.Write(o.body[p.value.start:p.value.end])
		}
	}
	b.WriteByte('}')
	b.Write(o.body[o.items.end:])
	return []byte(b.String())
}

// Limit is how many items a Query or Scan looks at before its answer ends; 0 if
// it does not say.
func (o *Operation) Limit() int {
	if len(o.parts) != 1 || o.action() != "Query" && o.action() != "Scan" {
		return 0
	}
	m := o.parts[0].find("Limit")
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(o.body[m.raw.start:m.raw.end]))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// WithLimit returns the Query or Scan with another Limit, which is more than 0.
// Its checks are the same: no context key knows of Limit. Of another operation
// it returns o.
func (o *Operation) WithLimit(n int) (*Operation, error) {
	if n <= 0 || len(o.parts) != 1 || o.action() != "Query" && o.action() != "Scan" {
		return o, nil
	}
	w := o.rewrite(o.parts[0])
	w.set("Limit", strconv.Itoa(n))
	return Parse(o.scope, o.name, []byte(w.String()))
}

func (o *Operation) action() string { return o.spec.action }
