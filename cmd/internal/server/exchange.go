package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// exchange is one request and its answer, which is written once.
type exchange struct {
	*Handler
	w   http.ResponseWriter
	r   *http.Request
	id  string
	now time.Time
	// service and operation are for the log, empty until they are known to be
	// ours: a stranger's text never gets there.
	service, operation string
	// refuse writes an error in the protocol of the request, contentType is what
	// JSON is called in it.
	refuse      func(*exchange, *fault)
	contentType string
	status      int
	code        string
	cause       error
}

// fault is an error as the wire has it.
type fault struct {
	status        int
	code, message string
	// queryStatus and queryCode are those of STS, where they differ.
	queryStatus int
	queryCode   string
	// oauth says that the code is one of OAuth; challenge is the
	// WWW-Authenticate that goes with it, if any.
	oauth     bool
	challenge string
	// cause is for the log; no answer holds it.
	cause error
}

func (f *fault) Error() string { return f.code + ": " + f.message }

func (f *fault) Unwrap() error { return f.cause }

// badRequest makes a fault of the client, which has status 400 whatever it is.
// Source: identity-protocol §0.4.
func badRequest(code, format string, args ...any) *fault {
	return &fault{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

// begin makes the exchange of a request and sets what every answer has.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{Handler: h, w: w, now: h.now(), refuse: refuseJSON, contentType: json11, id: h.requestID()}
	x.r = r.WithContext(identity.WithClient(r.Context(), httpauth.ClientOf(r)))
	w.Header().Set("Date", x.now.UTC().Format(http.TimeFormat)) // clients set their clock by it
	w.Header().Set("X-Amzn-Requestid", x.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return x
}

// end answers for a handler that panicked, and logs the exchange. It must be
// deferred itself, or recover would see nothing.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.options.Metrics.Panicked("identity")
		x.log.LogAttrs(x.r.Context(), slog.LevelError, "panic", slog.String("requestId", x.id),
			slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
		if x.status == 0 {
			x.refuse(x, internal(errPanic))
		}
	}
	if x.code == string(identity.TooManyRequests) {
		x.options.Metrics.Shed("identity")
	}
	level := slog.LevelInfo
	if x.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("requestId", x.id), slog.String("service", x.service), slog.String("operation", x.operation),
		slog.Int("status", x.status), slog.Duration("took", x.Handler.now().Sub(x.now)),
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", x.code))
	}
	if address := identity.ClientFrom(x.r.Context()).Address; address.IsValid() {
		attrs = append(attrs, slog.String("client", address.String()))
	}
	if x.cause != nil && level == slog.LevelError {
		attrs = append(attrs, slog.String("error", x.cause.Error()))
	}
	x.log.LogAttrs(x.r.Context(), level, "request", attrs...)
}

var errPanic = errors.New("a handler panicked")

// reply writes the answer: the body is whole, so that nothing can go wrong in
// the middle of it.
func (x *exchange) reply(status int, contentType string, body []byte) {
	if x.status != 0 {
		return
	}
	x.status = status
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body) // a client that has left is told nothing
	}
}

// fail answers with an error.
func (x *exchange) fail(err error) {
	f := faultOf(err)
	x.code, x.cause = f.code, f.cause
	x.refuse(x, f)
}

// body reads the request's body, at most limit bytes of it.
func (x *exchange) body(limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, tooLargeFault(limit)
	case err != nil:
		return nil, badRequest("SerializationException", "The body of the request could not be read.")
	}
	return b, nil
}

func tooLargeFault(limit int64) *fault {
	f := badRequest("RequestEntityTooLargeException", "The request is larger than %d bytes.", limit)
	f.status = http.StatusRequestEntityTooLarge
	return f
}

func internal(cause error) *fault {
	return &fault{
		status: http.StatusInternalServerError, code: string(identity.InternalError),
		message: "Something went wrong on our side. Please try again.", cause: cause,
	}
}

// requestID returns a UUID of version 4.
func (h *Handler) requestID() string {
	var b [16]byte
	if _, err := io.ReadFull(h.random, b[:]); err != nil {
		return "00000000-0000-4000-8000-000000000000"
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// faultOf is the fault of any error. What is not meant for clients becomes an
// internal error without a word of its own.
func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	if f := signatureFault(err); f != nil {
		return f
	}
	if e, ok := errors.AsType[*userpool.OAuthError](err); ok {
		return oauthFault(e)
	}
	var e *identity.Error
	switch {
	case errors.As(err, &e) && e.Code != identity.InternalError:
		return &fault{status: http.StatusBadRequest, code: string(e.Code), message: e.Message, cause: e.Unwrap()}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f := internal(err)
		f.status = http.StatusServiceUnavailable
		return f
	}
	return internal(err)
}
