package archive

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// payloadType is what a signature says that it is over, so that no signature
// over anything else can stand for it.
const payloadType = "application/vnd.rowan.bundle-manifest.v1+json"

const (
	maxSignatureFile = 16 << 10
	maxSignatures    = 8
	maxTrusted       = 16
	maxKeyFile       = 64 << 10
)

// envelope is manifest.sig: a DSSE envelope whose payload is manifest.json, as it
// is, byte by byte. Source: https://github.com/secure-systems-lab/dsse.
type envelope struct {
	PayloadType string              `json:"payloadType"`
	Signatures  []envelopeSignature `json:"signatures"`
}

// envelopeSignature is one signature. KeyID helps people; nothing is decided by
// it.
type envelopeSignature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// signed is the text that is signed. Source: DSSE, "Signature Definition".
func signed(manifest []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(manifest), manifest)
}

// Signed returns the files with a signature over their manifest.
func (f *Files) Signed(key ed25519.PrivateKey) (*Files, error) {
	if f.manifest == nil {
		return nil, errors.New("what has no manifest cannot be signed")
	}
	id, err := KeyID(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(envelope{payloadType, []envelopeSignature{{id, base64.StdEncoding.EncodeToString(ed25519.Sign(key, signed(f.manifest)))}}}, "", "  ")
	if err != nil {
		return nil, err
	}
	out := *f
	out.signature = bytes.Join([][]byte{text, nil}, []byte("\n"))
	return &out, nil
}

// Verify checks files before anything in them counts, and returns what they say
// they are: nil if they have no manifest, and the id of the key that signed it.
//
// With trusted keys there must be a manifest with a signature of one of them.
// Without any, signatures are not looked at. In either case a manifest that is
// there must list all files just as they are, and its time must not be over.
func (f *Files) Verify(trusted []ed25519.PublicKey, now time.Time) (m *Manifest, keyID string, err error) {
	if len(trusted) > 0 {
		if f.loose {
			return nil, "", refuse("invalid", "not an archive of rowan bundle build, and only signed ones are taken")
		}
		if keyID, err = f.signer(trusted); err != nil {
			return nil, "", err
		}
	}
	m, err = f.Manifest()
	if m == nil || err != nil {
		return nil, "", err
	}
	if err := m.covers(f); err != nil {
		return nil, "", err
	}
	if m.Expires != nil && !now.Before(*m.Expires) {
		return nil, "", refuse("expired", "the bundle expired at %s", m.Expires.UTC().Format(time.RFC3339))
	}
	return m, keyID, nil
}

// signer returns the id of the trusted key that signed the manifest.
func (f *Files) signer(trusted []ed25519.PublicKey) (string, error) {
	switch {
	case f.manifest == nil:
		return "", refuse("unsigned", "the bundle has no %s, and only signed ones are taken", manifestName)
	case f.signature == nil:
		return "", refuse("unsigned", "the bundle has no %s, and only signed ones are taken", signatureName)
	}
	e, err := f.envelope()
	if err != nil {
		return "", err
	}
	text := signed(f.manifest)
	for _, s := range e.Signatures {
		sig, err := base64.StdEncoding.Strict().DecodeString(s.Sig)
		if err != nil || len(sig) != ed25519.SignatureSize {
			return "", refuse("unsigned", "%s: no signature of ed25519 in base64", signatureName)
		}
		for _, key := range trusted {
			if ed25519.Verify(key, text, sig) {
				return KeyID(key)
			}
		}
	}
	return "", refuse("unsigned", "%s: no signature of a trusted key over this %s", signatureName, manifestName)
}

func (f *Files) envelope() (*envelope, error) {
	bad := func(err error) error { return refuse("unsigned", "%s: %w", signatureName, err) }
	if err := strictjson.Check(f.signature, strictjson.Limits{Depth: 4, Members: 64, Bytes: maxSignatureFile}); err != nil {
		return nil, bad(err)
	}
	d := json.NewDecoder(bytes.NewReader(f.signature))
	d.DisallowUnknownFields()
	var e envelope
	if err := d.Decode(&e); err != nil {
		return nil, bad(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad(errors.New("something follows the object"))
	}
	if e.PayloadType != payloadType || len(e.Signatures) == 0 || len(e.Signatures) > maxSignatures {
		return nil, bad(fmt.Errorf("want payloadType %s and 1 to %d signatures", payloadType, maxSignatures))
	}
	return &e, nil
}

// Signers are the ids of the keys that a signature names, unverified, and
// whether there is a signature.
func (f *Files) Signers() (ids []string, ok bool) {
	if f.signature == nil {
		return nil, false
	}
	if e, err := f.envelope(); err == nil {
		for _, s := range e.Signatures {
			ids = append(ids, s.KeyID)
		}
	}
	return ids, true
}

// KeyID is the beginning of the SHA-256 of a public key's DER.
func KeyID(key ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:8]), nil
}

// GenerateKey makes a key pair in PEM, as openssl genpkey -algorithm ed25519 and
// openssl pkey -pubout do.
func GenerateKey(random io.Reader) (private, public []byte, err error) {
	pub, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, nil, err
	}
	secret, err1 := x509.MarshalPKCS8PrivateKey(key)
	open, err2 := x509.MarshalPKIXPublicKey(pub)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: secret}), pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: open}), nil
}

const privateBlock, publicBlock = "PRIVATE KEY", "PUBLIC KEY"

// ParsePrivateKey reads one PKCS #8 key of ed25519 in PEM. No error shows it.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	blocks, err := pemBlocks(text, privateBlock)
	if err != nil {
		return nil, err
	}
	if len(blocks) != 1 {
		return nil, errors.New("want one private key")
	}
	any, err := x509.ParsePKCS8PrivateKey(blocks[0])
	key, ok := any.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("want a private key of ed25519 in PKCS #8")
	}
	return key, nil
}

// ParseTrusted reads the public keys of ed25519 in PEM that bundles may be signed
// with: at least one.
func ParseTrusted(text []byte) ([]ed25519.PublicKey, error) {
	blocks, err := pemBlocks(text, publicBlock)
	if err != nil {
		return nil, err
	}
	var out []ed25519.PublicKey
	for _, der := range blocks {
		any, err := x509.ParsePKIXPublicKey(der)
		key, ok := any.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, errors.New("want public keys of ed25519")
		}
		out = append(out, key)
	}
	if len(out) == 0 || len(out) > maxTrusted {
		return nil, fmt.Errorf("want 1 to %d public keys, have %d", maxTrusted, len(out))
	}
	return out, nil
}

// pemBlocks reads PEM of one type and nothing else.
func pemBlocks(text []byte, want string) (out [][]byte, err error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("a key file of more than %d bytes", maxKeyFile)
	}
	for len(bytes.TrimSpace(text)) > 0 {
		block, after := pem.Decode(text)
		if block == nil || block.Type != want || len(block.Headers) > 0 {
			return nil, fmt.Errorf("want %s in PEM and nothing else", want)
		}
		out, text = append(out, block.Bytes), after
	}
	return out, nil
}
