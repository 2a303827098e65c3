package identity

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a Store that forgets everything when the process ends: for tests,
// demos, and what need not outlive a process. It is safe for concurrent use;
// one Update runs at a time.
type Memory struct {
	mu      sync.RWMutex
	records map[recordName]Record
	keys    map[recordGroup]*orderedKeys
}

type (
	recordName  struct{ kind, key string }
	recordGroup struct{ kind, group string }
)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{records: map[recordName]Record{}, keys: map[recordGroup]*orderedKeys{}}
}

// View implements Store.
func (m *Memory) View(ctx context.Context, f func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	tx := &memoryTx{ctx: ctx, memory: m, readOnly: true}
	defer tx.end()
	return f(tx)
}

// Update implements Store. It runs f once.
func (m *Memory) Update(ctx context.Context, f func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &memoryTx{ctx: ctx, memory: m}
	// Deferred, so that a panic or the end of the goroutine in f undoes too.
	defer tx.end()
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tx.undo = nil
	return nil
}

// Sweep implements Store.
func (m *Memory) Sweep(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for name, r := range m.records {
		if n == MaxSweep {
			break
		}
		if !r.Expires.IsZero() && !r.Expires.After(now) {
			m.remove(name)
			n++
		}
	}
	return n, nil
}

// set puts r, which belongs to the store from then on.
func (m *Memory) set(r Record) {
	name := recordName{r.Kind, r.Key}
	m.remove(name)
	m.records[name] = r
	group := recordGroup{r.Kind, r.Group}
	if m.keys[group] == nil {
		m.keys[group] = &orderedKeys{}
	}
	m.keys[group].insert(r.Key)
}

func (m *Memory) remove(name recordName) {
	r, ok := m.records[name]
	if !ok {
		return
	}
	delete(m.records, name)
	group := recordGroup{r.Kind, r.Group}
	m.keys[group].remove(r.Key)
	if len(m.keys[group].runs) == 0 {
		delete(m.keys, group)
	}
}

// memoryTx writes at once, and remembers how to undo it.
type memoryTx struct {
	ctx      context.Context
	memory   *Memory
	readOnly bool
	done     bool
	undo     []func()
}

func (t *memoryTx) end() {
	for _, undo := range slices.Backward(t.undo) {
		undo()
	}
	t.undo, t.done = nil, true
}

func (t *memoryTx) usable() error {
	if t.done {
		return ErrTxDone
	}
	return t.ctx.Err()
}

func (t *memoryTx) writable() error {
	if err := t.usable(); err != nil {
		return err
	}
	if t.readOnly {
		return ErrReadOnly
	}
	return nil
}

// Get implements Tx.
func (t *memoryTx) Get(kind, key string) (Record, error) {
	if err := t.usable(); err != nil {
		return Record{}, err
	}
	r, ok := t.memory.records[recordName{kind, key}]
	if !ok {
		return Record{}, fmt.Errorf("%w: %s", ErrNoRecord, kind)
	}
	return ownRecord(r), nil
}

// Insert implements Tx.
func (t *memoryTx) Insert(r Record) error {
	if err := t.writable(); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	if _, ok := t.memory.records[recordName{r.Kind, r.Key}]; ok {
		return fmt.Errorf("%w: %s", ErrRecordExists, r.Kind)
	}
	return t.Put(r)
}

// Put implements Tx.
func (t *memoryTx) Put(r Record) error {
	if err := t.writable(); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	t.remember(recordName{r.Kind, r.Key})
	r = ownRecord(r)
	if !r.Expires.IsZero() {
		r.Expires = time.UnixMicro(r.Expires.UnixMicro()).UTC()
	}
	t.memory.set(r)
	return nil
}

// Delete implements Tx.
func (t *memoryTx) Delete(kind, key string) error {
	if err := t.writable(); err != nil {
		return err
	}
	name := recordName{kind, key}
	t.remember(name)
	t.memory.remove(name)
	return nil
}

// List implements Tx.
func (t *memoryTx) List(kind, group, after string, limit int) ([]Record, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	ordered := t.memory.keys[recordGroup{kind, group}]
	if ordered == nil {
		return nil, nil
	}
	keys := ordered.after(after, limit)
	records := make([]Record, 0, len(keys))
	for _, key := range keys {
		records = append(records, ownRecord(t.memory.records[recordName{kind, key}]))
	}
	return records, nil
}

// remember keeps what is there under name for an undo.
func (t *memoryTx) remember(name recordName) {
	before, ok := t.memory.records[name]
	t.undo = append(t.undo, func() {
		t.memory.remove(name)
		if ok {
			t.memory.set(before)
		}
	})
}

// ownRecord returns r with a value that nobody else holds.
func ownRecord(r Record) Record {
	r.Value = slices.Clone(r.Value)
	return r
}
