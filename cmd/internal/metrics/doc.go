// Package metrics counts what a server does, for Prometheus. There is no global
// registry: what counts is handed to who counts, and a nil *Metrics counts
// nothing.
package metrics
