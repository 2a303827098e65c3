package needs

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Dynalite starts a server that speaks the protocol of DynamoDB, in memory, and
// returns its address. It is the package dynalite of npm; it knows neither
// transactions nor PartiQL, and takes any signature.
func Dynalite(t testing.TB) (url string) {
	t.Helper()
	node, dir := NodeModules(t)
	address := freePort(t)
	_, port, _ := strings.Cut(address, ":")
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(dir, "node_modules", "dynalite", "cli.js"),
		"--host", "127.0.0.1", "--port", port, "--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	start(t, cmd, &log, address)
	return "http://" + address
}
