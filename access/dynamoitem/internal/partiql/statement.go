// Package partiql reads and prints the part of PartiQL that DynamoDB takes:
// one SELECT, INSERT, UPDATE or DELETE, or in transactions EXISTS. It knows
// syntax and nothing of tables, values or policies, and refuses what it does
// not know: aliases, joins, comments, expressions of Ion, other functions.
// Source: DynamoDB Developer Guide, "PartiQL: a SQL-compatible query language
// for Amazon DynamoDB".
package partiql

import (
	"fmt"
	"strconv"
	"strings"
)

// Verb is what a statement does. The zero value is none.
type Verb uint8

// The verbs. Exists is a SELECT in EXISTS(…).
const (
	Select Verb = iota + 1
	Insert
	Update
	Delete
	Exists
)

func (v Verb) String() string {
	names := [...]string{"", "SELECT", "INSERT", "UPDATE", "DELETE", "EXISTS"}
	if int(v) < len(names) {
		return names[v]
	}
	return "Verb(" + strconv.Itoa(int(v)) + ")"
}

// Statement is one statement. It is not changed once it is read.
type Statement struct {
	Verb Verb
	// Table is as written, without quotes. Index is empty if none is named;
	// only a SELECT names one.
	Table, Index string
	// Columns of a SELECT; none is *.
	Columns []*Node
	// Where is nil if there is no such clause.
	Where *Node
	Order []Order
	// Item is the tuple of an INSERT.
	Item *Node
	// Changes are those of an UPDATE.
	Changes []Change
	// Returning is ALL OLD, MODIFIED OLD, ALL NEW or MODIFIED NEW, or empty.
	Returning string
	// Parameters is how many ? the statement has.
	Parameters int
}

// Order is a key of ORDER BY.
type Order struct {
	Path *Node
	// Direction is ASC, DESC or empty.
	Direction string
}

// Change is a SET, or a REMOVE if Value is nil.
type Change struct{ Path, Value *Node }

// Kind is what a node is. The zero value is none.
type Kind uint8

// The kinds of nodes. Those up to Tuple are operands; the others, and calls of
// begins_with, contains and attribute_type, are conditions.
const (
	// Path is a document path: Node.Path.
	Path Kind = iota + 1
	// Text, Number and Word are literals, in Node.Text: a string without its
	// quotes, digits with a sign, and TRUE, FALSE, NULL or MISSING.
	Text
	Number
	Word
	// Parameter is a ?; Node.Index counts them from 0.
	Parameter
	// Call is a function: its name, in lower case, in Node.Text.
	Call
	// Sum is a + or -, in Node.Text, of two operands.
	Sum
	// List and Bag hold their members in Node.Args.
	List
	Bag
	// Tuple holds its values in Node.Args and their names in Node.Names.
	Tuple
	// And, Or are of two arguments or more.
	And
	Or
	// Not is of one argument.
	Not
	// Compare is of two operands; the comparator is in Node.Text.
	Compare
	// Between is of three operands.
	Between
	// In is of an operand and of one or more that it is among.
	In
	// Is is of an operand; Node.Text is NULL, MISSING, NOT NULL or NOT MISSING.
	Is
)

// Node is a part of a statement.
type Node struct {
	Kind Kind
	// At is the byte of the statement, from 1, where the node begins.
	At    int
	Text  string
	Index int
	Path  []Element
	Names []string
	Args  []*Node
}

// Element is a step of a document path.
type Element struct {
	// Name is an attribute's, without quotes, if List is false.
	Name  string
	List  bool
	Index int
}

// Error is a text that is no statement.
type Error struct {
	// At is the byte of the text, from 1; 0 for the text as a whole.
	At   int
	Text string
}

func (e *Error) Error() string {
	if e.At == 0 {
		return e.Text
	}
	return strconv.Itoa(e.At) + ": " + e.Text
}

func faultAt(at int, format string, args ...any) error {
	return &Error{At: at, Text: fmt.Sprintf(format, args...)}
}

// Walk calls visit for n and for every node below it.
func (n *Node) Walk(visit func(*Node)) {
	visit(n)
	for _, arg := range n.Args {
		arg.Walk(visit)
	}
}

// Walk calls visit for every node of s: columns or changes first, then WHERE,
// ORDER BY and the tuple.
func (s *Statement) Walk(visit func(*Node)) {
	for _, c := range s.Columns {
		c.Walk(visit)
	}
	for _, c := range s.Changes {
		c.Path.Walk(visit)
		if c.Value != nil {
			c.Value.Walk(visit)
		}
	}
	if s.Where != nil {
		s.Where.Walk(visit)
	}
	for _, o := range s.Order {
		o.Path.Walk(visit)
	}
	if s.Item != nil {
		s.Item.Walk(visit)
	}
}

// Attributes returns the names of attributes, each once, in the order of Walk:
// the first element of every path, and the members of the tuple.
func (s *Statement) Attributes() []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	s.Walk(func(n *Node) {
		if n.Kind == Path {
			add(n.Path[0].Name)
		}
	})
	if s.Item != nil {
		for _, name := range s.Item.Names {
			add(name)
		}
	}
	return names
}

// String prints s so that reading it gives s again.
func (s *Statement) String() string {
	var b strings.Builder
	switch s.Verb {
	case Select:
		s.writeSelect(&b)
	case Exists:
		b.WriteString("EXISTS(")
		s.writeSelect(&b)
		b.WriteByte(')')
	case Insert:
		b.WriteString("INSERT INTO " + quoteName(s.Table) + " VALUE ")
		s.Item.write(&b)
	case Update:
		b.WriteString("UPDATE " + quoteName(s.Table))
		for _, c := range s.Changes {
			c.write(&b)
		}
	case Delete:
		b.WriteString("DELETE FROM " + quoteName(s.Table))
	}
	if s.Verb == Update || s.Verb == Delete {
		b.WriteString(" WHERE ")
		s.Where.write(&b)
		if s.Returning != "" {
			b.WriteString(" RETURNING " + s.Returning + " *")
		}
	}
	return b.String()
}

func (s *Statement) writeSelect(b *strings.Builder) {
	b.WriteString("SELECT ")
	if len(s.Columns) == 0 {
		b.WriteByte('*')
	}
	writeList(b, s.Columns)
	b.WriteString(" FROM " + quoteName(s.Table))
	if s.Index != "" {
		b.WriteString("." + quoteName(s.Index))
	}
	if s.Where != nil {
		b.WriteString(" WHERE ")
		s.Where.write(b)
	}
	for i, o := range s.Order {
		if i == 0 {
			b.WriteString(" ORDER BY ")
		} else {
			b.WriteString(", ")
		}
		o.Path.write(b)
		if o.Direction != "" {
			b.WriteString(" " + o.Direction)
		}
	}
}

func (c *Change) write(b *strings.Builder) {
	if c.Value == nil {
		b.WriteString(" REMOVE ")
		c.Path.write(b)
		return
	}
	b.WriteString(" SET ")
	c.Path.write(b)
	b.WriteString(" = ")
	c.Value.write(b)
}
