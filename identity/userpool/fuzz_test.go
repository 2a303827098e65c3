package userpool

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func FuzzSRPA(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "2", "ff", "FF", "-5", "0x5", "1_0", srpPrimeHex, strings.Repeat("f", 768), strings.Repeat("f", 769)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseSRPA(text)
		if err != nil {
			require.ErrorIs(t, err, errSRP)
			return
		}
		require.Positive(t, a.Sign())
		require.Negative(t, a.Cmp(srpN))
		require.NotEqual(t, "1", a.String())
		require.Equal(t, strings.TrimLeft(strings.ToLower(text), "0"), a.Text(16))
	})
}

// FuzzRespond answers challenges with whatever. It must be refused with an
// error that a client may see: nothing of the input proves a password.
func FuzzRespond(f *testing.F) {
	fix := newFixture(f)
	fix.user(plainPool, "jane")
	fix.user(strictPool, "jane")
	out, err := fix.signIn(strict, "jane", password)
	require.NoError(f, err)
	values, err := fix.srpAnswers(web, "jane", otherSecret)
	require.NoError(f, err)
	srp, err := json.Marshal(values)
	require.NoError(f, err)
	for _, challenge := range []string{challengeVerifier, challengeNewPassword, challengeTOTP, challengeSetup, "CUSTOM_CHALLENGE"} {
		f.Add(web, challenge, "", srp)
		f.Add(strict, challenge, string(out.Session), []byte(`{"USERNAME":"jane","SOFTWARE_TOKEN_MFA_CODE":"123456","NEW_PASSWORD":"x"}`))
		f.Add(private, challenge, "x", []byte(`{"USERNAME":"jane","SECRET_HASH":"x"}`))
	}
	f.Fuzz(func(t *testing.T, clientID, challenge, session string, responses []byte) {
		var values map[string]Sensitive
		if json.Unmarshal(responses, &values) != nil {
			return
		}
		fix.forget(t)
		got, err := fix.respond(clientID, challenge, Sensitive(session), values)
		require.Error(t, err)
		require.Nil(t, got)
		var e *identity.Error
		require.True(t, errors.As(err, &e), "%v", err)
		require.NotEqual(t, identity.InternalError, e.Code)
	})
}

// forget ends the limits on guesses, behind which nothing is read any more.
func (f *fixture) forget(t *testing.T) {
	require.NoError(t, f.store.Update(ctx, func(tx identity.Tx) error {
		for _, group := range []string{plainPool, strictPool, ""} {
			counters, err := tx.List(kindAttempts, group, "", 1000)
			if err != nil {
				return err
			}
			for _, r := range counters {
				if err := tx.Delete(r.Kind, r.Key); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// FuzzSRPProof answers an SRP challenge with the right proof but for what the
// input says: only what proves the password as it was asked for is taken.
func FuzzSRPProof(f *testing.F) {
	fix := newFixture(f, plainPool)
	fix.user(plainPool, "jane")
	f.Add("", "", "", "", false)
	f.Add("jane", "Mon Nov 23 05:00:00 UTC 2026", "AAAA", "AAAA", false)
	f.Add("JANE", "Mon Nov  3 05:00:00 UTC 2026", "=", "\n", true)
	f.Add("\x00", "Mon Nov 23 05:00:00 UTC 2026 ", "", strings.Repeat("A", 5000), true)
	f.Fuzz(func(t *testing.T, name, stamp, proof, block string, behind bool) {
		fix.t = t
		fix.forget(t)
		fix.clock.pass(time.Minute)
		values, err := fix.srpAnswers(web, "jane", password)
		require.NoError(t, err)
		good := maps.Clone(values)
		for member, text := range map[string]string{
			"USERNAME": name, "TIMESTAMP": stamp, "PASSWORD_CLAIM_SIGNATURE": proof, "PASSWORD_CLAIM_SECRET_BLOCK": block,
		} {
			switch {
			case text == "":
			case behind:
				values[member] += Sensitive(text)
			default:
				values[member] = Sensitive(text)
			}
		}
		out, err := fix.respond(web, challengeVerifier, "", values)
		if err != nil {
			require.NotEqual(t, identity.InternalError, identity.CodeOf(err))
			require.NotEqual(t, good, values)
			return
		}
		require.NotNil(t, out.AuthenticationResult)
		for member, value := range good {
			if member != "USERNAME" { // has other spellings
				require.Equal(t, value, values[member], member)
			}
		}
		require.True(t, strings.EqualFold(string(good["USERNAME"]), string(values["USERNAME"])) || name == "")
	})
}

// FuzzBearer presents changed tokens wherever a token is taken: only a token as
// it was given, at its own place, opens anything.
func FuzzBearer(f *testing.F) {
	fix := newFixture(f, plainPool)
	fix.user(plainPool, "jane")
	tokens := fix.tokens(web, "jane")
	given := []string{string(tokens.AccessToken), string(tokens.IDToken), string(tokens.RefreshToken)}
	for i := range uint8(3) {
		f.Add(i, uint16(0), uint16(0), "", false)
		f.Add(i, uint16(0), uint16(40), "eyJhbGciOiJub25lIn0", false)
		f.Add(i, uint16(60), uint16(9), "AAAA", false)
		f.Add(i, uint16(10000), uint16(0), "=", false)
		f.Add(i, uint16(0), uint16(0), "e30.e30.e30", true)
	}
	verifier := fix.Verifier(plainPool, loginKey)
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, text string, whole bool) {
		token := given[int(which)%len(given)]
		from := min(int(at), len(token))
		token = token[:from] + text + token[min(from+int(cut), len(token)):]
		if whole {
			token = text
		}
		taken := func(good string, err error) {
			if err == nil {
				require.Equal(t, good, token)
				return
			}
			require.NotEqual(t, identity.InternalError, identity.CodeOf(err))
		}
		_, err := fix.GetUser(ctx, &GetUserInput{Sensitive(token)})
		taken(given[0], err)
		_, err = verifier.Verify(ctx, token, []string{web})
		taken(given[1], err)
		_, err = fix.refresh(web, Sensitive(token))
		taken(given[2], err)
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{``, `email = "x"`, `email ^= "x\"y"`, `username="a"`, `status = "Enabled"`, `name = "\\"`, `a`, `= ""`} {
		f.Add(seed)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text)
		if err != nil {
			require.Equal(t, identity.InvalidParameter, identity.CodeOf(err))
			return
		}
		if text == "" {
			require.Equal(t, filter{}, got)
			return
		}
		operator := " = "
		if got.prefix {
			operator = " ^= "
		}
		printed := got.attribute + operator + `"` + quote.Replace(got.value) + `"`
		if len(printed) > maxFilter {
			return
		}
		again, err := parseFilter(printed)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"jane", "ＪＡＮＥ", "ß", "ﬀ", "a\u0301", "İ", "jane@example.com", `"a b"@c.de`, "a@b@c.de"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if text, ok := normal(s); ok {
			again, ok := normal(text)
			require.True(t, ok)
			require.Equal(t, text, again)
		}
		if validEmail(s) {
			require.NotContains(t, s, "\n")
			require.Equal(t, 1, strings.Count(s, "@"))
			require.NotEmpty(t, maskEmail(s))
		}
	})
}
