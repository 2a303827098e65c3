package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	// maxPresigned is the longest life of a presigned request.
	maxPresigned = 7 * 24 * time.Hour
)

// Options say what a Verifier accepts. Region, Services, Now and Lookup are
// required. Without S3 and REST the services are of JSON or query protocol,
// whose only path is "/".
type Options struct {
	// Region and Services are what a signature must be scoped to.
	Region   string
	Services []string
	// Hosts are the values of Host that are answered, as clients send them
	// but for a default port; nil takes whatever host was signed.
	Hosts []string
	// S3 selects the rules of S3: paths are encoded once and never cleaned, and
	// x-amz-content-sha256 says how the body is covered.
	S3 bool
	// REST accepts any path that is already clean. Route on the path as sent
	// (URL.EscapedPath): "%2F" is not "/".
	REST bool
	// Skew is how far the date of a request may be from now; zero means 15
	// minutes.
	Skew time.Duration
	// MaxExpires caps the life of presigned requests; zero means 7 days, which
	// is also the most.
	MaxExpires time.Duration
	// MaxBody bounds bodies in bytes; zero means 1 MiB, for S3 5 GiB.
	MaxBody int64
	Now     func() time.Time
	// Lookup finds the credential of an access key. sessionToken is empty for
	// a request without one; long-term keys must refuse any other. It returns
	// ErrUnknownKey, ErrBadToken or ErrExpired; any other error is an outage.
	Lookup func(ctx context.Context, accessKeyID, sessionToken string) (Credential, error)
	// TLS says that nobody between could alter the request, which bodies
	// that are not signed need; nil means TLS to this process, or a peer on
	// loopback.
	TLS func(*http.Request) bool
	// CacheSize is how many signing keys are kept; zero means 10,000.
	CacheSize int
}

// Credential is what Lookup finds. A Credential without a secret is refused.
type Credential struct {
	Secret []byte
	// Expires is when the session ends; zero means never.
	Expires time.Time
	// Value is what Verified hands back, such as the session.
	Value any
}

// Verified is a request whose signature holds.
type Verified struct {
	AccessKeyID, Service, Region string
	// Time is when the request was signed, by the client's clock.
	Time      time.Time
	Presigned bool
	// Value is that of the Credential.
	Value any
	// Body is the body that was hashed; nil for S3.
	Body []byte
}

// Verifier verifies requests. It may be shared.
type Verifier struct {
	o     Options
	cache *cache
}

// New makes a Verifier.
func New(o Options) (*Verifier, error) {
	switch {
	case !scopeName(o.Region):
		return nil, fmt.Errorf("sigv4: region %.100q: want lower-case letters, digits and hyphens", o.Region)
	case len(o.Services) == 0:
		return nil, errors.New("sigv4: no service")
	case o.Now == nil || o.Lookup == nil:
		return nil, errors.New("sigv4: Now and Lookup are required")
	case o.S3 && o.REST:
		return nil, errors.New("sigv4: S3 and REST have different paths")
	case o.Skew < 0 || o.MaxExpires < 0 || o.MaxExpires > maxPresigned || o.MaxBody < 0 || o.CacheSize < 0:
		return nil, errors.New("sigv4: a limit is negative, or MaxExpires is more than 7 days")
	}
	for _, s := range o.Services {
		if !scopeName(s) {
			return nil, fmt.Errorf("sigv4: service %.100q: want lower-case letters, digits and hyphens", s)
		}
	}
	o.Services, o.Hosts = slices.Clone(o.Services), slices.Clone(o.Hosts)
	orDefault(&o.Skew, 15*time.Minute)
	orDefault(&o.MaxExpires, maxPresigned)
	orDefault(&o.CacheSize, 10_000)
	if o.S3 {
		orDefault(&o.MaxBody, 5<<30)
	}
	orDefault(&o.MaxBody, 1<<20)
	if o.TLS == nil {
		o.TLS = private
	}
	return &Verifier{o: o, cache: newCache(o.CacheSize)}, nil
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// scratch is the memory of one verification.
type scratch struct {
	query query
	list  headerList
	// bodyHash is the last line of the canonical request.
	bodyHash []byte
	buf      []byte
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, 4096)} }}

// maxScratch is what a scratch may hold to be used again: one large request
// must not cost memory for ever.
const maxScratch = 64 << 10

func (s *scratch) free() {
	if cap(s.buf)+cap(s.query.encoded)+cap(s.bodyHash) <= maxScratch {
		// No request is kept alive by what pointed to it.
		s.list.reset()
		clear(s.query.params)
		scratches.Put(s)
	}
}

// verification is what outlives one: the answer, and the body of the request.
type verification struct {
	Verified
	unread []byte
}

func (*verification) Close() error { return nil }

// Read reads the verified body.
func (v *verification) Read(p []byte) (int, error) {
	if len(v.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, v.unread)
	v.unread = v.unread[n:]
	return n, nil
}

// Verify verifies the signature of a request as net/http's server delivers it,
// before anything has altered it. Every refusal is an *Error.
//
// It replaces Body, and with it ContentLength: outside S3 by what was read and
// hashed, for S3 by a reader that checks. For streaming payloads of S3 it takes
// aws-chunked out of Content-Encoding, and after the body Request.Trailer holds
// the trailers. After a refusal the body may be read in part.
//
// Source: identity-protocol §4.5 for the order of checks.
func (v *Verifier) Verify(r *http.Request) (*Verified, error) {
	s := scratches.Get().(*scratch)
	defer s.free()
	var a authorization
	out, err := v.verify(r, s, &a)
	if err != nil {
		err.presigned = a.presigned
		return nil, err
	}
	return out, nil
}

func (v *Verifier) verify(r *http.Request, s *scratch, a *authorization) (*Verified, *Error) {
	path, rawQuery, err := target(r)
	if err != nil {
		return nil, err
	}
	if err := s.query.parse(rawQuery); err != nil {
		return nil, err
	}
	if err := a.headers.read(r.Header); err != nil {
		return nil, err
	}
	if err := a.read(&s.query); err != nil {
		return nil, err
	}
	if err := a.parse(v.cache); err != nil {
		return nil, err
	}
	now := v.o.Now()
	if err := v.check(r, s, a, path, now); err != nil {
		return nil, err
	}
	cred, refusal := v.credential(r.Context(), a, now)
	if refusal != nil && refusal.Kind == Unavailable {
		return nil, refusal
	}
	out := &verification{Verified: Verified{
		AccessKeyID: a.accessKeyID, Service: a.service, Region: v.o.Region,
		Time: a.time, Presigned: a.presigned, Value: cred.Value,
	}}
	var p payload
	if v.o.S3 {
		p, err = v.readPayload(r, s, a)
	} else {
		err = v.hashBody(r, s, a, out)
	}
	if err != nil {
		return nil, err
	}
	if err := s.canonical(r, a, path, &v.o); err != nil {
		return nil, err
	}
	key := v.cache.key(a, cred.Secret, now.Add(-v.o.Skew))
	match := s.match(a, key)
	switch {
	case refusal != nil:
		return nil, refusal
	case !match:
		return nil, refuse(Mismatch, "%s", mismatch)
	}
	if a.list == &s.list {
		v.cache.putList(a.list)
	}
	switch {
	case v.o.S3:
		if err := v.openBody(r, a, p, key); err != nil {
			return nil, err
		}
	default:
		r.Body, r.ContentLength = out, int64(len(out.Body))
	}
	return &out.Verified, nil
}

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// check checks what needs no secret. Source: identity-protocol §4.5.
func (v *Verifier) check(r *http.Request, s *scratch, a *authorization, path string, now time.Time) *Error {
	if err := v.checkPath(path); err != nil {
		return err
	}
	if err := v.checkScope(a); err != nil {
		return err
	}
	if err := v.checkHost(r); err != nil {
		return err
	}
	if a.list == nil {
		a.list = &s.list
		if err := a.list.parse(a.signedHeaders); err != nil {
			return err
		}
	}
	if err := a.headers.checkSigned(r, a, v.o.S3); err != nil {
		return err
	}
	return v.checkTime(a, now)
}

// hashBody reads and hashes the body of a service other than S3. What the
// client says of the hash is not believed, but must be right.
func (v *Verifier) hashBody(r *http.Request, s *scratch, a *authorization, out *verification) *Error {
	body, err := readBody(r, v.o.MaxBody)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	s.bodyHash = hex.AppendEncode(s.bodyHash[:0], sum[:])
	if claimed := a.headers.get(amzBodyHash); claimed != "" && claimed != string(s.bodyHash) {
		return refuse(BodyHash, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	out.Body, out.unread = body, body
	return nil
}

// dummySecret stands for the secret of a key that nobody has, so that a refusal
// takes the time of a signature that is wrong.
var dummySecret = make([]byte, 40)

// credential finds the credential of the request. A refusal comes with a dummy.
func (v *Verifier) credential(ctx context.Context, a *authorization, now time.Time) (Credential, *Error) {
	cred, err := Credential{}, ErrBadToken
	// Source: identity-protocol §4.4; the prefixes are those of IAM User Guide,
	// "IAM identifiers".
	temporary, longTerm := strings.HasPrefix(a.accessKeyID, "ASIA"), strings.HasPrefix(a.accessKeyID, "AKIA")
	if misplaced := temporary && a.token == "" || longTerm && a.token != ""; !misplaced {
		cred, err = v.o.Lookup(ctx, a.accessKeyID, a.token)
	}
	if err == nil && len(cred.Secret) == 0 {
		err = ErrUnknownKey
	}
	if err == nil && !cred.Expires.IsZero() && !now.Before(cred.Expires) {
		err = ErrExpired
	}
	if err == nil {
		return cred, nil
	}
	a.unknown = true
	return Credential{Secret: dummySecret}, Refusal(err)
}

// match reports whether the signature is that of the canonical request in
// s.buf.
func (s *scratch) match(a *authorization, key *signingKey) bool {
	digest := sha256.Sum256(s.buf)
	b := s.buf[:0]
	b = append(b, algorithm+"\n"...)
	b = append(b, a.date...)
	b = append(b, '\n')
	b = append(b, a.scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, digest[:])
	s.buf = b
	want := key.sign(b)
	return hmac.Equal(want[:], a.signature[:])
}

// readBody reads a body of at most limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, *Error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	// A byte more than announced, so that the end is found without growing; and
	// no more memory than what was sent, within reason.
	size := min(r.ContentLength, 64<<10)
	if size < 0 {
		size = 511
	}
	b := make([]byte, 0, size+1)
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF && r.ContentLength >= 0 && int64(len(b)) != r.ContentLength:
			return nil, unread(io.ErrUnexpectedEOF)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, unread(err)
		}
	}
}

func tooLarge(limit int64) *Error {
	return refuse(BodyTooLarge, "The request body is larger than %d bytes.", limit)
}

// unread says why a body could not be read to its end. It never wraps io.EOF,
// which would say that all is well.
func unread(cause error) *Error {
	var large *http.MaxBytesError
	if errors.As(cause, &large) {
		return tooLarge(large.Limit).because(cause)
	}
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	return refuse(IncompleteBody, "The request body ended before its announced length.").because(cause)
}
