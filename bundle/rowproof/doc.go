// Package rowproof proves on the policies of a bundle that what filters keep is
// what decisions allow: for every asker, table and action it makes rows that are
// most likely to tell the two apart, and asks three judges of each: the
// predicate of a real store, engine.Filter.Keep, and engine.Evaluator.Decide.
// They must agree on every row.
//
// A proof is one of samples: it is as good as its rows. These are absent, NULL
// and empty values, wildcards of IAM and of SQL, pairs of case, numbers written
// otherwise, text that is no UTF-8, whatever the policies and the sessions speak
// of, and what is near it. The context keys that the policies read vary too.
//
// A Store is where rows are held. SQL is one over database/sql, for which the
// caller brings the driver. What a store cannot say is refused and reported, as
// sqlrow.Where does it, and no failure. Package rowantest runs a proof under
// `go test`, and `rowan prove-filter` from the command line.
package rowproof
