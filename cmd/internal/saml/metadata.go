package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crewjam/saml"
)

const maxCertificates = 10

// metadata is what we take from a provider's entity descriptor.
type metadata struct {
	// entity is the provider's entity id, the issuer of its assertions.
	entity string
	// certificates are those it signs with, the only ones trusted.
	certificates []*x509.Certificate
	// validUntil is zero if the descriptor does not say.
	validUntil time.Time
}

// parseMetadata reads the entity descriptor of one identity provider.
func parseMetadata(src []byte) (*metadata, error) {
	if err := checkText(src); err != nil {
		return nil, err
	}
	var d saml.EntityDescriptor
	if err := xml.Unmarshal(src, &d); err != nil {
		return nil, fmt.Errorf("no entity descriptor: %w", err)
	}
	m := &metadata{entity: d.EntityID, validUntil: d.ValidUntil}
	if m.entity == "" || len(m.entity) > 1024 {
		return nil, errors.New("entityID has 1 to 1024 characters")
	}
	for i := range d.IDPSSODescriptors {
		role := &d.IDPSSODescriptors[i]
		if !strings.Contains(" "+role.ProtocolSupportEnumeration+" ", " "+nsProtocol+" ") {
			continue
		}
		for _, k := range role.KeyDescriptors {
			if k.Use != "" && k.Use != "signing" {
				continue
			}
			c, err := certificate(k.KeyInfo.X509Data.X509Certificates)
			if err != nil {
				return nil, err
			}
			m.certificates = append(m.certificates, c)
		}
	}
	if n := len(m.certificates); n == 0 || n > maxCertificates {
		return nil, fmt.Errorf("%d signing certificates, want 1 to %d", n, maxCertificates)
	}
	return m, nil
}

// checkText refuses metadata that parsers may read in more than one way. A
// comment is common in it and harmless: nothing in it is signed for us.
func checkText(src []byte) error {
	if strings.Contains(strings.ToUpper(string(src)), "<!DOCTYPE") {
		return errors.New("document type: metadata has none")
	}
	return nil
}

// certificate reads the certificate of a key descriptor. It must be alone:
// in a chain it would not be clear whose key is trusted.
func certificate(list []saml.X509Certificate) (*x509.Certificate, error) {
	if len(list) != 1 {
		return nil, fmt.Errorf("a signing key with %d certificates, want one", len(list))
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(list[0].Data), ""))
	if err != nil {
		return nil, errors.New("a certificate is no base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("a certificate: %w", err)
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return nil, errors.New("a signing certificate without an RSA key of 2048 bits or more: others are not supported")
	}
	return c, nil
}
