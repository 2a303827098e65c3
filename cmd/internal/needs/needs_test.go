package needs

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestPostgresGivesDatabasesOfTheirOwn(t *testing.T) {
	create := func(url string) {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "CREATE TABLE same (n int)")
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	create(Postgres(t))
	create(Postgres(t))
}

func TestPostgresServerComesBack(t *testing.T) {
	server := NewPostgresServer(t)
	url := server.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n")
	require.NoError(t, err)
	require.NoError(t, server.Crash())
	require.Error(t, conn.Ping(t.Context()))
	require.Error(t, server.order("nonsense"))
	require.NoError(t, server.Start())
	conn, err = pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n))
	require.Equal(t, 7, n)
	require.NoError(t, conn.Close(t.Context()))
}

// killed tells a process to start a server and be killed.
const killed = "ROWAN_NEEDS_KILLED"

func TestPostgresEndsWithTheTestProcess(t *testing.T) {
	if os.Getenv(killed) != "" {
		server, err := startServer("off")
		require.NoError(t, err)
		_, err = os.Stdout.WriteString("dir " + server.dir + "\n")
		require.NoError(t, err)
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		require.NoError(t, self.Kill())
		select {}
	}
	if _, err := postgresBinaries(); err != nil {
		failPostgres(t, err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), killed+"=1")
	out, err := child.Output()
	require.Error(t, err)
	require.Contains(t, string(out), "dir ")
	dir := string(out[len("dir ") : len(out)-1])
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, 10*time.Second, 20*time.Millisecond)
}

func TestNodeModulesHasTheClients(t *testing.T) {
	node, dir := NodeModules(t)
	script := `for (const name of ['@aws-sdk/client-cognito-identity', '@aws-sdk/client-cognito-identity-provider',
		'@aws-sdk/client-sts', '@aws-sdk/credential-providers', 'amazon-cognito-identity-js', 'playwright-core']) require(name)`
	cmd := exec.CommandContext(t.Context(), node, "-e", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestLockNamesNoRegistry holds that packages come from whatever registry npm is
// told of, and are what they were by their hashes.
func TestLockNamesNoRegistry(t *testing.T) {
	path, err := findUpwards(filepath.Join("internal", "e2e", "js", "package-lock.json"))
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var lock struct {
		Packages map[string]struct{ Resolved, Integrity string }
	}
	require.NoError(t, json.Unmarshal(text, &lock))
	require.Greater(t, len(lock.Packages), 1)
	for name, p := range lock.Packages {
		require.Empty(t, p.Resolved, name)
		require.True(t, name == "" || strings.HasPrefix(p.Integrity, "sha512-"), name)
	}
}

func TestProgramsRun(t *testing.T) {
	for name, path := range map[string]func(testing.TB) string{"boto3": Boto3, "chromium": Chromium} {
		t.Run(name, func(t *testing.T) { require.FileExists(t, path(t)) })
	}
}

// fatal is a test that is missing something.
type fatal struct {
	testing.TB
	failed, skipped string
}

func (f *fatal) Helper()                           {}
func (f *fatal) Fatalf(format string, args ...any) { f.failed = fmt.Sprintf(format, args...) }
func (f *fatal) Skipf(format string, args ...any) {
	if f.failed == "" { // a real Fatalf does not come back
		f.skipped = fmt.Sprintf(format, args...)
	}
}

func TestMissingFailsWhereAllIsRequired(t *testing.T) {
	for _, test := range []struct {
		ci, all string
		fails   bool
	}{{"", "", false}, {"false", "0", false}, {"true", "", true}, {"", "1", true}} {
		t.Setenv("CI", test.ci)
		t.Setenv("ROWAN_REQUIRE_ALL", test.all)
		var f fatal
		missing(&f, "Chromium", "apt-get install chromium")
		require.Equal(t, test.fails, f.failed != "", "%+v", test)
		require.Equal(t, test.fails, f.skipped == "", "%+v", test)
		require.Contains(t, f.failed+f.skipped, "apt-get install chromium")
	}
}

func TestOnceMakesAFolderAsAWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	_, err := once(dir, func(string) error { return errors.New("no network") })
	require.ErrorContains(t, err, "no network")
	require.NoDirExists(t, dir)
	for range 2 {
		got, err := once(dir, func(draft string) error {
			require.NoDirExists(t, dir, "made once, and not seen before it is whole")
			return os.WriteFile(filepath.Join(draft, "file"), nil, 0o600)
		})
		require.NoError(t, err)
		require.Equal(t, dir, got)
		require.FileExists(t, filepath.Join(dir, "file"))
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, left, 1, "no draft is left")
}

func TestMariaDBGivesDatabasesOfTheirOwn(t *testing.T) {
	for range 2 {
		db, err := sql.Open("mysql", MariaDB(t))
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "CREATE TABLE same (n int)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
}
