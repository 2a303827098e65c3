package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The values of x-amz-content-sha256 that are no hash. Source:
// identity-protocol §4.2.
const (
	unsignedPayload        = "UNSIGNED-PAYLOAD"
	signedChunks           = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedChunksTrailer    = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedChunksTrailer  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	asymmetricChunksPrefix = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
)

// payload is how the body of an S3 request is covered.
type payload struct {
	kind string // one of the above, or empty: hash holds
	hash [32]byte
	// length is that of the body, after decoding.
	length int64
	// trailers are the names that were announced, in order.
	trailers []string
}

// readPayload reads what an S3 request says of its body.
func (v *Verifier) readPayload(r *http.Request, s *scratch, a *authorization) (payload, *Error) {
	text, err := bodyHash(a)
	if err != nil {
		return payload{}, err
	}
	s.bodyHash = append(s.bodyHash[:0], text...)
	p := payload{kind: text, length: r.ContentLength}
	switch {
	case text == unsignedPayload:
	case text == signedChunks || text == signedChunksTrailer || text == unsignedChunksTrailer:
		if a.presigned {
			return p, refuse(NotImplemented, "A presigned request cannot have a streaming body.")
		}
		if err := p.readStreaming(&a.headers); err != nil {
			return p, err
		}
	case strings.HasPrefix(text, asymmetricChunksPrefix):
		return p, refuse(NotImplemented, "Signature Version 4A is not implemented.")
	case parseHash(&p.hash, text):
		p.kind = ""
	default:
		return p, refuse(Malformed, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING-… value of the documentation, or a SHA-256 in lower-case hexadecimal digits.")
	}
	switch {
	case p.length < 0:
		return p, refuse(NoLength, "You must provide the Content-Length HTTP header.")
	case p.length > v.o.MaxBody:
		return p, tooLarge(v.o.MaxBody)
	case (text == unsignedPayload && r.ContentLength != 0 || text == unsignedChunksTrailer) && !v.o.TLS(r):
		return p, refuse(UnsignedBody, "A body that is not signed is only accepted over TLS.")
	}
	return p, nil
}

// bodyHash returns x-amz-content-sha256. It may be a parameter of a presigned
// request, which without one does not sign its body.
func bodyHash(a *authorization) (string, *Error) {
	header := a.headers.get(amzBodyHash)
	if !a.presigned {
		if header == "" {
			return "", refuse(NoBodyHash, "Missing required header for this request: x-amz-content-sha256")
		}
		return header, nil
	}
	if header == "" || !a.list.covers("x-amz-content-sha256") {
		if a.bodyHash == "" {
			return unsignedPayload, nil
		}
		return a.bodyHash, nil
	}
	if a.bodyHash != "" && a.bodyHash != header {
		return "", refuse(Malformed, "The query string and a header disagree on x-amz-content-sha256.")
	}
	return header, nil
}

// readStreaming reads the headers of an aws-chunked body. They are signed, as
// all x-amz-* headers are.
func (p *payload) readStreaming(h *headers) *Error {
	text := h.get(amzDecodedLength)
	if text == "" {
		return refuse(NoLength, "You must provide the x-amz-decoded-content-length header.")
	}
	length, err := strconv.ParseInt(text, 10, 64)
	if err != nil || length < 0 || text != strconv.FormatInt(length, 10) {
		return refuse(Malformed, "x-amz-decoded-content-length must be a number of bytes.")
	}
	p.length = length
	announced := h.get(amzTrailer)
	if p.kind == signedChunks {
		if announced != "" {
			return refuse(BadTrailer, "This kind of streaming body has no trailer.")
		}
		return nil
	}
	for name := range strings.SplitSeq(announced, ",") {
		name = strings.ToLower(strings.Trim(name, " "))
		if _, ok := checksums[name]; !ok {
			return refuse(BadTrailer, "x-amz-trailer must name checksums: x-amz-checksum-crc32, -crc32c, -crc64nvme, -sha1 or -sha256.")
		}
		p.trailers = append(p.trailers, name)
	}
	slices.Sort(p.trailers)
	if len(slices.Compact(slices.Clone(p.trailers))) != len(p.trailers) {
		return refuse(BadTrailer, "x-amz-trailer names a trailer twice.")
	}
	return nil
}

// openBody replaces the body of an S3 request by one that checks. What can be
// checked without reading is checked now.
func (v *Verifier) openBody(r *http.Request, a *authorization, p payload, key *signingKey) *Error {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Trailer = nil
	if strings.HasPrefix(p.kind, "STREAMING-") {
		return openChunks(r, a, p, key)
	}
	b := &wholeBody{src: r.Body, left: p.length, want: p.hash}
	if p.kind == "" {
		b.digest = sha256.New()
	}
	if p.length == 0 {
		if err := b.check(); err != nil {
			return err
		}
	}
	r.Body = b
	return nil
}

// wholeBody reads a body of announced length, and gives its end only if it has
// the hash that was signed.
type wholeBody struct {
	src    io.ReadCloser
	left   int64
	digest hash.Hash // nil: it is not signed
	want   [32]byte
	err    error
}

// Read reads the body.
func (b *wholeBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	if err != nil {
		b.err = err
	}
	if n == 0 && b.err == nil && b.left == 0 {
		b.err = io.EOF
	}
	return n, b.err
}

func (b *wholeBody) read(p []byte) (int, error) {
	if b.left == 0 || len(p) == 0 {
		return 0, nil
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if b.digest != nil {
		b.digest.Write(p[:n])
	}
	if b.left == 0 {
		if err := b.check(); err != nil {
			clear(p[:n])
			return 0, err
		}
		return n, nil
	}
	if err != nil {
		return n, unread(err)
	}
	return n, nil
}

// check compares the hash of what was read.
func (b *wholeBody) check() *Error {
	if b.digest != nil && !hmac.Equal(b.digest.Sum(nil), b.want[:]) {
		return refuse(BodyHash, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return nil
}

// Close closes the connection's body.
func (b *wholeBody) Close() error { return b.src.Close() }

// private reports whether a request came over TLS to this process, or over
// loopback.
func private(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
