package conditions

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// TestFoldBrokenBytes: a byte that is no UTF-8 equals itself and nothing else,
// U+FFFD least of all, which package strings takes it for. Source: choice C10.
func TestFoldBrokenBytes(t *testing.T) {
	texts := []string{
		"\ufffd", "\ufffd\ufffd", "\xff", "\xfe", "\xff\xff", "\xff\ufffd", "a\xff", "A\xff", "a\xfe", "a\ufffd", "\xe2\x84", "\xe2\x84\xff",
		"\u212a\xff", "K\xff", "\xf0\u212a", "\xf0k", "\xef\xbf", "\xef\xbf\xbd", "\xed\xa0\x80", "\xed\xa0\x81",
	}
	same := [][2]string{{"a\xff", "A\xff"}, {"\u212a\xff", "K\xff"}, {"\xf0\u212a", "\xf0k"}, {"\ufffd", "\xef\xbf\xbd"}}
	for _, a := range texts {
		for _, b := range texts {
			want := a == b || slices.Contains(same, [2]string{a, b}) || slices.Contains(same, [2]string{b, a})
			require.Equal(t, want, equalFold(a, b), "%q and %q", a, b)
			require.Equal(t, want, fold(a) == fold(b), "%q and %q", a, b)
			require.Equal(t, want, foldPrefix(a, b) == len(a), "%q and %q", a, b)
		}
	}
}

// TestFoldIsEqualFold: two texts have one folded form exactly if package
// strings takes them for equal. Source: choice C10.
func TestFoldIsEqualFold(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Cs, r) {
			continue
		}
		s := string(r)
		least := fold(s)
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			if fold(string(o)) != least || !strings.EqualFold(s, least) {
				require.Equal(t, least, fold(string(o)), "%U and %U", r, o)
				require.True(t, strings.EqualFold(s, least), "%U", r)
			}
		}
		if fold(least) != least {
			require.Equal(t, least, fold(least), "%U", r)
		}
	}
	words := []string{"", "k", "K", "\u212a", "s", "S", "ſ", "ß", "ẞ", "ss", "é", "É", "e\u0301", "i", "I", "İ", "ı", "Σ", "σ", "ς", "kſ", "KS"}
	for _, a := range words {
		for _, b := range words {
			require.Equal(t, strings.EqualFold(a, b), fold(a) == fold(b), "%q and %q", a, b)
			require.Equal(t, strings.EqualFold(a, b), equalFold(a, b))
			require.Equal(t, strings.EqualFold(a, b), foldPrefix(a, b) == len(a), "%q and %q", a, b)
		}
	}
}

// TestFoldASCII folds no letter beyond ASCII, as for actions and booleans.
func TestFoldASCII(t *testing.T) {
	for c := range 256 {
		s := string([]byte{byte(c)})
		want := s
		if 'A' <= c && c <= 'Z' {
			want = strings.ToLower(s)
		}
		require.Equal(t, want, lowerText(s))
		require.True(t, equalFoldASCII(s, want))
	}
	require.Equal(t, "get\u212aé", lowerText("GeT\u212aé"))
	require.False(t, equalFoldASCII("k", "\u212a"))
	require.False(t, equalFoldASCII("a", "ab"))
	require.False(t, equalFoldASCII("@", "`"))
}

// TestParseBool takes true and false in any ASCII case. Source: choice C8.
func TestParseBool(t *testing.T) {
	for s, want := range map[string]bool{"true": true, "TRUE": true, "tRuE": true, "false": false, "FALSE": false} {
		got, ok := parseBool(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "1", "0", "yes", "no", "t", "truee", " true", "true\n", "fal\u017fe"} {
		_, ok := parseBool(s)
		require.False(t, ok, s)
	}
}

// TestDecodeBase64 takes standard base64 with padding and nothing else.
func TestDecodeBase64(t *testing.T) {
	for s, want := range map[string]string{"": "", "AQI=": "\x01\x02", "AA==": "\x00", "AQID": "\x01\x02\x03", "+/+/": "\xfb\xff\xbf"} {
		got, ok := decodeBase64(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"AQI", "AQ", "A", "AQI==", "=", "-_-_", "AQ I=", "AQI=\n", "A\r\nQI=", "AQI= ", "AR==", "AQJ=", "é"} {
		_, ok := decodeBase64(s)
		require.False(t, ok, s)
	}
}
