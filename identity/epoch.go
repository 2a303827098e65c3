package identity

import (
	"strconv"
	"time"
)

// Epoch is a time whose JSON is a number of seconds, as the JSON protocols have
// it; whole milliseconds stand behind the point.
type Epoch time.Time

// MarshalJSON returns the seconds since 1970.
func (e Epoch) MarshalJSON() ([]byte, error) {
	ms := time.Time(e).UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(nil, ms/1000, 10), nil
	}
	return strconv.AppendFloat(nil, float64(ms)/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of seconds.
func (e *Epoch) UnmarshalJSON(src []byte) error {
	seconds, err := strconv.ParseFloat(string(src), 64)
	if err != nil {
		return err
	}
	*e = Epoch(time.UnixMilli(int64(seconds * 1000)).UTC())
	return nil
}
