package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// TestPython drives the program with boto3.
func TestPython(t *testing.T) {
	t.Parallel()
	python := needs.Boto3(t)
	script, err := filepath.Abs(filepath.Join("python", "boto3_clients.py"))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-B", script) // -B: nothing is written beside the script
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), startShop(t).forScripts(t))
	runChecks(t, cmd)
}
