package sigv4

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Bounds of aws-chunked bodies.
const (
	// minChunk is the least size of a chunk that is not the last.
	minChunk = 8 << 10
	// maxChunk bounds a signed chunk, which is held until it is verified.
	maxChunk = 16 << 20
	// piece is how much of an unsigned chunk is held.
	piece = 64 << 10
	// maxLine bounds a line of the framing.
	maxLine = 1 << 10
)

// checksums are the trailers that can be checked. Source: Amazon S3 User
// Guide, "Checking object integrity".
var checksums = map[string]func() hash.Hash{
	"x-amz-checksum-crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"x-amz-checksum-crc32c":    func() hash.Hash { return crc32.New(castagnoli) },
	"x-amz-checksum-crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"x-amz-checksum-sha1":      sha1.New,
	"x-amz-checksum-sha256":    sha256.New,
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// The polynomial of NVM Express, bits reversed. Source: NVM Command Set
	// Specification, "64b CRC".
	nvme = crc64.MakeTable(0x9A6C9329AC4BC9B5)
)

// chunkReader decodes an aws-chunked body. It gives a piece only after its
// signature, and the last piece after everything that follows it. Source:
// identity-protocol §4.3.
type chunkReader struct {
	src  *bufio.Reader
	body io.Closer
	// signer is nil if chunks are not signed.
	signer *chunkSigner
	// left is what must still come, of the body and of an unsigned chunk.
	left, inChunk int64
	// small says that the last chunk was less than minChunk.
	small bool
	buf   []byte // verified; ready is what of it is not yet read
	ready []byte
	names []string // announced trailers
	sums  []hash.Hash
	// trailer gets the trailers at the end.
	trailer http.Header
	err     error
}

// openChunks replaces the body of r by its decoded form.
func openChunks(r *http.Request, a *authorization, p payload, key *signingKey) *Error {
	c := &chunkReader{
		src: bufio.NewReaderSize(r.Body, maxLine), body: r.Body,
		left: p.length, names: p.trailers, trailer: http.Header{},
	}
	if p.kind != unsignedChunksTrailer {
		c.signer = &chunkSigner{key: key, date: a.date, scope: a.scope, previous: a.signature}
	}
	for _, name := range p.trailers {
		c.sums = append(c.sums, checksums[name]())
	}
	if c.left == 0 {
		// Nobody reads an empty body.
		if err := c.finish(); err != nil {
			return err
		}
		c.err = io.EOF
	}
	dropChunkedEncoding(r.Header)
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = c, p.length, nil, c.trailer
	return nil
}

// dropChunkedEncoding takes aws-chunked out of Content-Encoding: it is of the
// transfer and not of the object.
func dropChunkedEncoding(h http.Header) {
	const name = "Content-Encoding"
	var kept []string
	for _, line := range h[name] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "aws-chunked") {
				kept = append(kept, coding)
			}
		}
	}
	if len(kept) == 0 {
		h.Del(name)
		return
	}
	h.Set(name, strings.Join(kept, ","))
}

// Read reads verified data.
func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.ready) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		c.err = c.next()
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// Close closes the connection's body.
func (c *chunkReader) Close() error { return c.body.Close() }

// next makes a piece ready; io.EOF follows the last.
func (c *chunkReader) next() error {
	if c.left == 0 {
		return io.EOF
	}
	size, signature, err := c.header()
	if err != nil {
		return err
	}
	if size == 0 {
		return refuse(IncompleteBody, "The body is shorter than x-amz-decoded-content-length.")
	}
	if err := c.fill(int(size)); err != nil {
		return err
	}
	if c.inChunk == 0 {
		if err := c.lineBreak(); err != nil {
			return err
		}
	}
	if c.signer != nil && !c.signer.chunk(c.buf, signature) {
		return refuse(Mismatch, "%s", mismatch)
	}
	for _, sum := range c.sums {
		sum.Write(c.buf)
	}
	if c.left -= size; c.left == 0 {
		if err := c.finish(); err != nil {
			return err
		}
	}
	c.ready = c.buf
	return nil
}

// header returns the size of the next piece, and the signature if it is a
// signed chunk. It reads the line of a chunk unless one is begun.
func (c *chunkReader) header() (size int64, signature [32]byte, err *Error) {
	if c.inChunk == 0 {
		if c.inChunk, signature, err = c.chunkLine(); err != nil || c.inChunk == 0 {
			return 0, signature, err
		}
		switch {
		case c.small:
			return 0, signature, refuse(ChunkSize, "Only the last chunk is allowed to have a size less than 8192 bytes")
		case c.inChunk > c.left:
			return 0, signature, refuse(IncompleteBody, "The body is longer than x-amz-decoded-content-length.")
		case c.signer != nil && c.inChunk > maxChunk:
			return 0, signature, refuse(BadChunk, "A signed chunk is larger than %d bytes.", maxChunk)
		}
		c.small = c.inChunk < minChunk
	}
	size = c.inChunk
	if c.signer == nil {
		size = min(size, piece)
	}
	c.inChunk -= size
	return size, signature, nil
}

func badChunkLine() *Error {
	return refuse(BadChunk, "A chunk must begin with its size, and its signature if chunks are signed.")
}

// chunkLine reads "SIZE;chunk-signature=HEX" or, unsigned, "SIZE".
func (c *chunkReader) chunkLine() (size int64, signature [32]byte, err *Error) {
	line, err := c.line()
	if err != nil {
		return 0, signature, err
	}
	digits, extension, extended := strings.Cut(line, ";")
	if digits == "" || len(digits) > 16 {
		return 0, signature, badChunkLine()
	}
	for i := range len(digits) {
		d := hexDigit(digits[i])
		if d > 15 || size > 1<<58 {
			return 0, signature, badChunkLine()
		}
		size = size<<4 | int64(d)
	}
	if c.signer == nil {
		if extended {
			return 0, signature, badChunkLine()
		}
		return size, signature, nil
	}
	text, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok || !parseHash(&signature, text) {
		return 0, signature, badChunkLine()
	}
	return size, signature, nil
}

// line reads a line that ends with CRLF.
func (c *chunkReader) line() (string, *Error) {
	line, err := c.src.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", refuse(BadChunk, "A line of the chunked body is longer than %d bytes.", maxLine)
	}
	if err != nil {
		return "", unread(err)
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return "", refuse(BadChunk, "A line of the chunked body does not end with CRLF.")
	}
	return string(text), nil
}

func (c *chunkReader) lineBreak() *Error {
	line, err := c.line()
	if err == nil && line != "" {
		err = refuse(BadChunk, "A chunk is longer than its size.")
	}
	return err
}

// fill reads size bytes to buf, which grows with what has come and not with
// what is announced.
func (c *chunkReader) fill(size int) *Error {
	c.buf = c.buf[:0]
	for len(c.buf) < size {
		n := len(c.buf)
		step := min(size-n, max(n, piece))
		c.buf = slices.Grow(c.buf, step)[:n+step]
		if _, err := io.ReadFull(c.src, c.buf[n:]); err != nil {
			return unread(err)
		}
	}
	return nil
}

// finish reads the chunk of size zero and the trailers, and checks them.
func (c *chunkReader) finish() *Error {
	size, signature, err := c.chunkLine()
	if err != nil {
		return err
	}
	if size != 0 {
		return refuse(IncompleteBody, "The body is longer than x-amz-decoded-content-length.")
	}
	if c.signer != nil && !c.signer.chunk(nil, signature) {
		return refuse(Mismatch, "%s", mismatch)
	}
	values, err := c.readTrailers()
	if err != nil {
		return err
	}
	if err := c.lineBreak(); err != nil {
		return err
	}
	_, end := c.src.ReadByte()
	// At the end net/http adds what trailers the connection has to this very
	// map. Nobody signed them.
	clear(c.trailer)
	if !errors.Is(end, io.EOF) {
		return refuse(BadChunk, "Something follows the last chunk.")
	}
	for i, sum := range c.sums {
		if base64.StdEncoding.EncodeToString(sum.Sum(nil)) != values[i] {
			return refuse(BadDigest, "The %s you specified did not match the calculated checksum.", strings.TrimPrefix(c.names[i], "x-amz-checksum-"))
		}
		c.trailer.Set(c.names[i], values[i])
	}
	return nil
}

func badTrailer() *Error {
	return refuse(BadTrailer, "The trailers must be those that x-amz-trailer names, in order, and their signature if chunks are signed.")
}

// readTrailers returns the values of the announced trailers.
func (c *chunkReader) readTrailers() ([]string, *Error) {
	if len(c.names) == 0 {
		return nil, nil
	}
	values, signed := make([]string, 0, len(c.names)), sha256.New()
	for _, want := range c.names {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name != want {
			return nil, badTrailer()
		}
		values = append(values, value)
		signed.Write([]byte(line + "\n"))
	}
	if c.signer == nil {
		return values, nil
	}
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	var signature [32]byte
	text, ok := strings.CutPrefix(line, "x-amz-trailer-signature:")
	if !ok || !parseHash(&signature, text) {
		return nil, badTrailer()
	}
	if !c.signer.verify("AWS4-HMAC-SHA256-TRAILER", signed.Sum(nil), signature) {
		return nil, refuse(Mismatch, "%s", mismatch)
	}
	return values, nil
}

// chunkSigner verifies the chain of signatures that the request's begins.
type chunkSigner struct {
	key         *signingKey
	date, scope string
	previous    [32]byte
	buf         []byte
}

var emptyHash = hex.EncodeToString(sha256.New().Sum(nil))

// chunk reports whether a chunk has the next signature.
func (s *chunkSigner) chunk(data []byte, signature [32]byte) bool {
	sum := sha256.Sum256(data)
	return s.verify("AWS4-HMAC-SHA256-PAYLOAD", sum[:], signature)
}

func (s *chunkSigner) verify(kind string, sum []byte, signature [32]byte) bool {
	b := s.buf[:0]
	for _, part := range [...]string{kind, s.date, s.scope} {
		b = append(append(b, part...), '\n')
	}
	b = append(hex.AppendEncode(b, s.previous[:]), '\n')
	if kind == "AWS4-HMAC-SHA256-PAYLOAD" {
		b = append(append(b, emptyHash...), '\n')
	}
	b = hex.AppendEncode(b, sum)
	s.buf = b
	want := s.key.sign(b)
	if !hmac.Equal(want[:], signature[:]) {
		return false
	}
	s.previous = signature
	return true
}
