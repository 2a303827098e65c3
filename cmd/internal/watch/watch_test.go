package watch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
)

func openSource(t testing.TB, source string, poll time.Duration) *Source {
	t.Helper()
	s, err := Open(Options{Source: source, Poll: poll, Now: time.Now})
	require.NoError(t, err)
	return s
}

// write writes files of a tree, which it makes.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte(text), 0o644))
	}
}

// following tells what a source has each time that it may be another one.
type following struct {
	t    testing.TB
	all  chan string
	wake chan os.Signal
}

// follow runs a source until the test ends. It tells the text of rowan.yaml, or
// the error.
func follow(t *testing.T, s *Source) *following {
	t.Helper()
	f := &following{t, make(chan string, 1000), make(chan os.Signal)}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, f.wake, func(ctx context.Context, forced bool) error {
			files, err := s.Read(ctx, forced)
			switch {
			case errors.Is(err, ErrUnchanged):
				f.all <- "unchanged"
			case err != nil:
				f.all <- "error: " + err.Error()
			default:
				text, err := fs.ReadFile(files.FS(), "rowan.yaml")
				f.all <- fmt.Sprintf("%s%v", text, map[bool]any{true: "", false: err}[err == nil])
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return f
}

// until waits for a text, and tells what else came.
func (f *following) until(want string) (others []string) {
	f.t.Helper()
	end := time.After(time.Minute)
	for {
		select {
		case got := <-f.all:
			if strings.Contains(got, want) {
				return others
			}
			others = append(others, got)
		case <-end:
			require.FailNow(f.t, "never told", "%s, but %q", want, others)
		}
	}
}

// TestChangesOfADirectory: in each way that editors, tools and clusters change a
// directory, told by the operating system and by looking alone.
func TestChangesOfADirectory(t *testing.T) {
	for name, poll := range map[string]time.Duration{"told": time.Hour, "looked for": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			dir := filepath.Join(base, "bundle")
			write(t, dir, map[string]string{"rowan.yaml": "one"})
			s := openSource(t, dir, poll)
			if poll < time.Hour {
				s.place = deaf{s.place}
			}
			f := follow(t, s)
			f.until("one")

			write(t, dir, map[string]string{"rowan.yaml": "two"}) // in place
			f.until("two")
			write(t, base, map[string]string{"new": "three"}) // as editors do: write beside, then rename
			require.NoError(t, os.Rename(filepath.Join(base, "new"), filepath.Join(dir, "rowan.yaml")))
			f.until("three")
			write(t, dir, map[string]string{"roles/sub.yaml": "x"}) // a new folder, and at once a file in it
			f.until("three")
			write(t, dir, map[string]string{"roles/sub.yaml": "y"}) // which is listened to by then
			f.until("three")
			write(t, base, map[string]string{"next/rowan.yaml": "four"}) // the whole directory is another one
			require.NoError(t, os.Rename(dir, dir+".old"))
			require.NoError(t, os.Rename(filepath.Join(base, "next"), dir))
			f.until("four")
			require.NoError(t, os.Remove(filepath.Join(dir, "rowan.yaml")))
			f.until("file does not exist")
			write(t, dir, map[string]string{"rowan.yaml": "five"})
			f.until("five")
			require.NoError(t, os.RemoveAll(dir))
			f.until("no such file")
			write(t, dir, map[string]string{"rowan.yaml": "six"}) // and made anew
			f.until("six")
			write(t, dir, map[string]string{"rowan.yaml": "seven"})
			f.until("seven")
		})
	}
}

// deaf is a place of which nobody tells.
type deaf struct{ place }

func (deaf) paths() []string { return nil }

// TestSwappedLinks: releases behind a link, and a volume as Kubernetes has it.
func TestSwappedLinks(t *testing.T) {
	swap := func(t *testing.T, target, link string) {
		t.Helper()
		require.NoError(t, os.Symlink(target, link+".tmp"))
		require.NoError(t, os.Rename(link+".tmp", link))
	}
	t.Run("releases", func(t *testing.T) {
		base := t.TempDir()
		write(t, base, map[string]string{"1/rowan.yaml": "one", "2/rowan.yaml": "two"})
		swap(t, "1", filepath.Join(base, "current"))
		f := follow(t, openSource(t, filepath.Join(base, "current"), time.Hour))
		f.until("one")
		swap(t, "2", filepath.Join(base, "current"))
		f.until("two")
		write(t, base, map[string]string{"2/rowan.yaml": "three"})
		f.until("three")
	})
	t.Run("configmap", func(t *testing.T) {
		mount := t.TempDir()
		publish := func(stamp, text string) {
			write(t, filepath.Join(mount, stamp), map[string]string{"rowan.yaml": text, "roles/A.yaml": text})
			swap(t, stamp, filepath.Join(mount, "..data"))
		}
		publish("..1", "one")
		for _, name := range []string{"rowan.yaml", "roles"} {
			require.NoError(t, os.Symlink("..data/"+name, filepath.Join(mount, name)))
		}
		s := openSource(t, mount, time.Hour)
		files, err := s.Read(t.Context(), false)
		require.NoError(t, err)
		require.Equal(t, []string{"roles/A.yaml", "rowan.yaml"}, files.Paths())
		s.begun = false
		f := follow(t, s)
		f.until("one")
		publish("..2", "two")
		require.NoError(t, os.RemoveAll(filepath.Join(mount, "..1")))
		require.Empty(t, f.until("two"))
	})
	t.Run("configmap with a link that leads out", func(t *testing.T) {
		mount, outside := t.TempDir(), t.TempDir()
		write(t, outside, map[string]string{"rowan.yaml": "one"})
		require.NoError(t, os.Symlink(outside, filepath.Join(mount, "..data")))
		_, err := openSource(t, mount, 0).Read(t.Context(), false)
		require.Error(t, err)
	})
}

// TestHalfWritten: of a directory whose files are written one after the other,
// nothing but the whole is ever told, as long as the writer does not rest.
func TestHalfWritten(t *testing.T) {
	dir := t.TempDir()
	const n = 30
	round := func(text string) {
		for i := range n {
			write(t, dir, map[string]string{fmt.Sprintf("policies/P%02d.json", i): text})
			time.Sleep(time.Millisecond)
		}
	}
	round("0")
	s := openSource(t, dir, 50*time.Millisecond)
	var seen atomic.Int32
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	mixed := make(chan string, 100)
	go func() {
		ended <- s.Run(ctx, nil, func(ctx context.Context, forced bool) error {
			files, err := s.Read(ctx, forced)
			if err != nil {
				return nil
			}
			texts := map[string]bool{}
			for _, p := range files.Paths() {
				text, err := fs.ReadFile(files.FS(), p)
				if err != nil {
					return err
				}
				texts[string(text)] = true
			}
			if len(texts) != 1 {
				mixed <- fmt.Sprint(texts)
			}
			seen.Add(1)
			return nil
		})
	}()
	for i := range 12 {
		before := seen.Load()
		round(fmt.Sprint(i + 1))
		require.Eventually(t, func() bool { return seen.Load() > before }, 10*time.Second, 5*time.Millisecond)
	}
	stop()
	require.NoError(t, <-ended)
	require.Empty(t, mixed)
}

func pack(t testing.TB, text string) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"rowan.yaml": text})
	f, err := archive.ReadDir(os.DirFS(dir))
	require.NoError(t, err)
	out, err := f.Write()
	require.NoError(t, err)
	return out
}

func TestArchiveFile(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "b.tar.gz")
	write(t, base, map[string]string{"b.tar.gz": string(pack(t, "one"))})
	f := follow(t, openSource(t, path, time.Hour))
	f.until("one")
	write(t, base, map[string]string{"b.new": string(pack(t, "two"))})
	require.NoError(t, os.Rename(filepath.Join(base, "b.new"), path))
	f.until("two")
	write(t, base, map[string]string{"b.tar.gz": string(pack(t, "three")[:50])})
	f.until("no tar.gz")
	write(t, base, map[string]string{"b.tar.gz": string(pack(t, "three"))})
	f.until("three")
	f.wake <- os.Interrupt
	f.until("three")
}

func TestAddress(t *testing.T) {
	var answer atomic.Pointer[http.HandlerFunc]
	set := func(h http.HandlerFunc) { answer.Store(&h) }
	var asked, conditional atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("If-None-Match") != "" {
			conditional.Add(1)
		}
		(*answer.Load())(w, r)
	}))
	t.Cleanup(server.Close)
	serve := func(text, etag string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Etag", etag)
			if r.Header.Get("If-None-Match") == etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			_, _ = w.Write(pack(t, text))
		}
	}
	set(serve("one", `"1"`))
	s := openSource(t, server.URL+"/b.tar.gz?token=hush", 50*time.Millisecond)
	require.NotContains(t, s.Name(), "hush")
	f := follow(t, s)
	f.until("one")
	f.until("unchanged")
	f.wake <- os.Interrupt
	f.until("one") // it is wanted in any case
	set(serve("two", `"2"`))
	f.until("two")
	set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	f.until("status 503")
	set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	f.until("status 304") // though nothing was asked to be the same
	set(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(pack(t, "three")[:40])
	})
	f.until("unexpected EOF")
	set(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20))
		for range archive.MaxArchive >> 20 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	f.until("an archive of more than")
	set(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/b.tar.gz", http.StatusFound)
	})
	for _, other := range f.until("a redirect to an address that is not https") {
		require.NotContains(t, other, "hush")
	}
	set(serve("four", `"4"`))
	f.until("four")
	require.Positive(t, conditional.Load())
	server.CloseClientConnections()
	server.Close()
	for _, other := range f.until("connection refused") {
		require.NotContains(t, other, "hush")
	}
}

func TestAddressWithItsOwnCA(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pack(t, "one")) }))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	s, err := Open(Options{Source: server.URL, CA: pool, Now: time.Now})
	require.NoError(t, err)
	_, err = s.Read(t.Context(), false)
	require.NoError(t, err)
	s, err = Open(Options{Source: server.URL, Now: time.Now})
	require.NoError(t, err)
	_, err = s.Read(t.Context(), false)
	require.ErrorContains(t, err, "certificate")
}

func TestOpenRefuses(t *testing.T) {
	for _, source := range []string{
		"", "http://bundles.example.com/b.tar.gz", "ftp://localhost/b.tar.gz", "https://user:secret@example.com/b", "https:///b",
		"http://127.0.0.1.example.com/b", "https://example.com/b#f", "https://exa mple.com/?secret",
	} {
		_, err := Open(Options{Source: source, Now: time.Now})
		require.Error(t, err, source)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := Open(Options{Source: "b", Poll: time.Millisecond, Now: time.Now})
	require.Error(t, err)
	_, err = Open(Options{Source: "b"})
	require.Error(t, err)
}

// TestReadOfTheDemo reads what a directory of the demo has.
func TestReadOfTheDemo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, demo.FS))
	f, err := openSource(t, dir, 0).Read(t.Context(), false)
	require.NoError(t, err)
	want, err := archive.ReadDir(demo.FS)
	require.NoError(t, err)
	require.Equal(t, want.Paths(), f.Paths())
}

// TestRetry: what could not be used is read again, though it did not change.
func TestRetry(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"rowan.yaml": "one"})
	s := openSource(t, dir, 50*time.Millisecond)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	read := 0
	require.NoError(t, s.Run(ctx, nil, func(ctx context.Context, forced bool) error {
		if _, err := s.Read(ctx, forced); err == nil {
			if read++; read == 3 {
				stop()
			}
			s.Retry()
		}
		return nil
	}))
	require.Equal(t, 3, read)
}
