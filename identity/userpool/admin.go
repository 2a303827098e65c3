package userpool

import (
	"context"
	"slices"

	"github.com/rowan-authz/rowan/identity"
)

// Operations whose names begin with Admin trust the caller: who may call them
// has been decided by whoever calls here.

// adminUser checks what the operations about one user have in common.
func (d *Directory) adminUser(poolID, username string) (*pool, error) {
	p, err := d.pool(poolID)
	if err != nil {
		return nil, err
	}
	var f faults
	f.text("username", username, usernameRule)
	return p, f.err()
}

// asAdmin runs f, in one transaction, for a user that an administrator names.
func (d *Directory) asAdmin(ctx context.Context, poolID, username string, f func(identity.Tx, *pool, *user) error) error {
	p, err := d.adminUser(poolID, username)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx identity.Tx) error {
		u, err := p.named(tx, username)
		if err != nil {
			return err
		}
		return f(tx, p, u)
	})
}

// edit is asAdmin for operations that change the user itself, which is active by
// that.
func (d *Directory) edit(ctx context.Context, poolID, username string, f func(*pool, *user) error) error {
	var sub string
	err := d.asAdmin(ctx, poolID, username, func(tx identity.Tx, p *pool, u *user) error {
		was := *u
		if err := f(p, u); err != nil {
			return err
		}
		sub, u.Modified = u.Sub, d.now()
		return p.save(tx, &was, u, false)
	})
	if err != nil {
		return err
	}
	d.active(poolID, sub)
	return nil
}

// AdminCreateUser makes a user with a temporary password, and sends it to the
// user's address unless MessageAction is SUPPRESS. RESEND makes a new password
// for a user that has not used the one before.
func (d *Directory) AdminCreateUser(ctx context.Context, in *AdminCreateUserInput) (*AdminCreateUserOutput, error) {
	p, err := d.adminUser(in.UserPoolID, in.Username)
	if err != nil {
		return nil, err
	}
	var f faults
	f.attributes("userAttributes", in.UserAttributes)
	if in.TemporaryPassword != "" {
		f.text("temporaryPassword", string(in.TemporaryPassword), passwordRule)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"", "RESEND", "SUPPRESS"}, in.MessageAction) {
		return nil, invalid("MessageAction is RESEND or SUPPRESS.")
	}
	for _, m := range in.DesiredDeliveryMediums {
		if m != mediumEmail {
			return nil, invalid("Messages are delivered by EMAIL alone.")
		}
	}
	i := &invitation{pool: p, in: in, password: string(in.TemporaryPassword)}
	if i.password == "" {
		if i.password, err = d.temporaryPassword(p); err != nil {
			return nil, err
		}
	} else if err := p.Password.check(i.password); err != nil {
		return nil, err
	}
	if in.MessageAction == "RESEND" {
		err = d.reinvite(ctx, i)
	} else {
		err = d.invite(ctx, i)
	}
	if err != nil {
		return nil, usernameError(err)
	}
	if err := d.sendInvitation(ctx, i); err != nil {
		return nil, err
	}
	return &AdminCreateUserOutput{User: i.user.wire(nil)}, nil
}

// invitation is an AdminCreateUser in progress.
type invitation struct {
	pool     *pool
	in       *AdminCreateUserInput
	password string
	user     *user
}

func (d *Directory) invite(ctx context.Context, i *invitation) error {
	p := i.pool
	u, err := d.newUser(p, i.in.Username, i.in.UserAttributes, true)
	if err != nil {
		return err
	}
	u.Status, u.Temporary = statusForce, d.now().AddDate(0, 0, p.Password.TemporaryDays)
	if u.Password, err = d.newCredential(ctx, p, u, i.password); err != nil {
		return err
	}
	i.user = u
	err = d.update(ctx, func(tx identity.Tx) error { return p.insert(tx, u, i.in.ForceAliasCreation) })
	if err == nil {
		d.active(p.ID, u.Sub)
	}
	return err
}

func (d *Directory) reinvite(ctx context.Context, i *invitation) error {
	err := d.store.View(ctx, func(tx identity.Tx) (err error) {
		i.user, err = i.pool.named(tx, i.in.Username)
		return err
	})
	if err != nil {
		return err
	}
	fresh, err := d.newCredential(ctx, i.pool, i.user, i.password)
	if err != nil {
		return err
	}
	return d.edit(ctx, i.pool.ID, i.user.Username, func(p *pool, u *user) error {
		if u.Status != statusForce || u.Sub != i.user.Sub {
			return identity.Errorf(UnsupportedUserState, "Resend not possible. %s is not in FORCE_CHANGE_PASSWORD state", u.Username)
		}
		d.setTemporary(p, u, fresh)
		i.user = u
		return nil
	})
}

// setTemporary gives a user a password that must be changed.
func (d *Directory) setTemporary(p *pool, u *user, fresh *credential) {
	d.setPassword(u, fresh)
	u.Status, u.Temporary = statusForce, d.now().AddDate(0, 0, p.Password.TemporaryDays)
}

func (d *Directory) sendInvitation(ctx context.Context, i *invitation) error {
	email := i.user.attribute(attrEmail)
	if i.in.MessageAction == "SUPPRESS" || email == "" {
		return nil
	}
	username := i.user.Username
	if i.pool.byEmail() {
		username = email
	}
	return d.deliver(ctx, Message{
		PoolID: i.pool.ID, Username: username, To: email, Kind: InvitationMessage, Code: Sensitive(i.password),
	})
}

// AdminGetUser returns a user.
func (d *Directory) AdminGetUser(ctx context.Context, in *AdminGetUserInput) (*AdminGetUserOutput, error) {
	p, err := d.adminUser(in.UserPoolID, in.Username)
	if err != nil {
		return nil, err
	}
	var out *AdminGetUserOutput
	var sub string
	err = d.store.View(ctx, func(tx identity.Tx) error {
		u, err := p.named(tx, in.Username)
		if err != nil {
			return err
		}
		sub = u.Sub
		out = &AdminGetUserOutput{
			Username: u.Username, UserAttributes: u.allAttributes(), UserStatus: u.Status, Enabled: u.Enabled,
			UserCreateDate: identity.Epoch(u.Created), UserLastModifiedDate: identity.Epoch(u.Modified),
		}
		out.PreferredMFASetting, out.UserMFASettingList = u.mfaSettings()
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.active(p.ID, sub)
	return out, nil
}

// AdminSetUserPassword sets a password: for good, or one to be changed at the
// next sign-in. It ends all sign-ins of the user.
func (d *Directory) AdminSetUserPassword(ctx context.Context, in *AdminSetUserPasswordInput) (*AdminSetUserPasswordOutput, error) {
	p, err := d.adminUser(in.UserPoolID, in.Username)
	if err != nil {
		return nil, err
	}
	var f faults
	f.text("password", string(in.Password), passwordRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := p.Password.check(string(in.Password)); err != nil {
		return nil, err
	}
	var named *user
	err = d.store.View(ctx, func(tx identity.Tx) (err error) {
		named, err = p.named(tx, in.Username)
		return err
	})
	if err != nil {
		return nil, err
	}
	fresh, err := d.newCredential(ctx, p, named, string(in.Password))
	if err != nil {
		return nil, err
	}
	err = d.edit(ctx, p.ID, named.Username, func(p *pool, u *user) error {
		if u.Sub != named.Sub {
			return errUserNotFound()
		}
		if in.Permanent {
			d.setPassword(u, fresh)
		} else {
			d.setTemporary(p, u, fresh)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AdminSetUserPasswordOutput{}, nil
}

// AdminUpdateUserAttributes changes attributes of a user, and whether an
// address is verified.
func (d *Directory) AdminUpdateUserAttributes(ctx context.Context, in *AdminUpdateUserAttributesInput) (*AdminUpdateUserAttributesOutput, error) {
	var f faults
	f.attributes("userAttributes", in.UserAttributes)
	if err := f.err(); err != nil {
		return nil, err
	}
	err := d.edit(ctx, in.UserPoolID, in.Username, func(p *pool, u *user) error {
		if err := p.checkValues(in.UserAttributes, true); err != nil {
			return err
		}
		if err := p.apply(u, in.UserAttributes, true); err != nil {
			return err
		}
		return u.checkVerified()
	})
	if err != nil {
		return nil, aliasError(err)
	}
	return &AdminUpdateUserAttributesOutput{}, nil
}

// checkVerified refuses a proof of an address that there is not.
func (u *user) checkVerified() error {
	for _, name := range []string{attrEmail, attrPhone} {
		if u.verified(name) && u.attribute(name) == "" {
			return invalid("user.%s_verified: there is no %s", name, name)
		}
	}
	return nil
}

// AdminDeleteUserAttributes removes attributes of a user.
func (d *Directory) AdminDeleteUserAttributes(ctx context.Context, in *AdminDeleteUserAttributesInput) (*AdminDeleteUserAttributesOutput, error) {
	gone := without(in.UserAttributeNames)
	var f faults
	f.attributes("userAttributeNames", gone)
	if err := f.err(); err != nil {
		return nil, err
	}
	err := d.edit(ctx, in.UserPoolID, in.Username, func(p *pool, u *user) error { return p.applyKnown(u, gone, true) })
	if err != nil {
		return nil, aliasError(err)
	}
	return &AdminDeleteUserAttributesOutput{}, nil
}

// AdminConfirmSignUp confirms a sign-up without a code. No address is verified
// by that.
func (d *Directory) AdminConfirmSignUp(ctx context.Context, in *AdminConfirmSignUpInput) (*AdminConfirmSignUpOutput, error) {
	err := d.edit(ctx, in.UserPoolID, in.Username, func(_ *pool, u *user) error {
		if u.Status != statusNew {
			return notAuthorized("User cannot be confirmed. Current status is %s", u.Status)
		}
		u.Status = statusReady
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AdminConfirmSignUpOutput{}, nil
}

// AdminResetUserPassword makes the password of a user worthless until the user
// sets a new one with the code that is sent.
func (d *Directory) AdminResetUserPassword(ctx context.Context, in *AdminResetUserPasswordInput) (*AdminResetUserPasswordOutput, error) {
	var send Message
	var sub string
	err := d.asAdmin(ctx, in.UserPoolID, in.Username, func(tx identity.Tx, p *pool, u *user) error {
		sub = u.Sub
		if err := p.sendable(u, ForgotPasswordMessage); err != nil {
			return err
		}
		if u.Status == statusNew {
			return notAuthorized("User password cannot be reset in the current state.")
		}
		was := *u
		u.Status, u.Modified = statusReset, d.now()
		u.endSignIns(d.now())
		if err := p.save(tx, &was, u, false); err != nil {
			return err
		}
		email := u.attribute(attrEmail)
		text, err := d.issueCode(tx, p, ForgotPasswordMessage, u.Sub, email, forgotLife)
		send = Message{PoolID: p.ID, Username: u.Username, To: email, Kind: ForgotPasswordMessage, Code: Sensitive(text)}
		return err
	})
	if err != nil {
		return nil, err
	}
	d.active(in.UserPoolID, sub)
	if err := d.deliver(ctx, send); err != nil {
		return nil, err
	}
	return &AdminResetUserPasswordOutput{}, nil
}

// AdminUserGlobalSignOut ends all sign-ins of a user.
func (d *Directory) AdminUserGlobalSignOut(ctx context.Context, in *AdminUserGlobalSignOutInput) (*AdminUserGlobalSignOutOutput, error) {
	err := d.edit(ctx, in.UserPoolID, in.Username, func(_ *pool, u *user) error {
		u.endSignIns(d.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AdminUserGlobalSignOutOutput{}, nil
}

// AdminDisableUser keeps a user from signing in, and ends all sign-ins.
func (d *Directory) AdminDisableUser(ctx context.Context, in *AdminDisableUserInput) (*AdminDisableUserOutput, error) {
	err := d.edit(ctx, in.UserPoolID, in.Username, func(_ *pool, u *user) error {
		u.Enabled = false
		u.endSignIns(d.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AdminDisableUserOutput{}, nil
}

// AdminEnableUser lets a user sign in again.
func (d *Directory) AdminEnableUser(ctx context.Context, in *AdminEnableUserInput) (*AdminEnableUserOutput, error) {
	err := d.edit(ctx, in.UserPoolID, in.Username, func(_ *pool, u *user) error {
		u.Enabled = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AdminEnableUserOutput{}, nil
}

// AdminDeleteUser removes a user.
func (d *Directory) AdminDeleteUser(ctx context.Context, in *AdminDeleteUserInput) (*AdminDeleteUserOutput, error) {
	err := d.asAdmin(ctx, in.UserPoolID, in.Username, func(tx identity.Tx, p *pool, u *user) error { return p.remove(tx, u) })
	if err != nil {
		return nil, err
	}
	return &AdminDeleteUserOutput{}, nil
}

// wire renders a user; only the attributes named, or all for nil.
func (u *user) wire(only []string) *User {
	out := &User{
		Username: u.Username, Enabled: u.Enabled, UserStatus: u.Status,
		UserCreateDate: identity.Epoch(u.Created), UserLastModifiedDate: identity.Epoch(u.Modified),
	}
	for _, a := range u.allAttributes() {
		if only == nil || slices.Contains(only, a.Name) {
			out.Attributes = append(out.Attributes, a)
		}
	}
	return out
}
