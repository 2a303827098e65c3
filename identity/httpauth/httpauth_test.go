package httpauth_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
	"github.com/rowan-authz/rowan/policy"
)

const (
	accountID = "111122223333"
	playerARN = "arn:aws:iam::111122223333:role/game/Player"
	aliceID   = "us-east-1:aaaaaaaa-95d3-4a47-9c67-0c2f1de6b7aa"
	poolID    = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	scores    = "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores"
	secret    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	sessionID = "ASIAABCDEFGHIJKLMNOP"
	adminID   = "AKIAABCDEFGHIJKLMNOP"

	ownRows = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*",
		"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}}]}`
	allRows = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}`
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func compiled(t testing.TB, text string) *engine.Set {
	t.Helper()
	doc, err := policy.Parse("test", []byte(text))
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, doc)
	require.NoError(t, err)
	return set
}

// service is a protected handler that answers whether its caller may read a
// row, and everything behind it.
type service struct {
	now         time.Time
	ring        *identity.Keyring
	store       identity.Store
	sessions    *identity.Sessions
	account     *identity.Account
	credentials *httpauth.Credentials
	protect     func(http.Handler) http.Handler
	log         bytes.Buffer
	seen        *http.Request
}

func newService(t testing.TB, refuse func(http.ResponseWriter, *http.Request, *sigv4.Error)) *service {
	t.Helper()
	s := &service{now: noon, store: identity.NewMemory()}
	var err error
	s.ring, err = identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret(bytes.Repeat([]byte{7}, 32))}}, rand.Reader)
	require.NoError(t, err)
	s.account = &identity.Account{
		ID: accountID, Partition: "aws", Region: "us-east-1", Vocabulary: conditions.AWS(),
		Roles: map[string]*identity.Role{playerARN: {
			ARN: playerARN, UniqueID: "AROAPLAYERPLAYER2345", Identity: compiled(t, ownRows), MaxSession: time.Hour,
		}},
		Administrators: map[string]*identity.Administrator{adminID: {
			ARN: "arn:aws:iam::111122223333:user/ops", UniqueID: "AIDAOPSOPSOPSOPS2345", AccessKeyID: adminID, Identity: compiled(t, allRows),
		}},
	}
	clock := func() time.Time { return s.now }
	s.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: s.account, Keys: s.ring, Store: s.store, Now: clock})
	require.NoError(t, err)
	require.NoError(t, s.sessions.Refresh(context.Background()))
	s.credentials, err = httpauth.NewCredentials(httpauth.CredentialsOptions{
		Sessions: s.sessions, Account: s.account, Secrets: map[string]identity.Secret{adminID: identity.NewSecret([]byte(secret))},
	})
	require.NoError(t, err)
	verifier, err := sigv4.New(sigv4.Options{Region: "us-east-1", Services: []string{"dynamodb"}, Now: clock, Lookup: s.credentials.Lookup})
	require.NoError(t, err)
	s.protect, err = httpauth.New(httpauth.Options{
		Verifier: verifier, Credentials: s.credentials, Refuse: refuse,
		Log: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	return s
}

// ServeHTTP decides about the row that the body names.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.seen = r
	caller, ok := engine.CallerFrom(r.Context())
	row, err := io.ReadAll(r.Body)
	if !ok || err != nil {
		http.Error(w, "no caller", http.StatusInternalServerError)
		return
	}
	request := caller.NewRequest("dynamodb:GetItem", scores)
	if err := request.Context.Set("dynamodb:LeadingKeys", string(row)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := fmt.Sprint(caller.Evaluator.Decide(request).Allowed())
	if _, err := io.WriteString(w, answer); err != nil {
		panic(err)
	}
}

func (s *service) session() *identity.Session {
	return &identity.Session{
		AccessKeyID: sessionID, Secret: identity.NewSecret([]byte(secret)),
		Account: accountID, Partition: "aws", RoleARN: playerARN, RoleID: "AROAPLAYERPLAYER2345",
		SessionName: "CognitoIdentityCredentials", IdentityID: aliceID, PoolID: poolID,
		Authenticated: true, AMR: []string{"authenticated", "accounts.google.com"},
		Provider: "cognito-identity.amazonaws.com", Subject: "alice",
		IssuedAt: noon, Expires: noon.Add(time.Hour), ID: "6f1d",
	}
}

func (s *service) token(t testing.TB) string {
	t.Helper()
	token, err := s.ring.SealSession(s.now, s.session())
	require.NoError(t, err)
	return token
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

// call is a signed call that asks for a row.
func call(at time.Time, accessKeyID, token, row string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(row))
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	if token != "" {
		r.Header.Set("X-Amz-Security-Token", token)
	}
	return sign(r, at, accessKeyID, row)
}

func sign(r *http.Request, at time.Time, accessKeyID, body string) *http.Request {
	date := at.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", date)
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	sort.Strings(names)
	var headers strings.Builder
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + value + "\n")
	}
	list := strings.Join(names, ";")
	canonical := strings.Join([]string{r.Method, "/", "", headers.String(), list, sum(body)}, "\n")
	scope := date[:8] + "/us-east-1/dynamodb/aws4_request"
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+sum(canonical)))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKeyID+"/"+scope+", SignedHeaders="+list+", Signature="+signature)
	return r
}

func (s *service) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.protect(s).ServeHTTP(w, r)
	return w
}

func requireAnswer(t testing.TB, want string, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, want, w.Body.String())
}

func (s *service) requireRefused(t testing.TB, errorType string, r *http.Request) {
	t.Helper()
	s.seen = nil
	w := s.serve(r)
	require.Equal(t, errorType+":", w.Header().Get("X-Amzn-Errortype"))
	require.GreaterOrEqual(t, w.Code, 400)
	require.Nil(t, s.seen, "the handler must not be reached")
}

func TestCallerOfASession(t *testing.T) {
	s := newService(t, nil)
	requireAnswer(t, "true", s.serve(call(noon, sessionID, s.token(t), aliceID)))
	requireAnswer(t, "false", s.serve(call(noon, sessionID, s.token(t), "us-east-1:b")))
}

func TestCallerOfAnAdministrator(t *testing.T) {
	s := newService(t, nil)
	requireAnswer(t, "true", s.serve(call(noon, adminID, "", "us-east-1:b")))
	s.requireRefused(t, "UnrecognizedClientException", call(noon, adminID, s.token(t), "us-east-1:b"))
	s.requireRefused(t, "UnrecognizedClientException", call(noon, "AKIAOTHER", "", "us-east-1:b"))
	s.requireRefused(t, "UnrecognizedClientException", call(noon, sessionID, "", aliceID))
}

func TestRefusals(t *testing.T) {
	s := newService(t, nil)
	unsigned := call(noon, sessionID, s.token(t), aliceID)
	unsigned.Header.Del("Authorization")
	s.requireRefused(t, "MissingAuthenticationTokenException", unsigned)
	altered := call(noon, sessionID, s.token(t), aliceID)
	altered.Body = io.NopCloser(strings.NewReader(strings.Replace(aliceID, "a", "b", 1)))
	s.requireRefused(t, "InvalidSignatureException", altered)
	s.requireRefused(t, "UnrecognizedClientException", call(noon, sessionID, "x"+s.token(t), aliceID))
	s.requireRefused(t, "UnrecognizedClientException", call(noon, "ASIAABCDEFGHIJKLMNOQ", s.token(t), aliceID))
}

func TestSessionsEnd(t *testing.T) {
	s := newService(t, nil)
	token := s.token(t)
	s.now = noon.Add(time.Hour - time.Second)
	require.NoError(t, s.sessions.Refresh(context.Background()))
	requireAnswer(t, "true", s.serve(call(s.now, sessionID, token, aliceID)))
	s.now = noon.Add(time.Hour)
	s.requireRefused(t, "ExpiredTokenException", call(s.now, sessionID, token, aliceID))
}

func TestThreatRevokedSession(t *testing.T) {
	s := newService(t, nil)
	token := s.token(t)
	requireAnswer(t, "true", s.serve(call(s.now, sessionID, token, aliceID)))
	s.now = noon.Add(5 * time.Second)
	require.NoError(t, s.sessions.Revoke(context.Background(), identity.Revocation{Identity: aliceID, Before: s.now}))
	s.requireRefused(t, "UnrecognizedClientException", call(s.now, sessionID, token, aliceID))
}

// TestThreatStaleRevocations: nobody knows, so nobody gets in, and the operator
// sees why.
func TestThreatStaleRevocations(t *testing.T) {
	s := newService(t, nil)
	token := s.token(t)
	s.now = noon.Add(10 * time.Minute)
	s.requireRefused(t, "InternalErrorException", call(s.now, sessionID, token, aliceID))
	require.Contains(t, s.log.String(), "level=ERROR")
	require.Contains(t, s.log.String(), "stale")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.now = noon
	s.requireRefused(t, "InternalErrorException", call(noon, sessionID, token, aliceID).WithContext(ctx))
}

// TestThreatSecretsInLog looks through the log of refusals.
func TestThreatSecretsInLog(t *testing.T) {
	s := newService(t, nil)
	token := s.token(t)
	wrong := call(noon, sessionID, token, aliceID)
	wrong.Header.Set("X-Amz-Target", "DynamoDB_20120810.DeleteItem")
	s.requireRefused(t, "InvalidSignatureException", wrong)
	s.requireRefused(t, "UnrecognizedClientException", call(noon, sessionID, token+"x", aliceID))
	require.NotEmpty(t, s.log.String())
	for _, hidden := range []string{"Signature=", token, secret} {
		require.NotContains(t, s.log.String(), hidden)
	}
}

// TestThreatIdentityHeaderSmuggling sends each header that a gateway would set:
// the handler sees none, signed or not.
func TestThreatIdentityHeaderSmuggling(t *testing.T) {
	s := newService(t, nil)
	smuggled := []string{
		"X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Accesstoken", "X-Auth-User", "X_Auth_User", "X-Auth_user", "x_auth_request_email",
		"X-Forwarded-User", "X_forwarded_User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token",
		"X-Remote-User", "Remote-User", "REMOTE_USER", "x-amzn-oidc-anything",
	}
	r := call(noon, sessionID, s.token(t), aliceID)
	for _, name := range smuggled {
		r.Header[name] = []string{"admin"}
	}
	r.Header.Set("Connection", "keep-alive, x-auth-user, X_Forwarded_User")
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	r.Header.Set("X-Authentic", "1")
	r.Trailer = http.Header{"X-Auth-User": {"admin"}, "X-Checksum": {"1"}}
	requireAnswer(t, "true", s.serve(r))
	for name := range s.seen.Header {
		require.NotContains(t, smuggled, name)
	}
	require.Equal(t, []string{"keep-alive"}, s.seen.Header["Connection"])
	require.Equal(t, "192.0.2.7", s.seen.Header.Get("X-Forwarded-For"))
	require.Equal(t, "1", s.seen.Header.Get("X-Authentic"))
	require.Equal(t, http.Header{"X-Checksum": {"1"}}, s.seen.Trailer)

	signed := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(aliceID))
	signed.Header.Set("X-Amz-Security-Token", s.token(t))
	signed.Header.Set("X-Auth-User", "admin")
	signed.Header.Set("Connection", "x-auth-user")
	requireAnswer(t, "true", s.serve(sign(signed, noon, sessionID, aliceID)))
	require.NotContains(t, s.seen.Header, "X-Auth-User")
	require.NotContains(t, s.seen.Header, "Connection")
}

// TestHandlerBehindNobody: a context has a caller only from here.
func TestHandlerBehindNobody(t *testing.T) {
	s := newService(t, nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, call(noon, sessionID, s.token(t), aliceID))
	require.Equal(t, http.StatusInternalServerError, w.Code)
}

func TestNewRefuses(t *testing.T) {
	s := newService(t, nil)
	_, err := httpauth.New(httpauth.Options{Credentials: s.credentials})
	require.Error(t, err)
	verifier, err := sigv4.New(sigv4.Options{Region: "us-east-1", Services: []string{"dynamodb"}, Now: time.Now, Lookup: s.credentials.Lookup})
	require.NoError(t, err)
	_, err = httpauth.New(httpauth.Options{Verifier: verifier})
	require.Error(t, err)

	key := func(id, text string) map[string]identity.Secret {
		return map[string]identity.Secret{id: identity.NewSecret([]byte(text))}
	}
	_, err = httpauth.NewCredentials(httpauth.CredentialsOptions{Account: s.account, Secrets: key(adminID, secret)})
	require.NoError(t, err)
	_, err = httpauth.NewCredentials(httpauth.CredentialsOptions{Account: s.account, Secrets: key("AKIAOTHER", secret)})
	require.ErrorContains(t, err, "AKIAOTHER")
	_, err = httpauth.NewCredentials(httpauth.CredentialsOptions{Secrets: key(adminID, secret)})
	require.Error(t, err)
	_, err = httpauth.NewCredentials(httpauth.CredentialsOptions{Account: s.account, Secrets: key(adminID, "")})
	require.Error(t, err)
	s.account.Administrators[adminID].Identity = nil
	_, err = httpauth.NewCredentials(httpauth.CredentialsOptions{Account: s.account, Secrets: key(adminID, secret)})
	require.Error(t, err)
}

// TestForeignValueIsRefused: what another Lookup found is nobody here.
func TestForeignValueIsRefused(t *testing.T) {
	s := newService(t, nil)
	for _, value := range []any{nil, "alice", s.session(), (*identity.Session)(nil), (*identity.Administrator)(nil), &identity.Administrator{AccessKeyID: adminID}} {
		_, err := s.credentials.Caller(&sigv4.Verified{AccessKeyID: adminID, Value: value})
		require.Error(t, err, "%v", value)
	}
	none, err := httpauth.NewCredentials(httpauth.CredentialsOptions{})
	require.NoError(t, err)
	_, err = none.Lookup(context.Background(), sessionID, s.token(t))
	require.ErrorIs(t, err, sigv4.ErrBadToken)
	_, err = none.Lookup(context.Background(), adminID, "")
	require.ErrorIs(t, err, sigv4.ErrUnknownKey)
	_, err = none.Caller(&sigv4.Verified{Value: s.session()})
	require.ErrorIs(t, err, sigv4.ErrBadToken)

	verifier, err := sigv4.New(sigv4.Options{
		Region: "us-east-1", Services: []string{"dynamodb"}, Now: func() time.Time { return noon },
		Lookup: func(context.Context, string, string) (sigv4.Credential, error) {
			return sigv4.Credential{Secret: []byte(secret), Value: "alice"}, nil
		},
	})
	require.NoError(t, err)
	s.protect, err = httpauth.New(httpauth.Options{Verifier: verifier, Credentials: s.credentials})
	require.NoError(t, err)
	s.requireRefused(t, "UnrecognizedClientException", call(noon, sessionID, "x", aliceID))
}

func TestRefusalsOnTheWire(t *testing.T) {
	refusal := sigv4.Refusal(fmt.Errorf("session 6f1d: %w", sigv4.ErrExpired))
	outage := sigv4.Refusal(errors.New("disk <on> fire"))
	for _, c := range []struct {
		name              string
		write             func(http.ResponseWriter, *http.Request, *sigv4.Error)
		e                 *sigv4.Error
		status            int
		contentType, body string
	}{
		{"JSON", httpauth.WriteJSON, refusal, 400, "application/x-amz-json-1.0", `{"__type":"ExpiredTokenException","message":"The security token included in the request is expired."}`},
		{"JSON outage", httpauth.WriteJSON, outage, 500, "application/x-amz-json-1.0", `{"__type":"InternalErrorException","message":"The request could not be authenticated. Try again."}`},
		{"query", httpauth.WriteQuery, refusal, 403, "text/xml", `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired.</Message></Error><RequestId>R&lt;1&gt;</RequestId></ErrorResponse>`},
		{"query outage", httpauth.WriteQuery, outage, 500, "text/xml", `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>The request could not be authenticated. Try again.</Message></Error><RequestId>R&lt;1&gt;</RequestId></ErrorResponse>`},
		{"S3", httpauth.WriteS3, refusal, 400, "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired.</Message><Resource>/b/&lt;k&gt;</Resource><RequestId>R&lt;1&gt;</RequestId></Error>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{http.MethodPost, http.MethodHead} {
				w := httptest.NewRecorder()
				w.Header().Set("X-Amzn-RequestId", "R<1>")
				r := httptest.NewRequest(method, "/b/%3Ck%3E", nil)
				r.Header.Set("Content-Type", "application/x-amz-json-1.0")
				c.write(w, r, c.e)
				require.Equal(t, c.status, w.Code)
				require.Equal(t, c.contentType, w.Header().Get("Content-Type"))
				require.Equal(t, fmt.Sprint(len(c.body)), w.Header().Get("Content-Length"))
				if method == http.MethodHead {
					require.Empty(t, w.Body.String())
				} else {
					require.Equal(t, c.body, w.Body.String())
				}
			}
		})
	}
	w := httptest.NewRecorder()
	httpauth.WriteJSON(w, httptest.NewRequest(http.MethodPost, "/", nil), &sigv4.Error{Kind: sigv4.Malformed, Message: "a\r\nSet-Cookie: ü"})
	require.Equal(t, "application/x-amz-json-1.1", w.Header().Get("Content-Type"))
	require.Equal(t, "aSet-Cookie: ", w.Header().Get("X-Amzn-Errormessage"))
	require.Equal(t, "IncompleteSignatureException:", w.Header().Get("X-Amzn-Errortype"))
}

func TestRefusalWriterIsChosen(t *testing.T) {
	s := newService(t, httpauth.WriteQuery)
	w := s.serve(httptest.NewRequest(http.MethodPost, "/", nil))
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Body.String(), "<Code>MissingAuthenticationToken</Code>")
}
