// Package rpc serves package decide over gRPC: it finds out which service calls
// and keeps within its bounds what strangers may ask.
package rpc
