package httpauth

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

// requestID is the header that names a request in answers. Whoever is in front
// sets it; the answers here repeat it.
const requestID = "X-Amzn-Requestid"

// WriteJSON answers as JSON services do. Source: identity-protocol §0.4.
func WriteJSON(w http.ResponseWriter, r *http.Request, e *sigv4.Error) {
	status, name := e.JSON()
	body, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{name, e.Message})
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	contentType := "application/x-amz-json-1.1"
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.0") {
		contentType = "application/x-amz-json-1.0"
	}
	w.Header().Set("X-Amzn-Errortype", name+":")
	w.Header().Set("X-Amzn-Errormessage", printable(e.Message))
	write(w, r, status, contentType, body)
}

// printable keeps what may stand in a header.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, s)
}

// WriteQuery answers as STS does. Source: identity-protocol §3.2.
func WriteQuery(w http.ResponseWriter, r *http.Request, e *sigv4.Error) {
	status, code := e.Query()
	type fault struct{ Type, Code, Message string }
	kind := "Sender"
	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	body, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Error     fault
		RequestID string `xml:"RequestId"`
	}{Error: fault{kind, code, e.Message}, RequestID: w.Header().Get(requestID)})
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	write(w, r, status, "text/xml", body)
}

// WriteS3 answers as S3 does. Source: identity-protocol §4.5.
func WriteS3(w http.ResponseWriter, r *http.Request, e *sigv4.Error) {
	status, code := e.S3()
	body, err := xml.Marshal(struct {
		XMLName                 xml.Name `xml:"Error"`
		Code, Message, Resource string
		RequestID               string `xml:"RequestId"`
	}{Code: code, Message: e.Message, Resource: r.URL.Path, RequestID: w.Header().Get(requestID)})
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	write(w, r, status, "application/xml", append([]byte(xml.Header), body...))
}

func write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// The client is gone if this fails.
		_, _ = w.Write(body)
	}
}
