package userpool

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Parameters of PASSWORD_VERIFIER.
const (
	paramUserID    = "USER_ID_FOR_SRP"
	paramSignature = "PASSWORD_CLAIM_SIGNATURE"
	paramBlock     = "PASSWORD_CLAIM_SECRET_BLOCK"
	paramTimestamp = "TIMESTAMP"
)

// srpSkew is how far a client's clock may be off.
const srpSkew = 5 * time.Minute

// srpBlock is what the server must know again when the client answers: it is
// sealed in SECRET_BLOCK, so that there is no state for each login begun.
type srpBlock struct {
	Pool   string `json:"p"`
	Client string `json:"c"`
	Admin  bool   `json:"a,omitempty"`
	// Typed is the name that the client sent, User the one that it got back.
	Typed string `json:"t"`
	User  string `json:"u"`
	// Fake says that there is no such user.
	Fake    bool      `json:"f,omitempty"`
	Secret  []byte    `json:"b"`
	A       []byte    `json:"A"`
	B       []byte    `json:"B"`
	Expires time.Time `json:"e"`
}

// srpFlow begins a proof of the password. A user that does not exist gets a
// challenge too, where the client hides that. Source: identity-protocol §2.6.
func (d *Directory) srpFlow(ctx context.Context, c *client, username string, params map[string]Sensitive, by entrance) (*step, error) {
	text, err := required(params, paramSRPA)
	if err != nil {
		return nil, err
	}
	a, err := parseSRPA(text)
	if err != nil {
		return nil, invalid("Invalid parameter SRP_A")
	}
	s, err := d.suspect(ctx, c, username)
	if err != nil {
		return nil, err
	}
	block := &srpBlock{
		Pool: c.pool.ID, Client: c.ID, Admin: by.admin, Typed: username, A: a.Bytes(),
		Expires: d.now().Add(c.SessionLife),
	}
	salt, v, err := d.srpSubject(c.pool, s, block)
	if err != nil {
		return nil, err
	}
	var b, public *big.Int
	err = d.hard(ctx, func() (err error) {
		b, public, err = srpChallenge(v, d.random)
		return err
	})
	if err != nil {
		return nil, err
	}
	block.Secret, block.B = b.Bytes(), public.Bytes()
	return d.srpAnswer(block, salt)
}

// srpSubject returns the salt and the verifier of a user, or such as look like
// it. It notes in the block who is meant.
func (d *Directory) srpSubject(p *pool, s subject, block *srpBlock) (salt []byte, v *big.Int, err error) {
	if s.user != nil && s.user.Password != nil {
		block.User = s.user.Username
		v, err = d.verifier(p, s.user)
		return s.user.Password.Salt, v, err
	}
	block.Fake = true
	block.User = d.fakeUser(p, s, block.Typed)
	salt, err = hex.DecodeString(d.fake(p, "salt", block.Typed))
	sum := sha256.Sum256([]byte(d.fake(p, "verifier", block.Typed)))
	return salt, new(big.Int).Exp(new(big.Int).SetBytes(sum[:]), big.NewInt(13), srpN), err
}

// fakeUser is the user name that a name which nobody has would lead to.
func (d *Directory) fakeUser(p *pool, s subject, typed string) string {
	if s.user != nil {
		return s.user.Username
	}
	text, ok := normal(typed)
	if ok && !p.byEmail() && !validEmail(typed) {
		return text
	}
	var b [16]byte
	_, _ = hex.Decode(b[:], []byte(d.fake(p, "user", typed)))
	return formatUUID(b)
}

func (d *Directory) srpAnswer(block *srpBlock, salt []byte) (*step, error) {
	plain, err := json.Marshal(block)
	if err != nil {
		return nil, err
	}
	sealed, err := d.sessions.Seal(d.now(), identity.PurposeSRP, []byte(block.Pool), plain)
	if err != nil {
		return nil, err
	}
	return &step{challenge: challengeVerifier, params: map[string]string{
		"SALT":         new(big.Int).SetBytes(salt).Text(16),
		"SRP_B":        new(big.Int).SetBytes(block.B).Text(16),
		"SECRET_BLOCK": base64.StdEncoding.EncodeToString(sealed),
		paramUsername:  block.User,
		paramUserID:    block.User,
	}}, nil
}

// respondVerifier checks a proof. Whatever is wrong with it has one answer.
func (d *Directory) respondVerifier(ctx context.Context, c *client, username string, in map[string]Sensitive, by entrance) (*step, error) {
	values := map[string]string{}
	for _, name := range []string{paramSignature, paramBlock, paramTimestamp} {
		v, err := required(in, name)
		if err != nil {
			return nil, err
		}
		values[name] = v
	}
	sealed, err := decode64(base64.StdEncoding, values[paramBlock])
	if err != nil {
		return nil, errWrongPassword()
	}
	block, ok := d.openBlock(c, sealed, by)
	if !ok || !block.is(username) || !d.near(values[paramTimestamp]) {
		return nil, errWrongPassword()
	}
	s, err := d.suspect(ctx, c, block.Typed)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(sealed)
	g := &guess{
		client: c, by: by, typed: block.Typed,
		nonce: hex.EncodeToString(sum[:]), nonceExpires: block.Expires,
	}
	if !block.Fake && s.user != nil && s.user.Password != nil && s.user.Username == block.User {
		g.checked = s.user.Password
	}
	proof := srpProof{block, sealed, values[paramTimestamp], values[paramSignature]}
	if g.match, err = d.proven(ctx, c.pool, s.user, g.checked, &proof); err != nil {
		return nil, err
	}
	return d.judge(ctx, g)
}

type srpProof struct {
	block                *srpBlock
	sealed               []byte
	timestamp, signature string
}

// proven does the same work for a user who does not exist.
func (d *Directory) proven(ctx context.Context, p *pool, u *user, checked *credential, proof *srpProof) (bool, error) {
	v := srpK
	if checked != nil {
		var err error
		if v, err = d.verifier(p, u); err != nil {
			return false, err
		}
	}
	block := proof.block
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	var key []byte
	err := d.hard(ctx, func() (err error) {
		key, err = srpServerKey(number(block.A), v, number(block.Secret), number(block.B))
		return err
	})
	if err != nil {
		return false, err
	}
	want := srpSignature(key, p.srpName, block.User, proof.sealed, proof.timestamp)
	return hmac.Equal([]byte(want), []byte(proof.signature)) && checked != nil, nil
}

// openBlock reads a SECRET_BLOCK that this pool made for the client and that
// has not expired.
func (d *Directory) openBlock(c *client, sealed []byte, by entrance) (*srpBlock, bool) {
	plain, err := d.sessions.Open(d.now(), identity.PurposeSRP, []byte(c.pool.ID), sealed)
	if err != nil {
		return nil, false
	}
	block := new(srpBlock)
	if err := json.Unmarshal(plain, block); err != nil {
		return nil, false
	}
	return block, block.Pool == c.pool.ID && block.Client == c.ID && block.Admin == by.admin && d.now().Before(block.Expires)
}

// is reports whether a name is the one that the block is for, in either form.
func (b *srpBlock) is(username string) bool {
	if username == b.User || username == b.Typed {
		return true
	}
	text, ok := normal(username)
	return ok && text == b.User
}

// near reports whether a client's time is close to ours.
func (d *Directory) near(timestamp string) bool {
	t, err := time.Parse(srpTime, timestamp)
	if err != nil || t.UTC().Format(srpTime) != timestamp {
		return false
	}
	return t.Sub(d.now()).Abs() <= srpSkew
}
