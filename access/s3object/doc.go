// Package s3object turns a request to Amazon S3, or to a server that speaks its
// protocol, into the checks that IAM makes of it, and says which objects a
// listing may show.
//
// Parse reads method, bucket, key, query and headers; it knows a closed list of
// operations and refuses the rest, as it refuses parameters and headers that
// would change what an operation does. A DeleteObjects has its keys in its
// body, which ParseDelete reads. Every Check must be allowed before anything is
// done, but for DeleteObjects, whose keys are allowed or denied one by one.
//
// Keys of objects are raw texts: nothing here decodes, cleans or joins them.
//
// The package does no I/O and knows no SDK. Source: iam-semantics §7.
package s3object
