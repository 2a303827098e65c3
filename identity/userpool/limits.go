package userpool

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Limits against guessing. Source: identity-protocol §2.8; those without a
// figure there keep the chance to guess a code of six digits below one in a
// thousand a day.
const (
	freeMisses  = 5 // wrong passwords before the first delay
	longestLock = 15 * time.Minute
	window      = time.Hour

	perHourConfirm  = 15 // ConfirmSignUp, and VerifyUserAttribute
	perHourForgot   = 10 // ConfirmForgotPassword
	perHourSend     = 5  // codes asked for
	perHourChange   = 5  // ChangePassword
	perHourTOTP     = 10 // wrong codes of the second factor
	perHourSignUps  = 100
	perHourMisses   = 500 // wrong guesses of one address, at whatever user
	perHourAsks     = 100 // codes that one address asks for, for whatever user
	perHourClaims   = 30  // wrong codes for one mailbox that somebody wants to claim
	perHourMails    = 20  // codes to such a mailbox
	missesOfSession = 5   // wrong codes of one sign-in
	missesOfCode    = 5

	knownAddresses = 5
)

// Subjects of counters, beside the names of operations.
const (
	countPassword = "password"
	countAddress  = "address"
	countAsks     = "asks"
	countClaims   = "claims"
	countMails    = "mails"
	countSignUps  = "signups"
	countTOTP     = "totp"
	countSession  = "session"
)

// attempts counts what somebody did.
type attempts struct {
	Count int       `json:"n"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// lock returns how long guesses are refused after n misses: nothing for the
// first, then 1 s, 2 s, 4 s and so on, 15 minutes at most.
func lock(n int) time.Duration {
	if n < freeMisses {
		return 0
	}
	return min(time.Second<<min(n-freeMisses, 20), longestLock)
}

// subject is whom guesses are counted against: a user, or the shadow of a name
// that nobody has, so that the two look alike. Source: identity-protocol §2.9.
type subject struct {
	user *user // nil for a shadow
	id   string
}

// subject finds who a name is.
func (d *Directory) subject(tx identity.Tx, p *pool, typed string) (subject, error) {
	u, err := p.find(tx, typed)
	if err == nil {
		return subject{u, u.Sub}, nil
	}
	if !errors.Is(err, errNoUser) {
		return subject{}, err
	}
	return subject{nil, "shadow-" + d.fake(p, "shadow", typed)}, nil
}

// fake returns 32 hexadecimal digits that are always the same for a name, and
// that nobody can foretell.
func (d *Directory) fake(p *pool, what, typed string) string {
	if text, ok := normal(typed); ok {
		typed = text
	}
	sum := d.storage.MAC(identity.PurposeSRP, []byte(what), []byte(p.ID), []byte(typed))
	return hex.EncodeToString(sum[:16])
}

// address is a pseudonym of where the caller is, "" if that is not known: of
// the address, or of an IPv6 network of 64 bits, since that is one household.
func (d *Directory) address(ctx context.Context) string {
	a := identity.ClientFrom(ctx).Address.Unmap().WithZone("")
	if !a.IsValid() {
		return ""
	}
	if a.Is6() {
		network, _ := a.Prefix(64)
		a = network.Addr()
	}
	return d.pseudonym(a)
}

func (d *Directory) pseudonym(a netip.Addr) string {
	sum := d.storage.MAC(identity.PurposeCode, []byte("address"), a.AsSlice())
	return hex.EncodeToString(sum[:8])
}

// count reads a counter.
func count(tx identity.Tx, p *pool, what, id string) (attempts, error) {
	var a attempts
	err := get(tx, kindAttempts, p.key(what, id), &a)
	if errors.Is(err, identity.ErrNoRecord) {
		return attempts{}, nil
	}
	return a, err
}

// spent returns what was counted in the last hour.
func (d *Directory) spent(tx identity.Tx, p *pool, what, id string) (attempts, error) {
	a, err := count(tx, p, what, id)
	if err != nil || d.now().Sub(a.First) >= window {
		return attempts{First: d.now()}, err
	}
	return a, nil
}

// open refuses when the hour's budget is spent. Source: identity-protocol
// §2.8; what is refused here is not counted, since clients repeat it (§0.5).
func (d *Directory) open(tx identity.Tx, p *pool, what, id string, limit int) error {
	a, err := d.spent(tx, p, what, id)
	if err == nil && a.Count >= limit {
		return errAttemptLimit()
	}
	return err
}

// add counts one more in the hour.
func (d *Directory) addOne(tx identity.Tx, p *pool, what, id string) error {
	a, err := d.spent(tx, p, what, id)
	if err != nil {
		return err
	}
	a.Count++
	a.Last = d.now()
	return put(tx, kindAttempts, p.key(what, id), a, a.First.Add(window))
}

// spend takes one from the hour's budget, or refuses.
func (d *Directory) spend(tx identity.Tx, p *pool, what, id string, limit int) error {
	if err := d.open(tx, p, what, id, limit); err != nil {
		return err
	}
	return d.addOne(tx, p, what, id)
}

// openAddress refuses an address whose guesses were too often wrong.
func (d *Directory) openAddress(ctx context.Context, tx identity.Tx, p *pool) error {
	if a := d.address(ctx); a != "" {
		return d.open(tx, p, countAddress, a, perHourMisses)
	}
	return nil
}

// missAddress counts a wrong guess against the address that it came from.
func (d *Directory) missAddress(ctx context.Context, tx identity.Tx, p *pool) error {
	if a := d.address(ctx); a != "" {
		return d.addOne(tx, p, countAddress, a)
	}
	return nil
}

// claims reports whether a code of the kind gives its user an address that may
// be another's. Such codes are counted for the address, too: users to guess
// them with cost nothing. Somebody may so keep an address from being claimed
// for an hour, by its owner too; the other way it could be stolen. Codes of
// forgotten passwords go to who has proven the address before.
func (k MessageKind) claims() bool { return k == SignUpMessage || k == VerifyAttributeMessage }

// mailbox is a pseudonym of an address that is claimed.
func (d *Directory) mailbox(p *pool, target string) string { return d.fake(p, "mailbox", target) }

// guessKey says which counter the passwords of a subject are guessed against.
// An address that the user signed in from before has one of its own: nobody
// else can lock the owner out there.
func (d *Directory) guessKey(ctx context.Context, s subject) string {
	a := d.address(ctx)
	if s.user != nil && a != "" && slices.Contains(s.user.Known, a) {
		return s.id + "@" + a
	}
	return s.id
}

// openGuess refuses while the subject is locked, whether or not the password is
// right.
func (d *Directory) openGuess(ctx context.Context, tx identity.Tx, p *pool, s subject) error {
	if err := d.openAddress(ctx, tx, p); err != nil {
		return err
	}
	a, err := count(tx, p, countPassword, d.guessKey(ctx, s))
	if err != nil {
		return err
	}
	if d.now().Before(a.Last.Add(lock(a.Count))) {
		return notAuthorized("Password attempts exceeded")
	}
	return nil
}

// missGuess counts a wrong password. Fifteen minutes without one forget all
// before.
func (d *Directory) missGuess(ctx context.Context, tx identity.Tx, p *pool, s subject) error {
	key := d.guessKey(ctx, s)
	a, err := count(tx, p, countPassword, key)
	if err != nil {
		return err
	}
	now := d.now()
	if now.Sub(a.Last) >= longestLock {
		a = attempts{First: now}
	}
	a.Count++
	a.Last = now
	if err := put(tx, kindAttempts, p.key(countPassword, key), a, now.Add(longestLock)); err != nil {
		return err
	}
	return d.missAddress(ctx, tx, p)
}

// hitGuess forgets the misses of a subject whose password was right.
func (d *Directory) hitGuess(ctx context.Context, tx identity.Tx, p *pool, s subject) error {
	return tx.Delete(kindAttempts, p.key(countPassword, d.guessKey(ctx, s)))
}

// remember notes where a user signed in from, and reports whether that is new.
func (u *user) remember(address string) bool {
	if address == "" || slices.Contains(u.Known, address) {
		return false
	}
	known := append(slices.Clone(u.Known), address)
	u.Known = known[max(0, len(known)-knownAddresses):]
	return true
}
