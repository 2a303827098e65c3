// Package decide answers the questions of package rowanv1 with the bundle in
// force. It is what gRPC, HTTP and the gateways' authorizers have in common:
// who asks, what they may ask, the context of the request, the decision, and
// what is remembered of it.
//
// Errors are those of gRPC's status package. Each means that there is no
// decision, and whoever asked denies.
package decide
