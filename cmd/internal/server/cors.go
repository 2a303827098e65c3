package server

import (
	"net/http"
	"strings"
)

// Browsers call both Cognito services directly. No cookie is used there, so
// that any origin may. Source: identity-protocol §0.7.
const (
	exposedHeaders   = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
	preflightMaxAge  = "172800"
	maxEchoedHeaders = 64
)

// allowOrigins lets scripts of any page read the answer.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
}

// preflight answers a browser's question whether a page may call.
func (x *exchange) preflight(methods string) {
	h := x.w.Header()
	allowOrigins(h)
	h.Set("Access-Control-Allow-Methods", methods)
	if names := echo(x.r.Header.Values("Access-Control-Request-Headers")); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Access-Control-Max-Age", preflightMaxAge)
	h.Add("Vary", "Access-Control-Request-Headers")
	x.status = http.StatusNoContent
	x.w.WriteHeader(http.StatusNoContent)
}

// echo returns the header names of a preflight that may be sent back.
func echo(lists []string) string {
	var names []string
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			if headerName(name) && len(names) < maxEchoedHeaders {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ",")
}

func headerName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
