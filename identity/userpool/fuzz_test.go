package userpool

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

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
		got, err := fix.respond(clientID, challenge, Sensitive(session), values)
		require.Error(t, err)
		require.Nil(t, got)
		var e *identity.Error
		require.True(t, errors.As(err, &e), "%v", err)
		require.NotEqual(t, identity.InternalError, e.Code)
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
