// Package gateway stands in front of servers that speak the protocols of
// DynamoDB and S3, and lets a request through only if the policies of the
// caller allow it.
//
// Clients sign with the credentials of an identity pool, as for AWS. A guard
// verifies the signature, turns the request into IAM's checks, asks the engine
// each of them, and forwards what is allowed, signed with credentials of its own
// that no client sees. What it does not know it refuses.
//
// DynamoDB and S3 are handlers of one upstream each. Objects of S3 stream both
// ways: a body is verified piece by piece as it passes, and a request whose body
// turns out wrong is broken off before its end, so that the upstream stores
// nothing.
package gateway
