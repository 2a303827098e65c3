// Package dynamoitem turns a call of DynamoDB into the checks that IAM makes of
// it: the actions, the resources and the context keys dynamodb:LeadingKeys,
// Attributes, Select, ReturnValues and their like, which row-level policies
// read. It is a policy enforcement point without a store: no SDK and no
// network.
//
//	op, err := dynamoitem.Parse(scope, "Query", body)
//	checks, err := op.Checks(tables)
//	for i := range checks {
//		request := caller.NewRequest(checks[i].Action, checks[i].Resource)
//		err = checks[i].Fill(request.Context)
//		allowed = allowed && caller.Evaluator.Decide(request).Allowed()
//	}
//
// Parse reads the body as it is on the wire, which is what an SDK has too when
// it is about to sign. It reads all of it: expressions and PartiQL by grammars,
// legacy members, batches and transactions, and says no to what it does not
// understand, since an attribute that is not reported is one that a policy does
// not guard. A member that it does not know, a placeholder without a meaning,
// a function that is new: each is an error that says where.
//
// Checks then needs the key schemas of the tables, from Tables. Whatever does
// not fit them is refused as well: there is no check without the keys that it
// should have, for an absent key satisfies ForAllValues.
//
// What is denied can be narrowed for callers who ask for it: Split leaves out
// the items of a batch that may not pass, and Narrow makes of a read requests
// for what of it is allowed, such as a Query of the own partition of a Scan.
//
// Where AWS leaves a choice this package takes the closed one: choices C32 to
// C38 of ADR 7. Names of attributes are compared and reported as they are
// written, case included, in PartiQL too.
//
// Source: iam-semantics §6; DynamoDB Developer Guide, "Using IAM policy
// conditions for fine-grained access control"; DynamoDB API Reference.
package dynamoitem
