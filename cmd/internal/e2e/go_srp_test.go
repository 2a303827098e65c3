package e2e_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// srpN is the 3072-bit prime of RFC 3526, group 15.
const srpN = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// srpClient is the client's side of SRP-6a as Cognito uses it, written from
// identity-protocol §2.6 alone.
type srpClient struct {
	t       testing.TB
	n, g, k *big.Int
	a, A    *big.Int
}

func newSRPClient(t testing.TB) *srpClient {
	n, ok := new(big.Int).SetString(srpN, 16)
	require.True(t, ok)
	c := &srpClient{t: t, n: n, g: big.NewInt(2)}
	c.k = hashed(pad(n), pad(c.g))
	var secret [32]byte
	_, err := rand.Read(secret[:])
	require.NoError(t, err)
	c.a = new(big.Int).SetBytes(secret[:])
	c.A = new(big.Int).Exp(c.g, c.a, n)
	return c
}

// pad is the shortest form that is not negative.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

func hashed(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

func (c *srpClient) number(text string) *big.Int {
	b, err := hex.DecodeString(strings.Repeat("0", len(text)%2) + text)
	require.NoError(c.t, err)
	return new(big.Int).SetBytes(b)
}

// answer is the answer to PASSWORD_VERIFIER.
func (c *srpClient) answer(pool, password string, challenge map[string]string, now time.Time) map[string]string {
	_, name, _ := strings.Cut(pool, "_")
	user := challenge["USER_ID_FOR_SRP"]
	B, salt := c.number(challenge["SRP_B"]), c.number(challenge["SALT"])
	u := hashed(pad(c.A), pad(B))
	inner := sha256.Sum256([]byte(name + user + ":" + password))
	x := hashed(pad(salt), inner[:])
	base := new(big.Int).Exp(c.g, x, c.n)
	base.Mod(base.Sub(B, base.Mul(base, c.k)), c.n)
	S := new(big.Int).Exp(base, new(big.Int).Add(c.a, new(big.Int).Mul(u, x)), c.n)
	key, err := hkdf.Key(sha256.New, pad(S), pad(u), "Caldera Derived Key", 16)
	require.NoError(c.t, err)
	block, err := base64.StdEncoding.DecodeString(challenge["SECRET_BLOCK"])
	require.NoError(c.t, err)
	stamp := now.UTC().Format("Mon Jan 2 15:04:05 MST 2006")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(name + user))
	mac.Write(block)
	mac.Write([]byte(stamp))
	return map[string]string{
		"USERNAME": user, "TIMESTAMP": stamp,
		"PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE":    base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}
