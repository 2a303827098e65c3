package userpool

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// The tests of this file are the rows of identity-protocol §6.3.

// outcome renders an answer, with what is random in it masked.
func outcome(out any, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	b, _ := json.Marshal(out)
	return string(b)
}

func TestThreatUserEnumeration(t *testing.T) {
	// Each call is made for users in every state and for names that nobody has.
	// Where the name is part of the answer it is masked.
	calls := map[string]func(*fixture, string) string{
		"password": func(f *fixture, name string) string {
			return outcome(f.signIn(web, name, otherSecret))
		},
		"srp": func(f *fixture, name string) string {
			values, err := f.srpAnswers(web, name, otherSecret)
			if err != nil {
				return outcome(nil, err)
			}
			shape := fmt.Sprintf("%s %d %v", values["USERNAME"].text(), len(values["PASSWORD_CLAIM_SECRET_BLOCK"])/100, err)
			return shape + outcome(f.respond(web, challengeVerifier, "", values))
		},
		"forgot": func(f *fixture, name string) string {
			out, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: name})
			if err != nil {
				return outcome(nil, err)
			}
			return masked(out.CodeDeliveryDetails)
		},
		"confirm forgot": func(f *fixture, name string) string {
			_, _ = f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: name})
			return outcome(f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: web, Username: name, ConfirmationCode: "000000", Password: otherSecret}))
		},
		"resend": func(f *fixture, name string) string {
			out, err := f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: web, Username: name})
			if err != nil {
				return outcome(nil, err)
			}
			return masked(out.CodeDeliveryDetails)
		},
	}
	for call, run := range calls {
		t.Run(call, func(t *testing.T) {
			f := newFixture(t)
			f.users()
			var want []string
			for _, name := range []string{"nobody", "ready", "unconfirmed", "unproven", "reset", "forced", "disabled"} {
				var got []string
				for range 12 { // into the limits, which must look alike too
					got = append(got, strings.ReplaceAll(run(f, name), name, "NAME"))
				}
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, name)
			}
		})
	}
	t.Run("legacy tells", func(t *testing.T) {
		f := newFixture(t)
		f.users()
		_, err := f.signIn(legacy, "nobody", otherSecret)
		f.refused(err, UserNotFound)
		_, err = f.signIn(legacy, "ready", otherSecret)
		f.refused(err, identity.NotAuthorized)
	})
}

func (s Sensitive) text() string { return string(s) }

// users makes a user in every state.
func (f *fixture) users() {
	for _, name := range []string{"ready", "reset", "disabled"} {
		f.user(plainPool, name, email(name+"@example.com")...)
	}
	f.user(plainPool, "unproven", Attribute{"email", "unproven@example.com"})
	_, err := f.signUp(web, "unconfirmed", Attribute{"email", "unconfirmed@example.com"})
	require.NoError(f.t, err)
	_, err = f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "reset"})
	require.NoError(f.t, err)
	_, err = f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "disabled"})
	require.NoError(f.t, err)
	_, err = f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: plainPool, Username: "forced", UserAttributes: email("forced@example.com")})
	require.NoError(f.t, err)
}

// masked checks the form of delivery details and hides their letters.
func masked(d *CodeDeliveryDetails) string {
	m := *d
	local, domain, _ := strings.Cut(m.Destination, "@")
	m.Destination = fmt.Sprint(len(local), local[1:], "@", len(domain), domain[1:])
	return outcome(m, nil)
}

func TestThreatUserEnumerationByStableFakes(t *testing.T) {
	f := newFixture(t)
	begin := func(client, name string) map[string]string {
		c := newSRPClient(t)
		out, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: client, AuthParameters: map[string]Sensitive{"USERNAME": Sensitive(name), "SRP_A": Sensitive(c.A.Text(16))}})
		require.NoError(t, err)
		require.Empty(t, out.Session)
		return out.ChallengeParameters
	}
	for _, c := range []struct{ client, name, again string }{{web, "nobody", "NOBODY"}, {mailer, "no@example.com", "NO@example.com"}} {
		one, two := begin(c.client, c.name), begin(c.client, c.again)
		require.Equal(t, one["SALT"], two["SALT"])
		require.Equal(t, one["USER_ID_FOR_SRP"], two["USER_ID_FOR_SRP"])
		require.NotEqual(t, one["SRP_B"], two["SRP_B"])
		require.NotEqual(t, one["SALT"], begin(c.client, "x"+c.name)["SALT"])
	}
	require.True(t, uuidLike(begin(mailer, "no@example.com")["USER_ID_FOR_SRP"]))
	details := func(name string) string {
		out, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: name})
		require.NoError(t, err)
		return out.CodeDeliveryDetails.Destination
	}
	require.Equal(t, details("nobody"), details("NOBODY"))
}

// The work for a user that does not exist is that for one that does: a hash of
// the password, by the same parameters. Time itself is not asserted.
func TestThreatUserEnumerationByWork(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	for _, name := range []string{"jane", "nobody"} {
		answers, err := f.srpAnswers(web, name, otherSecret)
		require.NoError(t, err)
		// With no slot free, whoever would compute is turned away.
		f.waiting.Store(maxWaiting)
		_, err = f.signIn(web, name, otherSecret)
		f.refused(err, identity.TooManyRequests)
		_, err = f.srpAnswers(web, name, otherSecret)
		f.refused(err, identity.TooManyRequests)
		_, err = f.respond(web, challengeVerifier, "", answers)
		f.refused(err, identity.TooManyRequests)
		f.waiting.Store(0)
		_, err = f.respond(web, challengeVerifier, "", answers)
		f.refused(err, identity.NotAuthorized)
	}
	require.Contains(t, f.dummy, "m=64,t=1,p=1", "the parameters of the pool")
}

func TestThreatSRPBadA(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	n := srpPrimeHex
	twice := new(big.Int).Lsh(srpN, 1).Text(16)
	for name, a := range map[string]string{
		"zero": "0", "zeros": strings.Repeat("0", 768), "one": "1", "N": n, "N in lower case": strings.ToLower(n), "2N": twice,
		"N+1": new(big.Int).Add(srpN, big.NewInt(1)).Text(16), "not hex": "xyz", "sign": "-5", "plus": "+5", "prefix": "0x5",
		"underscore": "1_0", "space": " 5", "769 digits": "0" + strings.Repeat("f", 768), "a million digits": strings.Repeat("f", 1e6),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "SRP_A": Sensitive(a)}})
			require.Equal(t, identity.InvalidParameter, identity.CodeOf(err))
		})
	}
	_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "SRP_A": ""}})
	f.refused(err, identity.InvalidParameter, "Missing required parameter SRP_A")
	_, err = f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "SRP_A": "2"}})
	require.NoError(t, err, "the neighbour that is in range")
}

func TestThreatSRPReplay(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	values, err := f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	_, err = f.respond(web, challengeVerifier, "", values)
	require.NoError(t, err)
	_, err = f.respond(web, challengeVerifier, "", values)
	f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	require.Len(t, f.records(kindNonce), 1)

	// A block is used up by a wrong proof too: one guess for each sign-in.
	values, err = f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	bad := maps.Clone(values)
	bad["PASSWORD_CLAIM_SIGNATURE"] = "AAAA"
	_, err = f.respond(web, challengeVerifier, "", bad)
	f.refused(err, identity.NotAuthorized)
	_, err = f.respond(web, challengeVerifier, "", values)
	f.refused(err, identity.NotAuthorized)
}

// A replica whose clock is ahead sweeps what it thinks is over. What was used
// once is remembered until it is over everywhere.
func TestThreatReplayAfterSweep(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(strictPool, "jane")
	values, err := f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	_, err = f.respond(web, challengeVerifier, "", values)
	require.NoError(t, err)
	setup, err := f.signIn(strict, "jane", password)
	require.NoError(t, err)
	_, err = f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: setup.Session})
	require.NoError(t, err)
	f.clock.pass(3*time.Minute - time.Microsecond) // the block and the session are good for so long
	_, err = f.store.Sweep(ctx, f.clock.now().Add(identity.MaxClockSkew))
	require.NoError(t, err)
	_, err = f.respond(web, challengeVerifier, "", values)
	f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	_, err = f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: setup.Session})
	f.refused(err, identity.NotAuthorized, "Invalid session for the user, session can only be used once.")
	f.clock.pass(time.Minute)
	_, err = f.store.Sweep(ctx, f.clock.now())
	require.NoError(t, err)
	require.Empty(t, f.records(kindNonce), "nor is it remembered for ever")
}

func TestThreatSRPTimestamp(t *testing.T) {
	const form = "Mon Jan 2 15:04:05 MST 2006"
	for name, c := range map[string]struct {
		shift time.Duration
		edit  func(string) string
		ok    bool
	}{
		"now":            {ok: true},
		"5 min ago":      {shift: -5 * time.Minute, ok: true},
		"in 5 min":       {shift: 5 * time.Minute, ok: true},
		"6 min ago":      {shift: -6 * time.Minute},
		"in 6 min":       {shift: 6 * time.Minute},
		"another zone":   {edit: func(s string) string { return strings.Replace(s, "UTC", "PST", 1) }},
		"wrong day":      {edit: func(s string) string { return strings.Replace(s, "Mon", "Tue", 1) }},
		"not signed for": {edit: func(s string) string { return strings.Replace(s, ":00 ", ":01 ", 1) }},
		"garbage":        {edit: func(string) string { return "now" }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.user(plainPool, "jane")
			f.skew = c.shift
			values, err := f.srpAnswers(web, "jane", password)
			require.NoError(t, err)
			stamp := f.clock.now().Add(c.shift).UTC().Format(form)
			require.Equal(t, stamp, string(values["TIMESTAMP"]))
			if c.edit != nil {
				values["TIMESTAMP"] = Sensitive(c.edit(stamp))
				require.NotEqual(t, stamp, string(values["TIMESTAMP"]))
			}
			_, err = f.respond(web, challengeVerifier, "", values)
			require.Equal(t, c.ok, err == nil, "%v", err)
		})
	}
}

func TestThreatSRPBlockElsewhere(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(plainPool, "eve")
	f.user(aliasPool, "jane")
	values, err := f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	with := func(change func(map[string]Sensitive)) map[string]Sensitive {
		v := maps.Clone(values)
		change(v)
		return v
	}
	block := values["PASSWORD_CLAIM_SECRET_BLOCK"]
	for _, try := range map[string]func() error{
		"other client": func() error { _, err := f.respond(legacy, challengeVerifier, "", values); return err },
		"other pool":   func() error { _, err := f.respond(alias, challengeVerifier, "", values); return err },
		"other user": func() error {
			_, err := f.respond(web, challengeVerifier, "", with(func(v map[string]Sensitive) { v["USERNAME"] = "eve" }))
			return err
		},
		"by an administrator": func() error {
			_, err := f.AdminRespondToAuthChallenge(ctx, &AdminRespondToAuthChallengeInput{UserPoolID: plainPool, ClientID: web, ChallengeName: challengeVerifier, ChallengeResponses: values})
			return err
		},
		"one bit": func() error {
			raw, err := base64.StdEncoding.DecodeString(string(block))
			require.NoError(t, err)
			raw[len(raw)/2] ^= 1
			_, err = f.respond(web, challengeVerifier, "", with(func(v map[string]Sensitive) {
				v["PASSWORD_CLAIM_SECRET_BLOCK"] = Sensitive(base64.StdEncoding.EncodeToString(raw))
			}))
			return err
		},
		"not base64": func() error {
			_, err := f.respond(web, challengeVerifier, "", with(func(v map[string]Sensitive) { v["PASSWORD_CLAIM_SECRET_BLOCK"] = block + "\n" }))
			return err
		},
	} {
		f.refused(try(), identity.NotAuthorized, "Incorrect username or password.")
	}
	_, err = f.respond(web, challengeVerifier, "", values)
	require.NoError(t, err, "all of these left it")

	values, err = f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	f.clock.pass(3 * time.Minute)
	_, err = f.respond(web, challengeVerifier, "", values)
	f.refused(err, identity.NotAuthorized)
}

func TestThreatSRPServerKeyWithoutPassword(t *testing.T) {
	// For a user that does not exist no signature is right, not even that of
	// the verifier that the server works with.
	f := newFixture(t)
	c := newSRPClient(t)
	out, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "nobody", "SRP_A": Sensitive(c.A.Text(16))}})
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(out.ChallengeParameters["SECRET_BLOCK"])
	require.NoError(t, err)
	block, ok := f.openBlock(f.clients[web], raw, entrance{})
	require.True(t, ok)
	require.True(t, block.Fake)
	key, err := srpServerKey(c.A, srpK, new(big.Int).SetBytes(block.Secret), new(big.Int).SetBytes(block.B))
	require.NoError(t, err)
	now := f.clock.now().Format(srpTime)
	_, err = f.respond(web, challengeVerifier, "", map[string]Sensitive{
		"USERNAME": "nobody", "TIMESTAMP": Sensitive(now), "PASSWORD_CLAIM_SECRET_BLOCK": Sensitive(out.ChallengeParameters["SECRET_BLOCK"]),
		"PASSWORD_CLAIM_SIGNATURE": Sensitive(srpSignature(key, "Plain0001", "nobody", raw, now)),
	})
	f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
}

func TestThreatSessionReplayOrCrossUse(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(plainPool, "eve")
	secret := f.enroll("jane")
	f.enroll("eve")
	f.clock.pass(time.Minute)
	out, err := f.signIn(web, "jane", password)
	require.NoError(t, err)
	answer := func(client, challenge string, session Sensitive, name string) error {
		_, err := f.respond(client, challenge, session, map[string]Sensitive{
			"USERNAME": Sensitive(name), "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret), "NEW_PASSWORD": otherSecret,
		})
		return err
	}
	flipped := []byte(out.Session)
	flipped[len(flipped)/2] ^= 1
	const message = "Invalid session for the user."
	f.refused(answer(legacy, challengeTOTP, out.Session, "jane"), identity.NotAuthorized, message)
	f.refused(answer(alias, challengeTOTP, out.Session, "jane"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeNewPassword, out.Session, "jane"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeSetup, out.Session, "jane"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeTOTP, out.Session, "eve"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeTOTP, out.Session, "nobody"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeTOTP, Sensitive(flipped), "jane"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeTOTP, "", "jane"), identity.NotAuthorized, message)
	f.refused(answer(web, challengeTOTP, "aaaaaaaaaaaaaaaaaaaaaaaaaaa", "jane"), identity.NotAuthorized, message)
	_, err = f.AdminRespondToAuthChallenge(ctx, &AdminRespondToAuthChallengeInput{
		UserPoolID: plainPool, ClientID: web, ChallengeName: challengeTOTP, Session: out.Session,
		ChallengeResponses: map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret)},
	})
	f.refused(err, identity.NotAuthorized, message)
	require.NoError(t, answer(web, challengeTOTP, out.Session, "jane"))
	f.clock.pass(time.Minute) // another code, the same session
	f.refused(answer(web, challengeTOTP, out.Session, "jane"), identity.NotAuthorized, "Invalid session for the user, session can only be used once.")

	out, err = f.signIn(web, "jane", password)
	require.NoError(t, err)
	f.clock.pass(3 * time.Minute)
	f.refused(answer(web, challengeTOTP, out.Session, "jane"), identity.NotAuthorized, "Invalid session for the user, session is expired.")

	out, err = f.signIn(web, "jane", password)
	require.NoError(t, err)
	_, err = f.AdminUserGlobalSignOut(ctx, &AdminUserGlobalSignOutInput{plainPool, "jane"})
	require.NoError(t, err)
	f.refused(answer(web, challengeTOTP, out.Session, "jane"), identity.NotAuthorized, message)
}

// A day of guessing at codes of six digits, with all the new codes that the
// attacker may ask for, must hit with a chance below one in a thousand.
func TestThreatCodeBruteForce(t *testing.T) {
	const space = 1e6
	attacks := map[string]struct {
		prepare func(*fixture)
		ask     func(*fixture) error
		guess   func(*fixture, Sensitive) error
	}{
		"ConfirmForgotPassword": {
			prepare: func(f *fixture) { f.user(plainPool, "jane", email("jane@example.com")...) },
			ask: func(f *fixture) error {
				_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: "jane"})
				return err
			},
			guess: func(f *fixture, code Sensitive) error {
				_, err := f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: web, Username: "jane", ConfirmationCode: code, Password: otherSecret})
				return err
			},
		},
		"ConfirmSignUp": {
			prepare: func(f *fixture) {
				_, err := f.signUp(web, "jane", Attribute{"email", "jane@example.com"})
				require.NoError(f.t, err)
			},
			ask: func(f *fixture) error {
				_, err := f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: web, Username: "jane"})
				return err
			},
			guess: func(f *fixture, code Sensitive) error { return f.confirm(web, "jane", code, false) },
		},
	}
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			a.prepare(f)
			guesses := 0
			for range 24 * 60 { // every minute, all that is let through
				_ = a.ask(f)
				for range 100 {
					err := a.guess(f, wrong(f.code()))
					if identity.CodeOf(err) != CodeMismatch {
						break
					}
					guesses++
				}
				f.clock.pass(time.Minute)
			}
			require.NotZero(t, guesses)
			require.Less(t, float64(guesses)/space, 1e-3)
		})
	}
	// Whoever wants an address that is not theirs makes as many users as they
	// like, and takes it over with ForceAliasCreation.
	t.Run("many users, one address to claim", func(t *testing.T) {
		f := newFixture(t, aliasPool)
		guesses, mails := 0, 0
		guess := func(try func(Sensitive) error) {
			for range 10 {
				if identity.CodeOf(try(wrong(f.code()))) != CodeMismatch {
					return
				}
				guesses++
			}
		}
		f.user(aliasPool, "eve")
		access := f.tokens(alias, "eve").AccessToken
		for i := range 24 {
			for j := range 20 {
				name := fmt.Sprint("eve", i, "-", j)
				if _, err := f.signUp(alias, name, Attribute{"email", "Victim@example.com"}); err == nil {
					guess(func(code Sensitive) error { return f.confirm(alias, name, code, true) })
				}
				_, _ = f.DeleteUserAttributes(ctx, &DeleteUserAttributesInput{AccessToken: access, UserAttributeNames: []string{"email"}})
				if _, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"email", "victim@example.com"}}}); err == nil {
					guess(func(code Sensitive) error {
						_, err := f.VerifyUserAttribute(ctx, &VerifyUserAttributeInput{AccessToken: access, AttributeName: "email", Code: code})
						return err
					})
				}
				f.mu.Lock()
				for _, m := range f.sent {
					if strings.EqualFold(m.To, "victim@example.com") {
						mails++
					}
				}
				f.sent = nil
				f.mu.Unlock()
			}
			f.clock.pass(time.Hour)
			access = f.tokens(alias, "eve").AccessToken
		}
		require.NotZero(t, guesses)
		require.Less(t, float64(guesses)/space, 1e-3)
		require.LessOrEqual(t, mails, 24*perHourMails, "nor is anybody buried in mail")
	})
	t.Run("second factor", func(t *testing.T) {
		f := newFixture(t)
		f.user(plainPool, "jane")
		secret := f.enroll("jane")
		guesses := 0
		for range 24 * 12 {
			out, err := f.signIn(web, "jane", password)
			require.NoError(t, err)
			for range 100 {
				_, err := f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": wrong(f.totpCode(secret))})
				if identity.CodeOf(err) != CodeMismatch {
					break
				}
				guesses++
			}
			f.clock.pass(5 * time.Minute)
		}
		require.NotZero(t, guesses)
		require.Less(t, 3*float64(guesses)/space, 1e-3, "three codes are good at any time")
	})
	t.Run("one sign-in", func(t *testing.T) {
		f := newFixture(t)
		f.user(plainPool, "jane")
		secret := f.enroll("jane")
		out, err := f.signIn(web, "jane", password)
		require.NoError(t, err)
		try := func(code Sensitive) error {
			_, err := f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": code})
			return err
		}
		for range missesOfSession {
			f.refused(try(wrong(f.totpCode(secret))), CodeMismatch)
		}
		f.refused(try(f.totpCode(secret)), identity.NotAuthorized, "Invalid session for the user.")
	})
	t.Run("one address, many users", func(t *testing.T) {
		f := newFixture(t)
		there := from("192.0.2.7")
		refused := 0
		for i := range perHourMisses + 10 {
			_, err := f.signInFrom(there, web, fmt.Sprint("user", i), otherSecret)
			if identity.CodeOf(err) == identity.LimitExceeded {
				refused++
			}
		}
		require.Equal(t, 10, refused)
		f.user(plainPool, "jane")
		_, err := f.signInFrom(from("192.0.2.8"), web, "jane", password)
		require.NoError(t, err, "another address is not held to account")
	})
}

func TestThreatPasswordBruteForceInParallel(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	var wrong, locked atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			_, err := f.signIn(web, "jane", otherSecret)
			if err != nil && strings.Contains(err.Error(), "attempts exceeded") {
				locked.Add(1)
			} else if err != nil {
				wrong.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(freeMisses), wrong.Load(), "comparisons at the same time are counted one after another")
	require.Equal(t, int64(40-freeMisses), locked.Load())
	_, err := f.signIn(web, "jane", password)
	f.refused(err, identity.NotAuthorized, "Password attempts exceeded")
}

func TestThreatTOTPReplay(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	secret := f.enroll("jane")
	begin := func() Sensitive {
		out, err := f.signIn(web, "jane", password)
		require.NoError(t, err)
		return out.Session
	}
	answer := func(session, code Sensitive) error {
		_, err := f.respond(web, challengeTOTP, session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": code})
		return err
	}
	before := f.totpCode(secret)
	f.clock.pass(30 * time.Second)
	code := f.totpCode(secret)
	require.NoError(t, answer(begin(), code))
	f.refused(answer(begin(), code), ExpiredCode, "Your software token has already been used once.")
	f.refused(answer(begin(), before), ExpiredCode)

	f.clock.pass(time.Minute)
	code = f.totpCode(secret)
	sessions := []Sensitive{begin(), begin(), begin(), begin()}
	var good atomic.Int64
	var wg sync.WaitGroup
	for _, session := range sessions {
		wg.Go(func() {
			if answer(session, code) == nil {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), good.Load())
}

func TestThreatMFABypassByOrder(t *testing.T) {
	f := newFixture(t)
	_, err := f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: strictPool, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS"})
	require.NoError(t, err)
	out, err := f.signIn(strict, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeNewPassword, out.ChallengeName)
	next, err := f.respond(strict, challengeNewPassword, out.Session, map[string]Sensitive{"USERNAME": "jane", "NEW_PASSWORD": otherSecret})
	require.NoError(t, err)
	require.Equal(t, challengeSetup, next.ChallengeName)
	require.Nil(t, next.AuthenticationResult)
	// With a factor in place, nobody who knows the password alone sets up another.
	made, err := f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: next.Session})
	require.NoError(t, err)
	parallel, err := f.signIn(strict, "jane", otherSecret)
	require.NoError(t, err)
	proven, err := f.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{Session: made.Session, UserCode: f.totpCode(made.SecretCode)})
	require.NoError(t, err)
	_, err = f.respond(strict, challengeSetup, proven.Session, map[string]Sensitive{"USERNAME": "jane"})
	require.NoError(t, err)
	_, err = f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: parallel.Session})
	f.refused(err, identity.NotAuthorized, "Invalid session for the user.")

	// A reset by code, and a temporary password, lead to the second factor too.
	_, err = f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: strictPool, Username: "jane", Password: password})
	require.NoError(t, err)
	out, err = f.signIn(strict, "jane", password)
	require.NoError(t, err)
	next, err = f.respond(strict, challengeNewPassword, out.Session, map[string]Sensitive{"USERNAME": "jane", "NEW_PASSWORD": otherSecret})
	require.NoError(t, err)
	require.Equal(t, challengeTOTP, next.ChallengeName)
	require.Nil(t, next.AuthenticationResult)
	admin, err := f.AdminInitiateAuth(ctx, &AdminInitiateAuthInput{UserPoolID: strictPool, ClientID: strict, AuthFlow: flowAdmin, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": otherSecret}})
	require.NoError(t, err)
	require.Equal(t, challengeTOTP, admin.ChallengeName)
}

// between is a store where something happens after a reading and before the
// writing that follows.
type between struct {
	identity.Store
	happens func()
}

func (b *between) Update(ctx context.Context, f func(identity.Tx) error) error {
	if happens := b.happens; happens != nil {
		b.happens = nil
		happens()
	}
	return b.Store.Update(ctx, f)
}

// TestThreatPasswordChangedMeanwhile: a password that was compared is of no use
// when another is in its place before the sign-in is done.
func TestThreatPasswordChangedMeanwhile(t *testing.T) {
	for name, call := range map[string]func(*fixture) error{
		"password": func(f *fixture) error {
			_, err := f.signIn(web, "jane", password)
			return err
		},
		"SRP": func(f *fixture) error {
			_, err := f.srpSignIn(web, "jane", password)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, plainPool)
			f.user(plainPool, "jane")
			race := &between{Store: f.Directory.store}
			f.Directory.store = race
			race.happens = func() {}
			require.NoError(t, call(f), "nothing")
			require.Nil(t, race.happens)
			race.happens = func() {
				_, err := f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: plainPool, Username: "jane", Password: otherSecret, Permanent: true})
				require.NoError(t, err)
			}
			f.refused(call(f), identity.NotAuthorized, "Incorrect username or password.")
			require.Nil(t, race.happens)
		})
	}
}

// TestThreatPasswordChangedTwice: of two changes with the same old password one
// is done.
func TestThreatPasswordChangedTwice(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	access := f.tokens(web, "jane").AccessToken
	race := &between{Store: f.Directory.store}
	f.Directory.store = race
	change := func(to Sensitive) error {
		_, err := f.ChangePassword(ctx, &ChangePasswordInput{AccessToken: access, PreviousPassword: password, ProposedPassword: to})
		return err
	}
	require.NoError(t, change("Third-Horse-7"))
	_, err := f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: plainPool, Username: "jane", Password: password, Permanent: true})
	require.NoError(t, err)
	access = f.tokens(web, "jane").AccessToken
	race.happens = func() { require.NoError(t, change(otherSecret)) }
	f.refused(change("Fourth-Horse-6"), identity.NotAuthorized, "Incorrect username or password.")
	require.Nil(t, race.happens)
	_, err = f.signIn(web, "jane", otherSecret)
	require.NoError(t, err)
}

// TestThreatMFABypassByRefresh: new tokens say of the second factor what the
// sign-in was, whatever has been set up since.
func TestThreatMFABypassByRefresh(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	factor := func(tokens *AuthenticationResult) bool {
		login, err := f.Verifier(plainPool, loginKey).Verify(ctx, string(tokens.IDToken), []string{web})
		require.NoError(t, err)
		return login.MFA
	}
	without := f.tokens(web, "jane")
	secret := f.enroll("jane")
	out, err := f.signIn(web, "jane", password)
	require.NoError(t, err)
	done, err := f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret)})
	require.NoError(t, err)
	require.False(t, factor(without))
	require.True(t, factor(done.AuthenticationResult))
	for range 3 {
		f.clock.pass(time.Minute)
		again, err := f.refresh(web, without.RefreshToken)
		require.NoError(t, err)
		require.False(t, factor(again), "a factor set up later is none that was used")
		again, err = f.refresh(web, done.AuthenticationResult.RefreshToken)
		require.NoError(t, err)
		require.True(t, factor(again))
	}
}

func TestThreatLockoutAsDenialOfService(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	home, attacker, travel := from("192.0.2.1"), from("198.51.100.66"), from("203.0.113.5")
	_, err := f.signInFrom(home, web, "jane", password)
	require.NoError(t, err)
	for range 30 { // a guess every second, as far as they are let through
		_, _ = f.signInFrom(attacker, web, "jane", otherSecret)
		f.clock.pass(time.Second)
	}
	_, err = f.signInFrom(travel, web, "jane", password)
	f.refused(err, identity.NotAuthorized, "Password attempts exceeded")
	_, err = f.signInFrom(home, web, "jane", password)
	require.NoError(t, err, "an address that the owner signed in from is not locked by others")
	f.clock.pass(longestLock)
	_, err = f.signInFrom(travel, web, "jane", password)
	require.NoError(t, err, "elsewhere the owner signs in after the delay")
	// The attacker at the owner's address is held to a counter of its own.
	for range freeMisses {
		_, err = f.signInFrom(home, web, "jane", otherSecret)
		f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	}
	_, err = f.signInFrom(home, web, "jane", password)
	f.refused(err, identity.NotAuthorized, "Password attempts exceeded")
}

// A server that signs many users in has one address, which is none of theirs.
func TestThreatLockoutOfAServer(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	server := from("192.0.2.200")
	admin := func(name string, secret Sensitive) error {
		_, err := f.AdminInitiateAuth(server, &AdminInitiateAuthInput{
			UserPoolID: plainPool, ClientID: web, AuthFlow: flowAdmin,
			AuthParameters: map[string]Sensitive{"USERNAME": Sensitive(name), "PASSWORD": secret},
		})
		return err
	}
	for i := range perHourMisses + 1 {
		f.refused(admin(fmt.Sprint("user", i), otherSecret), identity.NotAuthorized, "Incorrect username or password.")
	}
	require.NoError(t, admin("jane", password))
	for range freeMisses {
		f.refused(admin("jane", otherSecret), identity.NotAuthorized)
	}
	f.refused(admin("jane", password), identity.NotAuthorized, "Password attempts exceeded")
}

func TestThreatSignUpFlood(t *testing.T) {
	f := newFixture(t)
	here := from("2001:db8::1")
	for i := range perHourSignUps {
		_, err := f.SignUp(here, &SignUpInput{ClientID: web, Username: fmt.Sprint("u", i), Password: password})
		require.NoError(t, err)
	}
	in := &SignUpInput{ClientID: web, Username: "next", Password: password}
	_, err := f.SignUp(from("2001:db8::2:3"), in)
	f.refused(err, identity.LimitExceeded)
	_, err = f.SignUp(from("2001:db8:0:1::1"), in)
	require.NoError(t, err)
}

// Codes that are asked for are records and mails, whether or not there is
// anybody: one address gets so many.
func TestThreatFloodOfCodes(t *testing.T) {
	f := newFixture(t, plainPool)
	here := from("192.0.2.1")
	ask := func(ctx context.Context, name string) error {
		_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: name})
		if err == nil {
			_, err = f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: web, Username: name})
		}
		return err
	}
	for i := range perHourAsks / 2 {
		require.NoError(t, ask(here, fmt.Sprint("u", i)))
	}
	f.refused(ask(here, "next"), identity.LimitExceeded)
	require.NoError(t, ask(from("192.0.2.2"), "next"))
	f.clock.pass(time.Hour)
	require.NoError(t, ask(here, "next"))

	// Whose mailbox has had enough is not told: it looks like nobody's.
	_, err := f.signUp(web, "jane", Attribute{"email", "jane@example.com"})
	require.NoError(t, err)
	for i := range perHourMails {
		_, err = f.signUp(web, fmt.Sprint("eve", i), Attribute{"email", "JANE@example.com"})
	}
	f.refused(err, identity.LimitExceeded)
	sent := len(f.sent)
	_, err = f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: web, Username: "jane"})
	require.NoError(t, err)
	require.Len(t, f.sent, sent)
	_, err = f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: legacy, Username: "jane"})
	f.refused(err, identity.LimitExceeded)
}

func TestThreatFloodOfHashes(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.waiting.Store(maxWaiting)
	_, err := f.signIn(web, "jane", password)
	f.refused(err, identity.TooManyRequests)
	f.waiting.Store(0)
	require.LessOrEqual(t, cap(f.work), 64)
	f.tokens(web, "jane")
}

func TestThreatRefreshTokenTheft(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	use := func(token Sensitive) (*AuthenticationResult, error) {
		out, err := f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: token, ClientID: rotating})
		if err != nil {
			return nil, err
		}
		return out.AuthenticationResult, nil
	}
	first := f.tokens(rotating, "jane")
	second, err := use(first.RefreshToken)
	require.NoError(t, err)
	require.NotEqual(t, first.RefreshToken.text(), second.RefreshToken.text())
	f.clock.pass(30*time.Second - time.Millisecond)
	again, err := use(first.RefreshToken)
	require.NoError(t, err, "within the grace an answer may have been lost")
	f.clock.pass(time.Millisecond)
	_, err = use(first.RefreshToken)
	f.refused(err, RefreshTokenReuse)
	for _, token := range []Sensitive{first.RefreshToken, second.RefreshToken, again.RefreshToken} {
		_, err = use(token)
		f.refused(err, identity.NotAuthorized, "Refresh Token has been revoked")
	}
	_, err = f.GetUser(ctx, &GetUserInput{again.AccessToken})
	f.refused(err, identity.NotAuthorized, "Access Token has been revoked")
	// Another sign-in of the user goes on.
	_, err = use(f.tokens(rotating, "jane").RefreshToken)
	require.NoError(t, err)

	f.assertNowhere(first.RefreshToken.text(), second.RefreshToken.text())
}

// assertNowhere checks that the store holds none of the texts, in any form
// that they are easily read back from.
func (f *fixture) assertNowhere(secrets ...string) {
	all := f.records(kindUser, kindName, kindFamily, kindRefresh, kindCode, kindAttempts, kindNonce)
	require.NotEmpty(f.t, all)
	for _, r := range all {
		for _, s := range secrets {
			for _, form := range []string{s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))} {
				require.NotContains(f.t, r.Key, form)
				require.False(f.t, bytes.Contains(r.Value, []byte(form)), "%s holds a secret", r.Kind)
			}
		}
	}
}

func TestThreatSecretHashBypass(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", email("jane@example.com")...)
	refreshToken := f.tokens(private, "jane").RefreshToken
	parameters := func(hash Sensitive, more ...string) map[string]Sensitive {
		m := map[string]Sensitive{"USERNAME": "jane"}
		if hash != "" {
			m["SECRET_HASH"] = hash
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = Sensitive(more[i+1])
		}
		return m
	}
	calls := map[string]func(Sensitive) error{
		"SignUp": func(h Sensitive) error {
			_, err := f.SignUp(ctx, &SignUpInput{ClientID: private, Username: "jane", Password: password, SecretHash: h})
			return err
		},
		"ConfirmSignUp": func(h Sensitive) error {
			_, err := f.ConfirmSignUp(ctx, &ConfirmSignUpInput{ClientID: private, Username: "jane", ConfirmationCode: "123456", SecretHash: h})
			return err
		},
		"ResendConfirmationCode": func(h Sensitive) error {
			_, err := f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{private, h, "jane"})
			return err
		},
		"ForgotPassword": func(h Sensitive) error {
			_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{private, h, "jane"})
			return err
		},
		"ConfirmForgotPassword": func(h Sensitive) error {
			_, err := f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: private, Username: "jane", ConfirmationCode: "123456", Password: password, SecretHash: h})
			return err
		},
		"InitiateAuth password": func(h Sensitive) error {
			_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: private, AuthParameters: parameters(h, "PASSWORD", password)})
			return err
		},
		"InitiateAuth SRP": func(h Sensitive) error {
			_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: private, AuthParameters: parameters(h, "SRP_A", "1234")})
			return err
		},
		"InitiateAuth refresh": func(h Sensitive) error {
			_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowRefresh, ClientID: private, AuthParameters: parameters(h, "REFRESH_TOKEN", string(refreshToken))})
			return err
		},
		"AdminInitiateAuth": func(h Sensitive) error {
			_, err := f.AdminInitiateAuth(ctx, &AdminInitiateAuthInput{UserPoolID: plainPool, AuthFlow: flowAdmin, ClientID: private, AuthParameters: parameters(h, "PASSWORD", password)})
			return err
		},
	}
	for _, challenge := range []string{challengeVerifier, challengeNewPassword, challengeTOTP, challengeSetup} {
		calls["RespondToAuthChallenge "+challenge] = func(h Sensitive) error {
			_, err := f.respond(private, challenge, "", parameters(h))
			return err
		}
		calls["AdminRespondToAuthChallenge "+challenge] = func(h Sensitive) error {
			_, err := f.AdminRespondToAuthChallenge(ctx, &AdminRespondToAuthChallengeInput{UserPoolID: plainPool, ClientID: private, ChallengeName: challenge, ChallengeResponses: parameters(h)})
			return err
		}
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			f := *f
			f.t = t
			f.refused(call(""), identity.NotAuthorized, "Client "+private+" is configured with secret but SECRET_HASH was not received")
			f.refused(call(hash(private, "eve")), identity.NotAuthorized, "Unable to verify secret hash for client "+private)
			err := call(hash(private, "jane"))
			if err != nil { // for another reason
				require.NotContains(t, err.Error(), "secret hash")
				require.NotContains(t, err.Error(), "SECRET_HASH")
			}
		})
	}
	for _, secret := range []Sensitive{"", "clientsecret0123456789abcdeg", clientSecret + "a"} {
		_, err := f.RevokeToken(ctx, &RevokeTokenInput{Token: refreshToken, ClientID: private, ClientSecret: secret})
		f.refused(err, Unauthorized, "Invalid client or secret")
		_, err = f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: refreshToken, ClientID: private, ClientSecret: secret})
		f.refused(err, identity.NotAuthorized)
	}
	_, err := f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: refreshToken, ClientID: private, ClientSecret: clientSecret})
	require.NoError(t, err)
	_, err = f.RevokeToken(ctx, &RevokeTokenInput{Token: refreshToken, ClientID: private, ClientSecret: clientSecret})
	require.NoError(t, err)
}

func TestThreatAttributeSelfEscalation(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", email("jane@example.com")...)
	access := f.tokens(web, "jane").AccessToken
	update := func(name, value string) error {
		_, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{name, value}}})
		return err
	}
	for _, name := range []string{"email_verified", "phone_number_verified", "sub", "cognito:username", "cognito:groups", "cognito:roles", "identities", "dev:custom:x"} {
		f.refused(update(name, "true"), identity.NotAuthorized, "A client attempted to write unauthorized attribute")
		_, err := f.DeleteUserAttributes(ctx, &DeleteUserAttributesInput{AccessToken: access, UserAttributeNames: []string{name}})
		f.refused(err, identity.NotAuthorized)
	}
	// What has the shape of a claim but is no attribute of the pool.
	for _, name := range []string{"aud", "token_use", "iss", "custom:role"} {
		f.refused(update(name, "x"), identity.InvalidParameter)
	}
	f.refused(update("custom:born", "1999"), identity.InvalidParameter, "user.custom:born: Attribute cannot be updated.")
	require.NoError(t, update("custom:team", "blue"))

	limited := f.tokens(narrow, "jane").AccessToken
	_, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: limited, UserAttributes: []Attribute{{"custom:team", "red"}}})
	f.refused(err, identity.NotAuthorized)

	// A new address is not a proven one.
	require.NoError(t, update("email", "ceo@example.com"))
	id := f.claims(plainPool, f.tokens(web, "jane").IDToken, "id", web)
	require.Equal(t, "ceo@example.com", id["email"])
	require.Equal(t, false, id["email_verified"])
	require.Equal(t, "blue", id["custom:team"])
}

func TestThreatAliasHijack(t *testing.T) {
	f := newFixture(t)
	f.user(aliasPool, "victim", email("victim@example.com")...)
	f.user(aliasPool, "eve", email("eve@example.com")...)
	access := f.tokens(alias, "eve").AccessToken
	_, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"email", "victim@example.com"}}})
	require.NoError(t, err)
	owner := func() any {
		return f.claims(aliasPool, f.tokens(alias, "victim@example.com").IDToken, "id", alias)["cognito:username"]
	}
	require.Equal(t, "victim", owner())
	_, err = f.signIn(alias, "eve@example.com", password)
	f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	// Even with the code, an alias moves only by ForceAliasCreation.
	_, err = f.VerifyUserAttribute(ctx, &VerifyUserAttributeInput{AccessToken: access, AttributeName: "email", Code: f.code()})
	f.refused(err, AliasExists, "An account with the email already exists.")
	require.Equal(t, "victim", owner())
	// A preferred user name is no way to somebody else's name either.
	for _, name := range []string{"victim", "VICTIM"} {
		_, err = f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"preferred_username", name}}})
		f.refused(err, AliasExists)
	}
	_, err = f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"preferred_username", "queen"}}})
	require.NoError(t, err)
	f.tokens(alias, "Queen")
	_, err = f.signUp(alias, "queen")
	f.refused(err, UsernameExists)
	_, err = f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"preferred_username", ""}}})
	require.NoError(t, err)
	_, err = f.signIn(alias, "queen", password)
	f.refused(err, identity.NotAuthorized)
}

// A name by which administrators or the owner will reach a user is not to be
// had by whoever comes first: neither the sub of a user nor an address that is
// not proven yet.
func TestThreatAliasHijackOfOtherNames(t *testing.T) {
	f := newFixture(t, aliasPool)
	victim := f.user(aliasPool, "victim", Attribute{"email", "victim@example.com"})
	sub := victim.Attributes[0].Value
	f.user(aliasPool, "eve")
	access := f.tokens(alias, "eve").AccessToken
	prefer := func(name string) error {
		_, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"preferred_username", name}}})
		return err
	}
	for _, name := range []string{sub, strings.ToUpper(sub)} {
		f.refused(prefer(name), AliasExists)
		_, err := f.signUp(alias, "eve2", Attribute{"preferred_username", name})
		f.refused(err, UsernameExists)
		_, err = f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{UserPoolID: aliasPool, Username: "eve", UserAttributes: []Attribute{{"preferred_username", name}}})
		f.refused(err, AliasExists)
	}
	for _, name := range []string{"victim@example.com", "Victim@Example.com", "victim＠example.com", "ｖictim@example.com"} {
		f.refused(prefer(name), identity.InvalidParameter)
		_, err := f.signUp(alias, name)
		f.refused(err, identity.InvalidParameter)
	}
	for _, name := range []string{sub, "victim"} {
		got, err := f.AdminGetUser(ctx, &AdminGetUserInput{aliasPool, name})
		require.NoError(t, err)
		require.Equal(t, "victim", got.Username)
	}
	require.NoError(t, prefer("11111111-2222-4333-8444-555555555555"), "a UUID that is nobody's sub")
	// Where addresses are no aliases they are names like any other.
	_, err := newFixture(t, plainPool).signUp(web, "victim@example.com")
	require.NoError(t, err)
}

// ForceAliasCreation moves an alias to who proved that very address: another
// address may have the same normal form.
func TestThreatAliasHijackByLookAlike(t *testing.T) {
	f := newFixture(t, aliasPool)
	f.user(aliasPool, "victim", email("strasse@example.com")...)
	owner := func() any {
		return f.claims(aliasPool, f.tokens(alias, "strasse@example.com").IDToken, "id", alias)["cognito:username"]
	}
	for _, address := range []string{"stra\u00dfe@example.com", "ｓtrasse@example.com"} {
		_, err := f.signUp(alias, "eve", Attribute{"email", address})
		require.NoError(t, err)
		f.refused(f.confirm(alias, "eve", f.code(), true), AliasExists)
		require.Equal(t, "victim", owner())
		_, err = f.AdminDeleteUser(ctx, &AdminDeleteUserInput{UserPoolID: aliasPool, Username: "eve"})
		require.NoError(t, err)
	}
	_, err := f.signUp(alias, "heir", Attribute{"email", "Strasse@Example.com"})
	require.NoError(t, err)
	f.refused(f.confirm(alias, "heir", f.code(), false), AliasExists)
	require.NoError(t, f.confirm(alias, "heir", f.code(), true))
	require.Equal(t, "heir", owner())
}

func TestThreatUnicodeLookAlikes(t *testing.T) {
	f := newFixture(t)
	sub := f.user(plainPool, "Jane").Attributes[0].Value
	for _, same := range []string{"jane", "JANE", "ＪＡＮＥ", "ｊane", "𝒿ane", "Ｊａｎｅ"} {
		_, err := f.signUp(web, same)
		f.refused(err, UsernameExists, "User already exists")
		got, err := f.AdminGetUser(ctx, &AdminGetUserInput{plainPool, same})
		require.NoError(t, err)
		require.Equal(t, sub, got.UserAttributes[0].Value)
	}
	// Nobody takes the sub of another user for a name.
	_, err := f.signUp(web, sub)
	f.refused(err, UsernameExists)
	_, err = f.signIn(web, sub, password)
	f.refused(err, identity.NotAuthorized)
	_, err = f.signUp(web, "11111111-2222-4333-8444-555555555555")
	require.NoError(t, err, "a UUID that is nobody's sub is a name like any other")
	for _, bad := range []string{"ja\u200bne", "ja\u00adne", "jane\ufe0f", "j\u115fane", "ja\u202ene", "ﷺ ", "\u00a8jane"} {
		_, err := f.signUp(web, bad)
		f.refused(err, identity.InvalidParameter)
	}
}

func TestThreatOfflineGuessOfStolenVerifiers(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	secret := f.enroll("jane")
	_, err := f.signUp(web, "new", Attribute{"email", "new@example.com"})
	require.NoError(t, err)
	code := f.code()
	tokens := f.records(kindUser)
	require.NotEmpty(t, tokens)
	for _, r := range tokens {
		var u user
		require.NoError(t, json.Unmarshal(r.Value, &u))
		if u.Username != "jane" {
			continue
		}
		v := srpVerifier("Plain0001", "jane", password, u.Password.Salt)
		for _, form := range [][]byte{v.Bytes(), []byte(v.Text(16)), []byte(base64.StdEncoding.EncodeToString(v.Bytes()))} {
			require.False(t, bytes.Contains(r.Value, form[:32]))
		}
		require.NotEqual(t, v.Bytes(), u.Password.Verifier)
		// The record of one user is of no use as that of another.
		_, err := f.verifier(f.pools[plainPool], &user{Sub: "other", Password: u.Password})
		require.ErrorIs(t, err, identity.ErrSealed)
	}
	f.assertNowhere(password, secret.text(), code.text())
}

func TestThreatTokenConfusion(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(aliasPool, "jane")
	tokens := f.tokens(web, "jane")
	for name, token := range map[string]Sensitive{
		"ID token": tokens.IDToken, "refresh token": tokens.RefreshToken, "empty": "", "garbage": "a.b.c",
		"tampered": tokens.AccessToken[:len(tokens.AccessToken)-4] + "AAAA",
	} {
		_, err := f.GetUser(ctx, &GetUserInput{token})
		require.Equal(t, identity.NotAuthorized, identity.CodeOf(err), name)
		require.ErrorContains(t, err, "Invalid Access Token", name)
	}
	_, err := f.RevokeToken(ctx, &RevokeTokenInput{Token: tokens.AccessToken, ClientID: web})
	f.refused(err, UnsupportedTokenType)
	_, err = f.refresh(legacy, tokens.RefreshToken)
	f.refused(err, identity.NotAuthorized, "Invalid Refresh Token")
	_, err = f.refresh(alias, tokens.RefreshToken)
	f.refused(err, identity.NotAuthorized, "Invalid Refresh Token")
	_, err = f.refresh(web, tokens.RefreshToken)
	require.NoError(t, err)
}

func TestThreatSecretsInPrint(t *testing.T) {
	in := &InitiateAuthInput{ClientID: web, AuthParameters: map[string]Sensitive{"PASSWORD": password}}
	out := &AuthenticationResult{AccessToken: "access", IDToken: "id", RefreshToken: "refresh"}
	m := Message{Code: "123456", Text: "the code is 123456"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(format, in.AuthParameters) + fmt.Sprintf(format, *out) + fmt.Sprintf(format, m)
		for _, secret := range []string{password, "access", "refresh", "123456", hex.EncodeToString([]byte(password)), hex.EncodeToString([]byte("123456"))} {
			require.NotContains(t, text, secret, format)
		}
	}
	require.Equal(t, "[secret]", out.AccessToken.LogValue().String())
	wire, err := json.Marshal(out)
	require.NoError(t, err)
	require.JSONEq(t, `{"AccessToken":"access","IdToken":"id","RefreshToken":"refresh","ExpiresIn":0,"TokenType":""}`, string(wire))
}
