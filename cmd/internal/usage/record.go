package usage

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Records in the store. A user is one for each month, which goes soon after it;
// a counter is one for each month and process.
const (
	kindUser    = "usage-user"
	kindCounter = "usage"
	// userFor is how long after its month a user's record is kept: longer than
	// any clock is slow. counterFor is so for counters.
	userFor    = 24 * time.Hour
	counterFor = 2 * 366 * 24 * time.Hour
)

const monthFormat = "2006-01"

// MonthOf names the month of a time: YYYY-MM, in UTC.
func MonthOf(at time.Time) string { return at.UTC().Format(monthFormat) }

// bounds returns when the month of a time begins and ends.
func bounds(at time.Time) (begin, end time.Time) {
	year, month, _ := at.UTC().Date()
	begin = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return begin, begin.AddDate(0, 1, 0)
}

// expiry is so long after the end of a month.
func expiry(month string, after time.Duration) time.Time {
	begin, err := time.Parse(monthFormat, month)
	if err != nil {
		return time.Time{} // never: MonthOf made it
	}
	_, end := bounds(begin)
	return end.Add(after)
}

func (a activity) record() identity.Record {
	return identity.Record{Kind: kindUser, Key: a.key(), Expires: expiry(a.month, userFor)}
}

// counterValue is the value of a counter's record.
type counterValue struct {
	Of   string `json:"of"`
	Pool string `json:"pool,omitempty"`
	N    uint64 `json:"n"`
}

// record is a counter of this process with a value.
func (m *Meter) record(c counter, n uint64) identity.Record {
	value, err := json.Marshal(counterValue{c.of, c.pool, n})
	if err != nil {
		value = nil // never: texts and a number
	}
	return identity.Record{
		Kind: kindCounter, Key: strings.Join([]string{c.month, c.of, c.pool, m.instance}, "/"), Group: c.month,
		Value: value, Expires: expiry(c.month, counterFor),
	}
}

func valueOf(r identity.Record) (uint64, error) {
	v, err := parseCounter(r)
	return v.N, err
}

func parseCounter(r identity.Record) (v counterValue, err error) {
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return v, fmt.Errorf("the record of usage %s: %w", r.Key, err)
	}
	return v, nil
}
