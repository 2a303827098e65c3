package identity_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func rawToken(t testing.TB, token string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	return raw
}

func TestSessionComesBackWhole(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	full := aliceSession()
	full.SourceIdentity, full.TransitiveTags, full.MFA, full.AuthTime = "alice@example.com", []string{"team"}, true, noon.Add(-time.Minute)
	full.Policies = []string{ownRows, ownRows}
	nothing := aliceSession()
	nothing.Policies = []string{}
	for name, want := range map[string]*identity.Session{"alice": aliceSession(), "guest": guestSession(), "full": full, "empty policies": nothing} {
		got, err := sessions.Open(context.Background(), accessKeyID, sealed(t, want))
		require.NoError(t, err, name)
		require.Equal(t, want.Policies == nil, got.Policies == nil, name)
		again, err := newRing(t).SealSession(noon, got)
		require.NoError(t, err, name)
		require.Equal(t, len(sealed(t, want)), len(again), name)
		require.Equal(t, fields(t, want), fields(t, got), name)
		require.True(t, want.Secret.Equal(got.Secret), name)
	}
}

// fields are the exported fields of a session.
func fields(t *testing.T, s *identity.Session) map[string]any {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	out := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// TestThreatSessionTokenBitFlip flips each bit of each character of a token.
func TestThreatSessionTokenBitFlip(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	token := sealed(t, guestSession())
	_, err := sessions.Open(context.Background(), accessKeyID, token)
	require.NoError(t, err)
	for i := range len(token) * 8 {
		flipped := []byte(token)
		flipped[i/8] ^= 1 << (i % 8)
		_, err := sessions.Open(context.Background(), accessKeyID, string(flipped))
		require.Equal(t, identity.ErrSessionToken, err, "bit %d", i)
	}
}

// TestThreatSessionTokenSloppyBase64 writes the same bytes in other ways.
func TestThreatSessionTokenSloppyBase64(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	s := aliceSession()
	token := sealed(t, s)
	for len(token)%4 != 2 { // so that the last character has bits to spare
		s.Subject += "x"
		token = sealed(t, s)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	loose := digits[strings.IndexByte(digits, token[len(token)-1])+1]
	for name, other := range map[string]string{
		"padded":       token + "==",
		"tail bits":    token[:len(token)-1] + string(loose),
		"line end":     token[:20] + "\n" + token[20:],
		"return":       token + "\r",
		"space":        " " + token,
		"standard":     base64.RawStdEncoding.EncodeToString(append(rawToken(t, token), 0xff, 0xff)),
		"over-long":    token + strings.Repeat("A", identity.MaxSessionToken),
		"twice":        token + token,
		"empty":        "",
		"JSON of ours": `{"ak":"` + accessKeyID + `"}`,
	} {
		_, err := sessions.Open(context.Background(), accessKeyID, other)
		require.Equal(t, identity.ErrSessionToken, err, name)
	}
	_, err := sessions.Open(context.Background(), accessKeyID, token)
	require.NoError(t, err)
}

// TestThreatSessionTokenSwap presents a token with the access key of another
// session, and halves of two.
func TestThreatSessionTokenSwap(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	guest := guestSession()
	guest.AccessKeyID = "ASIAABCDEFGHIJKLMNOQ"
	mine, theirs := sealed(t, aliceSession()), sealed(t, guest)
	for name, x := range map[string]struct{ key, token string }{
		"alice's token":      {guest.AccessKeyID, mine},
		"the guest's":        {accessKeyID, theirs},
		"halves":             {accessKeyID, mine[:len(mine)/2] + theirs[len(theirs)/2:]},
		"a head and a body":  {accessKeyID, theirs[:22] + mine[22:]},
		"no key":             {"", mine},
		"key in lower case":  {strings.ToLower(accessKeyID), mine},
		"key and part of it": {accessKeyID + mine[:1], mine[1:]},
	} {
		_, err := sessions.Open(context.Background(), x.key, x.token)
		require.Equal(t, identity.ErrSessionToken, err, name)
	}
	for key, token := range map[string]string{accessKeyID: mine, guest.AccessKeyID: theirs} {
		_, err := sessions.Open(context.Background(), key, token)
		require.NoError(t, err)
	}
}

// sealBody seals what an issuer of our own keys might wrongly write.
func sealBody(t testing.TB, body []byte) string {
	t.Helper()
	raw, err := newRing(t).Seal(noon, identity.PurposeSession, []byte(accessKeyID), body)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func bodyOf(t testing.TB, s *identity.Session) []byte {
	t.Helper()
	body, err := newRing(t).Open(noon, identity.PurposeSession, []byte(accessKeyID), rawToken(t, sealed(t, s)))
	require.NoError(t, err)
	return body
}

// TestThreatSessionPolicyDropped seals bodies of which one member is missing,
// null, unknown, double or spelt in another case. What cannot be understood to
// the byte does not open; least of all a body without session policies.
func TestThreatSessionPolicyDropped(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	body := bodyOf(t, guestSession())
	_, err := sessions.Open(context.Background(), accessKeyID, sealBody(t, body))
	require.NoError(t, err)

	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &members))
	require.Contains(t, members, "pol")
	refused := func(name, text string) {
		require.True(t, json.Valid([]byte(text)), name)
		_, err := sessions.Open(context.Background(), accessKeyID, sealBody(t, []byte(text)))
		require.Equal(t, identity.ErrSessionToken, err, name)
	}
	for name, value := range members {
		member := `"` + name + `":` + string(value)
		require.Contains(t, string(body), member)
		change := func(fresh string) string { return strings.Replace(string(body), member, fresh, 1) }
		without := strings.NewReplacer(","+member, "", member+",", "").Replace(string(body))
		refused(name+" missing", without)
		refused(name+" in upper case", change(`"`+strings.ToUpper(name)+`":`+string(value)))
		refused(name+" twice", change(member+","+member))
		refused(name+" and in upper case", change(member+`,"`+strings.ToUpper(name)+`":`+string(value)))
		refused(name+" with a space", change(`"`+name+`": `+string(value)))
		refused(name+" of an unknown type", change(`"`+name+`":{"x":1}`))
		refused(name+" with an unknown neighbour", change(member+`,"new":1`))
	}
	refused("escaped", strings.Replace(string(body), `"pol"`, `"p\u006fl"`, 1))
	refused("array", "["+string(body)+"]")
	refused("null", "null")
	_, err = sessions.Open(context.Background(), accessKeyID, sealBody(t, append(bytes.Clone(body), ' ')))
	require.Equal(t, identity.ErrSessionToken, err, "trailing space")
}

// TestThreatSecretFromToken looks for the secret in the bytes of a token, and
// tries each public way to it without the key or for another purpose. Source:
// identity-protocol §3.3.
func TestThreatSecretFromToken(t *testing.T) {
	s := aliceSession()
	one, two := sealed(t, s), sealed(t, s)
	require.NotEqual(t, one, two, "nothing in a token follows from the session alone")
	secret := s.Secret.Reveal()
	for i := range len(secret) - 4 {
		require.NotContains(t, string(rawToken(t, one)), string(secret[i:i+4]))
		require.NotContains(t, one, string(secret[i:i+4]))
	}
	stranger := newRing(t, func() identity.Key { k := testKey(9); k.ID = 1; return k }())
	for _, aad := range [][]byte{nil, []byte(accessKeyID)} {
		_, err := stranger.Open(noon, identity.PurposeSession, aad, rawToken(t, one))
		require.Equal(t, identity.ErrSealed, err)
		for _, purpose := range []identity.Purpose{"", identity.PurposeAuth, identity.PurposeSRP, identity.PurposePage, identity.PurposeVerifier, identity.PurposeSigningKey, identity.PurposeCode} {
			_, err := newRing(t).Open(noon, purpose, aad, rawToken(t, one))
			require.Equal(t, identity.ErrSealed, err, "%s", purpose)
		}
	}
	at := &clock{noon}
	other := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys = stranger })
	_, err := other.Open(context.Background(), accessKeyID, one)
	require.Equal(t, identity.ErrSessionToken, err)
}

// zeros is randomness that is the same each time, so that the fuzzer takes a
// text which behaves in a new way for one.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzOpenSession opens any text as a token, and any text that our own key
// sealed.
func FuzzOpenSession(f *testing.F) {
	ring, err := identity.NewKeyring([]identity.Key{testKey(1)}, zeros{})
	require.NoError(f, err)
	for _, s := range []*identity.Session{aliceSession(), guestSession()} {
		f.Add(accessKeyID, sealed(f, s), bodyOf(f, s))
	}
	f.Add("", "", []byte(`{"pol":[]}`))
	at := &clock{noon}
	o := identity.SessionsOptions{Account: gameAccount(f), Store: identity.NewMemory(), Keys: ring, Now: at.now}
	f.Fuzz(func(t *testing.T, key, token string, body []byte) {
		raw, err := ring.Seal(noon, identity.PurposeSession, []byte(accessKeyID), body)
		require.NoError(t, err)
		sessions, err := identity.NewSessions(o) // new, lest a session that is kept take another path
		require.NoError(t, err)
		require.NoError(t, sessions.Refresh(context.Background()))
		for _, token := range []string{token, base64.RawURLEncoding.EncodeToString(raw)} {
			s, err := sessions.Open(context.Background(), key, token)
			if err != nil {
				require.Nil(t, s)
				continue
			}
			require.Equal(t, key, s.AccessKeyID)
			_, err = ring.SealSession(noon, s)
			require.NoError(t, err, "what opens can be sealed")
			if _, err := sessions.Caller(s); err != nil {
				require.NotErrorIs(t, err, identity.ErrSessionToken)
			}
		}
	})
}
