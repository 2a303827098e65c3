package httpauth

import (
	"net/http"
	"strings"
)

// reserved are headers that gateways tell an application who calls with, in
// lower case; one that ends in a hyphen stands for all that begin with it.
// Source: identity-protocol §5, §6.4.
var reserved = []string{
	"x-amzn-oidc-",
	"x-auth-", "x-rowan-",
	"x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-access-token",
	"x-remote-user", "remote-user",
}

// DeleteIdentityHeaders deletes what the outside says of who calls: headers and
// trailers that gateways use for that, with hyphens or underscores in any case,
// also where Connection would have the next hop delete them after it set them.
// Trailers come with the end of the body: those that are yet to come it does
// not see.
func DeleteIdentityHeaders(r *http.Request) {
	deleteReserved(r.Header)
	deleteReserved(r.Trailer)
	const name = "Connection"
	lines, ok := r.Header[name]
	if !ok {
		return
	}
	var kept []string
	for _, line := range lines {
		for option := range strings.SplitSeq(line, ",") {
			if option = strings.TrimSpace(option); option != "" && !isReserved(option) {
				kept = append(kept, option)
			}
		}
	}
	delete(r.Header, name)
	if len(kept) > 0 {
		r.Header[name] = []string{strings.Join(kept, ", ")}
	}
}

func deleteReserved(h http.Header) {
	for name := range h {
		if isReserved(name) {
			delete(h, name)
		}
	}
}

func isReserved(name string) bool {
	// CGI and what grew from it takes "_" and "-" for one character.
	folded := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	for _, r := range reserved {
		if folded == r || strings.HasSuffix(r, "-") && strings.HasPrefix(folded, r) {
			return true
		}
	}
	return false
}
