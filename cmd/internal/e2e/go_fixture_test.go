package e2e_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	ciptypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/mail"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
)

const (
	account    = "111122223333"
	region     = "us-east-1"
	userPool   = "us-east-1_Shop00001"
	loginKey   = "cognito-idp.us-east-1.amazonaws.com/" + userPool
	rulesPool  = "us-east-1:3b0c6a52-95d3-4a47-9c67-000000000001"
	tokenPool  = "us-east-1:3b0c6a52-95d3-4a47-9c67-000000000002"
	closedPool = "us-east-1:3b0c6a52-95d3-4a47-9c67-000000000003"
	appClient  = "4q7example8client9id0abcdef"
	backClient = "5q7example8client9id0abcdef"
	backSecret = "clientsecret0123456789abcdef"
	// quietClient tells nobody who has an account.
	quietClient = "6q7example8client9id0abcdef"
	developers  = "login.shop"

	operatorKey, operatorSecret = "AKIAOPERATOR00000001", "operator-secret-operator-secret-0000"
	viewerKey, viewerSecret     = "AKIAVIEWER0000000001", "viewer-secret-viewer-secret-viewer-0"
	password                    = "Correct-Horse-9"
)

func poolTrust(pool, amr string) string {
	return `
trust:
  Version: 2012-10-17
  Statement:
    - Effect: Allow
      Principal: {Federated: cognito-identity.amazonaws.com}
      Action: [sts:AssumeRoleWithWebIdentity, sts:TagSession]
      Condition:
        StringEquals: {"cognito-identity.amazonaws.com:aud": "` + pool + `"}
        ForAnyValue:StringLike: {"cognito-identity.amazonaws.com:amr": ` + amr + `}
inline:
  Own: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "dynamodb:*", Resource: "*"}]}
`
}

func shop() fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range map[string]string{
		"rowan.yaml": "account: \"" + account + "\"\nregion: " + region + "\n",
		"pools/people.yaml": `
userPool:
  id: ` + userPool + `
  signUp: true
  mfa: optional
  aliasAttributes: [email]
  autoVerified: [email]
  attributes:
    email: {required: true}
    custom:dept: {}
  clients:
    app: {id: ` + appClient + `, flows: [USER_SRP_AUTH, USER_PASSWORD_AUTH, REFRESH_TOKEN_AUTH], writeAttributes: [email, name], preventUserExistenceErrors: false}
    quiet: {id: ` + quietClient + `, flows: [USER_SRP_AUTH, USER_PASSWORD_AUTH], writeAttributes: [email, name]}
    back: {id: ` + backClient + `, secret: true, flows: [USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH]}
  groups:
    staff: {role: Staff, precedence: 1}
`,
		"pools/rules.yaml": `
identityPool:
  id: ` + rulesPool + `
  authenticated: Shopper
  unauthenticated: Guest
  developerProvider: ` + developers + `
  providers:
    ` + loginKey + `:
      clients: [` + appClient + `]
      serverSideTokenCheck: true
      principalTags: {dept: "custom:dept"}
      roles:
        type: rules
        ambiguous: authenticatedRole
        rules: [{claim: "custom:dept", match: equals, value: sales, role: Seller}]
`,
		"pools/tokens.yaml": `
identityPool:
  id: ` + tokenPool + `
  classicFlow: true
  authenticated: Basic
  providers:
    ` + loginKey + `:
      clients: [` + appClient + `]
      roles: {type: token, ambiguous: deny}
`,
		"pools/closed.yaml": `
identityPool:
  id: ` + closedPool + `
  authenticated: Closed
  providers:
    ` + loginKey + `: {clients: [` + appClient + `]}
`,
		"roles/Shopper.yaml": poolTrust(rulesPool, "authenticated"),
		"roles/Seller.yaml":  poolTrust(rulesPool, "authenticated"),
		"roles/Guest.yaml":   poolTrust(rulesPool, "unauthenticated"),
		"roles/Staff.yaml":   poolTrust(tokenPool, "authenticated"),
		"roles/Basic.yaml":   poolTrust(tokenPool, "authenticated"),
		"roles/Closed.yaml":  poolTrust(closedPool, "authenticated"),
		"administrators/operator.yaml": `
accessKeys: [` + operatorKey + `]
inline:
  All: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: ["cognito-idp:*", "cognito-identity:*", "rowan:*"], Resource: "*"}]}
`,
		"administrators/viewer.yaml": `
accessKeys: [` + viewerKey + `]
inline:
  View:
    Version: 2012-10-17
    Statement:
      - {Effect: Allow, Action: "cognito-idp:List*", Resource: "arn:aws:cognito-idp:us-east-1:` + account + `:userpool/` + userPool + `"}
      - {Effect: Allow, Action: "cognito-identity:ListIdentities", Resource: "arn:aws:cognito-identity:us-east-1:` + account + `:identitypool/` + rulesPool + `"}
      - {Effect: Deny, Action: "cognito-idp:ListGroups", Resource: "*"}
`,
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// clock is the time of the server, which tests move.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// safeBuffer may be written by handlers and read by a test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// shopServer is a server of the shop, with unmodified clients.
type shopServer struct {
	t testing.TB
	*server.Live
	clock *clock
	mail  *mail.Sink
	log   *safeBuffer
	url   string

	options server.Options
}

// replica is another server of the same keys and store.
func (f *shopServer) replica() *server.Live {
	h, err := server.New(f.t.Context(), f.options)
	require.NoError(f.t, err)
	return h
}

// advance moves the clock. Deployment.Run, which would learn of revocations
// meanwhile, does not run here.
func (f *shopServer) advance(d time.Duration) {
	f.t.Helper()
	f.clock.advance(d)
	require.NoError(f.t, f.Current().Sessions.Refresh(f.t.Context()))
}

func keyrings(t testing.TB) (sessions, storage *identity.Keyring) {
	file, err := identity.GenerateKeys(rand.Reader, time.Now())
	require.NoError(t, err)
	s, k, err := identity.ParseKeys(file)
	require.NoError(t, err)
	sessions, err = identity.NewKeyring(s, rand.Reader)
	require.NoError(t, err)
	storage, err = identity.NewKeyring(k, rand.Reader)
	require.NoError(t, err)
	return sessions, storage
}

// serveShop serves the shop on loopback until the test ends.
func serveShop(t testing.TB) *shopServer {
	t.Helper()
	return serveFiles(t, shop())
}

// serveFiles serves a bundle like the shop.
func serveFiles(t testing.TB, files fstest.MapFS) *shopServer {
	t.Helper()
	b, err := bundle.Load(files, "shop", conditions.AWS())
	require.NoError(t, err)
	f := &shopServer{t: t, clock: &clock{}, log: &safeBuffer{}}
	f.mail = mail.NewSink(&safeBuffer{})
	sessions, storage := keyrings(t)
	web := httptest.NewUnstartedServer(nil)
	f.url = "http://" + web.Listener.Addr().String()
	f.options = server.Options{
		Bundle: b, Store: identity.NewMemory(), Sessions: sessions, Storage: storage, URL: f.url, Sender: f.mail,
		Secrets: &server.Secrets{
			AccessKeys: map[string]identity.Secret{
				operatorKey: identity.NewSecret([]byte(operatorSecret)), viewerKey: identity.NewSecret([]byte(viewerSecret)),
			},
			Clients: map[string]identity.Secret{backClient: identity.NewSecret([]byte(backSecret))},
		},
		Rate:       server.Rate{PerSecond: 1000, Burst: 1000},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Now:        f.clock.now, Random: rand.Reader, Log: slog.New(slog.NewJSONHandler(f.log, nil)),
	}
	f.Live, err = server.New(t.Context(), f.options)
	require.NoError(t, err)
	web.Config.Handler = f.Live
	web.Start()
	t.Cleanup(web.Close)
	return f
}

func static(id, secret, token string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(id, secret, token)
}

func newPools(url string, c aws.CredentialsProvider) *cognitoidentity.Client {
	return cognitoidentity.New(cognitoidentity.Options{Region: region, BaseEndpoint: aws.String(url), Credentials: c})
}

func newSTS(url string, c aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{Region: region, BaseEndpoint: aws.String(url), Credentials: c})
}

func (f *shopServer) pools(c aws.CredentialsProvider) *cognitoidentity.Client {
	return newPools(f.url, c)
}

func (f *shopServer) sts(c aws.CredentialsProvider) *sts.Client { return newSTS(f.url, c) }

func (f *shopServer) users(c aws.CredentialsProvider) *cip.Client {
	return cip.New(cip.Options{Region: region, BaseEndpoint: aws.String(f.url), Credentials: c})
}

func (f *shopServer) operator() *cip.Client {
	return f.users(static(operatorKey, operatorSecret, ""))
}

func (f *shopServer) code(to string) *string {
	m, ok := f.mail.Last(to)
	require.True(f.t, ok, "no mail to %s", to)
	return aws.String(string(m.Code))
}

// signUp makes a confirmed user, name@shop.example, and returns the address.
func (f *shopServer) signUp(name string) string {
	f.t.Helper()
	address := name + "@shop.example"
	out, err := f.users(nil).SignUp(f.t.Context(), &cip.SignUpInput{
		ClientId: aws.String(appClient), Username: aws.String(name), Password: aws.String(password),
		UserAttributes: []ciptypes.AttributeType{{Name: aws.String("email"), Value: aws.String(address)}},
	})
	require.NoError(f.t, err)
	require.False(f.t, out.UserConfirmed)
	require.Equal(f.t, ciptypes.DeliveryMediumTypeEmail, out.CodeDeliveryDetails.DeliveryMedium)
	_, err = f.users(nil).ConfirmSignUp(f.t.Context(), &cip.ConfirmSignUpInput{
		ClientId: aws.String(appClient), Username: aws.String(name), ConfirmationCode: f.code(address),
	})
	require.NoError(f.t, err)
	return address
}

// signIn signs a user in with a password.
func (f *shopServer) signIn(name string) *ciptypes.AuthenticationResultType {
	f.t.Helper()
	out, err := f.users(nil).InitiateAuth(f.t.Context(), &cip.InitiateAuthInput{
		AuthFlow: ciptypes.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(appClient),
		AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password},
	})
	require.NoError(f.t, err)
	require.NotNil(f.t, out.AuthenticationResult, "challenge %s", out.ChallengeName)
	return out.AuthenticationResult
}

func logins(token *string) map[string]string { return map[string]string{loginKey: *token} }

// exchange turns a login, or none, into an identity and credentials.
func (f *shopServer) exchange(pool string, logins map[string]string) (id string, c aws.CredentialsProvider, err error) {
	f.t.Helper()
	got, err := f.pools(nil).GetId(f.t.Context(), &cognitoidentity.GetIdInput{IdentityPoolId: aws.String(pool), Logins: logins})
	if err != nil {
		return "", nil, err
	}
	out, err := f.pools(nil).GetCredentialsForIdentity(f.t.Context(), &cognitoidentity.GetCredentialsForIdentityInput{
		IdentityId: got.IdentityId, Logins: logins,
	})
	if err != nil {
		return *got.IdentityId, nil, err
	}
	require.Equal(f.t, got.IdentityId, out.IdentityId)
	require.WithinDuration(f.t, f.clock.now().Add(time.Hour), *out.Credentials.Expiration, 10*time.Second)
	return *got.IdentityId, static(*out.Credentials.AccessKeyId, *out.Credentials.SecretKey, *out.Credentials.SessionToken), nil
}

// role is the ARN of who signs with credentials.
func (f *shopServer) role(c aws.CredentialsProvider) string {
	f.t.Helper()
	out, err := f.sts(c).GetCallerIdentity(f.t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(f.t, err)
	require.Equal(f.t, account, *out.Account)
	return *out.Arn
}

func assumed(role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}

const poolSession = "CognitoIdentityCredentials"
