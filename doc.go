// Package rowan is the root of a policy evaluation engine for row-level
// access: the same JSON as AWS IAM, the same semantics, in a Go process, with
// the reason for every decision.
//
// The root package holds no code. Look at
//
//   - [github.com/rowan-authz/rowan/conditions], the vocabulary: context keys,
//     condition operators, patterns and policy variables;
//   - [github.com/rowan-authz/rowan/policy], the language: parse, validate, print;
//   - [github.com/rowan-authz/rowan/engine], the decision: compile, decide,
//     explain, filter;
//   - [github.com/rowan-authz/rowan/identity], who asks: from a login to
//     temporary credentials and back to a caller;
//   - github.com/rowan-authz/rowan/access/…, what is asked of rows and objects;
//   - [github.com/rowan-authz/rowan/bundle], the files that people write, and
//     their unit tests.
//
// An embedder needs the first three, which import the standard library alone.
package rowan
