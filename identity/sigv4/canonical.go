package sigv4

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// target splits the request target as it came over the wire. URL.Path is
// decoded, and an absolute target would set Host.
func target(r *http.Request) (path, rawQuery string, err *Error) {
	if r.Method == "" || !strings.HasPrefix(r.RequestURI, "/") {
		return "", "", refuse(Malformed, "The request target must begin with '/'.")
	}
	path, rawQuery, _ = strings.Cut(r.RequestURI, "?")
	return path, rawQuery, nil
}

// checkPath refuses paths that a verifier and a router may read differently.
// Source: identity-protocol §4.2.
func (v *Verifier) checkPath(path string) *Error {
	switch {
	case v.o.S3:
		// The key of an object is the decoded path: with an encoded slash the
		// same signature would hold for two targets.
		if containsFold(path, "%2f") {
			return refuse(Malformed, "The path has an encoded '/'.")
		}
	case path == "/":
	case v.o.REST:
		for segment := range strings.SplitSeq(path[1:], "/") {
			if dotSegment(segment) {
				return refuse(Malformed, "The path has a '.' or '..' segment.")
			}
		}
		if strings.Contains(path, "//") {
			return refuse(Malformed, "The path has an empty segment.")
		}
	default:
		return refuse(Malformed, "The path must be '/'.")
	}
	return nil
}

// dotSegment reports whether a segment is "." or "..", encoded or not.
func dotSegment(s string) bool {
	if len(s) > len("%2e%2e") {
		return false
	}
	s = strings.ReplaceAll(strings.ToLower(s), "%2e", ".")
	return s == "." || s == ".."
}

func containsFold(s, lower string) bool {
	return strings.Contains(s, "%") && strings.Contains(strings.ToLower(s), lower)
}

// spellHeader spells a lower-case name as http.Header does, such as
// Content-Type.
func spellHeader(name string) (spelt string, ok bool) {
	if name == "" || len(name) > maxHeaderName {
		return "", false
	}
	var buf [maxHeaderName]byte
	out, upper := buf[:0], true
	for i := range len(name) {
		c := name[i]
		if !headerNameByte[c] {
			return "", false
		}
		if upper && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		out = append(out, c)
	}
	return string(out), true
}

// headerNameByte holds the bytes of a token of HTTP but the upper-case letters.
// Source: RFC 9110 §5.6.2.
var headerNameByte = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") {
		t[c] = true
	}
	return t
}()

// canonical writes the canonical request to s.buf.
func (s *scratch) canonical(r *http.Request, a *authorization, path string, o *Options) *Error {
	b := s.buf[:0]
	b = append(b, r.Method...)
	b = append(b, '\n')
	if o.S3 {
		var ok bool
		if b, ok = appendEncoded(b, path, inPath); !ok {
			return refuse(Malformed, "The path has a '%%' that no two hexadecimal digits follow.")
		}
	} else {
		b = appendEscaped(b, path)
	}
	b = append(b, '\n')
	b = s.query.appendCanonical(b)
	b = append(b, '\n')
	block := len(b)
	for i := range a.list.names {
		n := &a.list.names[i]
		lines, err := a.headers.find(r, n)
		if err != nil {
			return err
		}
		b = append(b, n.lower...)
		b = append(b, ':')
		switch {
		case lines != nil:
			b = appendLines(b, lines)
		case n.lower == nameHost:
			b = append(b, o.host(r)...)
		default:
			b = strconv.AppendInt(b, r.ContentLength, 10)
		}
		b = append(b, '\n')
	}
	if !oneLineEach(b[block:], len(a.list.names)) {
		return refuse(Malformed, "The value of a signed header has a tab or a line break.")
	}
	b = append(b, '\n')
	b = append(b, a.signedHeaders...)
	b = append(b, '\n')
	b = append(b, s.bodyHash...)
	s.buf = b
	return nil
}

// oneLineEach reports whether a block of n headers has one line for each: a line
// break in a value would forge another. Nor has it tabs, which clients sign in
// different ways.
func oneLineEach(block []byte, n int) bool {
	return bytes.Count(block, []byte{'\n'}) == n && bytes.IndexByte(block, '\t') < 0 && bytes.IndexByte(block, '\r') < 0
}

// host returns Host as clients sign it: without a default port.
func (o *Options) host(r *http.Request) string {
	if host, ok := strings.CutSuffix(r.Host, ":80"); ok && r.TLS == nil {
		return host
	}
	if host, ok := strings.CutSuffix(r.Host, ":443"); ok && o.TLS(r) {
		return host
	}
	return r.Host
}

// appendLines appends the value of a header: lines trimmed and joined, runs of
// spaces as one.
func appendLines(dst []byte, lines []string) []byte {
	for i, line := range lines {
		if i > 0 {
			dst = append(dst, ',')
		}
		line = strings.Trim(line, " ")
		for {
			run := strings.Index(line, "  ")
			if run < 0 {
				break
			}
			dst = append(dst, line[:run+1]...)
			line = strings.TrimLeft(line[run:], " ")
		}
		dst = append(dst, line...)
	}
	return dst
}

// unreserved holds the bytes that are never encoded. Source: RFC 3986 §2.3.
var unreserved = func() (t [256]bool) {
	for c := range t {
		t[c] = letterOrDigit(byte(c)) || strings.IndexByte("-_.~", byte(c)) >= 0
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

func appendByte(dst []byte, c byte) []byte {
	if unreserved[c] {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// appendEscaped encodes a path, but its slashes.
func appendEscaped(dst []byte, path string) []byte {
	for i := range len(path) {
		if path[i] == '/' {
			dst = append(dst, '/')
		} else {
			dst = appendByte(dst, path[i])
		}
	}
	return dst
}

// part is a part of a request target. In a path "/" delimits; in a query "+" is
// a space.
type part uint8

const (
	inPath part = iota
	inQuery
)

// appendEncoded decodes s and encodes it again. It reports false for a
// malformed escape.
func appendEncoded(dst []byte, s string, in part) (out []byte, ok bool) {
	for i := 0; i < len(s); i++ {
		run := i
		for i < len(s) && unreserved[s[i]] {
			i++
		}
		dst = append(dst, s[run:i]...)
		if i == len(s) {
			break
		}
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || hexDigit(s[i+1])|hexDigit(s[i+2]) > 15 {
				return dst, false
			}
			dst = appendByte(dst, hexDigit(s[i+1])<<4|hexDigit(s[i+2]))
			i += 2
		case c == '+' && in == inQuery:
			dst = append(dst, "%20"...)
		case c == '/' && in == inPath:
			dst = append(dst, c)
		default:
			dst = appendByte(dst, c)
		}
	}
	return dst, true
}

// hexDigit returns the value of a digit in either case, 255 for what is none.
func hexDigit(c byte) byte {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return lowerHex[c]
}
