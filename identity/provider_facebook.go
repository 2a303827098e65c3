package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/internal/strictjson"
)

// facebookLogins is the key of Facebook's logins.
const facebookLogins = "graph.facebook.com"

// FacebookOptions say who checks Facebook's access tokens.
type FacebookOptions struct {
	// Endpoint is the https address that inspects tokens, at Facebook
	// https://graph.facebook.com/debug_token; a version may stand before the
	// last part. It may be http on this machine, where Client takes that. There
	// is no default, since nothing is called that is not configured.
	Endpoint string
	// AppID and AppSecret are those of the application that tokens are for.
	AppID     string
	AppSecret Secret
	// Client calls the endpoint; nil means oidc.GuardedClient without
	// exceptions. Redirects are never followed.
	Client *http.Client
	Now    func() time.Time
}

type facebookVerifier struct {
	o FacebookOptions
}

// NewFacebookVerifier returns the verifier of Facebook's user access tokens.
// Tokens of Limited Login, which are signed, are not taken. Source:
// identity-protocol §1.5; Facebook Login guide, "Inspecting access tokens".
func NewFacebookVerifier(o FacebookOptions) (Verifier, error) {
	if err := oidc.CheckAddress(o.Endpoint, true); err != nil {
		return nil, fmt.Errorf("provider %s: endpoint: %w", facebookLogins, err)
	}
	if o.AppID == "" || o.AppSecret.Empty() || o.Now == nil {
		return nil, fmt.Errorf("provider %s: no app id, no app secret or no clock", facebookLogins)
	}
	client := oidc.GuardedClient(oidc.GuardOptions{})
	if o.Client != nil {
		own := *o.Client
		client = &own
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = client
	return &facebookVerifier{o}, nil
}

// Verify asks the endpoint whose token it is, for which application, and
// whether it still holds.
func (v *facebookVerifier) Verify(ctx context.Context, token string, clients []string) (*Login, error) {
	if !slices.Contains(clients, v.o.AppID) {
		return nil, RefuseToken(oidc.ErrAudience)
	}
	if !opaque(token) {
		return nil, RefuseToken(oidc.ErrMalformed)
	}
	src, err := v.ask(ctx, token)
	if err != nil {
		return nil, unreachable(err)
	}
	object, err := strictjson.Object(src, strictjson.Limits{})
	if err != nil {
		return nil, unreachable(err)
	}
	data, ok := object["data"].(map[string]any)
	if !ok {
		return nil, unreachable(errors.New("answer has no data"))
	}
	return v.login(data)
}

// opaque reports whether a token can be an access token: bounded, of the
// characters that they are made of. A signed token, with its dots, cannot.
func opaque(token string) bool {
	return token != "" && len(token) <= 4096 && !strings.ContainsFunc(token, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
}

// maxFacebookAnswer bounds what the endpoint may say, in bytes.
const maxFacebookAnswer = 64 << 10

// ask sends both tokens in the body and a header, since addresses are logged on
// the way. The form's method says that the request reads.
func (v *facebookVerifier) ask(ctx context.Context, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	form := url.Values{"input_token": {token}, "method": {"GET"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, v.o.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+v.o.AppID+"|"+string(v.o.AppSecret.Reveal()))
	answer, err := v.o.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if answer.StatusCode != http.StatusOK || err != nil || media != "application/json" {
		return nil, fmt.Errorf("status %d, content type %q", answer.StatusCode, media)
	}
	src, err := io.ReadAll(io.LimitReader(answer.Body, maxFacebookAnswer+1))
	if err == nil && len(src) > maxFacebookAnswer {
		err = fmt.Errorf("answer is longer than %d bytes", maxFacebookAnswer)
	}
	return src, err
}

// login reads what the endpoint says of a token.
func (v *facebookVerifier) login(data oidc.Claims) (*Login, error) {
	if valid, _ := data.Bool("is_valid"); !valid || data["type"] != "USER" {
		return nil, RefuseToken(oidc.ErrSignature)
	}
	if data["app_id"] != v.o.AppID {
		return nil, RefuseToken(oidc.ErrAudience)
	}
	subject, ok := data.String("user_id")
	if !ok || len(subject) > oidc.MaxSubject || !opaque(subject) {
		return nil, unreachable(errors.New("answer has no user id"))
	}
	expires, err := v.expires(data)
	if err != nil {
		return nil, RefuseToken(err)
	}
	return &Login{
		Provider: facebookLogins,
		Subject:  subject,
		Audience: v.o.AppID,
		Claims:   data,
		Keys: []ContextKey{
			{facebookLogins + ":app_id", []string{v.o.AppID}},
			{facebookLogins + ":id", []string{subject}},
		},
		Expires: expires,
	}, nil
}

// expires returns when a token ends. The endpoint says 0 for never, and so does
// the zero time.
func (v *facebookVerifier) expires(data oidc.Claims) (time.Time, error) {
	if data["expires_at"] == json.Number("0") {
		return time.Time{}, nil
	}
	at, ok := data.Time("expires_at")
	if !ok {
		return time.Time{}, &oidc.MissingClaimError{Claim: "expires_at"}
	}
	if now := v.o.Now(); !now.Before(at) {
		return time.Time{}, &oidc.ExpiredError{Now: now, Exp: at}
	}
	return at, nil
}
