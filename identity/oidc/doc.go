// Package oidc verifies signed tokens of OpenID Connect providers against key
// sets that are fetched within bounds, and reads their claims strictly.
//
//	token → form → header → key → signature → claims, each only after the one before
//
// Keys come from configuration: nothing in a token chooses where a key is
// looked for. The package knows tokens and key sets, and nothing of logins.
package oidc
