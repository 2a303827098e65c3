package userpool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// authSession is what a client carries from one challenge to the next, sealed.
// It is used once: its nonce is stored when it is. Source: identity-protocol
// §2.5, "Session design".
type authSession struct {
	Pool      string    `json:"p"`
	Client    string    `json:"c"`
	Sub       string    `json:"s"`
	Challenge string    `json:"n"`
	Admin     bool      `json:"a,omitempty"`
	Page      string    `json:"q,omitempty"` // of an Authorization
	MFA       bool      `json:"m,omitempty"`
	Attempt   string    `json:"t"`
	Nonce     string    `json:"o"`
	Epoch     int       `json:"k"`
	Expires   time.Time `json:"e"`
	// Setup is a TOTP secret that MFA_SETUP chose, Proven whether a code of it
	// was right, Step that code's, and Device its name.
	Setup  []byte `json:"x,omitempty"`
	Proven bool   `json:"y,omitempty"`
	Step   int64  `json:"z,omitempty"`
	Device string `json:"d,omitempty"`
}

// ErrSignInOver is the cause of the error of a challenge that cannot be answered
// any more: the sign-in has to begin anew.
var ErrSignInOver = errors.New("the sign-in is over")

func errSession(rest string) error {
	return identity.Errorf(identity.NotAuthorized, "Invalid session for the user%s", rest).Because(ErrSignInOver)
}

// challenge makes the step that asks for something.
func (d *Directory) challenge(s *signIn, name string, params map[string]string) (*step, error) {
	if s.attempt == "" {
		var err error
		if s.attempt, err = d.token(16); err != nil {
			return nil, err
		}
	}
	session, err := d.sealSession(&authSession{
		Pool: s.client.pool.ID, Client: s.client.ID, Sub: s.user.Sub, Challenge: name, Admin: s.by.admin, Page: s.by.page.key(),
		MFA: s.mfa, Attempt: s.attempt, Epoch: s.user.Epoch, Expires: d.now().Add(s.client.SessionLife),
	})
	return &step{challenge: name, params: params, session: session}, err
}

// sealSession gives a session a nonce and seals it.
func (d *Directory) sealSession(s *authSession) (Sensitive, error) {
	nonce, err := d.token(16)
	if err != nil {
		return "", err
	}
	s.Nonce = nonce
	plain, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sealed, err := d.sessions.Seal(d.now(), identity.PurposeAuth, nil, plain)
	return Sensitive(base64.RawURLEncoding.EncodeToString(sealed)), err
}

// openSession reads a session that has not expired, of the challenge.
func (d *Directory) openSession(text Sensitive, challenge string) (*authSession, *client, error) {
	if sessionRule.broken(string(text)) != "" {
		return nil, nil, errSession(".")
	}
	sealed, err := decode64(base64.RawURLEncoding, string(text))
	if err != nil {
		return nil, nil, errSession(".")
	}
	plain, err := d.sessions.Open(d.now(), identity.PurposeAuth, nil, sealed)
	if err != nil {
		return nil, nil, errSession(".")
	}
	s := new(authSession)
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, nil, errSession(".")
	}
	c := d.clients[s.Client]
	if c == nil || c.pool.ID != s.Pool || s.Challenge != challenge || s.Nonce == "" {
		return nil, nil, errSession(".")
	}
	if !d.now().Before(s.Expires) {
		return nil, nil, errSession(", session is expired.")
	}
	return s, c, nil
}

// use stores a nonce that is good until expires. It wraps ErrRecordExists if it
// was used before.
func (d *Directory) use(tx identity.Tx, p *pool, nonce string, expires time.Time) error {
	forgotten := expires.Add(identity.MaxClockSkew + time.Microsecond).Truncate(time.Microsecond)
	return tx.Insert(identity.Record{Kind: kindNonce, Key: p.key(nonce), Expires: forgotten})
}

// useSession uses a session up.
func (d *Directory) useSession(tx identity.Tx, p *pool, s *authSession) error {
	err := d.use(tx, p, s.Nonce, s.Expires)
	if errors.Is(err, identity.ErrRecordExists) {
		return errSession(", session can only be used once.")
	}
	return err
}

// sessionUser returns the user of a session that was not used yet. What ended
// the user's sign-ins since ended the session too.
func (d *Directory) sessionUser(tx identity.Tx, p *pool, s *authSession) (*user, error) {
	if _, err := tx.Get(kindNonce, p.key(s.Nonce)); err == nil {
		return nil, errSession(", session can only be used once.")
	} else if !errors.Is(err, identity.ErrNoRecord) {
		return nil, err
	}
	u, err := p.load(tx, s.Sub)
	if errors.Is(err, errNoUser) || err == nil && u.Epoch != s.Epoch {
		return nil, errSession(".")
	}
	if err == nil && !u.Enabled {
		return nil, errDisabled()
	}
	return u, err
}

// RespondToAuthChallenge answers a challenge of InitiateAuth.
func (d *Directory) RespondToAuthChallenge(ctx context.Context, in *RespondToAuthChallengeInput) (*RespondToAuthChallengeOutput, error) {
	var f faults
	f.text("clientId", in.ClientID, clientIDRule)
	f.parameters("challengeResponses", in.ChallengeResponses)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.client(in.ClientID)
	if err != nil {
		return nil, err
	}
	out, err := d.respond(ctx, c, in.ChallengeName, in.Session, in.ChallengeResponses, entrance{})
	return (*RespondToAuthChallengeOutput)(out), err
}

// AdminRespondToAuthChallenge answers a challenge of AdminInitiateAuth, and of
// no other.
func (d *Directory) AdminRespondToAuthChallenge(ctx context.Context, in *AdminRespondToAuthChallengeInput) (*AdminRespondToAuthChallengeOutput, error) {
	var f faults
	f.text("clientId", in.ClientID, clientIDRule)
	f.parameters("challengeResponses", in.ChallengeResponses)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.poolClient(in.UserPoolID, in.ClientID)
	if err != nil {
		return nil, err
	}
	out, err := d.respond(viaServer(ctx), c, in.ChallengeName, in.Session, in.ChallengeResponses, entrance{admin: true})
	return (*AdminRespondToAuthChallengeOutput)(out), err
}

// response is an answer to a challenge with a session.
type response struct {
	client   *client
	by       entrance
	session  *authSession
	username string
	values   map[string]Sensitive
}

func (d *Directory) respond(ctx context.Context, c *client, challenge string, session Sensitive, values map[string]Sensitive, by entrance) (*InitiateAuthOutput, error) {
	next, err := d.next(ctx, c, challenge, session, values, by)
	if err != nil {
		return nil, err
	}
	return d.answer(next)
}

func (d *Directory) next(ctx context.Context, c *client, challenge string, session Sensitive, values map[string]Sensitive, by entrance) (*step, error) {
	known := []string{challengeVerifier, challengeNewPassword, challengeTOTP, challengeSetup}
	if !slices.Contains(known, challenge) {
		return nil, invalid("The challenge %.40q is not supported.", challenge)
	}
	username, err := c.named(values)
	if err != nil {
		return nil, err
	}
	if challenge == challengeVerifier {
		return d.respondVerifier(ctx, c, username, values, by)
	}
	s, of, err := d.openSession(session, challenge)
	if err != nil {
		return nil, err
	}
	if of != c || s.Admin != by.admin || s.Page != by.page.key() {
		return nil, errSession(".")
	}
	r := &response{client: c, by: by, session: s, username: username, values: values}
	switch challenge {
	case challengeNewPassword:
		return d.respondNewPassword(ctx, r)
	case challengeTOTP:
		return d.respondTOTP(ctx, r)
	}
	return d.respondSetup(ctx, r)
}

// responder returns the user whose challenge it is; the name must lead there.
func (d *Directory) responder(tx identity.Tx, r *response) (*user, error) {
	u, err := d.sessionUser(tx, r.client.pool, r.session)
	if err != nil {
		return nil, err
	}
	named, err := r.client.pool.find(tx, r.username)
	if errors.Is(err, errNoUser) || err == nil && named.Sub != u.Sub {
		return nil, errSession(".")
	}
	return u, err
}

// proceed uses the session up and goes on with the sign-in.
func (d *Directory) proceed(ctx context.Context, tx identity.Tx, r *response, u *user, mfa bool) (*step, error) {
	if err := d.useSession(tx, r.client.pool, r.session); err != nil {
		return nil, err
	}
	return d.advance(ctx, tx, &signIn{
		client: r.client, user: u, by: r.by, mfa: r.session.MFA || mfa, attempt: r.session.Attempt,
	})
}

// newPasswordParams tell a client what a user must give with a new password.
func (c *client) newPasswordParams(u *user) map[string]string {
	missing := c.pool.missing(u)
	for i, name := range missing {
		missing[i] = attributePrefix + name
	}
	has := map[string]string{}
	for _, a := range c.visible(u) {
		if a.Name != attrSub {
			has[a.Name] = a.Value
		}
	}
	// Neither can fail: they are made of strings.
	requiredJSON, _ := json.Marshal(append([]string{}, missing...))
	hasJSON, _ := json.Marshal(has)
	return map[string]string{
		paramUserID: u.Username, paramRequired: string(requiredJSON), "userAttributes": string(hasJSON),
	}
}

const attributePrefix = "userAttributes."

// respondNewPassword replaces a temporary password.
func (d *Directory) respondNewPassword(ctx context.Context, r *response) (*step, error) {
	password, err := required(r.values, "NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	var f faults
	f.text("newPassword", password, passwordRule)
	attributes := r.attributes()
	f.attributes("userAttributes", attributes)
	if err := f.err(); err != nil {
		return nil, err
	}
	p := r.client.pool
	if err := p.Password.check(password); err != nil {
		return nil, err
	}
	if err := r.client.checkWrites(attributes); err != nil {
		return nil, err
	}
	if err := p.checkValues(attributes, false); err != nil {
		return nil, err
	}
	var u *user
	err = d.store.View(ctx, func(tx identity.Tx) (err error) {
		u, err = d.responder(tx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	fresh, err := d.newCredential(ctx, p, u, password)
	if err != nil {
		return nil, err
	}
	return d.settleStep(ctx, func(tx identity.Tx) (*step, error) {
		return d.replacePassword(ctx, tx, r, fresh, attributes)
	})
}

// settleStep runs a transaction that ends in a step.
func (d *Directory) settleStep(ctx context.Context, f func(identity.Tx) (*step, error)) (*step, error) {
	var next *step
	err := d.update(ctx, func(tx identity.Tx) (err error) {
		next, err = f(tx)
		return err
	})
	return next, aliasError(err)
}

func (d *Directory) replacePassword(ctx context.Context, tx identity.Tx, r *response, fresh *credential, attributes []Attribute) (*step, error) {
	p := r.client.pool
	u, err := d.responder(tx, r)
	if err != nil {
		return nil, err
	}
	if u.Status != statusForce {
		return nil, errSession(".")
	}
	was := *u
	if err := p.apply(u, attributes, false); err != nil {
		return nil, err
	}
	if err := p.checkRequired(u); err != nil {
		return nil, err
	}
	d.setPassword(u, fresh)
	if err := p.save(tx, &was, u, false); err != nil {
		return nil, err
	}
	return d.proceed(ctx, tx, r, u, false)
}

// attributes returns what a new password came with, sorted by name.
func (r *response) attributes() []Attribute {
	var out []Attribute
	for key, value := range r.values {
		if name, ok := strings.CutPrefix(key, attributePrefix); ok {
			out = append(out, Attribute{name, string(value)})
		}
	}
	slices.SortFunc(out, func(a, b Attribute) int { return compare(a.Name, b.Name) })
	return out
}
