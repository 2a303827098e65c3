package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	crewjam "github.com/crewjam/saml"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/saml/samltest"
	"github.com/rowan-authz/rowan/identity/oidc"
)

const (
	guidePool    = "us-east-1:5f0d1c7e-0000-4a47-9c67-0c2f1de6b7aa"
	guideRealm   = "idp.example.com/realms/a"
	guideBackend = "AKIASHOPBACKEND00001"
	guideLooker  = "AKIASHOPOPERATOR0001"
	// guideIdentity is the identity that the guide shows.
	guideIdentity = "us-east-1:6dde0936-95d2-4ceb-af6d-1a44e2122080"
	guideCorp     = "arn:aws:iam::" + account + ":saml-provider/Corp"
)

// realm is an OIDC issuer whose tokens say whatever a test wants.
type realm struct {
	name string // the key of its logins
	key  oidc.SigningKey
}

func startRealm(t *testing.T) *realm {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	r := &realm{key: oidc.SigningKey{ID: "k1", Algorithm: "RS256", Key: private}}
	keys, err := json.Marshal(oidc.NewKeySet(r.key.Public()))
	require.NoError(t, err)
	mux := http.NewServeMux()
	answer := func(path string, body func() []byte) {
		mux.HandleFunc("GET /realms/a"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body())
		})
	}
	answer("/keys", func() []byte { return keys })
	answer("/.well-known/openid-configuration", func() []byte {
		return []byte(`{"issuer":"http://` + r.name + `","jwks_uri":"http://` + r.name + `/keys"}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	r.name = strings.TrimPrefix(s.URL, "http://") + "/realms/a"
	return r
}

// token is an ID token for the client app, with more claims.
func (r *realm) token(t *testing.T, subject string, more map[string]any) string {
	t.Helper()
	claims := map[string]any{"iss": "http://" + r.name, "aud": "app", "sub": subject, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range more {
		claims[name] = value
	}
	token, err := oidc.Sign(r.key, claims)
	require.NoError(t, err)
	return token
}

// startFacebook inspects one token, as Facebook does.
func startFacebook(t *testing.T) (endpoint, token string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		good := r.FormValue("input_token") == "EAAgood" && r.Header.Get("Authorization") == "Bearer 1234567890|fbsecret"
		answer := map[string]any{"app_id": "1234567890", "type": "USER", "user_id": "77", "is_valid": good, "expires_at": time.Now().Add(time.Hour).Unix()}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": answer})
	}))
	t.Cleanup(s.Close)
	return s.URL + "/debug_token", "EAAgood"
}

// guideBlocks are the files and the output that the guide shows, the files by
// their name.
func guideBlocks(t *testing.T) (files map[string]string, output string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "providers.md"))
	require.NoError(t, err)
	files = map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```(yaml|text)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if m[1] == "text" {
			output += m[2]
			continue
		}
		first, _, _ := strings.Cut(m[2], "\n")
		files[strings.TrimPrefix(first, "# ")] = m[2]
	}
	return files, output
}

// TestGuideProviders does what docs/providers.md says, with providers on this
// machine in the place of those of the guide.
func TestGuideProviders(t *testing.T) {
	t.Parallel()
	g := startGuide(t)
	t.Run("pool", g.pool)
	t.Run("STS", g.sts)
	t.Run("backend", g.backend)
	t.Run("lens", g.lens)
}

// guide is the bundle of docs/providers.md in service.
type guide struct {
	*rowanServer
	bundle   string
	realm    *realm
	corp     *samltest.Provider
	facebook string // a token
	shown    string // what the guide shows of rowan whoami
}

func startGuide(t *testing.T) *guide {
	t.Helper()
	dir := t.TempDir()
	g := &guide{bundle: filepath.Join(dir, "shop"), realm: startRealm(t), corp: newCorp(t)}
	endpoint, token := startFacebook(t)
	g.facebook = token
	files, shown := guideBlocks(t)
	require.Len(t, files, 12)
	g.shown = shown
	here := strings.NewReplacer("https://"+guideRealm, "http://"+g.realm.name, guideRealm, g.realm.name,
		`{appId: "1234567890"}`, `{appId: "1234567890", endpoint: "`+endpoint+`"}`)
	for name, text := range files {
		writeFile(t, filepath.Join(g.bundle, name), here.Replace(text))
	}
	writeFile(t, filepath.Join(g.bundle, "providers", "Corp.xml"), string(g.corp.Descriptor(t)))
	secrets := filepath.Join(dir, "secrets.yaml")
	writeFile(t, secrets, "facebook: {appSecret: fbsecret}\naccessKeys: {"+guideBackend+": "+operatorSecret+", "+guideLooker+": "+viewerSecret+"}\n")
	require.Equal(t, g.bundle+": valid", output(t, rowan(t, nil, "validate", "--bundle", g.bundle)))
	g.rowanServer = startRowan(t, nil, "--dev", "--bundle", g.bundle, "--secrets", secrets)
	return g
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// newCorp is the SAML provider of the guide.
func newCorp(t *testing.T) *samltest.Provider {
	t.Helper()
	const attribute = "https://aws.amazon.com/SAML/Attributes/"
	p, err := samltest.New(samltest.Options{
		EntityID: "https://idp.corp.example/metadata", Audience: "urn:shop", Recipient: "https://shop.example/saml",
		NameID: "c-1", LoggedIn: time.Now().Add(-time.Minute),
		Attributes: []crewjam.Attribute{
			samltest.Attribute(attribute+"Role", guideRole("Clerk")+","+guideCorp),
			samltest.Attribute(attribute+"RoleSessionName", "carol"),
			samltest.Attribute("department", "books"),
		},
	})
	require.NoError(t, err)
	return p
}

func guideRole(name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// seller is what the guide's user u-1 is.
var seller = map[string]any{"groups": []string{"sellers", "staff"}, "department": "toys", "email_verified": true}

func (g *guide) pool(t *testing.T) {
	token := func(claims map[string]any) string { return g.realm.token(t, "u-2", claims) }
	forged := g.corp.Respond(t, func(a *crewjam.Assertion) { a.Issuer.Value = "https://other.example" })
	for name, c := range map[string]struct{ key, login, role, refused string }{
		"rule":              {g.realm.name, token(seller), "Seller", ""},
		"no rule":           {g.realm.name, token(map[string]any{"groups": []string{"sellersX"}}), "Shopper", ""},
		"text, not a list":  {g.realm.name, token(map[string]any{"groups": "sellersX"}), "Seller", ""},
		"role of nobody":    {g.realm.name, token(map[string]any{"email_verified": false}), "", "InvalidIdentityPoolConfigurationException"},
		"tag that is none":  {g.realm.name, token(map[string]any{"department": "to\tys"}), "", "InvalidParameterException"},
		"another client":    {g.realm.name, token(map[string]any{"aud": "other"}), "", "NotAuthorizedException"},
		"Facebook":          {"graph.facebook.com", g.facebook, "Shopper", ""},
		"Facebook, unknown": {"graph.facebook.com", "EAAbad", "", "NotAuthorizedException"},
		"SAML":              {guideCorp, g.corp.Respond(t, nil), "Shopper", ""},
		"SAML, another":     {guideCorp, forged, "", "NotAuthorizedException"},
	} {
		got, err := g.exchange(t, map[string]string{c.key: c.login})
		if c.refused != "" {
			requireAnswer(t, err, c.refused, "")
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, assumed(c.role, poolSession), g.caller(t, got), name)
	}
}

func (g *guide) sts(t *testing.T) {
	client := newSTS(g.url, nil)
	batch := func(subject string) error {
		_, err := client.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(guideRole("Batch")), RoleSessionName: aws.String("run1"), WebIdentityToken: aws.String(g.realm.token(t, subject, nil)),
		})
		return err
	}
	require.NoError(t, batch("batch-1"))
	requireAnswer(t, batch("batch-2"), "AccessDenied", "")
	clerk := func(role string) error {
		_, err := client.AssumeRoleWithSAML(t.Context(), &sts.AssumeRoleWithSAMLInput{
			RoleArn: aws.String(guideRole(role)), PrincipalArn: aws.String(guideCorp), SAMLAssertion: aws.String(g.corp.Respond(t, nil)),
		})
		return err
	}
	require.NoError(t, clerk("Clerk"))
	requireAnswer(t, clerk("Shopper"), "AccessDenied", "")
}

func (g *guide) backend(t *testing.T) {
	script := filepath.Join(t.TempDir(), "vouch.py")
	writeFile(t, script, strings.ReplaceAll(guidePrograms(t, "providers.md")["vouch.py"], demoAddress, g.url))
	vouch := exec.CommandContext(t.Context(), needs.Boto3(t), script)
	vouch.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+guideBackend, "AWS_SECRET_ACCESS_KEY="+operatorSecret)
	var in ci.GetCredentialsForIdentityInput
	require.NoError(t, json.Unmarshal([]byte(output(t, vouch)), &in))
	out, err := newPools(g.url, nil).GetCredentialsForIdentity(t.Context(), &in)
	require.NoError(t, err)
	require.Equal(t, assumed("Shopper", poolSession), g.caller(t, out))
}

// look runs a command of the program that asks the server.
func (g *guide) look(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := rowan(t, []string{"AWS_ACCESS_KEY_ID=" + guideLooker, "AWS_SECRET_ACCESS_KEY=" + viewerSecret},
		append(args, "--bundle", g.bundle, "--endpoint", g.url)...)
	cmd.Stdin = strings.NewReader(stdin)
	return output(t, cmd)
}

func (g *guide) lens(t *testing.T) {
	token := g.realm.token(t, "u-1", seller)
	had, err := g.exchange(t, map[string]string{g.realm.name: token})
	require.NoError(t, err)
	there := strings.NewReplacer("http://"+g.realm.name, "https://"+guideRealm, g.realm.name, guideRealm, *had.IdentityId, guideIdentity)
	got := there.Replace(g.look(t, token, "whoami", "--token", "-")) + "\n"
	got = regexp.MustCompile("until .*").ReplaceAllString(got, "until 2026-11-23T06:00:00Z")
	got = regexp.MustCompile("TokenIssueTime = .*").ReplaceAllString(got, "TokenIssueTime = 2026-11-23T05:00:00Z")
	require.Equal(t, g.shown, got)
	require.Contains(t, g.look(t, "", "identities", "lookup", "--provider", g.realm.name, "--sub", "u-1"), *had.IdentityId)

	require.Contains(t, g.look(t, g.facebook, "whoami", "--token", "-", "--provider", "graph.facebook.com"), "role/Shopper")
	response := g.corp.Respond(t, nil)
	require.Contains(t, g.look(t, response, "whoami", "--token", "-", "--provider", guideCorp), "aws:PrincipalTag/dept = books")
	_, err = g.exchange(t, map[string]string{guideCorp: response})
	require.NoError(t, err, "looking at a response leaves it good")
}

// exchange is the enhanced flow with the guide's pool.
func (g *guide) exchange(t *testing.T, logins map[string]string) (*ci.GetCredentialsForIdentityOutput, error) {
	t.Helper()
	pools := newPools(g.url, nil)
	id, err := pools.GetId(t.Context(), &ci.GetIdInput{IdentityPoolId: aws.String(guidePool), Logins: logins})
	if err != nil {
		return nil, err
	}
	return pools.GetCredentialsForIdentity(t.Context(), &ci.GetCredentialsForIdentityInput{IdentityId: id.IdentityId, Logins: logins})
}

// caller is the ARN of who signs with credentials.
func (g *guide) caller(t *testing.T, got *ci.GetCredentialsForIdentityOutput) string {
	t.Helper()
	c := got.Credentials
	out, err := newSTS(g.url, static(*c.AccessKeyId, *c.SecretKey, *c.SessionToken)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	return *out.Arn
}
