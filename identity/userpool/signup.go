package userpool

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/rowan-authz/rowan/identity"
)

// checkSecretHash proves that a caller knows the client's secret. username is
// the text that was sent. Source: identity-protocol §2.4.
func (c *client) checkSecretHash(username string, hash Sensitive) error {
	if c.HasSecret && hash == "" {
		return notAuthorized("Client %s is configured with secret but SECRET_HASH was not received", c.ID)
	}
	if !c.HasSecret && hash == "" {
		return nil
	}
	if !c.HasSecret || !hmac.Equal([]byte(hash), []byte(secretHash(c.secret.Reveal(), username, c.ID))) {
		return notAuthorized("Unable to verify secret hash for client %s", c.ID)
	}
	return nil
}

func secretHash(secret []byte, username, clientID string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// enter checks what the unsigned calls about a user have in common.
func (d *Directory) enter(f *faults, clientID, username string, hash Sensitive) (*client, error) {
	f.text("clientId", clientID, clientIDRule)
	f.text("username", username, usernameRule)
	f.text("secretHash", string(hash), hashRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.client(clientID)
	if err != nil {
		return nil, err
	}
	return c, c.checkSecretHash(username, hash)
}

// SignUp makes a user that is to be confirmed, and sends a code if the pool
// verifies addresses.
func (d *Directory) SignUp(ctx context.Context, in *SignUpInput) (*SignUpOutput, error) {
	var f faults
	f.text("password", string(in.Password), passwordRule)
	f.attributes("userAttributes", in.UserAttributes)
	c, err := d.enter(&f, in.ClientID, in.Username, in.SecretHash)
	if err != nil {
		return nil, err
	}
	p := c.pool
	if !p.SignUp {
		return nil, notAuthorized("SignUp is not permitted for this user pool")
	}
	if err := c.checkWrites(in.UserAttributes); err != nil {
		return nil, err
	}
	u, err := d.newUser(p, in.Username, in.UserAttributes, false)
	if err != nil {
		return nil, err
	}
	if err := p.Password.check(string(in.Password)); err != nil {
		return nil, err
	}
	u.Status = statusNew
	if err := d.openSignUps(ctx, p); err != nil {
		return nil, err
	}
	if u.Password, err = d.newCredential(ctx, p, u, string(in.Password)); err != nil {
		return nil, err
	}
	return d.signUp(ctx, p, u)
}

// openSignUps refuses an address that has made too many users, before anything
// costly is done for it.
func (d *Directory) openSignUps(ctx context.Context, p *pool) error {
	a := d.address(ctx)
	if a == "" {
		return nil
	}
	return d.store.View(ctx, func(tx identity.Tx) error { return d.open(tx, p, countSignUps, a, perHourSignUps) })
}

// signUp stores a new user and sends the code.
func (d *Directory) signUp(ctx context.Context, p *pool, u *user) (*SignUpOutput, error) {
	email := u.attribute(attrEmail)
	var text string
	err := d.update(ctx, func(tx identity.Tx) error {
		text = ""
		if a := d.address(ctx); a != "" {
			if err := d.spend(tx, p, countSignUps, a, perHourSignUps); err != nil {
				return err
			}
		}
		err := p.insert(tx, u, false)
		if err == nil && email != "" && p.verifiesEmail() {
			text, err = d.issueCode(tx, p, SignUpMessage, u.Sub, email, codeLife)
		}
		return err
	})
	if err != nil {
		return nil, usernameError(err)
	}
	d.active(p.ID, u.Sub)
	out := &SignUpOutput{UserSub: u.Sub}
	if text == "" {
		return out, nil
	}
	m := Message{PoolID: p.ID, Username: u.Username, To: email, Kind: SignUpMessage, Code: Sensitive(text)}
	if err := d.deliver(ctx, m); err != nil {
		return nil, err
	}
	out.CodeDeliveryDetails = details(email)
	return out, nil
}

// newUser makes a user of what a caller asks for; nothing is stored.
func (d *Directory) newUser(p *pool, username string, attributes []Attribute, admin bool) (*user, error) {
	sub, err := d.uuid()
	if err != nil {
		return nil, err
	}
	u := &user{Sub: sub, Enabled: true, Created: d.now(), Modified: d.now()}
	if err := p.checkValues(attributes, admin); err != nil {
		return nil, err
	}
	for _, a := range attributes {
		u.set(a.Name, a.Value)
	}
	if u.Username, err = p.username(u, username); err != nil {
		return nil, err
	}
	for _, a := range []string{attrEmail, attrPhone} {
		if u.attribute(a) == "" {
			u.set(a+"_verified", "")
		} else if u.attribute(a+"_verified") == "" {
			u.set(a+"_verified", "false")
		}
	}
	return u, p.checkRequired(u)
}

// username returns the user name that a new user gets.
func (p *pool) username(u *user, typed string) (string, error) {
	text, ok := normal(typed)
	if !ok {
		return "", invalid("Username has characters that no name may have.")
	}
	if p.byEmail() {
		if !validEmail(typed) {
			return "", invalid("Username should be an email.")
		}
		if given, _ := normal(u.attribute(attrEmail)); given != "" && given != text {
			return "", invalid("Username and the attribute email differ.")
		}
		if u.attribute(attrEmail) == "" {
			u.set(attrEmail, typed)
		}
		return u.Sub, nil
	}
	if p.addressed(text) {
		return "", invalid("Username cannot be of email format, since user pool is configured for email alias.")
	}
	return text, nil
}

// addressed reports whether a name in its normal form reads as an address in a
// pool whose users can be found by theirs: it would be in the way of its owner.
func (p *pool) addressed(text string) bool {
	return slices.Contains(p.AliasAttributes, attrEmail) && validEmail(text)
}

// ConfirmSignUp redeems the code of a sign-up. The address that it went to is
// then verified; ForceAliasCreation takes it from another user who has it as
// an alias.
func (d *Directory) ConfirmSignUp(ctx context.Context, in *ConfirmSignUpInput) (*ConfirmSignUpOutput, error) {
	var f faults
	f.text("confirmationCode", string(in.ConfirmationCode), codeRule)
	c, err := d.enter(&f, in.ClientID, in.Username, in.SecretHash)
	if err != nil {
		return nil, err
	}
	err = d.update(ctx, func(tx identity.Tx) error {
		s, err := d.subject(tx, c.pool, in.Username)
		if err != nil {
			return err
		}
		if err := d.spend(tx, c.pool, "ConfirmSignUp", s.id, perHourConfirm); err != nil {
			return err
		}
		return d.confirm(ctx, tx, c, s, in)
	})
	if err != nil {
		return nil, aliasError(err)
	}
	return &ConfirmSignUpOutput{}, nil
}

func (d *Directory) confirm(ctx context.Context, tx identity.Tx, c *client, s subject, in *ConfirmSignUpInput) error {
	u := s.user
	switch {
	case u == nil && !c.PreventUserExistenceErrors:
		return errUserNotFound()
	case u != nil && u.Status != statusNew && !c.PreventUserExistenceErrors:
		return notAuthorized("User cannot be confirmed. Current status is %s", u.Status)
	case u == nil || u.Status != statusNew:
		return keep(errCodeExpired())
	}
	email := u.attribute(attrEmail)
	if err := d.redeemCode(ctx, tx, c.pool, SignUpMessage, u.Sub, email, string(in.ConfirmationCode)); err != nil {
		return err
	}
	was := *u
	u.Status, u.Modified = statusReady, d.now()
	u.set(attrEmailVerified, "true")
	return c.pool.save(tx, &was, u, in.ForceAliasCreation)
}

// ResendConfirmationCode sends a new code for a sign-up; the one before is
// void.
func (d *Directory) ResendConfirmationCode(ctx context.Context, in *ResendConfirmationCodeInput) (*ResendConfirmationCodeOutput, error) {
	var f faults
	c, err := d.enter(&f, in.ClientID, in.Username, in.SecretHash)
	if err != nil {
		return nil, err
	}
	send, err := d.prepareCode(ctx, c, in.Username, SignUpMessage)
	if err != nil {
		return nil, err
	}
	out, err := d.answerCode(ctx, c, in.Username, send)
	if err != nil {
		return nil, err
	}
	return &ResendConfirmationCodeOutput{CodeDeliveryDetails: out}, nil
}

// prepareCode stores a code that a stranger asked for and returns the message
// to be sent, nil if there is nobody to send it to and that is not to be told.
func (d *Directory) prepareCode(ctx context.Context, c *client, username string, kind MessageKind) (*Message, error) {
	var out *Message
	life := codeLife
	if kind == ForgotPasswordMessage {
		life = forgotLife
	}
	err := d.update(ctx, func(tx identity.Tx) error {
		out = nil
		if a := d.address(ctx); a != "" {
			if err := d.spend(tx, c.pool, countAsks, a, perHourAsks); err != nil {
				return err
			}
		}
		s, err := d.subject(tx, c.pool, username)
		if err != nil {
			return err
		}
		if err := d.spend(tx, c.pool, "send-"+string(kind), s.id, perHourSend); err != nil {
			return err
		}
		why := c.pool.sendable(s.user, kind)
		if why != nil && !c.PreventUserExistenceErrors {
			return why
		}
		email := ""
		if s.user != nil {
			email = s.user.attribute(attrEmail)
		}
		if why != nil {
			s.id, email = "shadow-"+d.fake(c.pool, "shadow", username), ""
		}
		text, err := d.issueCode(tx, c.pool, kind, s.id, email, life)
		if c.PreventUserExistenceErrors && identity.CodeOf(err) == identity.LimitExceeded {
			return nil // whose mailbox is full is not told either
		}
		if err == nil && why == nil {
			out = &Message{PoolID: c.pool.ID, Username: s.user.Username, To: email, Kind: kind, Code: Sensitive(text)}
		}
		return err
	})
	return out, err
}

// sendable says why a user gets no code of the kind, nil if it does.
func (p *pool) sendable(u *user, kind MessageKind) error {
	switch {
	case u == nil:
		return errUserNotFound()
	case kind == SignUpMessage && u.Status != statusNew:
		return invalid("User is already confirmed.")
	case kind == SignUpMessage && (u.attribute(attrEmail) == "" || !p.verifiesEmail()):
		return invalid("Cannot resend codes. Auto verification not turned on.")
	case kind == SignUpMessage:
		return nil
	case !u.Enabled:
		return errDisabled()
	case u.Status == statusForce:
		return notAuthorized("User password cannot be reset in the current state.")
	case !u.verified(attrEmail):
		return invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
	}
	return nil
}

// answerCode sends a message and says where it went. Where the existence of
// users is hidden a failure is too; the user asks again.
func (d *Directory) answerCode(ctx context.Context, c *client, typed string, m *Message) (*CodeDeliveryDetails, error) {
	if m == nil {
		return d.simulated(c.pool, typed), nil
	}
	if err := d.deliver(ctx, *m); err != nil && !c.PreventUserExistenceErrors {
		return nil, err
	}
	return details(m.To), nil
}
