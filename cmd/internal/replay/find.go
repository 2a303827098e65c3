package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// maxLine is more than a log's lines have.
	maxLine = 2 << 20
	// maxID is the longest name of a decision.
	maxID = 256
)

// ErrAmbiguous means that a log has several decisions of one name, which no
// server writes.
var ErrAmbiguous = errors.New("the log has several decisions of that name")

// Find looks a decision up in what a log has, nil if it is not there. Lines that
// are no decisions, such as what a crash left unfinished, are passed over: whether
// the log is whole audit.Verify says.
func Find(r io.Reader, id string) (*Line, error) {
	if id == "" || len(id) > maxID {
		return nil, fmt.Errorf("a decision is named by 1 to %d bytes", maxID)
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var found *Line
	for lines.Scan() {
		text := lines.Bytes()
		if !bytes.Contains(text, []byte(id)) {
			continue
		}
		l, err := Parse(text)
		if err != nil || l.ID != id || l.Kind == "head" {
			continue
		}
		if found != nil {
			return nil, ErrAmbiguous
		}
		l.Text = bytes.Clone(text)
		found = l
	}
	return found, lines.Err()
}
