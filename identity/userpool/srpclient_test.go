package userpool

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"math/big"

	"github.com/stretchr/testify/require"
)

// srpClient is the client's half of the protocol, written from the tables of
// identity-protocol §2.6 and sharing no code with the server's half.
type srpClient struct{ a, A *big.Int }

var (
	clientN, _ = new(big.Int).SetString(srpPrimeHex, 16)
	clientG    = big.NewInt(2)
)

func newSRPClient(t require.TestingT) srpClient {
	a, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 256))
	require.NoError(t, err)
	a.Add(a, big.NewInt(2))
	return srpClient{a, new(big.Int).Exp(clientG, a, clientN)}
}

// padHex is PAD by way of text, as the JavaScript client does it.
func padHex(n *big.Int) []byte {
	text := n.Text(16)
	if len(text)%2 == 1 {
		text = "0" + text
	} else if text[0] >= '8' {
		text = "00" + text
	}
	out := make([]byte, len(text)/2)
	for i := range out {
		b, _ := new(big.Int).SetString(text[2*i:2*i+2], 16)
		out[i] = byte(b.Uint64())
	}
	return out
}

func sum(parts ...[]byte) *big.Int {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	h := sha256.Sum256(all)
	return new(big.Int).SetBytes(h[:])
}

func (c srpClient) x(pool, user, password string, salt *big.Int) *big.Int {
	inner := sha256.Sum256([]byte(pool + user + ":" + password))
	return sum(padHex(salt), inner[:])
}

func (c srpClient) u(serverB *big.Int) *big.Int { return sum(padHex(c.A), padHex(serverB)) }

func (c srpClient) secret(pool, user, password string, salt, serverB *big.Int) *big.Int {
	k := sum(padHex(clientN), padHex(clientG))
	x := c.x(pool, user, password, salt)
	base := new(big.Int).Sub(serverB, new(big.Int).Mul(k, new(big.Int).Exp(clientG, x, clientN)))
	base.Mod(base, clientN)
	exponent := new(big.Int).Add(c.a, new(big.Int).Mul(c.u(serverB), x))
	return new(big.Int).Exp(base, exponent, clientN)
}

// sign returns PASSWORD_CLAIM_SIGNATURE; salt and serverB are hexadecimal, the
// block is base64.
func (c srpClient) sign(pool, user, password, salt, serverB, block, timestamp string) string {
	number := func(text string) *big.Int { n, _ := new(big.Int).SetString(text, 16); return n }
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	b := number(serverB)
	s := c.secret(pool, user, password, number(salt), b)
	extracted := mac(padHex(c.u(b)), padHex(s))
	key := mac(extracted, []byte("Caldera Derived Key"), []byte{1})[:16]
	raw, _ := base64.StdEncoding.DecodeString(block)
	return base64.StdEncoding.EncodeToString(mac(key, []byte(pool), []byte(user), raw, []byte(timestamp)))
}
