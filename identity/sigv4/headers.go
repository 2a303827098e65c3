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
}

// maxHeaderName is the most that the name of a signed header may have.
const maxHeaderName = 128

const (
	nameHost          = "host"
	nameContentLength = "content-length"
)

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
	for in, lines := range &h.lines {
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

// checkSigned checks that the signed headers are there and that all which must be
// signed are. Source: identity-protocol §4.2.
func (h *headers) checkSigned(r *http.Request, a *authorization, s3 bool) *Error {
	list := a.list
	for i := range list.names {
		if _, err := h.find(r, &list.names[i]); err != nil {
			return err
		}
	}
	amz := list.amz
	// A presigned request of S3 may say once more, unsigned, that its body is
	// not signed.
	if s3 && a.presigned && h.get(amzBodyHash) == unsignedPayload && !list.covers("x-amz-content-sha256") {
		amz++
	}
	switch {
	case !list.covers(nameHost):
		return refuse(NotSigned, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	case !s3 && h.lines[contentType] != nil && !list.covers("content-type"):
		return refuse(NotSigned, "'Content-Type' must be a 'SignedHeader' in the AWS Authorization.")
	case !a.presigned && h.lines[amzDate] == nil && !list.covers("date"):
		return refuse(NotSigned, "'Date' must be a 'SignedHeader' in the AWS Authorization.")
	case amz != h.amz:
		// Every signed one is there, so equal numbers mean that they are the
		// same.
		return refuse(NotSigned, "There were headers present in the request which were not signed: every x-amz-* header must be a 'SignedHeader'.")
	}
	return nil
}

// find returns the lines of a signed header: nil for host and content-length,
// which are not in the map.
func (h *headers) find(r *http.Request, n *headerName) (lines []string, err *Error) {
	switch {
	case n.in != inputs:
		lines = h.lines[n.in]
	case n.lower == nameHost, n.lower == nameContentLength && r.ContentLength >= 0:
		return nil, nil
	default:
		lines = r.Header[n.spelt]
	}
	if len(lines) == 0 {
		return nil, refuse(Malformed, "SignedHeaders names a header that the request does not have.")
	}
	return lines, nil
}

// headerList is SignedHeaders, parsed. What is in the cache is never changed.
type headerList struct {
	text  string
	names []headerName
	amz   int // how many are x-amz-*
}

// headerName is the name of a signed header: as it is signed, and as
// http.Header spells it if it is no input.
type headerName struct {
	lower, spelt string
	in           input
}

// parse reads the names, which must be in order.
func (l *headerList) parse(text string) *Error {
	l.text, l.names, l.amz = text, l.names[:0], 0
	last := ""
	for name := range strings.SplitSeq(text, ";") {
		if name <= last {
			return refuse(Malformed, "SignedHeaders must be sorted, and each name there once.")
		}
		last = name
		if len(l.names) == maxSignedHeaders {
			return refuse(Malformed, "More than %d headers are signed.", maxSignedHeaders)
		}
		n := headerName{lower: name, in: inputOf(name)}
		if n.in == inputs {
			var ok bool
			if n.spelt, ok = spellHeader(name); !ok {
				return badName()
			}
		} else if name[0] < 'a' {
			return badName()
		}
		if hasAmzPrefix(name) {
			l.amz++
		}
		l.names = append(l.names, n)
	}
	return nil
}

func (l *headerList) reset() {
	clear(l.names)
	*l = headerList{names: l.names[:0]}
}

// covers reports whether a header is signed.
func (l *headerList) covers(name string) bool {
	for i := range l.names {
		if l.names[i].lower == name {
			return true
		}
	}
	return false
}

func badName() *Error {
	return refuse(Malformed, "SignedHeaders has a name that is empty, too long, or not of lower-case header characters.")
}
