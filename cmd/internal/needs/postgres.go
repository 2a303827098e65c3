package needs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Postgres returns the URL of a new, empty database of a PostgreSQL server that
// all tests of a test binary share.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := sharedServer()
	if err != nil {
		failPostgres(t, err)
	}
	return server.database(t)
}

// FlushingPostgres is Postgres of a server of its own that flushes each commit,
// as servers do where they matter: for measuring.
func FlushingPostgres(t testing.TB) string {
	t.Helper()
	return NewPostgresServer(t).Database(t)
}

// PostgresServer is a server of one test's own, to do bad things to.
type PostgresServer struct {
	dir     string
	orders  io.WriteCloser
	answers *bufio.Reader
	process *exec.Cmd
}

// NewPostgresServer starts a server, which ends with the test.
func NewPostgresServer(t testing.TB) *PostgresServer {
	t.Helper()
	server, err := startServer("on")
	if err != nil {
		failPostgres(t, err)
	}
	t.Cleanup(func() { require.NoError(t, server.stop()) })
	return server
}

// Database returns the URL of a new, empty database.
func (s *PostgresServer) Database(t testing.TB) string {
	t.Helper()
	return s.database(t)
}

// Crash kills the server as a failing machine would, short of the disk: no
// process of it runs another instruction.
func (s *PostgresServer) Crash() error { return s.order("crash") }

// Abort stops the server as `pg_ctl stop -m immediate` does: without a checkpoint
// and without a word to clients.
func (s *PostgresServer) Abort() error { return s.order("abort") }

// Restart stops the server in good order and starts it.
func (s *PostgresServer) Restart() error { return s.order("restart") }

// Start starts the server after a crash; it recovers from its log.
func (s *PostgresServer) Start() error { return s.order("start") }

// StartPostgres starts a server for a program that is no test: it is to call
// Stop. Nobody does if the program is killed, and the server ends all the same.
func StartPostgres() (*PostgresServer, error) { return startServer("on") }

// Stop ends the server and removes what it held.
func (s *PostgresServer) Stop() error { return s.stop() }

// Socket is where the server listens.
func (s *PostgresServer) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// Make makes a new, empty database and returns its URL and its name.
func (s *PostgresServer) Make(ctx context.Context) (url, name string, err error) {
	name = fmt.Sprintf("test_%d", databases.Add(1))
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return "", "", err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	return s.url(name), name, errors.Join(err, conn.Close(ctx))
}

// sharedServer starts the server of this test binary when it is first asked
// for. Nobody stops it: see supervisor. Nobody crashes it either, so it need not
// flush.
var sharedServer = sync.OnceValues(func() (*PostgresServer, error) { return startServer("off") })

// errNoPostgres means that no server is installed.
var errNoPostgres = errors.New("no PostgreSQL server found")

func failPostgres(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNoPostgres) {
		missing(t, "PostgreSQL", "apt-get install postgresql")
	}
	t.Fatal(err)
}

// supervisor runs a server for as long as its standard input is open, which is
// as long as the test process lives, however that ends. Then it stops the server
// and removes its folder. Nobody else gets in: there is no network, and the
// folder of the socket is its owner's.
const supervisor = `
dir=$1 bin=$2 fsync=$3
trap '' HUP INT TERM
start() { "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -o "-k '$dir' -c listen_addresses='' -c max_connections=200 -c fsync=$fsync" start >/dev/null; }
crash() {
  pid=$(head -n 1 "$dir/data/postmaster.pid")
  family=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
  kill -9 $pid $family
  while kill -0 $pid $family; do sleep 0.01; done 2>/dev/null
}
abort() { "$bin/pg_ctl" -D "$dir/data" -w -m immediate stop >/dev/null; }
restart() { "$bin/pg_ctl" -D "$dir/data" -w -m fast stop >/dev/null && start; }
answer() { if "$@" 2>>"$dir/log"; then echo ok; else tail -n 5 "$dir/log" | tr '\n' ' '; echo; fi; }
initialize() { "$bin/initdb" -D "$dir/data" -U rowan -A trust -E UTF8 --locale=C --no-sync >"$dir/log" && start; }
answer initialize
while read -r order; do answer "$order"; done
"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
rm -rf "$dir"
`

func startServer(fsync string) (*PostgresServer, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rowan-postgres-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", supervisor, "supervisor", dir, bin, fsync)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if cmd.SysProcAttr.Credential, err = unprivileged(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &PostgresServer{dir: dir, process: cmd}
	if s.orders, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.answer("initialize"); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// postgresBinaries returns the folder of the newest server that is installed.
func postgresBinaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian has them
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errNoPostgres
}

// unprivileged returns who the server runs as, and gives that user the folder:
// it refuses to run as root. Nil means the user of the tests.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

func (s *PostgresServer) order(what string) error {
	if _, err := io.WriteString(s.orders, what+"\n"); err != nil {
		return err
	}
	return s.answer(what)
}

func (s *PostgresServer) answer(what string) error {
	line, err := s.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("PostgreSQL: %s: %w", what, err)
	}
	if line != "ok\n" {
		return fmt.Errorf("PostgreSQL: %s: %s", what, strings.TrimSpace(line))
	}
	return nil
}

func (s *PostgresServer) stop() error {
	return errors.Join(s.orders.Close(), s.process.Wait())
}

func (s *PostgresServer) url(database string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: url.Values{"host": {s.dir}, "user": {"rowan"}}.Encode()}
	return u.String()
}

// databases numbers the databases of all servers.
var databases atomic.Int64

func (s *PostgresServer) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	conn, err := pgx.Connect(t.Context(), s.url("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	return s.url(name)
}
