// Package rowangrpc is interceptors for servers of gRPC that know who calls, as
// package httpauth is middleware for those of HTTP.
//
//	guard, err := rowangrpc.New(rowangrpc.Options{Verifier: verifier, Credentials: credentials, Authorize: …})
//	server := grpc.NewServer(grpc.UnaryInterceptor(guard.Unary), grpc.StreamInterceptor(guard.Stream))
//
// In the handler:
//
//	caller, ok := engine.CallerFrom(ctx)
//	session, ok := rowangrpc.SessionFrom(ctx)
//
// A call is made by whoever signed it with temporary credentials of an identity
// pool, or the key of an administrator; or, with Options.Data, by whom a proxy in
// front names in httpauth.DataHeader, which the handler finds by httpauth.DataFrom.
//
// # What is signed
//
// Signature Version 4 of the HTTP request that the call is: POST, the method's full
// name as the path, host (the :authority of the call), x-amz-date, for temporary
// credentials x-amz-security-token, and an empty body. The client sends what a
// signer gives, authorization and these two, as metadata. A session token alone
// proves nothing: it travels with every request that its owner signs.
//
// Messages are not covered. So a call counts only where nobody between can alter
// it, over TLS or on this machine, and whoever reads it could repeat the method with
// other messages until its date is too old, which sigv4.Options.Skew says.
package rowangrpc
