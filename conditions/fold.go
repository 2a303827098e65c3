package conditions

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// equalFold reports whether a and b are equal under Unicode simple folding. A
// byte that is no UTF-8 equals only itself: package strings would take it for
// U+FFFD, and so for any other such byte.
func equalFold(a, b string) bool {
	return strings.EqualFold(a, b) && (utf8.ValidString(a) && utf8.ValidString(b) || sameBroken(a, b))
}

// sameBroken reports whether two texts that package strings takes for equal have
// the same bytes wherever either is no UTF-8.
func sameBroken(a, b string) bool {
	for a != "" && b != "" {
		n, m := runeLen(a, 0), runeLen(b, 0)
		if (n == 1 && a[0] >= utf8.RuneSelf || m == 1 && b[0] >= utf8.RuneSelf) && a[:n] != b[:m] {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

// fold maps text to one representative of everything that equals it without
// regard to case: fold(a) == fold(b) exactly if equalFold(a, b). Source:
// iam-semantics §10.3, case folding.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return foldSlow(s)
		}
	}
	return s
}

func foldSlow(s string) string {
	out := make([]byte, 0, len(s))
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError {
			out = append(out, s[:n]...) // as it is, if it is no UTF-8
		} else {
			out = utf8.AppendRune(out, foldRune(r))
		}
		s = s[n:]
	}
	return string(out)
}

// foldRune returns the smallest rune of r's folding orbit, in lower case when
// that is an ASCII letter.
func foldRune(r rune) rune {
	least := r
	for n := unicode.SimpleFold(r); n != r; n = unicode.SimpleFold(n) {
		least = min(least, n)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// equalFoldASCII reports whether a and b are equal when ASCII letters compare
// without case, as IAM compares action names.
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lowerASCII(a[i]) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
