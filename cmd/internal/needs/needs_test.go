package needs

import (
	"os"
	"os/exec"
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
