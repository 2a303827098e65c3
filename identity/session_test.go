package identity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

const (
	accountID   = "111122223333"
	playerARN   = "arn:aws:iam::111122223333:role/game/Player"
	playerID    = "AROAPLAYERPLAYER2345"
	poolID      = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	aliceID     = "us-east-1:aaaaaaaa-95d3-4a47-9c67-0c2f1de6b7aa"
	accessKeyID = "ASIAABCDEFGHIJKLMNOP"
	scoresARN   = "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores"
	pool        = "cognito-identity.amazonaws.com"
)

// ownRows lets a caller read the rows of their identity id.
const ownRows = `{"Version": "2012-10-17", "Statement": [{"Sid": "Own", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*",
	"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}}]}`

func compiled(t testing.TB, kind policy.Kind, texts ...string) *engine.Set {
	t.Helper()
	docs := make([]*policy.Document, len(texts))
	for i, text := range texts {
		var err error
		docs[i], err = policy.Parse(fmt.Sprintf("%s[%d]", kind, i), []byte(text))
		require.NoError(t, err)
	}
	set, err := engine.Compile(conditions.AWS(), kind, docs...)
	require.NoError(t, err)
	return set
}

// gameAccount has one role, whose sessions may use their own rows.
func gameAccount(t testing.TB) *identity.Account {
	t.Helper()
	return &identity.Account{
		ID: accountID, Partition: "aws", Region: "us-east-1", Vocabulary: conditions.AWS(),
		Roles: map[string]*identity.Role{playerARN: {
			ARN: playerARN, UniqueID: playerID, Identity: compiled(t, policy.Identity, ownRows),
			Tags: []identity.Tag{{Key: "Team", Value: "role"}, {Key: "cost", Value: "7"}}, MaxSession: time.Hour,
		}},
	}
}

// aliceSession is an hour of alice, from noon.
func aliceSession() *identity.Session {
	return &identity.Session{
		AccessKeyID: accessKeyID, Secret: identity.NewSecret([]byte("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
		Account: accountID, Partition: "aws", RoleARN: playerARN, RoleID: playerID,
		SessionName: "CognitoIdentityCredentials", IdentityID: aliceID, PoolID: poolID,
		Authenticated: true, AMR: []string{"authenticated", "accounts.google.com"},
		Provider: pool, Subject: "alice", Keys: []identity.ContextKey{{Name: "accounts.google.com:sub", Values: []string{"10769150350006150715113082367"}}},
		Tags:     []identity.Tag{{Key: "team", Value: "red"}},
		IssuedAt: noon, Expires: noon.Add(time.Hour), ID: "6f1d",
	}
}

// guestSession is an hour of a guest who may read alone.
func guestSession() *identity.Session {
	s := aliceSession()
	s.Authenticated, s.AMR, s.Subject, s.Keys, s.Tags = false, []string{"unauthenticated"}, "", nil, nil
	s.Policies = []string{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}}`}
	return s
}

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// newSessions returns Sessions that know the revocations of the store.
func newSessions(t testing.TB, now func() time.Time, change func(*identity.SessionsOptions)) *identity.Sessions {
	t.Helper()
	o := identity.SessionsOptions{Account: gameAccount(t), Keys: newRing(t), Store: identity.NewMemory(), Now: now}
	if change != nil {
		change(&o)
	}
	s, err := identity.NewSessions(o)
	require.NoError(t, err)
	require.NoError(t, s.Refresh(context.Background()))
	return s
}

func sealed(t testing.TB, s *identity.Session) string {
	t.Helper()
	token, err := newRing(t).SealSession(s.IssuedAt, s)
	require.NoError(t, err)
	return token
}

// TestSealSessionRefuses changes one thing of a session that is sealed without
// it.
func TestSealSessionRefuses(t *testing.T) {
	sealed(t, aliceSession())
	sealed(t, guestSession())
	for name, change := range map[string]func(*identity.Session){
		"zero value":                  func(s *identity.Session) { *s = identity.Session{} },
		"long-term access key":        func(s *identity.Session) { s.AccessKeyID = "AKIAABCDEFGHIJKLMNOP" },
		"access key of 21":            func(s *identity.Session) { s.AccessKeyID += "A" },
		"access key in lower case":    func(s *identity.Session) { s.AccessKeyID = strings.ToLower(s.AccessKeyID) },
		"no secret":                   func(s *identity.Session) { s.Secret = identity.Secret{} },
		"short secret":                func(s *identity.Session) { s.Secret = identity.NewSecret(make([]byte, 39)) },
		"role of another account":     func(s *identity.Session) { s.Account = "444455556666" },
		"role of another partition":   func(s *identity.Session) { s.Partition = "aws-cn" },
		"user for a role":             func(s *identity.Session) { s.RoleARN = strings.Replace(playerARN, ":role/", ":user/", 1) },
		"session for a role":          func(s *identity.Session) { s.RoleARN = "arn:aws:sts::111122223333:assumed-role/Player/x" },
		"no role":                     func(s *identity.Session) { s.RoleARN = "" },
		"user's unique id":            func(s *identity.Session) { s.RoleID = "AIDAPLAYERPLAYER2345" },
		"no role id":                  func(s *identity.Session) { s.RoleID = "" },
		"session name of 1":           func(s *identity.Session) { s.SessionName = "a" },
		"session name of 65":          func(s *identity.Session) { s.SessionName = strings.Repeat("a", 65) },
		"session name with a slash":   func(s *identity.Session) { s.SessionName = "a/b" },
		"session name with a colon":   func(s *identity.Session) { s.SessionName = "a:b" },
		"source identity with spaces": func(s *identity.Session) { s.SourceIdentity = "a b" },
		"identity without a pool":     func(s *identity.Session) { s.PoolID = "" },
		"pool without an identity":    func(s *identity.Session) { s.IdentityID = "" },
		"amr without either":          func(s *identity.Session) { s.PoolID, s.IdentityID = "", "" },
		"no amr":                      func(s *identity.Session) { s.AMR = nil },
		"guest with alice's amr":      func(s *identity.Session) { s.Authenticated = false },
		"alice with a guest's amr":    func(s *identity.Session) { s.AMR = []string{"unauthenticated"} },
		"amr of both kinds":           func(s *identity.Session) { s.AMR = append(s.AMR, "unauthenticated") },
		"key of the principal":        func(s *identity.Session) { s.Keys[0].Name = "aws:PrincipalArn" },
		"key of a service":            func(s *identity.Session) { s.Keys[0].Name = "dynamodb:LeadingKeys" },
		"key of the pool":             func(s *identity.Session) { s.Keys[0].Name = "Cognito-Identity.amazonaws.com:sub" },
		"key without a value":         func(s *identity.Session) { s.Keys[0].Values = nil },
		"key twice": func(s *identity.Session) {
			s.Keys = append(s.Keys, identity.ContextKey{Name: "Accounts.google.com:SUB", Values: []string{"x"}})
		},
		"tag twice":             func(s *identity.Session) { s.Tags = append(s.Tags, identity.Tag{Key: "TEAM", Value: "blue"}) },
		"tag without a key":     func(s *identity.Session) { s.Tags[0].Key = "" },
		"tag of AWS":            func(s *identity.Session) { s.Tags[0].Key = "AWS:team" },
		"tag with a long value": func(s *identity.Session) { s.Tags[0].Value = strings.Repeat("ä", 257) },
		"unknown transitive":    func(s *identity.Session) { s.TransitiveTags = []string{"Team"} },
		"invalid UTF-8":         func(s *identity.Session) { s.Subject = "\xff" },
		"invalid UTF-8 in a policy": func(s *identity.Session) {
			s.Policies = []string{"\xff"}
		},
		"policies too many":  func(s *identity.Session) { s.Policies = make([]string, 12) },
		"no life":            func(s *identity.Session) { s.Expires = s.IssuedAt },
		"life of 13 hours":   func(s *identity.Session) { s.Expires = s.IssuedAt.Add(13 * time.Hour) },
		"half a second":      func(s *identity.Session) { s.IssuedAt = s.IssuedAt.Add(time.Second / 2) },
		"no issue time":      func(s *identity.Session) { s.IssuedAt = time.Time{} },
		"half a second ago":  func(s *identity.Session) { s.MFA, s.AuthTime = true, noon.Add(-time.Second/2) },
		"no session id":      func(s *identity.Session) { s.ID = "" },
		"a long session id":  func(s *identity.Session) { s.ID = strings.Repeat("a", 129) },
		"too large in total": func(s *identity.Session) { s.Policies = []string{strings.Repeat(" ", 6000)} },
	} {
		s := aliceSession()
		change(s)
		_, err := newRing(t).SealSession(noon, s)
		require.Error(t, err, name)
	}
}

// TestSessionSize meets the bound of a token from both sides.
func TestSessionSize(t *testing.T) {
	s := aliceSession()
	s.Policies = []string{""}
	room := identity.MaxSessionToken*3/4 - len(sealed(t, s))*3/4
	s.Policies = []string{strings.Repeat(" ", room)}
	require.LessOrEqual(t, len(sealed(t, s)), identity.MaxSessionToken)
	s.Policies = []string{strings.Repeat(" ", room+3)}
	_, err := newRing(t).SealSession(noon, s)
	require.ErrorIs(t, err, identity.ErrSessionSize)
}
