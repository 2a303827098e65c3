// Package conditions is the vocabulary of IAM policies: context keys, typed
// values, patterns with wildcards and policy variables, and condition
// operators.
//
// A [Vocabulary] knows the keys and operators. It compiles what policies write
// into a [Condition] or a [Pattern], and it makes the [Context] that holds the
// values of one request. What it does not know it refuses when a policy is
// compiled; nothing is skipped when a request is decided.
//
// Results are three-valued ([Truth]). A key whose value is not of its kind is
// indeterminate and every test that reads it is [Unknown]: an Allow statement
// then does not apply, a Deny statement does.
//
// # Names
//
// Key names compare without regard to case. Tag keys that differ only by case
// are kept apart in a context: a condition reads the one spelt like its own
// key, else the only one that differs by case; several make it indeterminate.
//
// # Patterns
//
// "*" matches any text, "?" one code point, nothing else is special. A policy
// variable's text is literal: an identity named "*" matches only "*". A
// variable without a value matches nothing.
//
// Source: iam-semantics §2, §3, §5, §10; IAM User Guide, "Reference for JSON
// policy elements".
package conditions
