package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// maxFaults is how many faults one Load or Suites reports before it stops
// noting them.
const maxFaults = 1000

// faults collects what is wrong with the files of a bundle. It is told in the
// order of files and places, each fault once.
type faults struct {
	all  policy.Errors
	seen map[string]bool
}

func (f *faults) add(e *policy.Error) {
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	if text := e.Error(); len(f.all) < maxFaults && !f.seen[text] {
		f.seen[text] = true
		f.all = append(f.all, e)
	}
}

// file notes a fault of a whole file.
func (f *faults) file(name, format string, args ...any) {
	f.add(&policy.Error{Name: name, Err: fmt.Errorf(format, args...)})
}

// document notes the faults of a document whose root stands at path of its
// file; it reports whether there were none.
func (f *faults) document(err error, path string) bool {
	var found policy.Errors
	if errors.As(err, &found) {
		for _, e := range found {
			f.add(&policy.Error{Name: e.Name, Pos: e.Pos, Path: path + e.Path, Err: e.Err})
		}
	} else if err != nil {
		f.add(&policy.Error{Path: path, Err: err})
	}
	return err == nil
}

// err returns the faults in order, nil if there are none.
func (f *faults) err() error {
	if len(f.all) == 0 {
		return nil
	}
	slices.SortStableFunc(f.all, func(a, b *policy.Error) int {
		return cmp.Or(
			strings.Compare(a.Name, b.Name),
			cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
	return f.all
}
