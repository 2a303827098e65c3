package conditions

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestParseDate holds what a date is. Source: iam-semantics §3.5; choice C7.
func TestParseDate(t *testing.T) {
	for s, want := range map[string]instant{
		"2026-03":                        {seconds: 1772323200},
		"2026-03-01":                     {seconds: 1772323200},
		"2026-03-01T00:00Z":              {seconds: 1772323200},
		"2026-03-01T00:00:00Z":           {seconds: 1772323200},
		"2026-03-01T02:00:00+02:00":      {seconds: 1772323200},
		"2026-02-28T19:30-04:30":         {seconds: 1772323200},
		"2026-03-01T00:00:00-00:00":      {seconds: 1772323200},
		"2026-03-01T00:00:00.5Z":         {1772323200, 500_000_000},
		"2026-03-01T00:00:00.000000001Z": {1772323200, 1},
		"2026-03-01T00:00:00.123456789Z": {1772323200, 123_456_789},
		"2024-02-29":                     {seconds: 1709164800},
		"1772323200":                     {seconds: 1772323200},
		"0":                              {},
		"2026":                           {seconds: 2026},
		"1969-12-31T23:59:59.9Z":         {-1, 900_000_000},
		"0000-01-01":                     {seconds: -62167219200},
		"9999-12-31T23:59:59Z":           {seconds: maxEpoch},
		"253402300799":                   {seconds: maxEpoch},
		"9999-12-31T23:59:59.999999999Z": {maxEpoch, 999_999_999},
	} {
		got, ok := parseDate(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{
		"", " ", "2026-", "2026-3", "2026-3-1", "26-03-01", "2026-13-01", "2026-00-01", "2026-01-00", "2026-02-30", "2023-02-29",
		"2026-06-31", "2026-W09", "2026-W09-7", "2026-060", "20260301T000000Z", "2026-03T00:00Z", "2026-03-01T", "2026-03-01T00Z",
		"2026-03-01T00:00", "2026-03-01T00:00:00", "2026-03-01T24:00Z", "2026-03-01T23:60Z", "2026-03-01T23:59:60Z", "2026-03-01T23:59:61Z",
		"2026-03-01T23:59:Z", "2026-03-01T23:59:5Z", "2026-03-01T23:59:59.Z", "2026-03-01T23:59:59,5Z", "2026-03-01T23:59:59.1234567890Z",
		"2026-03-01T23:59:59z", "2026-03-01t23:59:59Z", "2026-03-01 23:59:59Z", "2026-03-01T23:59:59Z ", " 2026-03-01", "2026-03-01Z",
		"2026-03-01T00:00:00+24:00", "2026-03-01T00:00:00+01:60", "2026-03-01T00:00:00+0100", "2026-03-01T00:00:00+01", "2026-03-01T00:00:00ZZ",
		"2026-03-01T00:00:00Z01:00", "-2026-03-01", "+2026-03-01", "12026-03-01", "2026-03-*", "2026*", "-1", "+1", "1.0", "1e9",
		"2026-03-01T00:00-00:1", "253402300800", "1772323200000", "99999999999999999999", "٢٠٢٦-٠٣-٠١", "2026-03-01T0x:00Z", "2026-03-01T1/:00Z", "2026-03-01T10:1/Z", "2026-03-01T10:10+1/:00", "2026-03-01T00:00:00.-5Z",
	} {
		_, ok := parseDate(s)
		require.False(t, ok, s)
	}
}

// TestDateLikeTime reads random dates like package time, where both accept
// them, and puts them in the same order.
func TestDateLikeTime(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	layouts := []string{"2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z07:00"}
	random := func() (string, time.Time) {
		zone := time.FixedZone("", 60*(r.IntN(2*24*60-1)-24*60+1))
		at := time.Unix(r.Int64N(100_000_000_000)-30_000_000_000, r.Int64N(1_000_000_000)).In(zone)
		s := at.Format(layouts[r.IntN(len(layouts))])
		if r.IntN(10) == 0 {
			b := []byte(s)
			b[r.IntN(len(b))] = "0123456789-:.TZ+"[r.IntN(16)]
			s = string(b)
		}
		for _, layout := range layouts {
			if want, err := time.Parse(layout, s); err == nil {
				return s, want
			}
		}
		return s, time.Time{}
	}
	accepted, refused := 0, 0
	var last instant
	var lastTime time.Time
	for range 20_000 {
		s, want := random()
		got, ok := parseDate(s)
		if !ok || want.IsZero() || digits(s) {
			refused++
			continue
		}
		accepted++
		require.Equal(t, want.Unix(), got.seconds, s)
		require.Equal(t, want.Nanosecond(), int(got.nanos), s)
		if !lastTime.IsZero() {
			require.Equal(t, want.Compare(lastTime), got.compare(last), "%s and %s", want, lastTime)
		}
		last, lastTime = got, want
	}
	require.Greater(t, accepted, 16_000)
	require.Greater(t, refused, 400)
}

// TestDateForms reads every form that package time accepts of a date that is
// in range, so that none of the documented ones is refused.
func TestDateForms(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 4_000 {
		at := time.Unix(r.Int64N(250_000_000_000), 0).UTC()
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01"} {
			got, ok := parseDate(at.Format(layout))
			require.True(t, ok, at.Format(layout))
			want, err := time.Parse(layout, at.Format(layout))
			require.NoError(t, err)
			require.Equal(t, want.Unix(), got.seconds)
		}
		got, ok := parseDate(fmt.Sprint(at.Unix()))
		require.True(t, ok)
		require.Equal(t, at.Unix(), got.seconds)
	}
}

// TestEpochIsANumber gives a Numeric operator the exact seconds of an
// aws:EpochTime that was written as a date.
func TestEpochIsANumber(t *testing.T) {
	for s, want := range map[string]string{
		"1772323200": "1772323200", "2026-03-01": "1772323200", "2026-03-01T00:00:00.9Z": "1772323200.9",
		"1969-12-31T23:59:59.5Z": "-0.5", "1969-12-31T23:59:58Z": "-2", "1969-12-31T23:59:57.25Z": "-2.75", "0": "0", "007": "7",
	} {
		var v typed
		require.True(t, v.parse(Epoch, s), s)
		require.Zero(t, v.number.compare(must(t)(want)), s)
	}
	var v typed
	require.True(t, v.parse(Epoch, strings.Repeat("0", 80)+"1772323200"))
	require.Zero(t, v.number.compare(must(t)("1772323200")), "more digits than a number has")
}
