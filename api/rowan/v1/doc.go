// Package rowanv1 holds questions to Rowan over gRPC: may this caller do this
// action on this resource, which rows may they see, and why. All but this file
// is generated; the .proto files beside it say what each message means.
package rowanv1
