// Package reference decides a question the way spec/iam-semantics.md says, in
// the most obvious way there is: it is what the engine is judged by. It shares
// the syntax tree of package policy with the engine and nothing else: its
// table of context keys, its patterns, variables, operators, numbers, dates,
// addresses and ARNs are its own, and each function names the section that it
// was written from.
//
// It is slow, keeps nothing between two questions and is test support only.
// Documents that it is given must be valid: where it meets something that
// validation refuses, such as an unknown operator or a malformed variable, it
// panics, so that a differential test learns that something invalid was let
// through.
//
// Names like C13 stand for choices among the readings that the specification
// leaves open; the sentence beside the name says what was chosen.
package reference

import "fmt"

// refuse stops at something that validation should have refused.
func refuse(format string, args ...any) {
	panic("reference: " + fmt.Sprintf(format, args...)) //nolint:forbidigo // the one way to tell a test that an invalid document was let through
}
