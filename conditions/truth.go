package conditions

// Truth is the result of a test that may depend on a key whose value cannot be
// read. The zero value is False. A Deny statement applies on True and on
// Unknown, an Allow statement on True alone.
type Truth uint8

// The three results, ordered so that neither And nor Or needs a table.
const (
	False Truth = iota
	Unknown
	True
)

// Not negates t; the negation of Unknown is Unknown.
func (t Truth) Not() Truth { return True - t }

// And is False if either is False, else Unknown if either is Unknown.
func (t Truth) And(u Truth) Truth { return min(t, u) }

// Or is True if either is True, else Unknown if either is Unknown.
func (t Truth) Or(u Truth) Truth { return max(t, u) }

func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case Unknown:
		return "unknown"
	case False:
	}
	return "false"
}

// truth turns a Go comparison into a Truth.
func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}
