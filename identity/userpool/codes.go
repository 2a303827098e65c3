package userpool

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Sender delivers messages to users. Calls that send wait for it, and a client
// could tell from the time whether a user exists: Send should put the message
// in a queue and return. It is called once for each message, after what the
// message speaks of is stored; it may be called by several goroutines.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Message is what a user is sent.
type Message struct {
	PoolID, Username string
	// To is an address; Medium is "EMAIL".
	To, Medium string
	Kind       MessageKind
	// Code is the code or the temporary password that Text holds.
	Code    Sensitive
	Subject string
	Text    Sensitive
}

// MessageKind is why a message is sent.
type MessageKind string

// The kinds of messages.
const (
	SignUpMessage          MessageKind = "signUp"
	ForgotPasswordMessage  MessageKind = "forgotPassword"
	VerifyAttributeMessage MessageKind = "verifyAttribute"
	InvitationMessage      MessageKind = "invitation"
)

const mediumEmail = "EMAIL"

// Lives of codes. Source: identity-protocol §2.1.
const (
	codeLife   = 24 * time.Hour
	forgotLife = time.Hour
)

// code is the record of a code that was sent. The code itself is not kept.
type code struct {
	MAC     []byte    `json:"mac"`
	Expires time.Time `json:"expires"`
	Misses  int       `json:"misses"`
	// Target is the address that it was sent to, and that it proves.
	Target string `json:"target"`
}

func (d *Directory) codeMAC(p *pool, kind MessageKind, id, text string) []byte {
	sum := d.storage.MAC(identity.PurposeCode, []byte(p.ID), []byte(kind), []byte(id), []byte(text))
	return sum[:]
}

// issueCode makes a code, in place of one that is out. Codes are six digits.
// One without a target is for a shadow, and sent to nobody.
func (d *Directory) issueCode(tx identity.Tx, p *pool, kind MessageKind, id, target string, life time.Duration) (string, error) {
	if kind.claims() && target != "" {
		if err := d.spend(tx, p, countMails, d.mailbox(p, target), perHourMails); err != nil {
			return "", err
		}
	}
	n, err := d.below(1e6)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%06d", n)
	c := code{MAC: d.codeMAC(p, kind, id, text), Expires: d.now().Add(life), Target: target}
	return text, put(tx, kindCode, p.key(string(kind), id), c, c.Expires)
}

func errCodeMismatch() error {
	return identity.Errorf(CodeMismatch, "Invalid verification code provided, please try again.")
}

func errCodeExpired() error {
	return identity.Errorf(ExpiredCode, "Invalid code provided, please request a code again.")
}

// redeemCode uses a code up. A wrong one is counted, by the code, by the
// address of the caller, and by the address that it would claim; the fifth ends
// the code. The errors for wrong codes are kept.
func (d *Directory) redeemCode(ctx context.Context, tx identity.Tx, p *pool, kind MessageKind, id, target, text string) error {
	if err := d.openAddress(ctx, tx, p); err != nil {
		return err
	}
	if kind.claims() {
		if err := d.open(tx, p, countClaims, d.mailbox(p, target), perHourClaims); err != nil {
			return err
		}
	}
	var c code
	key := p.key(string(kind), id)
	err := get(tx, kindCode, key, &c)
	if errors.Is(err, identity.ErrNoRecord) || err == nil && !c.good(d.now(), target) {
		return keep(errCodeExpired())
	}
	if err != nil {
		return err
	}
	if hmac.Equal(c.MAC, d.codeMAC(p, kind, id, text)) {
		return tx.Delete(kindCode, key)
	}
	c.Misses++
	if err := put(tx, kindCode, key, c, c.Expires); err != nil {
		return err
	}
	if err := d.missAddress(ctx, tx, p); err != nil {
		return err
	}
	if kind.claims() {
		if err := d.addOne(tx, p, countClaims, d.mailbox(p, target)); err != nil {
			return err
		}
	}
	return keep(errCodeMismatch())
}

// good reports whether the code can still be redeemed for the target.
func (c *code) good(now time.Time, target string) bool {
	return now.Before(c.Expires) && c.Misses < missesOfCode && c.Target == target
}

// deliver sends a message whose record is stored.
func (d *Directory) deliver(ctx context.Context, m Message) error {
	m.Medium = mediumEmail
	m.Subject, m.Text = m.compose()
	if err := d.sender.Send(ctx, m); err != nil {
		d.log.ErrorContext(ctx, "a message was not delivered", "pool", m.PoolID, "kind", string(m.Kind), "error", err)
		return identity.Errorf(CodeDeliveryFailure, "The message could not be delivered. Ask for it again.").Because(err)
	}
	return nil
}

func (m *Message) compose() (subject string, text Sensitive) {
	if m.Kind == InvitationMessage {
		return "Your temporary password", Sensitive(fmt.Sprintf("Your user name is %s and your temporary password is %s", m.Username, string(m.Code)))
	}
	if m.Kind == ForgotPasswordMessage {
		return "Your password reset code", Sensitive("Your password reset code is " + string(m.Code))
	}
	return "Your verification code", Sensitive("Your verification code is " + string(m.Code))
}

// details says where a code went.
func details(email string) *CodeDeliveryDetails {
	return &CodeDeliveryDetails{Destination: maskEmail(email), DeliveryMedium: mediumEmail, AttributeName: attrEmail}
}

// simulated says where a code would have gone if there were a user: always the
// same for a name.
func (d *Directory) simulated(p *pool, typed string) *CodeDeliveryDetails {
	if validEmail(typed) {
		return details(typed)
	}
	letters := d.fake(p, "destination", typed)
	letter := func(c byte) string { return string('a' + (c^letters[2])%26) }
	return details(letter(letters[0]) + "@" + letter(letters[1]))
}
