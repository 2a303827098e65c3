// Package server is Rowan on the wire: cognito-identity, cognito-idp and STS
// as unmodified AWS SDKs speak them, the discovery documents and key sets of
// OpenID Connect, health endpoints, and operations for administrators.
//
// A Deployment joins what a bundle describes with a store, keys and secrets;
// its Handler answers requests:
//
//	connection → exchange → service and operation → who calls → may they → library → answer
//
// Every answer of a service is in its protocol, refusals and faults included:
// SDKs cannot read anything else.
package server
