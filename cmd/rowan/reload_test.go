package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/conditions"
)

// revision is a bundle of two roles in different files, which tell which
// revision they are of.
func revision(t testing.TB, n int) (files fstest.MapFS, digest string) {
	t.Helper()
	files = fstest.MapFS{"rowan.yaml": {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")}}
	for _, name := range []string{"A", "B"} {
		files["roles/"+name+".yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "tags: {revision: \"%d\"}\n", n)}
	}
	b, err := bundle.Load(files, "revision", conditions.AWS())
	require.NoError(t, err)
	return files, strings.TrimPrefix(b.Digest, "sha256:")
}

// served is a rowan serve of its own.
type served struct {
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	out  *lockedBuffer
	done chan struct{}
}

// lockedBuffer is a buffer that a process writes to while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is what was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServe starts a rowan serve on a port of its own, and waits until it
// listens.
func startServe(t testing.TB, args ...string) *served {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	s := &served{t: t, out: &lockedBuffer{}, done: make(chan struct{})}
	s.cmd = exec.Command(self, append([]string{"serve", "--listen", "127.0.0.1:0", "--url", "https://auth.example.com"}, args...)...)
	s.cmd.Args[0] = "rowan" // see TestMain
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	require.NoError(t, s.cmd.Start())
	go func() { defer close(s.done); _ = s.cmd.Wait() }()
	t.Cleanup(s.kill)
	require.Eventually(t, func() bool {
		_, after, ok := strings.Cut(s.out.String(), "listening on ")
		if ok {
			s.url = "http://" + strings.Fields(after)[0]
		}
		return ok
	}, 20*time.Second, 5*time.Millisecond, "%s", s.out)
	return s
}

// kill ends it as a power cut would.
func (s *served) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// readiness is what /-/ready says.
type readiness struct {
	Status string
	Bundle struct {
		Digest    string
		Version   uint64
		RefusedAt *time.Time
	}
}

func (s *served) ready() (r readiness) {
	s.t.Helper()
	w, err := http.Get(s.url + "/-/ready")
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, w.Body.Close()) }()
	require.NoError(s.t, json.NewDecoder(w.Body).Decode(&r))
	require.Equal(s.t, http.StatusOK, w.StatusCode)
	return r
}

func (s *served) until(what string, f func(readiness) bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return f(s.ready()) }, 10*time.Second, 10*time.Millisecond, "%s: %+v\n%s", what, s.ready(), s.out)
}

// writeTree replaces a directory's files by those.
func writeTree(t testing.TB, dir string, files fstest.MapFS) {
	t.Helper()
	for name, f := range files {
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, f.Data, 0o644))
	}
}

// TestServeFollowsItsDirectory: a change comes into force, a bad one does not,
// and the way back is as short.
func TestServeFollowsItsDirectory(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	first, one := revision(t, 1)
	second, two := revision(t, 2)
	writeTree(t, dir, first)
	s := startServe(t, "--bundle", dir, "--data", data)
	require.Equal(t, one, s.ready().Bundle.Digest)
	writeTree(t, dir, second)
	s.until("the second", func(r readiness) bool { return r.Bundle.Digest == two })
	writeTree(t, dir, fstest.MapFS{"roles/B.yaml": {Data: []byte("tags: [")}})
	s.until("a refusal", func(r readiness) bool { return r.Bundle.RefusedAt != nil && r.Bundle.Digest == two })
	require.Contains(t, s.out.String(), "roles/B.yaml:1:")
	require.NoError(t, os.Remove(filepath.Join(dir, "rowan.yaml")))
	s.until("a refusal", func(r readiness) bool { return r.Bundle.RefusedAt != nil && r.Bundle.Digest == two })
	writeTree(t, dir, second)
	s.until("the second again", func(r readiness) bool { return r.Bundle.RefusedAt == nil && r.Bundle.Digest == two })
	writeTree(t, dir, first)
	s.until("the first", func(r readiness) bool { return r.Bundle.Digest == one })

	before := strings.Count(s.out.String(), "a bundle came into force")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Count(s.out.String(), "a bundle came into force") == before+1 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.done
	require.Zero(t, s.cmd.ProcessState.ExitCode())
}

// publisher signs revisions.
type publisher struct {
	t       testing.TB
	private []byte
	trust   string // the file of public keys
}

func newPublisher(t testing.TB) *publisher {
	t.Helper()
	private, public, err := archive.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p := &publisher{t, private, filepath.Join(t.TempDir(), "trust.pem")}
	require.NoError(t, os.WriteFile(p.trust, public, 0o600))
	return p
}

// sign packs revision n as version n.
func (p *publisher) sign(n int) (text []byte, digest string) {
	p.t.Helper()
	return p.signAs(n, n, time.Now(), time.Time{})
}

func (p *publisher) signAs(n, version int, created, expires time.Time) (text []byte, digest string) {
	p.t.Helper()
	files, digest := revision(p.t, n)
	f, err := archive.ReadDir(files)
	require.NoError(p.t, err)
	f, err = f.Numbered(uint64(version), created, expires)
	require.NoError(p.t, err)
	key, err := archive.ParsePrivateKey(p.private)
	require.NoError(p.t, err)
	f, err = f.Signed(key)
	require.NoError(p.t, err)
	text, err = f.Write()
	require.NoError(p.t, err)
	return text, digest
}

func replaceWith(t testing.TB, file string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file+".new", text, 0o600))
	require.NoError(t, os.Rename(file+".new", file))
}

// TestKilledWhileReloading: a server that is killed at any moment of a reload
// serves, started again, the revision before or the one after, whole, and never
// an older one. Source: reliability.md X1, with 20 cycles.
func TestKilledWhileReloading(t *testing.T) {
	const cycles = 20
	p := newPublisher(t)
	data := t.TempDir()
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	digests := map[string]int{}
	publish := func(n int) {
		text, digest := p.sign(n)
		digests[digest] = n
		replaceWith(t, file, text)
	}
	publish(1)
	start := func() (*served, int) {
		began := time.Now()
		s := startServe(t, "--bundle", file, "--bundle-trust", p.trust, "--bundle-poll", "50ms", "--data", data)
		r := s.ready()
		n, known := digests[r.Bundle.Digest]
		require.True(t, known, "a set that was never published is in force")
		require.EqualValues(t, n, r.Bundle.Version)
		require.Less(t, time.Since(began), 10*time.Second)
		return s, n
	}
	s, serving := start()
	var killedBefore, killedAfter int
	for n := 2; n < 2+cycles; n++ {
		publish(n)
		wait, err := rand.Int(rand.Reader, big.NewInt(300))
		require.NoError(t, err)
		time.Sleep(time.Duration(wait.Int64()) * time.Millisecond)
		s.kill()
		if strings.Contains(s.out.String(), fmt.Sprintf("version=%d", n)) {
			killedAfter++
		} else {
			killedBefore++
		}
		var now int
		s, now = start()
		require.GreaterOrEqual(t, now, serving)
		require.Equal(t, n, now, "the source has it, so that a start finds it")
		serving = now
	}
	t.Logf("%d kills: %d before the new revision was in force, %d after", cycles, killedBefore, killedAfter)
	// What was in force is not forgotten by a kill: an older one is refused.
	s.kill()
	text, _ := p.sign(serving - 1)
	replaceWith(t, file, text)
	out, err := runRowan(t, "serve", "--listen", "127.0.0.1:0", "--bundle", file, "--bundle-trust", p.trust, "--data", data)
	require.Equal(t, exitUnloadable, exitCode(err), "%s", out)
	require.Contains(t, out, fmt.Sprintf("version %d was in force already", serving))
}

func runRowan(t testing.TB, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "rowan"
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// TestServeTrustsSignedBundlesAlone: with a trust root each source must be signed,
// and what is older, frozen or stripped does not come into force.
func TestServeTrustsSignedBundlesAlone(t *testing.T) {
	p, stranger := newPublisher(t), newPublisher(t)
	data := t.TempDir()
	var body atomic.Pointer[[]byte]
	put := func(text []byte) { body.Store(&text) }
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*body.Load()) }))
	t.Cleanup(web.Close)

	five, digest5 := p.sign(5)
	put(five)
	s := startServe(t, "--bundle", web.URL+"/b.tar.gz?secret=hush", "--bundle-trust", p.trust, "--bundle-poll", "50ms", "--data", data)
	require.Equal(t, digest5, s.ready().Bundle.Digest)
	four, _ := p.sign(4)
	six, _ := p.sign(6)
	foreign, _ := stranger.sign(6)
	frozen, _ := p.signAs(6, 6, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	otherFive, _ := p.signAs(99, 5, time.Now(), time.Time{})
	files, _ := revision(t, 6)
	f, err := archive.ReadDir(files)
	require.NoError(t, err)
	plain, err := f.Write()
	require.NoError(t, err)
	for _, c := range []struct {
		text []byte
		want string
	}{
		{four, "version 5 was in force already"},
		{otherFive, "version 5 of the bundle is not the one that was in force already"},
		{foreign, "no signature of a trusted key"},
		{frozen, "the bundle expired at"},
		{plain, "only signed ones are taken"},
		{six[:len(six)-20], "no tar.gz"},
		{[]byte("<html>"), "no tar.gz"},
	} {
		put(c.text)
		require.Eventually(t, func() bool { return strings.Contains(s.out.String(), c.want) }, 10*time.Second, 10*time.Millisecond, "%s\n%s", c.want, s.out)
		require.Equal(t, digest5, s.ready().Bundle.Digest)
	}
	put(six)
	s.until("the sixth", func(r readiness) bool { return r.Bundle.Version == 6 && r.Bundle.RefusedAt == nil })
	require.NotContains(t, s.out.String(), "hush")
	s.kill()

	// A directory is no exception, and neither is the one that is built in.
	dir := t.TempDir()
	files, _ = revision(t, 7)
	writeTree(t, dir, files)
	out, err := runRowan(t, "serve", "--listen", "127.0.0.1:0", "--bundle", dir, "--bundle-trust", p.trust, "--data", data)
	require.Equal(t, exitUnloadable, exitCode(err), "%s", out)
	require.Contains(t, out, "only signed ones are taken")
	out, err = runRowan(t, "serve", "--listen", "127.0.0.1:0", "--bundle-trust", p.trust, "--data", data)
	require.Equal(t, exitUsage, exitCode(err), "%s", out)
	// And a version that cannot be read is not one that never was.
	require.NoError(t, os.WriteFile(filepath.Join(data, "bundle-version.json"), nil, 0o600))
	put(six)
	out, err = runRowan(t, "serve", "--listen", "127.0.0.1:0", "--bundle", web.URL, "--bundle-trust", p.trust, "--data", data)
	require.Equal(t, exitUsage, exitCode(err), "%s", out)
	require.Contains(t, out, "bundle-version.json")
}
