// Package trace tells a collector of OpenTelemetry what a server did: a span for
// a call, and below it one for each decision. What a decision was about (the
// principal, the resource, context keys) is told only where the operator allows it
// by name.
package trace
