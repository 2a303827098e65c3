// Package samltest is a SAML identity provider for tests: that of
// crewjam/saml, with a key of its own, whose users are logged in.
package samltest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/xml"
	"html"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"
)

// Persistent is the format of the NameIDs.
const Persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

// Options say who the provider is and whom it talks to.
type Options struct {
	// EntityID is the provider's, an address.
	EntityID string
	// Audience and Recipient are those of the service.
	Audience, Recipient string
	// NameID is who is logged in, with these attributes.
	NameID     string
	Attributes []saml.Attribute
	// LoggedIn is when, and the middle of the two years that the certificate is
	// valid.
	LoggedIn time.Time
}

// Provider is an identity provider. It must not be shared by goroutines.
type Provider struct {
	*saml.IdentityProvider
	options Options
	change  func(*saml.Assertion)
}

// New makes a provider with a new key.
func New(o Options) (*Provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	certificate, err := NewCertificate(key, o.LoggedIn)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(o.EntityID)
	if err != nil {
		return nil, err
	}
	p := &Provider{options: o}
	p.IdentityProvider = &saml.IdentityProvider{
		Key: key, Certificate: certificate, SignatureMethod: dsig.RSASHA256SignatureMethod, Logger: log.Default(),
		MetadataURL: *address, SSOURL: *address.JoinPath("sso"),
		ServiceProviderProvider: p, SessionProvider: p, AssertionMaker: p,
	}
	return p, nil
}

// NewCertificate makes a self-signed certificate, valid from a year before to a
// year after.
func NewCertificate(key crypto.Signer, middle time.Time) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"},
		NotBefore: middle.AddDate(-1, 0, 0), NotAfter: middle.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Attribute makes an attribute of texts.
func Attribute(name string, values ...string) saml.Attribute {
	a := saml.Attribute{Name: name}
	for _, v := range values {
		a.Values = append(a.Values, saml.AttributeValue{Type: "xs:string", Value: v})
	}
	return a
}

// Respond lets the provider answer, as it does when a user begins there, and
// returns what its form posts: a response in base64. change, if any, alters the
// assertion before it is signed.
func (p *Provider) Respond(t testing.TB, change func(*saml.Assertion)) string {
	t.Helper()
	p.change = change
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, p.SSOURL.String(), nil)
	p.ServeIDPInitiated(w, r, p.options.Audience, "")
	require.Equal(t, http.StatusOK, w.Code)
	_, rest, ok := strings.Cut(w.Body.String(), `name="SAMLResponse" value="`)
	require.True(t, ok)
	value, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(value)
}

// Descriptor is the provider's metadata.
func (p *Provider) Descriptor(t testing.TB) []byte {
	t.Helper()
	src, err := xml.Marshal(p.Metadata())
	require.NoError(t, err)
	return src
}

// GetServiceProvider returns the one service that the provider knows.
func (p *Provider) GetServiceProvider(*http.Request, string) (*saml.EntityDescriptor, error) {
	return &saml.EntityDescriptor{EntityID: p.options.Audience, SPSSODescriptors: []saml.SPSSODescriptor{{
		AssertionConsumerServices: []saml.IndexedEndpoint{{Binding: saml.HTTPPostBinding, Location: p.options.Recipient}},
	}}}, nil
}

// GetSession returns the session of the user, who is always logged in.
func (p *Provider) GetSession(http.ResponseWriter, *http.Request, *saml.IdpAuthnRequest) *saml.Session {
	return &saml.Session{
		ID: "s1", Index: "s1", CreateTime: p.options.LoggedIn, ExpireTime: p.options.LoggedIn.AddDate(1, 0, 0),
		NameID: p.options.NameID, NameIDFormat: Persistent, CustomAttributes: p.options.Attributes,
	}
}

// MakeAssertion makes what crewjam/saml makes, and lets a test alter it.
func (p *Provider) MakeAssertion(r *saml.IdpAuthnRequest, s *saml.Session) error {
	if err := (saml.DefaultAssertionMaker{}).MakeAssertion(r, s); err != nil {
		return err
	}
	if p.change != nil {
		p.change(r.Assertion)
	}
	return nil
}
