package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestGuideGRPC runs the calls of docs/grpc.md and of the README as they stand
// there, but for the port, with grpcurl and what the server says of itself.
func TestGuideGRPC(t *testing.T) {
	t.Parallel()
	var text []byte
	for _, file := range []string{filepath.Join("docs", "grpc.md"), "README.md"} {
		more, err := os.ReadFile(filepath.Join("..", "..", "..", file))
		require.NoError(t, err)
		text = append(text, more...)
	}
	server := startRowan(t, nil, "--dev", "--grpc-listen", "127.0.0.1:0")
	address := server.said(t, "answering grpc on ")
	folder := t.TempDir()
	tools, err := filepath.Abs(filepath.Join("..", "..", "..", "internal", "tools"))
	require.NoError(t, err)
	script := "#!/bin/sh\nGOWORK=off exec go -C '" + tools + "' tool grpcurl \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "grpcurl"), []byte(script), 0o700)) //nolint:gosec // a program
	var answers []map[string]any
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(block[1], "grpcurl") {
			continue
		}
		require.Contains(t, block[1], "127.0.0.1:8081")
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(block[1], "127.0.0.1:8081", address))
		cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
		var answer map[string]any
		require.NoError(t, json.Unmarshal([]byte(output(t, cmd)), &answer))
		answers = append(answers, answer)
	}
	require.Len(t, answers, 3)
	require.Equal(t, "DECISION_ALLOWED", answers[0]["answer"].(map[string]any)["decision"])
	require.Equal(t, answers[0]["bundle"], answers[2]["bundle"])
	require.Equal(t, "FILTER_SCOPE_SOME", answers[1]["scope"])
	require.Contains(t, answers[1]["text"], "us-east-1:alice")
}

// said returns the rest of the line that begins so in what the program prints.
func (s *rowanServer) said(t testing.TB, begin string) string {
	t.Helper()
	found := ""
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(s.out)
		if err != nil {
			return false
		}
		_, line, ok := strings.Cut("\n"+string(text), "\n"+begin)
		if !ok || !strings.Contains(line, "\n") {
			return false
		}
		found, _, _ = strings.Cut(line, "\n")
		return true
	}, 30*time.Second, 10*time.Millisecond, "no line %q", begin)
	return found
}
