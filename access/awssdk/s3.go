package awssdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rowan-authz/rowan/access/s3object"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// S3 guards a client; it is to be the last of its options:
//
//	client := s3.NewFromConfig(cfg, guard.S3)
//
// The presigned URLs of the client are decided when they are made, and reach as
// far as they say until they end, whatever the policies say by then. Forms for
// POST are refused, and so are access points and directory buckets. A
// DeleteObjects is denied as a whole if one of its objects is.
func (g *Guard) S3(o *s3.Options) {
	o.HTTPClient = &transport{o.HTTPClient}
	o.EndpointResolverV2 = &resolver{o.EndpointResolverV2}
	o.APIOptions = append(slices.Clone(o.APIOptions), g.addS3)
}

// addS3 adds to the stack what finds the caller before a call is tried, and what
// decides the request when its endpoint is known.
func (g *Guard) addS3(stack *middleware.Stack) error {
	if _, ok := stack.Finalize.Get("PresignPostRequestMiddleware"); ok {
		return errors.New("what a form for POST may upload is not decided here")
	}
	_, presigned := stack.Finalize.Get("PresignHTTPRequest")
	if err := stack.Build.Add(bucketCalls{}, middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(&bucketClient{g, presigned}, "ResolveEndpointV2", middleware.After)
}

// bucketCalls wants a caller, and prepares to learn where the call goes to.
type bucketCalls struct{}

// ID is the middleware's.
func (bucketCalls) ID() string { return "RowanGuardCaller" }

// HandleBuild comes before any attempt.
func (bucketCalls) HandleBuild(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
	out middleware.BuildOutput, md middleware.Metadata, err error,
) {
	if _, ok := engine.CallerFrom(ctx); !ok {
		return out, md, ErrNoCaller
	}
	return next.HandleBuild(middleware.WithStackValue(ctx, endpointKey{}, new(endpoint)), in)
}

// bucketClient decides requests to S3.
type bucketClient struct {
	*Guard
	presigned bool
}

// ID is the middleware's.
func (c *bucketClient) ID() string { return "RowanGuard" }

// HandleFinalize decides the request of one attempt, which is signed next.
func (c *bucketClient) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, md middleware.Metadata, err error,
) {
	p, err := c.decide(ctx, in.Request)
	if err != nil {
		return out, md, &refusal{err}
	}
	return next.HandleFinalize(withPass(ctx, p), in)
}

// decide returns the pass of a request that is allowed.
func (c *bucketClient) decide(ctx context.Context, request any) (*pass, error) {
	r, ok := request.(*smithyhttp.Request)
	at, known := middleware.GetStackValue(ctx, endpointKey{}).(*endpoint)
	caller, called := engine.CallerFrom(ctx)
	switch {
	case !called:
		return nil, ErrNoCaller
	case !ok || !known:
		return nil, fmt.Errorf("a request of the type %T is not understood", request)
	}
	where := *at
	op, err := where.operation(r.Request)
	if err != nil {
		return nil, err
	}
	checks, body := op.Checks, []byte(nil)
	if op.Name == "DeleteObjects" {
		if checks, body, err = deletions(where.bucket, r); err != nil {
			return nil, err
		}
	}
	a := asker{Guard: c.Guard, ctx: ctx, caller: caller, region: awsmiddleware.GetRegion(ctx), unknown: unknownOfS3}
	for i := range checks {
		if err := a.decide(c.question(&checks[i])); err != nil {
			return nil, err
		}
	}
	return &pass{holds: where.holds(r.Request, op, body)}, nil
}

// unknownOfS3 are context keys that say how a request is sent, which is not
// known before it is.
var unknownOfS3 = []string{"s3:signatureAge", "s3:TlsVersion", "s3:x-amz-content-sha256"}

// question asks a check, with what the SDK does whatever the call.
func (c *bucketClient) question(check *s3object.Check) *question {
	return &question{action: check.Action, resource: check.Resource, fill: func(x *conditions.Context) error {
		authType := "REST-HEADER"
		if c.presigned {
			authType = "REST-QUERY-STRING"
		}
		return errors.Join(
			x.Set("s3:authType", authType), x.Set("s3:signatureversion", "AWS4-HMAC-SHA256"), x.Set("s3:ResourceAccount", c.options.Account),
			check.Fill(x),
		)
	}}
}

// maxDelete bounds the body of a DeleteObjects: more than 1000 keys need.
const maxDelete = 2 << 20

// deletions are the checks of a DeleteObjects.
func deletions(bucket string, r *smithyhttp.Request) (checks []s3object.Check, body []byte, err error) {
	stream := r.GetStream()
	if stream == nil {
		return nil, nil, errors.New("a DeleteObjects without a body")
	}
	if body, err = io.ReadAll(io.LimitReader(stream, maxDelete+1)); err != nil {
		return nil, nil, err
	}
	if err := r.RewindStream(); err != nil {
		return nil, nil, err
	}
	all, _, err := s3object.ParseDelete(bucket, body)
	for i := range all {
		checks = append(checks, all[i].Check)
	}
	return checks, body, err
}

// resolver keeps what the client's own resolver finds.
type resolver struct{ next s3.EndpointResolverV2 }

type endpointKey struct{}

// endpoint is where a call goes to.
type endpoint struct {
	known  bool
	bucket string
	// uri holds the bucket, in its path or as the first label of its host.
	uri url.URL
	// inPath says that the client was told to put it into the path.
	inPath bool
}

// ResolveEndpoint resolves the endpoint of a call.
func (r *resolver) ResolveEndpoint(ctx context.Context, p s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	e, err := r.next.ResolveEndpoint(ctx, p)
	if at, ok := middleware.GetStackValue(ctx, endpointKey{}).(*endpoint); ok {
		*at = endpoint{known: err == nil, bucket: aws.ToString(p.Bucket), uri: e.URI, inPath: aws.ToBool(p.ForcePathStyle)}
	}
	return e, err
}

// foreign are endings of names that buckets do not have: those of access points
// and other things that stand for a bucket or are none. Source: S3 User Guide,
// "General purpose bucket naming rules".
var foreign = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}

// base is the path of the endpoint with the bucket, without a slash at its end.
func (e *endpoint) base() (string, error) {
	base := strings.TrimSuffix(e.uri.EscapedPath(), "/")
	switch {
	case !e.known:
		return "", errors.New("the endpoint was not resolved by the client's options")
	case e.bucket == "":
		return base, nil
	}
	for _, end := range foreign {
		if strings.HasSuffix(e.bucket, end) {
			return "", fmt.Errorf("%.80q is not the name of a general purpose bucket", e.bucket)
		}
	}
	path := strings.HasSuffix(base, "/"+e.bucket)
	host := strings.HasPrefix(e.uri.Host, e.bucket+".")
	if path && (e.inPath || !host) || host && base == "" {
		return base, nil
	}
	return "", fmt.Errorf("it cannot be told where the endpoint %.200s has the bucket %.80q", e.uri.Redacted(), e.bucket)
}

// operation reads a request, as it is on the wire.
func (e *endpoint) operation(r *http.Request) (*s3object.Operation, error) {
	base, err := e.base()
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), base)
	if !ok || rest != "" && rest[0] != '/' || r.URL.Host != e.uri.Host || r.Host != "" && r.Host != e.uri.Host {
		return nil, fmt.Errorf("the request goes elsewhere than to the endpoint %.200s", e.uri.Redacted())
	}
	object, err := url.PathUnescape(strings.TrimPrefix(rest, "/"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", s3object.ErrRequest, err)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", s3object.ErrRequest, err)
	}
	return s3object.Parse(&s3object.Request{Method: r.Method, Bucket: e.bucket, Object: object, Query: query, Header: r.Header})
}

// holds says whether a request is the one that was decided: as it is now, it
// asks for the same.
func (e *endpoint) holds(decided *http.Request, op *s3object.Operation, body []byte) func(*http.Request) error {
	method, path, query := decided.Method, decided.URL.EscapedPath(), decided.URL.Query()
	return func(r *http.Request) error {
		// The signature spells the query anew.
		if r.Method != method || r.URL.EscapedPath() != path || !reflect.DeepEqual(r.URL.Query(), query) {
			return errors.New("its path or query is another")
		}
		now, err := e.operation(r)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(now, op) {
			return errors.New("its headers ask for something else")
		}
		if body == nil {
			return nil
		}
		same, err := hasBody(r, body)
		if err == nil && !same {
			err = errors.New("its body is another")
		}
		return err
	}
}
