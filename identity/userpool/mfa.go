package userpool

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/rowan-authz/rowan/identity"
)

// TOTP as authenticator apps have it: SHA-1, 6 digits, 30 s, and the step
// before and after are taken. Source: RFC 6238; identity-protocol §2.7.
const (
	totpPeriod = 30
	totpBytes  = 20
)

var totpOptions = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

// totp is a second factor that a code has proven.
type totp struct {
	// Secret is sealed.
	Secret []byte `json:"secret"`
	// Step is the last one of which a code was taken: no code counts twice.
	Step      int64  `json:"step"`
	Enabled   bool   `json:"enabled"`
	Preferred bool   `json:"preferred"`
	Device    string `json:"device,omitempty"`
}

// totpStep returns the step whose code it is. The code has six digits.
func totpStep(secret []byte, code string, now time.Time) (int64, bool) {
	if totpRule.broken(code) != "" {
		return 0, false
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	at := now.Unix() / totpPeriod
	for step := at - 1; step <= at+1; step++ {
		if ok, err := hotp.ValidateCustom(code, uint64(step), text, totpOptions); ok && err == nil {
			return step, true
		}
	}
	return 0, false
}

func (d *Directory) sealTOTP(p *pool, u *user, secret []byte) ([]byte, error) {
	return d.storage.Seal(d.now(), identity.PurposeVerifier, p.aad("totp", u.Sub), secret)
}

func (d *Directory) openTOTP(p *pool, u *user, sealed []byte) ([]byte, error) {
	secret, err := d.storage.Open(d.now(), identity.PurposeVerifier, p.aad("totp", u.Sub), sealed)
	if err != nil {
		return nil, fmt.Errorf("TOTP secret of user %s: %w", u.Sub, err)
	}
	return secret, nil
}

func errNoTOTP() error {
	return identity.Errorf(SoftwareTokenMFANotFound, "Software Token MFA has not been enabled by the userPool")
}

func errNotSetUp() error { return invalid("User has not set up software token mfa") }

// respondTOTP checks the code of a second factor.
func (d *Directory) respondTOTP(ctx context.Context, r *response) (*step, error) {
	code, err := required(r.values, paramTOTP)
	if err != nil {
		return nil, err
	}
	return d.settleStep(ctx, func(tx identity.Tx) (*step, error) {
		p := r.client.pool
		u, err := d.responder(tx, r)
		if err != nil {
			return nil, err
		}
		if u.TOTP == nil {
			return nil, errNoTOTP()
		}
		secret, err := d.openTOTP(p, u, u.TOTP.Secret)
		if err != nil {
			return nil, err
		}
		wrong := identity.Errorf(CodeMismatch, "Invalid code received for user")
		at, err := d.guessTOTP(ctx, tx, p, &totpGuess{u.Sub, r.session, secret, code, wrong})
		if err != nil {
			return nil, err
		}
		if at <= u.TOTP.Step {
			return nil, identity.Errorf(ExpiredCode, "Your software token has already been used once.")
		}
		was := *u
		factor := *u.TOTP
		factor.Step = at
		u.TOTP = &factor
		if err := p.save(tx, &was, u, false); err != nil {
			return nil, err
		}
		return d.proceed(ctx, tx, r, u, true)
	})
}

// totpGuess is a code of a second factor.
type totpGuess struct {
	sub string
	// session is the sign-in, nil outside of one.
	session *authSession
	secret  []byte
	code    string
	// wrong is the answer to a wrong code.
	wrong error
}

// guessTOTP returns the step of a code. Wrong ones are counted for the user by
// the hour, for the address, and for the sign-in, which the fifth one ends.
func (d *Directory) guessTOTP(ctx context.Context, tx identity.Tx, p *pool, g *totpGuess) (int64, error) {
	if err := d.openAddress(ctx, tx, p); err != nil {
		return 0, err
	}
	if err := d.open(tx, p, countTOTP, g.sub, perHourTOTP); err != nil {
		return 0, err
	}
	if g.session != nil {
		if err := d.open(tx, p, countSession, g.session.Attempt, missesOfSession); err != nil {
			return 0, errSession(".")
		}
	}
	if at, ok := totpStep(g.secret, g.code, d.now()); ok {
		return at, nil
	}
	if g.session != nil {
		if err := d.addOne(tx, p, countSession, g.session.Attempt); err != nil {
			return 0, err
		}
	}
	if err := d.addOne(tx, p, countTOTP, g.sub); err != nil {
		return 0, err
	}
	if err := d.missAddress(ctx, tx, p); err != nil {
		return 0, err
	}
	return 0, keep(g.wrong)
}

// AssociateSoftwareToken gives a user a secret for an authenticator app. It is
// not in use before VerifySoftwareToken has seen a code of it.
func (d *Directory) AssociateSoftwareToken(ctx context.Context, in *AssociateSoftwareTokenInput) (*AssociateSoftwareTokenOutput, error) {
	secret := make([]byte, totpBytes)
	if _, err := io.ReadFull(d.random, secret); err != nil {
		return nil, fmt.Errorf("randomness for a TOTP secret: %w", err)
	}
	out := &AssociateSoftwareTokenOutput{
		SecretCode: Sensitive(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)),
	}
	var err error
	if in.AccessToken != "" {
		err = d.associate(ctx, in.AccessToken, secret)
	} else {
		out.Session, err = d.associateSession(ctx, in.Session, secret)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// associate keeps a secret for a user who is signed in.
func (d *Directory) associate(ctx context.Context, token Sensitive, secret []byte) error {
	return d.asCaller(ctx, token, func(tx identity.Tx, c *caller) error {
		if c.pool.MFA == mfaOff {
			return errNoTOTP()
		}
		was := *c.user
		var err error
		if c.user.Pending, err = d.sealTOTP(c.pool, c.user, secret); err != nil {
			return err
		}
		return c.pool.save(tx, &was, c.user, false)
	})
}

// associateSession keeps a secret in the session of MFA_SETUP: whoever else
// is setting one up at the same time has another.
func (d *Directory) associateSession(ctx context.Context, text Sensitive, secret []byte) (Sensitive, error) {
	s, c, err := d.openSession(text, challengeSetup)
	if err != nil {
		return "", err
	}
	next := *s
	next.Setup, next.Proven, next.Step = secret, false, 0
	return d.renew(ctx, c, s, &next, nil)
}

// renew uses a session up and seals the next one.
func (d *Directory) renew(ctx context.Context, c *client, s, next *authSession, check func(identity.Tx) error) (Sensitive, error) {
	sealed, err := d.sealSession(next)
	if err != nil {
		return "", err
	}
	return sealed, d.update(ctx, func(tx identity.Tx) error {
		u, err := d.sessionUser(tx, c.pool, s)
		if err != nil {
			return err
		}
		if u.TOTP != nil || c.pool.MFA == mfaOff {
			return errSession(".")
		}
		if check != nil {
			if err := check(tx); err != nil {
				return err
			}
		}
		return d.useSession(tx, c.pool, s)
	})
}

func errTOTPMismatch() error {
	return identity.Errorf(EnableSoftwareTokenMFA, "Code mismatch and fail enable Software Token MFA")
}

// VerifySoftwareToken proves a secret by a code of it. For a user who is signed
// in it is then the one in use; for a session the sign-in goes on with
// MFA_SETUP.
func (d *Directory) VerifySoftwareToken(ctx context.Context, in *VerifySoftwareTokenInput) (*VerifySoftwareTokenOutput, error) {
	var f faults
	f.text("userCode", string(in.UserCode), totpRule)
	f.text("friendlyDeviceName", in.FriendlyDeviceName, deviceRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	out := &VerifySoftwareTokenOutput{Status: "SUCCESS"}
	var err error
	if in.AccessToken != "" {
		err = d.verifyPending(ctx, in)
	} else {
		out.Session, err = d.verifySession(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (d *Directory) verifyPending(ctx context.Context, in *VerifySoftwareTokenInput) error {
	return d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		u := c.user
		if c.pool.MFA == mfaOff || u.Pending == nil {
			return errNoTOTP()
		}
		secret, err := d.openTOTP(c.pool, u, u.Pending)
		if err != nil {
			return err
		}
		at, err := d.guessTOTP(ctx, tx, c.pool, &totpGuess{u.Sub, nil, secret, string(in.UserCode), errTOTPMismatch()})
		if err != nil {
			return err
		}
		was := *u
		factor := &totp{Secret: u.Pending, Step: at, Enabled: c.pool.MFA == mfaOn, Device: in.FriendlyDeviceName}
		if u.TOTP != nil {
			factor.Enabled, factor.Preferred = factor.Enabled || u.TOTP.Enabled, u.TOTP.Preferred
		}
		u.TOTP, u.Pending, u.Modified = factor, nil, d.now()
		return c.pool.save(tx, &was, u, false)
	})
}

func (d *Directory) verifySession(ctx context.Context, in *VerifySoftwareTokenInput) (Sensitive, error) {
	s, c, err := d.openSession(in.Session, challengeSetup)
	if err != nil {
		return "", err
	}
	if len(s.Setup) != totpBytes {
		return "", errNoTOTP()
	}
	next := *s
	next.Device = in.FriendlyDeviceName
	at, ok := totpStep(s.Setup, string(in.UserCode), d.now())
	next.Proven, next.Step = ok, at
	return d.renew(ctx, c, s, &next, func(tx identity.Tx) error {
		_, err := d.guessTOTP(ctx, tx, c.pool, &totpGuess{s.Sub, s, s.Setup, string(in.UserCode), errTOTPMismatch()})
		return err
	})
}

// respondSetup makes the second factor that the session has proven the user's.
// It never replaces one: who knows the password alone must not.
func (d *Directory) respondSetup(ctx context.Context, r *response) (*step, error) {
	if !r.session.Proven {
		return nil, errSession(".")
	}
	return d.settleStep(ctx, func(tx identity.Tx) (*step, error) {
		p := r.client.pool
		u, err := d.responder(tx, r)
		if err != nil {
			return nil, err
		}
		if u.TOTP != nil {
			return nil, errSession(".")
		}
		was := *u
		sealed, err := d.sealTOTP(p, u, r.session.Setup)
		if err != nil {
			return nil, err
		}
		u.TOTP = &totp{Secret: sealed, Step: r.session.Step, Enabled: true, Device: r.session.Device}
		u.Pending, u.Modified = nil, d.now()
		if err := p.save(tx, &was, u, false); err != nil {
			return nil, err
		}
		return d.proceed(ctx, tx, r, u, true)
	})
}

// SetUserMFAPreference turns the second factor of a user on or off. A pool that
// requires one asks for it all the same.
func (d *Directory) SetUserMFAPreference(ctx context.Context, in *SetUserMFAPreferenceInput) (*SetUserMFAPreferenceOutput, error) {
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		return d.prefer(tx, c.pool, c.user, in.SoftwareTokenMFASettings, in.SMSMFASettings, in.EmailMFASettings)
	})
	if err != nil {
		return nil, err
	}
	return &SetUserMFAPreferenceOutput{}, nil
}

// AdminSetUserMFAPreference is SetUserMFAPreference by an administrator.
func (d *Directory) AdminSetUserMFAPreference(ctx context.Context, in *AdminSetUserMFAPreferenceInput) (*AdminSetUserMFAPreferenceOutput, error) {
	var sub string
	err := d.asAdmin(ctx, in.UserPoolID, in.Username, func(tx identity.Tx, p *pool, u *user) error {
		sub = u.Sub
		return d.prefer(tx, p, u, in.SoftwareTokenMFASettings, in.SMSMFASettings, in.EmailMFASettings)
	})
	if err != nil {
		return nil, err
	}
	d.active(in.UserPoolID, sub)
	return &AdminSetUserMFAPreferenceOutput{}, nil
}

func (d *Directory) prefer(tx identity.Tx, p *pool, u *user, software *MFASettings, others ...*MFASettings) error {
	for _, o := range others {
		if o != nil && (o.Enabled || o.PreferredMfa) {
			return invalid("SMS and email are no second factors of this user pool")
		}
	}
	if software == nil {
		return nil
	}
	if software.PreferredMfa && !software.Enabled {
		return invalid("A second factor that is preferred must be enabled")
	}
	if u.TOTP == nil {
		if software.Enabled {
			return errNotSetUp()
		}
		return nil
	}
	was := *u
	factor := *u.TOTP
	factor.Enabled, factor.Preferred = software.Enabled, software.PreferredMfa
	u.TOTP, u.Modified = &factor, d.now()
	return p.save(tx, &was, u, false)
}

// mfaSettings are the second factors of a user as GetUser tells them.
func (u *user) mfaSettings() (preferred string, list []string) {
	if u.TOTP == nil || !u.TOTP.Enabled {
		return "", nil
	}
	if u.TOTP.Preferred {
		preferred = challengeTOTP
	}
	return preferred, []string{challengeTOTP}
}
