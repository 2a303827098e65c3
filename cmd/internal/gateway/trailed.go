package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// unsignedTrailer says that a body is in chunks without signatures, with a
// checksum behind them.
const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// checksumLengths are how long the checksums of trailers are, in base64. The
// verifier knows no others.
var checksumLengths = map[string]int64{
	"x-amz-checksum-crc32": 8, "x-amz-checksum-crc32c": 8, "x-amz-checksum-crc64nvme": 12,
	"x-amz-checksum-sha1": 28, "x-amz-checksum-sha256": 44,
}

// chunkSize is the size of every chunk but the last.
const chunkSize = 64 << 10

// trailed gives a verified body the form of aws-chunked again, so that the
// upstream gets the checksums that came behind it, which it may have to keep.
// Source: identity-protocol §4.3.
type trailed struct {
	body  io.ReadCloser
	left  int64
	names []string
	// values holds the trailers once the body is at its end.
	values func() http.Header
	chunk  [chunkSize]byte
	out    bytes.Buffer
	done   bool
}

// newTrailed returns the body of r in that form, and how long it is.
func newTrailed(body io.ReadCloser, length int64, trailing string, r *http.Request) (*trailed, int64, error) {
	t := &trailed{body: body, left: length, values: func() http.Header { return r.Trailer }}
	total := int64(0)
	for n := length; n > 0; n -= chunkSize {
		size := min(n, chunkSize)
		total += int64(len(fmt.Sprintf("%x", size))) + size + 4
	}
	total += int64(len("0\r\n\r\n"))
	for name := range strings.SplitSeq(strings.ToLower(trailing), ",") {
		name = strings.TrimSpace(name)
		size, ok := checksumLengths[name]
		if !ok {
			return nil, 0, errors.New("a trailer that the verifier should not have passed")
		}
		t.names = append(t.names, name)
		total += int64(len(name)) + 1 + size + 2
	}
	slices.Sort(t.names)
	return t, total, nil
}

// Read reads the chunks.
func (t *trailed) Read(p []byte) (int, error) {
	for t.out.Len() == 0 {
		if t.done {
			return 0, io.EOF
		}
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	return t.out.Read(p)
}

// next frames the next chunk, or what follows the last.
func (t *trailed) next() error {
	size := min(t.left, chunkSize)
	if size > 0 {
		if _, err := io.ReadFull(t.body, t.chunk[:size]); err != nil {
			return err
		}
		t.left -= size
		fmt.Fprintf(&t.out, "%x\r\n", size)
		t.out.Write(t.chunk[:size])
		t.out.WriteString("\r\n")
		return nil
	}
	// The trailers are there, and verified, when the body has ended.
	if n, err := t.body.Read(t.chunk[:1]); n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, errors.New("the body is longer than announced"))
	}
	t.out.WriteString("0\r\n")
	for _, name := range t.names {
		value := t.values().Get(name)
		if int64(len(value)) != checksumLengths[name] {
			return fmt.Errorf("the trailer %s has %d bytes", name, len(value))
		}
		t.out.WriteString(name + ":" + value + "\r\n")
	}
	t.out.WriteString("\r\n")
	t.done = true
	return nil
}

// Close closes the body.
func (t *trailed) Close() error { return t.body.Close() }
