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
			if option = strings.TrimSpace(option); option != "" && !Reserved(option) {
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
		if Reserved(name) {
			delete(h, name)
		}
	}
}

// Reserved reports whether a header, in any case and with hyphens or underscores,
// is one that gateways tell an application who calls with.
func Reserved(name string) bool {
	for _, r := range reserved {
		if family := r[len(r)-1] == '-'; len(name) < len(r) || len(name) > len(r) && !family {
			continue
		}
		if begins(name, r) {
			return true
		}
	}
	return false
}

// begins reports whether a name begins with r, which is in lower case. CGI and
// what grew from it takes "_" and "-" for one character.
func begins(name, r string) bool {
	for i := range len(r) {
		c := name[i]
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != r[i] {
			return false
		}
	}
	return true
}
