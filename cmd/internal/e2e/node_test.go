package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// nodeFolder returns a Node.js, and a folder with the scripts of js in which the
// packages of npm are found.
func nodeFolder(t testing.TB) (node, dir string) {
	t.Helper()
	node, packages := needs.NodeModules(t)
	dir = t.TempDir()
	copyScripts(t, "js", dir, "*.mjs")
	require.NoError(t, os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules")))
	return node, dir
}

// node is a script of js that is to talk to the server.
func (s *rowanServer) node(t testing.TB, script string) *exec.Cmd {
	t.Helper()
	node, dir := nodeFolder(t)
	cmd := exec.CommandContext(t.Context(), node, script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), s.forScripts(t))
	return cmd
}

// TestNodeUserPool drives the program with amazon-cognito-identity-js.
func TestNodeUserPool(t *testing.T) {
	t.Parallel()
	runChecks(t, startShop(t).node(t, "userpool.mjs"))
}

// TestNodeIdentityPool drives it with the clients of @aws-sdk.
func TestNodeIdentityPool(t *testing.T) {
	t.Parallel()
	runChecks(t, startShop(t).node(t, "identitypool.mjs"))
}
