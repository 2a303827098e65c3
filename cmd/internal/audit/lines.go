package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line that is read.
const maxLine = 2 << 20

// lines reads a file line by line.
type lines struct {
	r *bufio.Reader
	// line is without its newline, which ended says that it has; raw is all of
	// it. They hold until the next one.
	line, raw []byte
	ended     bool
	number    int
	err       error
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

func (l *lines) next() bool {
	text, err := l.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		l.err = fmt.Errorf("line %d has more than %d bytes", l.number+1, maxLine)
		return false
	case err != nil && !errors.Is(err, io.EOF):
		l.err = err
		return false
	case len(text) == 0:
		return false
	}
	l.raw = text
	l.line, l.ended = bytes.CutSuffix(text, []byte("\n"))
	l.number++
	return true
}
