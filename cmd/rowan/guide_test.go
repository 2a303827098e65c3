package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGuideBundles pastes the commands of docs/bundles.md one after another, but
// for the server's port.
func TestGuideBundles(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bundles.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 5)
	folder, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "rowan"))) // see TestMain
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	var s *served
	paste := func(text string) string {
		if s != nil {
			text = strings.ReplaceAll(text, "http://127.0.0.1:8080", s.url)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", text)
		cmd.Dir = folder
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", text, out)
		return string(out)
	}
	require.Contains(t, paste(blocks[0][1]), "scores.tar.gz is good: version 1, signed by ")
	args := strings.Fields(blocks[1][1])
	require.Equal(t, []string{"rowan", "serve", "--dev", "--listen", "127.0.0.1:8080"}, args[:5])
	t.Chdir(folder)
	s = startServe(t, args[5:]...)
	require.Contains(t, paste(blocks[2][1]), `"version":1`)
	paste(blocks[3][1])
	s.until("version 2", func(r readiness) bool { return r.Bundle.Version == 2 })
	require.Contains(t, paste(blocks[4][1]), "version  3\n")
	s.until("version 3", func(r readiness) bool { return r.Bundle.Version == 3 })
	rego := regexp.MustCompile("(?ms)^```rego\n(.*?)^```$").FindStringSubmatch(string(page))
	require.NotNil(t, rego)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "scores", "guardrails", "fridays.rego"), []byte(rego[1]), 0o600))
	out, err := runRowan(t, "validate", "--bundle", filepath.Join(folder, "scores"))
	require.NoError(t, err, out)
}
