// Package saml proves logins by responses of SAML 2.0 identity providers.
//
// XML signatures cover a part of a document, and software has again and again
// checked one part and believed another. So a response is refused unless it has
// the one shape that all known providers send: no comment, processing
// instruction, document type or CDATA; one assertion, directly in the response,
// with a signature of its own that refers to it and to nothing else. What is
// read afterwards is not the document: it is the text that the signature was
// found to cover. Sources: identity-protocol §6.5; SAML V2.0 Core, Profiles
// §4.1.4; IAM User Guide, "Configure SAML assertions for the authentication
// response".
//
// Assertions that are encrypted, or signed with SHA-1 or with elliptic curves,
// are refused.
package saml
