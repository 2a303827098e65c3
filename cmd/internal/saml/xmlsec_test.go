package saml_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/saml"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// A response that xmlsec1 1.2.37 signed, the implementation behind most others:
// it shares no line with what verifies here. It is in the form of Shibboleth,
// with inclusive prefixes, space between the elements and a name that has to be
// escaped.
func TestResponseOfXMLSec(t *testing.T) {
	src, err := os.ReadFile("testdata/xmlsec/response.xml")
	require.NoError(t, err)
	metadata, err := os.ReadFile("testdata/xmlsec/metadata.xml")
	require.NoError(t, err)
	p := registered(t)
	p.Metadata = metadata
	s := &service{now: time.Date(2027, 1, 15, 12, 1, 0, 0, time.UTC)}
	s.Verifier, err = saml.NewVerifier(p, saml.Options{Store: identity.NewMemory(), Now: func() time.Time { return s.now }})
	require.NoError(t, err)
	login := s.accepts(t, base64.StdEncoding.EncodeToString(src))
	require.Equal(t, "u-4711 & Söhne", login.Subject)
	require.Equal(t, oidc.Claims{"urn:oid:1.3.6.1.4.1.5923.1.1.1.1": []any{"member", "staff"}}, login.Claims)
	require.Equal(t, time.Date(2027, 1, 15, 20, 0, 0, 0, time.UTC), login.SessionExpires)
	for old, text := range map[string]string{
		"u-4711":                             "u-4712",
		">staff<":                            ">admin<",
		"20:00:00.000Z":                      "21:00:00.000Z",
		`xs="http://www.w3.org/2001/XMLSch`:  `xs="http://www.w3.org/2001/XMLsch`, // an inclusive prefix is signed
		"xml-exc-c14n#\" PrefixList=\"xs\"":  "xml-exc-c14n#\" PrefixList=\"xx\"",
		"urn:oasis:names:tc:SAML:2.0:attrna": "urn:oasis:names:tc:SAML:2.0:Attrna",
	} {
		require.True(t, bytes.Contains(src, []byte(old)), old)
		altered := bytes.Replace(src, []byte(old), []byte(text), 1)
		s.refuses(t, base64.StdEncoding.EncodeToString(altered), "signature does not verify")
	}
}

// BenchmarkVerify is a login: reading, one RSA verification, canonical forms.
func BenchmarkVerify(b *testing.B) {
	s := newService(b)
	token := ours.Respond(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		s.accepts(b, token)
	}
}

// BenchmarkRefuse is what a stranger can make us do without a signature: the
// most elements and namespaces that are read at all.
func BenchmarkRefuse(b *testing.B) {
	s := newService(b)
	root := document(b, ours.Respond(b, nil))
	a := root.SelectElement("Assertion")
	for range 400 {
		e := a.SelectElement("AttributeStatement").CreateElement("saml:Attribute")
		for _, p := range "abcdefgh" {
			e.CreateAttr("xmlns:"+string(p), "u")
		}
	}
	token := encode(b, root)
	require.Less(b, len(token), 100_000)
	b.ReportAllocs()
	for b.Loop() {
		s.refuses(b, token, "signature does not verify")
	}
}
