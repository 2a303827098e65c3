package saml_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/saml"
	"github.com/rowan-authz/rowan/cmd/internal/saml/samltest"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

func TestVerifier(t *testing.T) {
	s := newService(t)
	login := s.accepts(t, ours.Respond(t, nil))
	require.Equal(t, arn, login.Provider)
	require.Equal(t, "u-4711", login.Subject)
	require.Equal(t, entityID, login.Issuer)
	require.Equal(t, recipient, login.Audience)
	require.Equal(t, noon.Add(-time.Hour), login.AuthTime)
	require.Equal(t, noon.Add(90*time.Second), login.Expires)
	require.Zero(t, login.SessionExpires)
	require.True(t, strings.HasPrefix(login.ID, "id-"))
	require.False(t, login.MFA)
	require.Equal(t, oidc.Claims{
		"https://aws.amazon.com/SAML/Attributes/RoleSessionName": "alice",
		"groups":                            []any{"staff", "night"},
		"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":  "member",
		"urn:oid:0.9.2342.19200300.100.1.3": "alice@example.com",
	}, login.Claims)
	require.Equal(t, []identity.ContextKey{
		{Name: "saml:sub", Values: []string{"u-4711"}},
		{Name: "saml:sub_type", Values: []string{"persistent"}},
		{Name: "saml:namequalifier", Values: []string{"P9LLD7nY4s53qfxY1kqlfihLnvo="}},
	}, login.Keys)
	require.Equal(t, []identity.ContextKey{
		{Name: "saml:aud", Values: []string{recipient}},
		{Name: "saml:iss", Values: []string{entityID}},
		{Name: "saml:doc", Values: []string{"111122223333/Corp"}},
		{Name: "saml:edupersonaffiliation", Values: []string{"member"}},
		{Name: "saml:mail", Values: []string{"alice@example.com"}},
	}, login.TrustKeys)
}

// A response that was tampered with by a helper of these tests, but not in any
// way that matters, is still taken: the refusals below are for what they say.
func TestUntamperedIsTaken(t *testing.T) {
	s := newService(t)
	root := document(t, ours.Respond(t, nil))
	s.accepts(t, encode(t, root))
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		ours.resign(t, root, hash, func(*etree.Element) {})
		s.accepts(t, encode(t, root))
	}
	root.RemoveChild(root.SelectElement("Signature"))
	s.accepts(t, encode(t, root))
	ours.resign(t, root, crypto.SHA256, func(info *etree.Element) { // as Shibboleth does
		n := info.FindElement("Reference/Transforms/Transform[2]").CreateElement("ec:InclusiveNamespaces")
		n.CreateAttr("xmlns:ec", "http://www.w3.org/2001/10/xml-exc-c14n#")
		n.CreateAttr("PrefixList", "xs")
		bare := root.SelectElement("Assertion").Copy()
		bare.RemoveChild(bare.SelectElement("Signature"))
		bare.CreateAttr("xmlns:xs", "http://www.w3.org/2001/XMLSchema") // which the response declares
		canonical, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("xs").Canonicalize(bare)
		require.NoError(t, err)
		sum := sha256.Sum256(canonical)
		info.FindElement("Reference/DigestValue").SetText(base64.StdEncoding.EncodeToString(sum[:]))
	})
	s.accepts(t, encode(t, root))
}

// Each case alters one thing of an assertion before it is signed.
func TestAssertions(t *testing.T) {
	data := func(a *crewjam.Assertion) *crewjam.SubjectConfirmationData {
		return a.Subject.SubjectConfirmations[0].SubjectConfirmationData
	}
	for name, c := range map[string]struct {
		change func(*crewjam.Assertion)
		why    string // empty: it is taken
	}{
		"issuer":              {func(a *crewjam.Assertion) { a.Issuer.Value = "https://evil.example.com" }, "issuer"},
		"issuer with space":   {func(a *crewjam.Assertion) { a.Issuer.Value += " " }, "issuer"},
		"issuer of a person":  {func(a *crewjam.Assertion) { a.Issuer.Format = samltest.Persistent }, "issuer"},
		"no id":               {func(a *crewjam.Assertion) { a.ID = "" }, "proper ID"},
		"odd id":              {func(a *crewjam.Assertion) { a.ID = "1" }, "proper ID"},
		"transient name":      {func(a *crewjam.Assertion) { a.Subject.NameID.Format = transient }, "format"},
		"name without format": {func(a *crewjam.Assertion) { a.Subject.NameID.Format = "" }, "format"},
		"no name":             {func(a *crewjam.Assertion) { a.Subject.NameID = nil }, "NameID"},
		"empty name":          {func(a *crewjam.Assertion) { a.Subject.NameID.Value = "" }, "NameID"},
		"longest name":        {func(a *crewjam.Assertion) { a.Subject.NameID.Value = strings.Repeat("x", 255) }, ""},
		"too long name":       {func(a *crewjam.Assertion) { a.Subject.NameID.Value = strings.Repeat("x", 256) }, "255"},
		"name with space":     {func(a *crewjam.Assertion) { a.Subject.NameID.Value = "u-4711 " }, "space"},
		"name with a newline": {func(a *crewjam.Assertion) { a.Subject.NameID.Value = "u-\n4711" }, "control"},
		"no name qualifier":   {func(a *crewjam.Assertion) { a.Subject.NameID.NameQualifier = "" }, ""},
		"name of another":     {func(a *crewjam.Assertion) { a.Subject.NameID.NameQualifier = "https://other" }, "qualified"},
		"name for another":    {func(a *crewjam.Assertion) { a.Subject.NameID.SPNameQualifier = "https://other" }, "NameID is for"},
		"no subject":          {func(a *crewjam.Assertion) { a.Subject = nil }, "Subject"},
		"holder of key": {func(a *crewjam.Assertion) {
			a.Subject.SubjectConfirmations[0].Method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
		}, "bearer"},
		"no confirmation": {func(a *crewjam.Assertion) { a.Subject.SubjectConfirmations = nil }, "SubjectConfirmation"},
		"two confirmations": {func(a *crewjam.Assertion) {
			a.Subject.SubjectConfirmations = append(a.Subject.SubjectConfirmations, a.Subject.SubjectConfirmations[0])
		}, "SubjectConfirmation"},
		"no data":             {func(a *crewjam.Assertion) { a.Subject.SubjectConfirmations[0].SubjectConfirmationData = nil }, "SubjectConfirmationData"},
		"another recipient":   {func(a *crewjam.Assertion) { data(a).Recipient = recipient + "/" }, "recipient"},
		"no recipient":        {func(a *crewjam.Assertion) { data(a).Recipient = "" }, "recipient"},
		"answer to a request": {func(a *crewjam.Assertion) { data(a).InResponseTo = "id-1" }, "InResponseTo"},
		"confirmation ended":  {func(a *crewjam.Assertion) { data(a).NotOnOrAfter = noon.Add(-3 * time.Minute) }, "expired"},
		"confirmation nearly": {func(a *crewjam.Assertion) { data(a).NotOnOrAfter = noon.Add(-3*time.Minute + time.Second) }, ""},
		"confirmation later":  {func(a *crewjam.Assertion) { data(a).NotBefore = noon.Add(4 * time.Minute) }, "not valid yet"},
		"no conditions":       {func(a *crewjam.Assertion) { a.Conditions = nil }, "Conditions"},
		"another audience":    {func(a *crewjam.Assertion) { a.Conditions.AudienceRestrictions[0].Audience.Value = "urn:other" }, "audience"},
		"audience with space": {func(a *crewjam.Assertion) { a.Conditions.AudienceRestrictions[0].Audience.Value = audience + " " }, "audience"},
		"no audience":         {func(a *crewjam.Assertion) { a.Conditions.AudienceRestrictions = nil }, "audience"},
		"two restrictions": {func(a *crewjam.Assertion) {
			a.Conditions.AudienceRestrictions = append(a.Conditions.AudienceRestrictions, a.Conditions.AudienceRestrictions[0])
		}, ""},
		"one of two fails": {func(a *crewjam.Assertion) {
			a.Conditions.AudienceRestrictions = append(a.Conditions.AudienceRestrictions, crewjam.AudienceRestriction{Audience: crewjam.Audience{Value: "urn:other"}})
		}, "audience"},
		"one time use":         {func(a *crewjam.Assertion) { a.Conditions.OneTimeUse = &crewjam.OneTimeUse{} }, "OneTimeUse"},
		"ended":                {func(a *crewjam.Assertion) { a.Conditions.NotOnOrAfter = noon.Add(-3 * time.Minute) }, "expired"},
		"begins in 3 minutes":  {func(a *crewjam.Assertion) { a.Conditions.NotBefore = noon.Add(3 * time.Minute) }, ""},
		"begins later":         {func(a *crewjam.Assertion) { a.Conditions.NotBefore = noon.Add(3*time.Minute + time.Second) }, "not valid yet"},
		"issued in the future": {func(a *crewjam.Assertion) { a.IssueInstant = noon.Add(4 * time.Minute) }, "not valid yet"},
		"issued 8 minutes ago": {func(a *crewjam.Assertion) { a.IssueInstant = noon.Add(-8 * time.Minute) }, "expired"},
		"issued 7 minutes ago": {func(a *crewjam.Assertion) { a.IssueInstant = noon.Add(-7 * time.Minute) }, ""},
		"no statement":         {func(a *crewjam.Assertion) { a.AuthnStatements = nil }, "AuthnStatement"},
		"log-in in the future": {func(a *crewjam.Assertion) { a.AuthnStatements[0].AuthnInstant = noon.Add(4 * time.Minute) }, "not valid yet"},
		"session ended":        {func(a *crewjam.Assertion) { a.AuthnStatements[0].SessionNotOnOrAfter = &noon }, "expired"},
		"attribute, no name": {func(a *crewjam.Assertion) {
			a.AttributeStatements[0].Attributes = []crewjam.Attribute{samltest.Attribute("", "x")}
		}, "name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			token := ours.Respond(t, c.change)
			if c.why == "" {
				s.accepts(t, token)
				return
			}
			s.refuses(t, token, c.why)
		})
	}
}

func TestExpiryHasItsErrors(t *testing.T) {
	s := newService(t)
	token := ours.Respond(t, nil)
	s.now = noon.Add(90*time.Second + 3*time.Minute - time.Second)
	s.accepts(t, token)
	s.now = s.now.Add(time.Second)
	_, err := s.Verify(t.Context(), token, nil)
	require.ErrorIs(t, err, oidc.ErrExpired)
	require.EqualError(t, err, "NotAuthorizedException: Invalid login token. Token expired: 1795435470 >= 1795435290")
}

func TestSessionEndOfTheProvider(t *testing.T) {
	end := noon.Add(20 * time.Minute)
	login := newService(t).accepts(t, ours.Respond(t, func(a *crewjam.Assertion) { a.AuthnStatements[0].SessionNotOnOrAfter = &end }))
	require.Equal(t, end, login.SessionExpires)
}

// Lists come as one attribute or as several; what is no text is left out as a
// whole.
func TestAttributes(t *testing.T) {
	s := newService(t)
	root := document(t, ours.Respond(t, func(a *crewjam.Assertion) {
		a.AttributeStatements[0].Attributes = []crewjam.Attribute{
			samltest.Attribute("roles", "a"), samltest.Attribute("other", "x"), samltest.Attribute("roles", "b"), samltest.Attribute("none"),
			samltest.Attribute("null", "x"), samltest.Attribute("target", "x"), samltest.Attribute("half", "x", "y"), samltest.Attribute("empty", ""),
		}
	}))
	for _, e := range root.FindElements("//Attribute") {
		switch e.SelectAttrValue("Name", "") {
		case "null":
			e.SelectElement("AttributeValue").CreateAttr("xsi:nil", "true")
		case "target":
			e.SelectElement("AttributeValue").CreateElement("saml:NameID").SetText("u-4711")
		case "half":
			e.SelectElement("AttributeValue").CreateElement("x").SetText("y")
		}
	}
	ours.resign(t, root, crypto.SHA256, nil)
	require.Equal(t, oidc.Claims{"roles": []any{"a", "b"}, "other": "x", "empty": ""}, s.accepts(t, encode(t, root)).Claims)
}

// Each case is signed, and not what any provider should sign.
func TestSignedOddities(t *testing.T) {
	const data = "Subject/SubjectConfirmation/SubjectConfirmationData"
	twice := func(path string) func(*etree.Element) {
		return func(a *etree.Element) { e := a.FindElement(path); e.Parent().AddChild(e.Copy()) }
	}
	set := func(path, name, value string) func(*etree.Element) {
		return func(a *etree.Element) { a.FindElement(path).CreateAttr(name, value) }
	}
	drop := func(path, name string) func(*etree.Element) {
		return func(a *etree.Element) { a.FindElement(path).RemoveAttr(name) }
	}
	add := func(path, name string) func(*etree.Element) {
		return func(a *etree.Element) { a.FindElement(path).CreateElement(name) }
	}
	for name, c := range map[string]struct {
		alter func(assertion *etree.Element)
		why   string
	}{
		"nothing":               {func(*etree.Element) {}, ""},
		"version":               {set(".", "Version", "1.1"), "version 2.0"},
		"advice":                {add(".", "saml:Advice"), "Advice"},
		"decision":              {add(".", "saml:AuthzDecisionStatement"), "AuthzDecisionStatement"},
		"two issuers":           {twice("Issuer"), "2 of Issuer"},
		"issuer in parts":       {add("Issuer", "x"), "more than text"},
		"two subjects":          {twice("Subject"), "2 of Subject"},
		"two names":             {twice("Subject/NameID"), "2 of NameID"},
		"name in parts":         {add("Subject/NameID", "x"), "more than text"},
		"base id":               {add("Subject", "saml:BaseID"), "BaseID"},
		"text in the subject":   {func(a *etree.Element) { a.SelectElement("Subject").CreateText("u-admin") }, "text in Subject"},
		"two data":              {twice(data), "2 of SubjectConfirmationData"},
		"name of the confirmer": {add("Subject/SubjectConfirmation", "saml:NameID"), "NameID"},
		"no end of the bearer":  {drop(data, "NotOnOrAfter"), "NotOnOrAfter"},
		"two conditions":        {twice("Conditions"), "2 of Conditions"},
		"no end":                {drop("Conditions", "NotOnOrAfter"), "NotOnOrAfter"},
		"no beginning":          {drop("Conditions", "NotBefore"), ""},
		"odd beginning":         {set("Conditions", "NotBefore", "yesterday"), "NotBefore"},
		"unknown condition":     {add("Conditions", "saml:Condition"), "Condition"},
		"proxies":               {add("Conditions", "saml:ProxyRestriction"), ""},
		"odd restriction":       {add("Conditions/AudienceRestriction", "saml:NotAudience"), "NotAudience"},
		"two audiences":         {twice("Conditions/AudienceRestriction/Audience"), ""},
		"local time":            {set(".", "IssueInstant", "2026-11-23T12:00:00+00:00"), "UTC"},
		"no time":               {drop(".", "IssueInstant"), "UTC"},
		"fraction of a second":  {set(".", "IssueInstant", "2026-11-23T12:00:00.123456789Z"), ""},
		"two statements":        {twice("AuthnStatement"), "2 of AuthnStatement"},
		"no time of the log-in": {drop("AuthnStatement", "AuthnInstant"), "AuthnInstant"},
		"odd end of session":    {set("AuthnStatement", "SessionNotOnOrAfter", "never"), "SessionNotOnOrAfter"},
		"encrypted attribute":   {add("AttributeStatement", "saml:EncryptedAttribute"), "encrypted"},
		"odd attribute":         {add("AttributeStatement/Attribute", "saml:NoValue"), "NoValue"},
		"two lists":             {twice("AttributeStatement"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			root := document(t, ours.Respond(t, nil))
			c.alter(root.SelectElement("Assertion"))
			ours.resign(t, root, crypto.SHA256, nil)
			if c.why == "" {
				s.accepts(t, encode(t, root))
				return
			}
			s.refuses(t, encode(t, root), c.why)
		})
	}
}

// Each case alters what stands around the assertion.
func TestResponses(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(root *etree.Element)
		why   string
	}{
		"another destination": {func(r *etree.Element) { r.CreateAttr("Destination", "https://other") }, "destination"},
		"no destination":      {func(r *etree.Element) { r.RemoveAttr("Destination") }, ""},
		"no issuer":           {func(r *etree.Element) { r.RemoveChild(r.SelectElement("Issuer")) }, ""},
		"another issuer":      {func(r *etree.Element) { r.SelectElement("Issuer").SetText("https://other") }, "issuer"},
		"no success": {func(r *etree.Element) {
			r.FindElement("Status/StatusCode").CreateAttr("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
		}, "success"},
		"no status":           {func(r *etree.Element) { r.RemoveChild(r.SelectElement("Status")) }, "Status"},
		"answer to a request": {func(r *etree.Element) { r.CreateAttr("InResponseTo", "") }, "InResponseTo"},
		"version":             {func(r *etree.Element) { r.CreateAttr("Version", "1.1") }, "version"},
		"extensions":          {func(r *etree.Element) { r.CreateElement("samlp:Extensions") }, "Extensions"},
		"encrypted":           {func(r *etree.Element) { r.SelectElement("Assertion").Tag = "EncryptedAssertion" }, "EncryptedAssertion"},
		"no assertion":        {func(r *etree.Element) { r.RemoveChild(r.SelectElement("Assertion")) }, "Assertion"},
		"another root":        {func(r *etree.Element) { r.Tag = "ArtifactResponse" }, "no Response"},
		"another namespace":   {func(r *etree.Element) { r.CreateAttr("xmlns:samlp", "urn:oasis:names:tc:SAML:1.0:protocol") }, "no Response"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			root := document(t, ours.Respond(t, nil))
			c.alter(root)
			if c.why == "" {
				s.accepts(t, encode(t, root))
				return
			}
			s.refuses(t, encode(t, root), c.why)
		})
	}
}

func TestMalformed(t *testing.T) {
	s := newService(t)
	wrap := func(xml string) string { return base64.StdEncoding.EncodeToString([]byte(xml)) }
	for name, c := range map[string]struct{ token, why string }{
		"empty":             {"", "no element"},
		"no base64":         {"PHg+!", "base64"},
		"too long":          {strings.Repeat("A", 100_001), "100000"},
		"no XML":            {wrap("hello"), "text outside"},
		"no UTF-8":          {wrap("<x>\xff</x>"), "UTF-8"},
		"another encoding":  {wrap(`<?xml version="1.0" encoding="UTF-16"?><x/>`), "invalid XML"},
		"not closed":        {wrap("<x>"), "invalid XML"},
		"two roots":         {wrap("<x/><x/>"), "two roots"},
		"attribute twice":   {wrap(`<x a="1" a="2"/>`), "twice"},
		"deep":              {wrap(strings.Repeat("<x>", 17) + strings.Repeat("</x>", 17)), "depth"},
		"many elements":     {wrap("<x>" + strings.Repeat("<y/>", 2000) + "</x>"), "elements"},
		"many attributes":   {wrap("<x" + strings.Repeat(` xmlns:a="b"`, 33) + "/>"), "attributes"},
		"something else":    {wrap("<x/>"), "no Response"},
		"undeclared prefix": {wrap(`<samlp:Response Version="2.0"/>`), "no Response"},
	} {
		t.Run(name, func(t *testing.T) { s.refuses(t, c.token, c.why) })
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	with := func(key crypto.Signer) []byte {
		c, err := samltest.NewCertificate(key, noon)
		require.NoError(t, err)
		p := samltest.Provider{IdentityProvider: &crewjam.IdentityProvider{Certificate: c, MetadataURL: ours.MetadataURL, SSOURL: ours.SSOURL}}
		return p.Descriptor(t)
	}
	good := ours.Descriptor(t)
	replace := func(old, text string) []byte {
		require.Contains(t, string(good), old)
		return bytes.Replace(good, []byte(old), []byte(text), 1)
	}
	for name, c := range map[string]struct {
		change func(*identity.SAMLProvider)
		why    string
	}{
		"nothing":         {func(*identity.SAMLProvider) {}, ""},
		"no arn":          {func(p *identity.SAMLProvider) { p.ARN = "" }, "no ARN"},
		"arn of a role":   {func(p *identity.SAMLProvider) { p.ARN = "arn:aws:iam::111122223333:role/Corp" }, "no ARN"},
		"no audience":     {func(p *identity.SAMLProvider) { p.Audience = "" }, "audience"},
		"no recipients":   {func(p *identity.SAMLProvider) { p.Recipients = nil }, "recipients"},
		"empty recipient": {func(p *identity.SAMLProvider) { p.Recipients = []string{""} }, "recipients"},
		"no metadata":     {func(p *identity.SAMLProvider) { p.Metadata = nil }, "metadata"},
		"no entity":       {func(p *identity.SAMLProvider) { p.Metadata = replace(`entityID="`+entityID+`"`, "") }, "entityID"},
		"document type":   {func(p *identity.SAMLProvider) { p.Metadata = append([]byte("<!doctype x>"), good...) }, "document type"},
		"another version": {func(p *identity.SAMLProvider) {
			p.Metadata = replace("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.1:protocol")
		}, "0 signing"},
		"no certificate": {func(p *identity.SAMLProvider) { p.Metadata = replace(`use="signing"`, `use="encryption"`) }, "0 signing"},
		"odd certificate": {func(p *identity.SAMLProvider) {
			p.Metadata = replace("<X509Certificate", "<X509Certificate>AAAA</X509Certificate><X509Certificate")
		}, "2 certificates"},
		"small key": {func(p *identity.SAMLProvider) { p.Metadata = with(small) }, "2048"},
		"curve":     {func(p *identity.SAMLProvider) { p.Metadata = with(curve) }, "RSA"},
	} {
		t.Run(name, func(t *testing.T) {
			p := registered(t)
			c.change(p)
			_, err := saml.NewVerifier(p, saml.Options{Store: identity.NewMemory(), Now: time.Now})
			if c.why == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.why)
		})
	}
	_, err = saml.NewVerifier(registered(t), saml.Options{Now: time.Now})
	require.ErrorContains(t, err, "store")
	_, err = saml.NewVerifier(registered(t), saml.Options{Store: identity.NewMemory()})
	require.ErrorContains(t, err, "clock")
}

// A provider that changes its key has two certificates for a while.
func TestTwoCertificates(t *testing.T) {
	p := registered(t)
	both := string(theirs.Descriptor(t))
	key, _, ok := strings.Cut(strings.SplitAfterN(string(p.Metadata), "<KeyDescriptor", 2)[1], "</KeyDescriptor>")
	require.True(t, ok)
	p.Metadata = []byte(strings.Replace(both, "<KeyDescriptor", "<KeyDescriptor"+key+"</KeyDescriptor><KeyDescriptor", 1))
	v, err := saml.NewVerifier(p, saml.Options{Store: identity.NewMemory(), Now: func() time.Time { return noon }})
	require.NoError(t, err)
	for _, x := range []*provider{ours, theirs} {
		_, err = v.Verify(t.Context(), x.Respond(t, nil), nil)
		require.NoError(t, err, causes(err))
	}
}

func TestMetadataAndCertificatesEnd(t *testing.T) {
	s := newService(t)
	change := func(at time.Time) func(*crewjam.Assertion) {
		return func(a *crewjam.Assertion) {
			a.IssueInstant, a.Conditions.NotOnOrAfter = at, at.Add(time.Minute)
			a.Subject.SubjectConfirmations[0].SubjectConfirmationData.NotOnOrAfter = at.Add(time.Minute)
		}
	}
	s.now = noon.Add(crewjam.DefaultValidDuration - time.Second)
	s.accepts(t, ours.Respond(t, change(s.now)))
	s.now = s.now.Add(time.Second)
	s.refuses(t, ours.Respond(t, change(s.now)), "metadata is valid until")

	p := registered(t)
	before, rest, _ := strings.Cut(string(p.Metadata), ` validUntil="`)
	_, rest, _ = strings.Cut(rest, `"`)
	p.Metadata = []byte(before + rest)
	s = &service{now: noon.Add(-time.Hour).AddDate(1, 0, 0)}
	var err error
	s.Verifier, err = saml.NewVerifier(p, saml.Options{Store: identity.NewMemory(), Now: func() time.Time { return s.now }})
	require.NoError(t, err)
	s.accepts(t, ours.Respond(t, change(s.now)))
	s.now = s.now.Add(time.Second)
	s.refuses(t, ours.Respond(t, change(s.now)), "Cert is not valid at this time")
}
