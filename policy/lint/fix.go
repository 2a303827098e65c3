package lint

import "github.com/rowan-authz/rowan/policy"

// maxRounds is how often FixAll looks again at what it has changed.
const maxRounds = 1000

// FixAll applies the certain fixes of the findings that keep lets through (nil:
// all), until there are none. It returns the new text and how many fixes it
// took, which is 0 if the text is no document. A fix after which the document
// is refused, and was not before, is undone, and so are those taken with it.
func FixAll(name string, src []byte, kind policy.Kind, o Options, keep func(*Finding) bool) (out []byte, taken int) {
	out = src
	_, findings := Parse(name, src, kind, o)
	for range maxRounds {
		var fixes []*Fix
		for i := range findings {
			if f := &findings[i]; f.Fix != nil && (keep == nil || keep(f)) {
				fixes = append(fixes, f.Fix)
			}
		}
		next, applied, err := Apply(out, fixes)
		if err != nil || applied == 0 {
			break
		}
		_, after := Parse(name, next, kind, o)
		if refused(after) > refused(findings) {
			break
		}
		out, findings, taken = next, after, taken+applied
	}
	return out, taken
}

func refused(findings []Finding) int {
	n := 0
	for i := range findings {
		if findings[i].Refused() {
			n++
		}
	}
	return n
}
