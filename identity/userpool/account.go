package userpool

import (
	"context"
	"errors"

	"github.com/rowan-authz/rowan/identity"
)

// viewCaller is asCaller for operations that only read.
func (d *Directory) viewCaller(ctx context.Context, token Sensitive) (*caller, error) {
	c, err := d.caller(ctx, token)
	if err != nil {
		return nil, err
	}
	return c, d.store.View(ctx, func(tx identity.Tx) error { return d.live(tx, c, scopeUser) })
}

// GetUser returns what the client of an access token may see of its user.
func (d *Directory) GetUser(ctx context.Context, in *GetUserInput) (*GetUserOutput, error) {
	c, err := d.viewCaller(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	out := &GetUserOutput{Username: c.user.Username, UserAttributes: c.client.visible(c.user)}
	out.PreferredMFASetting, out.UserMFASettingList = c.user.mfaSettings()
	return out, nil
}

// ChangePassword sets a new password for who knows the old one. All sign-ins
// of the user end but the caller's.
func (d *Directory) ChangePassword(ctx context.Context, in *ChangePasswordInput) (*ChangePasswordOutput, error) {
	var f faults
	f.text("proposedPassword", string(in.ProposedPassword), passwordRule)
	f.text("previousPassword", string(in.PreviousPassword), passwordRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.viewCaller(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := c.pool.Password.check(string(in.ProposedPassword)); err != nil {
		return nil, err
	}
	err = d.update(ctx, func(tx identity.Tx) error {
		if err := d.spend(tx, c.pool, "ChangePassword", c.sub, perHourChange); err != nil {
			return err
		}
		return d.openGuess(ctx, tx, c.pool, subject{c.user, c.sub})
	})
	if err != nil {
		return nil, err
	}
	match, err := d.matches(ctx, c.user, string(in.PreviousPassword))
	if err != nil {
		return nil, err
	}
	var fresh *credential
	if match {
		if fresh, err = d.newCredential(ctx, c.pool, c.user, string(in.ProposedPassword)); err != nil {
			return nil, err
		}
	}
	checked := c.user.Password
	err = d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		return d.change(ctx, tx, c, checked, fresh)
	})
	if err != nil {
		return nil, err
	}
	d.active(c.pool.ID, c.sub)
	return &ChangePasswordOutput{}, nil
}

// change sets a new password; fresh is nil if the old one was wrong.
func (d *Directory) change(ctx context.Context, tx identity.Tx, c *caller, checked, fresh *credential) error {
	u, p := c.user, c.pool
	if fresh == nil || !u.Password.same(checked) {
		if err := d.missGuess(ctx, tx, p, subject{u, u.Sub}); err != nil {
			return err
		}
		return keep(errWrongPassword())
	}
	if u.Status != statusReady {
		return errWrongPassword()
	}
	was := *u
	d.setPassword(u, fresh)
	if err := p.save(tx, &was, u, false); err != nil {
		return err
	}
	return d.carryOver(tx, c)
}

// carryOver lets the caller's own sign-in go on after all others ended.
func (d *Directory) carryOver(tx identity.Tx, c *caller) error {
	origin, ok := c.claims.String("origin_jti")
	if !ok {
		return nil
	}
	var fam family
	if err := get(tx, kindFamily, c.pool.key(c.sub, origin), &fam); err != nil {
		return err
	}
	fam.Epoch = c.user.Epoch
	return d.saveFamily(tx, c.client, c.sub, origin, &fam)
}

// UpdateUserAttributes changes attributes of a user, as far as the client may.
// A new address is not verified; a code is sent to it if the pool verifies
// addresses.
func (d *Directory) UpdateUserAttributes(ctx context.Context, in *UpdateUserAttributesInput) (*UpdateUserAttributesOutput, error) {
	var f faults
	f.attributes("userAttributes", in.UserAttributes)
	if err := f.err(); err != nil {
		return nil, err
	}
	var send *Message
	var who *caller
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		send, who = nil, c
		if err := c.client.checkWrites(in.UserAttributes); err != nil {
			return err
		}
		if err := c.pool.checkValues(in.UserAttributes, false); err != nil {
			return err
		}
		was := *c.user
		if err := c.pool.apply(c.user, in.UserAttributes, false); err != nil {
			return err
		}
		c.user.Modified = d.now()
		if err := c.pool.save(tx, &was, c.user, false); err != nil {
			return err
		}
		email := c.user.attribute(attrEmail)
		if email == "" || email == was.attribute(attrEmail) || !c.pool.verifiesEmail() {
			return nil
		}
		var err error
		send, err = d.verification(tx, c)
		return err
	})
	if err != nil {
		return nil, aliasError(err)
	}
	d.active(who.pool.ID, who.sub)
	out := &UpdateUserAttributesOutput{}
	if send != nil {
		if err := d.deliver(ctx, *send); err != nil {
			return nil, err
		}
		out.CodeDeliveryDetailsList = []CodeDeliveryDetails{*details(send.To)}
	}
	return out, nil
}

// verification makes a code for the address that a user has now.
func (d *Directory) verification(tx identity.Tx, c *caller) (*Message, error) {
	if err := d.spend(tx, c.pool, "send-"+string(VerifyAttributeMessage), c.sub, perHourSend); err != nil {
		return nil, err
	}
	email := c.user.attribute(attrEmail)
	text, err := d.issueCode(tx, c.pool, VerifyAttributeMessage, c.sub, email, codeLife)
	return &Message{
		PoolID: c.pool.ID, Username: c.user.Username, To: email, Kind: VerifyAttributeMessage, Code: Sensitive(text),
	}, err
}

// DeleteUserAttributes removes attributes of a user, as far as the client may
// write them.
func (d *Directory) DeleteUserAttributes(ctx context.Context, in *DeleteUserAttributesInput) (*DeleteUserAttributesOutput, error) {
	gone := without(in.UserAttributeNames)
	var f faults
	f.attributes("userAttributeNames", gone)
	if err := f.err(); err != nil {
		return nil, err
	}
	var who *caller
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		who = c
		if err := c.client.checkWrites(gone); err != nil {
			return err
		}
		was := *c.user
		if err := c.pool.applyKnown(c.user, gone, false); err != nil {
			return err
		}
		c.user.Modified = d.now()
		return c.pool.save(tx, &was, c.user, false)
	})
	if err != nil {
		return nil, aliasError(err)
	}
	d.active(who.pool.ID, who.sub)
	return &DeleteUserAttributesOutput{}, nil
}

// without returns attributes that have no value.
func without(names []string) []Attribute {
	out := make([]Attribute, len(names))
	for i, n := range names {
		out[i].Name = n
	}
	return out
}

// applyKnown is apply for attributes that must be the pool's.
func (p *pool) applyKnown(u *user, list []Attribute, admin bool) error {
	if err := p.checkValues(list, false); err != nil {
		return err
	}
	return p.apply(u, list, admin)
}

// GetUserAttributeVerificationCode sends a code to the address of a user.
func (d *Directory) GetUserAttributeVerificationCode(ctx context.Context, in *GetUserAttributeVerificationCodeInput) (*GetUserAttributeVerificationCodeOutput, error) {
	var send *Message
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		if in.AttributeName != attrEmail || c.user.attribute(attrEmail) == "" {
			return invalid("Attribute verification is for an email address that the user has.")
		}
		var err error
		send, err = d.verification(tx, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := d.deliver(ctx, *send); err != nil {
		return nil, err
	}
	return &GetUserAttributeVerificationCodeOutput{CodeDeliveryDetails: details(send.To)}, nil
}

// VerifyUserAttribute redeems the code that an address was sent.
func (d *Directory) VerifyUserAttribute(ctx context.Context, in *VerifyUserAttributeInput) (*VerifyUserAttributeOutput, error) {
	var f faults
	f.text("code", string(in.Code), codeRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		if in.AttributeName != attrEmail {
			return invalid("Attribute verification is for an email address that the user has.")
		}
		if err := d.spend(tx, c.pool, "VerifyUserAttribute", c.sub, perHourConfirm); err != nil {
			return err
		}
		email := c.user.attribute(attrEmail)
		if err := d.redeemCode(ctx, tx, c.pool, VerifyAttributeMessage, c.sub, email, string(in.Code)); err != nil {
			return err
		}
		was := *c.user
		c.user.set(attrEmailVerified, "true")
		c.user.Modified = d.now()
		return c.pool.save(tx, &was, c.user, false)
	})
	if err != nil {
		return nil, aliasError(err)
	}
	return &VerifyUserAttributeOutput{}, nil
}

// DeleteUser removes the user of an access token.
func (d *Directory) DeleteUser(ctx context.Context, in *DeleteUserInput) (*DeleteUserOutput, error) {
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error { return c.pool.remove(tx, c.user) })
	if err != nil {
		return nil, err
	}
	return &DeleteUserOutput{}, nil
}

// named finds a user as administrators name one: by a user name, an alias, or
// the sub.
func (p *pool) named(tx identity.Tx, username string) (*user, error) {
	u, err := p.find(tx, username)
	if errors.Is(err, errNoUser) && uuidLike(username) {
		u, err = p.load(tx, username)
	}
	if errors.Is(err, errNoUser) {
		return nil, errUserNotFound()
	}
	return u, err
}
