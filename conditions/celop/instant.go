package celop

import (
	"strconv"
	"strings"
	"time"
)

// maxEpoch is the last second of the year 9999.
const maxEpoch = 253402300799

// parseTime reads the dates that IAM documents: epoch seconds, a month, a day,
// or a time of day with its zone, in UTC. Year 0, which IAM has, CEL has not.
// Source: iam-semantics §3.5; choice C7.
func parseTime(s string) (time.Time, bool) {
	if digits(s) {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0).UTC(), err == nil && n <= maxEpoch
	}
	base, zone := s, "Z"
	if strings.Contains(s, "T") {
		i := strings.LastIndexAny(s, "Z+-")
		if base, zone = s[:max(i, 0)], s[max(i, 0):]; !isZone(zone) {
			return time.Time{}, false
		}
	}
	base, fraction, hasFraction := strings.Cut(base, ".")
	if hasFraction && (len(base) != len(dayTime) || len(fraction) > 9 || !digits(fraction)) {
		return time.Time{}, false
	}
	layout, ok := layouts[len(base)]
	if !ok {
		return time.Time{}, false
	}
	if hasFraction {
		base += "." + fraction
	}
	// The length leaves time.Parse nothing to be lenient about.
	t, err := time.Parse(layout+"Z07:00", base+zone)
	t = t.UTC()
	return t, err == nil && 1 <= t.Year() && t.Year() <= 9999
}

const dayTime = "2006-01-02T15:04:05"

var layouts = map[int]string{
	len("2006-01"):          "2006-01",
	len("2006-01-02"):       "2006-01-02",
	len("2006-01-02T15:04"): "2006-01-02T15:04",
	len(dayTime):            dayTime,
}

// isZone reports whether s is Z or ±hh:mm of less than a day.
func isZone(s string) bool {
	return s == "Z" || len(s) == len("+07:00") && digits(s[1:3]) && s[1:3] <= "23" && s[3] == ':' && digits(s[4:]) && s[4:] <= "59"
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
