package sqlrow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
)

// speak collects the texts that the policies speak of, the database's too.
func (w *witness) speak() {
	for _, p := range w.live {
		for _, expression := range []*string{p.using, p.check} {
			if expression == nil {
				continue
			}
			for i, part := range strings.Split(*expression, "'") {
				if i%2 == 1 && len(part) < 1000 {
					w.texts = append(w.texts, part)
				}
			}
		}
	}
	for _, documents := range w.security.Policies {
		for _, d := range documents {
			for _, s := range d.Statements {
				for _, c := range s.Conditions {
					for _, v := range c.Values {
						w.texts = append(w.texts, v.Value)
					}
				}
			}
		}
	}
	w.texts = append(w.texts, "alice", "bob", "a%b", "a_b", "a|b", "0", "1", "10")
	for range 4 {
		variables := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(w.security.Variables)) {
			for variables[key] == "" || !PostgreSQL.storable(variables[key]) {
				variables[key] = w.near(w.texts[w.rand.IntN(len(w.texts))], nil)
			}
		}
		w.sessions = append(w.sessions, variables)
	}
}

// near is a text as it is or near it, with policy variables replaced by what a
// session has, or by something.
func (w *witness) near(s string, session map[string]string) string {
	for range 8 {
		before, after, variable := strings.Cut(s, "${")
		if !variable {
			break
		}
		name, after, _ := strings.Cut(after, "}")
		value, ok := session[name]
		if !ok {
			value = w.texts[w.rand.IntN(len(w.texts))]
		}
		s = before + value + after
	}
	switch w.rand.IntN(12) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return s + " "
	case 2:
		return s + "x"
	case 3:
		return ""
	case 4, 5, 6:
		return strings.NewReplacer("*", "q", "?", "é").Replace(s)
	}
	return s
}

// row is a witness: by column what one of the statements asks for, and anything
// in the others.
func (w *witness) row() map[string]any {
	out := map[string]any{}
	session := w.sessions[w.rand.IntN(len(w.sessions))]
	for i := range w.security.Table.Columns {
		c := &w.security.Table.Columns[i]
		out[c.Name] = nil
		for range 20 {
			if v, ok := w.value(c, w.near(w.texts[w.rand.IntN(len(w.texts))], session)); ok {
				out[c.Name] = v
				break
			}
		}
	}
	documents := slices.Concat(w.security.Policies...)
	d := documents[w.rand.IntN(len(documents))]
	for _, x := range d.Statements[w.rand.IntN(len(d.Statements))].Conditions {
		c, ok := w.security.Table.column(x.Key.Value)
		if !ok {
			continue
		}
		if v, ok := w.value(c, w.near(x.Values[w.rand.IntN(len(x.Values))].Value, session)); ok {
			out[c.Name] = v
		}
	}
	if n := w.rand.IntN(3 * len(w.security.Table.Columns)); n < len(w.security.Table.Columns) {
		out[w.security.Table.Columns[n].Name] = nil
	}
	return out
}

// value makes of a text what a column can hold, or near it.
func (w *witness) value(c *Column, s string) (v any, ok bool) {
	switch c.Type {
	case Text:
		return s, PostgreSQL.storable(s)
	case Integer:
		n, ok := wholeNumber(s)
		return n + int64(w.rand.IntN(3)) - 1, ok
	case Decimal:
		return readDecimal(s)
	case Bool:
		return strings.EqualFold(s, "true") != (w.rand.IntN(4) == 0), true
	case Bytes:
		return []byte(s), true
	case Timestamp, TimestampTZ:
		t, err := time.Parse(time.RFC3339, s)
		return t.UTC().Add(time.Duration(w.rand.IntN(3)-1) * time.Microsecond), err == nil
	case UUID:
		return s, isUUID(s)
	case TextArray:
		list := []string{s}
		for range w.rand.IntN(3) {
			list = append(list, w.texts[w.rand.IntN(len(w.texts))])
		}
		return list, !slices.ContainsFunc(list, func(s string) bool { return !PostgreSQL.storable(s) })
	}
	return nil, false
}

// fill inserts the witnesses.
func (w *witness) fill(ctx context.Context, table string, rows int) error {
	columns := []string{"rowan_witness"}
	for _, c := range w.security.Table.Columns {
		if !slices.Contains(columns, c.Name) { // two keys may share one
			columns = append(columns, c.Name)
		}
	}
	var failed int
	var last error
	for n := range rows {
		b := &builder{dialect: PostgreSQL}
		b.write("INSERT INTO ", table, " (")
		b.names(columns)
		b.write(") VALUES (")
		b.value(n)
		row := w.row()
		for _, name := range columns[1:] {
			b.write(", ")
			b.value(row[name])
		}
		b.write(")")
		s, err := b.statement(Unfiltered)
		if err != nil {
			return err
		}
		// A value may be too long for its column; another witness will do.
		err = w.conn.Atomic(ctx, func(c Conn) error {
			_, err := c.Exec(ctx, s)
			return err
		})
		if err != nil {
			failed, last = failed+1, err
		}
	}
	if failed > rows/2 {
		return fmt.Errorf("witnesses: %w", last)
	}
	return nil
}

// read returns what each witness has for each key.
func (w *witness) read(ctx context.Context, t *Table) (map[int][]conditions.Value, error) {
	out := map[int][]conditions.Value{}
	b := &builder{dialect: PostgreSQL}
	b.write("SELECT rowan_witness")
	for i := range t.Columns {
		b.write(", ", t.Columns[i].Read(PostgreSQL))
	}
	b.write(" FROM ", t.qualified(PostgreSQL))
	s, err := b.statement(Unfiltered)
	if err != nil {
		return nil, err
	}
	err = w.conn.Query(ctx, s, func(scan func(into ...any) error) error {
		n := 0
		raw, into := make([]any, len(t.Columns)), make([]any, 0, len(t.Columns)+1)
		into = append(into, &n)
		for i := range raw {
			into = append(into, &raw[i])
		}
		if err := scan(into...); err != nil {
			return err
		}
		row := make([]conditions.Value, len(t.Columns))
		for i := range row {
			row[i] = t.Columns[i].Value(PostgreSQL, raw[i])
		}
		out[n] = row
		return nil
	})
	return out, err
}
