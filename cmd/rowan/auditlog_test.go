package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at returns where something of a server listens.
func (s *served) at(name string) string {
	s.t.Helper()
	var found string
	require.Eventually(s.t, func() bool {
		_, after, ok := strings.Cut(s.out.String(), name+" on ")
		if ok && strings.Contains(after, "\n") {
			found = strings.Fields(after)[0]
		}
		return found != ""
	}, 20*time.Second, 5*time.Millisecond, "%s", s.out)
	return found
}

// ownRow asks about a row of a player of the demo.
const ownRow = `{"subject":{"principal":{"principal":"Player","identityId":"us-east-1:aaaa"}},
	"action":"dynamodb:GetItem","resource":"arn:aws:dynamodb:us-east-1:111122223333:table/GameScores",
	"context":{"dynamodb:LeadingKeys":["us-east-1:%s"]}}`

type decided struct {
	DecisionID string `json:"decisionId"`
	Decision   string
}

func (s *served) decide(row string) (int, decided) {
	s.t.Helper()
	w, err := http.Post("http://"+s.at("answering http")+"/v1/decide", "application/json", strings.NewReader(fmt.Sprintf(ownRow, row)))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, w.Body.Close()) }()
	text, err := io.ReadAll(w.Body)
	require.NoError(s.t, err)
	var d decided
	require.NoError(s.t, json.Unmarshal(text, &d), "%s", text)
	return w.StatusCode, d
}

// end ends a server as an operator does.
func (s *served) end() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.done
	require.Zero(s.t, s.cmd.ProcessState.ExitCode(), "%s", s.out)
}

func TestServeKeepsADecisionLog(t *testing.T) {
	dir := t.TempDir()
	log, key := filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "data", "audit.pem")
	serve := func(more ...string) *served {
		return startServe(t, append([]string{"--dev", "--http-listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--audit", log}, more...)...)
	}
	s := serve("--audit-mask", "dynamodb:LeadingKeys")
	code, own := s.decide("aaaa")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "allowed", own.Decision)
	_, other := s.decide("bbbb")
	require.Equal(t, "implicitDeny", other.Decision)
	s.end()
	out, err := runRowan(t, "audit", "verify", log, "--key", key+".pub")
	require.NoError(t, err, out)
	require.Contains(t, out, "whole: lines 1 to 4, 2 decisions, 2 heads")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	var lines []map[string]any
	for line := range bytes.Lines(text) {
		var x map[string]any
		require.NoError(t, json.Unmarshal(line, &x))
		lines = append(lines, x)
	}
	require.Equal(t, own.DecisionID, lines[1]["id"])
	require.Equal(t, "allowed", lines[1]["decision"])
	require.Equal(t, "policies/PlayerRows.json", lines[1]["statements"].([]any)[0].(map[string]any)["policy"])
	require.Equal(t, "implicitDeny", lines[2]["decision"])
	require.Len(t, lines[2]["digest"], 64)
	require.NotContains(t, fmt.Sprint(lines[2]["keys"]), "bbbb")
	require.Contains(t, fmt.Sprint(lines[2]["keys"]), "hmac:")
	out, err = runRowan(t, "explain", "--decision-id", other.DecisionID, "--log", log)
	require.NoError(t, err, out)
	require.Contains(t, out, "└─ implicitDeny: no identity policy allows it\n   └─ nearest OwnRows, demo/policies/PlayerRows.json:4\n")
	require.Contains(t, out, "note: dynamodb:LeadingKeys is masked in the log")

	// A power cut, and on.
	s = serve()
	s.decide("cccc")
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(log)
		return err == nil && bytes.Contains(text, []byte("us-east-1:cccc"))
	}, 10*time.Second, 10*time.Millisecond)
	s.kill()
	out, err = runRowan(t, "audit", "verify", log, "--key", key+".pub")
	require.Error(t, err)
	require.Contains(t, out, "truncated")
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"seq":7,"prev":"00`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	serve().end()
	out, err = runRowan(t, "--format", "json", "audit", "verify", log, log+".lock", "--key", key+".pub")
	require.NoError(t, err, out)
	require.Contains(t, out, `"ok":true`)
	require.Contains(t, out, `"torn":1`)

	// Somebody was here.
	text, err = os.ReadFile(log)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(log, bytes.Replace(text, []byte(`"implicitDeny"`), []byte(`"allowed"`), 1), 0o600))
	out, err = runRowan(t, "audit", "verify", log, "--key", key+".pub")
	require.Error(t, err)
	require.Contains(t, out, log+":3: altered: ")
}

// TestServeRefusesWhatItCannotRecord fills the disk of a server's log.
func TestServeRefusesWhatItCannotRecord(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	out, err := runRowan(t, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--audit", "/dev/full")
	require.Error(t, err)
	require.Contains(t, out, "no space left on device")
	// A stream that nobody reads any more.
	for how, want := range map[string]int{"block": http.StatusServiceUnavailable, "drop": http.StatusOK} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
		read, err := os.OpenFile(pipe, os.O_RDWR, 0)
		require.NoError(t, err)
		s := startServe(t, "--dev", "--http-listen", "127.0.0.1:0", "--data", t.TempDir(), "--audit", pipe, "--audit-full", how)
		code, _ := s.decide("aaaa")
		require.Equal(t, http.StatusOK, code)
		require.NoError(t, read.Close())
		require.Eventually(t, func() bool {
			s.decide("aaaa")
			return strings.Contains(s.out.String(), "the decision log cannot be written")
		}, 10*time.Second, 10*time.Millisecond)
		code, d := s.decide("aaaa")
		require.Equal(t, want, code)
		if how == "block" {
			require.Empty(t, d.Decision)
		}
		s.kill()
	}
}

func TestAuditFlags(t *testing.T) {
	for _, bad := range [][]string{
		{"--audit-what", "some"},
		{"--audit-mask", "x=y"},
		{"--audit-size", "0"},
		{"--audit-full", "wait"},
		{"--audit-wait", "0s"},
		{"--audit-key", "/does/not/exist"},
		{"--audit", "/does/not/exist"},
	} {
		out, err := runRowan(t, append([]string{"serve", "--dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--audit", filepath.Join(t.TempDir(), "log")}, bad...)...)
		require.Error(t, err, bad)
		require.Contains(t, out, "rowan: ")
	}
	// A check writes nothing.
	log := filepath.Join(t.TempDir(), "log")
	out, err := runRowan(t, "serve", "--check", "--dev", "--data", t.TempDir(), "--audit", log)
	require.NoError(t, err, out)
	_, err = os.Stat(log)
	require.ErrorIs(t, err, os.ErrNotExist)
}
