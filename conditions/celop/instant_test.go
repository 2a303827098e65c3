package celop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// readByIAM reports whether a Date operator reads s, and as what seconds.
func readByIAM(t *testing.T, s string) bool {
	t.Helper()
	return conditions.AWS().NewContext().Set("aws:CurrentTime", s) == nil
}

// TestParseTime: CEL and the Date operators read the same texts as the same
// instants. Year 0 is the exception.
func TestParseTime(t *testing.T) {
	five := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	cases := map[string]time.Time{
		"2026-11":                        time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-23":                     five.Add(-5 * time.Hour),
		"2026-11-23T05:00Z":              five,
		"2026-11-23T05:00:00Z":           five,
		"2026-11-23T05:00:00.000000000Z": five,
		"2026-11-23T05:00:00.25Z":        five.Add(250 * time.Millisecond),
		"2026-11-23T07:30:00+02:30":      five,
		"2026-11-22T23:00:00.5-06:00":    five.Add(500 * time.Millisecond),
		"1795410000":                     five,
		"0":                              time.Unix(0, 0).UTC(),
		"2026":                           time.Unix(2026, 0).UTC(),
		"253402300799":                   time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"0001-01-01":                     time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for s, want := range cases {
		got, ok := parseTime(s)
		require.True(t, ok, s)
		require.True(t, want.Equal(got), "%s is %s", s, got)
		require.True(t, readByIAM(t, s), s)
	}
	_, ok := parseTime("0000-01-01")
	require.False(t, ok)
	require.True(t, readByIAM(t, "0000-01-01"))
}

// TestParseTimeIsStrict tries every text one edit away from a good one.
func TestParseTimeIsStrict(t *testing.T) {
	const alphabet = "0129:-+.,TtZz /\x00"
	for _, s := range []string{
		"2026-11", "2026-11-23", "2026-02-28", "2026-11-23T05:00Z", "2026-11-23T23:59:59Z", "2026-11-23T05:00:00.123456789Z",
		"2026-11-23T05:00:00+23:59", "2026-11-23T05:00:00.5-00:00", "1795410000", "253402300799", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	} {
		for i := 0; i <= len(s); i++ {
			try := []string{}
			if i < len(s) {
				try = append(try, s[:i]+s[i+1:])
			}
			for _, c := range alphabet {
				try = append(try, s[:i]+string(c)+s[i:])
				if i < len(s) {
					try = append(try, s[:i]+string(c)+s[i+1:])
				}
			}
			for _, text := range try {
				at, ok := parseTime(text)
				want := readByIAM(t, text)
				if year := at.Year(); !ok && want {
					// Out of CEL's range by its year or by its zone.
					require.Regexp(t, `^(0000|0001-01-01T|9999-12-31T)`, text, "year %d", year)
					continue
				}
				require.Equal(t, want, ok, "%q", text)
			}
		}
	}
}
