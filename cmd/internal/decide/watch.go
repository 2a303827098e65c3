package decide

import (
	"context"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// lookEvery is how often a watched answer is looked at: a revocation is known
// so much later at the latest.
const lookEvery = 500 * time.Millisecond

// Watch answers a question, and again whenever the answer changes, until ctx
// ends, send fails, or there is no answer any more.
func (d *Decider) Watch(ctx context.Context, in *rowanv1.DecideRequest, send func(*rowanv1.WatchResponse) error) error {
	var last *rowanv1.WatchResponse
	for {
		x, err := d.inForce(d.options.Now())
		if err != nil {
			return err
		}
		out, err := d.Decide(ctx, in)
		if err != nil {
			return err
		}
		next := &rowanv1.WatchResponse{Answer: out.GetAnswer(), Bundle: out.GetBundle()}
		if last == nil || differs(last.GetAnswer(), next.GetAnswer()) {
			if err := send(next); err != nil {
				return err
			}
			last = next
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return status.FromContextError(ctx.Err()).Err()
		case <-x.Replaced():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// differs reports whether two answers say something else, apart from their
// names and how long they may be kept.
func differs(a, b *rowanv1.Answer) bool {
	plain := func(x *rowanv1.Answer) *rowanv1.Answer {
		return &rowanv1.Answer{
			Decision: x.GetDecision(), DecidedBy: x.GetDecidedBy(), Statements: x.GetStatements(), MissingContext: x.GetMissingContext(), Fault: x.GetFault(),
		}
	}
	return !proto.Equal(plain(a), plain(b))
}
