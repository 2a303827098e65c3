package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// guarantee is something that an optimistic store can be made without.
type guarantee int

const (
	copies    guarantee = 1 << iota // values belong to the store alone
	ownWrites                       // a transaction reads what it wrote
	goesOn                          // a refused insert is not the end
	readOnly                        // a view writes nothing
	ends                            // a transaction ends
	snapshots                       // a view reads one state
	writes                          // what was written was not changed by another meanwhile
	gets                            // likewise what Get read
	inserts                         // likewise what a refused Insert found
	lists                           // likewise what List read

	everything = 1<<iota - 1
)

// optimistic is a store whose transactions run side by side, each on a copy of
// all there is, and are validated when they end. It is slow and short, and each
// of its guarantees can be left out.
type optimistic struct {
	keeps guarantee

	mu    sync.Mutex
	state state
}

type state map[[2]string]*identity.Record

func newOptimistic(keeps guarantee) *optimistic { return &optimistic{keeps: keeps, state: state{}} }

func (s *optimistic) has(g guarantee) bool { return s.keeps&g == g }

func (s *optimistic) begin(ctx context.Context, view bool) *optimisticTx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &optimisticTx{
		ctx: ctx, store: s, view: view && s.has(readOnly), base: maps.Clone(s.state), now: maps.Clone(s.state),
		read: map[[2]string]bool{}, wrote: map[[2]string]bool{},
	}
}

func (s *optimistic) View(ctx context.Context, f func(identity.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx := s.begin(ctx, true)
	tx.live = !s.has(snapshots)
	defer func() { tx.done = s.has(ends) }()
	if err := f(tx); err != nil {
		return err
	}
	if !s.has(readOnly) {
		tx.commit()
	}
	return nil
}

func (s *optimistic) Update(ctx context.Context, f func(identity.Tx) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if done, err := s.attempt(ctx, f); done {
			return err
		}
	}
}

func (s *optimistic) attempt(ctx context.Context, f func(identity.Tx) error) (done bool, err error) {
	tx := s.begin(ctx, false)
	defer func() { tx.done = s.has(ends) }()
	if err := f(tx); err != nil {
		return true, err
	}
	if err := errors.Join(ctx.Err(), tx.poison); err != nil {
		return true, err
	}
	return tx.commit(), nil
}

func (s *optimistic) Sweep(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name, r := range s.state {
		if n < identity.MaxSweep && !r.Expires.IsZero() && !r.Expires.After(now) {
			delete(s.state, name)
			n++
		}
	}
	return n, nil
}

type listed struct {
	kind, group, after string
	limit              int
	found              []*identity.Record
}

type optimisticTx struct {
	ctx         context.Context
	store       *optimistic
	view        bool
	live        bool
	done        bool
	poison      error
	base, now   state
	read, wrote map[[2]string]bool
	lists       []listed
}

// commit puts what tx wrote into the store, if nothing that tx relies on has
// changed.
func (t *optimisticTx) commit() bool {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := func(name [2]string) bool { return s.state[name] != t.base[name] }
	for name := range t.wrote {
		if s.has(writes) && changed(name) {
			return false
		}
	}
	for name := range t.read {
		if changed(name) {
			return false
		}
	}
	for _, l := range t.lists {
		if s.has(lists) && !slices.Equal(l.found, s.state.list(l.kind, l.group, l.after, l.limit)) {
			return false
		}
	}
	for name := range t.wrote {
		if r := t.now[name]; r != nil {
			s.state[name] = r
		} else {
			delete(s.state, name)
		}
	}
	return true
}

func (w state) list(kind, group, after string, limit int) []*identity.Record {
	var found []*identity.Record
	for _, name := range slices.SortedFunc(maps.Keys(w), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		if r := w[name]; r.Kind == kind && r.Group == group && r.Key > after && len(found) < limit {
			found = append(found, r)
		}
	}
	return found
}

func (t *optimisticTx) usable() error {
	if t.done {
		return identity.ErrTxDone
	}
	return errors.Join(t.poison, t.ctx.Err())
}

// visible is the state that tx reads.
func (t *optimisticTx) visible() state {
	s := t.store
	if t.live {
		s.mu.Lock()
		defer s.mu.Unlock()
		return maps.Clone(s.state)
	}
	if !s.has(ownWrites) {
		return t.base
	}
	return t.now
}

func (t *optimisticTx) out(r *identity.Record) identity.Record {
	c := *r
	if t.store.has(copies) {
		c.Value = slices.Clone(c.Value)
	}
	return c
}

func (t *optimisticTx) Get(kind, key string) (identity.Record, error) {
	if err := t.usable(); err != nil {
		return identity.Record{}, err
	}
	name := [2]string{kind, key}
	if t.store.has(gets) {
		t.read[name] = true
	}
	if r := t.visible()[name]; r != nil {
		return t.out(r), nil
	}
	return identity.Record{}, identity.ErrNoRecord
}

func (t *optimisticTx) Insert(r identity.Record) error {
	if err := t.usable(); err != nil {
		return err
	}
	name := [2]string{r.Kind, r.Key}
	if t.visible()[name] == nil {
		return t.Put(r)
	}
	if t.view {
		return identity.ErrReadOnly
	}
	if t.store.has(inserts) {
		t.read[name] = true
	}
	if !t.store.has(goesOn) {
		t.poison = errors.New("transaction is aborted")
	}
	return fmt.Errorf("%w: %s", identity.ErrRecordExists, r.Kind)
}

func (t *optimisticTx) Put(r identity.Record) error {
	if err := t.usable(); err != nil {
		return err
	}
	if t.view {
		return identity.ErrReadOnly
	}
	if err := r.Check(); err != nil {
		return err
	}
	if t.store.has(copies) {
		r.Value = slices.Clone(r.Value)
	}
	if !r.Expires.IsZero() {
		r.Expires = r.Expires.Truncate(time.Microsecond).UTC()
	}
	name := [2]string{r.Kind, r.Key}
	t.now[name], t.wrote[name] = &r, true
	return nil
}

func (t *optimisticTx) Delete(kind, key string) error {
	if err := t.usable(); err != nil {
		return err
	}
	if t.view {
		return identity.ErrReadOnly
	}
	name := [2]string{kind, key}
	delete(t.now, name)
	t.wrote[name] = true
	return nil
}

func (t *optimisticTx) List(kind, group, after string, limit int) ([]identity.Record, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	if !t.live {
		t.lists = append(t.lists, listed{kind, group, after, limit, t.base.list(kind, group, after, limit)})
	}
	var records []identity.Record
	for _, r := range t.visible().list(kind, group, after, limit) {
		records = append(records, t.out(r))
	}
	return records, nil
}

// A transaction with one of its calls changed; nil leaves a call as it is.
type transaction struct {
	identity.Tx
	get    func(tx identity.Tx, kind, key string) (identity.Record, error)
	insert func(identity.Tx, identity.Record) error
	put    func(identity.Tx, identity.Record) error
	delete func(tx identity.Tx, kind, key string) error
	list   func(tx identity.Tx, kind, group, after string, limit int) ([]identity.Record, error)
}

func (t transaction) Get(kind, key string) (identity.Record, error) {
	if t.get == nil {
		return t.Tx.Get(kind, key)
	}
	return t.get(t.Tx, kind, key)
}

func (t transaction) Insert(r identity.Record) error {
	if t.insert == nil {
		return t.Tx.Insert(r)
	}
	return t.insert(t.Tx, r)
}

func (t transaction) Put(r identity.Record) error {
	if t.put == nil {
		return t.Tx.Put(r)
	}
	return t.put(t.Tx, r)
}

func (t transaction) Delete(kind, key string) error {
	if t.delete == nil {
		return t.Tx.Delete(kind, key)
	}
	return t.delete(t.Tx, kind, key)
}

func (t transaction) List(kind, group, after string, limit int) ([]identity.Record, error) {
	if t.list == nil {
		return t.Tx.List(kind, group, after, limit)
	}
	return t.list(t.Tx, kind, group, after, limit)
}

// changed is a sound store with some of its calls changed.
type changed struct {
	identity.Store
	tx     transaction
	update func(identity.Store, context.Context, func(identity.Tx) error) error
	sweep  func(identity.Store, context.Context, time.Time) (int, error)
}

func changing(tx transaction) func() identity.Store {
	return func() identity.Store { return &changed{Store: newOptimistic(everything), tx: tx} }
}

func updating(f func(identity.Store, context.Context, func(identity.Tx) error) error) func() identity.Store {
	return func() identity.Store { return &changed{Store: newOptimistic(everything), update: f} }
}

func sweeping(f func(identity.Store, context.Context, time.Time) (int, error)) func() identity.Store {
	return func() identity.Store { return &changed{Store: newOptimistic(everything), sweep: f} }
}

func (c *changed) wrap(f func(identity.Tx) error) func(identity.Tx) error {
	return func(inner identity.Tx) error {
		tx := c.tx
		tx.Tx = inner
		return f(tx)
	}
}

func (c *changed) View(ctx context.Context, f func(identity.Tx) error) error {
	return c.Store.View(ctx, c.wrap(f))
}

func (c *changed) Update(ctx context.Context, f func(identity.Tx) error) error {
	if c.update == nil {
		return c.Store.Update(ctx, c.wrap(f))
	}
	return c.update(c.Store, ctx, c.wrap(f))
}

func (c *changed) Sweep(ctx context.Context, now time.Time) (int, error) {
	if c.sweep == nil {
		return c.Store.Sweep(ctx, now)
	}
	return c.sweep(c.Store, ctx, now)
}
