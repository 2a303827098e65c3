package oidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// The threats of identity-protocol §6.1, in its order. Those that need a
// provider to fetch from are in remote_test.go and guard_test.go.

func TestThreatAlgNone(t *testing.T) {
	for _, alg := range []any{"none", "None", "nOnE", "NONE", "", nil, null, []string{"RS256"}, []string{"none"}, "rs256", "RS256 ", 256} {
		signed := encode([]byte(text(t, header(object{"alg": alg})))) + "." + encode([]byte(text(t, claims(nil))))
		genuine := rs256(t, header(object{"alg": alg}), claims(nil))
		requireRefused(t, genuine, oidc.ErrSignature)
		requireRefused(t, signed+".", oidc.ErrMalformed)
		requireRefused(t, signed+".AA", oidc.ErrSignature)
	}
	requireTaken(t, rs256(t, header(nil), claims(nil)))
}

// A public key is no secret: whoever signs with its text by HMAC is refused,
// even where a careless configuration names HMAC.
func TestThreatKeyConfusion(t *testing.T) {
	public := &rsaKey().PublicKey
	pkix, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	set, err := json.Marshal(good())
	require.NoError(t, err)
	e := expect()
	e.Algorithms = append(e.Algorithms, "HS256", "HS384", "HS512", "none")
	for name, secret := range map[string][]byte{
		"PEM, PKIX":   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
		"PEM, PKCS 1": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}),
		"DER, PKIX":   pkix,
		"DER, PKCS 1": pkcs1,
		"JWK":         []byte(text(t, rsaJWK("rsa", public))),
		"JWK Set":     set,
		"modulus":     public.N.Bytes(),
		"empty":       {},
	} {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
			for _, kid := range []string{"rsa", "ec"} {
				token := sign(t, method, secret, header(object{"alg": method.Alg(), "kid": kid}), claims(nil))
				_, err := oidc.Verify(t.Context(), token, good(), e, now)
				require.ErrorIs(t, err, oidc.ErrSignature, name)
				token = sign(t, method, secret, header(object{"alg": "RS256", "kid": kid}), claims(nil))
				_, err = oidc.Verify(t.Context(), token, good(), e, now)
				require.Error(t, err, name)
			}
		}
	}
}

// A key takes its own algorithm and no other, even one of its type that the
// configuration allows.
func TestThreatAlgorithmDowngrade(t *testing.T) {
	e := expect()
	e.Algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RS1", "ES256", "ES384", "ES512", "EdDSA"}
	for _, method := range []jwt.SigningMethod{
		jwt.SigningMethodRS384, jwt.SigningMethodRS512, jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512,
	} {
		for _, alg := range []string{method.Alg(), "RS256", "RS1", "ES256", "EdDSA"} {
			token := sign(t, method, rsaKey(), header(object{"alg": alg}), claims(nil))
			_, err := oidc.Verify(t.Context(), token, good(), e, now)
			require.Error(t, err, "%s as %s", method.Alg(), alg)
		}
	}
	_, err := oidc.Verify(t.Context(), rs256(t, header(nil), claims(nil)), good(), e, now)
	require.NoError(t, err)
}

// A weak key in a set is as if it were not there.
func TestThreatWeakKeys(t *testing.T) {
	strong := &rsaKey().PublicKey
	modulus := func(bits uint) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.SetBit(n, 0, 1)
	}
	rsaOf := func(n *big.Int, e int) object { return rsaJWK("k", &rsa.PublicKey{N: n, E: e}) }
	even := new(big.Int).SetBit(strong.N, 0, 0)
	point := ecJWK("k", &ecKey().PublicKey)
	for name, c := range map[string]struct {
		jwk    object
		usable string // an algorithm that it must be there for, else there is none
	}{
		"RSA, 2048 bits":            {rsaOf(strong.N, strong.E), "RS256"},
		"RSA, 512 bits":             {rsaOf(modulus(512), 65537), ""},
		"RSA, 2047 bits":            {rsaOf(modulus(2047), 65537), ""},
		"RSA, 8192 bits":            {rsaOf(modulus(8192), 65537), "RS256"},
		"RSA, 8193 bits":            {rsaOf(modulus(8193), 65537), ""},
		"RSA, 80000 bits":           {rsaOf(modulus(80000), 65537), ""},
		"RSA, even modulus":         {rsaOf(even, 65537), ""},
		"RSA, e=0":                  {with(rsaOf(strong.N, 3), object{"e": "AA"}), ""},
		"RSA, e=1":                  {rsaOf(strong.N, 1), ""},
		"RSA, e=2":                  {rsaOf(strong.N, 2), ""},
		"RSA, e=3":                  {rsaOf(strong.N, 3), "RS256"},
		"RSA, e=65536":              {rsaOf(strong.N, 65536), ""},
		"RSA, e=2^31-1":             {rsaOf(strong.N, 1<<31-1), "RS256"},
		"RSA, e=2^31+1":             {rsaOf(strong.N, 1<<31+1), ""},
		"RSA, e of 9 bytes":         {with(rsaOf(strong.N, 3), object{"e": encode([]byte{1, 0, 0, 0, 0, 0, 0, 0, 3})}), ""},
		"RSA for PS256":             {with(rsaOf(strong.N, 3), object{"alg": "PS256"}), ""},
		"RSA for HS256":             {with(rsaOf(strong.N, 3), object{"alg": "HS256"}), ""},
		"RSA for ES256":             {with(rsaOf(strong.N, 3), object{"alg": "ES256"}), ""},
		"RSA, alg is null":          {with(rsaOf(strong.N, 3), object{"alg": null}), ""},
		"RSA for encryption":        {with(rsaOf(strong.N, 3), object{"use": "enc"}), ""},
		"RSA to verify":             {with(rsaOf(strong.N, 3), object{"key_ops": []string{"verify"}}), "RS256"},
		"RSA to sign":               {with(rsaOf(strong.N, 3), object{"key_ops": []string{"sign"}}), ""},
		"RSA with its private half": {with(rsaOf(strong.N, 3), object{"d": "AQAB"}), ""},
		"RSA without kid":           {with(rsaOf(strong.N, 3), object{"kid": nil}), ""},
		"RSA, padded n":             {with(rsaOf(strong.N, 3), object{"n": encode(strong.N.Bytes()) + "="}), ""},
		"RSA, n in plain base64":    {with(rsaOf(strong.N, 3), object{"n": base64.RawStdEncoding.EncodeToString(strong.N.Bytes()) + "+/+/"}), ""},
		"EC, P-256":                 {point, "ES256"},
		"EC, off the curve":         {with(point, object{"x": point["y"], "y": point["x"]}), ""},
		"EC, zero":                  {with(point, object{"x": encode(make([]byte, 32)), "y": encode(make([]byte, 32))}), ""},
		"EC, short coordinate":      {with(point, object{"x": encode([]byte{1, 2, 3})}), ""},
		"EC, no coordinate":         {with(point, object{"y": nil}), ""},
		"EC, other curve's name":    {with(point, object{"crv": "P-384"}), ""},
		"EC, P-256 for ES384":       {with(point, object{"alg": "ES384"}), ""},
		"EC, secp256k1":             {with(point, object{"crv": "secp256k1"}), ""},
		"EC, P-224":                 {ecJWK("k", &newEC(elliptic.P224()).PublicKey), ""},
		"EC, P-384":                 {ecJWK("k", &newEC(elliptic.P384()).PublicKey), "ES384"},
		"EC, P-521":                 {ecJWK("k", &newEC(elliptic.P521()).PublicKey), "ES512"},
		"symmetric":                 {object{"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256"}, ""},
		"Edwards curve":             {object{"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": encode(make([]byte, 32))}, ""},
		"type in another case":      {with(point, object{"kty": "ec"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := oidc.ParseKeySet(jwks(t, c.jwk))
			require.NoError(t, err, "one bad key must not cost the others")
			for _, alg := range []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "HS256", "none", ""} {
				_, err := set.Key(t.Context(), "k", alg)
				if alg == c.usable && alg != "" {
					require.NoError(t, err, alg)
				} else {
					require.ErrorIs(t, err, oidc.ErrUnknownKey, alg)
				}
			}
		})
	}
}

// A kid is compared with the ids of the set, and nothing else is done with it.
func TestThreatKeyIDAsPath(t *testing.T) {
	for _, kid := range []any{
		"../../dev/null", "/dev/null", "' or 1=1--", "http://127.0.0.1:1/key", "file:///etc/passwd", "RSA", "rsa ", " rsa", "rsa\x00",
		strings.Repeat("k", 256),
	} {
		requireRefused(t, rs256(t, header(object{"kid": kid}), claims(nil)), oidc.ErrUnknownKey)
	}
	for _, kid := range []any{strings.Repeat("k", 257), "", nil, null, 7, []string{"rsa"}, object{"kid": "rsa"}} {
		requireRefused(t, rs256(t, header(object{"kid": kid}), claims(nil)), oidc.ErrMalformed)
	}
}

// A token that brings its own key, or an address of one, is judged by the set
// alone.
func TestThreatEmbeddedKey(t *testing.T) {
	own := object{
		"jwk": rsaJWK("rsa", &otherRSA().PublicKey), "jku": "https://127.0.0.1:1/keys", "x5u": "https://127.0.0.1:1/cert",
		"x5c": []string{"MIIB"}, "x5t": "AA",
	}
	asked := 0
	keys := keysFunc(func(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
		asked++
		require.Equal(t, []string{"rsa", "RS256"}, []string{kid, alg})
		return good().Key(ctx, kid, alg)
	})
	forged := sign(t, jwt.SigningMethodRS256, otherRSA(), header(own), claims(nil))
	_, err := oidc.Verify(t.Context(), forged, keys, expect(), now)
	require.ErrorIs(t, err, oidc.ErrSignature)
	_, err = oidc.Verify(t.Context(), rs256(t, header(own), claims(nil)), keys, expect(), now)
	require.NoError(t, err, "the same header over the right key")
	require.Equal(t, 2, asked)
}

func TestThreatCriticalHeader(t *testing.T) {
	for _, members := range []object{
		{"crit": []string{"b64"}, "b64": false},
		{"crit": []string{}},
		{"crit": null},
		{"b64": true},
		{"zip": "DEF"},
		{"enc": "A256GCM"},
		{"cty": "JWT"},
	} {
		requireRefused(t, rs256(t, header(members), claims(nil)), oidc.ErrMalformed)
	}
	for _, typ := range []any{"at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "", null, 1} {
		requireRefused(t, rs256(t, header(object{"typ": typ}), claims(nil)), oidc.ErrTokenUse)
	}
	for _, typ := range []any{"JWT", "jwt", "JWS", nil} {
		requireTaken(t, rs256(t, header(object{"typ": typ, "unheard": "of"}), claims(nil)))
	}
}

// Only the compact form of a signed token is one.
func TestThreatOtherForms(t *testing.T) {
	token := rs256(t, header(nil), claims(nil))
	part := strings.Split(token, ".")
	nested := rs256(t, header(nil), `"`+token+`"`)
	for name, c := range map[string]string{
		"empty":           "",
		"two parts":       part[0] + "." + part[1],
		"four parts":      token + ".AA",
		"five parts, JWE": part[0] + ".AA.AA." + part[1] + ".AA",
		"flattened JSON":  text(t, object{"protected": part[0], "payload": part[1], "signature": part[2]}),
		"general JSON":    text(t, object{"payload": part[1], "signatures": []object{{"protected": part[0], "signature": part[2]}}}),
		"JSON, two dots":  `{"a":"..` + token + `"}`,
		"nested":          nested,
		"no header":       "." + part[1] + "." + part[2],
		"no claims":       part[0] + ".." + part[2],
		"no signature":    part[0] + "." + part[1] + ".",
		"detached":        part[0] + ".." + part[2],
		"dots":            "..",
		"with a scheme":   "Bearer " + token,
		"as a string":     `"` + token + `"`,
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, c, oidc.ErrMalformed) })
	}
	for name, payload := range map[string]string{
		"array": "[]", "string": `"a"`, "null": "null", "number": "1", "nothing": " ", "half": `{"iss":`, "two": "{}{}",
		"not UTF-8": "{\"iss\":\"\xff\"}", "byte order mark": "\ufeff{}", "unpaired surrogate": `{"sub":"\ud800"}`,
	} {
		t.Run("claims: "+name, func(t *testing.T) {
			requireRefused(t, rs256(t, header(nil), payload), oidc.ErrMalformed)
			requireRefused(t, rs256(t, payload, claims(nil)), oidc.ErrMalformed)
		})
	}
}

func TestThreatDuplicateMembers(t *testing.T) {
	base := strings.TrimSuffix(text(t, claims(nil)), "}")
	requireTaken(t, rs256(t, header(nil), base+`,"auda":"evil"}`))
	for _, member := range []string{
		`"aud":"evil"`, `"AUD":"evil"`, `"Aud":"evil"`, `"sub":"bob"`, `"s\u0075b":"bob"`, `"\u0073UB":"bob"`, `"iſs":"x"`, `"ISS":"x"`,
		`"x":{"a":1,"a":2}`, `"x":[{"a":1,"A":2}]`,
	} {
		requireRefused(t, rs256(t, header(nil), base+","+member+"}"), oidc.ErrMalformed)
	}
	for _, h := range []string{
		`{"alg":"RS256","kid":"rsa","alg":"RS256"}`, `{"alg":"RS256","kid":"rsa","ALG":"none"}`, `{"alg":"RS256","kid":"rsa","k\u0069d":"ec"}`,
	} {
		requireRefused(t, rs256(t, h, claims(nil)), oidc.ErrMalformed)
	}
	// A name in another case alone is another claim.
	requireRefused(t, rs256(t, header(nil), with(claims(nil), object{"aud": nil, "AUD": "us"})), oidc.ErrMissingClaim)
}

func TestThreatNumberTricks(t *testing.T) {
	for _, number := range []string{
		`"9e9"`, `"1790000600"`, "1e400", "-1", "-1e-400", "null", "true", "[1790000600]", "9007199254740994", "1e300", "{}",
	} {
		for _, name := range []string{"exp", "nbf", "iat"} {
			token := rs256(t, header(nil), claims(object{name: json.RawMessage(number)}))
			_, err := verify(t, token)
			if number == "-1e-400" { // is zero to the reader: long ago
				if name == "exp" {
					require.ErrorIs(t, err, oidc.ErrExpired)
				} else {
					require.NoError(t, err)
				}
				continue
			}
			require.ErrorIs(t, err, oidc.ErrMalformed, "%s %s", name, number)
		}
	}
	for _, number := range []string{"1790000600", "1.7900006e9", "1790000600.999", "9007199254740992"} {
		requireTaken(t, rs256(t, header(nil), claims(object{"exp": json.RawMessage(number)})))
	}
	for _, number := range []string{"NaN", "Infinity", "0x6AB", "01790000600", "+1", "1790000600."} {
		payload := strings.Replace(text(t, claims(nil)), `"exp":1790000600`, `"exp":`+number, 1)
		requireRefused(t, rs256(t, header(nil), payload), oidc.ErrMalformed)
	}
}

// Each part of a token has one spelling.
func TestThreatSloppyBase64(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	token := rs256(t, header(nil), claims(nil))
	parts := strings.Split(token, ".")
	requireTaken(t, token)
	for i, part := range parts {
		respell := func(s string) string {
			all := append([]string(nil), parts...)
			all[i] = s
			return strings.Join(all, ".")
		}
		for _, s := range []string{part + "=", part + "==", part + "\n", "\r\n" + part, part[:4] + "\n" + part[4:], part + " ", " " + part, "+" + part[1:], "/" + part[1:]} {
			_, err := verify(t, respell(s))
			require.ErrorIs(t, err, oidc.ErrMalformed, "part %d", i)
		}
		if len(part)%4 != 0 { // the last character has bits to spare: no other value of them is taken
			last := strings.IndexByte(alphabet, part[len(part)-1])
			_, err := verify(t, respell(part[:len(part)-1]+alphabet[last^1:][:1]))
			require.ErrorIs(t, err, oidc.ErrMalformed, "part %d", i)
		}
	}
}

func TestThreatAudienceConfusion(t *testing.T) {
	for name, c := range map[string]struct {
		claims object
		taken  bool
	}{
		"ours":                             {object{"aud": "us"}, true},
		"ours as an array":                 {object{"aud": []string{"us"}}, true},
		"theirs":                           {object{"aud": "them"}, false},
		"prefix":                           {object{"aud": "u"}, false},
		"longer":                           {object{"aud": "us2"}, false},
		"other case":                       {object{"aud": "US"}, false},
		"space":                            {object{"aud": "us "}, false},
		"list in a string":                 {object{"aud": "us,them"}, false},
		"empty":                            {object{"aud": ""}, false},
		"empty array":                      {object{"aud": []string{}}, false},
		"array of empty":                   {object{"aud": []string{""}}, false},
		"array with a number":              {object{"aud": []any{"us", 1}}, false},
		"nested array":                     {object{"aud": []any{[]string{"us"}}}, false},
		"object":                           {object{"aud": object{"us": "us"}}, false},
		"both, without azp":                {object{"aud": []string{"us", "them"}}, false},
		"both, azp is us":                  {object{"aud": []string{"us", "them"}, "azp": "us"}, true},
		"both, azp is another of ours":     {object{"aud": []string{"us", "them"}, "azp": "us-mobile"}, true},
		"both, azp is them":                {object{"aud": []string{"us", "them"}, "azp": "them"}, false},
		"both, azp is null":                {object{"aud": []string{"us", "them"}, "azp": null}, false},
		"both, azp is empty":               {object{"aud": []string{"us", "them"}, "azp": ""}, false},
		"both, azp is an array":            {object{"aud": []string{"us", "them"}, "azp": []string{"us"}}, false},
		"ours, azp is them":                {object{"aud": "us", "azp": "them"}, false},
		"theirs, azp is us":                {object{"aud": "them", "azp": "us"}, false},
		"two of ours, without azp":         {object{"aud": []string{"us", "us-mobile"}}, false},
		"ours twice, without azp":          {object{"aud": []string{"us", "us"}}, false},
		"two of ours, azp is one of them":  {object{"aud": []string{"us", "us-mobile"}, "azp": "us"}, true},
		"ours, azp is ours in other case":  {object{"aud": "us", "azp": "Us"}, false},
		"null":                             {object{"aud": null}, false},
		"ours under a name in other case":  {object{"aud": nil, "Aud": "us"}, false},
		"ours, and client_id is theirs":    {object{"client_id": "them"}, true}, // says nothing in an ID token
		"theirs, and client_id is our own": {object{"aud": "them", "client_id": "us"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify(t, rs256(t, header(nil), claims(c.claims)))
			if c.taken {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
		})
	}
}

func TestThreatIDTokenForAccessToken(t *testing.T) {
	token := func(use any) string { return rs256(t, header(nil), claims(object{"token_use": use})) }
	e := expect()
	e.TokenUse = "id"
	for _, c := range []struct {
		use  any
		want error
	}{
		{"id", nil},
		{"access", oidc.ErrTokenUse},
		{"ID", oidc.ErrTokenUse},
		{"", oidc.ErrMalformed},
		{nil, oidc.ErrMissingClaim},
		{[]string{"id"}, oidc.ErrMalformed},
		{null, oidc.ErrMalformed},
	} {
		_, err := oidc.Verify(t.Context(), token(c.use), good(), e, now)
		require.ErrorIs(t, err, c.want, "%v", c.use)
	}
	e.TokenUse = "access"
	_, err := oidc.Verify(t.Context(), token("id"), good(), e, now)
	require.ErrorIs(t, err, oidc.ErrTokenUse)
}

func TestThreatIssuerTricks(t *testing.T) {
	requireTaken(t, rs256(t, header(nil), claims(object{"iss": issuer})))
	for _, iss := range []string{
		issuer + "/", strings.TrimPrefix(issuer, "https://"), "https://IDP.example.com/realms/a", "HTTPS://idp.example.com/realms/a",
		"https://idp.example.com:443/realms/a", "https://idp.example.com@evil.example/realms/a", "https://idp.example.com.evil.example/realms/a",
		"https://idp.example.com/realms/a/../b", "https://idp.example.com/realms/b/../a", "https://idp.example.com/realms/A",
		"https://idp.example.com//realms/a", "https://idp.example.com/realms/%61", "http://idp.example.com/realms/a", issuer + "?", issuer + "#",
		"https://idp.example.com/realms", "https://idp.example.com./realms/a", " " + issuer, issuer + "\x00", "https://idp.example.com/realms/а",
	} {
		requireRefused(t, rs256(t, header(nil), claims(object{"iss": iss})), oidc.ErrIssuer)
	}
}

// Pool B's token under pool A's key: refused by its signature, since each has
// its own keys, even under one kid, and by its issuer if they share keys.
func TestThreatCrossPoolToken(t *testing.T) {
	ofB := claims(object{"iss": "https://idp.example.com/realms/b"})
	requireRefused(t, sign(t, jwt.SigningMethodRS256, otherRSA(), header(nil), ofB), oidc.ErrSignature)
	requireRefused(t, sign(t, jwt.SigningMethodRS256, otherRSA(), header(nil), claims(nil)), oidc.ErrSignature)
	requireRefused(t, rs256(t, header(nil), ofB), oidc.ErrIssuer)
}

func TestThreatTimes(t *testing.T) {
	for _, skew := range []int64{0, 300} {
		for _, c := range []struct {
			name string
			at   int64
			want error
		}{
			{"exp", now.Unix() - skew + 1, nil},
			{"exp", now.Unix() - skew, oidc.ErrExpired},
			{"exp", now.Unix() - skew - 1, oidc.ErrExpired},
			{"nbf", now.Unix() + skew - 1, nil},
			{"nbf", now.Unix() + skew, nil},
			{"nbf", now.Unix() + skew + 1, oidc.ErrNotYet},
			{"iat", now.Unix() + 300, nil},
			{"iat", now.Unix() + 301, oidc.ErrNotYet},
		} {
			e := expect()
			e.Skew = oidc.MaxSkew * 0
			if skew != 0 {
				e.Skew = oidc.MaxSkew
			}
			_, err := oidc.Verify(t.Context(), rs256(t, header(nil), claims(object{c.name: c.at})), good(), e, now)
			require.ErrorIs(t, err, c.want, "%s %d, skew %d", c.name, c.at-now.Unix(), skew)
		}
	}
}

// A token costs at most its own size, and one that is too long costs nothing.
func TestThreatHugeToken(t *testing.T) {
	huge := strings.Repeat("A", 10<<20)
	for name, token := range map[string]string{
		"10 MB of one part": huge,
		"10 MB of claims":   "AA." + huge + ".AA",
		"10 MB of dots":     strings.Repeat(".", 10<<20),
	} {
		try := func() { requireRefused(t, token, oidc.ErrMalformed) }
		require.Less(t, allocations(try), uint64(64<<10), name)
		require.Less(t, fastest(try), 10*time.Millisecond, name)
	}
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	e := expect()
	e.MaxBytes = 1 << 20
	for name, c := range map[string]struct {
		payload string
		want    error
	}{
		"100000 arrays":      {nested(100_000), oidc.ErrMalformed},
		"100000 open arrays": {strings.Repeat("[", 100_000), oidc.ErrMalformed},
		"17 levels":          {`{"a":` + nested(16) + `}`, oidc.ErrMalformed},
		"16 levels":          {strings.Replace(text(t, claims(nil)), "{", `{"a":`+nested(15)+`,`, 1), nil},
		"201 members":        {manyMembers(t, 201), oidc.ErrMalformed},
		"200 members":        {manyMembers(t, 200), nil},
	} {
		token := rs256(t, header(nil), c.payload)
		try := func() {
			_, err := oidc.Verify(t.Context(), token, good(), e, now)
			require.ErrorIs(t, err, c.want, name)
		}
		require.Less(t, allocations(try), uint64(10*len(token)+512<<10), name)
		require.Less(t, fastest(try), 10*time.Millisecond, name)
	}

	// The limit is exact.
	padded := rs256(t, header(nil), claims(object{"p": strings.Repeat("x", 100)}))
	e.MaxBytes = len(padded)
	_, err := oidc.Verify(t.Context(), padded, good(), e, now)
	require.NoError(t, err)
	e.MaxBytes--
	_, err = oidc.Verify(t.Context(), padded, good(), e, now)
	require.ErrorIs(t, err, oidc.ErrMalformed)
}

func manyMembers(t *testing.T, n int) string {
	all := claims(nil)
	for i := len(all); i < n; i++ {
		all["member"+text(t, i)] = i
	}
	return text(t, all)
}

// allocations returns how many bytes f allocates, with what else goes on.
func allocations(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// fastest returns how long f takes when nothing else is in its way.
func fastest(f func()) time.Duration {
	least := time.Hour
	for range 10 {
		begun := time.Now()
		f()
		least = min(least, time.Since(begun))
	}
	return least
}

func TestThreatMalleableECDSA(t *testing.T) {
	signed := encode([]byte(text(t, object{"alg": "ES256", "kid": "ec"}))) + "." + encode([]byte(text(t, claims(nil))))
	digest := sha256.Sum256([]byte(signed))
	der, err := ecKey().Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	var rs struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &rs)
	require.NoError(t, err)
	order := elliptic.P256().Params().N
	raw := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	genuine := raw(rs.R, rs.S)
	requireTaken(t, signed+"."+encode(genuine))
	zero := new(big.Int)
	for name, signature := range map[string][]byte{
		"DER":            der,
		"zeros":          make([]byte, 64),
		"r is zero":      raw(zero, rs.S),
		"s is zero":      raw(rs.R, zero),
		"r is the order": raw(order, rs.S),
		"s is the order": raw(rs.R, order),
		"all ones":       []byte(strings.Repeat("\xff", 64)),
		"longer":         append([]byte{0}, genuine...),
		"longer behind":  append(append([]byte(nil), genuine...), 0),
		"shorter":        genuine[:63],
		"swapped":        raw(rs.S, rs.R),
		"96 bytes":       append(make([]byte, 32), genuine...),
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, signed+"."+encode(signature), oidc.ErrSignature) })
	}
	requireRefused(t, sign(t, jwt.SigningMethodES256, newEC(elliptic.P256()), object{"alg": "ES256", "kid": "ec"}, claims(nil)), oidc.ErrSignature)

	// A curve that does not fit the algorithm is refused before any arithmetic.
	p384 := newEC(elliptic.P384())
	set := keysFunc(func(context.Context, string, string) (crypto.PublicKey, error) {
		return p384.Public().(*ecdsa.PublicKey), nil
	})
	_, err = oidc.Verify(t.Context(), signed+"."+encode(genuine), set, expect(), now)
	require.ErrorIs(t, err, oidc.ErrSignature)
}
