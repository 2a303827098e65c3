package sigv4

import (
	"net/http"
	"strings"
)

// input is a header that decides what a request means. Two of one are two
// readings.
type input uint8

const (
	authorizationHeader input = iota
	contentType
	amzDate
	plainDate
	amzToken
	amzBodyHash
	amzTarget
	amzDecodedLength
	amzTrailer
	inputs
)

// inputNames are the names as http.Header spells them.
var inputNames = [inputs]string{
	authorizationHeader: "Authorization",
	contentType:         "Content-Type",
	amzDate:             "X-Amz-Date",
	plainDate:           "Date",
	amzToken:            "X-Amz-Security-Token",
	amzBodyHash:         "X-Amz-Content-Sha256",
	amzTarget:           "X-Amz-Target",
	amzDecodedLength:    "X-Amz-Decoded-Content-Length",
	amzTrailer:          "X-Amz-Trailer",
}

// inputOf finds an input by name, in lower case or as http.Header spells it;
// inputs means that it is none. A switch on strings is faster than a map.
func inputOf(name string) input {
	switch name {
	case "Authorization", "authorization":
		return authorizationHeader
	case "Content-Type", "content-type":
		return contentType
	case "X-Amz-Date", "x-amz-date":
		return amzDate
	case "Date", "date":
		return plainDate
	case "X-Amz-Security-Token", "x-amz-security-token":
		return amzToken
	case "X-Amz-Content-Sha256", "x-amz-content-sha256":
		return amzBodyHash
	case "X-Amz-Target", "x-amz-target":
		return amzTarget
	case "X-Amz-Decoded-Content-Length", "x-amz-decoded-content-length":
		return amzDecodedLength
	case "X-Amz-Trailer", "x-amz-trailer":
		return amzTrailer
	}
	return inputs
}

// headers are the headers of a request, read in one pass.
type headers struct {
	lines [inputs][]string
	// amz counts the x-amz-* headers.
	amz int
	// signed are those that the signature covers, in order.
	signed []signedHeader
}

// signedHeader is a header that the signature covers.
type signedHeader struct {
	name  string
	lines []string // nil for host and content-length, which are not in the map
}

const (
	nameHost          = "host"
	nameContentLength = "content-length"
)

func (h *headers) reset() {
	clear(h.signed)
	*h = headers{signed: h.signed[:0]}
}

// read reads the inputs.
func (h *headers) read(all http.Header) *Error {
	for name, lines := range all {
		if in := inputOf(name); in != inputs {
			h.lines[in] = lines
		}
		if hasAmzPrefix(name) {
			h.amz++
		}
	}
	for in, lines := range h.lines {
		switch {
		case lines == nil:
		case len(lines) != 1:
			return refuse(Malformed, "The request has more than one %s header.", inputNames[in])
		case lines[0] == "" && in != int(contentType):
			return refuse(Malformed, "The %s header is empty.", inputNames[in])
		}
	}
	return nil
}

// get returns an input, which is empty only if the request does not have it.
func (h *headers) get(in input) string {
	if h.lines[in] == nil {
		return ""
	}
	return h.lines[in][0]
}

// readSigned reads the list of signed headers, and checks that they are there
// and that all which must be signed are. Source: identity-protocol §4.2.
func (h *headers) readSigned(r *http.Request, a *authorization, s3 bool) *Error {
	last, amz := "", 0
	for rest, more := a.signedHeaders, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, ";")
		if name <= last {
			return refuse(Malformed, "SignedHeaders must be sorted, and each name there once.")
		}
		last = name
		if len(h.signed) == maxSignedHeaders {
			return refuse(Malformed, "More than %d headers are signed.", maxSignedHeaders)
		}
		lines, err := h.find(r, name)
		if err != nil {
			return err
		}
		if hasAmzPrefix(name) {
			amz++
		}
		h.signed = append(h.signed, signedHeader{name, lines})
	}
	// A presigned request of S3 may say once more, unsigned, that its body is
	// not signed.
	if s3 && a.presigned && h.get(amzBodyHash) == unsignedPayload && !h.covers("x-amz-content-sha256") {
		amz++
	}
	switch {
	case !h.covers(nameHost):
		return refuse(NotSigned, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	case !s3 && h.lines[contentType] != nil && !h.covers("content-type"):
		return refuse(NotSigned, "'Content-Type' must be a 'SignedHeader' in the AWS Authorization.")
	case !a.presigned && h.lines[amzDate] == nil && !h.covers("date"):
		return refuse(NotSigned, "'Date' must be a 'SignedHeader' in the AWS Authorization.")
	case amz != h.amz:
		// Every signed one is there, so equal numbers mean that they are the
		// same.
		return refuse(NotSigned, "There were headers present in the request which were not signed: every x-amz-* header must be a 'SignedHeader'.")
	}
	return nil
}

// covers reports whether a header is signed.
func (h *headers) covers(name string) bool {
	for i := range h.signed {
		if h.signed[i].name == name {
			return true
		}
	}
	return false
}

// find returns the lines of a header that is signed.
func (h *headers) find(r *http.Request, name string) ([]string, *Error) {
	var lines []string
	if in := inputOf(name); in != inputs {
		if name[0] < 'a' {
			return nil, badName()
		}
		lines = h.lines[in]
	} else {
		if name == nameHost || name == nameContentLength && r.ContentLength >= 0 {
			return nil, nil
		}
		var buf [128]byte
		spelt, ok := appendHeaderName(buf[:0], name)
		if !ok {
			return nil, badName()
		}
		lines = r.Header[string(spelt)]
	}
	if len(lines) == 0 {
		return nil, refuse(Malformed, "SignedHeaders names a header that the request does not have.")
	}
	return lines, nil
}

func badName() *Error {
	return refuse(Malformed, "SignedHeaders has a name that is empty, too long, or not of lower-case header characters.")
}
