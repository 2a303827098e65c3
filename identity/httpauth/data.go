package httpauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// DataHeader is the header in which a proxy says, signed, who calls. It is that
// of AWS's Application Load Balancer.
const DataHeader = "X-Amzn-Oidc-Data"

// DataOptions say whose word counts. All are required: keys are shared by those
// who sign, so that without Signer another could speak for yours. Source:
// identity-protocol §5.3.
type DataOptions struct {
	// Signer is the ARN of who signs: of the load balancer, or for Rowan
	// arn:PARTITION:execute-api:REGION:ACCOUNT:API/STAGE.
	Signer string
	// Issuer is the iss, for Rowan the address of rowan serve --url. Client is
	// the client, for Rowan the API.
	Issuer, Client string
	// Key returns the public key of a kid, which has the form of a UUID.
	Key func(ctx context.Context, kid string) (*ecdsa.PublicKey, error)
	Now func() time.Time
}

// DataVerifier verifies DataHeader. It may be shared.
type DataVerifier struct{ o DataOptions }

// NewDataVerifier makes a DataVerifier.
func NewDataVerifier(o DataOptions) (*DataVerifier, error) {
	if o.Signer == "" || o.Issuer == "" || o.Client == "" || o.Key == nil || o.Now == nil {
		return nil, errors.New("httpauth: Signer, Issuer, Client, Key and Now are required")
	}
	return &DataVerifier{o}, nil
}

// Data is what DataHeader says. Its claims are those of JSON, with numbers as
// json.Number.
type Data struct {
	Claims  map[string]any
	Expires time.Time
}

// Claim returns a claim that is a text, empty if there is none.
func (d *Data) Claim(name string) string {
	s, _ := d.Claims[name].(string)
	return s
}

// ErrData means a DataHeader that proves nothing.
var ErrData = errors.New("httpauth: the identity header is not good")

// maxData is how long the header may be. An ALB fails above 11 KB of claims.
const maxData = 16 << 10

// dataHead is the JOSE header of the token, where ALB puts what others have in
// claims.
type dataHead struct {
	kid     string
	expires time.Time
}

// Verify verifies the value of DataHeader. Its error wraps ErrData, or is that of
// Key.
func (v *DataVerifier) Verify(ctx context.Context, text string) (*Data, error) {
	parts := strings.Split(text, ".")
	if len(text) > maxData || len(parts) != 3 {
		return nil, fmt.Errorf("%w: not three parts of at most %d bytes", ErrData, maxData)
	}
	head, err := v.head(parts[0])
	if err != nil {
		return nil, err
	}
	signature, err := decodeData(parts[2])
	if err != nil {
		return nil, err
	}
	key, err := v.o.Key(ctx, head.kid)
	switch {
	case err != nil:
		return nil, err
	case key == nil || key.Curve != elliptic.P256():
		return nil, fmt.Errorf("%w: the key is not of P-256", ErrData)
	}
	// The text as it was received, padding included. Source: identity-protocol §5.3.
	if err := jwt.SigningMethodES256.Verify(parts[0]+"."+parts[1], signature, key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	claims, err := dataObject(parts[1])
	if err != nil {
		return nil, err
	}
	return &Data{Claims: claims, Expires: head.expires}, nil
}

// head checks the JOSE header.
func (v *DataVerifier) head(part string) (dataHead, error) {
	var out dataHead
	h, err := dataObject(part)
	if err != nil {
		return out, err
	}
	for _, want := range [][2]string{{"alg", "ES256"}, {"signer", v.o.Signer}, {"iss", v.o.Issuer}, {"client", v.o.Client}} {
		if h[want[0]] != want[1] {
			return out, fmt.Errorf("%w: %s is another", ErrData, want[0])
		}
	}
	if _, critical := h["crit"]; critical {
		return out, fmt.Errorf("%w: crit is not understood", ErrData)
	}
	out.kid, _ = h["kid"].(string)
	if !dataKeyID(out.kid) {
		return out, fmt.Errorf("%w: kid is no UUID", ErrData)
	}
	exp, _ := h["exp"].(json.Number)
	seconds, err := exp.Int64()
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return out, fmt.Errorf("%w: exp is no time", ErrData)
	}
	out.expires = time.Unix(seconds, 0)
	if !v.o.Now().Before(out.expires) {
		return out, fmt.Errorf("%w: it has expired", ErrData)
	}
	return out, nil
}

// dataKeyID reports whether a kid may become part of an address.
func dataKeyID(kid string) bool {
	return len(kid) == 36 && strings.Trim(kid, "0123456789abcdef-") == ""
}

func dataObject(part string) (map[string]any, error) {
	raw, err := decodeData(part)
	if err != nil {
		return nil, err
	}
	object, err := strictjson.Object(raw, strictjson.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	return object, nil
}

// decodeData decodes base64url with padding, as ALB has it.
func decodeData(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, fmt.Errorf("%w: a line break", ErrData)
	}
	raw, err := base64.URLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64url with padding", ErrData)
	}
	return raw, nil
}

type dataKey struct{}

// DataFrom returns what Protect verified; ok is false outside of it.
func DataFrom(ctx context.Context) (d *Data, ok bool) {
	d, _ = ctx.Value(dataKey{}).(*Data)
	return d, d != nil
}

// WithData returns ctx with what was verified of who calls, for servers of other
// protocols than HTTP.
func WithData(ctx context.Context, d *Data) context.Context {
	return context.WithValue(ctx, dataKey{}, d)
}

// Current returns an error that wraps ErrData if the time of what was verified is
// over.
func (v *DataVerifier) Current(d *Data) error {
	if d == nil || !v.o.Now().Before(d.Expires) {
		return fmt.Errorf("%w: it has expired", ErrData)
	}
	return nil
}

// Protect lets a request through only if one DataHeader says who calls. The
// handler finds it by DataFrom, and no header of the outside beside it.
func (v *DataVerifier) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := r.Header[DataHeader]
		if len(lines) != 1 {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		d, err := v.Verify(r.Context(), lines[0])
		switch {
		case errors.Is(err, ErrData):
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, "the identity header cannot be verified now", http.StatusServiceUnavailable)
			return
		}
		DeleteIdentityHeaders(r)
		next.ServeHTTP(w, r.WithContext(WithData(r.Context(), d)))
	})
}
