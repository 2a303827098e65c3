// Package corpus loads the language-neutral cases of testdata for the tests of
// every layer.
package corpus

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rowan-authz/rowan/bundle"
)

// Now is the clock of the corpus: what scenarios see unless they say
// otherwise.
var Now = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

// Dir returns the path of a folder of testdata.
func Dir(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata", name)
}

// Case is a scenario and the file that holds it.
type Case struct {
	File string
	*bundle.Scenario
}

// Decisions loads testdata/decisions. It fails the test if a scenario cannot
// be read or there is none.
func Decisions(t testing.TB) []Case {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir("decisions"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []Case
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for s, err := range bundle.Scenarios(filepath.Base(path), f) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, Case{filepath.Base(path), s})
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatal("no case in testdata/decisions")
	}
	return out
}
