package s3object

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Errors of requests that are refused.
var (
	// ErrUnsupported means an operation, parameter or header that this package
	// does not know.
	ErrUnsupported = errors.New("unsupported S3 request")
	// ErrRequest means a request that cannot be one.
	ErrRequest = errors.New("malformed S3 request")
)

// Request is what of an HTTP request says what it asks of S3. Parse does not
// change it.
type Request struct {
	Method string
	// Bucket is empty for the service, Object for a bucket. Both are as they
	// are called, percent-decoded once and nothing else.
	Bucket, Object string
	// Query holds each parameter once.
	Query  url.Values
	Header http.Header
}

// Operation is what a request asks for.
type Operation struct {
	// Name is that of the S3 API, such as "GetObject".
	Name   string
	Checks []Check
	// Listing says that the answer names objects of a bucket, or versions of
	// them.
	Listing bool
}

// maxCopySource is how long x-amz-copy-source may be: a name of an object with
// every byte percent-encoded, its bucket and version.
const maxCopySource = 3*maxObject + 63 + 1024

// Parse says what the request asks for. A DeleteObjects has no checks yet: see
// ParseDelete. It wraps ErrUnsupported and ErrRequest. Source: iam-semantics
// §7.1.
func Parse(r *Request) (*Operation, error) {
	if r.Bucket == "" && r.Object != "" || r.Bucket != "" && !validBucket(r.Bucket) || len(r.Object) > maxObject {
		return nil, fmt.Errorf("%w: bucket %.70q, object of %d bytes", ErrRequest, r.Bucket, len(r.Object))
	}
	route, err := r.route()
	if err != nil {
		return nil, err
	}
	if err := r.permit(route); err != nil {
		return nil, err
	}
	checks, err := route.checks(r)
	if err != nil {
		return nil, err
	}
	return &Operation{Name: route.name, Checks: checks, Listing: route.listing}, nil
}

// target is what a route is about.
type target uint8

const (
	service target = iota
	bucket
	object
)

// route is one operation: which requests it is, what else they may carry, and
// what it takes.
type route struct {
	name, method string
	target       target
	// with are the parameters that tell the operation from others, which must
	// all be there and no other of them.
	with []string
	// copies says that x-amz-copy-source tells it.
	copies bool
	// query are further parameters that it may have.
	query   []string
	listing bool
	checks  func(*Request) ([]Check, error)
}

var (
	listQuery     = []string{"prefix", "delimiter", "max-keys", "encoding-type"}
	overrideQuery = []string{
		"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
		"response-content-type", "response-expires",
	}
	readQuery = append([]string{"versionId", "partNumber"}, overrideQuery...)
)

// routes are the operations that are known.
var routes = []route{
	{
		name: "ListBuckets", method: http.MethodGet, target: service, checks: listBuckets,
		query: []string{"max-buckets", "continuation-token", "prefix", "bucket-region"},
	},
	{name: "HeadBucket", method: http.MethodHead, target: bucket, checks: onBucket("s3:ListBucket")},
	{name: "GetBucketLocation", method: http.MethodGet, target: bucket, with: []string{"location"}, checks: onBucket("s3:GetBucketLocation")},
	{
		name: "ListObjects", method: http.MethodGet, target: bucket, listing: true, checks: listing("s3:ListBucket"),
		query: append([]string{"marker"}, listQuery...),
	},
	{
		name: "ListObjectsV2", method: http.MethodGet, target: bucket, with: []string{"list-type"}, listing: true, checks: listing("s3:ListBucket"),
		query: append([]string{"continuation-token", "start-after", "fetch-owner"}, listQuery...),
	},
	{
		name: "ListObjectVersions", method: http.MethodGet, target: bucket, with: []string{"versions"}, listing: true,
		checks: listing("s3:ListBucketVersions"), query: append([]string{"key-marker", "version-id-marker"}, listQuery...),
	},
	{
		name: "ListMultipartUploads", method: http.MethodGet, target: bucket, with: []string{"uploads"},
		checks: onBucket("s3:ListBucketMultipartUploads"),
		query:  []string{"prefix", "delimiter", "max-uploads", "encoding-type", "key-marker", "upload-id-marker"},
	},
	{name: "DeleteObjects", method: http.MethodPost, target: bucket, with: []string{"delete"}, checks: none},

	{name: "GetObject", method: http.MethodGet, target: object, checks: reading, query: readQuery},
	{name: "HeadObject", method: http.MethodHead, target: object, checks: reading, query: readQuery},
	{name: "PutObject", method: http.MethodPut, target: object, checks: writing},
	{name: "CopyObject", method: http.MethodPut, target: object, copies: true, checks: copying},
	{name: "DeleteObject", method: http.MethodDelete, target: object, checks: deleting, query: []string{"versionId"}},
	{name: "CreateMultipartUpload", method: http.MethodPost, target: object, with: []string{"uploads"}, checks: writing},
	{name: "UploadPart", method: http.MethodPut, target: object, with: []string{"partNumber", "uploadId"}, checks: writing},
	{name: "UploadPartCopy", method: http.MethodPut, target: object, with: []string{"partNumber", "uploadId"}, copies: true, checks: copying},
	{name: "CompleteMultipartUpload", method: http.MethodPost, target: object, with: []string{"uploadId"}, checks: writing},
	{name: "AbortMultipartUpload", method: http.MethodDelete, target: object, with: []string{"uploadId"}, checks: onObject("s3:AbortMultipartUpload")},
	{
		name: "ListParts", method: http.MethodGet, target: object, with: []string{"uploadId"}, checks: onObject("s3:ListMultipartUploadParts"),
		query: []string{"max-parts", "part-number-marker"},
	},
}

// telling are the parameters that tell operations apart.
var telling = func() map[string]bool {
	out := map[string]bool{}
	for i := range routes {
		for _, name := range routes[i].with {
			out[name] = true
		}
	}
	// Of a read it is no more than an option.
	delete(out, "partNumber")
	return out
}()

// common are parameters that every request may have: x-id, by which SDKs name
// the operation, and those of a presigned one.
func common(name string) bool { return name == "x-id" || strings.HasPrefix(name, "X-Amz-") }

func (r *Request) target() target {
	switch {
	case r.Object != "":
		return object
	case r.Bucket != "":
		return bucket
	}
	return service
}

// route finds the operation.
func (r *Request) route() (*route, error) {
	var told []string
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		if n := len(r.Query[name]); n != 1 {
			return nil, fmt.Errorf("%w: the parameter %.50q is there %d times", ErrRequest, name, n)
		}
		if telling[name] {
			told = append(told, name)
		}
	}
	copies := len(r.Header.Values("X-Amz-Copy-Source")) > 0
	for i := range routes {
		x := &routes[i]
		if x.method == r.Method && x.target == r.target() && x.copies == copies && x.told(r, told) {
			return x, nil
		}
	}
	return nil, fmt.Errorf("%w: %.10s of a %s with the parameters %.200q", ErrUnsupported, r.Method, [...]string{"service", "bucket", "object"}[r.target()], told)
}

// told reports whether the parameters that a request has are those of the
// route.
func (x *route) told(r *Request, told []string) bool {
	for _, name := range x.with {
		if !r.Query.Has(name) {
			return false
		}
	}
	for _, name := range told {
		if !slices.Contains(x.with, name) {
			return false
		}
	}
	return true
}

// permit refuses parameters and headers that the operation does not have: they
// might make it another.
func (r *Request) permit(route *route) error {
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		if !common(name) && !slices.Contains(route.with, name) && !slices.Contains(route.query, name) {
			return fmt.Errorf("%w: %s with the parameter %.50q", ErrUnsupported, route.name, name)
		}
	}
	if v, ok := r.Query["list-type"]; ok && v[0] != "2" {
		return fmt.Errorf("%w: list-type %.20q", ErrUnsupported, v[0])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-object-lock-") || slices.Contains(refusedHeaders, lower) {
			return fmt.Errorf("%w: %s with the header %s", ErrUnsupported, route.name, lower)
		}
	}
	return nil
}

// refusedHeaders need permissions of their own, as object locks do, or make the
// operation another.
var refusedHeaders = []string{"x-amz-bypass-governance-retention", "x-amz-mfa", "x-amz-rename-source", "x-amz-write-offset-bytes"}
