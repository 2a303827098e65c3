// Package needs gives tests what they need of the machine: PostgreSQL, MariaDB,
// Node.js with packages of npm, Python with boto3, Chromium.
//
// What is missing skips a test, with a message that names the Debian package,
// but fails it where CI is true or ROWAN_REQUIRE_ALL is 1: there everything has
// to run. .ci/needs, which make test calls, installs what it can.
package needs

import (
	"os"
	"testing"
)

// missing ends a test that cannot have what it needs.
func missing(t testing.TB, what, remedy string) {
	t.Helper()
	if required() {
		t.Fatalf("needs %s: %s", what, remedy)
	}
	t.Skipf("needs %s: %s, or run .ci/needs", what, remedy)
}

func required() bool {
	return os.Getenv("CI") == "true" || os.Getenv("ROWAN_REQUIRE_ALL") == "1"
}
