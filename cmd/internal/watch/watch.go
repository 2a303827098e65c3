// Package watch reads bundles from where they are kept, a directory, a tar.gz or
// an address, and tells when there may be another one.
//
// A directory is read whole, and again if it changed meanwhile. Changes are told
// by the operating system where it can and are looked for besides, since
// notifications get lost: with renamed folders, swapped links, network disks.
package watch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/archive"
)

// Options say what is watched. Source and Now must be there.
type Options struct {
	// Source is a directory, a tar.gz, or the address of one: https, or http on
	// this machine.
	Source string
	// Poll is how often changes are looked for: every 2 s if zero, and every 30 s
	// at an address, give or take a tenth.
	Poll time.Duration
	// CA are who certifies the server of an address; nil means whom this machine
	// trusts.
	CA  *x509.CertPool
	Now func() time.Time
	// Log is told when nobody tells of changes; nil is nobody.
	Log *slog.Logger
}

const (
	localPoll  = 2 * time.Second
	remotePoll = 30 * time.Second
	// shortest keeps a mistake from keeping a server busy.
	shortest = 50 * time.Millisecond
)

// Source is where a bundle comes from. Its methods are for one goroutine.
type Source struct {
	options Options
	name    string
	place   place
	// begun says that something was read. again says that the last reading failed, so that it is tried again though
	// nothing has changed.
	begun, again bool
}

// place is a kind of source.
type place interface {
	// read reads a bundle, ErrUnchanged if it is certain that it is the one that
	// was read last; forced wants it in any case.
	read(ctx context.Context, forced bool) (*archive.Files, error)
	// changed reports whether there may be another one since the last call of
	// read or changed.
	changed() bool
	// paths are where the operating system may tell of changes; nil where it
	// cannot.
	paths() []string
}

// ErrUnchanged means that the source has what was read last.
var ErrUnchanged = errors.New("unchanged")

// Open returns a source. Nothing is read yet, and it need not be there.
func Open(o Options) (*Source, error) {
	if o.Source == "" || o.Now == nil {
		return nil, errors.New("a source needs a name and a clock")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poll != 0 && o.Poll < shortest {
		return nil, fmt.Errorf("looking for a bundle every %v: want %v at least", o.Poll, shortest)
	}
	s := &Source{options: o, name: o.Source}
	if strings.Contains(o.Source, "://") {
		r, err := newRemote(o.Source, o.CA)
		if err != nil {
			return nil, err
		}
		s.place, s.name = r, r.name
		if o.Poll == 0 {
			s.options.Poll = remotePoll
		}
		return s, nil
	}
	if o.Poll == 0 {
		s.options.Poll = localPoll
	}
	if stat, err := os.Stat(o.Source); err == nil && !stat.IsDir() || err != nil && isArchive(o.Source) {
		s.place = &packed{path: o.Source}
	} else {
		s.place = &directory{path: o.Source, now: o.Now}
	}
	return s, nil
}

func isArchive(path string) bool {
	return strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz")
}

// Name is the source for people: an address without its query.
func (s *Source) Name() string { return s.name }

// Read reads the bundle that is there. ErrUnchanged says that it is the one that
// was read last; forced reads it in any case.
func (s *Source) Read(ctx context.Context, forced bool) (*archive.Files, error) {
	f, err := s.place.read(ctx, forced || s.again)
	s.begun, s.again = true, err != nil && !errors.Is(err, ErrUnchanged)
	return f, err
}

// Retry has the next look read what is there, though it did not change: it could
// not be put to use for a reason that is not its own and may pass.
func (s *Source) Retry() { s.again = true }

// quiet is how long nothing must change before a change counts as complete, and
// patience how long that is waited for.
const quiet, patience = 150 * time.Millisecond, 2 * time.Second

// Run calls do whenever there may be another bundle, and with forced for each
// wake, until ctx ends or do fails. If nothing was read yet, it begins with that.
func (s *Source) Run(ctx context.Context, wake <-chan os.Signal, do func(ctx context.Context, forced bool) error) error {
	n := s.notify()
	defer func() { _ = n.Close() }() // nothing was written
	if !s.begun {
		s.place.changed()
		if err := do(ctx, false); err != nil {
			return err
		}
	}
	for {
		again := time.NewTimer(s.pause())
		forced, told := false, false
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-wake:
			forced = true
		case <-n.told():
			told = n.settle(ctx)
		case <-again.C:
		}
		again.Stop()
		if s.place.changed() || forced || told || s.again {
			n.add(s.place.paths())
			if err := do(ctx, forced); err != nil {
				return err
			}
		}
	}
}

// pause is the time until the next look, give or take a tenth, lest a thousand
// servers ask at once.
func (s *Source) pause() time.Duration {
	tenth := s.options.Poll / 10
	return s.options.Poll - tenth + rand.N(2*tenth+1)
}
