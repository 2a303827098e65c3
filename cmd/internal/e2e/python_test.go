package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// python is a script of the folder python that is to talk to the server.
func (s *rowanServer) python(t testing.TB, name string) *exec.Cmd {
	t.Helper()
	python := needs.Boto3(t)
	script, err := filepath.Abs(filepath.Join("python", name))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-B", script) // -B: nothing is written beside the script
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), s.forScripts(t))
	return cmd
}

// TestPython drives the program with boto3.
func TestPython(t *testing.T) {
	t.Parallel()
	runChecks(t, startShop(t).python(t, "boto3_clients.py"))
}
