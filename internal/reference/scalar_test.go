package reference

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Section 3.5: what is accepted, and what is not.
func TestNumbers(t *testing.T) {
	for _, same := range [][]string{
		{"10", "10.0", "010", "+10", "10.000"},
		{"0", "-0", "0.0", "+00"},
		{"-1.5", "-01.50"},
		{strings.Repeat("9", 64), strings.Repeat("9", 64)},
	} {
		first, ok := parseNumber(same[0])
		require.True(t, ok, same[0])
		for _, s := range same {
			n, ok := parseNumber(s)
			require.True(t, ok, s)
			require.Zero(t, n.Cmp(first), s)
		}
	}
	for _, s := range []string{
		"", " 1", "1 ", "0x10", "1_000", "NaN", "Inf", "10abc", "1,5", ".5", "5.", "1e3", "--1", "+", "1/2", "٣",
		strings.Repeat("9", 65),
	} {
		_, ok := parseNumber(s)
		require.False(t, ok, s)
	}
}

func TestDates(t *testing.T) {
	for _, same := range [][]string{
		{"2026-03", "2026-03-01", "2026-03-01T00:00Z", "2026-03-01T02:00:00+02:00", "1772323200", "01772323200"},
		{"2026-03-01T00:00:00.5Z", "2026-03-01T00:00:00.500000000Z", "2026-02-28T18:30:00.50-05:30"},
		{"1970-01-01", "0"},
		{"9999-12-31T23:59:59Z", "253402300799"},
		{"2024-02-29", "2024-02-29T23:59:00+23:59"},
	} {
		first, ok := parseDate(same[0])
		require.True(t, ok, same[0])
		for _, s := range same {
			d, ok := parseDate(s)
			require.True(t, ok, s)
			require.Equal(t, first.Equal(d), true, s)
		}
	}
	for _, s := range []string{
		"", "2026-13-01", "2026-02-30", "2026-3-1", "2026-W10", "2026-03-01T00:00", "2026-03-01T00:00:00",
		"2026-03-01T24:00Z", "2026-03-01T00:60Z", "2026-03-01T00:00:60Z", "2026-03-01T0:00Z", "2026-03-01t00:00z",
		"2026-03-01T00:00.5Z", "2026-03-01T00:00:00.Z", "2026-03-01T00:00:00.0000000000Z", "2026-03-01T00:00:00,5Z",
		"2026-03-01T00:00+24:00", "2026-03-01T00:00+00:60", "2026-03-01T00:00+0000", "2026-03T00:00Z", "2026-03-01T",
		"2026-03-01T00:00ZZ", "2026-03-*", "-1", "+1", "1.5", "253402300800", strings.Repeat("9", 40), "20260301",
	} {
		_, ok := parseDate(s)
		require.Equal(t, s == "20260301", ok, s)
	}
}

func TestAddresses(t *testing.T) {
	for _, s := range []string{"203.0.113.1", "::1", "2001:db8::9", "::ffff:203.0.113.1"} {
		_, ok := parseAddress(s)
		require.True(t, ok, s)
	}
	for _, s := range []string{"", "203.0.113.01", "203.0.113", "203.0.113.1/32", "fe80::1%eth0", "::ffff:1.2.3.4%x", "1.2.3.4-1.2.3.9"} {
		_, ok := parseAddress(s)
		require.False(t, ok, s)
	}
	for _, row := range []struct {
		network, address string
		want             bool
	}{
		{"203.0.113.77/24", "203.0.113.1", true},
		{"203.0.113.77", "203.0.113.77", true},
		{"203.0.113.77", "203.0.113.78", false},
		{"203.0.113.0/24", "::ffff:203.0.113.9", true},
		{"::ffff:203.0.113.0/120", "203.0.113.9", true},
		{"::ffff:203.0.113.0/120", "203.0.114.9", false},
		{"::ffff:203.0.113.7", "203.0.113.7", true},
		{"::/0", "203.0.113.9", false},
		{"::/0", "2001:db8::1", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"2001:db8::1", "2001:db8::1", true},
		{"2001:db8::1", "2001:db8::2", false},
	} {
		p, ok := parseNetwork(row.network)
		require.True(t, ok, row.network)
		a, _ := parseAddress(row.address)
		require.Equal(t, row.want, p.Contains(a), "%v", row)
	}
	for _, s := range []string{"", "203.0.113.0/33", "203.0.113.0/", "fe80::%1/64", "a-b"} {
		_, ok := parseNetwork(s)
		require.False(t, ok, s)
	}
}

func TestBooleansAndBinary(t *testing.T) {
	for s, want := range map[string]bool{"true": true, "TRUE": true, "False": false} {
		b, ok := parseBool(s)
		require.True(t, ok, s)
		require.Equal(t, want, b, s)
	}
	for _, s := range []string{"", "1", "yes", "true ", "fal\u017fe"} {
		_, ok := parseBool(s)
		require.False(t, ok, s)
	}
	b, ok := parseBinary("AQI=")
	require.True(t, ok)
	require.Equal(t, "\x01\x02", b)
	for _, s := range []string{"AQI", "A-_=", "AQI=\n"} {
		_, ok := parseBinary(s)
		require.False(t, ok, s)
	}
}

// Section 2.6: names fold, tags win by exact case.
func TestKeyNames(t *testing.T) {
	r := asking(map[string][]string{
		"AWS:ſourceip": {"10.0.0.1"}, "aws:ResourceTag/env": {"a"}, "aws:ResourceTag/Env": {"b"}, "aws:RequestTag/x/y:z": {"c"},
	})
	require.Equal(t, yes, r.entry(condition("IpAddress", "aws:SourceIp", "10.0.0.0/8"), true))
	require.Equal(t, yes, r.entry(condition("StringEquals", "aws:resourcetag/Env", "b"), true))
	require.Equal(t, yes, r.entry(condition("StringEquals", "aws:resourcetag/env", "a"), true))
	require.Equal(t, unknown, r.entry(condition("StringEquals", "aws:resourcetag/ENV", "a"), true))
	require.Equal(t, yes, r.entry(condition("StringEquals", "aws:RequestTag/X/Y:Z", "c"), true))
	require.Equal(t, "aws:ResourceTag/eNv", describe("AWS:resourcetag/eNv").name)
	require.True(t, describe("oidc.example.com/id/AB12:amr").list)
	require.True(t, describe("oidc.example.com:8443/id:email").untyped)
	require.False(t, describe("login.example.net:aud").untyped)
	require.False(t, describe("oidc.example.com/id:sub").untyped)
	require.True(t, describe("app:amr").untyped)
	require.Equal(t, "kms:EncryptionContext:k:L", describe("KMS:encryptioncontext:k:L").name)
}
