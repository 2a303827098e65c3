package reference

import (
	"encoding/base64"
	"strings"
)

// parseBool reads true or false in any case of ASCII letters. Section 3.5 and
// C8.
func parseBool(s string) (value, ok bool) {
	switch lowerASCII(s) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

func lowerASCII(s string) string {
	out := []byte(s)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// parseBinary reads standard base64 with padding, as policies write bytes.
// Section 3.5. A context holds the bytes themselves (C3).
func parseBinary(s string) (string, bool) {
	bytes, err := base64.StdEncoding.DecodeString(s)
	return string(bytes), err == nil && !strings.ContainsAny(s, "\r\n")
}
