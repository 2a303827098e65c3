package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/policy"
)

const (
	google    = "accounts.google.com"
	idp       = "idp.example.com/realms/a"
	idpARN    = "arn:aws:iam::111122223333:oidc-provider/idp.example.com/realms/a"
	directory = "cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E"
	samlARN   = "arn:aws:iam::111122223333:saml-provider/Corp"
	developer = "login.shop.example"
	otherPool = "us-east-1:0b0c6a52-95d3-4a47-9c67-0c2f1de6b7bb"
	issuer    = "https://rowan.example"

	userRole  = "arn:aws:iam::111122223333:role/ShopUser"
	guestRole = "arn:aws:iam::111122223333:role/ShopGuest"
	salesRole = "arn:aws:iam::111122223333:role/ShopSales"
	adminRole = "arn:aws:iam::111122223333:role/staff/ShopAdmin"
	idpRole   = "arn:aws:iam::111122223333:role/IdpUser"
	samlRole  = "arn:aws:iam::111122223333:role/SamlUser"
	looseRole = "arn:aws:iam::111122223333:role/Loose"
)

// shop is a deployment with one clock: an account with two pools, real keys and
// tokens, and a store in memory.
type shop struct {
	t        require.TestingT
	ctx      context.Context
	clock    *clock
	store    *identity.Memory
	account  *identity.Account
	pool     *identity.PoolConfig
	ring     *identity.Keyring
	revoked  map[string]bool // subjects whose tokens of the user pool are inactive
	events   []identity.Event
	mu       sync.Mutex
	options  identity.Options
	sessions *identity.Sessions
	*identity.Pools
}

// signer signs the tokens of every provider of the tests.
var signer = sync.OnceValue(func() oidc.SigningKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return oidc.SigningKey{ID: "k1", Algorithm: "RS256", Key: key}
})

// poolKey is the record of the pools' own signing key, which takes long to make.
var poolKey = sync.OnceValue(func() identity.Record {
	store := identity.NewMemory()
	ring, err := identity.NewKeyring([]identity.Key{testKey(1)}, rand.Reader)
	if err == nil {
		_, err = identity.LoadSigningKeys(context.Background(), store, ring, "identity pools", 1, "RS512", rand.Reader, noon)
	}
	var r identity.Record
	if err == nil {
		err = store.View(context.Background(), func(tx identity.Tx) (err error) {
			r, err = tx.Get("signingkey", "identity pools/0")
			return err
		})
	}
	if err != nil {
		panic(err)
	}
	return r
})

// trustText lets the shop's identities of one kind in.
func trustText(amr string) string {
	return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"},
"Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], "Condition": {
"StringEquals": {"cognito-identity.amazonaws.com:aud": "` + poolID + `"},
"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "` + amr + `"}}}]}`
}

func newRole(t require.TestingT, arn, id, trust string) *identity.Role {
	parse := func(kind policy.Kind, text string) (*policy.Document, *engine.Set) {
		doc, err := policy.Parse(arn, []byte(text))
		require.NoError(t, err)
		set, err := engine.Compile(conditions.AWS(), kind, doc)
		require.NoError(t, err)
		return doc, set
	}
	r := &identity.Role{ARN: arn, UniqueID: id, MaxSession: time.Hour}
	r.TrustDocument, r.Trust = parse(policy.Trust, trust)
	_, r.Identity = parse(policy.Identity, ownRows)
	return r
}

func shopAccount(t require.TestingT) *identity.Account {
	a := &identity.Account{
		ID: accountID, Partition: "aws", Region: "us-east-1", Vocabulary: conditions.AWS(), Roles: map[string]*identity.Role{},
		Pools: map[string]*identity.PoolConfig{
			poolID: {
				ID: poolID, Name: "shop", Authenticated: userRole, Unauthenticated: guestRole, ClassicFlow: true, DeveloperProvider: developer,
				GuestPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}`,
				Providers: []identity.PoolProvider{
					{Name: google, Kind: identity.SocialProvider, Clients: []string{"g1"}},
					{
						Name: idp, Kind: identity.OpenIDProvider, Clients: []string{"c1"},
						Roles: identity.RoleMapping{Type: "Rules", Ambiguous: "AuthenticatedRole", Rules: []identity.RoleRule{
							{Claim: "dept", Match: "Equals", Value: "sales", Role: salesRole},
							{Claim: "dept", Match: "StartsWith", Value: "sa", Role: adminRole},
						}},
						PrincipalTags: identity.PrincipalTags{Claims: []identity.TagClaim{{Tag: "dept", Claim: "dept"}}},
					},
					{
						Name: directory, Kind: identity.UserPoolProvider, Clients: []string{"d1"}, ServerSideTokenCheck: true,
						Roles: identity.RoleMapping{Type: "Token", Ambiguous: "Deny"},
					},
					{Name: samlARN, Kind: identity.SAML2Provider},
				},
			},
			otherPool: {
				ID: otherPool, Name: "other", Authenticated: salesRole, DeveloperProvider: developer, ClassicFlow: true,
				Providers: []identity.PoolProvider{{Name: google, Kind: identity.SocialProvider, Clients: []string{"g1"}}},
			},
		},
		OIDC: map[string]*identity.OIDCProvider{idp: {Name: idp, ARN: idpARN, Issuer: "https://" + idp, Clients: []string{"c1"}}},
		SAML: map[string]*identity.SAMLProvider{samlARN: {ARN: samlARN}},
	}
	federated := func(principal, action, condition string) string {
		return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": "` + principal + `"}, "Action": ["` + action + `", "sts:TagSession"], "Condition": {` + condition + `}}]}`
	}
	for _, r := range []*identity.Role{
		newRole(t, userRole, "AROAUSERUSERUSERUSER", trustText("authenticated")),
		newRole(t, guestRole, "AROAGUESTGUESTGUESTA", trustText("unauthenticated")),
		newRole(t, salesRole, "AROASALESSALESSALESA", strings.Replace(trustText("authenticated"), `"`+poolID+`"`, `["`+poolID+`", "`+otherPool+`"]`, 1)),
		newRole(t, adminRole, "AROAADMINADMINADMINA", trustText("authenticated")),
		newRole(t, idpRole, "AROAIDPIDPIDPIDPIDPA", federated(idpARN, "sts:AssumeRoleWithWebIdentity", `"StringEquals": {"`+idp+`:aud": "c1"}`)),
		newRole(t, samlRole, "AROASAMLSAMLSAMLSAML", federated(samlARN, "sts:AssumeRoleWithSAML", `"StringEquals": {"saml:aud": "https://signin"}`)),
		newRole(t, looseRole, "AROALOOSELOOSELOOSEA", federated(pool, "sts:AssumeRoleWithWebIdentity", `"ForAnyValue:StringLike": {"`+pool+`:amr": "*"}`)),
	} {
		a.Roles[r.ARN] = r
	}
	return a
}

// newShop opens a shop at noon. change may change its options, and the account,
// before it opens.
func newShop(t require.TestingT, change func(*shop)) *shop {
	s := &shop{
		t: t, ctx: context.Background(), clock: &clock{noon}, store: identity.NewMemory(), account: shopAccount(t), ring: newRing(t),
		revoked: map[string]bool{},
	}
	s.pool = s.account.Pools[poolID]
	require.NoError(t, s.store.Update(s.ctx, func(tx identity.Tx) error { return tx.Insert(poolKey()) }))
	keys := oidc.NewKeySet(signer().Public())
	verifier := func(name string) identity.Verifier {
		v, err := identity.NewOIDCVerifier(&identity.OIDCProvider{Name: name, Issuer: "https://" + name}, keys, s.clock.now, 0)
		require.NoError(t, err)
		return v
	}
	users, err := identity.NewUserPoolVerifier(directory, "https://"+directory, keys, s.clock.now)
	require.NoError(t, err)
	s.options = identity.Options{
		Account: s.account, Store: s.store, Sessions: s.ring, Storage: s.ring, Issuer: issuer, Now: s.clock.now, Random: rand.Reader,
		Verifiers: map[string]identity.Verifier{google: verifier(google), idp: verifier(idp), directory: &checked{users, s}, samlARN: corporate{}},
		Audit: func(_ context.Context, e identity.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
	}
	if change != nil {
		change(s)
	}
	s.open()
	return s
}

// open makes the pools of what the shop has now.
func (s *shop) open() {
	var err error
	s.Pools, err = identity.New(s.ctx, s.options)
	require.NoError(s.t, err)
	s.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: s.account, Keys: s.ring, Store: s.store, Now: s.clock.now})
	require.NoError(s.t, err)
	require.NoError(s.t, s.sessions.Refresh(s.ctx))
}

// checked is a user pool that knows which of its tokens are inactive.
type checked struct {
	identity.Verifier
	shop *shop
}

// Verify says that a second factor was used if the token has the claim mfa.
func (c *checked) Verify(ctx context.Context, token string, clients []string) (*identity.Login, error) {
	l, err := c.Verifier.Verify(ctx, token, clients)
	if err == nil {
		l.MFA, _ = l.Claims.Bool("mfa")
	}
	return l, err
}

func (c *checked) Check(_ context.Context, l *identity.Login) error {
	if c.shop.revoked[l.Subject] {
		return identity.Errorf(identity.NotAuthorized, "Token is inactive")
	}
	return nil
}

// corporate is a SAML provider whose responses are their claims in JSON.
type corporate struct{}

func (corporate) Verify(_ context.Context, token string, _ []string) (*identity.Login, error) {
	l := &identity.Login{Provider: samlARN, Issuer: "https://corp.example", Audience: "https://signin"}
	if err := json.Unmarshal([]byte(token), &l.Claims); err != nil {
		return nil, identity.Errorf(identity.NotAuthorized, "Invalid SAML response.")
	}
	l.Subject, _ = l.Claims.String("NameID")
	l.MFA, _ = l.Claims.Bool("mfa")
	l.AuthTime = noon
	l.Keys = []identity.ContextKey{{Name: "saml:sub", Values: []string{l.Subject}}, {Name: "saml:sub_type", Values: []string{"persistent"}}}
	l.TrustKeys = []identity.ContextKey{{Name: "saml:aud", Values: []string{l.Audience}}}
	return l, nil
}

// claims are of a token of the provider for its client; more win.
type claims map[string]any

func (s *shop) token(provider, subject string, more claims) string {
	c := claims{
		"iss": "https://" + provider, "sub": subject, "aud": map[string]string{google: "g1", idp: "c1", directory: "d1"}[provider],
		"iat": s.clock.at.Unix(), "exp": s.clock.at.Add(time.Hour).Unix(),
	}
	if provider == directory {
		c["token_use"] = "id"
	}
	maps.Copy(c, more)
	token, err := oidc.Sign(signer(), c)
	require.NoError(s.t, err)
	return token
}

// login is a login of one user of a provider.
func (s *shop) login(provider, subject string) map[string]string {
	return map[string]string{provider: s.token(provider, subject, nil)}
}

// both joins logins.
func both(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

func (s *shop) getID(logins map[string]string) (string, error) {
	out, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: poolID, Logins: logins})
	if err != nil {
		return "", err
	}
	return out.IdentityID, nil
}

func (s *shop) mustID(logins map[string]string) string {
	id, err := s.getID(logins)
	require.NoError(s.t, err)
	return id
}

func (s *shop) credentials(id string, logins map[string]string) (*identity.GetCredentialsForIdentityOutput, error) {
	return s.GetCredentialsForIdentity(s.ctx, &identity.GetCredentialsForIdentityInput{IdentityID: id, Logins: logins})
}

// session opens the session of what GetCredentialsForIdentity gives.
func (s *shop) session(id string, logins map[string]string) *identity.Session {
	out, err := s.credentials(id, logins)
	require.NoError(s.t, err)
	return s.opened(out.Credentials)
}

func (s *shop) opened(c identity.Credentials) *identity.Session {
	require.NoError(s.t, s.sessions.Refresh(s.ctx))
	session, err := s.sessions.Open(s.ctx, c.AccessKeyID, c.Token)
	require.NoError(s.t, err)
	return session
}

// refused wants an *Error of the code whose message has the text.
func refused(t require.TestingT, err error, code identity.Code, text string) {
	var e *identity.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
	require.Contains(t, e.Message, text)
}

func from(ctx context.Context, address string) context.Context {
	return identity.WithClient(ctx, identity.Client{Address: netip.MustParseAddr(address), TLS: true})
}

func TestNewRefusesWhatItCannotServe(t *testing.T) {
	newShop(t, nil)
	for name, c := range map[string]struct {
		change func(*shop)
		want   string
	}{
		"nothing":                         {func(s *shop) { s.options = identity.Options{} }, "without Account, Store, Sessions, Storage, Issuer, Now, Random"},
		"pool under another id":           {func(s *shop) { s.pool.ID = otherPool }, "REGION:UUID"},
		"role that is not there":          {func(s *shop) { s.pool.Authenticated += "x" }, "no role arn:aws:iam::111122223333:role/ShopUserx"},
		"role of a rule that is not":      {func(s *shop) { s.pool.Providers[1].Roles.Rules[0].Role += "x" }, "role rule 1: no role"},
		"trust document not there":        {func(s *shop) { s.account.Roles[userRole].TrustDocument = nil }, "not there to be checked"},
		"provider without a verifier":     {func(s *shop) { delete(s.options.Verifiers, google) }, "accounts.google.com: it has no verifier"},
		"registered without a verifier":   {func(s *shop) { s.account.OIDC["idp.example.org"] = &identity.OIDCProvider{Name: "idp.example.org"} }, "OIDC provider idp.example.org"},
		"check that cannot be":            {func(s *shop) { s.pool.Providers[0].ServerSideTokenCheck = true }, "cannot check tokens"},
		"provider without clients":        {func(s *shop) { s.pool.Providers[0].Clients = nil }, "no clients"},
		"provider of no kind":             {func(s *shop) { s.pool.Providers[0].Kind = "" }, "unknown kind"},
		"provider twice":                  {func(s *shop) { s.pool.Providers = append(s.pool.Providers, s.pool.Providers[0]) }, "twice"},
		"pools' own issuer as a provider": {func(s *shop) { s.pool.Providers[0].Name = pool }, "no name of a public provider"},
		"mapping of no type":              {func(s *shop) { s.pool.Providers[1].Roles.Type = "" }, "unknown type"},
		"mapping that is not resolved":    {func(s *shop) { s.pool.Providers[1].Roles.Ambiguous = "" }, "ambiguous"},
		"rules that are none":             {func(s *shop) { s.pool.Providers[1].Roles.Rules = nil }, "has rules"},
		"match that is none":              {func(s *shop) { s.pool.Providers[1].Roles.Rules[0].Match = "equals" }, `match type "equals"`},
		"tag that is reserved":            {func(s *shop) { s.pool.Providers[1].PrincipalTags.Claims[0].Tag = "AWS:x" }, "reserved"},
		"guest policy that is none":       {func(s *shop) { s.pool.GuestPolicy = "{}" }, "guest policy"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shop{}
			newShop(t, func(made *shop) { s = made }) // sound until it is changed
			c.change(s)
			_, err := identity.New(s.ctx, s.options)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestKeySetVerifiesPoolTokens(t *testing.T) {
	s := newShop(t, nil)
	out, err := s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: s.mustID(nil)})
	require.NoError(t, err)
	login, err := s.Verifier().Verify(s.ctx, out.Token, []string{poolID})
	require.NoError(t, err)
	require.Equal(t, out.IdentityID, login.Subject)
	_, err = s.Verifier().Verify(s.ctx, out.Token, []string{otherPool})
	refused(t, err, identity.NotAuthorized, "audience")
	text, err := json.Marshal(s.KeySet())
	require.NoError(t, err)
	require.Contains(t, string(text), `"RS512"`)
	require.NotContains(t, string(text), `"d"`)
	// Another replica on the same store verifies it too.
	again, err := identity.New(s.ctx, s.options)
	require.NoError(t, err)
	_, err = again.Verifier().Verify(s.ctx, out.Token, []string{poolID})
	require.NoError(t, err)
}
