package rowantest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle/rowantest"
)

func TestRun(t *testing.T) {
	rowantest.Run(t, "../../testdata/bundles/full")
}

// TestChild runs the bundle that TestFailures wrote; alone it has nothing to do.
func TestChild(t *testing.T) {
	dir := os.Getenv("ROWANTEST_BUNDLE")
	if dir == "" {
		t.Skip("run by TestFailures")
	}
	rowantest.Run(t, dir)
}

// run writes the files of a bundle and runs it in a process of its own, as its failures are wanted.
func run(t *testing.T, files map[string]string) (out string, passed bool) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "ROWANTEST_BUNDLE="+dir)
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// TestFailures wants a cell that is wrong to fail as a subtest with its reason, and what tests nothing
// or cannot be loaded to fail as well.
func TestFailures(t *testing.T) {
	files := func(more ...string) map[string]string {
		out := map[string]string{
			"rowan.yaml":      "account: \"111122223333\"\nregion: us-east-1\n",
			"roles/R.yaml":    "policies: [P]\n",
			"policies/P.json": `{"Statement": {"Sid": "Get", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}`,
			"tests/a_test.yaml": `suite: s
identities: {r: {role: R}}
tests:
  - name: n
    as: r
    request: {action: s3:PutObject, resource: "*"}
    expect: {decision: implicitDeny}
`,
		}
		for i := 0; i < len(more); i += 2 {
			if out[more[i]] = more[i+1]; more[i+1] == "" {
				delete(out, more[i])
			}
		}
		return out
	}
	out, passed := run(t, files())
	require.True(t, passed, out)
	require.Contains(t, out, "--- PASS: TestChild/s/n/r_s3:PutObject")

	out, passed = run(t, files("tests/a_test.yaml", `suite: s
identities: {r: {role: R}}
tests:
  - name: n
    as: r
    request: {action: s3:PutObject, resource: "*"}
    expect: {decision: allowed}
`))
	require.False(t, passed)
	require.Contains(t, out, "--- FAIL: TestChild/s/n/r_s3:PutObject")
	require.Contains(t, out, "want allowed; have implicitDeny")
	require.Contains(t, out, `✗ Action: request has ["s3:PutObject"], policy wants ["s3:GetObject"]`)

	out, passed = run(t, files("tests/a_test.yaml", ""))
	require.False(t, passed, "no suite")
	require.Contains(t, out, "has no suites: want tests/NAME_test.yaml")

	out, passed = run(t, files("tests/a_test.yaml", "suite: s"))
	require.False(t, passed)
	require.Contains(t, out, "the suites cannot be loaded:")
	require.Contains(t, out, "tests/a_test.yaml:1:1: no identities")

	out, passed = run(t, files("roles/R.yaml", "policies: [Q]"))
	require.False(t, passed)
	require.Contains(t, out, "the bundle cannot be loaded:")
	require.Contains(t, out, "roles/R.yaml:1:12: /policies/0: no policies/Q.json")

	out, passed = run(t, nil)
	require.False(t, passed)
	require.Contains(t, out, "rowan.yaml: no such file")
}
