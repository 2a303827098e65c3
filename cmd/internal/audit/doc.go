// Package audit keeps the decision log: one line of JSON for each decision, in a
// chain that shows whether any was altered, dropped, moved or put in.
//
// Every line has a sequence number and the SHA-256 of the line before it, so that
// `sha256sum` alone can follow the chain. Now and then a line is a head: it is
// signed with ed25519, and vouches for all lines before it. What was written
// since the last head is vouched for by nobody yet. Source: docs/adr, "The chain
// of the decision log".
package audit
