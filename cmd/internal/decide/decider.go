package decide

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/engine"
)

// Options say how a Decider answers. Current, Now, Random and Log are required.
type Options struct {
	// Current returns the deployment in force, nil while there is none.
	Current func() *server.Deployment
	// Guardrail asks what can only deny of a request that policies allow; nil if
	// there is nothing of the kind. An error denies.
	Guardrail func(context.Context, *server.Deployment, *engine.Request) error

	// Refusal says why the newest bundle is not in force, and since when; an
	// empty text if it is. nil says nothing.
	Refusal func() (reason string, at time.Time)

	Now    func() time.Time
	Random io.Reader
	Log    *slog.Logger
	// Keep bounds how long an answer may be kept, whatever else bounds it. A
	// revocation is not foreseen by anybody: an answer that is kept outlives it
	// by so much. Zero means DefaultKeep.
	Keep time.Duration
	// Count is told how many decisions were made, each row of a question about
	// rows as one, and when; nil is nobody.
	Count func(at time.Time, n int)
	// Record is told of every answer before it is given; nil is nobody. After
	// an error of it the answer is not given.
	Record func(context.Context, *Record) error
	// Metrics counts sessions and logins that do not count; nil does not.
	Metrics *metrics.Metrics
}

// DefaultKeep is as long as replicas take to hear of a revocation.
const DefaultKeep = 2 * time.Second

// Decider answers questions with the bundle in force. It may be shared.
type Decider struct {
	options   Options
	force     atomic.Pointer[inForce]
	prefix    [8]byte
	count     atomic.Uint64
	clock     atomic.Pointer[second]
	following sync.Mutex
}

// Record is what is to be remembered of an answer. It must not be kept: the
// request's context is used again.
type Record struct {
	// Kind is the question's: "decide", "rows", "filter" or "explain".
	Kind string
	ID   string
	At   time.Time
	Took time.Duration
	// Service is the name of the calling service, empty for a local one without
	// a name. Session and Identity are the subject's, empty without.
	Service, Session, Identity string
	Request                    *engine.Request
	Decision                   engine.Decision
	// Guardrail says why a guardrail denied, empty if none did.
	Guardrail string
	// Rows and Allowed count those of a question about rows.
	Rows, Allowed int
	// SessionPolicy says that the session has a policy of its own.
	SessionPolicy bool
	Bundle        *bundle.Bundle
	Digest        string
	Version       uint64
}

// New returns a Decider.
func New(o Options) (*Decider, error) {
	if o.Current == nil || o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("a decider needs a deployment, a clock, randomness and a log")
	}
	if o.Keep < 0 {
		return nil, errors.New("answers cannot be kept for less than no time")
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	d := &Decider{options: o}
	if _, err := io.ReadFull(o.Random, d.prefix[:]); err != nil {
		return nil, err
	}
	return d, nil
}

// inForce returns what is in force, while it may be.
func (d *Decider) inForce(now time.Time) (*inForce, error) {
	current := d.options.Current()
	switch {
	case current == nil:
		return nil, status.Error(codes.Unavailable, "no bundle is in force")
	case current.Expired(now):
		return nil, status.Errorf(codes.Unavailable, "the bundle expired at %s", current.Expires.UTC().Format(time.RFC3339))
	}
	if x := d.force.Load(); x != nil && x.Deployment == current {
		return x, nil
	}
	d.following.Lock()
	defer d.following.Unlock()
	if x := d.force.Load(); x != nil && x.Deployment == current {
		return x, nil
	}
	x := newInForce(current, d.options.Metrics)
	d.force.Store(x)
	return x, nil
}

// Ready says why questions cannot be answered truthfully now; nil if they can.
func (d *Decider) Ready() error {
	x, err := d.inForce(d.options.Now())
	if err != nil {
		return err
	}
	return x.Sessions.Ready()
}

// Knows refuses a calling service that is not known, and everybody while there
// is no bundle to know them by.
func (d *Decider) Knows(ctx context.Context) error {
	_, err := d.begin(ctx)
	return err
}

// ids names answers: half of a name tells processes apart, half counts.
func (d *Decider) ids(n int) []string {
	last := d.count.Add(uint64(n))
	text := make([]byte, 0, 32*n)
	for i := range n {
		var b [16]byte
		copy(b[:], d.prefix[:])
		binary.BigEndian.PutUint64(b[8:], last-uint64(n-1-i))
		text = hex.AppendEncode(text, b[:])
	}
	all, out := string(text), make([]string, n)
	for i := range out {
		out[i] = all[32*i : 32*(i+1)]
	}
	return out
}

func (d *Decider) id() string { return d.ids(1)[0] }

// second is the time of day as policies read it.
type second struct {
	unix           int64
	current, epoch []string
}

// second returns the values of the keys of time, which are made once a second.
func (d *Decider) second(now time.Time) *second {
	s := d.clock.Load()
	if s == nil || s.unix != now.Unix() {
		s = &second{
			unix: now.Unix(), current: []string{now.UTC().Format(time.RFC3339)},
			epoch: []string{strconv.FormatInt(now.Unix(), 10)},
		}
		d.clock.Store(s)
	}
	return s
}

// validUntil is until when an answer to a question may be kept.
func (s *session) validUntil(a *asked) time.Time {
	if s.guards() || !a.subject.steady {
		return s.now // who knows
	}
	end := s.now.Add(s.options.Keep)
	for _, at := range [...]time.Time{a.subject.expires, s.force.Expires, a.evaluator.ValidUntil(s.now)} {
		if !at.IsZero() && at.Before(end) {
			end = at
		}
	}
	return end
}
