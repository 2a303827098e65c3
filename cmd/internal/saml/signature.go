package saml

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// The algorithms of a signature: one canonical form, nothing below SHA-256.
// Source: identity-protocol §6.5.
const (
	enveloped    = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	exclusiveC14 = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

var (
	signatureMethods = []string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod}
	digestMethods    = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
)

// findAssertion returns the assertion of a response whose layout leaves no
// doubt which one it is, and which signature is its own.
func findAssertion(response *etree.Element) (assertion, signature *etree.Element, err error) {
	ids := map[string]bool{}
	var assertions, signatures []*etree.Element
	var walk func(e *etree.Element) error
	walk = func(e *etree.Element) error {
		for _, a := range e.Attr {
			if !strings.EqualFold(a.Key, "id") {
				continue
			}
			if a.Space != "" || a.Key != "ID" && e.NamespaceURI() != nsSignature {
				return fmt.Errorf("attribute %s: only ID names an element", shown(a.FullKey()))
			}
			if ids[a.Value] {
				return fmt.Errorf("ID %s stands twice", shown(a.Value))
			}
			ids[a.Value] = true
		}
		switch e.Tag { // in whatever namespace
		case "Assertion":
			assertions = append(assertions, e)
		case "Signature":
			signatures = append(signatures, e)
		case "EncryptedAssertion", "EncryptedID", "EncryptedAttribute":
			return errors.New("encrypted assertions are not supported")
		}
		for _, child := range e.ChildElements() {
			if err := walk(child); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(response); err != nil {
		return nil, nil, err
	}
	if assertion, err = one(assertions, "Assertion"); err != nil {
		return nil, nil, err
	}
	if !is(assertion, nsAssertion, "Assertion") || assertion.Parent() != response {
		return nil, nil, errors.New("the assertion is not directly in the response")
	}
	for _, s := range signatures {
		switch {
		case !is(s, nsSignature, "Signature"):
			return nil, nil, errors.New("a Signature that is none")
		case s.Parent() == assertion && signature == nil:
			signature = s
		case s.Parent() == response && len(signatures) <= 2:
			// that of the response, which proves nothing that we read
		default:
			return nil, nil, errors.New("more signatures than one of the assertion and one of the response")
		}
	}
	if signature == nil {
		return nil, nil, fmt.Errorf("%w: the assertion is not signed", oidc.ErrSignature)
	}
	return assertion, signature, nil
}

// checkSignature refuses a signature of another shape than that of SAML: one
// reference, to the assertion that it stands in, in canonical form without the
// signature. Source: SAML V2.0 Core §5.4.
func checkSignature(signature *etree.Element, id string) error {
	if err := unqualified(signature); err != nil {
		return err
	}
	parts, err := children(signature, nsSignature, "SignedInfo", "SignatureValue", "KeyInfo")
	if err != nil {
		return err
	}
	info, err := one(parts["SignedInfo"], "SignedInfo")
	if err != nil {
		return err
	}
	if len(parts["SignatureValue"]) != 1 || len(parts["KeyInfo"]) > 1 {
		return errors.New("want one SignatureValue and at most one KeyInfo")
	}
	if parts, err = children(info, nsSignature, "CanonicalizationMethod", "SignatureMethod", "Reference"); err != nil {
		return err
	}
	if err := algorithm(parts["CanonicalizationMethod"], "CanonicalizationMethod", exclusiveC14); err != nil {
		return err
	}
	if err := algorithm(parts["SignatureMethod"], "SignatureMethod", signatureMethods...); err != nil {
		return err
	}
	reference, err := one(parts["Reference"], "Reference")
	if err != nil {
		return err
	}
	if attribute(reference, "URI") != "#"+id {
		return errors.New("the signature refers to something else than its assertion")
	}
	if parts, err = children(reference, nsSignature, "Transforms", "DigestMethod", "DigestValue"); err != nil {
		return err
	}
	if len(parts["DigestValue"]) != 1 {
		return errors.New("want one DigestValue")
	}
	if err := algorithm(parts["DigestMethod"], "DigestMethod", digestMethods...); err != nil {
		return err
	}
	return checkTransforms(parts["Transforms"])
}

// unqualified refuses attributes with a prefix in a signature. None of its own
// has one, and readers differ on whether a prefix matters.
func unqualified(e *etree.Element) error {
	for _, a := range e.Attr {
		if a.Space != "" && a.Space != "xmlns" {
			return fmt.Errorf("attribute %s in a signature", shown(a.FullKey()))
		}
	}
	for _, child := range e.ChildElements() {
		if err := unqualified(child); err != nil {
			return err
		}
	}
	return nil
}

// algorithm checks an element that names an algorithm and has nothing in it.
func algorithm(list []*etree.Element, name string, allowed ...string) error {
	e, err := one(list, name)
	if err != nil {
		return err
	}
	if len(e.ChildElements()) > 0 {
		return fmt.Errorf("%s with parameters", name)
	}
	if a := attribute(e, "Algorithm"); !slices.Contains(allowed, a) {
		return fmt.Errorf("%s %s is not supported", name, shown(a))
	}
	return nil
}

func checkTransforms(list []*etree.Element) error {
	transforms, err := one(list, "Transforms")
	if err != nil {
		return err
	}
	parts, err := children(transforms, nsSignature, "Transform")
	if err != nil {
		return err
	}
	steps := parts["Transform"]
	if len(steps) != 2 {
		return fmt.Errorf("%d transforms, want the enveloped signature and exclusive canonical form", len(steps))
	}
	if err := algorithm(steps[:1], "Transform", enveloped); err != nil {
		return err
	}
	if a := attribute(steps[1], "Algorithm"); a != exclusiveC14 {
		return fmt.Errorf("second Transform %s is not supported", shown(a))
	}
	parts, err = children(steps[1], exclusiveC14, "InclusiveNamespaces")
	if err != nil {
		return err
	}
	if n := parts["InclusiveNamespaces"]; len(n) > 1 || len(n) == 1 && len(n[0].ChildElements()) > 0 {
		return errors.New("more than one list of inclusive namespaces")
	}
	return nil
}

// verify returns the assertion as its signature covers it: read anew from the
// canonical text, without the signature. One of the certificates must have made
// it; which one the signature itself names does not count.
func verify(response *etree.Element, certificates []*x509.Certificate, now time.Time) (*etree.Element, error) {
	assertion, signature, err := findAssertion(response)
	if err != nil {
		return nil, err
	}
	id := attribute(assertion, "ID")
	if !validID(id) {
		return nil, errors.New("assertion without a proper ID")
	}
	if err := checkSignature(signature, id); err != nil {
		return nil, fmt.Errorf("%w: %w", oidc.ErrSignature, err)
	}
	// The key's name is outside of what is signed. Without it the library takes
	// the one certificate that it is given.
	if k := signature.SelectElement("KeyInfo"); k != nil {
		signature.RemoveChild(k)
	}
	alone, err := detach(assertion)
	if err != nil {
		return nil, err
	}
	for _, c := range certificates {
		v := dsig.ValidationContext{
			CertificateStore: &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}},
			IdAttribute:      "ID",
			Clock:            dsig.NewFakeClockAt(now), // the library's way to be given a time
		}
		covered, e := v.Validate(alone)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		if covered == nil || !is(covered, nsAssertion, "Assertion") || attribute(covered, "ID") != id {
			return nil, fmt.Errorf("%w: it covers something else than the assertion", oidc.ErrSignature)
		}
		return covered, nil
	}
	return nil, fmt.Errorf("%w: %w", oidc.ErrSignature, err)
}

// detach returns a copy of e with the namespaces that are in force where it
// stands.
func detach(e *etree.Element) (*etree.Element, error) {
	outer, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	here, err := outer.SubContext(e)
	if err != nil {
		return nil, err
	}
	return etreeutils.NSDetatch(here, e)
}

// validID reports whether s may be the ID of an assertion: an NCName of ASCII,
// which is what providers make.
func validID(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
