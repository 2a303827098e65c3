package edge

import (
	"strings"
	"unicode/utf8"
)

// maxPath is how long a path may be.
const maxPath = 1500

// canonicalPath returns the path of a target decoded, if a proxy, this server
// and the one behind read it alike: it is absolute and has no empty segments
// but for one at its end, no dot segments, and %XX only for what no one takes
// for anything else. Source: identity-protocol §5.4, §6.4.
func canonicalPath(target string) (path string, ok bool) {
	raw, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(raw, "/") || len(raw) > maxPath {
		return "", false
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			if i+2 >= len(raw) {
				return "", false
			}
			high, low := hexDigit(raw[i+1]), hexDigit(raw[i+2])
			if high < 0 || low < 0 || !escapable(byte(high<<4|low)) {
				return "", false
			}
			c = byte(high<<4 | low)
			i += 2
		case c != '/' && !unreserved(c) && strings.IndexByte(delimiters, c) < 0:
			return "", false
		}
		out = append(out, c)
	}
	path = string(out)
	if !utf8.ValidString(path) {
		return "", false
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return "", false
		}
	}
	return path, true
}

// delimiters stand for themselves in a path, encoded or not. ";" is none of
// them: some take it for the beginning of parameters. Source: RFC 3986 §3.3.
const delimiters = "!$&'()*+,=:@"

// unreserved bytes are never encoded by whoever means well.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// escapable reports whether a byte may be written %XX: not if it is unreserved,
// nor a control character, nor what would make another path once decoded.
func escapable(c byte) bool {
	return !unreserved(c) && c >= ' ' && c != 0x7f && strings.IndexByte(`/\;%?#`, c) < 0
}

// hexDigit is the value of a hexadecimal digit, -1 for what is none.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// plainMethod reports whether a method has capital letters alone.
func plainMethod(m string) bool {
	const most = 32
	return m != "" && len(m) <= most && strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
