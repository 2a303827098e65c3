// Package usage counts what a deployment is used for, in the terms in which
// Cognito is paid for: the users of a user pool that are active in a month, the
// authentications of an identity pool, and decisions.
//
// A month is one of the calendar, in UTC. A user is active in it who signs up or
// in, gets new tokens, has a new password or new attributes, or is made, changed
// or looked up by an administrator, however often. An authentication is a set of
// credentials that an identity of the pool was given.
// Source: Amazon Cognito pricing, "monthly active users".
//
// # How it counts
//
// A Meter gathers in memory and writes every few seconds, so that a request
// costs no write of its own. Each process writes counters of its own, so that
// none waits for another; a month is the sum of them. A user is one record for
// the month, which one of all processes inserts, in the transaction in which it
// raises its own counter: no retry, no lost answer of a commit and no second
// process counts a user twice. What a process that is killed had not written
// yet is lost: users are active again, authentications and decisions of these
// seconds are not counted.
package usage
