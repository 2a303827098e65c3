package userpool

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type srpVector struct {
	PoolName, UserID, Password, Salt  string
	A                                 string `json:"a"`
	B                                 string `json:"b"`
	SecretBlock, Timestamp, Signature string
	SHA256OfHex                       map[string]string
	K                                 string `json:"K"`
	SmallK                            string `json:"k"`
	X                                 string `json:"x"`
	U                                 string `json:"u"`
}

func readVector(t *testing.T) (v srpVector) {
	src, err := os.ReadFile("../../testdata/srp/cognito.json")
	require.NoError(t, err)
	var raw map[string]any
	require.NoError(t, json.Unmarshal(src, &raw)) // encoding/json cannot tell k from K
	text := func(name string) string { return raw[name].(string) }
	v = srpVector{
		PoolName: text("poolName"), UserID: text("userId"), Password: text("password"), Salt: text("salt"),
		A: text("a"), B: text("b"), SecretBlock: text("secretBlock"), Timestamp: text("timestamp"),
		Signature: text("signature"), K: text("K"), SmallK: text("k"), X: text("x"), U: text("u"),
		SHA256OfHex: map[string]string{},
	}
	for name, sum := range raw["sha256OfHex"].(map[string]any) {
		v.SHA256OfHex[name] = sum.(string)
	}
	return v
}

func fromHex(t require.TestingT, text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	require.True(t, ok)
	return n
}

func sumOfHex(n *big.Int) string {
	sum := sha256.Sum256([]byte(n.Text(16)))
	return hex.EncodeToString(sum[:])
}

func TestSRPGolden(t *testing.T) {
	v := readVector(t)
	salt, err := hex.DecodeString(v.Salt)
	require.NoError(t, err)
	require.Equal(t, v.SmallK, srpK.Text(16))
	verifier := srpVerifier(v.PoolName, v.UserID, v.Password, salt)
	require.Equal(t, v.SHA256OfHex["v"], sumOfHex(verifier))

	a, b := fromHex(t, v.A), fromHex(t, v.B)
	clientA := new(big.Int).Exp(srpG, a, srpN)
	require.Equal(t, v.SHA256OfHex["A"], sumOfHex(clientA))
	secret, public, err := srpChallenge(verifier, repeat(0x22))
	require.NoError(t, err)
	require.Equal(t, b, secret)
	require.Equal(t, v.SHA256OfHex["B"], sumOfHex(public))

	key, err := srpServerKey(clientA, verifier, b, public)
	require.NoError(t, err)
	require.Equal(t, v.K, hex.EncodeToString(key))
	block, err := base64.StdEncoding.DecodeString(v.SecretBlock)
	require.NoError(t, err)
	require.Equal(t, v.Signature, srpSignature(key, v.PoolName, v.UserID, block, v.Timestamp))

	// The client of the tests is not the code of the server: it agrees with the
	// vector by itself.
	c := srpClient{a: a, A: clientA}
	require.Equal(t, v.X, c.x(v.PoolName, v.UserID, v.Password, fromHex(t, v.Salt)).Text(16))
	require.Equal(t, v.U, c.u(public).Text(16))
	s := c.secret(v.PoolName, v.UserID, v.Password, fromHex(t, v.Salt), public)
	require.Equal(t, v.SHA256OfHex["S"], sumOfHex(s))
	require.Equal(t, v.Signature, c.sign(v.PoolName, v.UserID, v.Password, v.Salt, public.Text(16), v.SecretBlock, v.Timestamp))
}

// repeat is randomness that is one byte for ever.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestSRPClientAndServerAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool, user := rapid.StringMatching(`[0-9a-zA-Z]{9}`).Draw(t, "pool"), rapid.StringN(1, 40, 120).Draw(t, "user")
		password := rapid.StringN(1, 40, 120).Draw(t, "password")
		guess := rapid.OneOf(rapid.Just(password), rapid.StringN(1, 40, 120)).Draw(t, "guess")
		salt := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "salt")
		salt[15] |= 1
		v := srpVerifier(pool, user, password, salt)
		b, public, err := srpChallenge(v, rand.Reader)
		require.NoError(t, err)
		c := newSRPClient(t)
		key, err := srpServerKey(c.A, v, b, public)
		require.NoError(t, err)
		want := srpSignature(key, pool, user, []byte("block"), "now")
		got := c.sign(pool, user, guess, new(big.Int).SetBytes(salt).Text(16), public.Text(16), base64.StdEncoding.EncodeToString([]byte("block")), "now")
		require.Equal(t, guess == password, want == got)
	})
}

func TestSRPPadding(t *testing.T) {
	for n, want := range map[int64][]byte{0: {}, 1: {1}, 0x7f: {0x7f}, 0x80: {0, 0x80}, 0xff: {0, 0xff}, 0x100: {1, 0}, 0x8000: {0, 0x80, 0}} {
		require.Equal(t, want, append([]byte{}, pad(big.NewInt(n))...))
	}
}

func TestSRPNeedsRandomness(t *testing.T) {
	_, _, err := srpChallenge(big.NewInt(5), repeat(0))
	require.ErrorIs(t, err, errSRP)
}
