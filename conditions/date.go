package conditions

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// maxEpoch is the last second of the year 9999; a larger count of seconds is
// more likely one of milliseconds, which IAM does not read.
const maxEpoch = 253402300799

// instant is a point in time, in UTC seconds since 1970 and nanoseconds.
type instant struct {
	seconds int64
	nanos   int32
}

func (t instant) compare(u instant) int {
	if c := cmp.Compare(t.seconds, u.seconds); c != 0 {
		return c
	}
	return cmp.Compare(t.nanos, u.nanos)
}

// parseDate reads the forms of the W3C profile of ISO 8601 that IAM documents,
// and epoch seconds. A text of digits alone is epoch seconds, so a bare year
// is a moment in 1970. Source: iam-semantics §3.5; choice C7.
func parseDate(s string) (instant, bool) {
	if digits(s) {
		return parseEpoch(s)
	}
	date, clock, hasClock := strings.Cut(s, "T")
	day, ok := parseDay(date, hasClock)
	if !ok || !hasClock {
		return instant{seconds: day}, ok
	}
	zone := strings.LastIndexAny(clock, "Z+-")
	if zone < 0 {
		return instant{}, false
	}
	offset, ok := parseZone(clock[zone:])
	if !ok {
		return instant{}, false
	}
	seconds, nanos, ok := parseClock(clock[:zone])
	return instant{day + seconds - offset, nanos}, ok
}

func parseEpoch(s string) (instant, bool) {
	s = strings.TrimLeft(s, "0")
	if s == "" {
		return instant{}, true
	}
	if len(s) > len("253402300799") {
		return instant{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxEpoch {
		return instant{}, false
	}
	return instant{seconds: n}, true
}

// parseDay reads YYYY-MM or YYYY-MM-DD; a time of day needs the latter.
func parseDay(s string, full bool) (seconds int64, ok bool) {
	whole := len(s) == len("2006-01-02") && s[7] == '-'
	if !whole && (full || len(s) != len("2006-01")) || s[4] != '-' {
		return 0, false
	}
	year, ok1 := fixed(s[:4], 9999)
	month, ok2 := fixed(s[5:7], 12)
	day, ok3 := 1, true
	if whole {
		day, ok3 = fixed(s[8:], 31)
	}
	if !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	// time.Date normalises 31 June; IAM has no such day.
	return t.Unix(), t.Day() == day && int(t.Month()) == month
}

// parseClock reads hh:mm, hh:mm:ss and hh:mm:ss.s with up to nine digits.
func parseClock(s string) (seconds int64, nanos int32, ok bool) {
	if len(s) < len("15:04") || s[2] != ':' {
		return 0, 0, false
	}
	hour, ok1 := fixed(s[:2], 23)
	minute, ok2 := fixed(s[3:5], 59)
	if !ok1 || !ok2 {
		return 0, 0, false
	}
	seconds = int64(hour*3600 + minute*60)
	s = s[5:]
	if s == "" {
		return seconds, 0, true
	}
	if len(s) < len(":05") || s[0] != ':' {
		return 0, 0, false
	}
	second, ok := fixed(s[1:3], 59)
	if !ok {
		return 0, 0, false
	}
	seconds += int64(second)
	s = s[3:]
	if s == "" {
		return seconds, 0, true
	}
	if s[0] != '.' || len(s) > len(".999999999") || !digits(s[1:]) {
		return 0, 0, false
	}
	for i := 1; i < len(".999999999"); i++ {
		nanos *= 10
		if i < len(s) {
			nanos += int32(s[i] - '0')
		}
	}
	return seconds, nanos, true
}

// parseZone reads Z or ±hh:mm, in seconds east of UTC.
func parseZone(s string) (offset int64, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+07:00") || s[3] != ':' {
		return 0, false
	}
	hour, ok1 := fixed(s[1:3], 23)
	minute, ok2 := fixed(s[4:], 59)
	offset = int64(hour*3600 + minute*60)
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2 && s[0] != 'Z'
}

// fixed reads all of s, at most nine characters, as digits, at most limit.
func fixed(s string, limit int) (int, bool) {
	if len(s) > 9 || !digits(s) {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		n = 10*n + int(s[i]-'0')
	}
	return n, n <= limit
}
