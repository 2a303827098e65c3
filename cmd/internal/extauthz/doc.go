// Package extauthz answers Envoy's external authorization filter, version 3 of
// its protocol: package edge decides, and this turns a CheckRequest into a call
// and a verdict into a CheckResponse. Source: identity-protocol §5.4.
package extauthz
