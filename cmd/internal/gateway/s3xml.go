package gateway

import (
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"

	"github.com/rowan-authz/rowan/access/s3object"
)

// deleteError is an object that was not deleted.
type deleteError struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

// deleteResult is the answer of DeleteObjects.
type deleteResult struct {
	XMLName xml.Name      `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []deleted     `xml:"Deleted"`
	Errors  []deleteError `xml:"Error"`
}

type deleted struct {
	Key                   string
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

// deleteBody is the body of a DeleteObjects of some objects.
func deleteBody(all []s3object.Deletion, quiet bool) ([]byte, error) {
	type object struct {
		Key       string
		VersionID string `xml:"VersionId,omitempty"`
	}
	doc := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Delete"`
		Objects []object `xml:"Object"`
		Quiet   bool
	}{Quiet: quiet}
	for i := range all {
		doc.Objects = append(doc.Objects, object{all[i].Key, all[i].VersionID})
	}
	return xml.Marshal(doc)
}

// mergeDeleted adds the objects that were refused to an upstream's answer.
func mergeDeleted(answer []byte, refused []deleteError) ([]byte, error) {
	var doc struct {
		XMLName xml.Name      `xml:"DeleteResult"`
		Deleted []deleted     `xml:"Deleted"`
		Errors  []deleteError `xml:"Error"`
	}
	if err := xml.Unmarshal(answer, &doc); err != nil {
		return nil, err
	}
	text, err := xml.Marshal(deleteResult{Deleted: doc.Deleted, Errors: append(doc.Errors, refused...)})
	return append([]byte(xml.Header), text...), err
}

// writeS3Error answers with an error, without a wrapper and, to HEAD, without a
// body. Source: identity-protocol §4.5.
func writeS3Error(w http.ResponseWriter, r *http.Request, f *s3Error) {
	body, err := xml.Marshal(struct {
		XMLName                 xml.Name `xml:"Error"`
		Code, Message, Resource string
		RequestID               string `xml:"RequestId"`
	}{Code: f.code, Message: f.message, Resource: r.URL.Path, RequestID: w.Header().Get("X-Amz-Request-Id")})
	if err != nil {
		body = nil // only a status is left to say
	}
	body = append([]byte(xml.Header), body...)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has left is told nothing
	}
}

// requestID returns a UUID of version 4.
func requestID(random io.Reader) string {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "00000000-0000-4000-8000-000000000000"
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
