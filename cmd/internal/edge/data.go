package edge

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
)

// Signer signs DataHeader as AWS's Application Load Balancer does: ES256, in
// base64url with padding, with exp in the JOSE header. It may be shared. Source:
// identity-protocol §5.3.
type Signer struct {
	key         *ecdsa.PrivateKey
	kid, issuer string
	public      []byte
}

// dataFor is how long a signed header holds: an upstream answers at once.
const dataFor = 2 * time.Minute

// NewSigner makes a Signer with a P-256 key, its id, and the iss.
func NewSigner(key *ecdsa.PrivateKey, kid, issuer string) (*Signer, error) {
	if key == nil || kid == "" || issuer == "" {
		return nil, errors.New("a signer needs a key, its id and an issuer")
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Signer{key, kid, issuer, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}, nil
}

// PublicKey returns the public key of an id in PEM; ok is false for another id
// than the signer's. A nil Signer has none.
func (s *Signer) PublicKey(kid string) (text []byte, ok bool) {
	if s == nil || kid != s.kid {
		return nil, false
	}
	return s.public, true
}

// signerARN names who signs for an API.
func signerARN(b *bundle.Bundle, r *bundle.Routes) string {
	return strings.Join([]string{"arn", b.Partition, "execute-api", b.Region, b.Account, r.API + "/" + r.Stage}, ":")
}

// sign says who calls an API. It holds no longer than their credentials.
func (s *Signer) sign(signer, api string, w *decide.Who, now time.Time) (string, error) {
	until := now.Add(dataFor)
	if !w.Expires.IsZero() && w.Expires.Before(until) {
		until = w.Expires
	}
	head, err := json.Marshal(map[string]any{
		"typ": "JWT", "alg": "ES256", "kid": s.kid, "signer": signer, "iss": s.issuer, "client": api, "exp": until.Unix(),
	})
	if err != nil {
		return "", err
	}
	claims := map[string]any{"sub": w.Identity, "iss": s.issuer, "exp": until.Unix(), "principal": w.Principal}
	if w.Identity == "" {
		claims["sub"] = w.Principal
	}
	for name, value := range map[string]string{"identity": w.Identity, "identity_pool": w.Pool, "provider": w.Provider, "subject": w.Subject} {
		if value != "" {
			claims[name] = value
		}
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.URLEncoding.EncodeToString(head) + "." + base64.URLEncoding.EncodeToString(body)
	signature, err := jwt.SigningMethodES256.Sign(text, s.key)
	if err != nil {
		return "", err
	}
	return text + "." + base64.URLEncoding.EncodeToString(signature), nil
}
