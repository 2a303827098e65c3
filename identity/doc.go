// Package identity turns a login into temporary credentials: the token of a
// user pool, of any OIDC, SAML or social provider, or of a developer's own
// directory is exchanged at an identity pool for credentials of a role, and a
// session that is opened from them carries exactly the context keys that
// policies need.
//
//	token → Login → identity of a pool → role → Credentials → Session → engine.Caller
//
// The model is Amazon Cognito's identity pools and STS. Input and output types
// of operations have the members of the public service models, and their JSON
// names are those of the wire; an error that a client should see is an *Error,
// whose Code is the name that the wire has for it.
//
// Nothing here opens a socket, reads a clock or makes randomness of its own:
// Options say where these come from.
package identity
