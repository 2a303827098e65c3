package s3object

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Deletion is one object that a DeleteObjects names, with its check.
type Deletion struct {
	Key, VersionID string
	Versioned      bool
	Check          Check
}

const (
	maxDeletions  = 1000
	maxDeleteBody = 2 << 20
)

// ParseDelete reads the body of a DeleteObjects: at most 1000 objects, each
// with a check of its own, and whether the answer is to name only what failed.
// It wraps ErrRequest. Source: iam-semantics §7.1; S3 API Reference,
// "DeleteObjects".
func ParseDelete(bucket string, body []byte) (all []Deletion, quiet bool, err error) {
	if !validBucket(bucket) || len(body) > maxDeleteBody {
		return nil, false, fmt.Errorf("%w: a body of %d bytes", ErrRequest, len(body))
	}
	var doc struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   string   `xml:"Quiet"`
		Objects []struct {
			Key       []string   `xml:"Key"`
			VersionID []string   `xml:"VersionId"`
			Other     []anything `xml:",any"`
		} `xml:"Object"`
		Other []anything `xml:",any"`
	}
	if err := plainXML(body); err != nil {
		return nil, false, err
	}
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if n := len(doc.Objects); n == 0 || n > maxDeletions || len(doc.Other) > 0 {
		return nil, false, fmt.Errorf("%w: want 1 to %d objects and nothing else, not %d", ErrRequest, maxDeletions, n)
	}
	switch strings.TrimSpace(doc.Quiet) {
	case "", "false":
	case "true":
		quiet = true
	default:
		return nil, false, fmt.Errorf("%w: Quiet is neither true nor false", ErrRequest)
	}
	for i, o := range doc.Objects {
		if len(o.Key) != 1 || o.Key[0] == "" || len(o.Key[0]) > maxObject || len(o.VersionID) > 1 || len(o.Other) > 0 {
			return nil, false, fmt.Errorf("%w: object %d: want one Key, at most one VersionId, nothing else", ErrRequest, i)
		}
		r := Request{Bucket: bucket, Object: o.Key[0]}
		d := Deletion{Key: o.Key[0]}
		query := map[string][]string{}
		if len(o.VersionID) == 1 && o.VersionID[0] != "" {
			d.VersionID, d.Versioned = o.VersionID[0], true
			query["versionId"] = o.VersionID
		}
		d.Check = r.versioned("s3:DeleteObject", query)
		all = append(all, d)
	}
	return all, quiet, nil
}

// anything is an element that is not known.
type anything struct {
	XMLName xml.Name
}

// maxDepth is how deep the elements of a body may nest.
const maxDepth = 4

// plainXML refuses what a body has no need of and parsers read differently:
// declarations of types, processing instructions but the first, comments,
// attributes but the name space, and elements that nest too deep.
func plainXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for depth, roots := 0, 0; ; {
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrRequest, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if depth++; depth > maxDepth || roots > 1 {
				return fmt.Errorf("%w: want one element, nested no deeper than %d", ErrRequest, maxDepth)
			}
			if t.Name.Space != "" || len(t.Attr) > 1 || len(t.Attr) == 1 && t.Attr[0].Name.Local != "xmlns" {
				return fmt.Errorf("%w: the element %.50q has attributes", ErrRequest, t.Name.Local)
			}
		case xml.EndElement:
			depth--
		case xml.ProcInst:
			if t.Target != "xml" || d.InputOffset() > 200 {
				return fmt.Errorf("%w: a processing instruction", ErrRequest)
			}
		case xml.Directive, xml.Comment:
			return fmt.Errorf("%w: a declaration or a comment", ErrRequest)
		}
	}
}
