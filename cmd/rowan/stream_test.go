package main

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

const scenarioLine = `{"name":"n","request":{"principal":"arn:aws:iam::111122223333:user/anne","action":"s3:GetObject","resource":"*"},` +
	`"policies":{"identity":[{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}]},"expect":"allowed"}` + "\n"

// shortLine is answered without policies.
const shortLine = `{"name":"n","request":{"principal":"arn:aws:iam::111122223333:root","action":"s3:GetObject","resource":"*"},"expect":"allowed"}` + "\n"

// repeated reads the same lines n times.
type repeated struct {
	lines string
	n     int
	rest  string
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.rest == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n, r.rest = r.n-1, r.lines
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// lineCounter counts lines, and those that are as expected, and notes the
// largest heap on the way.
type lineCounter struct {
	lines, allowed int
	heap           uint64
}

func (w *lineCounter) Write(b []byte) (int, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.heap = max(w.heap, m.HeapAlloc)
	w.lines += bytes.Count(b, []byte("\n"))
	w.allowed += bytes.Count(b, []byte(`"decision":"allowed"`))
	return len(b), nil
}

func TestEvalStreamsInConstantMemory(t *testing.T) {
	const lines, block = 200_000, 1000
	in := &repeated{lines: strings.Repeat(scenarioLine+strings.Repeat(shortLine, 9), block/10), n: lines / block}
	var out lineCounter
	require.Zero(t, run([]string{"eval", "--format", "json"}, in, &out, io.Discard))
	require.Equal(t, lines, out.lines)
	require.Equal(t, lines, out.allowed)
	require.Less(t, out.heap, uint64(64<<20), "heap while %d scenarios were read", lines)
	t.Logf("largest heap %d KiB", out.heap>>10)
}

// TestEvalAnswersBeforeItWaits gives one line and no more until it is answered.
func TestEvalAnswersBeforeItWaits(t *testing.T) {
	stdin, lines := io.Pipe()
	answers, stdout := io.Pipe()
	status := make(chan int)
	go func() { status <- run([]string{"eval", "--format", "json"}, stdin, stdout, io.Discard) }()
	got := make([]byte, 1000)
	for range 3 {
		_, err := io.WriteString(lines, scenarioLine)
		require.NoError(t, err)
		n, err := answers.Read(got)
		require.NoError(t, err)
		require.Contains(t, string(got[:n]), `"decision":"allowed"`)
	}
	require.NoError(t, lines.Close())
	require.Zero(t, <-status)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestOutputFails(t *testing.T) {
	in := &repeated{lines: scenarioLine, n: 1 << 40}
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"eval"}, in, failingWriter{errors.New("no space")}, &stderr))
	require.Equal(t, "rowan: no space\n", stderr.String())

	stderr.Reset()
	require.Zero(t, run([]string{"eval"}, in, failingWriter{syscall.EPIPE}, &stderr))
	require.Empty(t, stderr.String(), "a reader that has read enough is no news")
}

func TestInputFails(t *testing.T) {
	in := io.MultiReader(strings.NewReader(scenarioLine), iotest.ErrReader(errors.New("disk on fire")))
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"eval"}, in, &stdout, &stderr))
	require.Equal(t, "rowan: <stdin>: disk on fire\n", stderr.String())
	require.Contains(t, stdout.String(), "allowed")
}

// TestColor holds when there are colours: on a terminal that wants them, or on
// demand.
func TestColor(t *testing.T) {
	for _, tc := range []struct {
		flag, noColor string
		terminal      bool
		want          bool
	}{
		{"auto", "", false, false},
		{"auto", "", true, true},
		{"auto", "1", true, false},
		{"never", "", true, false},
		{"always", "1", false, true},
	} {
		var out bytes.Buffer
		p := &process{
			stdin: strings.NewReader(scenarioLine), stdout: &out, stderr: io.Discard, now: time.Now,
			terminal: func(stream any) bool { return tc.terminal && stream == &out },
			getenv:   func(name string) string { return map[string]string{"NO_COLOR": tc.noColor}[name] },
		}
		require.Zero(t, p.run([]string{"eval", "--color", tc.flag}))
		require.Equal(t, tc.want, strings.Contains(out.String(), "\x1b["), "%+v", tc)
	}
}

func TestTypedInputIsAnnounced(t *testing.T) {
	var stderr bytes.Buffer
	p := &process{
		stdin: strings.NewReader(scenarioLine), stdout: io.Discard, stderr: &stderr, now: time.Now,
		terminal: func(any) bool { return true }, getenv: func(string) string { return "" },
	}
	require.Zero(t, p.run([]string{"eval"}))
	require.Equal(t, "rowan: reading what you type; end with Ctrl-D\n", stderr.String())
}

func BenchmarkEval(b *testing.B) {
	in := &repeated{lines: scenarioLine, n: b.N}
	b.SetBytes(int64(len(scenarioLine)))
	b.ReportAllocs()
	if status := run([]string{"eval", "--format", "json"}, in, io.Discard, io.Discard); status != 0 {
		b.Fatalf("status %d", status)
	}
}
