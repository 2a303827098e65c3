// Package awssdk guards clients of aws-sdk-go-v2 in process: a call to DynamoDB
// or S3 leaves only if the policies of whoever it is made for allow it.
//
//	guard, err := awssdk.New(awssdk.Options{Account: "111122223333", Now: time.Now})
//	client := dynamodb.NewFromConfig(cfg, guard.DynamoDB)
//	out, err := client.Query(engine.WithCaller(ctx, caller), input)
//
// The caller comes in the context; without one there is no call. A call that is
// denied fails before it leaves with a *DeniedError, which explains itself, and
// is not tried again. Paginators, waiters, retries and presigned URLs work as
// they are: each request is decided, once for all its attempts.
//
// What is decided is the request as it is serialized, and what is sent is held
// to that: a request of a guarded client that was not decided, or that something
// changed since, fails with ErrUnguarded. Operations and parameters that
// dynamoitem and s3object do not know are refused.
//
// The client keeps the credentials that it has, which may see every row; the
// guard is what keeps rows apart, and a client without it is not guarded.
package awssdk
