package engine

import (
	"slices"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// schedule says when the answers of a set may change by the passing of time
// alone.
type schedule struct {
	// seconds since 1970, sorted.
	seconds []int64
	// unforeseen says that it may be at any time.
	unforeseen bool
}

// add adds a statement to the schedule.
func (s *schedule) add(x *policy.Statement, all []*conditions.Condition) {
	for _, t := range x.Resource.Values {
		s.unforeseen = s.unforeseen || conditions.NamesTime(t.Value)
	}
	for i := range x.Conditions {
		for _, v := range x.Conditions[i].Values {
			s.unforeseen = s.unforeseen || conditions.NamesTime(v.Value)
		}
	}
	for _, c := range all {
		at, foreseen := c.Flips()
		s.unforeseen = s.unforeseen || !foreseen
		s.seconds = append(s.seconds, at...)
	}
}

// settle makes the schedule ready to be asked.
func (s *schedule) settle() {
	slices.Sort(s.seconds)
	s.seconds = slices.Clip(slices.Compact(s.seconds))
}

// next returns the first second after now.
func (s *schedule) next(now int64) (at int64, ok bool) {
	if s.unforeseen {
		return now, true
	}
	i, found := slices.BinarySearch(s.seconds, now)
	if found {
		i++
	}
	if i == len(s.seconds) {
		return 0, false
	}
	return s.seconds[i], true
}

// ValidUntil returns until when a decision made at now holds if only time
// passes: the first moment after now at which a condition on the time of day may
// come to another answer, whichever request it is about. It returns now if that
// cannot be told, as of conditions with custom operators or on the age of a
// second factor, and the zero time if there is no such moment.
//
// It knows nothing of the end of credentials, of revocations and of other
// policies.
func (e *Evaluator) ValidUntil(now time.Time) time.Time {
	var at time.Time
	look := func(s *Set) {
		if s == nil {
			return
		}
		second, ok := s.schedule.next(now.Unix())
		if !ok {
			return
		}
		if t := time.Unix(second, 0); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, s := range [...]*Set{e.Identity, e.Resource, e.Boundary, e.Session, e.Endpoint} {
		look(s)
	}
	for _, s := range e.ServiceControl {
		look(s)
	}
	for _, s := range e.ResourceControl {
		look(s)
	}
	if !at.IsZero() && at.Before(now) {
		return now
	}
	return at
}
