package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// overloadRows makes questions that cost the server far more than they cost us:
// otherwise it is the load that is overloaded.
const overloadRows = 2000

// heavy is a load of pages of rows.
type heavy struct {
	judge *judge
	in    []byte // encoded
	want  []byte // which rows are allowed
	all   []*grpc.ClientConn
	shed  atomic.Int64
	late  atomic.Int64
}

func newHeavy(w *world, all []*grpc.ClientConn) (*heavy, error) {
	r, err := newReference(revisionFiles(w.current.Load().n, 0))
	if err != nil {
		return nil, err
	}
	keys := []string{"open", "closed", "season-0-a", "season-1-a", "x", "season-1-sealed", "y", canary("A", 1)}
	decisions := make([]string, len(keys))
	for i, k := range keys {
		decisions[i] = r.decide(getItem, k, identityID(0))
	}
	column := &rowanv1.Column{Key: leading}
	h := &heavy{judge: w.newJudge(), want: make([]byte, overloadRows/8), all: all}
	for i := range overloadRows {
		column.Values = append(column.GetValues(), keys[i%len(keys)]...)
		column.Ends = append(column.GetEnds(), uint32(len(column.GetValues())))
		if decisions[i%len(keys)] == "allowed" {
			h.want[i/8] |= 1 << (i % 8)
		}
	}
	h.in, err = proto.Marshal(&rowanv1.DecideRowsRequest{
		Subject: w.subjects[0], Action: getItem, Resource: tableARN, Rows: overloadRows, Columns: []*rowanv1.Column{column},
	})
	return h, err
}

// overloadPatience is how long a client waits.
const (
	overloadPatience = time.Second
	overloadFlight   = 2048
	overloadConns    = 64
)

func (h *heavy) call(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, overloadPatience)
	defer cancel()
	out := &rowanv1.DecideRowsResponse{}
	err := h.all[i%len(h.all)].Invoke(ctx, rowanv1.AuthorizationService_DecideRows_FullMethodName, h.in, out, grpc.ForceCodecV2(raw{}))
	if got := code(err); got == codes.ResourceExhausted || got == codes.Unavailable {
		h.shed.Add(1)
		return err
	} else if got == codes.DeadlineExceeded {
		h.late.Add(1)
		return err
	} else if got != codes.OK {
		return h.judge.note(&h.judge.failed, "an error: %w", err)
	}
	if _, err := h.judge.of(out.GetBundle()); err != nil {
		return err
	}
	for i, got := range out.GetAllowed() {
		switch {
		case i >= len(h.want) || got&^h.want[i] != 0:
			return h.judge.note(&h.judge.wrongAllow, "WRONG ALLOW among rows %d to %d", 8*i, 8*i+7)
		case got != h.want[i]:
			return h.judge.note(&h.judge.wrongDeny, "a wrong deny among rows %d to %d", 8*i, 8*i+7)
		}
	}
	if len(out.GetAllowed()) != len(h.want) {
		return h.judge.note(&h.judge.strange, "%d bytes of answers", len(out.GetAllowed()))
	}
	h.judge.right.Add(1)
	return nil
}

func overloadTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{})
	if err != nil {
		return "", err
	}
	var all []*grpc.ClientConn
	for range overloadConns {
		conn, err := d.dial()
		if err != nil {
			return "", err
		}
		all = append(all, conn)
	}
	h, err := newHeavy(w, all)
	if err != nil {
		return "", err
	}
	// What else this machine does makes the first guess too low: then twice as
	// much is no overload, and it is raised.
	saturated := closed(ctx, 32, l.span(2*time.Second, 5*time.Second), h.call)
	var over *took
	var peak float64
	for range 5 {
		h.shed.Store(0)
		h.late.Store(0)
		stop := d.watch()
		over = load{2 * saturated, l.span(5*time.Second, 40*time.Second), overloadFlight, h.call}.run(ctx)
		peak = stop().peak()
		if over.persecond() < 1.25*saturated {
			break
		}
		saturated = over.persecond()
	}
	back := h.recovered(ctx, saturated)
	var c check
	h.judge.clean(&c)
	refused := float64(h.shed.Load()) / float64(max(1, over.answered+over.other))
	c.must(h.shed.Load() > 0, "nothing was refused")
	late, least := int64(over.answered+over.other)/100, ownShare*saturated
	if l.short { // on a machine that does other things
		late, least = 25*late, least/2
	}
	c.must(h.late.Load() <= late, "%d calls got no answer in %v", h.late.Load(), overloadPatience)
	c.must(over.persecond() >= least, "goodput %.0f/s of %.0f/s", over.persecond(), saturated)
	c.must(back >= 0 && back <= 10*time.Second, "after 12 s the p99 is not back")
	return fmt.Sprintf("pages of %d rows: saturation %.0f/s, asked %.0f/s, answered %.0f/s (%.0f %%), refused %.0f %%, late %d, p99 %v, back after %v, RSS %.0f MB",
		overloadRows, saturated, 2*saturated, over.persecond(), 100*over.persecond()/saturated, 100*refused, h.late.Load(), brief(over.at(0.99)), brief(back), peak), c.err()
}

// recovered is how long it takes until half the load is answered in time again;
// below zero if that does not come.
func (h *heavy) recovered(ctx context.Context, saturated float64) time.Duration {
	for began := time.Now(); time.Since(began) < 12*time.Second; {
		if t := (load{saturated / 2, time.Second, 512, h.call}).run(ctx); t.at(0.99) <= 2*badP99 && t.other == 0 {
			return max(0, time.Since(began)-time.Second)
		}
	}
	return -1
}
