package reference

// truth is the outcome of a condition, or of a part of a statement. Unknown
// comes from an indeterminate context key. A Deny applies on yes and unknown,
// an Allow only on yes. Section 10.3.
type truth uint8

const (
	no truth = iota
	unknown
	yes
)

// and: no wins over unknown.
func and(a, b truth) truth { return min(a, b) }

// or: yes wins over unknown.
func or(a, b truth) truth { return max(a, b) }

func not(a truth) truth { return yes - a }

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}
