// Package oidc verifies signed tokens of OpenID Connect providers against key
// sets that are fetched within bounds, and reads their claims strictly.
package oidc

// Claims are the members of a token's payload, read case-sensitively with
// duplicates refused: string, bool, json.Number, []any, map[string]any or nil.
// They must not be changed.
type Claims map[string]any
