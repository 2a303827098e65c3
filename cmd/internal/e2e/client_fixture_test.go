package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// builtIn is the folder of rowanBinary, once that is asked for.
var builtIn string

// rowanBinary is the program as people run it.
var rowanBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "rowan-e2e-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "rowan")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", path, "../../rowan")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

// rowan is a command of the program, with an environment that holds no more
// than a path and what is given.
func rowan(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := rowanBinary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	return cmd
}

// rowanServer is `rowan serve`, a process of its own.
type rowanServer struct {
	url string
	// out is the file of what it prints, which codes are part of.
	out string
}

// startRowan starts `rowan serve` on loopback. It ends with the test, which
// fails if that is not in good order.
func startRowan(t testing.TB, env []string, args ...string) *rowanServer {
	t.Helper()
	dir := t.TempDir()
	s := &rowanServer{out: filepath.Join(dir, "out")}
	out, err := os.OpenFile(s.out, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	log := &safeBuffer{}
	cmd := rowan(t, env, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Stdout, cmd.Stderr = out, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	require.NoError(t, cmd.Start())
	require.NoError(t, out.Close())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { // the test's context has ended by now, and so has the server
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("rowan serve: %v", err)
		}
		if t.Failed() {
			text := log.String()
			t.Logf("rowan serve wrote, at last:\n%s", text[max(0, len(text)-4000):])
		}
	})
	deadline := time.Now().Add(time.Minute)
	for s.url == "" {
		text, err := os.ReadFile(s.out)
		require.NoError(t, err)
		if _, line, ok := strings.Cut("\n"+string(text), "\nlistening on "); ok && strings.Contains(line, "\n") {
			line, _, _ = strings.Cut(line, "\n")
			_, s.url, _ = strings.Cut(line, " as ")
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("rowan serve: %v: %s", err, log)
		case <-time.After(10 * time.Millisecond):
		}
		require.True(t, time.Now().Before(deadline), "rowan serve does not listen: %s", log)
	}
	return s
}

// writeShop writes the shop's bundle and secrets for the program.
func writeShop(t testing.TB) (bundle, secrets string) {
	t.Helper()
	return writeBundle(t, shop())
}

// writeBundle writes a bundle of the shop and its secrets for the program.
func writeBundle(t testing.TB, fsys fs.FS) (bundle, secrets string) {
	t.Helper()
	dir := t.TempDir()
	bundle, secrets = filepath.Join(dir, "shop"), filepath.Join(dir, "secrets.yaml")
	require.NoError(t, os.CopyFS(bundle, fsys))
	text := fmt.Sprintf("accessKeys: {%s: %s, %s: %s}\nclients: {%s: %s}\n",
		operatorKey, operatorSecret, viewerKey, viewerSecret, backClient, backSecret)
	require.NoError(t, os.WriteFile(secrets, []byte(text), 0o600))
	return bundle, secrets
}

// startShop serves the shop with the program, which keeps everything in memory.
func startShop(t testing.TB) *rowanServer {
	t.Helper()
	bundle, secrets := writeShop(t)
	return startRowan(t, nil, "--dev", "--bundle", bundle, "--secrets", secrets)
}

// forScripts is what scripts are told, in the variable ROWAN_E2E.
func (s *rowanServer) forScripts(t testing.TB) string {
	t.Helper()
	type key struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	text, err := json.Marshal(map[string]any{
		"url": s.url, "mail": s.out, "region": region, "account": account, "password": password,
		"userPool": userPool, "client": appClient, "quietClient": quietClient, "loginKey": loginKey, "backend": key{backClient, backSecret},
		"rulesPool": rulesPool, "tokenPool": tokenPool, "closedPool": closedPool, "developers": developers,
		"operator": key{operatorKey, operatorSecret}, "viewer": key{viewerKey, viewerSecret},
	})
	require.NoError(t, err)
	return "ROWAN_E2E=" + string(text)
}

// check is what a script says of one thing that it tried.
type check struct {
	Name string `json:"check"`
	// Error is empty if all was as it should be.
	Error string `json:"error"`
}

// readChecks reads a line of JSON for each check. A script that checked nothing
// has failed.
func readChecks(r io.Reader) ([]check, error) {
	var out []check
	seen := map[string]bool{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var c check
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil || c.Name == "" || seen[c.Name] {
			return out, fmt.Errorf("want a line of JSON with a new check, have %q", lines.Text())
		}
		seen[c.Name] = true
		out = append(out, c)
	}
	if err := lines.Err(); err != nil {
		return out, err
	}
	if len(out) == 0 {
		return nil, errors.New("the script checked nothing")
	}
	return out, nil
}

// runChecks runs a script, whose checks become subtests.
func runChecks(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	complaints := &safeBuffer{}
	cmd.Stderr = complaints
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	checks, err := readChecks(out)
	require.NoError(t, errors.Join(err, cmd.Wait()), "%s", complaints)
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) { require.Empty(t, c.Error) })
	}
}

func TestReadChecks(t *testing.T) {
	got, err := readChecks(strings.NewReader(`{"check":"a"}` + "\n" + `{"check":"b","error":"no"}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, []check{{"a", ""}, {"b", "no"}}, got)
	for _, text := range []string{"", "\n", "Traceback", `{"check":""}`, `{"chek":"a"}`, `{"check":"a"}` + "\n" + `{"check":"a"}`} {
		_, err := readChecks(strings.NewReader(text))
		require.Error(t, err, "%q", text)
	}
}

// copyScripts copies scripts that lie in a folder of this package.
func copyScripts(t testing.TB, from, to, pattern string) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(from), pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(from, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, name), text, 0o600))
	}
}
