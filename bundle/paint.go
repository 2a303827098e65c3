package bundle

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/rowan-authz/rowan/engine"
)

// paint colours text for a terminal, or leaves it alone.
type paint bool

func (p paint) in(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) good(s string) string  { return p.in("32", s) }
func (p paint) bad(s string) string   { return p.in("31", s) }
func (p paint) faint(s string) string { return p.in("2", s) }
func (p paint) bold(s string) string  { return p.in("1", s) }

// mark is a tick or a cross.
func (p paint) mark(ok bool) string {
	if ok {
		return p.good("✓")
	}
	return p.bad("✗")
}

// harmless returns s without what a terminal would act on: a name or a line of
// a file may have been written by a stranger.
func harmless(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '\ufffd'
		}
		return r
	}, s)
}

// shown quotes a value, cut to a length that a person reads.
func shown(s string) string {
	const most = 120
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}

// listed quotes values, the first few of many.
func listed(values []string) string {
	const most = 8
	var b strings.Builder
	b.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			b.WriteString("… " + strconv.Itoa(len(values)-most) + " more")
			break
		}
		b.WriteString(shown(v))
	}
	b.WriteByte(']')
	return b.String()
}

// outcome is the sign of a cell in a matrix.
func (p paint) outcome(c *CellResult) string {
	switch {
	case c == nil:
		return " "
	case c.Got == engine.Allowed:
		return p.good("✓")
	case c.Got == engine.ExplicitDeny:
		return p.bad("✗")
	}
	return p.faint("·")
}
