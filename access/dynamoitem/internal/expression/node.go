// Package expression reads and prints the expression grammars of DynamoDB:
// projections, conditions, key conditions and updates. It knows their syntax
// and nothing of tables, values or policies. Source: DynamoDB Developer Guide,
// "Condition and filter expressions, operators, and functions", "Update
// expressions", "Expression attribute names".
package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a node is. The zero value is none.
type Kind uint8

// The kinds of nodes. Of operands there are paths, values, calls of size,
// if_not_exists and list_append, and in updates sums; all others are
// conditions.
const (
	// Path is a document path: Node.Path.
	Path Kind = iota + 1
	// Value is a placeholder for a value: Node.Text, with its colon.
	Value
	// Call is a function: its name in Node.Text.
	Call
	// Sum is a + or -, in Node.Text, of two operands.
	Sum
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
)

// Node is a part of an expression. It is not changed once it is read.
type Node struct {
	Kind Kind
	// At is the byte of the expression, from 1, where the node begins.
	At   int
	Text string
	Path []Element
	Args []*Node
}

// Element is a step of a document path.
type Element struct {
	// Name is an attribute's or a placeholder for one, with its #. The first
	// element of a path always has one.
	Name string
	// Index is of a list, if Name is empty.
	Index int
}

// Change is an action of an update expression.
type Change struct {
	Path *Node
	// Value is nil in a REMOVE.
	Value *Node
}

// Update is an update expression. A clause that is left out is empty.
type Update struct {
	Set, Remove, Add, Delete []Change
}

// Error is a text that is no expression of its grammar.
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

// Walk calls visit for every node of u, in the order that String prints.
func (u *Update) Walk(visit func(*Node)) {
	for _, clause := range u.clauses() {
		for _, c := range clause.changes {
			c.Path.Walk(visit)
			if c.Value != nil {
				c.Value.Walk(visit)
			}
		}
	}
}

type clause struct {
	name    string
	changes []Change
}

func (u *Update) clauses() [4]clause {
	return [...]clause{{"SET", u.Set}, {"REMOVE", u.Remove}, {"ADD", u.Add}, {"DELETE", u.Delete}}
}

// String prints n so that reading it gives n again.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

// String prints u so that reading it gives u again.
func (u *Update) String() string {
	var b strings.Builder
	for _, clause := range u.clauses() {
		for i, c := range clause.changes {
			switch {
			case i > 0:
				b.WriteString(", ")
			case b.Len() > 0:
				b.WriteByte(' ')
				fallthrough
			default:
				b.WriteString(clause.name + " ")
			}
			c.write(&b, clause.name == "SET")
		}
	}
	return b.String()
}

func (c *Change) write(b *strings.Builder, set bool) {
	c.Path.write(b)
	switch {
	case set:
		b.WriteString(" = ")
	case c.Value != nil:
		b.WriteByte(' ')
	}
	if c.Value != nil {
		c.Value.write(b)
	}
}

// List prints nodes with commas between.
func List(nodes []*Node) string {
	var b strings.Builder
	writeList(&b, nodes)
	return b.String()
}

func writeList(b *strings.Builder, nodes []*Node) {
	for i, n := range nodes {
		if i > 0 {
			b.WriteString(", ")
		}
		n.write(b)
	}
}

func (n *Node) write(b *strings.Builder) {
	switch n.Kind {
	case Path:
		n.writePath(b)
	case Value:
		b.WriteString(n.Text)
	case Call:
		b.WriteString(n.Text + "(")
		writeList(b, n.Args)
		b.WriteByte(')')
	case Sum:
		n.Args[0].write(b)
		b.WriteString(" " + n.Text + " ")
		n.Args[1].writeIn(b, n.Args[1].Kind == Sum)
	case And:
		n.join(b, " AND ", func(k Kind) bool { return k == And || k == Or })
	case Or:
		n.join(b, " OR ", func(k Kind) bool { return k == Or })
	case Not:
		b.WriteString("NOT ")
		n.Args[0].writeIn(b, n.Args[0].Kind == And || n.Args[0].Kind == Or)
	case Compare:
		n.Args[0].write(b)
		b.WriteString(" " + n.Text + " ")
		n.Args[1].write(b)
	case Between:
		n.Args[0].write(b)
		b.WriteString(" BETWEEN ")
		n.Args[1].write(b)
		b.WriteString(" AND ")
		n.Args[2].write(b)
	case In:
		n.Args[0].write(b)
		b.WriteString(" IN (")
		writeList(b, n.Args[1:])
		b.WriteByte(')')
	}
}

func (n *Node) join(b *strings.Builder, word string, apart func(Kind) bool) {
	for i, arg := range n.Args {
		if i > 0 {
			b.WriteString(word)
		}
		arg.writeIn(b, apart(arg.Kind))
	}
}

func (n *Node) writeIn(b *strings.Builder, parentheses bool) {
	if parentheses {
		b.WriteByte('(')
	}
	n.write(b)
	if parentheses {
		b.WriteByte(')')
	}
}

func (n *Node) writePath(b *strings.Builder) {
	for i, e := range n.Path {
		switch {
		case e.Name == "":
			b.WriteString("[" + strconv.Itoa(e.Index) + "]")
		case i > 0:
			b.WriteString("." + e.Name)
		default:
			b.WriteString(e.Name)
		}
	}
}
