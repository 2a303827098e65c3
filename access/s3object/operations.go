package s3object

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

func none(*Request) ([]Check, error) { return nil, nil }

func listBuckets(*Request) ([]Check, error) {
	return []Check{{Action: "s3:ListAllMyBuckets", Resource: "*"}}, nil
}

func onBucket(action string) func(*Request) ([]Check, error) {
	return func(r *Request) ([]Check, error) { return []Check{r.bucketCheck(action)}, nil }
}

func onObject(action string) func(*Request) ([]Check, error) {
	return func(r *Request) ([]Check, error) { return []Check{r.objectCheck(action)}, nil }
}

// listing checks a listing of objects or their versions. s3:max-keys is there
// always, s3:prefix and s3:delimiter only if they were sent. Source:
// iam-semantics §7.2.
func listing(action string) func(*Request) ([]Check, error) {
	return func(r *Request) ([]Check, error) {
		keys := []Key{{"s3:max-keys", []string{"1000"}}}
		if v, ok := r.Query["max-keys"]; ok {
			if !digits(v[0]) {
				return nil, fmt.Errorf("%w: max-keys %.20q", ErrRequest, v[0])
			}
			keys[0].Values = v
		}
		for _, name := range []string{"prefix", "delimiter"} {
			if v, ok := r.Query[name]; ok {
				keys = append(keys, Key{"s3:" + name, v})
			}
		}
		return []Check{r.bucketCheck(action, keys...)}, nil
	}
}

func digits(s string) bool { return s != "" && len(s) <= 10 && strings.Trim(s, "0123456789") == "" }

// reading checks GetObject and HeadObject.
func reading(r *Request) ([]Check, error) {
	return []Check{r.versioned("s3:GetObject", r.Query)}, nil
}

func deleting(r *Request) ([]Check, error) {
	return []Check{r.versioned("s3:DeleteObject", r.Query)}, nil
}

// versioned is the check of an action on an object, or of its sister on one
// version of it.
func (r *Request) versioned(action string, query url.Values) Check {
	if v, ok := query["versionId"]; ok {
		return r.objectCheck(action+"Version", Key{"s3:versionid", v})
	}
	return r.objectCheck(action)
}

// passed are the headers whose value is a context key of the same name.
var passed = []string{
	"x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
	"x-amz-metadata-directive", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
	"x-amz-server-side-encryption-customer-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location",
	"if-match", "if-none-match",
}

// writing checks what writes an object: PutObject, and the rights to set its
// ACL and its tags if those are sent. Source: iam-semantics §7.1.
func writing(r *Request) ([]Check, error) {
	var keys []Key
	acl := false
	for _, name := range passed {
		values := r.Header.Values(name)
		if len(values) > 1 {
			return nil, fmt.Errorf("%w: the header %s is there %d times", ErrRequest, name, len(values))
		}
		if len(values) == 1 {
			keys = append(keys, Key{"s3:" + name, values})
			acl = acl || name == "x-amz-acl" || strings.HasPrefix(name, "x-amz-grant-")
		}
	}
	tags, tagged, err := r.tags()
	if err != nil {
		return nil, err
	}
	keys = append(keys, tags...)
	checks := []Check{r.objectCheck("s3:PutObject", keys...)}
	if acl {
		checks = append(checks, r.objectCheck("s3:PutObjectAcl", keys...))
	}
	if tagged {
		checks = append(checks, r.objectCheck("s3:PutObjectTagging", keys...))
	}
	return checks, nil
}

// maxTags is how many tags an object may have.
const maxTags = 10

// tags reads the header x-amz-tagging, which is a query: a=1&b=2.
func (r *Request) tags() (keys []Key, tagged bool, err error) {
	values := r.Header.Values("x-amz-tagging")
	switch len(values) {
	case 0:
		return nil, false, nil
	case 1:
	default:
		return nil, true, fmt.Errorf("%w: the header x-amz-tagging is there %d times", ErrRequest, len(values))
	}
	parsed, err := url.ParseQuery(values[0])
	if err != nil || len(values[0]) > 8192 || len(parsed) > maxTags {
		return nil, true, fmt.Errorf("%w: the header x-amz-tagging is no list of at most %d tags", ErrRequest, maxTags)
	}
	names := make([]string, 0, len(parsed))
	for name, v := range parsed {
		if len(v) != 1 || name == "" || len(name) > 128 {
			return nil, true, fmt.Errorf("%w: the header x-amz-tagging: tag %.130q", ErrRequest, name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		keys = append(keys, Key{"s3:RequestObjectTag/" + name, parsed[name]})
	}
	return append(keys, Key{"s3:RequestObjectTagKeys", names}), true, nil
}

// copying checks both ends of a copy. Source: iam-semantics §7.1.
func copying(r *Request) ([]Check, error) {
	sources := r.Header.Values("x-amz-copy-source")
	if len(sources) != 1 || len(sources[0]) > maxCopySource {
		return nil, fmt.Errorf("%w: want one header x-amz-copy-source", ErrRequest)
	}
	source, version, versioned, err := copySource(sources[0])
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if versioned {
		query.Set("versionId", version)
	}
	checks, err := writing(r)
	if err != nil {
		return nil, err
	}
	for i := range checks {
		checks[i].Keys = append(checks[i].Keys, Key{"s3:x-amz-copy-source", sources})
	}
	return append([]Check{source.versioned("s3:GetObject", query)}, checks...), nil
}

// copySource reads /bucket/key?versionId=V, percent-encoded. The question mark
// that begins the version is the last one as it was sent: one of the name is
// encoded.
func copySource(s string) (source Request, version string, versioned bool, err error) {
	bad := fmt.Errorf("%w: x-amz-copy-source: want bucket/key, percent-encoded, perhaps with ?versionId=V", ErrRequest)
	path, query, _ := strings.Cut(strings.TrimPrefix(s, "/"), "?")
	if query != "" || strings.Contains(s, "?") {
		version, versioned = strings.CutPrefix(query, "versionId=")
		if !versioned || version == "" || strings.ContainsAny(version, "&?%=") {
			return source, "", false, bad
		}
	}
	path, err = url.PathUnescape(path)
	if err != nil {
		return source, "", false, bad
	}
	var ok bool
	source.Bucket, source.Object, ok = strings.Cut(path, "/")
	if !ok || source.Object == "" || len(source.Object) > maxObject || !validBucket(source.Bucket) {
		return source, "", false, bad
	}
	return source, version, versioned, nil
}
