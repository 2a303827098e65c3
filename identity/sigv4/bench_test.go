package sigv4_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

// temporary is what an SDK sends with temporary credentials: a session token of
// the size that identity makes.
func temporary() *message {
	m := call()
	m.accessKey = "ASIAEXAMPLE"
	return m.set("X-Amz-Security-Token", benchToken)
}

var benchToken = strings.Repeat("Tok3n-_0", 700/8)

func benchVerifier(b *testing.B) *sigv4.Verifier {
	b.Helper()
	cred := sigv4.Credential{Secret: []byte(secret), Value: b}
	return newVerifier(b, func(o *sigv4.Options) {
		o.Lookup = staticLookup(cred)
		o.REST, o.Services = true, []string{"cognito-identity", "execute-api"}
	})
}

// rewound is a request that can be verified again.
type rewound struct {
	r    *http.Request
	text string
	body strings.Reader
}

func newRewound(r *http.Request) *rewound {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	return &rewound{r: r, text: string(body)}
}

func (w *rewound) Read(p []byte) (int, error) { return w.body.Read(p) }
func (*rewound) Close() error                 { return nil }

func (w *rewound) again() *http.Request {
	w.body.Reset(w.text)
	w.r.Body, w.r.ContentLength = w, int64(len(w.text))
	return w.r
}

func benchmarkVerify(b *testing.B, r *http.Request) {
	v, w := benchVerifier(b), newRewound(r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(w.again()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyHeader is a call of an SDK with temporary credentials whose
// signing key is cached. Its floors are BenchmarkFloor and BenchmarkFloorByHand.
func BenchmarkVerifyHeader(b *testing.B) { benchmarkVerify(b, temporary().headerForm()) }

// BenchmarkVerifyBody is the same with a body of 4 KiB, and its hashing alone.
func BenchmarkVerifyBody(b *testing.B) {
	m := temporary()
	m.body = strings.Repeat("0123456789abcdef", 256)
	b.Run("verify", func(b *testing.B) { benchmarkVerify(b, m.headerForm()) })
	b.Run("floor", func(b *testing.B) { benchmarkFloor(b, m) })
}

// BenchmarkVerifyLongTerm is the same without a session token.
func BenchmarkVerifyLongTerm(b *testing.B) { benchmarkVerify(b, call().headerForm()) }

// BenchmarkVerifyPresigned is a presigned GET.
func BenchmarkVerifyPresigned(b *testing.B) {
	m := get("/prod/report?month=11")
	m.headers = nil
	benchmarkVerify(b, m.presign("60", benchToken).request())
}

// BenchmarkVerifyColdKey derives the signing key each time.
func BenchmarkVerifyColdKey(b *testing.B) {
	m := temporary()
	w := newRewound(m.headerForm())
	n := 0
	v := newVerifier(b, func(o *sigv4.Options) {
		o.Lookup = changingLookup(&n)
	})
	b.ReportAllocs()
	for b.Loop() {
		n++
		if _, err := v.Verify(w.again()); err == nil {
			b.Fatal("accepted")
		}
	}
}

// byHand is an HMAC with a key that is prepared.
type byHand struct {
	inner, outer [64]byte
	text         []byte
}

func newByHand(key [32]byte) *byHand {
	h := &byHand{text: make([]byte, 0, 1024)}
	for i := range h.inner {
		h.inner[i], h.outer[i] = 0x36, 0x5c
	}
	for i, c := range key {
		h.inner[i] ^= c
		h.outer[i] ^= c
	}
	return h
}

// sum is the HMAC of head and the hexadecimal digits of digest.
func (h *byHand) sum(head string, digest [32]byte) [32]byte {
	h.text = append(append(h.text[:0], h.inner[:]...), head...)
	digest = sha256.Sum256(hex.AppendEncode(h.text, digest[:]))
	h.text = append(append(h.text[:0], h.outer[:]...), digest[:]...)
	return sha256.Sum256(h.text)
}

// BenchmarkFloor is the hashing of BenchmarkVerifyHeader alone, by hand and
// without memory: the body, the canonical request and the HMAC of the string to
// sign.
func BenchmarkFloor(b *testing.B) { benchmarkFloor(b, temporary()) }

func benchmarkFloor(b *testing.B, m *message) {
	b.Helper()
	body, canonical := []byte(m.body), []byte(m.canonical())
	head := strings.Join([]string{"AWS4-HMAC-SHA256", m.date, m.scope(), ""}, "\n")
	mac := newByHand(sha256.Sum256([]byte("a signing key")))
	var sink byte
	b.ReportAllocs()
	for b.Loop() {
		bodySum := sha256.Sum256(body)
		sum := mac.sum(head, sha256.Sum256(canonical))
		sink ^= sum[0] ^ bodySum[0]
	}
	_ = sink
}

// BenchmarkFloorByHand verifies the very request of BenchmarkVerifyHeader and
// can do no other: it takes the headers that this one has, checks no rule but
// the signature and uses no memory.
func BenchmarkFloorByHand(b *testing.B) {
	m := temporary()
	w := newRewound(m.headerForm())
	var key [32]byte
	copy(key[:], mac(mac(mac(mac([]byte("AWS4"+secret), m.date[:8]), m.region), m.service), "aws4_request"))
	hand := newByHand(key)
	head := strings.Join([]string{"AWS4-HMAC-SHA256", m.date, m.scope(), ""}, "\n")
	body, text := make([]byte, 64), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		r := w.again()
		n, err := r.Body.Read(body)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.Sum256(body[:n])
		text = append(append(text[:0], r.Method...), "\n/\n\ncontent-type:"...)
		text = append(append(text, r.Header["Content-Type"][0]...), "\nhost:"...)
		text = append(append(text, r.Host...), "\nx-amz-date:"...)
		text = append(append(text, r.Header["X-Amz-Date"][0]...), "\nx-amz-security-token:"...)
		text = append(append(text, r.Header["X-Amz-Security-Token"][0]...), "\nx-amz-target:"...)
		text = append(append(text, r.Header["X-Amz-Target"][0]...), "\n\ncontent-type;host;x-amz-date;x-amz-security-token;x-amz-target\n"...)
		text = hex.AppendEncode(text, digest[:])
		want := hand.sum(head, sha256.Sum256(text))
		authorization := r.Header["Authorization"][0]
		var got [32]byte
		if _, err := hex.Decode(got[:], []byte(authorization[len(authorization)-64:])); err != nil || !hmac.Equal(got[:], want[:]) {
			b.Fatal("refused")
		}
	}
}

// BenchmarkReadSignedChunks decodes 1 MiB in chunks of 64 KiB.
func BenchmarkReadSignedChunks(b *testing.B) {
	v := newVerifier(b, s3Service)
	data := strings.Repeat("0123456789abcdef", 1<<16)
	m := stream{kind: signedChunks, chunks: split(data, 64<<10)}.message()
	w := newRewound(m.headerForm())
	header := w.r.Header.Clone()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := w.again()
		r.Header = header
		if _, err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != int64(len(data)) {
			b.Fatal(fmt.Sprint(n), err)
		}
		header.Set("Content-Encoding", "aws-chunked")
	}
}

func staticLookup(c sigv4.Credential) func(context.Context, string, string) (sigv4.Credential, error) {
	return func(context.Context, string, string) (sigv4.Credential, error) { return c, nil }
}

// changingLookup gives another secret each time n changes.
func changingLookup(n *int) func(context.Context, string, string) (sigv4.Credential, error) {
	key := make([]byte, 40)
	return func(context.Context, string, string) (sigv4.Credential, error) {
		binary.LittleEndian.PutUint64(key, uint64(*n))
		return sigv4.Credential{Secret: key}, nil
	}
}
