package reference

import (
	"math/big"
	"strconv"
	"strings"
	"time"
)

// latestEpoch is the last second of the year 9999 (C7).
const latestEpoch = 253402300799

// parseDate reads a date of the W3C profile of ISO 8601, or seconds since
// 1970. Section 3.5 and C7. A bare "2026" is a second, not a year.
func parseDate(s string) (time.Time, bool) {
	if allDigits(s) {
		digits := strings.TrimLeft(s, "0")
		if len(digits) > len("253402300799") {
			return time.Time{}, false
		}
		seconds, err := strconv.ParseInt("0"+digits, 10, 64)
		return time.Unix(seconds, 0).UTC(), err == nil && seconds <= latestEpoch
	}
	day, clock, hasClock := strings.Cut(s, "T")
	midnight, ok := parseDay(day)
	if !ok || !hasClock {
		return midnight, ok
	}
	if len(day) != len("2006-01-02") {
		return time.Time{}, false
	}
	zone := strings.IndexAny(clock, "Z+-")
	if zone < 0 {
		return time.Time{}, false
	}
	since, ok1 := parseClock(clock[:zone])
	offset, ok2 := parseZone(clock[zone:])
	return midnight.Add(since - offset), ok1 && ok2
}

// parseDay reads YYYY-MM or YYYY-MM-DD.
func parseDay(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01", "2006-01-02"} {
		// The length keeps out what time.Parse takes beside two digits.
		if t, err := time.Parse(layout, s); err == nil && len(s) == len(layout) {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseClock reads hh:mm, hh:mm:ss or hh:mm:ss.s with one to nine digits of
// fraction.
func parseClock(s string) (time.Duration, bool) {
	s, fraction, hasFraction := strings.Cut(s, ".")
	if hasFraction && (!allDigits(fraction) || len(fraction) > 9 || len(s) != len("15:04:05")) {
		return 0, false
	}
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return 0, false
	}
	var total time.Duration
	for i, part := range parts {
		n, ok := twoDigits(part, []int{23, 59, 59}[i])
		if !ok {
			return 0, false
		}
		total += time.Duration(n) * []time.Duration{time.Hour, time.Minute, time.Second}[i]
	}
	nanoseconds, _ := strconv.Atoi((fraction + "000000000")[:9])
	return total + time.Duration(nanoseconds), true
}

// parseZone reads Z or ±hh:mm, how far the clock is ahead of UTC.
func parseZone(s string) (time.Duration, bool) {
	if s == "Z" {
		return 0, true
	}
	hh, mm, _ := strings.Cut(s[1:], ":")
	hours, ok1 := twoDigits(hh, 23)
	minutes, ok2 := twoDigits(mm, 59)
	ahead := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		ahead = -ahead
	}
	return ahead, ok1 && ok2 && s[0] != 'Z'
}

func twoDigits(s string, most int) (int, bool) {
	if len(s) != 2 || !allDigits(s) {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= most
}

// epochSeconds is a date as a number, for aws:EpochTime.
func epochSeconds(t time.Time) *big.Rat {
	whole := new(big.Rat).SetInt64(t.Unix())
	return whole.Add(whole, big.NewRat(int64(t.Nanosecond()), int64(time.Second)))
}
