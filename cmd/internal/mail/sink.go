package mail

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/rowan-authz/rowan/identity/userpool"
)

// Sink delivers messages to nobody: it writes them out and keeps the last ones.
// It is for development, where whoever reads the output may know every code. It
// may be shared.
type Sink struct {
	mu   sync.Mutex
	out  io.Writer
	kept []userpool.Message
}

// maxKept is how many messages a sink keeps.
const maxKept = 1000

// NewSink returns a sink that writes to out.
func NewSink(out io.Writer) *Sink { return &Sink{out: out} }

// Send writes the message and keeps it.
func (s *Sink) Send(_ context.Context, m userpool.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == maxKept {
		s.kept = s.kept[1:]
	}
	s.kept = append(s.kept, m)
	_, err := fmt.Fprintf(s.out, "mail to %s (%s of %s): %s\n", visible(m.To), m.Kind, visible(m.Username), visible(string(m.Code)))
	return err
}

// Last returns the last message to an address that is still kept.
func (s *Sink) Last(to string) (m userpool.Message, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.kept) - 1; i >= 0; i-- {
		if s.kept[i].To == to {
			return s.kept[i], true
		}
	}
	return userpool.Message{}, false
}

// visible keeps what strangers chose from steering a terminal or making lines.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return '\uFFFD'
		}
		return r
	}, s)
}
