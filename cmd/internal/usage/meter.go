package usage

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

const (
	// writeEvery is how late the store knows.
	writeEvery = 5 * time.Second
	// writeWithin bounds the last writing.
	writeWithin = 10 * time.Second
	// maxWaiting bounds the users that wait to be written, maxKnown those that
	// are known to be, and batch those of one transaction.
	maxWaiting = 1 << 16
	maxKnown   = 1 << 16
	batch      = 200
)

// Options are those of a Meter; all must be there.
type Options struct {
	Store identity.Store
	Now   func() time.Time
	// Random names the process among those that share the store.
	Random io.Reader
	Log    *slog.Logger
}

// Meter counts. It may be shared. Run must run beside it, or nothing is written.
type Meter struct {
	options  Options
	instance string
	// decisions is that of months which was asked for last.
	decisions atomic.Pointer[decisions]

	writing sync.Mutex // one at a time
	mu      sync.Mutex
	// waiting are to be written, known are written in the month.
	waiting, known map[activity]bool
	month          string
	counts         map[counter]*count
	// users are those that this process was the first to write.
	users  map[counter]uint64
	months map[string]*decisions
}

// activity is a user in a month.
type activity struct{ month, pool, user string }

// counter is what a process counts.
type counter struct{ month, of, pool string }

func (c counter) compare(o counter) int {
	return cmp.Or(strings.Compare(c.month, o.month), strings.Compare(c.of, o.of), strings.Compare(c.pool, o.pool))
}

// What is counted.
const (
	ofUsers           = "users"
	ofAuthentications = "authentications"
	ofDecisions       = "decisions"
	// ofLost are activities of users that were too many to remember.
	ofLost = "lost"
)

// count is a counter's value, and that which the store has.
type count struct{ is, written uint64 }

// decisions of one month.
type decisions struct {
	begin, end int64 // in seconds
	n          atomic.Uint64
}

// NewMeter returns a Meter.
func NewMeter(o Options) (*Meter, error) {
	if o.Store == nil || o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("a meter needs a store, a clock, randomness and a log")
	}
	var name [8]byte
	if _, err := io.ReadFull(o.Random, name[:]); err != nil {
		return nil, err
	}
	return &Meter{
		options: o, instance: hex.EncodeToString(name[:]),
		waiting: map[activity]bool{}, known: map[activity]bool{},
		counts: map[counter]*count{}, users: map[counter]uint64{}, months: map[string]*decisions{},
	}, nil
}

// Active counts a user of a user pool, once a month.
func (m *Meter) Active(pool, user string) {
	a := activity{MonthOf(m.options.Now()), pool, user}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.month != m.month {
		clear(m.known)
		m.month = a.month
	}
	switch {
	case m.known[a] || m.waiting[a]:
	case len(m.waiting) >= maxWaiting:
		m.add(counter{a.month, ofLost, pool}, 1)
	default:
		m.waiting[a] = true
	}
}

// Authenticated counts an authentication of an identity pool.
func (m *Meter) Authenticated(pool string) {
	month := MonthOf(m.options.Now())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(counter{month, ofAuthentications, pool}, 1)
}

// Decided counts n decisions. It takes no lock and no memory, but in the first
// decision of a month.
func (m *Meter) Decided(at time.Time, n int) {
	if n < 1 {
		return
	}
	d := m.decisions.Load()
	if second := at.Unix(); d == nil || second < d.begin || second >= d.end {
		d = m.turn(at)
	}
	d.n.Add(uint64(n))
}

// turn finds the decisions of the month of at.
func (m *Meter) turn(at time.Time) *decisions {
	m.mu.Lock()
	defer m.mu.Unlock()
	month := MonthOf(at)
	d := m.months[month]
	if d == nil {
		begin, end := bounds(at)
		d = &decisions{begin: begin.Unix(), end: end.Unix()}
		m.months[month] = d
	}
	m.decisions.Store(d)
	return d
}

func (m *Meter) add(c counter, n uint64) {
	have := m.counts[c]
	if have == nil {
		have = &count{}
		m.counts[c] = have
	}
	have.is += n
}

// Run writes until ctx ends, and then once more.
func (m *Meter) Run(ctx context.Context) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := m.Write(ctx); err != nil && ctx.Err() == nil {
				m.options.Log.ErrorContext(ctx, "usage could not be written", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
			defer cancel()
			if err := m.Write(last); err != nil {
				m.options.Log.ErrorContext(last, "usage was lost", "error", err)
			}
			return
		}
	}
}

// Write brings what was counted into the store. After an error all that is not
// there yet is written next time.
func (m *Meter) Write(ctx context.Context) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	for {
		w := m.draft()
		if len(w.users) == 0 && len(w.values) == 0 {
			return nil
		}
		if err := m.options.Store.Update(ctx, func(tx identity.Tx) error { return m.put(tx, w) }); err != nil {
			return err
		}
		m.written(w)
	}
}

// gather adds the decisions that were made since it did last.
func (m *Meter) gather() {
	for month, d := range m.months {
		if n := d.n.Swap(0); n > 0 {
			m.add(counter{month, ofDecisions, ""}, n)
		}
	}
}

// draft is what one transaction writes: users, and the values of counters. The
// sums of users are those that the transaction found and raised.
type draft struct {
	users        []activity
	values, sums map[counter]uint64
}

func (m *Meter) draft() draft {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gather()
	w := draft{values: map[counter]uint64{}, sums: map[counter]uint64{}}
	for a := range m.waiting {
		if len(w.users) == batch {
			break
		}
		w.users = append(w.users, a)
	}
	// In the order of others, so that no two wait for each other.
	slices.SortFunc(w.users, func(a, b activity) int { return strings.Compare(a.key(), b.key()) })
	for c, n := range m.counts {
		if n.is != n.written {
			w.values[c] = n.is
		}
	}
	return w
}

// put writes a draft. Values are those of this process as a whole, so that to
// write them twice does no harm.
func (m *Meter) put(tx identity.Tx, w draft) error {
	clear(w.sums) // of a transaction that was tried before
	fresh := map[counter]uint64{}
	for _, a := range w.users {
		c := counter{a.month, ofUsers, a.pool}
		fresh[c] += 0
		err := tx.Insert(a.record())
		if errors.Is(err, identity.ErrRecordExists) {
			continue
		}
		if err != nil {
			return err
		}
		fresh[c]++
	}
	for _, c := range slices.SortedFunc(maps.Keys(fresh), counter.compare) {
		have, err := m.own(tx, c)
		if err != nil {
			return err
		}
		w.sums[c] = have + fresh[c]
		if fresh[c] == 0 {
			continue
		}
		if err := tx.Put(m.record(c, w.sums[c])); err != nil {
			return err
		}
	}
	for _, c := range slices.SortedFunc(maps.Keys(w.values), counter.compare) {
		if err := tx.Put(m.record(c, w.values[c])); err != nil {
			return err
		}
	}
	return nil
}

// own returns what the store has of a counter of this process.
func (m *Meter) own(tx identity.Tx, c counter) (uint64, error) {
	r, err := tx.Get(kindCounter, m.record(c, 0).Key)
	if errors.Is(err, identity.ErrNoRecord) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return valueOf(r)
}

// written notes what the store has.
func (m *Meter) written(w draft) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known)+len(w.users) > maxKnown {
		clear(m.known) // they are found in the store again
	}
	for _, a := range w.users {
		delete(m.waiting, a)
		if a.month == m.month {
			m.known[a] = true
		}
	}
	for c, n := range w.values {
		m.counts[c].written = n
	}
	maps.Copy(m.users, w.sums)
}

func (a activity) key() string { return a.month + "/" + a.pool + "/" + a.user }
