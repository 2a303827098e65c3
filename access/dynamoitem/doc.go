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
// Where AWS leaves a choice this package takes the closed one:
//
//   - The value of a key attribute is not empty, as in DynamoDB: a list of one
//     empty text counts as no value at all.
//   - Numbers are written out in full, and those of more than 38 digits are
//     refused: a store might round what the check did not.
//   - A path of PartiQL that begins with the name of its table or index is
//     refused: in SQL it would be the row.
//   - ReturnValuesOnConditionCheckFailure in a PartiQL statement counts as in
//     other single writes, and with SELECT, EXISTS and INSERT, which have no key
//     that tells, ALL_OLD is refused.
//   - UPDATE and DELETE of PartiQL must bind every key attribute once by =, and
//     not on an index; an update must not change a key attribute.
//   - A Query begins in the partition that it asks for (ExclusiveStartKey).
//
// Source: iam-semantics §6; DynamoDB Developer Guide, "Using IAM policy
// conditions for fine-grained access control"; DynamoDB API Reference.
package dynamoitem
