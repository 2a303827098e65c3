package identity_test

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// testedBundle has a role with a path and tags, a pool that makes tags of
// claims, and a suite whose identities are IDENTITY and GUEST.
var testedBundle = map[string]string{
	"rowan.yaml": `{account: "111122223333", region: us-east-1}`,
	"pools/shop.yaml": `
identityPool:
  id: us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa
  authenticated: Player
  unauthenticated: Visitor
  guestServices: [dynamodb]
  developerProvider: login.shop.example
  providers:
    cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E:
      clients: [d1]
      principalTags: {team: "custom:team", level: "custom:level", lost: "custom:lost"}
`,
	"roles/Player.yaml":  "path: /game/\ntags: {Team: role, cost: \"7\"}\ntrust: " + trustText("authenticated"),
	"roles/Visitor.yaml": "tags: {team: role}\ntrust: " + trustText("unauthenticated"),
	"tests/agreement_test.yaml": `
suite: agreement
identities:
  user:
    role: Player
    identityId: IDENTITY
    authenticated: true
    provider: cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E
    claims: {sub: 7d3f, "custom:team": red, "custom:level": "3", "custom:lost": [a, b]}
  guest: {role: Visitor, identityId: GUEST}
tests:
  - {name: user, as: user, request: {action: "dynamodb:ListTables", resource: "*"}, expect: {decision: implicitDeny}}
  - {name: guest, as: guest, request: {action: "dynamodb:ListTables", resource: "*"}, expect: {decision: implicitDeny}}
`,
}

// TestSessionContextIsWhatTestsSay logs in at a pool of a bundle, opens the
// session that comes out, and compares its context with the one that the
// bundle's unit tests are decided with: what passes there holds here.
func TestSessionContextIsWhatTestsSay(t *testing.T) {
	ctx, at, store, ring := context.Background(), &clock{noon}, identity.NewMemory(), newRing(t)
	require.NoError(t, store.Update(ctx, func(tx identity.Tx) error { return tx.Insert(poolKey()) }))
	account, err := loadTested(t, testedBundle).IdentityAccount()
	require.NoError(t, err)
	s := newShop(t, nil) // for its user pool and its tokens
	pools, err := identity.New(ctx, identity.Options{
		Account: account, Store: store, Sessions: ring, Storage: ring, Issuer: issuer, Now: at.now, Random: rand.Reader,
		Verifiers: map[string]identity.Verifier{directory: s.options.Verifiers[directory]},
	})
	require.NoError(t, err)
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Account, o.Store, o.Keys = account, store, ring })

	logins := map[string]string{directory: s.token(directory, "7d3f", claims{"custom:team": "red", "custom:level": "3", "custom:lost": []string{"a", "b"}})}
	user, userID := openedAt(t, pools, sessions, logins)
	guest, guestID := openedAt(t, pools, sessions, nil)

	files := maps.Clone(testedBundle)
	files["tests/agreement_test.yaml"] = strings.NewReplacer("IDENTITY", userID, "GUEST", guestID).Replace(files["tests/agreement_test.yaml"])
	suites, err := loadTested(t, files).Suites()
	require.NoError(t, err)
	require.Len(t, suites[0].Tests, 2)
	for i, caller := range []*engine.Caller{user, guest} {
		question, err := suites[0].Tests[i].Cells[0].Question(noon)
		require.NoError(t, err)
		tested := map[string][]string{}
		for key, values := range question.Request.Context.All() {
			if engine.SessionKey(key) {
				tested[key] = values
			}
		}
		require.Equal(t, tested, keysOf(caller))
		require.Equal(t, question.Request.Principal, caller.Principal)
		require.Equal(t, question.Evaluator.Session == nil, caller.Evaluator.Session == nil)
	}
	require.Equal(t, []string{"red"}, keysOf(user)["aws:PrincipalTag/team"])
	require.NotNil(t, guest.Evaluator.Session, "guests have a session policy")
}

// openedAt returns the caller of new credentials of a pool, and the identity.
func openedAt(t *testing.T, pools *identity.Pools, sessions *identity.Sessions, logins map[string]string) (*engine.Caller, string) {
	t.Helper()
	id, err := pools.GetID(context.Background(), &identity.GetIDInput{IdentityPoolID: poolID, Logins: logins})
	require.NoError(t, err)
	out, err := pools.GetCredentialsForIdentity(context.Background(), &identity.GetCredentialsForIdentityInput{IdentityID: id.IdentityID, Logins: logins})
	require.NoError(t, err)
	session, err := sessions.Open(context.Background(), out.Credentials.AccessKeyID, out.Credentials.Token)
	require.NoError(t, err)
	caller, err := sessions.Caller(session)
	require.NoError(t, err)
	return caller, id.IdentityID
}

func loadTested(t *testing.T, files map[string]string) *bundle.Bundle {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := bundle.Load(fsys, "tested", conditions.AWS())
	require.NoError(t, err)
	return b
}
