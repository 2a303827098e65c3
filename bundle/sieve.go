package bundle

import (
	"slices"
	"time"

	"github.com/rowan-authz/rowan/engine"
)

// Sieve runs suites on many variants of their bundle, which Bundle.Swap makes: it
// puts each question together once and stops at the first cell that fails. It is
// not to be shared.
type Sieve struct {
	cells     []sieved
	guardrail func(*engine.Request) string
}

// sieved is a cell with its question; without a request it is run whole.
type sieved struct {
	name    string
	cell    Cell
	now     time.Time
	request *engine.Request
}

// NewSieve takes the cells of a bundle's suites that the options select. Coverage
// is not looked at.
func NewSieve(b *Bundle, suites []*Suite, o RunOptions) *Sieve {
	s := &Sieve{guardrail: o.guardrailOf(b)}
	for _, suite := range suites {
		now := o.Now
		if !suite.Now.IsZero() {
			now = suite.Now
		}
		for _, t := range suite.Tests {
			for _, c := range t.Cells {
				name := suite.Name + "/" + t.Name + "/" + c.Name
				if o.Select != nil && !o.Select(name) {
					continue
				}
				x := sieved{name: name, cell: c, now: now}
				if q, err := c.Question(now); err == nil && c.list == nil {
					x.request = q.Request
				}
				s.cells = append(s.cells, x)
			}
		}
	}
	return s
}

// Len returns how many cells there are.
func (s *Sieve) Len() int { return len(s.cells) }

// Caught returns the SUITE/TEST/CELL of the first cell that fails on a bundle,
// among those of sessions of the roles, of all if there are none; ok is false if
// none fails.
func (s *Sieve) Caught(b *Bundle, roles ...string) (cell string, ok bool) {
	for i := range s.cells {
		x := &s.cells[i]
		if len(roles) > 0 && !slices.Contains(roles, x.cell.identity.role) {
			continue
		}
		if !s.passes(x, b) {
			return x.name, true
		}
	}
	return "", false
}

func (s *Sieve) passes(x *sieved, b *Bundle) bool {
	whole := func() bool {
		c := x.cell
		c.bundle = b
		return c.run(x.now, nil, s.guardrail).Pass
	}
	if x.request == nil {
		return whole()
	}
	e, err := x.cell.evaluator(b)
	if err != nil {
		return false
	}
	d := e.Decide(x.request)
	got := d.Outcome
	if d.Allowed() && s.guardrail != nil && s.guardrail(x.request) != "" {
		got = engine.ExplicitDeny
	}
	if d.Fault != engine.NoFault || got != x.cell.Want.Outcome {
		return false
	}
	return x.cell.Want.Statements == nil && x.cell.Want.MissingContext == nil || whole()
}
