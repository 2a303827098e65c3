package userpool

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	app "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// Pools of the tests, and clients of theirs.
const (
	plainPool  = "us-east-1_Plain0001" // user names; TOTP if the user likes
	emailPool  = "us-east-1_Email0001" // sign-in by address
	aliasPool  = "us-east-1_Alias0001" // user names with aliases
	strictPool = "us-east-1_Strict001" // a second factor for all

	web      = "1webclient" // hides who exists
	legacy   = "2legacyclient"
	private  = "3privateclient" // has a secret
	rotating = "4rotatingclient"
	narrow   = "5narrowclient" // reads and writes few attributes
	mute     = "6muteclient"   // no flows, no revocation
	mailer   = "7mailclient"
	alias    = "8aliasclient"
	strict   = "9strictclient"

	callback      = "https://app.example/back"
	callbackQuery = "http://localhost:3000/?tab=1"
	apiScope      = "https://api.example/read"

	clientSecret = "clientsecret0123456789abcdef"
	password     = "Correct-Horse-9"
	otherSecret  = "Another-Horse-8"
)

var allFlows = []string{flowSRP, flowPassword, flowRefresh, flowAdmin}

func testConfigs() []Config {
	client := func(id string) ClientConfig {
		return ClientConfig{
			ID: id, Name: id, Flows: allFlows, PreventUserExistenceErrors: true, Revocation: true,
			CallbackURLs: []string{callback, callbackQuery}, LogoutURLs: []string{"https://app.example/bye"},
			Scopes: []string{scopeOpenID, scopeEmail, scopePhone, scopeProfile, apiScope},
		}
	}
	clients := func(ids ...string) []ClientConfig {
		var out []ClientConfig
		for _, id := range ids {
			c := client(id)
			switch id {
			case legacy:
				c.PreventUserExistenceErrors = false
				c.Scopes = append(c.Scopes, scopeUser)
			case private:
				c.HasSecret = true
			case rotating:
				c.Flows, c.RotateRefresh, c.RotateGrace = []string{flowPassword}, true, 30*time.Second
			case narrow:
				c.ReadAttributes, c.WriteAttributes = []string{"name", "email"}, []string{"name", "email"}
			case mute:
				c.Flows, c.Revocation = []string{flowAdmin}, false
			case alias:
				c.Scopes = nil
			}
			out = append(out, c)
		}
		return out
	}
	policy := PasswordPolicy{RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSymbols: true}
	return []Config{
		{
			ID: plainPool, Name: "plain", MFA: mfaOptional, SignUp: true, AutoVerified: []string{"email"}, Password: policy,
			Attributes: []AttributeConfig{
				{Name: "custom:team", Mutable: true, Min: 2, Max: 10}, {Name: "custom:born"},
			},
			Clients: clients(web, legacy, private, rotating, narrow, mute),
			Groups: []GroupConfig{
				{Name: "readers", RoleARN: "arn:aws:iam::111122223333:role/Reader", Precedence: 10},
				{Name: "admins", Description: "all of it", RoleARN: "arn:aws:iam::111122223333:role/Admin", Precedence: 1},
				{Name: "admins2", RoleARN: "arn:aws:iam::111122223333:role/Admin2", Precedence: 1},
				{Name: "plain", Precedence: 0},
				{Name: "last", RoleARN: "arn:aws:iam::111122223333:role/Last", Precedence: -1},
			},
		},
		{ID: emailPool, Name: "email", SignUp: true, AutoVerified: []string{"email"}, UsernameAttributes: []string{"email"}, Password: policy, Clients: clients(mailer)},
		{
			ID: aliasPool, Name: "alias", SignUp: true, AutoVerified: []string{"email"}, Password: policy,
			AliasAttributes: []string{"email", "preferred_username"}, Clients: clients(alias),
		},
		{
			ID: strictPool, Name: "strict", MFA: mfaOn, Password: policy, Clients: clients(strict),
			Attributes: []AttributeConfig{{Name: "name", Mutable: true, Required: false}},
		},
	}
}

// fixture is a directory with a clock that stands still and an outbox.
type fixture struct {
	*Directory
	t     require.TestingT
	clock *clock
	store *identity.Memory
	*outbox
	options Options
	// skew is how far the clocks of clients are ahead.
	skew time.Duration
}

// twice is a store whose every update collides once with another: what the
// function did the first time must not show.
type twice struct{ *identity.Memory }

var errCollision = errors.New("collision")

func (s twice) Update(ctx context.Context, f func(identity.Tx) error) error {
	err := s.Memory.Update(ctx, func(tx identity.Tx) error {
		_ = f(tx)
		return errCollision
	})
	if !errors.Is(err, errCollision) {
		return err
	}
	return s.Memory.Update(ctx, f)
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

type outbox struct {
	mu   sync.Mutex
	sent []Message
	fail error
}

func (o *outbox) Send(_ context.Context, m Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.sent = append(o.sent, m)
	return nil
}

// code returns the code of the last message.
func (o *outbox) code() Sensitive {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sent) == 0 {
		return ""
	}
	return o.sent[len(o.sent)-1].Code
}

var testRing = sync.OnceValue(func() *identity.Keyring {
	ring, err := identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret([]byte("0123456789abcdef0123456789abcdef"))}}, rand.Reader)
	if err != nil {
		return nil
	}
	return ring
})

// signingKeys are made once: it takes long.
var signingKeys = sync.OnceValue(func() []identity.Record {
	store := identity.NewMemory()
	var out []identity.Record
	for _, c := range testConfigs() {
		group := "userpool/" + c.ID
		if _, err := identity.LoadSigningKeys(context.Background(), store, testRing(), group, 2, "RS256", rand.Reader, start); err != nil {
			return nil
		}
		_ = store.View(context.Background(), func(tx identity.Tx) error {
			for _, n := range []string{"/0", "/1"} {
				if r, err := tx.Get("signingkey", group+n); err == nil {
					out = append(out, r)
				}
			}
			return nil
		})
	}
	return out
})

var (
	start     = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	weakHash  = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	testIssue = func(id string) string { return "https://login.example.com/" + id }
)

// newFixture makes a directory of the pools named, or of all.
func newFixture(t require.TestingT, pools ...string) *fixture {
	store := identity.NewMemory()
	require.Len(t, signingKeys(), 2*len(testConfigs()))
	require.NoError(t, store.Update(context.Background(), func(tx identity.Tx) error {
		for _, r := range signingKeys() {
			if err := tx.Insert(r); err != nil {
				return err
			}
		}
		return nil
	}))
	f := &fixture{t: t, clock: &clock{t: start}, store: store, outbox: &outbox{}}
	f.options = Options{
		Store: twice{store}, Storage: testRing(), Sessions: testRing(), Sender: f.outbox, Issuer: testIssue,
		Secrets: map[string]identity.Secret{private: identity.NewSecret([]byte(clientSecret))},
		Now:     f.clock.now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), HashParams: &weakHash,
	}
	var err error
	configs := slices.DeleteFunc(testConfigs(), func(c Config) bool { return len(pools) > 0 && !slices.Contains(pools, c.ID) })
	f.Directory, err = New(context.Background(), configs, f.options)
	require.NoError(t, err)
	return f
}

var ctx = context.Background()

// from is ctx with the address of a caller.
func from(address string) context.Context {
	return identity.WithClient(ctx, identity.Client{Address: netip.MustParseAddr(address)})
}

// refused checks the code of an error, and its message if one is given.
func (f *fixture) refused(err error, code identity.Code, message ...string) {
	require.Error(f.t, err)
	require.Equal(f.t, code, identity.CodeOf(err), "%v", err)
	if len(message) > 0 {
		var e *identity.Error
		require.ErrorAs(f.t, err, &e)
		require.Equal(f.t, message[0], e.Message)
	}
}

// user makes a confirmed user of a pool.
func (f *fixture) user(pool, name string, attributes ...Attribute) *User {
	out, err := f.AdminCreateUser(ctx, &AdminCreateUserInput{
		UserPoolID: pool, Username: name, UserAttributes: attributes, MessageAction: "SUPPRESS",
	})
	require.NoError(f.t, err)
	_, err = f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: pool, Username: name, Password: password, Permanent: true})
	require.NoError(f.t, err)
	return out.User
}

// email are the attributes of a proven address.
func email(address string) []Attribute {
	return []Attribute{{"email", address}, {"email_verified", "true"}}
}

// hash is the SECRET_HASH of a client that has a secret, "" for others.
func hash(clientID, username string) Sensitive {
	if clientID != private {
		return ""
	}
	return Sensitive(secretHash([]byte(clientSecret), username, clientID))
}

// signIn signs in by password.
func (f *fixture) signIn(clientID, name, secret string) (*InitiateAuthOutput, error) {
	return f.signInFrom(ctx, clientID, name, secret)
}

func (f *fixture) signInFrom(ctx context.Context, clientID, name, secret string) (*InitiateAuthOutput, error) {
	return f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: clientID, AuthParameters: map[string]Sensitive{
		"USERNAME": Sensitive(name), "PASSWORD": Sensitive(secret), "SECRET_HASH": hash(clientID, name),
	}})
}

// tokens signs in and expects tokens.
func (f *fixture) tokens(clientID, name string) *AuthenticationResult {
	out, err := f.signIn(clientID, name, password)
	require.NoError(f.t, err)
	require.NotNil(f.t, out.AuthenticationResult, "challenge %s", out.ChallengeName)
	return out.AuthenticationResult
}

// srpAnswers begins an SRP sign-in and returns what a client that knows the
// secret answers.
func (f *fixture) srpAnswers(clientID, name, secret string) (map[string]Sensitive, error) {
	c := newSRPClient(f.t)
	out, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: clientID, AuthParameters: map[string]Sensitive{
		"USERNAME": Sensitive(name), "SRP_A": Sensitive(c.A.Text(16)), "SECRET_HASH": hash(clientID, name),
	}})
	if err != nil {
		return nil, err
	}
	require.Equal(f.t, challengeVerifier, out.ChallengeName)
	p := out.ChallengeParameters
	pool := f.clients[clientID].pool.ID
	now := f.clock.now().Add(f.skew).UTC().Format("Mon Jan 2 15:04:05 MST 2006")
	user := p["USER_ID_FOR_SRP"]
	return map[string]Sensitive{
		"USERNAME": Sensitive(user), "SECRET_HASH": hash(clientID, user), "TIMESTAMP": Sensitive(now),
		"PASSWORD_CLAIM_SECRET_BLOCK": Sensitive(p["SECRET_BLOCK"]),
		"PASSWORD_CLAIM_SIGNATURE":    Sensitive(c.sign(pool[strings.Index(pool, "_")+1:], user, secret, p["SALT"], p["SRP_B"], p["SECRET_BLOCK"], now)),
	}, nil
}

func (f *fixture) respond(clientID, challenge string, session Sensitive, values map[string]Sensitive) (*RespondToAuthChallengeOutput, error) {
	return f.RespondToAuthChallenge(ctx, &RespondToAuthChallengeInput{
		ClientID: clientID, ChallengeName: challenge, Session: session, ChallengeResponses: values,
	})
}

func (f *fixture) srpSignIn(clientID, name, secret string) (*RespondToAuthChallengeOutput, error) {
	values, err := f.srpAnswers(clientID, name, secret)
	if err != nil {
		return nil, err
	}
	return f.respond(clientID, challengeVerifier, "", values)
}

// totpCode is what an authenticator app shows.
func (f *fixture) totpCode(secret Sensitive) Sensitive {
	text, err := app.GenerateCode(string(secret), f.clock.now())
	require.NoError(f.t, err)
	return Sensitive(text)
}

// enroll gives a user a second factor that is in use, and returns its secret.
func (f *fixture) enroll(name string) Sensitive {
	access := f.tokens(web, name).AccessToken
	out, err := f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{AccessToken: access})
	require.NoError(f.t, err)
	_, err = f.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{AccessToken: access, UserCode: f.totpCode(out.SecretCode), FriendlyDeviceName: "phone"})
	require.NoError(f.t, err)
	_, err = f.SetUserMFAPreference(ctx, &SetUserMFAPreferenceInput{AccessToken: access, SoftwareTokenMFASettings: &MFASettings{Enabled: true, PreferredMfa: true}})
	require.NoError(f.t, err)
	f.clock.pass(time.Minute) // the code is used up
	return out.SecretCode
}

// claims verifies a token as its consumers do.
func (f *fixture) claims(pool string, token Sensitive, use, clientID string) oidc.Claims {
	keys, ok := f.KeySet(pool)
	require.True(f.t, ok)
	claims, err := oidc.Verify(ctx, string(token), keys, &oidc.Expect{
		Issuers: []string{testIssue(pool)}, Audiences: []string{clientID}, Algorithms: []string{"RS256"},
		TokenUse: use, AllowNoAudience: use == "access",
	}, f.clock.now())
	require.NoError(f.t, err)
	return claims
}

// kid is the key that a token names.
func kid(t require.TestingT, token Sensitive) string {
	head, _, _ := strings.Cut(string(token), ".")
	text, err := decodeRaw(head)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(text, `"kid":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// records returns everything that the store holds of the kinds.
func (f *fixture) records(kinds ...string) []identity.Record {
	var out []identity.Record
	require.NoError(f.t, f.store.View(ctx, func(tx identity.Tx) error {
		for _, kind := range kinds {
			for _, group := range []string{plainPool, emailPool, aliasPool, strictPool, ""} {
				more, err := tx.List(kind, group, "", 1000)
				if err != nil {
					return err
				}
				out = append(out, more...)
			}
		}
		return nil
	}))
	return out
}

var errPost = errors.New("post office closed")

func names(list []Attribute) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	slices.Sort(out)
	return out
}

func decodeRaw(text string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return string(b), err
}
