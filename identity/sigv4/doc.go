// Package sigv4 verifies AWS Signature Version 4 on the server: the header and
// the query (presigned) form, for services of JSON and query protocol, for
// REST services and for S3 with its streaming payloads.
//
//	v, err := sigv4.New(sigv4.Options{
//		Region: "us-east-1", Services: []string{"cognito-identity"},
//		Now: time.Now, Lookup: lookup,
//	})
//	…
//	verified, err := v.Verify(r)
//
// What Verify accepts was sent by somebody who holds the secret of the access
// key: method, host, path, query, signed headers and, outside S3, the body.
// Everything is read as it came over the wire and once: whatever has two
// readings, such as a repeated header or a path with dot segments, is refused.
//
// # Bodies
//
// Outside S3 the body is read, bounded, and hashed; Verified.Body is what was
// hashed. For S3 Request.Body becomes a reader that checks as it reads. It gives
// the last piece of the body only after everything was checked, so nothing may
// be committed before it returned io.EOF or all of Request.ContentLength.
//
// # Routing
//
// http.ServeMux cleans paths and redirects "//". Do not put it in front of an
// S3 verifier, and let nothing rewrite Host, Accept-Encoding or Content-Length.
//
// SigV4 has no nonce. A captured request stays valid for Skew, a presigned one
// until it expires: take requests over TLS only.
//
// Source: IAM User Guide, "AWS Signature Version 4 for API requests"; Amazon S3
// API Reference, "Authenticating Requests (AWS Signature Version 4)";
// identity-protocol §4.
package sigv4
