package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/sigv4"
	"github.com/rowan-authz/rowan/identity/userpool"
)

const (
	deskURL    = "https://rowan.example"
	deskKey    = "AKIAROWANDEMO0000001"
	deskSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// desk is a deployment of the demo's bundle, in which alice signed up, and what an operator needs to
// ask about it.
type desk struct {
	login *demoLogin
	alice *demoUser
	args  []string // --store, --keys, --url
	env   map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	file, err := identity.GenerateKeys(rand.Reader, time.Now())
	require.NoError(t, err)
	keys := filepath.Join(dir, "keys.json")
	require.NoError(t, os.WriteFile(keys, file, 0o600))
	sealing, storage, err := keyrings(file)
	require.NoError(t, err)
	address := "sqlite:" + filepath.Join(dir, "rowan.db")
	s, err := store.Open(ctx, address, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	d := &desk{args: []string{"--store", address, "--keys", keys, "--url", deskURL}, env: map[string]string{}}
	d.login, err = newDemoLogin(ctx, localOptions{bundle: b, store: s, sealing: sealing, storage: storage, issuer: deskURL, now: time.Now})
	require.NoError(t, err)
	d.alice, err = d.login.enter(ctx, "alice")
	require.NoError(t, err)
	return d
}

// run runs a command line with a standard input.
func (d *desk) run(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	p := &process{
		stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, now: time.Now,
		terminal: func(any) bool { return false }, getenv: func(name string) string { return d.env[name] },
	}
	status = p.run(args)
	return status, out.String(), errs.String()
}

// serve answers an operator's questions as rowan serve does, behind signatures.
func (d *desk) serve(t *testing.T) (endpoint string) {
	t.Helper()
	verifier, err := sigv4.New(sigv4.Options{
		Region: "us-east-1", Services: []string{"rowan"}, REST: true, Now: time.Now, MaxBody: 1 << 20,
		Lookup: func(_ context.Context, id, token string) (sigv4.Credential, error) {
			if id != deskKey || token != "" {
				return sigv4.Credential{}, sigv4.ErrUnknownKey
			}
			return sigv4.Credential{Secret: []byte(deskSecret)}, nil
		},
	})
	require.NoError(t, err)
	ask := localQuestions{d.login.local}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := func(v any, err error) {
			var e *identity.Error
			if errors.As(err, &e) {
				w.WriteHeader(http.StatusBadRequest)
				v = map[string]string{"__type": string(e.Code), "message": e.Message}
			}
			_ = json.NewEncoder(w).Encode(v)
		}
		verified, err := verifier.Verify(r)
		if err != nil {
			answer(nil, identity.Errorf("AccessDeniedException", "%v", err))
			return
		}
		var in struct {
			IdentityPoolID, IdentityID string
			Provider, Subject          string
			Logins                     map[string]string
		}
		if err := json.Unmarshal(verified.Body, &in); err != nil {
			answer(nil, identity.Errorf(identity.InvalidParameter, "%v", err))
			return
		}
		switch {
		case r.URL.Path == "/admin/whoami":
			answer(ask.whoami(r.Context(), in.IdentityPoolID, in.Logins))
		case in.IdentityID != "":
			answer(ask.describe(r.Context(), in.IdentityID))
		default:
			answer(ask.lookup(r.Context(), in.IdentityPoolID, in.Provider, in.Subject))
		}
	}))
	t.Cleanup(server.Close)
	d.env["AWS_ACCESS_KEY_ID"], d.env["AWS_SECRET_ACCESS_KEY"] = deskKey, deskSecret
	return server.URL
}

// TestWhoami wants the way from a token to the session's context keys, from the store and from a
// server, the same from both.
func TestWhoami(t *testing.T) {
	d := newDesk(t)
	status, local, complaints := d.run(d.alice.token+"\n", append([]string{"whoami", "--token", "-"}, d.args...)...)
	require.Empty(t, complaints)
	require.Zero(t, status)
	for _, want := range []string{
		"\n  cognito-idp.us-east-1.amazonaws.com/us-east-1_Players01 (userPool)\n",
		"\n  claim cognito:groups is not there\n",
		`✗ rule 1: cognito:groups Contains "referees" gives Referee: `,
		"\nidentity\n  " + d.alice.identityID + "\n",
		"\nrole\n  arn:aws:iam::111122223333:role/Player\n",
		"\ntrust policy, sts:AssumeRoleWithWebIdentity\n  ✓ allowed\n",
		"\n  cognito-identity.amazonaws.com:sub = " + d.alice.identityID + "\n",
		"\n  aws:PrincipalArn = arn:aws:iam::111122223333:role/Player\n",
	} {
		require.Contains(t, "\n"+local, want)
	}
	require.NotContains(t, local, d.alice.token)

	asked := []string{"whoami", "--token", d.alice.token, "--endpoint", d.serve(t)}
	status, remote, complaints := d.run("", asked...)
	require.Empty(t, complaints)
	require.Zero(t, status)
	masked := func(s string) string { // the one key that is the time
		var out []string
		for line := range strings.Lines(s) {
			if !strings.Contains(line, "aws:TokenIssueTime") {
				out = append(out, line)
			}
		}
		return strings.Join(out, "")
	}
	require.Equal(t, masked(local), masked(remote))

	status, text, _ := d.run("", append(asked, "--format", "json")...)
	require.Zero(t, status)
	var lens identity.Lens
	require.NoError(t, json.Unmarshal([]byte(text), &lens))
	require.Equal(t, d.alice.identityID, lens.IdentityID)
	require.Equal(t, "Contains", lens.Logins[0].Mapping.Rules[0].Match)

	status, _, complaints = d.run("", "whoami", "--token", d.alice.token+"x", "--endpoint", asked[len(asked)-1])
	require.Equal(t, exitUnmet, status)
	require.Contains(t, complaints, "the login is refused: ")
	d.env["AWS_SECRET_ACCESS_KEY"] = deskSecret + "x"
	status, _, complaints = d.run("", asked...)
	require.Equal(t, exitUsage, status)
	require.Contains(t, complaints, "AccessDeniedException")
}

// TestWhoamiOfAReferee wants the rule that matched, and its role; a group more is all that differs
// from TestWhoami.
func TestWhoamiOfAReferee(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	_, err := d.login.users.AdminAddUserToGroup(ctx, &userpool.AdminAddUserToGroupInput{
		UserPoolID: "us-east-1_Players01", Username: "alice", GroupName: "referees",
	})
	require.NoError(t, err)
	in, err := d.login.users.InitiateAuth(ctx, &userpool.InitiateAuthInput{
		AuthFlow: "USER_PASSWORD_AUTH", ClientID: d.login.client,
		AuthParameters: map[string]userpool.Sensitive{"USERNAME": "alice", "PASSWORD": demoPassword},
	})
	require.NoError(t, err)
	status, out, _ := d.run(string(in.AuthenticationResult.IDToken), append([]string{"whoami", "--token", "-"}, d.args...)...)
	require.Zero(t, status)
	require.Contains(t, out, "\n  claim cognito:groups = referees\n")
	require.Contains(t, out, `✓ rule 1: cognito:groups Contains "referees" gives Referee: `)
	require.Contains(t, out, "\nrole\n  arn:aws:iam::111122223333:role/Referee\n")
}

// TestIdentitiesLookup wants the identity of a sub, and the sub of an identity, from the store and
// from a server.
func TestIdentitiesLookup(t *testing.T) {
	d := newDesk(t)
	user, err := d.login.users.AdminGetUser(t.Context(), &userpool.AdminGetUserInput{UserPoolID: "us-east-1_Players01", Username: "alice"})
	require.NoError(t, err)
	sub := ""
	for _, a := range user.UserAttributes {
		if a.Name == "sub" {
			sub = a.Value
		}
	}
	require.NotEmpty(t, sub)
	for _, from := range [][]string{d.args, {"--endpoint", d.serve(t)}} {
		for _, by := range [][]string{{"--sub", sub}, {"--identity", d.alice.identityID}} {
			status, out, complaints := d.run("", append(append([]string{"identities", "lookup"}, by...), from...)...)
			require.Empty(t, complaints)
			require.Zero(t, status)
			require.Contains(t, out, "identity  "+d.alice.identityID+"\n")
			require.Contains(t, out, "login     cognito-idp.us-east-1.amazonaws.com/us-east-1_Players01 (userPool): "+sub+", since ")
		}
		for _, by := range [][]string{{"--sub", "nobody"}, {"--sub", sub, "--provider", "accounts.google.com"}, {"--identity", "us-east-1:00000000-0000-0000-0000-000000000000"}} {
			status, out, complaints := d.run("", append(append([]string{"identities", "lookup"}, by...), from...)...)
			require.Equal(t, exitUnmet, status, "%v", by)
			require.Empty(t, out)
			require.NotEmpty(t, complaints)
		}
	}
}

// TestOperatorRefuses wants no question to make a store, to write to one, or to send a token where
// others could read it.
func TestOperatorRefuses(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.db")
	fresh := filepath.Join(dir, "fresh.db")
	s, err := store.Open(t.Context(), "sqlite:"+fresh, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody to ask":   {nil, "want --endpoint of a rowan serve, or --store with --keys and --url"},
		"two to ask":      {append([]string{"--endpoint", "https://rowan.example"}, d.args...), "want --endpoint of a rowan serve, or --store with --keys and --url"},
		"no keys":         {d.args[:2], "--store wants --keys and --url too"},
		"no store":        {append([]string{"--store", "sqlite:" + missing}, d.args[2:]...), "no such file"},
		"unserved store":  {append([]string{"--store", "sqlite:" + fresh}, d.args[2:]...), "nothing is written"},
		"no credentials":  {[]string{"--endpoint", "https://rowan.example"}, "no AWS_ACCESS_KEY_ID or no AWS_SECRET_ACCESS_KEY"},
		"in the clear":    {[]string{"--endpoint", "http://rowan.example"}, "want https, or http on loopback"},
		"almost loopback": {[]string{"--endpoint", "http://localhost.example"}, "want https, or http on loopback"},
		"no address":      {[]string{"--endpoint", "rowan.example"}, "want an address such as https://rowan.example"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, complaints := d.run("", append([]string{"identities", "lookup", "--sub", "a"}, c.args...)...)
			require.Equal(t, exitUsage, status)
			require.Empty(t, out)
			require.Contains(t, complaints, c.want)
		})
	}
	require.NoFileExists(t, missing)
	status, _, complaints := d.run("", append([]string{"whoami", "--token", "not a token"}, d.args...)...)
	require.Equal(t, exitUsage, status)
	require.Contains(t, complaints, "say which with --provider")
	status, _, complaints = d.run("", append([]string{"identities", "lookup"}, d.args...)...)
	require.Equal(t, exitUsage, status)
	require.Contains(t, complaints, "want --sub or --identity")
}

// TestLocalTakesFullBundle wants identity and userpool to take all that the loader lets pass.
func TestLocalTakesFullBundle(t *testing.T) {
	const dir = "../../testdata/bundles/full"
	b, err := bundle.Load(os.DirFS(dir), dir, conditions.AWS())
	require.NoError(t, err)
	sealing, storage, err := newKeys(time.Now())
	require.NoError(t, err)
	l, err := newLocal(t.Context(), localOptions{
		bundle: b, store: identity.NewMemory(), sealing: sealing, storage: storage, issuer: deskURL, sender: unsent{}, now: time.Now,
		foreign: func(*identity.OIDCProvider) (oidc.Keys, error) { return oidc.NewKeySet(), nil },
	})
	require.NoError(t, err)
	out, err := l.pools.DescribeIdentityPool(t.Context(), &identity.DescribeIdentityPoolInput{IdentityPoolID: "eu-west-1:0d9c"})
	require.NoError(t, err)
	require.Equal(t, "shop", out.IdentityPoolName)
	_, ok := l.users.KeySet("eu-west-1_Staff1")
	require.True(t, ok)
}
