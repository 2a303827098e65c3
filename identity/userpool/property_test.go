package userpool

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

// held are tokens that somebody got, with what is known of their sign-in.
type held struct {
	client, user string
	tokens       *AuthenticationResult
	ended        bool
}

// TestOperationsKeepInvariants runs random sequences of operations. Whatever
// happens, names lead to one user each, a token is good exactly as long as its
// sign-in, and nobody has tokens without all factors.
func TestOperationsKeepInvariants(t *testing.T) {
	people := []string{"jane", "joe", "ann"}
	addresses := []string{"jane@example.com", "joe@example.com"}
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t, aliasPool)
		var all []*held
		passwords, second := map[string]string{}, map[string]Sensitive{}
		end := func(user string) {
			for _, h := range all {
				if h.user == user {
					h.ended = true
				}
			}
		}
		person := rapid.SampledFrom(people)
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				name := person.Draw(t, "name")
				_, err := f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: aliasPool, Username: name, MessageAction: "SUPPRESS", UserAttributes: email(rapid.SampledFrom(addresses).Draw(t, "email")), ForceAliasCreation: rapid.Bool().Draw(t, "force")})
				if err != nil {
					f.refused(err, UsernameExists)
					return
				}
				require.NotContains(t, passwords, name)
				_, err = f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{aliasPool, name, password, true})
				require.NoError(t, err)
				passwords[name] = password
			},
			"delete": func(t *rapid.T) {
				name := person.Draw(t, "name")
				_, err := f.AdminDeleteUser(ctx, &AdminDeleteUserInput{aliasPool, name})
				require.Equal(t, passwords[name] != "", err == nil)
				delete(passwords, name)
				delete(second, name)
				end(name)
			},
			"move address": func(t *rapid.T) {
				name := person.Draw(t, "name")
				_, err := f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{aliasPool, name, []Attribute{
					{"email", rapid.SampledFrom(addresses).Draw(t, "email")}, {"email_verified", rapid.SampledFrom([]string{"true", "false"}).Draw(t, "verified")},
				}})
				if err != nil {
					require.Contains(t, []identity.Code{AliasExists, UserNotFound}, identity.CodeOf(err))
				}
			},
			"sign in": func(t *rapid.T) {
				name := person.Draw(t, "name")
				guess := rapid.SampledFrom([]string{password, otherSecret}).Draw(t, "password")
				out, err := f.signIn(alias, name, guess)
				f.clock.pass(longestLock) // no lock of what follows
				if err != nil {
					require.NotEqual(t, guess, passwords[name])
					return
				}
				require.Equal(t, guess, passwords[name])
				all = append(all, &held{client: alias, user: name, tokens: out.AuthenticationResult})
			},
			"change password": func(t *rapid.T) {
				name := person.Draw(t, "name")
				next := rapid.SampledFrom([]string{password, otherSecret}).Draw(t, "password")
				_, err := f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{aliasPool, name, Sensitive(next), true})
				require.Equal(t, passwords[name] != "", err == nil)
				if err == nil {
					passwords[name] = next
					end(name)
				}
			},
			"sign out": func(t *rapid.T) {
				if len(all) == 0 {
					return
				}
				h := rapid.SampledFrom(all).Draw(t, "held")
				if rapid.Bool().Draw(t, "globally") {
					_, err := f.AdminUserGlobalSignOut(ctx, &AdminUserGlobalSignOutInput{aliasPool, h.user})
					if err == nil {
						end(h.user)
					}
					return
				}
				_, err := f.RevokeToken(ctx, &RevokeTokenInput{Token: h.tokens.RefreshToken, ClientID: h.client})
				require.NoError(t, err)
				h.ended = true
			},
			"": func(t *rapid.T) {
				f.t = t
				f.checkNames()
				for _, h := range all {
					_, err := f.refresh(h.client, h.tokens.RefreshToken)
					require.Equal(t, h.ended, err != nil, "refresh of %s", h.user)
				}
			},
		})
	})
}

// checkNames holds the records of names to those of users, both ways.
func (f *fixture) checkNames() {
	p := f.pools[aliasPool]
	var want, got []string
	for _, r := range f.records(kindUser) {
		u := new(user)
		require.NoError(f.t, json.Unmarshal(r.Value, u))
		require.True(f.t, slices.IsSortedFunc(u.Attributes, func(a, b Attribute) int { return compare(a.Name, b.Name) }))
		for _, n := range p.names(u) {
			want = append(want, fmt.Sprint(p.key(n.text), u.Sub, n.as))
		}
	}
	for _, r := range f.records(kindName) {
		var n nameRecord
		require.NoError(f.t, json.Unmarshal(r.Value, &n))
		got = append(got, fmt.Sprint(r.Key, n.Sub, n.As))
	}
	require.ElementsMatch(f.t, want, got)
}

// TestNoTokensBeforeAllFactors tries challenges in any order with any of the
// sessions seen so far; only the two ways that prove both factors end in
// tokens.
func TestNoTokensBeforeAllFactors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t, strictPool)
		_, err := f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: strictPool, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS"})
		require.NoError(t, err)
		out, err := f.signIn(strict, "jane", password)
		require.NoError(t, err)
		sessions, proven := []Sensitive{"", out.Session}, false
		var secret Sensitive
		pick := func(t *rapid.T) Sensitive { return rapid.SampledFrom(sessions).Draw(t, "session") }
		keep := func(s Sensitive) {
			if s != "" {
				sessions = append(sessions, s)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"respond": func(t *rapid.T) {
				challenge := rapid.SampledFrom([]string{challengeNewPassword, challengeTOTP, challengeSetup}).Draw(t, "challenge")
				values := map[string]Sensitive{"USERNAME": "jane", "NEW_PASSWORD": otherSecret, "SOFTWARE_TOKEN_MFA_CODE": "000000"}
				if secret != "" && rapid.Bool().Draw(t, "knows the code") {
					values["SOFTWARE_TOKEN_MFA_CODE"] = f.totpCode(secret)
				}
				out, err := f.respond(strict, challenge, pick(t), values)
				if err != nil {
					return
				}
				keep(out.Session)
				if out.AuthenticationResult != nil {
					require.True(t, proven, "tokens without a code having been proven")
				}
			},
			"associate": func(t *rapid.T) {
				out, err := f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: pick(t)})
				if err == nil {
					secret = out.SecretCode
					keep(out.Session)
				}
			},
			"verify": func(t *rapid.T) {
				code := Sensitive("000000")
				if secret != "" && rapid.Bool().Draw(t, "knows the code") {
					code = f.totpCode(secret)
				}
				out, err := f.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{Session: pick(t), UserCode: code})
				if err == nil {
					proven = true
					keep(out.Session)
				}
			},
			"sign in": func(t *rapid.T) {
				out, err := f.signIn(strict, "jane", rapid.SampledFrom([]string{password, otherSecret}).Draw(t, "password"))
				if err != nil {
					return
				}
				require.Nil(t, out.AuthenticationResult)
				keep(out.Session)
			},
			"wait": func(*rapid.T) { f.clock.pass(time.Minute) },
		})
	})
}

func TestNormalFormIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.StringN(1, 40, -1).Draw(t, "name")
		text, ok := normal(typed)
		if !ok {
			return
		}
		again, ok := normal(text)
		require.True(t, ok)
		require.Equal(t, text, again)
		require.Empty(t, usernameRule.broken(text))
	})
}
