package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/archive"
)

// Options say what is written, and how. Key, Now and Log are required.
type Options struct {
	// Key signs heads, and makes the secret of masks.
	Key   ed25519.PrivateKey
	What  What
	Masks []Mask
	// Drop says that a decision which finds no room is counted, and its record
	// dropped. Otherwise Write waits for at most Wait, zero meaning 100 ms, and
	// then fails; while nothing can be written it fails at once.
	Drop bool
	Wait time.Duration
	// Queue bounds the bytes that wait to be written; zero means 8 MiB.
	Queue int
	// HeadLines and HeadEvery are when a head is due: after so many lines, and so
	// long after a line. Zero means 1000 and 5 s.
	HeadLines uint64
	HeadEvery time.Duration
	Sync      Sync
	// Recent, if not nil, is told of every decision, whatever What says.
	Recent *Recent
	Now    func() time.Time
	// Log is told of what goes wrong, and of heads of files.
	Log *slog.Logger
}

// Sync says when what was written is made to survive a loss of power.
type Sync uint8

// SyncEverySecond is for a second's loss at most, SyncAlways makes every batch
// safe, and SyncNever leaves it to the system.
const (
	SyncEverySecond Sync = iota
	SyncAlways
	SyncNever
)

// ErrUnrecorded means that a decision could not be written, so that it must not
// be given.
var ErrUnrecorded = errors.New("the decision cannot be written to the decision log")

var errClosed = fmt.Errorf("%w: it is closed", ErrUnrecorded)

// Log is a decision log. Nil is one that writes nothing. It may be shared.
type Log struct {
	o      Options
	masks  masks
	writer *writer

	mu      sync.Mutex
	pending []byte // bodies, a newline after each
	room    chan struct{}
	closed  bool
	// skipped and dropped are since the last head.
	skipped, dropped uint64

	failing atomic.Pointer[error]
	wake    chan struct{}
	finish  chan struct{}
	done    chan struct{}
	err     error // of the end

	stats counters
}

// counters are for metrics.
type counters struct {
	written, skipped, dropped, refused, queued, seq atomic.Uint64
}

// Stats is how a log fares. Counts are since it was opened.
type Stats struct {
	// Written are records that were written, Skipped those that What leaves out,
	// Dropped those that found no room, Refused those that Write failed for.
	Written, Skipped, Dropped, Refused uint64
	// Queued is how many bytes wait, of Queue.
	Queued, Queue uint64
	// Line is the number of the last line.
	Line uint64
	// Failing says why nothing can be written now, nil if it can.
	Failing error
}

// Stats returns how the log fares; of a nil one, zero.
func (l *Log) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	s := Stats{
		Written: l.stats.written.Load(), Skipped: l.stats.skipped.Load(), Dropped: l.stats.dropped.Load(), Refused: l.stats.refused.Load(),
		Queued: l.stats.queued.Load(), Queue: uint64(l.o.Queue), Line: l.stats.seq.Load(),
	}
	if err := l.failing.Load(); err != nil {
		s.Failing = *err
	}
	return s
}

func (o *Options) check() error {
	if len(o.Key) != ed25519.PrivateKeySize || o.Now == nil || o.Log == nil {
		return errors.New("a decision log needs a key of ed25519, a clock and a log")
	}
	if o.Wait < 0 || o.Queue < 0 || o.HeadEvery < 0 {
		return errors.New("a decision log's bounds are not negative")
	}
	if o.Wait == 0 {
		o.Wait = 100 * time.Millisecond
	}
	if o.Queue == 0 {
		o.Queue = 8 << 20
	}
	if o.Queue < 2*maxBody {
		return fmt.Errorf("a decision log's queue has %d bytes or more", 2*maxBody)
	}
	if o.HeadLines == 0 {
		o.HeadLines = 1000
	}
	if o.HeadEvery == 0 {
		o.HeadEvery = 5 * time.Second
	}
	return nil
}

// OpenFile opens a log in a file, which it makes for its owner alone, and goes on
// with the chain that is there. What is there must be whole, but for lines that a
// crash left unfinished: they stay, and a head says so.
func OpenFile(o Options, f FileOptions) (*Log, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s, found, err := openFile(&f, o.Log, o.Key)
	if err != nil {
		return nil, err
	}
	l, err := open(o, s, found)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return l, nil
}

// OpenStream opens a log that is written to a stream, such as standard output. It
// is a chain of its own, which ends with the process.
func OpenStream(o Options, w io.Writer) (*Log, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return open(o, &stream{w}, found{})
}

// open writes the first head.
func open(o Options, s sink, at found) (*Log, error) {
	l := &Log{
		o: o, wake: make(chan struct{}, 1), finish: make(chan struct{}), done: make(chan struct{}),
	}
	var err error
	if l.masks, err = newMasks(o.Masks, o.Key); err != nil {
		return nil, err
	}
	public, ok := o.Key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("want a key of ed25519")
	}
	id, err := archive.KeyID(public)
	if err != nil {
		return nil, err
	}
	why := "open"
	if at.log == "" {
		why = "begin"
		var name [16]byte
		_, _ = rand.Read(name[:]) // which never fails
		at.log = hex.EncodeToString(name[:])
	}
	if len(at.torn) > 0 {
		why = "recover"
	}
	l.writer = &writer{
		log: l, sink: s, signer: signer{key: o.Key, id: id, log: at.log}, at: at.link, records: at.records, torn: at.torn, unended: at.unended, due: why,
	}
	if err := l.writer.write(nil); err != nil {
		return nil, fmt.Errorf("decision log: %w", err)
	}
	go l.run()
	return l, nil
}

// buffers are memory to make lines in.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Write writes a decision, if the log's What wants it: it has it written soon.
// After an error, which wraps ErrUnrecorded, the decision must not be given.
func (l *Log) Write(ctx context.Context, r *Record) error {
	if l == nil {
		return nil
	}
	keeps := l.o.What.keeps(r)
	if !keeps && l.o.Recent == nil {
		l.skip()
		return nil
	}
	b, ok := buffers.Get().(*[]byte)
	if !ok {
		return ErrUnrecorded
	}
	defer buffers.Put(b)
	*b = append(l.masks.appendRecord((*b)[:0], r), '\n')
	if l.o.Recent != nil {
		l.o.Recent.add((*b)[:len(*b)-1])
	}
	if !keeps {
		l.skip()
		return nil
	}
	return l.enqueue(ctx, *b)
}

func (l *Log) skip() {
	l.stats.skipped.Add(1)
	l.mu.Lock()
	l.skipped++
	l.mu.Unlock()
}

// enqueue has a body written.
func (l *Log) enqueue(ctx context.Context, body []byte) error {
	err := l.put(body)
	if errors.Is(err, errNoRoom) {
		err = l.wait(ctx, body)
	}
	if err != nil {
		l.stats.refused.Add(1)
		return err
	}
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
	return nil
}

var errNoRoom = fmt.Errorf("%w: its queue is full", ErrUnrecorded)

// put puts a body into the queue, or counts it.
func (l *Log) put(body []byte) error {
	failing := l.failing.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return errClosed
	case !l.o.Drop && failing != nil:
		return fmt.Errorf("%w: %w", ErrUnrecorded, *failing)
	case len(l.pending)+len(body) <= l.o.Queue:
		l.pending = append(l.pending, body...)
		l.stats.queued.Store(uint64(len(l.pending)))
		return nil
	case l.o.Drop:
		l.dropped++
		l.stats.dropped.Add(1)
		return nil
	case l.room == nil:
		l.room = make(chan struct{})
	}
	return errNoRoom
}

// wait puts a body into the queue once there is room.
func (l *Log) wait(ctx context.Context, body []byte) error {
	timer := time.NewTimer(l.o.Wait)
	defer timer.Stop()
	for {
		l.mu.Lock()
		room := l.room
		l.mu.Unlock()
		if room != nil {
			select {
			case <-room:
			case <-timer.C:
				return errNoRoom
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", ErrUnrecorded, ctx.Err())
			}
		}
		if err := l.put(body); !errors.Is(err, errNoRoom) {
			return err
		}
	}
}

// take takes what waits, into memory that is given back with the next call.
func (l *Log) take(memory []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.pending
	l.pending = memory[:0]
	l.stats.queued.Store(0)
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
	return taken
}

// counted takes what was skipped and dropped since the last head.
func (l *Log) counted() (skipped, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	skipped, dropped = l.skipped, l.dropped
	l.skipped, l.dropped = 0, 0
	return skipped, dropped
}

// uncount gives back what a head that was not written would have said.
func (l *Log) uncount(h *head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.skipped += h.Skipped
	l.dropped += h.Dropped
}

// Close writes what waits and a last head. Decisions after it are refused. The
// error says how many records were lost, if any.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		close(l.finish)
	}
	<-l.done
	return l.err
}
