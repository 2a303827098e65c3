package celop

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// zones holds the time zones that expressions name. They are loaded when an
// expression is compiled, so that a decision reads no file and none fails for
// want of a zone database. There are as many as the database has names and a
// day has minutes, twice.
type zones struct {
	known sync.Map // name → *time.Location
}

// load makes a zone known: a name of the IANA database or an offset ±hh:mm.
func (z *zones) load(name string) error {
	if _, ok := z.known.Load(name); ok {
		return nil
	}
	location, err := location(name)
	if err != nil {
		return err
	}
	z.known.Store(name, location)
	return nil
}

func location(name string) (*time.Location, error) {
	if t, err := time.Parse("-07:00", name); err == nil && len(name) == len("+07:00") {
		_, offset := t.Zone()
		return time.FixedZone(name, offset), nil
	}
	// "Local" and "" would be the zone of the machine and a guess.
	if name != "Local" && name != "" && !strings.ContainsAny(name, ":") {
		if l, err := time.LoadLocation(name); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("unknown time zone %.100q", name)
}

// field returns the implementation of one accessor with a time zone.
func (z *zones) field(of func(time.Time) int) func(ts, zone ref.Val) ref.Val {
	return func(ts, zone ref.Val) ref.Val {
		t, ok1 := ts.(types.Timestamp)
		name, ok2 := zone.(types.String)
		if !ok1 || !ok2 {
			return types.NewErr("no such overload")
		}
		l, ok := z.known.Load(string(name))
		if !ok {
			return types.WrapErr(fmt.Errorf("time zone %.100q was not known when the policy was compiled", string(name)))
		}
		return types.Int(of(t.In(l.(*time.Location))))
	}
}
