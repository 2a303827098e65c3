// Package api holds the gRPC interface of the daemon: rowan/v1 is what buf makes
// of the .proto files there.
//
// baseline.binpb is the interface as it was promised last: buf refuses to break
// it. To promise a new one, run
//
//	buf build --exclude-source-info -o baseline.binpb
package api

//go:generate buf lint
//go:generate buf breaking --against baseline.binpb
//go:generate buf generate
