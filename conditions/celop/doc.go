// Package celop is conditions written in CEL, the Common Expression Language:
// the condition operator CelTrue, which a program opts in to.
//
//	op, err := celop.New(celop.Config{})
//	vocabulary, err := conditions.AWS().With(nil, op)
//	set, err := engine.Compile(vocabulary, policy.Identity, document)
//
// A policy then writes
//
//	"Condition": {"CelTrue": {"office hours": "request.time.getHours('UTC') < 18"}}
//
// The key is a free label of 1 to 128 bytes for people to read. Values are
// ORed, labels ANDed, as everywhere. There is no quantifier and no IfExists.
// Without the opt-in the operator is refused like any unknown one, so the
// engine carries CEL only if its program does.
//
// # What expressions see
//
//	request.action      string     service:Name in lower case, since IAM ignores case in actions
//	request.resource    string     the ARN, or "*"
//	request.time        timestamp  aws:CurrentTime, else aws:EpochTime; never the clock of the machine
//	principal.arn       string     aws:PrincipalArn
//	principal.account   string     aws:PrincipalAccount
//	principal.type      string     aws:PrincipalType
//	principal.userid    string     aws:userid
//	principal.username  string     aws:username
//	principal.tags      map(string, string)        aws:PrincipalTag/… by tag key
//	context             map(string, list(string))  every context key, its values as text
//
// Keys of context are spelt as the registry spells them; a lookup ignores case,
// as everywhere in IAM. A constant key that the registry refuses is refused
// when the policy is compiled, a computed one when it is read.
//
// # Errors
//
// A key or tag that is absent is an error when its value is read; 'key' in
// context asks first. A key that is indeterminate is an error also for in, and
// one such key is when its map is used whole, as by size or a macro.
// An error of any kind, too high a cost among them, makes the condition
// Unknown: an Allow does not apply, a Deny does, and Explain shows the error
// with its line and column in the expression. CEL's && and || pass over an
// error that cannot change the result, just as IAM's AND and OR do with Unknown.
//
// # Limits
//
// An expression has at most MaxExpression bytes and must be a bool for the
// type-checker; dyn, type, has, matches, messages, bytes, unsigned numbers,
// null, lists of lists and + on lists are refused, and so is a policy variable
// in the text. Its cost is estimated when the policy is compiled, for texts of
// 256 characters and lists of 32 entries, and limited again while it runs; see
// Config. A decision that reads CEL takes microseconds and allocates, unlike
// any other.
//
// Time zones are constants: a name of the IANA database or an offset ±hh:mm,
// resolved when the policy is compiled. A program for machines without the
// database imports time/tzdata.
//
// Source: CEL language definition; docs/adr/0006-cel-as-an-operator.md;
// docs/cel.md for authors of policies.
package celop
