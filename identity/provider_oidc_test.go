package identity_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

const idpName = "idp.example.com/realms/a"

// idpClaims are those of a good token at noon, changed; nil removes a claim.
func idpClaims(changes claims) claims {
	all := claims{"iss": "https://" + idpName, "sub": "alice", "aud": "app", "iat": noon.Unix(), "exp": noon.Unix() + 600}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func idpToken(t testing.TB, changes claims) string {
	t.Helper()
	token, err := oidc.Sign(signer(), idpClaims(changes))
	require.NoError(t, err)
	return token
}

func atNoon() time.Time { return noon }

func idpKeys() oidc.Keys { return oidc.NewKeySet(signer().Public()) }

// issuerOf verifies tokens of the issuer with that name.
func issuerOf(t testing.TB, name string) identity.Verifier {
	t.Helper()
	p := &identity.OIDCProvider{Name: name, Issuer: "https://" + name, Algorithms: []string{signer().Algorithm}}
	v, err := identity.NewOIDCVerifier(p, idpKeys(), atNoon, 5*time.Minute)
	require.NoError(t, err)
	return v
}

func keyList(keys []identity.ContextKey) map[string][]string {
	all := map[string][]string{}
	for _, k := range keys {
		all[k.Name] = k.Values
	}
	return all
}

func TestOIDCLogin(t *testing.T) {
	token := idpToken(t, claims{
		"aud": []string{"app", "api"}, "azp": "mobile", "amr": []string{"pwd", "mfa"}, "email": "alice@example.com", "email_verified": true,
		"auth_time": noon.Unix() - 60, "jti": "t1", "groups": []string{"players"},
	})
	l, err := issuerOf(t, idpName).Verify(t.Context(), token, []string{"app", "mobile"})
	require.NoError(t, err)
	require.Equal(t, []string{idpName, "alice", "https://" + idpName, "mobile", "t1"}, []string{l.Provider, l.Subject, l.Issuer, l.Audience, l.ID})
	require.Equal(t, noon.Add(10*time.Minute), l.Expires)
	require.Equal(t, noon.Add(-time.Minute), l.AuthTime)
	require.False(t, l.MFA, "a provider's word is no second factor of ours")
	require.Equal(t, []any{"players"}, l.Claims["groups"])
	require.Equal(t, map[string][]string{
		idpName + ":sub": {"alice"}, idpName + ":aud": {"mobile"}, idpName + ":amr": {"pwd", "mfa"},
	}, keyList(l.Keys))
	require.Equal(t, map[string][]string{idpName + ":azp": {"mobile"}, idpName + ":email": {"alice@example.com"}}, keyList(l.TrustKeys))

	l, err = issuerOf(t, idpName).Verify(t.Context(), idpToken(t, nil), []string{"app"})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{idpName + ":sub": {"alice"}, idpName + ":aud": {"app"}}, keyList(l.Keys))
	require.Empty(t, l.TrustKeys)
	require.True(t, l.AuthTime.IsZero())
}

func TestGoogleLogin(t *testing.T) {
	google := issuerOf(t, "accounts.google.com")
	for _, issuer := range []string{"accounts.google.com", "https://accounts.google.com"} {
		l, err := google.Verify(t.Context(), idpToken(t, claims{"iss": issuer, "azp": "phone", "amr": []string{"pwd"}}), []string{"app", "phone"})
		require.NoError(t, err)
		require.Equal(t, "accounts.google.com", l.Provider)
		require.Equal(t, issuer, l.Issuer)
		require.Equal(t, map[string][]string{"accounts.google.com:sub": {"alice"}, "accounts.google.com:aud": {"phone"}}, keyList(l.Keys))
		require.Equal(t, map[string][]string{"accounts.google.com:oaud": {"app"}, "accounts.google.com:azp": {"phone"}}, keyList(l.TrustKeys))
	}
	for _, issuer := range []string{"http://accounts.google.com", "https://accounts.google.com/", "google.com", "Accounts.google.com"} {
		_, err := google.Verify(t.Context(), idpToken(t, claims{"iss": issuer}), []string{"app"})
		refused(t, err, identity.NotAuthorized, "Issuer doesn't match providerName")
	}
	// Nobody else has a second name.
	_, err := issuerOf(t, idpName).Verify(t.Context(), idpToken(t, claims{"iss": idpName}), []string{"app"})
	refused(t, err, identity.NotAuthorized, "Issuer doesn't match providerName")
}

func TestOnlyVerifiedAddressesAreKeys(t *testing.T) {
	for _, c := range []struct {
		verified any
		key      bool
	}{{true, true}, {"true", true}, {false, false}, {"false", false}, {"TRUE", false}, {1, false}, {nil, false}} {
		l, err := issuerOf(t, idpName).Verify(t.Context(), idpToken(t, claims{"email": "root@example.com", "email_verified": c.verified}), []string{"app"})
		require.NoError(t, err)
		require.Equal(t, c.key, len(l.TrustKeys) == 1, "%v", c.verified)
	}
}

// Each token differs in one thing from one that is taken, and the answer is the
// one that clients know.
func TestLoginRefusals(t *testing.T) {
	v := issuerOf(t, idpName)
	_, err := v.Verify(t.Context(), idpToken(t, nil), []string{"app"})
	require.NoError(t, err)
	forged := idpToken(t, nil)
	forged = forged[:len(forged)-8] + "AAAAAAAA"
	unix := noon.Unix()
	for name, c := range map[string]struct {
		token   string
		clients []string
		want    string
	}{
		"expired":            {idpToken(t, claims{"exp": unix - 300}), nil, fmt.Sprintf("Token expired: %d >= %d", unix, unix-300)},
		"forged":             {forged, nil, "Couldn't verify signed token."},
		"other issuer":       {idpToken(t, claims{"iss": "https://idp.example.com/realms/b"}), nil, "Issuer doesn't match providerName"},
		"access token":       {idpToken(t, claims{"aud": nil, "client_id": "app"}), nil, "Missing a required claim: aud"},
		"without subject":    {idpToken(t, claims{"sub": nil}), nil, "Missing a required claim: sub"},
		"for somebody else":  {idpToken(t, claims{"aud": "them"}), nil, "Incorrect token audience."},
		"for a client gone":  {idpToken(t, nil), []string{"other"}, "Incorrect token audience."},
		"no clients":         {idpToken(t, nil), []string{}, "Incorrect token audience."},
		"of tomorrow":        {idpToken(t, claims{"nbf": unix + 301}), nil, "Token is not valid yet."},
		"long subject":       {idpToken(t, claims{"sub": strings.Repeat("a", 256)}), nil, "Not a valid OpenId Connect identity token."},
		"auth_time is text":  {idpToken(t, claims{"auth_time": "now"}), nil, "Not a valid OpenId Connect identity token."},
		"no token":           {"", nil, "Not a valid OpenId Connect identity token."},
		"too long a token":   {idpToken(t, claims{"x": strings.Repeat("x", 40_000)}), nil, "Not a valid OpenId Connect identity token."},
		"base64 of nothing":  {"e30.e30.e30", nil, "Couldn't verify signed token."},
		"not a token at all": {"<script>", nil, "Not a valid OpenId Connect identity token."},
	} {
		t.Run(name, func(t *testing.T) {
			if c.clients == nil {
				c.clients = []string{"app"}
			}
			l, err := v.Verify(t.Context(), c.token, c.clients)
			require.Nil(t, l)
			refused(t, err, identity.NotAuthorized, "Invalid login token. "+c.want)
			require.NotContains(t, err.Error(), "script")
		})
	}
}

// STS has errors of its own for these, and finds the reason in the cause.
func TestRefusalsKeepTheirCause(t *testing.T) {
	for _, cause := range []error{
		&oidc.ExpiredError{Now: noon, Exp: noon}, &oidc.MissingClaimError{Claim: "aud"}, oidc.ErrSignature, oidc.ErrUnknownKey, oidc.ErrIssuer,
		oidc.ErrAudience, oidc.ErrNotYet, oidc.ErrMalformed, oidc.ErrTokenUse, oidc.ErrUnavailable,
	} {
		err := identity.RefuseToken(fmt.Errorf("wrapped: %w", cause))
		require.ErrorIs(t, err, cause)
		require.NotContains(t, err.Error(), "wrapped")
		want := identity.NotAuthorized
		if errors.Is(cause, oidc.ErrUnavailable) {
			want = identity.ExternalService
		}
		require.Equal(t, want, err.Code)
	}
}

type noKeys struct{}

func (noKeys) Key(context.Context, string, string) (crypto.PublicKey, error) {
	return nil, fmt.Errorf("%w: https://10.0.0.1/keys refused", oidc.ErrUnavailable)
}

func TestLoginWhileTheProviderIsAway(t *testing.T) {
	v, err := identity.NewUserPoolVerifier("pool", "https://pool.example", noKeys{}, atNoon)
	require.NoError(t, err)
	token, err := oidc.Sign(oidc.SigningKey{ID: "k", Algorithm: "RS256", Key: signer().Key}, idpClaims(nil))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), token, []string{"app"})
	refused(t, err, identity.ExternalService, "could not be reached")
	require.NotContains(t, err.Error(), "10.0.0.1")
}

func TestUserPoolLogin(t *testing.T) {
	const name, issuer = "cognito-idp.us-east-1.amazonaws.com/us-east-1_Ex4mpl3", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ex4mpl3"
	key := oidc.SigningKey{ID: "k", Algorithm: "RS256", Key: signer().Key}
	v, err := identity.NewUserPoolVerifier(name, issuer, oidc.NewKeySet(key.Public()), atNoon)
	require.NoError(t, err)
	verify := func(changes claims) (*identity.Login, error) {
		all := idpClaims(claims{"iss": issuer, "token_use": "id"})
		maps.Copy(all, changes)
		token, err := oidc.Sign(key, all)
		require.NoError(t, err)
		return v.Verify(t.Context(), token, []string{"app"})
	}
	l, err := verify(claims{"auth_time": noon.Unix(), "cognito:groups": []string{"g"}})
	require.NoError(t, err)
	require.Equal(t, name, l.Provider)
	require.Equal(t, map[string][]string{name + ":sub": {"alice"}, name + ":aud": {"app"}}, keyList(l.Keys))
	for want, changes := range map[string]claims{
		"Not a valid OpenId Connect identity token.": {"token_use": "access"},
		"Issuer doesn't match providerName":          {"iss": issuer + "2"},
		"Incorrect token audience.":                  {"aud": "them"},
		"Token expired: ":                            {"exp": noon.Unix()}, // there is no skew
	} {
		_, err := verify(changes)
		refused(t, err, identity.NotAuthorized, "Invalid login token. "+want)
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	base := identity.OIDCProvider{Name: idpName, Issuer: "https://" + idpName}
	verifier := func(p identity.OIDCProvider, keys oidc.Keys, now func() time.Time, skew time.Duration) error {
		_, err := identity.NewOIDCVerifier(&p, keys, now, skew)
		return err
	}
	require.NoError(t, verifier(base, idpKeys(), atNoon, 0))
	require.NoError(t, verifier(base, idpKeys(), atNoon, 5*time.Minute))
	require.NoError(t, verifier(identity.OIDCProvider{Name: "127.0.0.1:8080/a", Issuer: "http://127.0.0.1:8080/a"}, idpKeys(), atNoon, 0))
	require.Error(t, verifier(base, nil, atNoon, 0))
	require.Error(t, verifier(base, idpKeys(), nil, 0))
	require.Error(t, verifier(base, idpKeys(), atNoon, -1))
	require.Error(t, verifier(base, idpKeys(), atNoon, 5*time.Minute+1))
	for name, p := range map[string]identity.OIDCProvider{
		"no name":         {Issuer: "https://"},
		"another issuer":  {Name: idpName, Issuer: "https://idp.example.com"},
		"plain issuer":    {Name: idpName, Issuer: "http://" + idpName},
		"no issuer":       {Name: idpName},
		"HMAC":            {Name: idpName, Issuer: base.Issuer, Algorithms: []string{"RS256", "HS256"}},
		"none":            {Name: idpName, Issuer: base.Issuer, Algorithms: []string{"none"}},
		"Amazon":          {Name: "www.amazon.com", Issuer: "https://www.amazon.com"},
		"Twitter":         {Name: "api.twitter.com", Issuer: "https://api.twitter.com"},
		"Facebook's name": {Name: "graph.facebook.com", Issuer: "https://graph.facebook.com"},
	} {
		require.Error(t, verifier(p, idpKeys(), atNoon, 0), name)
	}
	_, err := identity.NewUserPoolVerifier("", "https://pool.example", idpKeys(), atNoon)
	require.Error(t, err)
	_, err = identity.NewUserPoolVerifier("pool", "", idpKeys(), atNoon)
	require.Error(t, err)
}

// A provider whose algorithms are not told has RS256 alone.
func TestAlgorithmsOfAProvider(t *testing.T) {
	key := func(alg string) oidc.SigningKey {
		return oidc.SigningKey{ID: alg, Algorithm: alg, Key: signer().Key}
	}
	keys := oidc.NewKeySet(key("RS256").Public(), key("RS512").Public())
	for _, c := range []struct {
		allowed []string
		alg     string
		taken   bool
	}{{nil, "RS256", true}, {nil, "RS512", false}, {[]string{"RS512"}, "RS512", true}, {[]string{"RS512"}, "RS256", false}} {
		v, err := identity.NewOIDCVerifier(&identity.OIDCProvider{Name: idpName, Issuer: "https://" + idpName, Algorithms: c.allowed}, keys, atNoon, 0)
		require.NoError(t, err)
		token, err := oidc.Sign(key(c.alg), idpClaims(nil))
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), token, []string{"app"})
		if c.taken {
			require.NoError(t, err)
		} else {
			refused(t, err, identity.NotAuthorized, "Couldn't verify signed token.")
		}
	}
}
