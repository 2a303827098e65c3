package s3object

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// Check is one question to the policies: an action on a resource, with the
// context keys that the request gives it.
type Check struct {
	// Action is such as "s3:GetObject", Resource an ARN or "*".
	Action, Resource string
	Keys             []Key
	// Bucket and Object name what the check is about; Object is empty for a
	// bucket.
	Bucket, Object string
}

// Key is a context key with its values.
type Key struct {
	Name   string
	Values []string
}

// Fill sets the check's context keys. What the server that holds the object
// knows and nobody else, its tags and those of its bucket, is made
// indeterminate: an Allow that reads it does not apply, a Deny does.
func (c *Check) Fill(x *conditions.Context) error {
	for _, k := range c.Keys {
		if err := x.Set(k.Name, k.Values...); err != nil {
			return fmt.Errorf("%s: %w", c.Action, err)
		}
	}
	if c.Bucket == "" {
		return nil
	}
	for _, family := range []string{"s3:ExistingObjectTag/", "s3:BucketTag/", "aws:ResourceTag/"} {
		if err := x.SetIndeterminate(family); err != nil {
			return err
		}
	}
	return nil
}

func bucketARN(bucket string) string { return "arn:aws:s3:::" + bucket }

func objectARN(bucket, object string) string { return "arn:aws:s3:::" + bucket + "/" + object }

// objectCheck is a check of an object.
func (r *Request) objectCheck(action string, keys ...Key) Check {
	return Check{Action: action, Resource: objectARN(r.Bucket, r.Object), Bucket: r.Bucket, Object: r.Object, Keys: keys}
}

// bucketCheck is a check of a bucket.
func (r *Request) bucketCheck(action string, keys ...Key) Check {
	return Check{Action: action, Resource: bucketARN(r.Bucket), Bucket: r.Bucket, Keys: keys}
}

// validBucket reports whether a name can be that of a general purpose bucket,
// and cannot be read as anything else: it stands in ARNs. Source: S3 User
// Guide, "General purpose bucket naming rules".
func validBucket(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || i == len(name)-1 || c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// maxObject is how long the name of an object may be, in bytes.
const maxObject = 1024
