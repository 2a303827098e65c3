package identity_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

// anySession is a session of any sort, from a time on.
func anySession(t *rapid.T, from time.Time) *identity.Session {
	s := rapid.SampledFrom([]func() *identity.Session{aliceSession, guestSession}).Draw(t, "kind")()
	text := rapid.StringMatching(`[a-zA-Z0-9+=,.@_-]{2,64}`)
	free := rapid.StringOfN(rapid.RuneFrom([]rune(`aZ0 .:/=+-@_"\<&éß漢😀`)), 0, 64, -1)
	s.AccessKeyID = "ASIA" + rapid.StringMatching(`[A-Z2-7]{16}`).Draw(t, "access key")
	s.Secret = identity.NewSecret([]byte(rapid.StringMatching(`[A-Za-z0-9/+]{40}`).Draw(t, "secret")))
	s.SessionName, s.ID = text.Draw(t, "name"), text.Draw(t, "id")
	s.Subject = free.Draw(t, "subject")
	if rapid.Bool().Draw(t, "has a source") {
		s.SourceIdentity = text.Draw(t, "source")
	}
	s.Tags, s.TransitiveTags = nil, nil
	for _, key := range rapid.SliceOfNDistinct(rapid.StringMatching(`[b-z0-9 _.:/=+@-]{1,128}`), 0, 10, rapid.ID[string]).Draw(t, "tags") {
		s.Tags = append(s.Tags, identity.Tag{Key: key, Value: free.Draw(t, "value")})
		if rapid.Bool().Draw(t, "transitive") {
			s.TransitiveTags = append(s.TransitiveTags, key)
		}
	}
	s.Policies = nil
	if rapid.Bool().Draw(t, "policies") {
		s.Policies = rapid.SliceOfN(rapid.Just(ownRows), 0, 3).Draw(t, "of the session")
	}
	if s.Authenticated {
		s.MFA = rapid.Bool().Draw(t, "MFA")
		s.AuthTime = from.Add(-time.Duration(rapid.IntRange(0, 1e6).Draw(t, "signed in")) * time.Second)
	}
	s.IssuedAt = from
	s.Expires = from.Add(time.Duration(rapid.IntRange(1, int(identity.MaxSessionLife/time.Second)).Draw(t, "life")) * time.Second)
	return s
}

// rotation is two keys, of which the old one opens for longer than it seals.
func rotation(t *rapid.T) (old, fresh identity.Key) {
	seconds := func(name string) time.Duration {
		return time.Duration(rapid.IntRange(1, 50_000).Draw(t, name)) * time.Second
	}
	old, fresh = testKey(1), testKey(2)
	old.SealUntil = noon.Add(seconds("seals for"))
	old.OpenUntil = old.SealUntil.Add(seconds("opens for"))
	fresh.SealFrom = old.SealUntil
	return old, fresh
}

// TestReplicasAgreeOnEveryToken seals on one replica and opens on another that
// has the same keys: any session, from any time about a rotation of keys, opens
// whole until it ends or the key that sealed it does, to the second, and not
// after. One that was open before has no other answer.
func TestReplicasAgreeOnEveryToken(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		old, fresh := rotation(rt)
		at := &clock{noon.Add(time.Duration(rapid.IntRange(0, 60_000).Draw(rt, "issued")) * time.Second)}
		want := anySession(rt, at.at)
		token, err := newRing(rt, old, fresh).SealSession(at.at, want)
		require.NoError(rt, err)
		replica := func() *identity.Sessions {
			return newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys = newRing(rt, fresh, old) })
		}
		before := replica()
		_, err = before.Open(ctx, want.AccessKeyID, token)
		require.NoError(rt, err)

		ends := want.Expires
		key := fresh
		if at.at.Before(old.SealUntil) {
			key = old
		}
		around := rapid.SampledFrom([]time.Time{ends, old.OpenUntil, old.SealUntil, at.at.Add(time.Minute)}).Draw(rt, "around")
		if at.at = around.Add(time.Duration(rapid.IntRange(-1, 1).Draw(rt, "and")) * time.Second); at.at.Before(want.IssuedAt) {
			at.at = want.IssuedAt
		}
		var expected error
		switch {
		case !key.OpenUntil.IsZero() && !at.at.Before(key.OpenUntil):
			expected = identity.ErrSessionToken
		case !at.at.Before(ends):
			expected = identity.ErrSessionExpired
		}
		require.NoError(rt, before.Refresh(ctx))
		for _, s := range []*identity.Sessions{before, replica()} {
			got, err := s.Open(ctx, want.AccessKeyID, token)
			require.ErrorIs(rt, err, expected)
			if expected != nil {
				require.Nil(rt, got)
				continue
			}
			require.NoError(rt, err)
			require.Equal(rt, fields(t, want), fields(t, got))
			require.True(rt, want.Secret.Equal(got.Secret))
			require.Equal(rt, want.Policies == nil, got.Policies == nil)
		}
	})
}

// TestReplicasAgreeOnBadTokens has two answer alike for tokens with one change,
// tokens of a key that is none of theirs, and noise.
func TestReplicasAgreeOnBadTokens(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		old, fresh := rotation(rt)
		at := &clock{noon}
		s := anySession(rt, noon)
		token, err := newRing(rt, old, fresh).SealSession(noon, s)
		require.NoError(rt, err)
		one := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys = newRing(rt, old, fresh) })
		two := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys = newRing(rt, fresh, old) })
		_, err = one.Open(ctx, s.AccessKeyID, token) // and keeps it
		require.NoError(rt, err)
		key, bad := s.AccessKeyID, token
		switch rapid.IntRange(0, 4).Draw(rt, "change") {
		case 0:
			raw := []byte(token)
			raw[rapid.IntRange(0, len(raw)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
			bad = string(raw)
		case 1:
			bad = base64.RawURLEncoding.EncodeToString(rapid.SliceOf(rapid.Byte()).Draw(rt, "noise"))
		case 2:
			key = rapid.SampledFrom([]string{"", strings.ToLower(key), key[:19] + "2", key[:19]}).Draw(rt, "access key")
		case 3:
			stranger := testKey(1)
			stranger.Secret = identity.NewSecret([]byte(strings.Repeat("s", 32)))
			bad, err = newRing(rt, stranger).SealSession(noon, s)
			require.NoError(rt, err)
		case 4:
			bad = token[:rapid.IntRange(0, len(token)-1).Draw(rt, "length")]
		}
		for _, replica := range []*identity.Sessions{one, two} {
			got, err := replica.Open(ctx, key, bad)
			if key == s.AccessKeyID && bad == token {
				require.NoError(rt, err)
				continue
			}
			require.Equal(rt, identity.ErrSessionToken, err)
			require.Nil(rt, got)
		}
	})
}
