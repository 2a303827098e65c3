package saml_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"log"
	"os"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/saml"
	"github.com/rowan-authz/rowan/cmd/internal/saml/samltest"
	"github.com/rowan-authz/rowan/identity"
)

const (
	arn       = "arn:aws:iam::111122223333:saml-provider/Corp"
	entityID  = "https://idp.example.com/metadata"
	audience  = "urn:amazon:webservices"
	recipient = "https://signin.aws.amazon.com/saml"
	transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Two providers: ours, and one that nobody has registered.
var ours, theirs *provider

func TestMain(m *testing.M) {
	crewjam.TimeNow = func() time.Time { return noon }
	ours, theirs = newProvider(), newProvider()
	os.Exit(m.Run())
}

// provider is an identity provider that also signs what was tampered with.
type provider struct{ *samltest.Provider }

func newProvider() *provider {
	p, err := samltest.New(samltest.Options{
		EntityID: entityID, Audience: audience, Recipient: recipient, NameID: "u-4711", LoggedIn: noon.Add(-time.Hour),
		Attributes: []crewjam.Attribute{
			samltest.Attribute("https://aws.amazon.com/SAML/Attributes/RoleSessionName", "alice"),
			samltest.Attribute("groups", "staff", "night"),
			samltest.Attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "member"),
			samltest.Attribute("urn:oid:0.9.2342.19200300.100.1.3", "alice@example.com"),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	return &provider{p}
}

// document is a response to be tampered with.
func document(t testing.TB, token string) *etree.Element {
	t.Helper()
	src, err := base64.StdEncoding.DecodeString(token)
	require.NoError(t, err)
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromBytes(src))
	return doc.Root()
}

func encode(t testing.TB, root *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(root)
	src, err := doc.WriteToBytes()
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(src)
}

// resign signs the assertion of a response anew, with an altered SignedInfo if
// there is something to alter. Everything but what was altered is right.
func (p *provider) resign(t testing.TB, root *etree.Element, hash crypto.Hash, alter func(info *etree.Element)) {
	t.Helper()
	assertion := root.SelectElement("Assertion")
	assertion.RemoveChild(assertion.SelectElement("Signature"))
	s, err := dsig.NewSigningContext(p.Key.(*rsa.PrivateKey), [][]byte{p.Certificate.Raw})
	require.NoError(t, err)
	s.Hash = hash
	s.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signature, err := s.ConstructSignature(assertion, true)
	require.NoError(t, err)
	assertion.InsertChildAt(1, signature) // after the Issuer, as the schema has it
	if alter == nil {
		return
	}
	info := signature.SelectElement("SignedInfo")
	alter(info)
	alone := info.Copy()
	alone.CreateAttr("xmlns:ds", dsig.Namespace)
	canonical, err := s.Canonicalizer.Canonicalize(alone)
	require.NoError(t, err)
	value, err := s.SignString(string(canonical))
	require.NoError(t, err)
	signature.SelectElement("SignatureValue").SetText(base64.StdEncoding.EncodeToString(value))
}

// service is our side: a verifier with a clock.
type service struct {
	*saml.Verifier
	now time.Time
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{now: noon}
	var err error
	s.Verifier, err = saml.NewVerifier(registered(t), saml.Options{Store: identity.NewMemory(), Now: func() time.Time { return s.now }})
	require.NoError(t, err)
	return s
}

func registered(t testing.TB) *identity.SAMLProvider {
	return &identity.SAMLProvider{ARN: arn, Metadata: ours.Descriptor(t), Audience: audience, Recipients: []string{recipient}}
}

func (s *service) accepts(t testing.TB, token string) *identity.Login {
	t.Helper()
	login, err := s.Verify(context.Background(), token, nil)
	require.NoError(t, err, "%v", causes(err))
	return login
}

// refuses holds that a response is refused, and for the reason given.
func (s *service) refuses(t testing.TB, token, why string) {
	t.Helper()
	login, err := s.Verify(context.Background(), token, nil)
	require.Error(t, err)
	require.Nil(t, login)
	require.Equal(t, identity.NotAuthorized, identity.CodeOf(err))
	require.Contains(t, causes(err), why)
}

// causes is what a log has of an error.
func causes(err error) string {
	if e, ok := err.(interface{ Unwrap() error }); ok && e.Unwrap() != nil {
		return err.Error() + " | " + e.Unwrap().Error()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}
