package e2e_test

import (
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

const revoke = "/admin/sessions/revoke"

// held is a session that somebody has.
type held struct {
	identity string
	keys     aws.CredentialsProvider
}

// sessions are new ones of two pools, by names of our own: of a guest, two of
// jane, one of eve, who has jane's role, and of staff, who is jane in another
// pool, one of the role that the pool chose and one that STS gave.
func (f *shopServer) sessions() map[string]held {
	f.t.Helper()
	jane, eve := logins(f.signIn("jane").IdToken), logins(f.signIn("eve").IdToken)
	out := map[string]held{}
	for name, of := range map[string]struct {
		pool  string
		login map[string]string
	}{
		"guest": {rulesPool, nil}, "jane": {rulesPool, jane}, "jane again": {rulesPool, jane}, "eve": {rulesPool, eve}, "staff": {tokenPool, jane},
	} {
		id, keys, err := f.exchange(of.pool, of.login)
		require.NoError(f.t, err)
		out[name] = held{id, keys}
	}
	id := out["staff"].identity
	open, err := f.pools(nil).GetOpenIdToken(f.t.Context(), &ci.GetOpenIdTokenInput{IdentityId: aws.String(id), Logins: jane})
	require.NoError(f.t, err)
	got, err := f.sts(nil).AssumeRoleWithWebIdentity(f.t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/Basic"), RoleSessionName: aws.String("app1"), WebIdentityToken: open.Token,
	})
	require.NoError(f.t, err)
	c := got.Credentials
	out["staff at STS"] = held{id, static(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)}
	return out
}

// ended reports whether a server takes a session no more.
func ended(t *testing.T, client *sts.Client) bool {
	t.Helper()
	_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		require.Equal(t, "InvalidClientTokenId", refusal.ErrorCode())
		return true
	}
	require.NoError(t, err)
	return false
}

// TestGoRevocationReach ends what was issued before and is named, nothing else,
// and nothing that is issued afterwards.
func TestGoRevocationReach(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	f.signUp("eve")
	_, err := f.operator().AdminAddUserToGroup(t.Context(), &cip.AdminAddUserToGroupInput{
		UserPoolId: aws.String(userPool), Username: aws.String("jane"), GroupName: aws.String("staff"),
	})
	require.NoError(t, err)
	role := func(name string) map[string]any {
		return map[string]any{"RoleArn": "arn:aws:iam::" + account + ":role/" + name}
	}
	for name, c := range map[string]struct {
		what func(map[string]held) map[string]any
		ends []string
	}{
		"an identity": {
			func(s map[string]held) map[string]any { return map[string]any{"IdentityId": s["jane"].identity} },
			[]string{"jane", "jane again"},
		},
		"an identity of the basic flow": {
			func(s map[string]held) map[string]any { return map[string]any{"IdentityId": s["staff"].identity} },
			[]string{"staff", "staff at STS"},
		},
		"a role":           {func(map[string]held) map[string]any { return role("Shopper") }, []string{"eve", "jane", "jane again"}},
		"a role of guests": {func(map[string]held) map[string]any { return role("Guest") }, []string{"guest"}},
		"a role at STS":    {func(map[string]held) map[string]any { return role("Basic") }, []string{"staff at STS"}},
		"a pool": {
			func(map[string]held) map[string]any { return map[string]any{"IdentityPoolId": rulesPool} },
			[]string{"eve", "guest", "jane", "jane again"},
		},
		"another pool": {
			func(map[string]held) map[string]any { return map[string]any{"IdentityPoolId": tokenPool} },
			[]string{"staff", "staff at STS"},
		},
		"a session": {func(s map[string]held) map[string]any {
			keys, err := s["jane"].keys.Retrieve(t.Context())
			require.NoError(t, err)
			session, err := f.Current().Sessions.Open(t.Context(), keys.AccessKeyID, keys.SessionToken)
			require.NoError(t, err)
			return map[string]any{"SessionId": session.ID}
		}, []string{"jane"}},
		"what was issued long ago": {func(map[string]held) map[string]any {
			return map[string]any{"IdentityPoolId": rulesPool, "Before": f.clock.now().Add(-time.Minute).Unix()}
		}, nil},
	} {
		f.advance(2 * time.Second) // past the cut of before
		sessions := f.sessions()
		gone := func() (out []string) {
			for _, name := range slices.Sorted(maps.Keys(sessions)) {
				if ended(t, f.sts(sessions[name].keys)) {
					out = append(out, name)
				}
			}
			return out
		}
		require.Empty(t, gone(), "before %s", name)
		status, answer := f.ask(operatorKey, operatorSecret, revoke, c.what(sessions))
		require.Equal(t, http.StatusOK, status, "%s: %v", name, answer)
		require.Equal(t, c.ends, gone(), name)
	}
}

func TestGoRevocationRefuses(t *testing.T) {
	f := serveShop(t)
	id, keys, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	const role = "arn:aws:iam::" + account + ":role/Guest"
	soon := time.Now().Add(time.Hour).Unix()
	for name, c := range map[string]struct {
		what map[string]any
		code string
	}{
		"nothing":                {map[string]any{}, "InvalidParameterException"},
		"a time alone":           {map[string]any{"Before": 1}, "InvalidParameterException"},
		"two things":             {map[string]any{"IdentityId": id, "RoleArn": role}, "InvalidParameterException"},
		"a time to come":         {map[string]any{"IdentityId": id, "Before": soon}, "InvalidParameterException"},
		"a session's time":       {map[string]any{"SessionId": "6f1d", "Before": 1}, "InvalidParameterException"},
		"no identity id":         {map[string]any{"IdentityId": "jane"}, "InvalidParameterException"},
		"a role by its name":     {map[string]any{"RoleArn": "Guest"}, "InvalidParameterException"},
		"a role that is not":     {map[string]any{"RoleArn": role + "s"}, "InvalidParameterException"},
		"a session's ARN":        {map[string]any{"RoleArn": assumed("Guest", poolSession)}, "InvalidParameterException"},
		"a pool by its name":     {map[string]any{"IdentityPoolId": "rules"}, "InvalidParameterException"},
		"a member in other case": {map[string]any{"identityId": id}, "SerializationException"},
	} {
		status, answer := f.ask(operatorKey, operatorSecret, revoke, c.what)
		require.Equal(t, []any{http.StatusBadRequest, c.code}, []any{status, answer["__type"]}, "%s: %v", name, answer)
		require.False(t, ended(t, f.sts(keys)), name)
	}
}

const (
	// revocationBound is how soon a server knows of what another revoked. Source:
	// docs/serving.md.
	revocationBound = 2 * time.Second
	// revocationSlack is for asking, and for a machine that is busy with tests.
	revocationSlack = 8 * time.Second
)

// TestRevocationBound measures how long a second server takes sessions that a
// first one revoked. Both are the program, as it is, with one store and one key
// file.
func TestRevocationBound(t *testing.T) {
	for name, store := range map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "rowan.db") },
		"PostgreSQL": needs.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := filepath.Join(t.TempDir(), "keys.json")
			require.NoError(t, rowan(t, nil, "keys", "new", keys).Run())
			bundle, secrets := writeShop(t)
			args := []string{"--bundle", bundle, "--secrets", secrets, "--keys", keys, "--store", store(t)}
			took := revokeAndWatch(t, startRowan(t, nil, args...).url, startRowan(t, nil, args...).url)
			slices.Sort(took)
			t.Logf("another server refused %d revoked sessions %v (median) and %v (the last) after the revocation was answered; the bound is %v",
				len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), revocationBound)
			require.Less(t, took[len(took)-1], revocationBound+revocationSlack)
		})
	}
}

// revokeAndWatch revokes guests at one server, one after another so that they
// meet the other's poll at several moments, and returns how long after the
// answer the other refused each.
func revokeAndWatch(t *testing.T, here, there string) []time.Duration {
	t.Helper()
	const guests = 8
	type guest struct {
		held
		client  *sts.Client // of the other server
		revoked time.Time
	}
	all := make([]guest, guests+1)
	for i := range all {
		h := newGuest(t, here)
		all[i] = guest{held: h, client: newSTS(there, h.keys)}
		require.False(t, ended(t, all[i].client), "one server takes what the other issued")
	}
	spared, waiting := all[guests], all[:guests]
	var took []time.Duration
	next := time.Now()
	for revoked := 0; len(took) < guests; time.Sleep(10 * time.Millisecond) {
		if now := time.Now(); revoked < guests && !now.Before(next) {
			g := &waiting[revoked]
			status, answer := ask(t, here, static(operatorKey, operatorSecret, ""), revoke, map[string]string{"IdentityId": g.identity}, now)
			require.Equal(t, http.StatusOK, status, "%v", answer)
			g.revoked = time.Now()
			require.True(t, ended(t, newSTS(here, g.keys)), "where it was revoked it is over at once")
			revoked, next = revoked+1, now.Add(revocationBound/guests)
		}
		for i := range waiting[:revoked] {
			g := &waiting[i]
			if g.client != nil && ended(t, g.client) {
				took = append(took, time.Since(g.revoked))
				g.client = nil
			}
		}
		require.True(t, next.Add(revocationBound+4*revocationSlack).After(time.Now()), "revocations do not arrive")
	}
	require.False(t, ended(t, spared.client), "who was not revoked")
	return took
}

// newGuest is a new guest of a server.
func newGuest(t *testing.T, url string) held {
	t.Helper()
	pools := newPools(url, nil)
	id, err := pools.GetId(t.Context(), &ci.GetIdInput{IdentityPoolId: aws.String(rulesPool)})
	require.NoError(t, err)
	out, err := pools.GetCredentialsForIdentity(t.Context(), &ci.GetCredentialsForIdentityInput{IdentityId: id.IdentityId})
	require.NoError(t, err)
	c := out.Credentials
	return held{*id.IdentityId, static(*c.AccessKeyId, *c.SecretKey, *c.SessionToken)}
}
