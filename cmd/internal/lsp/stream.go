package lsp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

// Limits of what a client sends.
const (
	// maxMessage holds a document of MaxDocument with every character escaped.
	maxMessage = 8 << 20
	maxHeader  = 1 << 10
	maxHeaders = 16
)

// stream reads and writes messages with the headers of the protocol. A message
// that is none is answered with an error, and the next one read; after a header
// that cannot be read nobody knows where that begins, and the stream ends. Source:
// Language Server Protocol Specification, "Base Protocol".
type stream struct {
	in  *bufio.Reader
	mu  sync.Mutex
	out io.Writer
	// ended is called, and waited for, before the end of the input is told.
	ended func()
}

var errFrame = errors.New("headers that cannot be read")

// ReadObject reads the next message that is one.
func (s *stream) ReadObject(v any) error {
	for {
		body, problem, err := s.frame()
		if err != nil {
			if errors.Is(err, errFrame) {
				s.refuse(jsonrpc2.CodeParseError, err.Error())
			}
			s.ended()
			return io.EOF
		}
		code := int64(jsonrpc2.CodeParseError)
		if problem == "" && !json.Valid(body) {
			problem = "invalid JSON"
		}
		if problem == "" {
			code = jsonrpc2.CodeInvalidRequest
			problem = decode(body, v)
		}
		if problem == "" {
			return nil
		}
		s.refuse(code, problem)
	}
}

// decode reads a message into v and returns why it is none. The library takes an id
// that is no natural number for another one.
func decode(body []byte, v any) (problem string) {
	var head struct {
		ID     json.RawMessage `json:"id"`
		Method *string         `json:"method"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return "no message: send one object at a time"
	}
	if head.ID != nil && head.Method != nil && head.ID[0] != '"' {
		if _, err := strconv.ParseUint(string(head.ID), 10, 53); err != nil {
			return "an id that is neither a text nor a natural number"
		}
	}
	if err := json.Unmarshal(body, v); err != nil {
		return "neither a request nor a response"
	}
	return ""
}

// frame reads the headers and the body of one message. problem says why the body
// is not to be looked at; it was read past then.
func (s *stream) frame() (body []byte, problem string, err error) {
	length := -1
	for n := 0; ; n++ {
		line, err := s.header()
		switch {
		case err != nil:
			return nil, "", err
		case n == maxHeaders:
			return nil, "", fmt.Errorf("%w: more than %d", errFrame, maxHeaders)
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, "", errFrame
		}
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return nil, "", fmt.Errorf("%w: Content-Length", errFrame)
			}
		}
	}
	switch {
	case length < 0:
		return nil, "", fmt.Errorf("%w: no Content-Length", errFrame)
	case length > maxMessage:
		_, err = io.CopyN(io.Discard, s.in, int64(length))
		return nil, fmt.Sprintf("a message of more than %d bytes", maxMessage), err
	}
	// What is announced takes no memory before it comes.
	if body, err = io.ReadAll(io.LimitReader(s.in, int64(length))); err == nil && len(body) < length {
		err = io.ErrUnexpectedEOF
	}
	return body, "", err
}

// header reads a line of bounded length, without its end.
func (s *stream) header() (string, error) {
	var line []byte
	for len(line) <= maxHeader {
		c, err := s.in.ReadByte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, c)
	}
	return "", fmt.Errorf("%w: longer than %d bytes", errFrame, maxHeader)
}

// refuse answers a message that has no id to be answered by.
func (s *stream) refuse(code int64, problem string) {
	type fault struct {
		Code    int64  `json:"code"`
		Message string `json:"message"`
	}
	// If it cannot be written there is nobody to tell.
	_ = s.WriteObject(struct {
		Version string `json:"jsonrpc"`
		ID      any    `json:"id"`
		Error   fault  `json:"error"`
	}{"2.0", nil, fault{code, problem}})
}

// WriteObject writes one message.
func (s *stream) WriteObject(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.out, "Content-Length: %d\r\n\r\n", len(body)); err != nil {
		return err
	}
	_, err = s.out.Write(body)
	return err
}

// Close leaves the streams to whoever opened them.
func (s *stream) Close() error { return nil }
