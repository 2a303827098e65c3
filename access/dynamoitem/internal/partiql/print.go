package partiql

import (
	"strconv"
	"strings"
)

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func quoteText(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }

// String prints n so that reading it in its place gives n again.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	switch n.Kind {
	case Path:
		n.writePath(b)
	case Text:
		b.WriteString(quoteText(n.Text))
	case Number, Word:
		b.WriteString(n.Text)
	case Parameter:
		b.WriteByte('?')
	case Call:
		n.enclosed(b, n.Text+"(", ")")
	case List:
		n.enclosed(b, "[", "]")
	case Bag:
		n.enclosed(b, "<<", ">>")
	case Tuple:
		n.writeTuple(b)
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
		b.WriteString(" IN [")
		writeList(b, n.Args[1:])
		b.WriteByte(']')
	case Is:
		n.Args[0].write(b)
		b.WriteString(" IS " + n.Text)
	}
}

func (n *Node) enclosed(b *strings.Builder, before, after string) {
	b.WriteString(before)
	writeList(b, n.Args)
	b.WriteString(after)
}

func writeList(b *strings.Builder, nodes []*Node) {
	for i, n := range nodes {
		if i > 0 {
			b.WriteString(", ")
		}
		n.write(b)
	}
}

func (n *Node) writeTuple(b *strings.Builder) {
	b.WriteByte('{')
	for i, name := range n.Names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteText(name) + ": ")
		n.Args[i].write(b)
	}
	b.WriteByte('}')
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
		case e.List:
			b.WriteString("[" + strconv.Itoa(e.Index) + "]")
		case i > 0:
			b.WriteString("." + quoteName(e.Name))
		default:
			b.WriteString(quoteName(e.Name))
		}
	}
}
