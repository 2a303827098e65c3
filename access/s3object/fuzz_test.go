package s3object_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/s3object"
)

// FuzzParse: whatever a request holds, it is refused or every check names its
// object or bucket.
func FuzzParse(f *testing.F) {
	f.Add("GET", "bkt", "a/b", "versionId=1", "", "")
	f.Add("PUT", "bkt", "k", "partNumber=1&uploadId=x", "/src/k%20?versionId=3", "a=b&c=d")
	f.Add("GET", "bkt", "", "list-type=2&prefix=a&max-keys=3", "", "")
	f.Fuzz(func(t *testing.T, method, bucket, object, query, source, tags string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		h := http.Header{}
		if source != "" {
			h.Set("X-Amz-Copy-Source", source)
		}
		if tags != "" {
			h.Set("X-Amz-Tagging", tags)
		}
		op, err := s3object.Parse(&s3object.Request{Method: method, Bucket: bucket, Object: object, Query: q, Header: h})
		if err != nil {
			return
		}
		require.NotEmpty(t, op.Name)
		require.True(t, len(op.Checks) > 0 || op.Name == "DeleteObjects")
		last := op.Checks
		if op.Name == "CopyObject" || op.Name == "UploadPartCopy" {
			require.GreaterOrEqual(t, len(last), 2)
			require.True(t, strings.HasPrefix(last[0].Action, "s3:GetObject"))
			last = last[1:]
		}
		for _, c := range last {
			want := "arn:aws:s3:::" + bucket
			if object != "" {
				want += "/" + object
			}
			if bucket == "" {
				want = "*"
			}
			require.Equal(t, want, c.Resource)
		}
	})
}

// FuzzParseDelete: what is read is a check for each object, or refused.
func FuzzParseDelete(f *testing.F) {
	f.Add([]byte(`<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>`))
	f.Add([]byte(`<?xml version="1.0"?><Delete xmlns="x"><Object><Key>&lt;</Key><VersionId>v</VersionId></Object></Delete>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, _, err := s3object.ParseDelete("vault", body)
		if err != nil {
			return
		}
		require.NotEmpty(t, all)
		for _, d := range all {
			require.Equal(t, "arn:aws:s3:::vault/"+d.Key, d.Check.Resource)
		}
	})
}
