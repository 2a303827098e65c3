package userpool

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// normal returns the one form of a name, under which it is stored and found:
// NFKC with case folded, so that Jane, jane and ＪＡＮＥ are one user. It
// reports false for a text that no name may be: one with characters that
// cannot be seen, or that has no stable form.
//
// Source: identity-protocol §6.3, "Unicode look-alikes"; Unicode Standard
// §3.13, toNFKC_Casefold, of which characters to be ignored are refused here.
func normal(name string) (string, bool) {
	fold := cases.Fold()
	for range 4 {
		next := fold.String(norm.NFKC.String(name))
		if next == name {
			return name, usernameRule.broken(name) == "" && !strings.ContainsFunc(name, ignorable)
		}
		name = next
	}
	return "", false
}

// ignorable reports characters that a reader does not see.
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf)
}

// maxEmail is what SMTP can carry. Source: RFC 5321 §4.5.3.1.3.
const maxEmail = 254

// validEmail reports whether s is a bare address such as jane@example.com: no
// name, no quotes, nothing that a mail header would read as more.
func validEmail(s string) bool {
	if len(s) > maxEmail || strings.ContainsFunc(s, func(r rune) bool { return !visible(r) }) || strings.ContainsAny(s, `"<>(),:;[]\`) {
		return false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return false
	}
	_, domain, _ := strings.Cut(s, "@")
	return !strings.Contains(domain, "@") && strings.Contains(strings.Trim(domain, "."), ".")
}

// lowerASCII folds the case of letters that every mail server takes for equal,
// and of no others.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// maskEmail hides most of an address: j***@e***. Source: identity-protocol
// §2.3.
func maskEmail(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	return first(local) + "***@" + first(domain) + "***"
}

func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// uuidLike reports whether s has the form of a UUID in lower case, that of a
// sub.
func uuidLike(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := digit(rune(s[i])) || 'a' <= s[i] && s[i] <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}
