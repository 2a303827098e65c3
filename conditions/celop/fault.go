package celop

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/google/cel-go/cel"
)

// fault is one reason why an expression is refused; line and column count
// from 1, the column in code points.
type fault struct {
	line, column int
	text         string
}

// faults is all of them.
type faults []fault

// maxFaults bounds a message; maxFaultText bounds one part of it, in bytes.
const (
	maxFaults    = 10
	maxFaultText = 300
)

// err prints faults in source order, each once, on one line.
func (f faults) err() error {
	slices.SortStableFunc(f, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	f = slices.Compact(f)
	var texts []string
	for i, x := range f {
		if i == maxFaults {
			texts = append(texts, fmt.Sprintf("and %d more", len(f)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("%d:%d: %s", x.line, x.column, clean(x.text)))
	}
	return fmt.Errorf("%w: %s", ErrExpression, strings.Join(texts, "; "))
}

// misnamed says more than CEL about a variable that is not there.
var misnamed = map[string]string{
	"undeclared reference to 'request'":   "request has action, resource and time only",
	"undeclared reference to 'principal'": "principal has arn, account, type, userid, username and tags only",
}

func issueFaults(issues *cel.Issues) faults {
	errs := issues.Errors()
	found := make(faults, 0, len(errs))
	for _, e := range errs {
		text := strings.TrimSuffix(e.Message, " (in container '')")
		text, _, _ = strings.Cut(text, " expecting {") // every token that there is
		if more, ok := misnamed[text]; ok {
			text = more
		}
		found = append(found, fault{max(e.Location.Line(), 1), max(e.Location.Column(), 0) + 1, text})
	}
	return found
}

// variables finds policy variables, which CEL would take for text that never
// matches.
func variables(text string) faults {
	i := strings.Index(text, "${")
	if i < 0 {
		return nil
	}
	before := text[:i]
	line := strings.Count(before, "\n")
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	return faults{{line + 1, column + 1, "policy variables have no meaning in an expression: name the key, as in principal.username or context['aws:username'][0]"}}
}

// clean makes a message of the library, which may quote the policy or the
// request, fit to print.
func clean(s string) string {
	if len(s) > maxFaultText {
		s = strings.ToValidUTF8(s[:maxFaultText], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
