package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
)

// Live serves the bundle that is in force, and lets another one take its place
// while requests go on. It may be shared.
//
// A request is answered by one deployment from its beginning to its end. What
// counts whatever the bundle goes on: rates, the memory for bodies, revocations,
// the key sets of providers that are still there. A session outlives the bundle
// that it was made under as long as its role does.
type Live struct {
	*front
	options   Options
	usage     *usage.Meter
	url       string
	current   atomic.Pointer[Deployment]
	reloading sync.Mutex
}

// Candidate is a bundle that is to come into force. Secrets nil means those
// that are in force.
type Candidate struct {
	Bundle  *bundle.Bundle
	Secrets *Secrets
	Origin  Origin
}

// New puts a bundle into service. Live.Run must run beside it, or sessions will
// be refused as soon as revocations are stale.
func New(ctx context.Context, o Options) (*Live, error) {
	if o.Bundle == nil || o.Store == nil || o.Sessions == nil || o.Storage == nil || o.Sender == nil ||
		o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("a deployment needs a bundle, a store, keys, a sender, a clock, randomness and a log")
	}
	base, err := baseURL(o.URL)
	if err != nil {
		return nil, err
	}
	origins, err := newOrigins(base)
	if err != nil {
		return nil, err
	}
	if o.Rate == (Rate{}) {
		o.Rate = defaultRate
	}
	meter, err := usage.NewMeter(usage.Options{Store: o.Store, Now: o.Now, Random: o.Random, Log: o.Log})
	if err != nil {
		return nil, err
	}
	l := &Live{
		options: o, usage: meter, url: base,
		front: &front{now: o.Now, random: o.Random, hosts: o.Hosts, limits: newLimiter(o.Rate), origins: origins},
	}
	if err := l.Reload(ctx, Candidate{Bundle: o.Bundle, Secrets: o.Secrets, Origin: o.Origin}); err != nil {
		return nil, err
	}
	l.options.Bundle, l.options.Secrets = nil, nil // what is in force says these
	return l, nil
}

// defaultRate is generous to a household or an office behind one address.
var defaultRate = Rate{PerSecond: 20, Burst: 100}

// Current returns the deployment in force, never nil. Ask once for a request.
func (l *Live) Current() *Deployment { return l.current.Load() }

// ServeHTTP answers one request.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.Current().handler.ServeHTTP(w, r) }

// Usage counts what the deployments are used for.
func (l *Live) Usage() *usage.Meter { return l.usage }

// Drain makes the readiness check fail, so that a load balancer sends no more
// requests; those that come are still answered.
func (l *Live) Drain() { l.draining.Store(true) }

// Reload puts a bundle into force once all of it is found good: it opens beside
// the one in force and, if it demands that, has passed its own tests. Otherwise
// the error says why, Status tells of it, and the one in force stays. Requests
// that have begun end with the bundle that they began with.
func (l *Live) Reload(ctx context.Context, c Candidate) error {
	if c.Bundle == nil {
		return errors.New("no bundle to load")
	}
	l.reloading.Lock()
	defer l.reloading.Unlock()
	before := l.Current()
	if c.Secrets == nil && before != nil {
		c.Secrets = before.secrets
	}
	if c.Secrets == nil {
		c.Secrets = &Secrets{}
	}
	began := l.now()
	d, err := l.open(ctx, &c, before)
	if err == nil && l.options.Accept != nil {
		err = l.options.Accept(ctx, d)
	}
	if err != nil {
		return l.refused(ctx, err, began)
	}
	d.Loaded = l.now()
	l.current.Store(d)
	l.observe(Load{At: d.Loaded, Took: d.Loaded.Sub(began), Digest: d.Digest, Version: d.Version})
	if before == nil {
		return nil
	}
	close(before.replaced)
	l.options.Log.LogAttrs(ctx, slog.LevelInfo, "a bundle came into force", slog.String("source", d.Source),
		slog.String("digest", d.Digest), slog.Uint64("version", d.Version), slog.String("before", before.Digest))
	return nil
}

// Refuse tells that the source had no bundle to load, and why: it counts like
// one that Reload refused.
func (l *Live) Refuse(ctx context.Context, err error) {
	l.reloading.Lock()
	defer l.reloading.Unlock()
	_ = l.refused(ctx, err, l.now()) // it is what was given
}

// Confirm tells that the source has what is in force: nothing newer is refused
// any more.
func (l *Live) Confirm() {
	l.reloading.Lock()
	defer l.reloading.Unlock()
	l.status.confirm(l.now())
}

func (l *Live) refused(ctx context.Context, err error, began time.Time) error {
	now := l.now()
	r := &RefusalError{Kind: reason(err), At: now, Err: err}
	l.observe(Load{At: now, Took: now.Sub(began), Refusal: r})
	if d := l.Current(); d != nil {
		l.options.Log.LogAttrs(ctx, slog.LevelError, "a bundle was refused, the last good one stays in force",
			slog.String("reason", r.Kind), slog.Any("error", err), slog.String("digest", d.Digest),
			slog.Uint64("version", d.Version), slog.Duration("age", now.Sub(d.Loaded).Round(time.Second)))
	}
	return err
}

func (l *Live) observe(x Load) {
	l.status.add(x)
	if l.options.Observe != nil {
		l.options.Observe(x)
	}
}

// Load is an attempt to load a bundle. Refusal is nil if it came into force;
// Digest and Version are its own then.
type Load struct {
	At      time.Time
	Took    time.Duration
	Digest  string
	Version uint64
	Refusal *RefusalError
}

// RefusalError is why a bundle did not come into force. Kind is one word for
// metrics: unreadable, invalid, unsigned, expired, rollback, guardrail, tests,
// empty, secrets or other.
type RefusalError struct {
	Kind string
	At   time.Time
	Err  error
}

func (r *RefusalError) Error() string { return r.Err.Error() }

func (r *RefusalError) Unwrap() error { return r.Err }

// Reason returns Kind.
func (r *RefusalError) Reason() string { return r.Kind }

// Status is how loading went so far.
type Status struct {
	// Digest, Version, Expires and Loaded are of the bundle in force.
	Digest          string
	Version         uint64
	Expires, Loaded time.Time
	// Checked is when the source was last found to have what is in force.
	Checked time.Time
	// Loads counts bundles that came into force, Refusals by their Kind those
	// that did not.
	Loads    uint64
	Refusals map[string]uint64
	// Refusal is why the newest bundle is not in force, nil if it is.
	Refusal *RefusalError
}

// Status tells how loading went so far.
func (l *Live) Status() Status {
	d, s := l.Current(), l.status.copy()
	s.Digest, s.Version, s.Expires, s.Loaded = d.Digest, d.Version, d.Expires, d.Loaded
	return s
}

// status counts loads.
type status struct {
	mu sync.Mutex
	s  Status
}

func (s *status) add(x Load) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Refusal = x.Refusal
	if x.Refusal == nil {
		s.s.Loads++
		s.s.Checked = x.At
		return
	}
	if s.s.Refusals == nil {
		s.s.Refusals = map[string]uint64{}
	}
	s.s.Refusals[x.Refusal.Kind]++
}

func (s *status) confirm(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Refusal, s.s.Checked = nil, now
}

func (s *status) copy() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.s
	out.Refusals = maps.Clone(out.Refusals)
	return out
}

func (s *status) refusal() *RefusalError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.Refusal
}

// reason finds the word for an error.
func reason(err error) string {
	if r, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return r.Reason()
	}
	return "other"
}

// maxFailures is how many failures of tests a refusal names.
const maxFailures = 5

// failures names the first tests that failed.
func failures(r *bundle.Result) string {
	var names []string
	for _, s := range r.Suites {
		for _, t := range s.Tests {
			for i := range t.Cells {
				if c := &t.Cells[i]; !c.Pass {
					names = append(names, fmt.Sprintf("%s/%s/%s (%s:%d)", s.Name, t.Name, c.Name, c.File, c.Line))
				}
			}
		}
	}
	if len(names) > maxFailures {
		names = append(names[:maxFailures], "and others")
	}
	return strings.Join(names, ", ")
}

// sweepEvery is how often what has expired is deleted from the store.
const sweepEvery = time.Minute

// Run keeps the deployments in order until ctx ends: it learns of revocations,
// sweeps the store, and writes what was counted.
func (l *Live) Run(ctx context.Context) {
	log := l.options.Log
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() {
		// Those of later bundles know what these do.
		l.Current().Sessions.Run(ctx, func(err error) { log.ErrorContext(ctx, "revocations could not be read", "error", err) })
	})
	beside.Go(func() { l.usage.Run(ctx) })
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.sweep(ctx)
		}
	}
}

// sweep deletes all that has expired. One call of the store deletes a bounded
// number, and strangers make records faster than that once a minute.
func (l *Live) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := l.options.Store.Sweep(ctx, l.now())
		if err != nil && ctx.Err() == nil {
			l.options.Log.ErrorContext(ctx, "the store could not be swept", "error", err)
		}
		if err != nil || n == 0 {
			return
		}
	}
}
