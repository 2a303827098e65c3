package needs

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// MariaDB returns the data source name, for the driver of MySQL, of a new, empty
// database of a MariaDB server that all tests of a test binary share.
func MariaDB(t testing.TB) string {
	t.Helper()
	server, err := sharedMariaDB()
	if errors.Is(err, errNoMariaDB) {
		missing(t, "MariaDB", "apt-get install mariadb-server-core")
	}
	require.NoError(t, err)
	name := fmt.Sprintf("test_%d", databases.Add(1))
	db, err := sql.Open("mysql", mariaDSN(server.dir, ""))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	require.NoError(t, err)
	return mariaDSN(server.dir, name)
}

// mariaServer is a running server.
type mariaServer struct {
	dir string
	// open keeps the server running: it is the writing end of the supervisor's
	// input.
	open io.Closer
}

func mariaDSN(dir, database string) string {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "unix", filepath.Join(dir, "socket"), database
	return c.FormatDSN()
}

// errNoMariaDB means that no server is installed.
var errNoMariaDB = errors.New("no MariaDB server found")

// mariaSupervisor runs a server for as long as its standard input is open, as
// supervisor does. There is no network, no list of users, and the folder of the
// socket is its owner's.
const mariaSupervisor = `
dir=$1 server=$2
trap '' HUP INT TERM
mkdir "$dir/data"
"$server" --no-defaults --datadir="$dir/data" --socket="$dir/socket" --pid-file="$dir/pid" --log-error="$dir/log" \
  --skip-networking --skip-grant-tables --skip-log-bin --performance-schema=off --max-connections=200 \
  --innodb-flush-log-at-trx-commit=0 --innodb-log-file-size=16M --innodb-buffer-pool-size=128M >/dev/null 2>&1 </dev/null &
pid=$!
n=0
until [ -S "$dir/socket" ]; do
  n=$((n + 1))
  if [ $n -gt 1200 ] || ! kill -0 $pid 2>/dev/null; then tail -n 5 "$dir/log" | tr '\n' ' '; echo; break; fi
  sleep 0.05
done
[ ! -S "$dir/socket" ] || echo ok
cat >/dev/null
kill -9 $pid
wait $pid 2>/dev/null
rm -rf "$dir"
`

// sharedMariaDB starts the server of this test binary when it is first asked
// for. Nobody stops it: see mariaSupervisor.
var sharedMariaDB = sync.OnceValues(func() (*mariaServer, error) {
	server, err := exec.LookPath("mariadbd")
	if err != nil {
		server = "/usr/sbin/mariadbd" // where Debian has it, and a user's path has not
		if _, err := os.Stat(server); err != nil {
			return nil, errNoMariaDB
		}
	}
	dir, err := os.MkdirTemp("", "rowan-mariadb-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", mariaSupervisor, "supervisor", dir, server)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if cmd.SysProcAttr.Credential, err = unprivileged(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ok\n" {
		return nil, fmt.Errorf("MariaDB: %s: %w", strings.TrimSpace(line), err)
	}
	return &mariaServer{dir, in}, nil
})
