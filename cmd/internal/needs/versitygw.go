package needs

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// versityVersion is the server's, as the module proxy has it.
const versityVersion = "v1.8.0"

// The root credentials and the region of the server that VersityGW starts.
const (
	VersityKey    = "rowanupstream"
	VersitySecret = "rowan-upstream-secret"
	VersityRegion = "us-east-1"
)

// VersityGW starts a server that speaks the protocol of S3 over a folder, and
// returns its address. It is github.com/versity/versitygw, built once into the
// user's cache, and ends with the test.
func VersityGW(t testing.TB) (url string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := once(filepath.Join(cache, "rowan", "versitygw-"+versityVersion), func(dir string) error {
		cmd := exec.Command("go", "install", "github.com/versity/versitygw/cmd/versitygw@"+versityVersion)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=-mod=mod")
		return output(cmd)
	})
	if err != nil {
		missing(t, "versitygw", err.Error())
	}
	address := freePort(t)
	data, meta := t.TempDir(), t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "versitygw"), "--access", VersityKey, "--secret", VersitySecret,
		"--region", VersityRegion, "--port", address, "posix", "--sidecar", meta, data)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	start(t, cmd, &log, address)
	return "http://" + address
}

// start starts a server that ends with the test, and waits until it listens.
func start(t testing.TB, cmd *exec.Cmd, log *bytes.Buffer, address string) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", filepath.Base(cmd.Path), log.Bytes()[max(0, log.Len()-2000):])
		}
	})
	for range 600 {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not listen on %s", filepath.Base(cmd.Path), address)
}

// freePort returns an address of this machine on which nobody listens.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
