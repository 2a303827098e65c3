package analysis

import (
	"context"
	"errors"
	"time"
)

// errBudget means that a question takes more than it may.
var errBudget = errors.New("budget")

// budget bounds the work of one question: policies may be written by strangers.
type budget struct {
	ctx   context.Context
	left  int
	tick  int
	over  bool
	until time.Time
	now   func() time.Time
}

// spend takes n steps; false means that none are left.
func (b *budget) spend(n int) bool {
	if b.over {
		return false
	}
	b.left -= n
	b.tick += n
	if b.tick >= 1024 {
		b.tick = 0
		b.over = b.ctx.Err() != nil || !b.until.IsZero() && b.now().After(b.until)
	}
	b.over = b.over || b.left < 0
	return !b.over
}

func (b *budget) spent() bool { return b.over }

func newBudget(ctx context.Context, l Limits) *budget {
	steps, span := l.Steps, l.Time
	if steps == 0 {
		steps = defaultSteps
	}
	if span == 0 {
		span = defaultTime
	}
	b := &budget{ctx: ctx, left: steps, now: l.Now}
	if l.Now != nil {
		b.until = l.Now().Add(span)
	}
	return b
}
