// Package rego asks guardrails that are written in Rego, guardrails/*.rego of a
// bundle. They can only deny what the policies allow; what they fail to answer,
// or not in time, is denied.
//
// Each file is of package rowan.guardrails and adds reasons to the set deny:
//
//	package rowan.guardrails
//
//	deny contains "no deletions on Fridays" if {
//		input.action == "dynamodb:DeleteItem"
//		time.weekday(time.parse_rfc3339_ns(input.now)) == "Friday"
//	}
//
// The request is denied if the set has a member. The input is
//
//	action           "dynamodb:GetItem", as the caller wrote it
//	resource         an ARN, or "*"
//	resourceAccount  twelve digits, empty if not known
//	now              "2026-11-28T05:00:00Z": the aws:CurrentTime of the request
//	principal.arn    the ARN of the caller, empty for an anonymous one
//	principal.account
//	context          the context keys that are present: lists of strings by name
//
// A key of context is found by any spelling that IAM takes for it, and one that
// the vocabulary does not know is refused when the bundle is loaded, as are
// other members of input. If a key that the guardrails read cannot be read in a
// request, because its value is not of its kind or is not known, the request is
// denied: nobody knows what they would have said.
//
// Of Rego's functions there are those that depend on nothing but their
// arguments: no network, no clock, no randomness, no environment. See builtins.
package rego
