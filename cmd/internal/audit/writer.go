package audit

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// sink is where lines go.
type sink interface {
	// write writes whole lines. n is how many bytes of them are there for good
	// after an error; those behind the last newline are torn.
	write(text []byte) (n int, err error)
	sync() error
	// full reports whether it is time for another file, which rotate begins.
	full() bool
	rotate() error
	close() error
}

// writer is what the goroutine of a log has.
type writer struct {
	log    *Log
	sink   sink
	signer signer
	at     link
	// records are those since the last head.
	records uint64
	// torn is what is there of lines that were not finished; unended says that
	// nothing is, but the newline of the last line is not there.
	torn    []byte
	unended bool
	// due is why a head comes first, empty if none does.
	due    string
	headAt time.Time
	// dirty says that something may not survive a loss of power yet, syncAt when
	// nothing was.
	dirty  bool
	syncAt time.Time
	// rotateAt is when to try again to rotate.
	rotateAt time.Time

	out   []byte
	marks []mark
}

// mark is a line of a batch: where it ends, and where its body does; head is what
// it is, if it is one.
type mark struct {
	end, body int
	head      *head
}

// retryEvery is how often what could not be written is tried again.
const retryEvery = 200 * time.Millisecond

// lastTries is how often it is tried again once the log is being closed.
const lastTries = 5

// run writes until the log is closed.
func (l *Log) run() {
	defer close(l.done)
	w := l.writer
	tick := time.NewTicker(min(l.o.HeadEvery, time.Second))
	defer tick.Stop()
	var batch, taken, memory []byte
	last := lastTries
	for closing := false; ; {
		if !closing {
			select {
			case <-l.wake:
			case <-tick.C:
			case <-l.finish:
				closing = true
			}
		}
		if len(batch) == 0 {
			taken = l.take(memory)
			batch, memory = taken, nil
		}
		rest, err := w.batch(batch, closing)
		l.fared(err)
		if batch = rest; len(batch) == 0 {
			memory, taken = taken, nil
		}
		switch more := l.waits(); {
		case err == nil && closing && len(batch) == 0 && !more:
			l.err = l.sinkClosed()
			return
		case err != nil && closing && last == 0:
			l.err = l.lost(batch, err)
			return
		case err != nil && closing:
			last--
			time.Sleep(retryEvery)
		case err != nil:
			pause(l.finish)
		}
	}
}

// pause waits for another try.
func pause(finish <-chan struct{}) {
	timer := time.NewTimer(retryEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-finish:
	}
}

// waits reports whether something is in the queue, and has the writer look again.
func (l *Log) waits() bool {
	l.mu.Lock()
	more := len(l.pending) > 0
	l.mu.Unlock()
	if more {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return more
}

// fared tells whoever writes whether something can be written.
func (l *Log) fared(err error) {
	was := l.failing.Load()
	switch {
	case err != nil && was == nil:
		l.o.Log.Error("the decision log cannot be written", slog.Any("error", err), slog.Bool("drop", l.o.Drop))
		failing := err
		l.failing.Store(&failing)
	case err == nil && was != nil:
		l.o.Log.Info("the decision log is written again", slog.Uint64("dropped", l.stats.dropped.Load()), slog.Uint64("refused", l.stats.refused.Load()))
		l.failing.Store(nil)
	}
}

func (l *Log) sinkClosed() error { return l.writer.sink.close() }

// lost says what never was written.
func (l *Log) lost(batch []byte, err error) error {
	n := bytes.Count(batch, []byte("\n")) + bytes.Count(l.take(nil), []byte("\n"))
	return errors.Join(fmt.Errorf("decision log: %d records were not written: %w", n, err), l.writer.sink.close())
}

// batch writes bodies, and heads that are due. It returns those that are not
// written.
func (w *writer) batch(bodies []byte, closing bool) (rest []byte, err error) {
	now := w.log.o.Now()
	rest, err = w.writeBodies(bodies)
	if err != nil {
		return rest, err
	}
	closes := closing && !w.log.waits()
	full := !closes && w.sink.full() && !now.Before(w.rotateAt)
	switch {
	case closes:
		w.due = "close"
	case full:
		w.due = "rotate"
	case w.records >= w.log.o.HeadLines:
		w.due = "lines"
	case now.Sub(w.headAt) >= w.log.o.HeadEvery && w.said():
		w.due = "time"
	default:
		return rest, w.synced(now, false)
	}
	if err := w.write(nil); err != nil {
		return rest, err
	}
	if err := w.synced(now, full || closes); err != nil || !full {
		return rest, err
	}
	if err := w.sink.rotate(); err != nil {
		w.rotateAt = now.Add(time.Minute)
		w.log.o.Log.Error("the decision log cannot be rotated", slog.Any("error", err))
		return rest, nil
	}
	w.due = "continue"
	return rest, w.write(nil)
}

// said reports whether a head would say something new.
func (w *writer) said() bool {
	l := w.log
	l.mu.Lock()
	defer l.mu.Unlock()
	return w.records > 0 || l.skipped > 0 || l.dropped > 0
}

// synced makes safe what was written, if it is time or must be.
func (w *writer) synced(now time.Time, must bool) error {
	o := &w.log.o
	if !w.dirty || o.Sync == SyncNever || !must && o.Sync == SyncEverySecond && now.Sub(w.syncAt) < time.Second {
		return nil
	}
	if err := w.sink.sync(); err != nil {
		return err // and it stays dirty
	}
	w.dirty, w.syncAt = false, now
	return nil
}

// writeBodies writes bodies; it returns those that are not written.
func (w *writer) writeBodies(bodies []byte) ([]byte, error) {
	w.marks = w.marks[:0]
	if len(bodies) == 0 && w.due == "" && len(w.torn) == 0 {
		return bodies, nil
	}
	err := w.write(bodies)
	done := 0
	if n := len(w.marks); n > 0 {
		done = w.marks[n-1].body
	}
	return bodies[done:], err
}

// write writes the head that is due, if one is, and bodies behind it. Afterwards
// the marks are those of the lines that are written for good.
func (w *writer) write(bodies []byte) error {
	before := *w
	if err := w.compose(bodies); err != nil {
		return err
	}
	n, err := w.sink.write(w.out)
	if err != nil {
		w.undo(&before, n)
	}
	for i := range w.marks {
		if w.marks[i].head == nil {
			w.log.stats.written.Add(1)
		}
	}
	w.dirty = w.dirty || n > 0
	w.log.stats.seq.Store(w.at.seq)
	return err
}

// compose makes the lines.
func (w *writer) compose(bodies []byte) error {
	w.out, w.marks = w.out[:0], w.marks[:0]
	if w.led() {
		w.out = append(w.out, '\n')
	}
	if len(w.torn) > 0 && w.due == "" {
		w.due = "recover"
	}
	w.unended = false
	if w.due != "" {
		w.head()
	}
	for at := 0; at < len(bodies); {
		size := bytes.IndexByte(bodies[at:], '\n')
		if size < 0 {
			return errors.New("a body without an end")
		}
		begin := len(w.out)
		w.out = w.at.begin(w.out)
		w.out = append(w.out, bodies[at:at+size]...)
		w.at.add(w.out[begin:])
		w.out = append(w.out, '\n')
		at += size + 1
		w.records++
		w.marks = append(w.marks, mark{end: len(w.out), body: at})
	}
	return nil
}

// led reports whether a newline comes first.
func (w *writer) led() bool { return len(w.torn) > 0 || w.unended }

// head makes the head that is due.
func (w *writer) head() {
	h := &head{Why: w.due, What: w.log.o.What.String(), Records: w.records, Torn: tornOf(w.torn)}
	h.Skipped, h.Dropped = w.log.counted()
	now := w.log.o.Now()
	begin := len(w.out)
	w.out = w.signer.append(w.out, now, &w.at, h)
	w.at.add(w.out[begin:])
	w.out = append(w.out, '\n')
	w.marks = append(w.marks, mark{end: len(w.out), head: h})
	w.records, w.torn, w.due, w.headAt = 0, nil, "", now
}

// undo takes back the lines of which not all is there.
func (w *writer) undo(before *writer, n int) {
	at, records, due, headAt, unended := before.at, before.records, before.due, before.headAt, before.unended
	begin, whole, line := 0, 0, 0
	if before.led() {
		begin = 1
		unended = unended && n == 0
	}
	// A line is whole without its newline, too.
	for ; line < len(w.marks) && w.marks[line].end-1 <= n; line++ {
		m := &w.marks[line]
		at.add(w.out[begin : m.end-1])
		begin, whole, unended = m.end, min(m.end, n), m.end > n
		if records++; m.head != nil {
			records, due, headAt = 0, "", w.headAt
		}
	}
	for _, m := range w.marks[line:] {
		if m.head != nil {
			w.log.uncount(m.head)
		}
	}
	rest := bytes.Clone(w.out[whole:n])
	if line == 0 && before.unended {
		rest = bytes.TrimPrefix(rest, []byte("\n")) // which ends the line before
	} else if line == 0 {
		rest = append(bytes.Clone(before.torn), rest...)
	}
	w.marks = w.marks[:line]
	w.at, w.records, w.due, w.headAt, w.torn, w.unended = at, records, due, headAt, rest, unended
}
