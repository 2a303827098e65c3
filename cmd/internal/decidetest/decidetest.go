// Package decidetest puts the demo's bundle into service in this process, with
// users who have signed in, for tests and benchmarks of whoever asks package
// decide.
package decidetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// The names of the demo's bundle.
const (
	Account = "111122223333"
	Table   = "arn:aws:dynamodb:us-east-1:" + Account + ":table/GameScores"
	Pool    = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	// Provider is the user pool, as Logins name it.
	Provider = "cognito-idp.us-east-1.amazonaws.com/us-east-1_Players01"
	client   = "1example23456789"
	password = "Correct-horse-7-battery"
)

// Options say what is put into service.
type Options struct {
	// Files are added to the demo's bundle, or replace files of it.
	Files fstest.MapFS
	// Decide is how the decider answers; its clock, randomness and log are the
	// fixture's where it has none.
	Decide decide.Options
	// Now is the clock; nil means the system's.
	Now func() time.Time
}

// Fixture is a bundle in service.
type Fixture struct {
	Decider *decide.Decider
	Live    *server.Live

	t     testing.TB
	now   func() time.Time
	codes map[string]string
}

// User is somebody who has signed in.
type User struct {
	Name, IDToken, IdentityID string
	Credentials               identity.Credentials
}

// Session is the user's session as a subject.
func (u *User) Session() *rowanv1.Subject {
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{
		AccessKeyId: u.Credentials.AccessKeyID, Token: u.Credentials.Token,
	}}}
}

// Login is the user's ID token as a subject.
func (u *User) Login() *rowanv1.Subject {
	return &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Provider: Provider, Token: u.IDToken}}}
}

// Asserted is a player as a service that vouches for them names them.
func Asserted(identityID string) *rowanv1.Subject {
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: &rowanv1.Principal{
		Principal: "Player", IdentityId: identityID,
	}}}
}

// Load loads the demo's bundle with other files.
func Load(t testing.TB, files fstest.MapFS) *bundle.Bundle {
	t.Helper()
	all := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(demo.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(demo.FS, p)
		all[p] = &fstest.MapFile{Data: text}
		return err
	}))
	for p, f := range files {
		all[p] = f
	}
	b, err := bundle.LoadWithRego(all, "demo", conditions.AWS())
	require.NoError(t, err)
	return b
}

// New puts the demo's bundle into service. Package decide has it in force.
func New(t testing.TB, o Options) *Fixture {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Fixture{t: t, codes: map[string]string{}, now: o.Now}
	file, err := identity.GenerateKeys(rand.Reader, o.Now())
	require.NoError(t, err)
	sessions, storage, err := identity.ParseKeys(file)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	options := server.Options{
		Bundle: Load(t, o.Files), Store: identity.NewMemory(), URL: "https://auth.example.com", Sender: f,
		Rate:       server.Rate{PerSecond: 1e6, Burst: 1e6},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Now:        o.Now, Random: rand.Reader, Log: log,
	}
	options.Sessions, err = identity.NewKeyring(sessions, rand.Reader)
	require.NoError(t, err)
	options.Storage, err = identity.NewKeyring(storage, rand.Reader)
	require.NoError(t, err)
	f.Live, err = server.New(t.Context(), options)
	require.NoError(t, err)
	d := o.Decide
	if d.Current == nil {
		d.Current = f.Live.Current
	}
	d.Now, d.Random, d.Log = o.Now, rand.Reader, log
	f.Decider, err = decide.New(d)
	require.NoError(t, err)
	return f
}

// Current is the deployment in force.
func (f *Fixture) Current() *server.Deployment { return f.Live.Current() }

// Use puts another bundle into force.
func (f *Fixture) Use(b *bundle.Bundle) {
	f.t.Helper()
	require.NoError(f.t, f.Live.Reload(f.t.Context(), server.Candidate{Bundle: b}))
}

// Refresh reads revocations, as a server does all the time.
func (f *Fixture) Refresh() { require.NoError(f.t, f.Current().Sessions.Refresh(f.t.Context())) }

// Send keeps the codes that users get by mail.
func (f *Fixture) Send(_ context.Context, m userpool.Message) error {
	f.codes[m.Username] = string(m.Code)
	return nil
}

// call calls an operation of Cognito and reads its answer.
func (f *Fixture) call(operation string, in, out any) {
	f.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(f.t, err)
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", operation)
	w := httptest.NewRecorder()
	f.Live.ServeHTTP(w, r)
	require.Equal(f.t, http.StatusOK, w.Code, "%s: %s", operation, w.Body)
	if out != nil {
		require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), out))
	}
}

// User signs a user up and in, and takes credentials.
func (f *Fixture) User(name string) *User {
	f.t.Helper()
	const users = "AWSCognitoIdentityProviderService."
	attributes := []map[string]string{{"Name": "email", "Value": name + "@example.com"}}
	f.call(users+"SignUp", map[string]any{"ClientId": client, "Username": name, "Password": password, "UserAttributes": attributes}, nil)
	f.call(users+"ConfirmSignUp", map[string]any{"ClientId": client, "Username": name, "ConfirmationCode": f.codes[name]}, nil)
	var in struct {
		AuthenticationResult struct {
			IDToken string `json:"IdToken"`
		}
	}
	f.call(users+"InitiateAuth", map[string]any{
		"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": map[string]string{"USERNAME": name, "PASSWORD": password},
	}, &in)
	u := &User{Name: name, IDToken: in.AuthenticationResult.IDToken}
	f.credentials(u, map[string]string{Provider: u.IDToken})
	return u
}

// Guest takes credentials without a login.
func (f *Fixture) Guest() *User {
	f.t.Helper()
	u := &User{Name: "guest"}
	f.credentials(u, nil)
	return u
}

func (f *Fixture) credentials(u *User, logins map[string]string) {
	f.t.Helper()
	id, err := f.Current().Pools.GetID(f.t.Context(), &identity.GetIDInput{IdentityPoolID: Pool, Logins: logins})
	require.NoError(f.t, err)
	out, err := f.Current().Pools.GetCredentialsForIdentity(f.t.Context(), &identity.GetCredentialsForIdentityInput{IdentityID: id.IdentityID, Logins: logins})
	require.NoError(f.t, err)
	u.IdentityID, u.Credentials = id.IdentityID, out.Credentials
}
