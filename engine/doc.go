// Package engine compiles IAM policies and decides requests with them.
//
// [Compile] turns documents of one kind into an immutable [Set]. An
// [Evaluator] combines the sets that apply to a principal and a resource by the
// evaluation logic of IAM: an explicit deny wins, guardrails and limits must
// each allow, and a resource policy may grant by itself within an account.
// [Evaluator.Decide] answers a [Request] without I/O, locks or memory;
// [Evaluator.Explain] gives the same answer with the reason: which part of
// which statement failed, with the values on both sides.
//
// A denial is an answer, not an error. A request that cannot be decided, say
// because its resource is no ARN, is denied too and says so in
// [Decision.Fault].
//
// # Contexts
//
// The context of a request holds the keys that conditions and policy variables
// read. Keep what a session determines in a base context, made once, and fill
// the rest for each request:
//
//	session := vocabulary.NewContext()
//	err := principal.Describe(session)
//	err = session.Set("cognito-identity.amazonaws.com:sub", identityID)
//	…
//	context.Reset(session)
//	err = context.Set("dynamodb:LeadingKeys", partitionKey)
//
// A request's own values cannot override those of its session.
//
// # Swapping policies
//
// There is no reload. Build a new Evaluator and swap an atomic pointer to it.
//
// Source: IAM User Guide, "Policy evaluation logic"; iam-semantics §4.
package engine
