package userpool

import (
	"net"
	"net/url"
	"strings"
)

// RedirectFault says why a browser may not be sent to an address, "" if it may.
// Such addresses are compared exactly, so they stand as a client sends them:
// https, or http on loopback, without a fragment, a user or a wildcard. Source:
// RFC 6749 §3.1.2; RFC 9700 §2.1.
func RedirectFault(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || len(address) > 1024 || u.Host == "" || u.Opaque != "":
		return "want an address such as https://app.example/back"
	case strings.Contains(address, "#"):
		return "want an address without a fragment"
	case u.User != nil:
		return "want an address without a user"
	case strings.ContainsAny(address, "*\\") || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "want one address in ASCII, without wildcards"
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "want https, or http on loopback"
	}
	return ""
}

// loopback reports whether a host can be this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// scopeName reports whether s may name a scope. Source: RFC 6749 §3.3.
func scopeName(s string) bool {
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, bad)
}
