package userpool

import (
	"context"
	"errors"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// ForgotPassword sends a code with which a new password can be set, to an
// address that is verified.
func (d *Directory) ForgotPassword(ctx context.Context, in *ForgotPasswordInput) (*ForgotPasswordOutput, error) {
	var f faults
	c, err := d.enter(&f, in.ClientID, in.Username, in.SecretHash)
	if err != nil {
		return nil, err
	}
	send, err := d.prepareCode(ctx, c, in.Username, ForgotPasswordMessage)
	if err != nil {
		return nil, err
	}
	out, err := d.answerCode(ctx, c, in.Username, send)
	if err != nil {
		return nil, err
	}
	return &ForgotPasswordOutput{CodeDeliveryDetails: out}, nil
}

// ConfirmForgotPassword sets a new password with a code. It ends all sign-ins
// of the user.
func (d *Directory) ConfirmForgotPassword(ctx context.Context, in *ConfirmForgotPasswordInput) (*ConfirmForgotPasswordOutput, error) {
	var f faults
	f.text("confirmationCode", string(in.ConfirmationCode), codeRule)
	f.text("password", string(in.Password), passwordRule)
	c, err := d.enter(&f, in.ClientID, in.Username, in.SecretHash)
	if err != nil {
		return nil, err
	}
	if err := c.pool.Password.check(string(in.Password)); err != nil {
		return nil, err
	}
	r := &reset{c: c, in: in}
	if err := d.try(ctx, r); err != nil {
		return nil, err
	}
	// The password is hashed only for whoever has the code.
	if r.fresh, err = d.newCredential(ctx, c.pool, r.user, string(in.Password)); err != nil {
		return nil, err
	}
	err = d.update(ctx, func(tx identity.Tx) error { return d.reset(ctx, tx, r) })
	if err != nil {
		return nil, err
	}
	d.active(c.pool.ID, r.user.Sub)
	return &ConfirmForgotPasswordOutput{}, nil
}

// reset is a ConfirmForgotPassword in progress.
type reset struct {
	c     *client
	in    *ConfirmForgotPasswordInput
	user  *user
	fresh *credential
}

var errUndone = errors.New("tried, to be undone")

// try redeems the code in a transaction that is undone if the code is right: a
// wrong one is counted, a right one stays for the transaction that sets the
// password.
func (d *Directory) try(ctx context.Context, r *reset) error {
	err := d.update(ctx, func(tx identity.Tx) error {
		u, err := d.resetUser(ctx, tx, r)
		if err != nil {
			return err
		}
		r.user = u
		return errUndone
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// resetUser redeems the code and returns whose it was.
func (d *Directory) resetUser(ctx context.Context, tx identity.Tx, r *reset) (*user, error) {
	p := r.c.pool
	s, err := d.subject(tx, p, r.in.Username)
	if err != nil {
		return nil, err
	}
	if s.user == nil && !r.c.PreventUserExistenceErrors {
		return nil, errUserNotFound()
	}
	if err := d.spend(tx, p, "ConfirmForgotPassword", s.id, perHourForgot); err != nil {
		return nil, err
	}
	target := ""
	if p.sendable(s.user, ForgotPasswordMessage) != nil {
		s.id = "shadow-" + d.fake(p, "shadow", r.in.Username)
		s.user = nil
	} else {
		target = s.user.attribute(attrEmail)
	}
	if err := d.redeemCode(ctx, tx, p, ForgotPasswordMessage, s.id, target, string(r.in.ConfirmationCode)); err != nil {
		return nil, err
	}
	if s.user == nil {
		return nil, keep(errCodeMismatch()) // the code of a shadow, guessed
	}
	return s.user, nil
}

func (d *Directory) reset(ctx context.Context, tx identity.Tx, r *reset) error {
	u, err := d.resetUser(ctx, tx, r)
	if err != nil {
		return err
	}
	if u.Sub != r.user.Sub {
		return errCodeExpired()
	}
	was := *u
	d.setPassword(u, r.fresh)
	if err := d.hitGuess(ctx, tx, r.c.pool, subject{u, u.Sub}); err != nil {
		return err
	}
	return r.c.pool.save(tx, &was, u, false)
}

// setPassword gives a user a password that is good from now on, and ends what
// the old one began.
func (d *Directory) setPassword(u *user, fresh *credential) {
	u.Password, u.Status, u.Modified = fresh, statusReady, d.now()
	u.Temporary = time.Time{}
	u.endSignIns(d.now())
}
