package sigv4_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

const (
	signedChunks    = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// stream is an upload in chunks. The zero chunk is added.
type stream struct {
	kind     string
	chunks   []string
	trailers [][2]string
	// announced is x-amz-trailer, if it is not the names of trailers; length
	// is the decoded length, if it is not that of the chunks.
	announced, length string
	encoding          string
}

// split cuts data into chunks.
func split(data string, size int) (chunks []string) {
	for len(data) > size {
		chunks, data = append(chunks, data[:size]), data[size:]
	}
	return append(chunks, data)
}

// message returns the upload, signed chunk by chunk.
func (s stream) message() *message {
	m := object("PUT", "/bucket/key", "")
	m.payload = s.kind
	m.set("X-Amz-Content-Sha256", s.kind)
	m.set("Content-Encoding", "aws-chunked"+s.encoding)
	if s.length == "" {
		s.length = fmt.Sprint(len(strings.Join(s.chunks, "")))
	}
	if s.length != "absent" {
		m.set("X-Amz-Decoded-Content-Length", s.length)
	}
	if s.announced == "" {
		var names []string
		for _, trailer := range s.trailers {
			names = append(names, trailer[0])
		}
		s.announced = strings.Join(names, ",")
	}
	if s.announced != "" {
		m.set("X-Amz-Trailer", s.announced)
	}
	m.body = strings.Join(s.pieces(m), "")
	return m
}

// pieces are the chunks on the wire, the zero chunk, the trailers and the end.
func (s stream) pieces(m *message) []string {
	previous := m.signature()
	next := func(kind, rest string) string {
		previous = sign(m.secret, m.date[:8], m.region, m.service, strings.Join([]string{kind, m.date, m.scope(), previous, rest}, "\n"))
		return previous
	}
	var out []string
	for _, data := range append(append([]string(nil), s.chunks...), "") {
		line := fmt.Sprintf("%x", len(data))
		if s.kind != unsignedTrailer {
			line += ";chunk-signature=" + next("AWS4-HMAC-SHA256-PAYLOAD", hexSum("")+"\n"+hexSum(data))
		}
		if data != "" {
			data += "\r\n"
		}
		out = append(out, line+"\r\n"+data)
	}
	var trailers, signed strings.Builder
	for _, trailer := range s.trailers {
		trailers.WriteString(trailer[0] + ":" + trailer[1] + "\r\n")
		signed.WriteString(trailer[0] + ":" + trailer[1] + "\n")
	}
	if s.kind == signedTrailer {
		trailers.WriteString("x-amz-trailer-signature:" + next("AWS4-HMAC-SHA256-TRAILER", hexSum(signed.String())) + "\r\n")
	}
	return append(out, trailers.String(), "\r\n")
}

// upload verifies the message and reads its body.
func upload(t testing.TB, m *message) (string, *http.Request, error) {
	t.Helper()
	r := m.headerForm()
	if _, err := newVerifier(t, s3Service).Verify(r); err != nil {
		return "", r, err
	}
	got, err := io.ReadAll(r.Body)
	return string(got), r, err
}

func digest(h hash.Hash, data string) string {
	h.Write([]byte(data))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// digests are the checksums of data, written apart from the verifier.
func digests(data string) [][2]string {
	return [][2]string{
		{"x-amz-checksum-crc32", digest(crc32.NewIEEE(), data)},
		{"x-amz-checksum-crc32c", digest(crc32.New(crc32.MakeTable(crc32.Castagnoli)), data)},
		{"x-amz-checksum-crc64nvme", digest(crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)), data)},
		{"x-amz-checksum-sha1", digest(sha1.New(), data)},
		{"x-amz-checksum-sha256", digest(sha256.New(), data)},
	}
}

// TestChecksumCheckValue holds the polynomial of CRC-64/NVME to the check value
// of its specification.
func TestChecksumCheckValue(t *testing.T) {
	sum, err := base64.StdEncoding.DecodeString(digests("123456789")[2][1])
	require.NoError(t, err)
	require.Equal(t, "ae8b14860a799888", hex.EncodeToString(sum))
}

func TestChunkedUploads(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 10_000)
	for name, s := range map[string]stream{
		"signed":                      {kind: signedChunks, chunks: split(large, 64<<10)},
		"signed, empty":               {kind: signedChunks},
		"signed, one byte":            {kind: signedChunks, chunks: []string{"x"}},
		"signed, several small steps": {kind: signedChunks, chunks: split(large, 8<<10)},
		"signed, all in one":          {kind: signedChunks, chunks: []string{large}},
		"trailer":                     {kind: signedTrailer, chunks: split(large, 64<<10), trailers: digests(large)},
		"trailer, empty":              {kind: signedTrailer, trailers: digests("")[:1]},
		"unsigned":                    {kind: unsignedTrailer, chunks: split(large, 64<<10), trailers: digests(large)[4:]},
		"unsigned, all in one":        {kind: unsignedTrailer, chunks: []string{large}, trailers: digests(large)[2:3]},
		"unsigned, empty":             {kind: unsignedTrailer, trailers: digests("")[1:2]},
	} {
		t.Run(name, func(t *testing.T) {
			got, r, err := upload(t, s.message())
			require.NoError(t, err)
			data := strings.Join(s.chunks, "")
			require.Equal(t, data, got)
			require.EqualValues(t, len(data), r.ContentLength)
			require.NotContains(t, r.Header, "Content-Encoding")
			require.Len(t, r.Trailer, len(s.trailers))
			for _, trailer := range s.trailers {
				require.Equal(t, trailer[1], r.Trailer.Get(trailer[0]))
			}
			require.NoError(t, r.Body.Close())
		})
	}
}

func TestContentEncodingLosesAWSChunkedOnly(t *testing.T) {
	s := stream{kind: signedChunks, chunks: []string{"x"}, encoding: ", gzip"}
	_, r, err := upload(t, s.message())
	require.NoError(t, err)
	require.Equal(t, []string{"gzip"}, r.Header["Content-Encoding"])
}

// TestChunkedUploadRefusals alters one thing of an upload that is accepted.
func TestChunkedUploadRefusals(t *testing.T) {
	data := strings.Repeat("x", 20_000)
	good := stream{kind: signedTrailer, chunks: split(data, 8<<10), trailers: digests(data)[1:2]}
	_, _, err := upload(t, good.message())
	require.NoError(t, err)
	edit := func(f func(pieces []string) []string) func(*stream) *message {
		return func(s *stream) *message {
			m := s.message()
			m.body = strings.Join(f(s.pieces(m)), "")
			return m
		}
	}
	replace := func(old, new string) func(*stream) *message {
		return edit(func(p []string) []string {
			return []string{strings.Replace(strings.Join(p, ""), old, new, 1)}
		})
	}
	with := func(f func(*stream)) func(*stream) *message {
		return func(s *stream) *message { f(s); return s.message() }
	}
	for _, c := range []struct {
		name  string
		want  sigv4.Kind
		alter func(*stream) *message
	}{
		{"no decoded length", sigv4.NoLength, with(func(s *stream) { s.length = "absent" })},
		{"decoded length is not a number", sigv4.Malformed, with(func(s *stream) { s.length = "+20000" })},
		{"decoded length negative", sigv4.Malformed, with(func(s *stream) { s.length = "-1" })},
		{"decoded length one too many", sigv4.IncompleteBody, with(func(s *stream) { s.length = "20001" })},
		{"decoded length one too few", sigv4.IncompleteBody, with(func(s *stream) { s.length = "19999" })},
		{"decoded length ends with a chunk that is not the last", sigv4.IncompleteBody, with(func(s *stream) { s.length = "16384" })},
		{"more than five gibibytes", sigv4.BodyTooLarge, with(func(s *stream) { s.length = "5368709121" })},
		{"small chunk before the last", sigv4.ChunkSize, with(func(s *stream) { s.chunks = split(data, 8191) })},
		{"chunk beyond the bound", sigv4.BadChunk, with(func(s *stream) { s.chunks = []string{strings.Repeat("x", 16<<20+1)} })},
		{"chunk size without digits", sigv4.BadChunk, replace("2000;", ";")},
		{"chunk size of seventeen digits", sigv4.BadChunk, replace("2000;", "00000000000002000;")},
		{"chunk size beyond int64", sigv4.BadChunk, replace("2000;", "ffffffffffffffff;")},
		{"chunk size signed", sigv4.BadChunk, replace("2000;", "+2000;")},
		{"chunk size with 0x", sigv4.BadChunk, replace("2000;", "0x2000;")},
		{"chunk without signature", sigv4.BadChunk, replace("chunk-signature", "chunk-extension")},
		{"signature in upper case", sigv4.BadChunk, edit(func(p []string) []string {
			line, rest, _ := strings.Cut(p[0], "\r\n")
			size, sig, _ := strings.Cut(line, "=")
			p[0] = size + "=" + strings.ToUpper(sig) + "\r\n" + rest
			return p
		})},
		{"bare line feed", sigv4.BadChunk, replace("\r\n", "\n")},
		{"endless line", sigv4.BadChunk, replace("\r\n", strings.Repeat(" ", 2000)+"\r\n")},
		{"chunk longer than its size", sigv4.BadChunk, replace("x\r\n", "xx\r\n")},
		{"data altered", sigv4.Mismatch, replace("xxx", "xyx")},
		{"trailer not announced", sigv4.BadTrailer, with(func(s *stream) { s.announced = "x-amz-checksum-crc32" })},
		{"trailer that cannot be checked", sigv4.BadTrailer, with(func(s *stream) { s.announced = "x-amz-meta-owner" })},
		{"no trailer announced", sigv4.BadTrailer, with(func(s *stream) { s.announced = " " })},
		{"trailer announced twice", sigv4.BadTrailer, with(func(s *stream) { s.announced = "x-amz-checksum-crc32c,x-amz-checksum-crc32c" })},
		{"second trailer missing", sigv4.BadTrailer, with(func(s *stream) { s.announced = "x-amz-checksum-crc32c,x-amz-checksum-sha1" })},
		{"trailers in another order", sigv4.BadTrailer, with(func(s *stream) { d := digests(data); s.trailers = [][2]string{d[3], d[0]} })},
		{"checksum of other data", sigv4.BadDigest, with(func(s *stream) { s.trailers = digests("other")[1:2] })},
		{"trailer name in upper case", sigv4.BadTrailer, replace("x-amz-checksum-crc32c", "X-Amz-Checksum-Crc32c")},
		{"trailer altered", sigv4.Mismatch, replace("crc32c:", "crc32c:A")},
		{"trailer signature altered", sigv4.Mismatch, edit(func(p []string) []string {
			n := len(p) - 2
			p[n] = p[n][:strings.LastIndex(p[n], ":")+1] + strings.Repeat("0", 64) + "\r\n"
			return p
		})},
		{"trailer signature missing", sigv4.BadTrailer, edit(func(p []string) []string {
			n := len(p) - 2
			p[n], _, _ = strings.Cut(p[n], "x-amz-trailer-signature")
			return p
		})},
		{"trailer missing", sigv4.BadTrailer, edit(func(p []string) []string {
			n := len(p) - 2
			_, p[n], _ = strings.Cut(p[n], "\r\n")
			return p
		})},
		{"trailer added", sigv4.BadChunk, edit(func(p []string) []string {
			n := len(p) - 2
			p[n] += "x-amz-checksum-sha1:AA==\r\n"
			return p
		})},
		{"no end", sigv4.IncompleteBody, edit(func(p []string) []string { return p[:len(p)-1] })},
		{"something after the end", sigv4.BadChunk, edit(func(p []string) []string { return append(p, "x") })},
		{"announced as unsigned", sigv4.BadChunk, func(s *stream) *message {
			body := s.message().body
			m := stream{kind: unsignedTrailer, chunks: s.chunks, trailers: s.trailers}.message()
			m.body = body
			return m
		}},
		{"announced without trailer", sigv4.BadTrailer, func(s *stream) *message {
			return stream{kind: signedChunks, chunks: s.chunks, announced: "x-amz-checksum-crc32c"}.message()
		}},
		{"trailer not signed for", sigv4.BadChunk, func(s *stream) *message {
			m := stream{kind: signedChunks, chunks: s.chunks}.message()
			m.body = strings.TrimSuffix(m.body, "\r\n") + "x-amz-checksum-crc32c:" + s.trailers[0][1] + "\r\n\r\n"
			return m
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := good
			got, _, err := upload(t, c.alter(&s))
			requireKind(t, c.want, err)
			if c.name != "decoded length one too many" {
				require.Less(t, len(got), len(data), "the last piece must not be given")
			}
		})
	}
}

func TestUnsignedTrailerRefusals(t *testing.T) {
	data := strings.Repeat("x", 20_000)
	s := stream{kind: unsignedTrailer, chunks: []string{data}, trailers: digests(data)[:1]}
	_, _, err := upload(t, s.message())
	require.NoError(t, err)

	m := s.message()
	m.body = strings.Replace(m.body, "xx", "xy", 1)
	got, _, err := upload(t, m)
	requireKind(t, sigv4.BadDigest, err)
	require.Less(t, len(got), len(data))

	m = s.message()
	m.body = strings.Replace(m.body, "4e20\r\n", "4e20;chunk-signature="+strings.Repeat("0", 64)+"\r\n", 1)
	_, _, err = upload(t, m)
	requireKind(t, sigv4.BadChunk, err)

	overHTTP := newVerifier(t, s3Service, func(o *sigv4.Options) { o.TLS = nil })
	requireRefused(t, sigv4.UnsignedBody, overHTTP, s.message().headerForm())
	loopback := s.message().headerForm()
	loopback.RemoteAddr = "127.0.0.1:1234"
	requireVerified(t, overHTTP, loopback)
}

func TestAsymmetricSignaturesAreNotImplemented(t *testing.T) {
	for _, kind := range []string{"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"} {
		_, _, err := upload(t, stream{kind: kind, chunks: []string{"x"}}.message())
		requireKind(t, sigv4.NotImplemented, err)
		var e *sigv4.Error
		require.ErrorAs(t, err, &e)
		status, code := e.S3()
		require.Equal(t, 501, status)
		require.Equal(t, "NotImplemented", code)
	}
	r := call().headerForm()
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "HMAC-SHA256", "ECDSA-P256-SHA256", 1))
	requireRefused(t, sigv4.NotImplemented, newVerifier(t), r)
}

// TestBodyIsReadInAnyPieces reads through readers and buffers of all sizes.
func TestBodyIsReadInAnyPieces(t *testing.T) {
	data := strings.Repeat("0123456789", 3_000)
	for _, s := range []stream{
		{kind: signedChunks, chunks: split(data, 9000)},
		{kind: unsignedTrailer, chunks: split(data, 9000), trailers: digests(data)[:1]},
	} {
		for name, slow := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "error with data": iotest.DataErrReader} {
			r := s.message().headerForm()
			r.Body = io.NopCloser(slow(r.Body))
			requireVerified(t, newVerifier(t, s3Service), r)
			require.NoError(t, iotest.TestReader(r.Body, []byte(data)), name)
		}
	}
	m := object("PUT", "/b/k", data)
	for _, slow := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
		r := m.headerForm()
		r.Body = io.NopCloser(slow(r.Body))
		requireVerified(t, newVerifier(t, s3Service), r)
		require.NoError(t, iotest.TestReader(r.Body, []byte(data)))
	}
}

// TestAnyAlteredStreamIsCut changes one byte of an upload anywhere: what is
// read is a beginning of the data, without the last chunk, and an error.
func TestAnyAlteredStreamIsCut(t *testing.T) {
	data := strings.Repeat("0123456789abcdef", 1500)
	rapid.Check(t, func(rt *rapid.T) {
		s := stream{kind: signedTrailer, chunks: split(data, rapid.IntRange(8192, 12000).Draw(rt, "chunk")), trailers: digests(data)[:1]}
		m := s.message()
		body := []byte(m.body)
		at := rapid.IntRange(0, len(body)-1).Draw(rt, "at")
		body[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "xor"))
		if bytes.EqualFold(body, []byte(m.body)) {
			rt.Skip("a size in upper-case digits is the same size")
		}
		m.body = string(body)
		got, _, err := upload(t, m)
		var e *sigv4.Error
		if !errors.As(err, &e) {
			rt.Fatalf("byte %d: accepted", at)
		}
		last := len(s.chunks[len(s.chunks)-1])
		if len(got) > len(data)-last || !strings.HasPrefix(data, got) {
			rt.Fatalf("byte %d: read %d bytes", at, len(got))
		}
	})
}

// FuzzChunks reads hostile bodies. Whatever they are, what is read was signed.
// A byte 1 stands for the data of a large chunk: the fuzzer is better at short
// inputs.
func FuzzChunks(f *testing.F) {
	block := strings.Repeat("0123456789abcdef", 512)
	data := block + block + "end"
	uploads := []stream{
		{kind: signedChunks, chunks: split(data, len(block))},
		{kind: signedTrailer, chunks: split(data, len(block)), trailers: digests(data)[:1]},
		{kind: signedTrailer, trailers: digests("")[:1]},
	}
	for i, s := range uploads {
		f.Add([]byte(strings.ReplaceAll(s.message().body, block, "\x01")), uint8(i))
	}
	f.Fuzz(func(t *testing.T, short []byte, which uint8) {
		s := uploads[int(which)%len(uploads)]
		m := s.message()
		good, whole := m.body, strings.Join(s.chunks, "")
		m.body = strings.Replace(string(short), "\x01", block, 8)
		got, _, err := upload(t, m)
		if !strings.HasPrefix(whole, got) || len(got)%len(block) != 0 && got != whole {
			t.Fatalf("read %d bytes that were not signed", len(got))
		}
		if err == nil && (got != whole || !strings.EqualFold(good, m.body)) {
			t.Fatal("accepted another body")
		}
	})
}
