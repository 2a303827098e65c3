package httpauth

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// Options say how requests are authenticated. Verifier and Credentials are
// required; the Lookup of the one is that of the other.
type Options struct {
	Verifier    *sigv4.Verifier
	Credentials *Credentials
	// Refuse answers a request that is refused; nil means WriteJSON.
	Refuse func(http.ResponseWriter, *http.Request, *sigv4.Error)
	// Log gets refusals, with causes that clients do not see, at level Debug
	// and outages at level Error; nil means nobody.
	Log *slog.Logger
}

// New returns middleware that lets a request through only if it is signed by a
// caller who is known. The handler finds the caller by engine.CallerFrom, a
// body that is verified (for S3: while it is read), and no identity headers.
func New(o Options) (func(http.Handler) http.Handler, error) {
	if o.Verifier == nil || o.Credentials == nil {
		return nil, errors.New("httpauth: Verifier and Credentials are required")
	}
	if o.Refuse == nil {
		o.Refuse = WriteJSON
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := authenticate(&o, r)
			if err != nil {
				logRefusal(o.Log, r, err)
				o.Refuse(w, r, err)
				return
			}
			// Not before: the client may have signed them.
			DeleteIdentityHeaders(r)
			next.ServeHTTP(w, r.WithContext(engine.WithCaller(r.Context(), caller)))
		})
	}, nil
}

func authenticate(o *Options, r *http.Request) (*engine.Caller, *sigv4.Error) {
	verified, err := o.Verifier.Verify(r)
	if err != nil {
		return nil, refusal(err)
	}
	caller, err := o.Credentials.Caller(verified)
	if err != nil || caller == nil {
		return nil, refusal(err)
	}
	return caller, nil
}

// refusal makes a refusal of an error of Verify or Caller. What it does not
// know is an outage.
func refusal(err error) *sigv4.Error {
	var e *sigv4.Error
	if errors.As(err, &e) {
		return e
	}
	return sigv4.Refusal(err)
}

func logRefusal(log *slog.Logger, r *http.Request, err *sigv4.Error) {
	level := slog.LevelDebug
	if err.Kind == sigv4.Unavailable {
		level = slog.LevelError
	}
	log.LogAttrs(r.Context(), level, "request refused", slog.String("reason", err.Message), slog.Any("cause", err.Unwrap()))
}
