package analysis

import "context"

// Relation says how two sets of policies relate: which requests one allows that
// the other does not. The zero value is Incomparable with nothing known.
type Relation string

// The relations of new policies to old ones.
const (
	Equal        Relation = "equal"
	Broader      Relation = "broader"
	Narrower     Relation = "narrower"
	Incomparable Relation = "incomparable" // each allows what the other does not
	Undecided    Relation = "undecided"
)

// Difference is what Diff found.
type Difference struct {
	// Gained are requests that only the new policies allow, Lost those that only
	// the old ones do, each of another action. Their Verdict says whether there
	// are any: Never is a proof that there are none.
	Gained, Lost Direction
}

// Direction is one direction of a difference.
type Direction struct {
	Verdict   Verdict
	Reason    string // of an Unknown
	Witnesses []*Witness
	// Complete says that no further action has a difference.
	Complete bool
}

// Relation names the relation of the new policies to the old.
func (d *Difference) Relation() Relation {
	gained, lost := d.Gained.Verdict, d.Lost.Verdict
	switch {
	case gained == Found && lost == Found:
		return Incomparable
	case gained == Unknown || lost == Unknown:
		return Undecided
	case gained == Found:
		return Broader
	case lost == Found:
		return Narrower
	}
	return Equal
}

// Diff compares new policies with old ones: q.By are the new, q.Not the old, and
// the rest of q says which requests count. It looks for at most n requests in
// each direction, of n different actions.
func Diff(ctx context.Context, q *Question, n int) (*Difference, error) {
	back := *q
	back.By, back.Not = q.Not, q.By
	if back.By == nil {
		back.By = &Policies{}
	}
	var out Difference
	var err error
	if out.Gained, err = differing(ctx, q, n); err != nil {
		return nil, err
	}
	out.Lost, err = differing(ctx, &back, n)
	return &out, err
}

// differing looks for requests in one direction.
func differing(ctx context.Context, q *Question, n int) (Direction, error) {
	s, err := newSearch(ctx, q)
	if err != nil {
		return Direction{}, err
	}
	var out Direction
	for len(out.Witnesses) < max(n, 1) {
		s.unknown, s.tried = nil, 0
		a, err := s.run()
		if err != nil {
			return out, err
		}
		if a.Verdict != Found {
			if len(out.Witnesses) == 0 {
				out.Verdict, out.Reason = a.Verdict, a.Reason
			}
			out.Complete = a.Verdict == Never
			return out, nil
		}
		out.Verdict = Found
		out.Witnesses = append(out.Witnesses, a.Witness)
		s.blocked.add(a.action)
	}
	return out, nil
}
