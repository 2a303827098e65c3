package saml_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/saml"
	"github.com/rowan-authz/rowan/identity"
)

// evil returns a copy of an element in which somebody else logs in, under
// another id and, if bare is set, without a signature.
func evil(e *etree.Element, bare bool) *etree.Element {
	c := e.Copy()
	c.CreateAttr("ID", "id-evil")
	c.FindElement(".//NameID").SetText("u-admin")
	if s := c.SelectElement("Signature"); s != nil && bare {
		c.RemoveChild(s)
	}
	return c
}

// The eight layouts of "On Breaking SAML: Be Whoever You Want to Be" (Somorovsky
// et al., 2012). In each of them a signature is right, and what it covers is
// still there, and somebody else stands where a reader may look.
var wrappings = map[string]func(root *etree.Element){
	"1: signed response in its signature": func(root *etree.Element) {
		signed := root.Copy()
		root.CreateAttr("ID", "id-evil")
		root.FindElement("Assertion//NameID").SetText("u-admin")
		root.SelectElement("Signature").AddChild(signed)
	},
	"2: signed response before its signature": func(root *etree.Element) {
		signed := root.Copy()
		signed.RemoveChild(signed.SelectElement("Signature"))
		root.CreateAttr("ID", "id-evil")
		root.FindElement("Assertion//NameID").SetText("u-admin")
		root.InsertChildAt(root.SelectElement("Signature").Index(), signed)
	},
	"3: evil assertion before the signed one": func(root *etree.Element) {
		a := root.SelectElement("Assertion")
		root.InsertChildAt(a.Index(), evil(a, true))
	},
	"4: signed assertion in the evil one": func(root *etree.Element) {
		a := root.SelectElement("Assertion")
		e := evil(a, true)
		root.AddChild(e)
		e.AddChild(a)
	},
	"5: evil assertion with the signature, signed one last": func(root *etree.Element) {
		a := root.SelectElement("Assertion")
		root.InsertChildAt(a.Index(), evil(a, false))
		a.RemoveChild(a.SelectElement("Signature"))
	},
	"6: signed assertion in the signature of the evil one": func(root *etree.Element) {
		a := root.SelectElement("Assertion")
		e := evil(a, false)
		root.AddChild(e)
		a.RemoveChild(a.SelectElement("Signature"))
		e.SelectElement("Signature").AddChild(a)
	},
	"7: evil assertion in extensions": func(root *etree.Element) {
		a := root.SelectElement("Assertion")
		x := etree.NewElement("samlp:Extensions")
		root.InsertChildAt(a.Index(), x)
		x.AddChild(evil(a, true))
	},
	"8: signed assertion in an object of the signature": func(root *etree.Element) {
		a := root.SelectElement("Assertion")
		e := evil(a, false)
		root.AddChild(e)
		a.RemoveChild(a.SelectElement("Signature"))
		e.SelectElement("Signature").CreateElement("ds:Object").AddChild(a)
	},
}

func TestThreatSignatureWrapping(t *testing.T) {
	require.Len(t, wrappings, 8)
	for name, wrap := range wrappings {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			root := document(t, ours.Respond(t, nil))
			s.accepts(t, encode(t, root))
			wrap(root)
			s.refuses(t, encode(t, root), "")
			// The same without the response's own signature, which is no help.
			if own := root.SelectElement("Signature"); own != nil {
				root.RemoveChild(own)
				s.refuses(t, encode(t, root), "")
			}
		})
	}
}

// The evil part alone, in the place of the signed one, in every way that the
// counting of assertions does not see.
func TestThreatSignatureWrappingInOtherNames(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(root *etree.Element)
		why   string
	}{
		"another namespace": {func(root *etree.Element) {
			e := evil(root.SelectElement("Assertion"), true)
			e.Space = "x"
			e.CreateAttr("xmlns:x", "urn:evil")
			root.AddChild(e)
		}, "Assertion"},
		"statement in the signature": {func(root *etree.Element) {
			a := root.SelectElement("Assertion")
			a.SelectElement("Signature").AddChild(a.SelectElement("Subject").Copy())
		}, `"Subject" in Signature`},
		"assertion below": {func(root *etree.Element) {
			root.SelectElement("Status").CreateElement("samlp:StatusDetail").AddChild(root.SelectElement("Assertion"))
		}, "not directly in the response"},
		"signature below": {func(root *etree.Element) {
			a := root.SelectElement("Assertion")
			a.SelectElement("Conditions").AddChild(a.SelectElement("Signature"))
		}, "more signatures"},
		"two signatures": {func(root *etree.Element) {
			a := root.SelectElement("Assertion")
			a.AddChild(a.SelectElement("Signature").Copy())
		}, "more signatures"},
		"subject behind": {func(root *etree.Element) {
			root.SelectElement("Assertion").AddChild(evil(root.SelectElement("Assertion"), true).SelectElement("Subject"))
		}, "signature does not verify"},
		"name altered": {func(root *etree.Element) {
			root.FindElement("Assertion//NameID").SetText("u-admin")
		}, "signature does not verify"},
		"signature of another namespace": {func(root *etree.Element) {
			root.SelectElement("Assertion").SelectElement("Signature").CreateAttr("xmlns:ds", "urn:evil")
		}, "Signature that is none"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			root := document(t, ours.Respond(t, nil))
			c.alter(root)
			s.refuses(t, encode(t, root), c.why)
		})
	}
}

func TestThreatDuplicateID(t *testing.T) {
	for name, alter := range map[string]func(root *etree.Element){
		"response and assertion": func(root *etree.Element) {
			root.CreateAttr("ID", root.SelectElement("Assertion").SelectAttrValue("ID", ""))
		},
		"in the signature": func(root *etree.Element) {
			a := root.SelectElement("Assertion")
			a.SelectElement("Signature").CreateAttr("Id", a.SelectAttrValue("ID", ""))
		},
		"by another name": func(root *etree.Element) {
			root.SelectElement("Status").CreateAttr("id", root.SelectElement("Assertion").SelectAttrValue("ID", ""))
		},
		"by xml:id": func(root *etree.Element) {
			root.SelectElement("Status").CreateAttr("xml:id", root.SelectElement("Assertion").SelectAttrValue("ID", ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			root := document(t, ours.Respond(t, nil))
			root.RemoveChild(root.SelectElement("Signature"))
			alter(root)
			s.refuses(t, encode(t, root), "ID")
		})
	}
}

// What parsers read over is refused before any has read it, within the signed
// part as well as around it.
func TestThreatNameIDSplitting(t *testing.T) {
	s := newService(t)
	src, err := base64.StdEncoding.DecodeString(ours.Respond(t, nil))
	require.NoError(t, err)
	s.accepts(t, base64.StdEncoding.EncodeToString(src))
	for name, c := range map[string]struct{ old, text, why string }{
		"comment":                {"u-4711<", "u-4711<!---->@x<", "comment"},
		"comment before":         {"<samlp:Response", "<!-- --><samlp:Response", "comment"},
		"CDATA":                  {"u-4711<", "<![CDATA[u-4711]]><", "CDATA"},
		"processing instruction": {"u-4711<", "u-4711<?x?>@x<", "processing instruction"},
		"instruction before":     {"<samlp:Response", `<?xml-stylesheet href="x"?><samlp:Response`, "processing instruction"},
		"two declarations":       {"<samlp:Response", `<?xml version="1.0"?><?xml version="1.0"?><samlp:Response`, "processing instruction"},
		"document type":          {"<samlp:Response", `<!DOCTYPE x [<!ENTITY e "u-admin">]><samlp:Response`, "document type"},
		"entity":                 {"u-4711<", "&e;<", "invalid XML"},
		"element":                {"u-4711<", "u-4711<x/>@x<", "signature does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, bytes.Contains(src, []byte(c.old)))
			altered := bytes.Replace(src, []byte(c.old), []byte(c.text), 1)
			s.refuses(t, base64.StdEncoding.EncodeToString(altered), c.why)
		})
	}
	declared := append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"), src...)
	s.accepts(t, base64.StdEncoding.EncodeToString(declared))
}

func TestThreatSignatureRemoved(t *testing.T) {
	s := newService(t)
	root := document(t, ours.Respond(t, nil))
	a := root.SelectElement("Assertion")
	a.RemoveChild(a.SelectElement("Signature"))
	s.refuses(t, encode(t, root), "not signed") // the response's signature is still there
	root.RemoveChild(root.SelectElement("Signature"))
	s.refuses(t, encode(t, root), "not signed")
}

func TestThreatOnlyResponseSigned(t *testing.T) {
	s := newService(t)
	root := document(t, ours.Respond(t, nil))
	a := root.SelectElement("Assertion")
	moved := a.SelectElement("Signature")
	root.RemoveChild(root.SelectElement("Signature"))
	root.AddChild(moved)
	s.refuses(t, encode(t, root), "not signed")
}

// Each case is signed by the registered key: the signature is right, and what
// it says of itself is not what we take.
func TestThreatTransformAbuse(t *testing.T) {
	set := func(path, name, value string) func(*etree.Element) {
		return func(info *etree.Element) { info.FindElement(path).CreateAttr(name, value) }
	}
	for name, c := range map[string]struct {
		alter func(info *etree.Element)
		why   string
	}{
		"XPath": {func(info *etree.Element) {
			x := info.FindElement("Reference/Transforms").CreateElement("ds:Transform")
			x.CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
			x.CreateElement("ds:XPath").SetText("self::node()")
		}, "3 transforms"},
		"XPath in the place": {set("Reference/Transforms/Transform[1]", "Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116"), "Transform"},
		"XSLT":               {set("Reference/Transforms/Transform[2]", "Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116"), "Transform"},
		"with comments":      {set("Reference/Transforms/Transform[2]", "Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), "Transform"},
		"inclusive":          {set("Reference/Transforms/Transform[2]", "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), "Transform"},
		"parameters": {func(info *etree.Element) {
			info.FindElement("Reference/Transforms/Transform[2]").CreateElement("ds:XPath")
		}, "XPath"},
		"not enveloped": {func(info *etree.Element) { x := info.FindElement("Reference/Transforms"); x.RemoveChildAt(0) }, "1 transforms"},
		"no transforms": {func(info *etree.Element) {
			x := info.FindElement("Reference")
			x.RemoveChild(x.SelectElement("Transforms"))
		}, "Transforms"},
		"canonical with comments": {set("CanonicalizationMethod", "Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), "CanonicalizationMethod"},
		"external":                {set("Reference", "URI", "https://evil.example.com/#x"), "something else"},
		"whole document":          {set("Reference", "URI", ""), "something else"},
		"another element":         {set("Reference", "URI", "#id-evil"), "something else"},
		"XPointer":                {set("Reference", "URI", "#xpointer(/)"), "something else"},
		"two references":          {func(info *etree.Element) { info.AddChild(info.SelectElement("Reference").Copy()) }, "Reference"},
		"no reference":            {func(info *etree.Element) { info.RemoveChild(info.SelectElement("Reference")) }, "Reference"},
		"two digests": {func(info *etree.Element) {
			x := info.SelectElement("Reference")
			x.AddChild(x.SelectElement("DigestValue").Copy())
		}, "DigestValue"},
		"digest of SHA-1": {set("Reference/DigestMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1"), "DigestMethod"},
		"HMAC":            {set("SignatureMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), "SignatureMethod"},
		"HMAC of a length": {func(info *etree.Element) {
			info.SelectElement("SignatureMethod").CreateElement("ds:HMACOutputLength").SetText("0")
		}, "parameters"},
		"prefixed algorithm": {func(info *etree.Element) {
			m := info.SelectElement("SignatureMethod")
			m.CreateAttr("xmlns:x", "urn:x")
			m.CreateAttr("x:Algorithm", m.SelectAttrValue("Algorithm", ""))
		}, "attribute"},
		"another digest": {func(info *etree.Element) {
			info.FindElement("Reference/DigestValue").SetText(base64.StdEncoding.EncodeToString(make([]byte, 32)))
		}, "signature does not verify"},
		"nothing": {func(*etree.Element) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			root := document(t, ours.Respond(t, nil))
			ours.resign(t, root, crypto.SHA256, c.alter)
			if c.why == "" {
				s.accepts(t, encode(t, root))
				return
			}
			s.refuses(t, encode(t, root), c.why)
		})
	}
}

func TestThreatWeakHash(t *testing.T) {
	s := newService(t)
	root := document(t, ours.Respond(t, nil))
	ours.resign(t, root, crypto.SHA1, nil)
	s.refuses(t, encode(t, root), "rsa-sha1")
}

// The key that a signature names is not asked: neither is a foreign one taken
// because it came along, nor does it matter what stands there for our own.
func TestThreatKeyInfo(t *testing.T) {
	s := newService(t)
	s.refuses(t, theirs.Respond(t, nil), "signature does not verify")
	certificate := func(p *provider) string { return base64.StdEncoding.EncodeToString(p.Certificate.Raw) }

	foreign := document(t, theirs.Respond(t, nil))
	for _, e := range foreign.FindElements("//X509Certificate") {
		e.SetText(certificate(ours))
	}
	s.refuses(t, encode(t, foreign), "signature does not verify")

	own := document(t, ours.Respond(t, nil))
	for _, e := range own.FindElements("//X509Certificate") {
		e.SetText(certificate(theirs))
	}
	require.Equal(t, "u-4711", s.accepts(t, encode(t, own)).Subject)
	for _, e := range own.FindElements("//Signature") {
		e.RemoveChild(e.SelectElement("KeyInfo"))
	}
	require.Equal(t, "u-4711", s.accepts(t, encode(t, own)).Subject)
}

func TestThreatWrongAudience(t *testing.T) {
	s := newService(t)
	s.refuses(t, ours.Respond(t, func(a *crewjam.Assertion) {
		a.Conditions.AudienceRestrictions[0].Audience.Value = "https://wiki.example.com"
	}), "audience")
	s.refuses(t, ours.Respond(t, func(a *crewjam.Assertion) {
		a.Subject.SubjectConfirmations[0].SubjectConfirmationData.Recipient = "https://wiki.example.com/acs"
	}), "recipient")
}

func TestThreatWrongTime(t *testing.T) {
	s := newService(t)
	token := ours.Respond(t, nil) // from 11:57:00 until 12:01:30, and three minutes on either side
	for at, why := range map[time.Duration]string{
		-3*time.Minute - time.Second:                 "not valid yet",
		-3 * time.Minute:                             "",
		90*time.Second + 3*time.Minute - time.Second: "",
		90*time.Second + 3*time.Minute:               "expired",
		24 * time.Hour:                               "expired",
		-24 * time.Hour:                              "not valid yet",
	} {
		s.now = noon.Add(at)
		if why == "" {
			s.accepts(t, token)
		} else {
			s.refuses(t, token, why)
		}
	}
}

// An assertion is used at STS once, or within one identity pool until it ends.
func TestThreatReplay(t *testing.T) {
	const pool, other = "us-east-1:11111111-1111-1111-1111-111111111111", "us-east-1:22222222-2222-2222-2222-222222222222"
	for name, c := range map[string]struct {
		uses []string
		last bool // the last use is refused
	}{
		"once at STS":             {[]string{""}, false},
		"twice at STS":            {[]string{"", ""}, true},
		"both calls of a pool":    {[]string{pool, pool}, false},
		"a pool, again and again": {[]string{pool, pool, pool}, false},
		"a pool and another":      {[]string{pool, other}, true},
		"a pool and STS":          {[]string{pool, ""}, true},
		"STS and a pool":          {[]string{"", pool}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			token := ours.Respond(t, nil)
			for i, pool := range c.uses {
				err := s.Spend(t.Context(), s.accepts(t, token), pool)
				if c.last && i == len(c.uses)-1 {
					require.EqualError(t, err, "NotAuthorizedException: Token is inactive")
				} else {
					require.NoError(t, err)
				}
			}
			require.NoError(t, s.Spend(t.Context(), s.accepts(t, ours.Respond(t, nil)), ""), "another assertion")
		})
	}
}

// The memory of an assertion lasts as long as any replica takes it, and no
// longer: whose clock is ahead may be the one that sweeps.
func TestThreatReplayAfterSweep(t *testing.T) {
	store := identity.NewMemory()
	now := noon
	v, err := saml.NewVerifier(registered(t), saml.Options{Store: store, Now: func() time.Time { return now }})
	require.NoError(t, err)
	login, err := v.Verify(t.Context(), ours.Respond(t, nil), nil)
	require.NoError(t, err)
	require.NoError(t, v.Spend(t.Context(), login, ""))
	over := noon.Add(90*time.Second + 3*time.Minute + identity.MaxClockSkew)
	n, err := store.Sweep(t.Context(), over.Add(-time.Second))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = store.Sweep(t.Context(), over)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// Two providers of the account with the metadata of one identity provider have
// one memory.
func TestThreatReplayAtAnotherProvider(t *testing.T) {
	store := identity.NewMemory()
	clock := func() time.Time { return noon }
	token := ours.Respond(t, nil)
	for i, name := range []string{arn, arn + "2"} {
		p := registered(t)
		p.ARN = name
		v, err := saml.NewVerifier(p, saml.Options{Store: store, Now: clock})
		require.NoError(t, err)
		login, err := v.Verify(t.Context(), token, nil)
		require.NoError(t, err)
		require.Equal(t, i == 0, v.Spend(t.Context(), login, "") == nil)
	}
}

func TestSpendTakesNoOtherLogins(t *testing.T) {
	s := newService(t)
	for _, l := range []*identity.Login{{}, {Provider: arn}, {Provider: arn, ID: "a"}, {Provider: "accounts.google.com", ID: "a", Expires: noon}} {
		require.Error(t, s.Spend(t.Context(), l, ""))
	}
}

// Names that Go's decoder and encoder have disagreed on, in a part that nobody
// signed. Source: CVE-2020-29509, CVE-2020-29510, CVE-2020-29511.
func TestThreatRoundTripOfXML(t *testing.T) {
	s := newService(t)
	src, err := base64.StdEncoding.DecodeString(ours.Respond(t, nil))
	require.NoError(t, err)
	for _, odd := range []string{
		`<x::y/>`, `<:x/>`, `<x: xmlns:x="urn:x"/>`, `<x xmlns:="urn:x"/>`, `<x ::attr="x"/>`, `<x :attr="x"/>`, `<x xmlns:xml="urn:x" xml:a=""/>`,
	} {
		altered := bytes.Replace(src, []byte("</samlp:Status>"), []byte(odd+"</samlp:Status>"), 1)
		s.refuses(t, base64.StdEncoding.EncodeToString(altered), "invalid XML")
	}
	// This passes the parser, and would not a second time.
	altered := bytes.Replace(src, []byte("</samlp:Status>"), []byte(`<samlp:8/></samlp:Status>`), 1)
	s.refuses(t, base64.StdEncoding.EncodeToString(altered), "ambiguous XML")
}

// FuzzResponse holds that nothing makes the verifier panic, and that what it
// takes names whom the provider named: nobody but u-4711. It splices bytes into
// a response, or into one of the eight wrapped ones, since the key that signs
// is another in each process.
func FuzzResponse(f *testing.F) {
	token := ours.Respond(f, nil)
	layouts := [][]byte{}
	for _, name := range append([]string{""}, slices.Sorted(maps.Keys(wrappings))...) {
		root := document(f, token)
		if wrap := wrappings[name]; wrap != nil {
			wrap(root)
		}
		src, err := base64.StdEncoding.DecodeString(encode(f, root))
		require.NoError(f, err)
		layouts = append(layouts, src)
	}
	f.Add(uint8(0), uint16(0), uint16(0), []byte(""))
	f.Add(uint8(0), uint16(3000), uint16(1), []byte("<!---->"))
	f.Add(uint8(0), uint16(0), uint16(20000), []byte(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Version="2.0"/>`))
	f.Add(uint8(4), uint16(200), uint16(300), []byte(`ID="x"`))
	s := newService(f)
	f.Fuzz(func(t *testing.T, layout uint8, at, cut uint16, text []byte) {
		src := layouts[int(layout)%len(layouts)]
		from := int(at) % len(src)
		to := min(from+int(cut), len(src))
		altered := slices.Concat(src[:from], text, src[to:])
		login, err := s.Verify(t.Context(), base64.StdEncoding.EncodeToString(altered), nil)
		if err != nil {
			require.Nil(t, login)
			require.Equal(t, identity.NotAuthorized, identity.CodeOf(err))
			return
		}
		require.Equal(t, "u-4711", login.Subject)
		require.Equal(t, []any{"staff", "night"}, login.Claims["groups"])
		require.Equal(t, recipient, login.Audience)
	})
}

// FuzzRoundTrip holds that what is taken as XML is the same document after it
// was written and read.
func FuzzRoundTrip(f *testing.F) {
	src, err := base64.StdEncoding.DecodeString(ours.Respond(f, nil))
	require.NoError(f, err)
	f.Add(src)
	f.Add([]byte(`<a xmlns="urn:a" xmlns:b="urn:b"><b:c b:d="&lt;&#xD;">&#x9;x</b:c></a>`))
	f.Fuzz(func(t *testing.T, src []byte) {
		root, err := saml.Parse(src)
		if err != nil {
			return
		}
		first, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(root.Copy())
		if err != nil {
			return // a prefix that nothing declares
		}
		again, err := saml.Parse(first)
		require.NoError(t, err)
		second, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}

// FuzzMetadata holds that no metadata makes NewVerifier panic, and that none is
// taken without a certificate.
func FuzzMetadata(f *testing.F) {
	f.Add(ours.Descriptor(f))
	f.Add([]byte(`<EntityDescriptor entityID="x"><IDPSSODescriptor/></EntityDescriptor>`))
	f.Fuzz(func(t *testing.T, src []byte) {
		p := registered(t)
		p.Metadata = src
		v, err := saml.NewVerifier(p, saml.Options{Store: identity.NewMemory(), Now: time.Now})
		if err == nil {
			require.Contains(t, string(src), "X509Certificate")
			_, err = v.Verify(t.Context(), "", nil)
			require.Error(t, err)
		}
	})
}
