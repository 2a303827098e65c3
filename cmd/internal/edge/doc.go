// Package edge answers proxies that ask before they let a call of an HTTP API
// through: who the client is, by the token or the signature that it brings, and
// whether they may.
package edge
