package userpool

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Flows of InitiateAuth, and old names of theirs.
const (
	flowSRP        = "USER_SRP_AUTH"
	flowPassword   = "USER_PASSWORD_AUTH"
	flowRefresh    = "REFRESH_TOKEN_AUTH"
	flowAdmin      = "ADMIN_USER_PASSWORD_AUTH"
	flowRefreshOld = "REFRESH_TOKEN"
	flowAdminOld   = "ADMIN_NO_SRP_AUTH"
)

// Parameters of flows and answers to challenges.
const (
	paramUsername   = "USERNAME"
	paramPassword   = "PASSWORD"
	paramSecretHash = "SECRET_HASH"
	paramRefresh    = "REFRESH_TOKEN"
	paramSRPA       = "SRP_A"
	paramTOTP       = "SOFTWARE_TOKEN_MFA_CODE"
	paramRequired   = "requiredAttributes"
)

// Challenges that a sign-in may come to.
const (
	challengeVerifier    = "PASSWORD_VERIFIER"
	challengeNewPassword = "NEW_PASSWORD_REQUIRED"
	challengeTOTP        = "SOFTWARE_TOKEN_MFA"
	challengeSetup       = "MFA_SETUP"
)

// InitiateAuth begins a sign-in, or refreshes one.
func (d *Directory) InitiateAuth(ctx context.Context, in *InitiateAuthInput) (*InitiateAuthOutput, error) {
	var f faults
	f.text("clientId", in.ClientID, clientIDRule)
	f.parameters("authParameters", in.AuthParameters)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.client(in.ClientID)
	if err != nil {
		return nil, err
	}
	if in.AuthFlow == flowAdmin || in.AuthFlow == flowAdminOld {
		return nil, invalid("Initiate Auth method not supported.")
	}
	return d.initiate(ctx, c, in.AuthFlow, in.AuthParameters, entrance{})
}

// AdminInitiateAuth begins a sign-in for a user, by a server that may. The
// caller has been authorised.
func (d *Directory) AdminInitiateAuth(ctx context.Context, in *AdminInitiateAuthInput) (*AdminInitiateAuthOutput, error) {
	var f faults
	f.text("clientId", in.ClientID, clientIDRule)
	f.parameters("authParameters", in.AuthParameters)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.poolClient(in.UserPoolID, in.ClientID)
	if err != nil {
		return nil, err
	}
	if in.AuthFlow == flowPassword {
		return nil, invalid("Initiate Auth method not supported.")
	}
	out, err := d.initiate(viaServer(ctx), c, in.AuthFlow, in.AuthParameters, entrance{admin: true})
	return (*AdminInitiateAuthOutput)(out), err
}

// viaServer forgets the address of a server that signs users in: it is not where
// they are, and one user's guesses must not be counted against all.
func viaServer(ctx context.Context) context.Context {
	return identity.WithClient(ctx, identity.Client{})
}

// entrance is where a sign-in came in. It goes on there and nowhere else.
type entrance struct {
	// admin says that a server signs the user in.
	admin bool
	// page is what the hosted page was asked for, nil elsewhere.
	page *Authorization
}

func (d *Directory) initiate(ctx context.Context, c *client, flow string, params map[string]Sensitive, by entrance) (*InitiateAuthOutput, error) {
	next, err := d.first(ctx, c, flow, params, by)
	if err != nil {
		return nil, err
	}
	return d.answer(next)
}

func (d *Directory) first(ctx context.Context, c *client, flow string, params map[string]Sensitive, by entrance) (*step, error) {
	switch flow {
	case flowAdminOld:
		flow = flowAdmin
	case flowRefreshOld:
		flow = flowRefresh
	case flowSRP, flowPassword, flowRefresh, flowAdmin:
	default:
		return nil, invalid("Initiate Auth method not supported.")
	}
	if !slices.Contains(c.Flows, flow) {
		return nil, errFlow(flow)
	}
	if flow == flowRefresh {
		return d.refreshFlow(ctx, c, params)
	}
	username, err := c.named(params)
	if err != nil {
		return nil, err
	}
	if flow == flowSRP {
		return d.srpFlow(ctx, c, username, params, by)
	}
	return d.passwordFlow(ctx, c, username, params, by)
}

// errFlow has a text of its own for SRP. Source: identity-protocol §2.5.
func errFlow(flow string) error {
	if flow == flowSRP {
		return invalid("USER_SRP_AUTH is not enabled for the client.")
	}
	return invalid("%s flow not enabled for this client", flow)
}

// named returns the user name among the parameters, once the client has proven
// its secret.
func (c *client) named(params map[string]Sensitive) (string, error) {
	username, err := required(params, paramUsername)
	if err != nil {
		return "", err
	}
	var f faults
	f.text("username", username, usernameRule)
	if err := f.err(); err != nil {
		return "", err
	}
	return username, c.checkSecretHash(username, params[paramSecretHash])
}

func required(params map[string]Sensitive, name string) (string, error) {
	v := string(params[name])
	if v == "" {
		return "", invalid("Missing required parameter %s", name)
	}
	return v, nil
}

// passwordFlow proves a user by the password itself.
func (d *Directory) passwordFlow(ctx context.Context, c *client, username string, params map[string]Sensitive, by entrance) (*step, error) {
	password, err := required(params, paramPassword)
	if err != nil {
		return nil, err
	}
	var f faults
	f.text("password", password, passwordRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	s, err := d.suspect(ctx, c, username)
	if err != nil {
		return nil, err
	}
	match, err := d.matches(ctx, s.user, password)
	if err != nil {
		return nil, err
	}
	g := &guess{client: c, by: by, typed: username, match: match}
	if s.user != nil {
		g.checked = s.user.Password
	}
	return d.judge(ctx, g)
}

// suspect finds who wants to sign in, before anything costly is done.
func (d *Directory) suspect(ctx context.Context, c *client, username string) (subject, error) {
	var s subject
	err := d.store.View(ctx, func(tx identity.Tx) error {
		var err error
		if s, err = d.subject(tx, c.pool, username); err != nil {
			return err
		}
		if s.user == nil && !c.PreventUserExistenceErrors {
			return errUserNotFound()
		}
		return d.openGuess(ctx, tx, c.pool, s)
	})
	return s, err
}

// guess is a password that was compared, or a proof of one.
type guess struct {
	client *client
	by     entrance
	// typed is the name that was guessed at.
	typed string
	match bool
	// checked is the credential compared with.
	checked *credential
	// nonce is used up by the guess, whatever comes of it; empty if there is
	// none.
	nonce        string
	nonceExpires time.Time
}

// judge decides on a guess in one transaction: guesses that were compared at
// the same time are counted one after another, and once the subject is locked
// the right one is refused like the others.
func (d *Directory) judge(ctx context.Context, g *guess) (*step, error) {
	var next *step
	err := d.update(ctx, func(tx identity.Tx) error {
		var err error
		next, err = d.judgeIn(ctx, tx, g)
		return err
	})
	return next, err
}

func (d *Directory) judgeIn(ctx context.Context, tx identity.Tx, g *guess) (*step, error) {
	p := g.client.pool
	if g.nonce != "" {
		err := d.use(tx, p, g.nonce, g.nonceExpires)
		if errors.Is(err, identity.ErrRecordExists) {
			return nil, errWrongPassword()
		}
		if err != nil {
			return nil, err
		}
	}
	s, err := d.subject(tx, p, g.typed)
	if err != nil {
		return nil, err
	}
	if err := d.openGuess(ctx, tx, p, s); err != nil {
		return nil, err
	}
	if !g.match || s.user == nil || !s.user.Password.same(g.checked) {
		if err := d.missGuess(ctx, tx, p, s); err != nil {
			return nil, err
		}
		return nil, keep(errWrongPassword())
	}
	if err := d.hitGuess(ctx, tx, p, s); err != nil {
		return nil, err
	}
	next, err := d.advance(ctx, tx, &signIn{client: g.client, user: s.user, by: g.by})
	if err != nil {
		return nil, keep(err)
	}
	return next, nil
}

// signIn is a sign-in whose first factor is proven.
type signIn struct {
	client *client
	user   *user
	by     entrance
	// mfa says that the second factor is proven too.
	mfa bool
	// attempt names the sign-in in the counters of wrong codes.
	attempt string
}

// step is what a sign-in comes to: a challenge, or a grant; on the hosted page
// it is a code instead of the grant.
type step struct {
	challenge string
	params    map[string]string
	session   Sensitive
	grant     *grant
	code      Sensitive
}

// advance says what comes next. Source: identity-protocol §2.5: the status is
// revealed to none but those who know the password, and tokens come after all
// factors.
func (d *Directory) advance(ctx context.Context, tx identity.Tx, s *signIn) (*step, error) {
	u, p := s.user, s.client.pool
	switch {
	case !u.Enabled:
		return nil, errDisabled()
	case u.Status == statusNew:
		return nil, identity.Errorf(UserNotConfirmed, "User is not confirmed.")
	case u.Status == statusReset:
		return nil, identity.Errorf(PasswordResetRequired, "Password reset required for the user")
	case u.Status == statusForce && !d.now().Before(u.Temporary):
		return nil, notAuthorized("Temporary password has expired and must be reset by an administrator.")
	case u.Status == statusForce:
		return d.challenge(s, challengeNewPassword, s.client.newPasswordParams(u))
	case u.Status != statusReady:
		return nil, errWrongPassword()
	case p.MFA != mfaOff && !s.mfa && u.TOTP != nil && (p.MFA == mfaOn || u.TOTP.Enabled):
		return d.challenge(s, challengeTOTP, map[string]string{
			paramUserID: u.Username, "FRIENDLY_DEVICE_NAME": u.TOTP.Device,
		})
	case p.MFA == mfaOn && !s.mfa:
		return d.challenge(s, challengeSetup, map[string]string{
			paramUserID: u.Username, "MFAS_CAN_SETUP": `["` + challengeTOTP + `"]`,
		})
	}
	if u.remember(d.address(ctx)) {
		if err := p.save(tx, u, u, false); err != nil {
			return nil, err
		}
	}
	if s.by.page != nil {
		code, err := d.issueAuthCode(tx, s)
		return &step{code: code}, err
	}
	g, err := d.grant(tx, s)
	return &step{grant: g}, err
}

// answer renders what a sign-in came to, once it is stored.
func (d *Directory) answer(next *step) (*InitiateAuthOutput, error) {
	if next.grant == nil {
		return &InitiateAuthOutput{ChallengeName: next.challenge, Session: next.session, ChallengeParameters: next.params}, nil
	}
	result, err := d.issue(next.grant)
	if err != nil {
		return nil, err
	}
	return &InitiateAuthOutput{ChallengeParameters: map[string]string{}, AuthenticationResult: result}, nil
}
