package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

const (
	demoOperator = "AKIAROWANDEMO0000001"
	demoAddress  = "http://127.0.0.1:8080"
	demoPlayer   = "arn:aws:sts::" + account + ":assumed-role/Player/" + poolSession
)

var guideFile = regexp.MustCompile("(?ms)^```[a-z]+\n(?://|#) file: (\\S+)\n(.*?)^```$")

// guidePrograms are the programs that a guide shows, by the name of their file.
func guidePrograms(t testing.TB, guide string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", guide))
	require.NoError(t, err)
	out := map[string]string{}
	for _, m := range guideFile.FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = m[2]
	}
	return out
}

// TestGuideAWSSDK runs the programs of docs/aws-sdk.md, which differ from what
// the guide shows in the server's port alone.
func TestGuideAWSSDK(t *testing.T) {
	t.Parallel()
	server := startRowan(t, []string{"ROWAN_SECRET_" + demoOperator + "=" + operatorSecret}, "--dev")
	programs := guidePrograms(t, "aws-sdk.md")
	require.Len(t, programs, 4)
	python := needs.Boto3(t)
	node, packages := nodeFolder(t)
	chromium := needs.Chromium(t)
	for _, c := range []struct {
		program, prints string
		command         func(file string) *exec.Cmd
	}{
		{"adduser.py", "CONFIRMED", func(file string) *exec.Cmd { return exec.CommandContext(t.Context(), python, file) }},
		{"signin.py", demoPlayer, func(file string) *exec.Cmd { return exec.CommandContext(t.Context(), python, file) }},
		{"signin.mjs", demoPlayer, func(file string) *exec.Cmd { return exec.CommandContext(t.Context(), node, file) }},
		{"signin.mjs", demoPlayer, func(file string) *exec.Cmd {
			browser := exec.CommandContext(t.Context(), node, "browser.mjs", file, chromium)
			browser.Dir = packages
			return browser
		}},
		{"signin.go", demoPlayer, func(file string) *exec.Cmd { return exec.CommandContext(t.Context(), "go", "run", file) }},
	} {
		require.Contains(t, programs[c.program], demoAddress, c.program)
		file := filepath.Join(packages, c.program)
		text := strings.ReplaceAll(programs[c.program], demoAddress, server.url)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		cmd := c.command(file)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+demoOperator, "AWS_SECRET_ACCESS_KEY="+operatorSecret)
		require.Equal(t, c.prints, output(t, cmd), c.program)
	}
}

// output is what a command that must succeed prints, without the last line's
// end.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	complaints := &safeBuffer{}
	cmd.Stderr = complaints
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s%s", cmd, out, complaints)
	return strings.TrimSuffix(string(out), "\n")
}
