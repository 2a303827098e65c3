package e2e_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// TestPlayground tries policies on the page of rowan playground with Chromium,
// and on the same page as static files with the engine in WebAssembly.
func TestPlayground(t *testing.T) {
	t.Parallel()
	node, dir := nodeFolder(t)
	chromium := needs.Chromium(t)
	files := t.TempDir()
	build := exec.CommandContext(t.Context(), filepath.Join("..", "..", "..", ".ci", "playground"), files)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	// Any web server will do, in a folder too: this one knows nothing of the page.
	static := httptest.NewServer(http.StripPrefix("/try/it/", http.FileServer(http.Dir(files))))
	t.Cleanup(static.Close)
	told, err := json.Marshal(map[string]string{"server": startPlayground(t), "static": static.URL + "/try/it/", "chromium": chromium})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, "playground.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ROWAN_E2E="+string(told))
	runChecks(t, cmd)
}

// startPlayground starts `rowan playground` and returns where it says that the
// page is.
func startPlayground(t *testing.T) string {
	t.Helper()
	cmd := rowan(t, nil, "playground", "--listen", "127.0.0.1:0")
	log := &safeBuffer{}
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Wait() // which the end of the test has ended
		require.Empty(t, log.String())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "the playground is at ")
	require.True(t, ok, "%q", line)
	return url
}
