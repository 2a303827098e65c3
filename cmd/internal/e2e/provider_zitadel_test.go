package e2e_test

import (
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

const (
	oidcCallback = "http://localhost:9999/auth/callback"
	oidcPassword = "verysecure" // of every user of the example server
)

// issuer is an OpenID provider that nobody wrote for us: the example server of
// zitadel/oidc, with its user id1 and two clients.
type issuer struct {
	url string
	// name is the key of its logins.
	name string
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	i := &issuer{url: "http://" + listener.Addr().String(), name: listener.Addr().String()}
	clients := map[string]*storage.Client{
		"web":   storage.WebClient("web", "secret", oidcCallback),
		"other": storage.WebClient("other", "secret", oidcCallback),
	}
	keeper := storage.NewStorageWithClients(storage.NewUserStore(i.url), clients)
	s := httptest.NewUnstartedServer(exampleop.SetupServer(i.url, keeper, slog.New(slog.DiscardHandler), false))
	require.NoError(t, s.Listener.Close())
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return i
}

// login goes through the authorization code flow as a browser does, with the
// provider's own page, and returns the ID token.
func (i *issuer) login(t *testing.T, client string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), oidcCallback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page := get(t, browser, i.url+"/auth?"+url.Values{
		"client_id": {client}, "redirect_uri": {oidcCallback}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"s1"}, "nonce": {"n1"},
	}.Encode())
	require.Equal(t, http.StatusOK, page.StatusCode)
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	back := post(t, browser, page.Request.URL.JoinPath("../username").String(), url.Values{
		"id": {hidden(t, string(text), "id")}, "username": {"test-user@127.0.0.1"}, "password": {oidcPassword},
	}, "")
	at, err := back.Location()
	require.NoError(t, err)
	require.Equal(t, "s1", at.Query().Get("state"))
	answer := post(t, http.DefaultClient, i.url+"/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {oidcCallback},
	}, client)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&tokens))
	require.NotEmpty(t, tokens.IDToken)
	return tokens.IDToken
}

// hidden returns the value of a field of a form.
func hidden(t *testing.T, page, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `name="`+name+`"`)
	require.True(t, ok, page)
	_, rest, ok = strings.Cut(rest, `value="`)
	require.True(t, ok, page)
	value, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(value)
}

// post sends a form, as a client with the secret "secret" if it is named.
func post(t *testing.T, c *http.Client, address string, form url.Values, client string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(client, "secret")
	}
	w, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Body.Close()) })
	return w
}

// serveIssuers serves a pool that takes logins of one issuer, client web, and
// knows another.
func serveIssuers(t *testing.T, ours, theirs *issuer) *providerDeployment {
	t.Helper()
	arn := "arn:aws:iam::" + providerAccount + ":oidc-provider/" + ours.name
	return serveProviders(t, map[string]string{
		"pools/shop.yaml": `
identityPool:
  id: ` + providerPool + `
  authenticated: Shopper
  classicFlow: true
  providers:
    "` + ours.name + `":
      clients: [web]
      roles:
        type: rules
        ambiguous: deny
        rules: [{claim: amr, match: contains, value: pwd, role: Typist}]
      principalTags: {person: sub}
    "` + theirs.name + `": {clients: [web]}
`,
		"providers/ours.yaml":   "oidc: {issuer: \"" + ours.url + "\", clients: [web]}\n",
		"providers/theirs.yaml": "oidc: {issuer: \"" + theirs.url + "\"}\n",
		"roles/Shopper.yaml":    trust(t, "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", "cognito-identity.amazonaws.com:aud", providerPool),
		"roles/Typist.yaml":     trust(t, "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", "cognito-identity.amazonaws.com:aud", providerPool),
		"roles/Direct.yaml":     trust(t, arn, "sts:AssumeRoleWithWebIdentity", ours.name+":aud", "web"),
		"roles/Closed.yaml":     trust(t, arn, "sts:AssumeRoleWithWebIdentity", ours.name+":aud", "other"),
	})
}

func TestForeignIssuerThroughIdentityPool(t *testing.T) {
	ours, theirs := startIssuer(t), startIssuer(t)
	d := serveIssuers(t, ours, theirs)
	token := ours.login(t, "web")
	id, session, arn := d.enhanced(t, ours.name, token)
	require.Equal(t, "arn:aws:sts::"+providerAccount+":assumed-role/Typist/CognitoIdentityCredentials", arn)
	for key, want := range map[string][]string{
		"cognito-identity.amazonaws.com:sub": {id},
		"cognito-identity.amazonaws.com:aud": {providerPool},
		"cognito-identity.amazonaws.com:amr": {"authenticated", ours.name, "arn:aws:iam::" + providerAccount + ":oidc-provider/" + ours.name + ":OIDC:id1"},
		"aws:FederatedProvider":              {"cognito-identity.amazonaws.com"},
		"aws:PrincipalTag/person":            {"id1"},
	} {
		require.Equal(t, want, values(t, d, session, key), key)
	}
	again, _, _ := d.enhanced(t, ours.name, ours.login(t, "web"))
	require.Equal(t, id, again, "the next login of the same user")
	stranger, _, _ := d.enhanced(t, theirs.name, theirs.login(t, "web"))
	require.NotEqual(t, id, stranger, "the same subject at another issuer is somebody else")

	d.refused(t, ours.name, ours.login(t, "other"), "Incorrect token audience.")
	d.refused(t, ours.name, theirs.login(t, "web"), "Invalid login token.")
	d.refused(t, theirs.name, token, "Invalid login token.")
	d.refused(t, "accounts.google.com", token, "not from a supported provider")
	d.refused(t, ours.name, altered(token), "Couldn't verify signed token.")
}

// altered returns a token with another last byte of its signature.
func altered(token string) string {
	at := len(token) - 10
	c := byte('A')
	if token[at] == c {
		c = 'B'
	}
	return token[:at] + string(c) + token[at+1:]
}

// The basic flow, and STS with the issuer's own token, whose sessions have the
// issuer's keys.
func TestForeignIssuerAtSTS(t *testing.T) {
	ours, theirs := startIssuer(t), startIssuer(t)
	d := serveIssuers(t, ours, theirs)
	assume := func(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return d.sts().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(providerRoles + role), RoleSessionName: aws.String("alice"), WebIdentityToken: aws.String(token),
		})
	}
	token := ours.login(t, "web")
	out, err := assume("Direct", token)
	require.NoError(t, err)
	require.Equal(t, "id1", *out.SubjectFromWebIdentityToken)
	require.Equal(t, "web", *out.Audience)
	c := out.Credentials
	require.Equal(t, "arn:aws:sts::"+providerAccount+":assumed-role/Direct/alice", d.whoami(t, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	session := d.session(t, *c.AccessKeyId, *c.SessionToken)
	for key, want := range map[string][]string{
		ours.name + ":sub":      {"id1"},
		ours.name + ":aud":      {"web"},
		ours.name + ":amr":      {"pwd"},
		ours.name + ":azp":      nil,
		"aws:FederatedProvider": {"arn:aws:iam::" + providerAccount + ":oidc-provider/" + ours.name},
	} {
		require.Equal(t, want, values(t, d, session, key), key)
	}
	for name, c := range map[string]struct{ role, token, code string }{
		"role that trusts another client": {"Closed", token, "AccessDenied"},
		"role of the pool":                {"Typist", token, "AccessDenied"},
		"another client":                  {"Direct", ours.login(t, "other"), "IDPRejectedClaim"},
		"another issuer":                  {"Direct", theirs.login(t, "web"), "IDPRejectedClaim"},
		"altered":                         {"Direct", altered(token), "InvalidIdentityToken"},
	} {
		_, err := assume(c.role, c.token)
		require.Error(t, err, name)
		requireAnswer(t, err, c.code, "")
	}

	logins := map[string]string{ours.name: token}
	id, err := d.pools().GetId(t.Context(), &cognitoidentity.GetIdInput{IdentityPoolId: aws.String(providerPool), Logins: logins})
	require.NoError(t, err)
	open, err := d.pools().GetOpenIdToken(t.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: id.IdentityId, Logins: logins})
	require.NoError(t, err)
	out, err = assume("Shopper", *open.Token)
	require.NoError(t, err)
	require.Equal(t, *id.IdentityId, *out.SubjectFromWebIdentityToken)
}
