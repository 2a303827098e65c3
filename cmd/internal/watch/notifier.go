package watch

import (
	"context"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// notifier tells of changes as far as the operating system does. A nil one never
// tells.
type notifier struct {
	w *fsnotify.Watcher
}

// notify begins to listen.
func (s *Source) notify() *notifier {
	paths := s.place.paths()
	if paths == nil {
		return nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.options.Log.Warn("the operating system does not tell of changes", slog.String("source", s.name), slog.Any("error", err))
		return nil
	}
	go func() {
		for range w.Errors { // or nothing more would be told: what was lost is found by looking
		}
	}()
	n := &notifier{w}
	n.add(paths)
	return n
}

// add listens at paths; one that is gone is none to listen at.
func (n *notifier) add(paths []string) {
	if n == nil {
		return
	}
	for _, p := range paths {
		_ = n.w.Add(p) // looking finds what is not told of
	}
}

// told has something when something happened.
func (n *notifier) told() <-chan fsnotify.Event {
	if n == nil {
		return nil
	}
	return n.w.Events
}

// settle waits until nothing has happened for a while, and reports whether
// something has.
func (n *notifier) settle(ctx context.Context) bool {
	end := time.NewTimer(patience)
	defer end.Stop()
	still := time.NewTimer(quiet)
	defer still.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-end.C:
			return true
		case <-still.C:
			return true
		case <-n.w.Events:
			still.Reset(quiet)
		}
	}
}

// Close ends listening.
func (n *notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.w.Close()
}
