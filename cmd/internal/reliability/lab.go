package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
)

// lab is where targets are measured: the binary, a publisher of bundles and
// what was measured before.
type lab struct {
	settings
	dir      string
	progress io.Writer
	private  ed25519.PrivateKey
	trust    string // the file of the public key
	mint     *mint
	keys     string // the file of the keys
	asked    []question

	mu      sync.Mutex
	running []*daemon
	count   int
	// saturated is in calls a second, zero until it is measured.
	saturated float64
}

func newLab(ctx context.Context, s *settings, progress io.Writer) (l *lab, err error) {
	l = &lab{settings: *s, progress: progress, asked: questions()}
	if l.dir, err = os.MkdirTemp("", "rowan-reliability-"); err != nil {
		return nil, err
	}
	if l.binary == "" && !l.controls {
		l.binary = filepath.Join(l.dir, "rowan")
		if err := build(ctx, progress, l.binary, "./rowan"); err != nil {
			return nil, err
		}
	}
	private, public, err := archive.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if l.private, err = archive.ParsePrivateKey(private); err != nil {
		return nil, err
	}
	l.trust, l.keys = filepath.Join(l.dir, "trust.pem"), filepath.Join(l.dir, "keys.json")
	var file []byte
	if l.mint, file, err = newMint(time.Now()); err != nil {
		return nil, err
	}
	return l, errors.Join(os.WriteFile(l.trust, public, 0o600), os.WriteFile(l.keys, file, 0o600))
}

// build builds a program of this module.
func build(ctx context.Context, progress io.Writer, binary, pkg string, flags ...string) error {
	_, _ = fmt.Fprintf(progress, "building %s\n", pkg)
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", binary}, flags...), pkg)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build %s, in the folder cmd: %w\n%s", pkg, err, said.String())
	}
	return nil
}

// span is how long something takes: the first in a short run.
func (l *lab) span(short, quick time.Duration) time.Duration {
	if l.short {
		return short
	}
	return quick
}

// times is how often something is done: the first in a short run.
func (l *lab) times(short, quick int) int {
	if l.short {
		return short
	}
	return quick
}

// folder makes a new folder.
func (l *lab) folder() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	dir := filepath.Join(l.dir, fmt.Sprint(l.count))
	return dir, os.Mkdir(dir, 0o700)
}

// stopAll ends the servers that a target left running.
func (l *lab) stopAll() {
	l.mu.Lock()
	all := l.running
	l.running = nil
	l.mu.Unlock()
	for _, d := range all {
		d.kill()
	}
}

func (l *lab) close() {
	l.stopAll()
	_ = os.RemoveAll(l.dir) // it is in the folder for what is temporary
}

// world is a source of bundles whose decisions are known, and those who ask.
type world struct {
	lab      *lab
	file     string // the archive that is published
	besides  int
	subjects []*rowanv1.Subject // of the players
	calls    []*rowanv1.DecideRequest

	// ahead are revisions that were made before they are needed: to know what is
	// right in each takes a tenth of a second of the processor.
	ahead map[int]*revision

	mu      sync.Mutex
	known   atomic.Pointer[map[string]*revision] // by digest
	current atomic.Pointer[revision]
}

// newWorld makes a source with its first revision.
func (l *lab) newWorld(besides int) (*world, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	w := &world{lab: l, file: filepath.Join(dir, "bundle.tar.gz"), besides: besides}
	w.known.Store(&map[string]*revision{})
	for p := range players {
		s, err := l.mint.session(p, fmt.Sprintf("session-%d", p), time.Now().Add(-time.Minute), sessionLife)
		if err != nil {
			return nil, err
		}
		w.subjects = append(w.subjects, s)
	}
	for _, q := range l.asked {
		w.calls = append(w.calls, request(w.subjects[q.player], q.action, q.row))
	}
	return w, w.publish(1)
}

// request is a question about a row.
func request(of *rowanv1.Subject, action, row string) *rowanv1.DecideRequest {
	return &rowanv1.DecideRequest{
		Subject: of, Action: action, Resource: tableARN, Context: []*rowanv1.ContextKey{{Name: leading, Values: []string{row}}},
	}
}

// publish puts revision n in place of the one before.
func (w *world) publish(n int) error {
	r, err := w.prepare(n)
	if err != nil {
		return err
	}
	text, err := w.sign(r)
	if err != nil {
		return err
	}
	w.current.Store(r)
	return w.put(text)
}

// prepare makes revision n and lets it be known.
func (w *world) prepare(n int) (*revision, error) {
	r := w.ahead[n]
	if r == nil {
		var err error
		if r, err = newRevision(n, w.besides, w.lab.asked); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[string]*revision{r.digest: r}
	for digest, other := range *w.known.Load() {
		known[digest] = other
	}
	w.known.Store(&known)
	return r, nil
}

// makeAhead makes so many revisions after the first.
func (w *world) makeAhead(count int) error {
	w.ahead = map[int]*revision{}
	for n := 2; n < 2+count; n++ {
		r, err := newRevision(n, w.besides, w.lab.asked)
		if err != nil {
			return err
		}
		w.ahead[n] = r
	}
	return nil
}

// sign packs a revision.
func (w *world) sign(r *revision) ([]byte, error) {
	f, err := r.files.Signed(w.lab.private)
	if err != nil {
		return nil, err
	}
	return f.Write()
}

// put replaces the archive, whole.
func (w *world) put(text []byte) error {
	if err := os.WriteFile(w.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(w.file+".new", w.file)
}
