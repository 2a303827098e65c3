package gateway

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/s3object"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// S3 guards a server that speaks the protocol of S3, under one deployment.
type S3 struct {
	*guard
	verified http.Handler
}

// NewS3 returns the guard of an upstream.
func NewS3(o Options) (http.Handler, error) {
	g, err := newGuard(o, "s3")
	if err != nil {
		return nil, err
	}
	return follow(o.Current, func() { o.Metrics.Panicked("s3") }, func(d *server.Deployment) (http.Handler, error) { return g.s3(d) })
}

func (g *guard) s3(d *server.Deployment) (s *S3, err error) {
	if g, err = g.under(d); err != nil {
		return nil, err
	}
	s = &S3{guard: g}
	s.verified, err = g.authenticated(sigv4.Options{S3: true}, httpauth.WriteS3, http.HandlerFunc(s.serve))
	return s, err
}

// ServeHTTP answers one request.
func (s *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answered(s.receive, w, r)
}

func (s *S3) receive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amz-Request-Id", requestID(s.options.Random))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !s.named(r.Host) {
		s.fail(w, r, &s3Error{http.StatusBadRequest, "InvalidRequest", "The host is not one of this server.", nil})
		return
	}
	s.verified.ServeHTTP(w, r.WithContext(identity.WithClient(r.Context(), httpauth.ClientOf(r))))
}

// named reports whether a host is one that is answered for.
func (s *S3) named(host string) bool {
	if s.options.Hosts == nil {
		return true
	}
	for _, h := range s.options.Hosts {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}

// s3Error is an error as S3 has it.
type s3Error struct {
	status        int
	code, message string
	cause         error
}

func (f *s3Error) Error() string { return f.code + ": " + f.message }

func (f *s3Error) Unwrap() error { return f.cause }

var errInternal = &s3Error{http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.", nil}

// serve answers a request whose signature holds.
func (s *S3) serve(w http.ResponseWriter, r *http.Request) {
	caller, ok := engine.CallerFrom(r.Context())
	if !ok {
		s.fail(w, r, errInternal)
		return
	}
	q, rawPath, err := s.read(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	op, err := s3object.Parse(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	x := &s3Call{S3: s, w: w, r: r, caller: caller, request: q, rawPath: rawPath, keys: s.keys(r)}
	if op.Name == "DeleteObjects" {
		err = x.deleteObjects()
	} else {
		err = x.call(op)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// s3Call is one request that is being answered.
type s3Call struct {
	*S3
	w       http.ResponseWriter
	r       *http.Request
	caller  *engine.Caller
	request *s3object.Request
	rawPath string
	keys    []identity.ContextKey
}

// read finds bucket and object in the path as it was sent, or the bucket in the
// host, and decodes once. Nothing is cleaned: "//" and ".." are parts of names.
// It returns the path under which the upstream has them.
func (s *S3) read(r *http.Request) (q *s3object.Request, rawPath string, err error) {
	raw, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	for _, h := range s.options.Hosts {
		if bucket, ok := strings.CutSuffix(r.Host, "."+h); ok {
			raw = "/" + bucket + raw
		}
	}
	rawBucket, rawObject, _ := strings.Cut(strings.TrimPrefix(raw, "/"), "/")
	bucket, err1 := url.PathUnescape(rawBucket)
	object, err2 := url.PathUnescape(rawObject)
	query, err3 := url.ParseQuery(rawQuery)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, "", fmt.Errorf("%w: %w", s3object.ErrRequest, err)
	}
	return &s3object.Request{Method: r.Method, Bucket: bucket, Object: object, Query: query, Header: r.Header}, encodePath(bucket, object), nil
}

// encodePath spells a path as it is signed: every byte but the unreserved and
// the slash is percent-encoded. Source: identity-protocol §4.2.
func encodePath(bucket, object string) string {
	var b strings.Builder
	for _, part := range []string{bucket, object} {
		b.WriteByte('/')
		for i := range len(part) {
			switch c := part[i]; {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', c == '/':
				b.WriteByte(c)
			default:
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		if object == "" {
			break
		}
	}
	return b.String()
}

// keys are the context keys that a request to S3 has beside those of its
// operation. Source: iam-semantics §5.3; Service Authorization Reference,
// "Condition keys for Amazon S3".
func (s *S3) keys(r *http.Request) []identity.ContextKey {
	now := s.options.Now()
	client := identity.ClientFrom(r.Context())
	keys := client.Keys(now, s.Account.Region)
	add := func(name, value string) {
		keys = append(keys, identity.ContextKey{Name: name, Values: []string{value}})
	}
	add("s3:signatureversion", "AWS4-HMAC-SHA256")
	add("s3:ResourceAccount", s.Account.ID)
	authType := "REST-HEADER"
	if query := r.URL.Query(); query.Has("X-Amz-Signature") {
		authType = "REST-QUERY-STRING"
		if at, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date")); err == nil {
			add("s3:signatureAge", strconv.FormatInt(max(now.Sub(at).Milliseconds(), 0), 10))
		}
	}
	add("s3:authType", authType)
	for header, key := range map[string]string{"X-Amz-Content-Sha256": "s3:x-amz-content-sha256", "Referer": "aws:Referer"} {
		if v := r.Header.Get(header); v != "" {
			add(key, v)
		}
	}
	if r.TLS != nil {
		add("s3:TlsVersion", map[uint16]string{0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}[r.TLS.Version])
	}
	return keys
}

// call asks for every check and forwards.
func (x *s3Call) call(op *s3object.Operation) error {
	for i := range op.Checks {
		c := &op.Checks[i]
		if err := x.ask(x.r.Context(), x.caller, &question{c.Action, c.Resource, c.Fill, x.keys}); err != nil {
			return err
		}
	}
	body := &pacedBody{ReadCloser: x.r.Body, c: http.NewResponseController(x.w)}
	return x.forward(x.r.Context(), body, x.r.ContentLength, nil)
}

// forward sends the request on and relays the answer. With an edit the answer
// is read, at most maxAnswer of it, and written as the edit has it.
func (x *s3Call) forward(ctx context.Context, body *pacedBody, length int64, edit func([]byte) ([]byte, error)) error {
	hash, trailing := emptyHash, x.r.Header.Get("X-Amz-Trailer")
	if length > 0 {
		hash = unsigned
	}
	var sent io.ReadCloser = body
	if trailing != "" && edit == nil {
		var err error
		if sent, length, err = newTrailed(body, length, trailing, x.r); err != nil {
			return err
		}
		hash = unsignedTrailer
	}
	out, err := x.outbound(ctx, x.r, x.rawPath, upstreamQuery(x.request.Query), sent, length)
	if err != nil {
		return err
	}
	if hash == unsignedTrailer {
		out.Header.Set("X-Amz-Trailer", trailing)
		out.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(x.r.ContentLength, 10))
		out.Header.Set("Content-Encoding", strings.TrimSuffix("aws-chunked,"+x.r.Header.Get("Content-Encoding"), ","))
	}
	if edit != nil {
		out.Header.Set("Content-Md5", x.r.Header.Get("Content-Md5"))
	}
	answer, err := x.send(out, hash)
	if refused := body.failed.Load(); refused != nil {
		if err == nil {
			_ = answer.Body.Close()
		}
		return refused
	}
	if err != nil {
		return &s3Error{http.StatusServiceUnavailable, "ServiceUnavailable", "The storage behind this server does not answer. Please try again.", err}
	}
	defer func() { _ = answer.Body.Close() }()
	if edit != nil && answer.StatusCode == http.StatusOK {
		return x.edited(answer, edit)
	}
	if err := relay(x.w, answer); err != nil {
		x.options.Log.LogAttrs(ctx, slog.LevelDebug, "an answer was not read to its end", slog.Any("error", err))
	}
	return nil
}

// upstreamQuery spells the parameters that pass through, sorted: all but those
// of a presigned request.
func upstreamQuery(q url.Values) string {
	var b strings.Builder
	names := make([]string, 0, len(q))
	for name := range q {
		if !strings.HasPrefix(name, "X-Amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
		b.WriteString(escape(name) + "=" + escape(q.Get(name)))
	}
	return b.String()
}

const (
	maxDelete = 2 << 20
	maxAnswer = 8 << 20
)

// deleteObjects forwards the deletions that are allowed and answers for the
// others. Source: iam-semantics §7.1.
func (x *s3Call) deleteObjects() error {
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxDelete+1))
	if err != nil {
		return err
	}
	all, quiet, err := s3object.ParseDelete(x.request.Bucket, body)
	if err != nil {
		return err
	}
	var refused []deleteError
	allowed := all[:0:0]
	for i := range all {
		d := &all[i]
		err := x.ask(x.r.Context(), x.caller, &question{d.Check.Action, d.Check.Resource, d.Check.Fill, x.keys})
		var no *denied
		switch {
		case errors.As(err, &no):
			refused = append(refused, deleteError{Key: d.Key, VersionID: d.VersionID, Code: "AccessDenied", Message: x.deniedText(no)})
		case err != nil:
			return err
		default:
			allowed = append(allowed, *d)
		}
	}
	if len(allowed) == 0 {
		return x.write(http.StatusOK, &deleteResult{Errors: refused})
	}
	text, err := deleteBody(allowed, quiet)
	if err != nil {
		return err
	}
	sum := md5.Sum(text)
	x.r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	for name := range x.r.Header {
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			x.r.Header.Del(name) // of the body as it was sent
		}
	}
	buffered := &pacedBody{ReadCloser: io.NopCloser(bytes.NewReader(text)), c: http.NewResponseController(x.w)}
	return x.forward(x.r.Context(), buffered, int64(len(text)), func(answer []byte) ([]byte, error) { return mergeDeleted(answer, refused) })
}

// edited writes an answer that was read whole.
func (x *s3Call) edited(answer *http.Response, edit func([]byte) ([]byte, error)) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = errors.New("the answer is too large")
	}
	if err == nil {
		text, err = edit(text)
	}
	if err != nil {
		return &s3Error{http.StatusBadGateway, "InternalError", "The storage behind this server gave an answer that cannot be read.", err}
	}
	pass(x.w.Header(), answer.Header, "Content-Length", "Date", "Server")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	x.w.WriteHeader(answer.StatusCode)
	_, err = x.w.Write(text)
	if err != nil {
		x.options.Log.Debug("an answer was not read to its end", "error", err)
	}
	return nil
}

// write answers with XML of our own.
func (x *s3Call) write(status int, v any) error {
	text, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/xml")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(append([]byte(xml.Header), text...)) // a client that has left is told nothing
	return nil
}

// deniedText is what S3 says of a denial: nothing, unless it is to explain.
func (s *S3) deniedText(d *denied) string {
	if s.options.Explain {
		return d.text
	}
	return "Access Denied"
}

// fail answers with an error, as long as nothing else was answered.
func (s *S3) fail(w http.ResponseWriter, r *http.Request, err error) {
	var no *denied
	var refused *sigv4.Error
	f := new(s3Error)
	switch {
	case errors.As(err, &no):
		f = &s3Error{http.StatusForbidden, "AccessDenied", s.deniedText(no), nil}
	case errors.As(err, &refused):
		httpauth.WriteS3(w, r, refused)
		return
	case errors.As(err, &f):
	case errors.Is(err, errOverdue):
		f = &s3Error{http.StatusServiceUnavailable, "ServiceUnavailable", "The policies of this server are out of date. Please try again later.", err}
	case errors.Is(err, errUnrecorded):
		f = &s3Error{http.StatusServiceUnavailable, "ServiceUnavailable", "The request could not be recorded. Please try again later.", err}
	case errors.Is(err, s3object.ErrUnsupported):
		f = &s3Error{http.StatusNotImplemented, "NotImplemented", err.Error(), nil}
	case errors.Is(err, s3object.ErrRequest):
		f = &s3Error{http.StatusBadRequest, "InvalidRequest", err.Error(), nil}
	default:
		f = &s3Error{errInternal.status, errInternal.code, errInternal.message, err}
	}
	if f.cause != nil {
		s.options.Log.LogAttrs(r.Context(), slog.LevelError, "a request to S3 failed", slog.String("code", f.code), slog.Any("error", f.cause))
	}
	writeS3Error(w, r, f)
}
