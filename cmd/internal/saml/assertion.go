package saml

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/beevik/etree"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// skew is how far the provider's clock may be from ours, and fresh how long
// after it was issued an assertion is taken. Sources: identity-protocol §6.5;
// the latter is what STS answers to older ones.
const (
	skew  = 3 * time.Minute
	fresh = 5 * time.Minute
)

const (
	persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	bearer     = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	success    = "urn:oasis:names:tc:SAML:2.0:status:Success"
	entityName = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
)

// expect is what assertions are held to.
type expect struct {
	issuer     string
	audience   string
	recipients []string
	now        time.Time
}

// assertion is what we read of one.
type assertion struct {
	id        string
	subject   string
	recipient string
	// issued is when it was made, expires when it ends: the earliest of what it
	// says in several places, and of fresh.
	issued, expires time.Time
	authenticated   time.Time
	// sessionEnds is when the provider's own session does, zero if it does not
	// say.
	sessionEnds time.Time
	attributes  map[string][]string
}

// checkResponse looks at what stands around the assertion. No signature needs
// to cover it: it can only make a response be refused.
func checkResponse(response *etree.Element, x *expect) error {
	if !is(response, nsProtocol, "Response") {
		return errors.New("no Response of SAML 2.0")
	}
	parts, err := splitResponse(response)
	if err != nil {
		return err
	}
	if attribute(response, "Version") != "2.0" {
		return errors.New("not version 2.0")
	}
	if err := unsolicited(response); err != nil {
		return err
	}
	if d, given := lookup(response, "Destination"); given && !slices.Contains(x.recipients, d) {
		return fmt.Errorf("%w: destination %s", oidc.ErrAudience, shown(d))
	}
	if len(parts.issuers) > 0 {
		if err := checkIssuer(parts.issuers, x); err != nil {
			return err
		}
	}
	code := parts.status.SelectElement("StatusCode")
	if code == nil || !is(code, nsProtocol, "StatusCode") || attribute(code, "Value") != success {
		return errors.New("the provider reports no success")
	}
	return nil
}

// responseParts are the children of a response beside its assertion.
type responseParts struct {
	issuers []*etree.Element
	status  *etree.Element
}

func splitResponse(response *etree.Element) (*responseParts, error) {
	p := &responseParts{}
	for _, e := range response.ChildElements() {
		switch {
		case is(e, nsAssertion, "Issuer"):
			p.issuers = append(p.issuers, e)
		case is(e, nsProtocol, "Status") && p.status == nil:
			p.status = e
		case is(e, nsSignature, "Signature"), is(e, nsAssertion, "Assertion"): // findAssertion has counted them
		default:
			return nil, fmt.Errorf("%s in Response", shown(e.Tag))
		}
	}
	if p.status == nil {
		return nil, errors.New("no Status")
	}
	return p, nil
}

// unsolicited refuses the answer to a request: we have made none, and cannot
// tell whether whoever presents it has. Source: SAML V2.0 Profiles §4.1.4.3,
// §4.1.5.
func unsolicited(e *etree.Element) error {
	if _, given := lookup(e, "InResponseTo"); given {
		return errors.New("InResponseTo: only responses that the provider began are taken")
	}
	return nil
}

// lookup tells an attribute that is empty from one that is not there.
func lookup(e *etree.Element, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value, true
		}
	}
	return "", false
}

func checkIssuer(list []*etree.Element, x *expect) error {
	e, err := one(list, "Issuer")
	if err != nil {
		return err
	}
	name, err := text(e)
	if err != nil {
		return err
	}
	if format, given := lookup(e, "Format"); name != x.issuer || given && format != entityName {
		return fmt.Errorf("%w: %s", oidc.ErrIssuer, shown(name))
	}
	return nil
}

// readAssertion reads and checks the text that the signature covers. Source:
// SAML V2.0 Profiles §4.1.4.2, §4.1.4.3, with the choices of identity-protocol
// §6.5.
func readAssertion(e *etree.Element, x *expect) (*assertion, error) {
	parts, err := children(e, nsAssertion, "Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement")
	if err != nil {
		return nil, err
	}
	a := &assertion{id: attribute(e, "ID"), attributes: map[string][]string{}}
	if attribute(e, "Version") != "2.0" {
		return nil, errors.New("assertion is not of version 2.0")
	}
	if err := checkIssuer(parts["Issuer"], x); err != nil {
		return nil, err
	}
	if a.issued, err = instant(e, "IssueInstant"); err != nil {
		return nil, err
	}
	if err := begun(a.issued, x.now); err != nil {
		return nil, err
	}
	a.expires = a.issued.Add(fresh)
	if err := a.readSubject(parts["Subject"], x); err != nil {
		return nil, err
	}
	if err := a.readConditions(parts["Conditions"], x); err != nil {
		return nil, err
	}
	if err := a.readStatement(parts["AuthnStatement"], x); err != nil {
		return nil, err
	}
	if !x.now.Before(a.expires.Add(skew)) {
		return nil, &oidc.ExpiredError{Now: x.now, Exp: a.expires}
	}
	return a, a.readAttributes(parts["AttributeStatement"])
}

// instant reads a time in UTC.
func instant(e *etree.Element, name string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, attribute(e, name))
	if err != nil || !strings.HasSuffix(attribute(e, name), "Z") {
		return time.Time{}, fmt.Errorf("%s of %s is no time in UTC", name, e.Tag)
	}
	return t, nil
}

// begun refuses what lies in the future.
func begun(t, now time.Time) error {
	if t.After(now.Add(skew)) {
		return fmt.Errorf("%w: %s", oidc.ErrNotYet, t.Format(time.RFC3339))
	}
	return nil
}

// until reads when a part ends, which the whole assertion then does at the
// latest; and when it begins, if it says.
func (a *assertion) until(e *etree.Element, x *expect) error {
	end, err := instant(e, "NotOnOrAfter")
	if err != nil {
		return err
	}
	if end.Before(a.expires) {
		a.expires = end
	}
	if _, given := lookup(e, "NotBefore"); !given {
		return nil
	}
	start, err := instant(e, "NotBefore")
	if err != nil {
		return err
	}
	return begun(start, x.now)
}

func (a *assertion) readSubject(list []*etree.Element, x *expect) error {
	subject, err := one(list, "Subject")
	if err != nil {
		return err
	}
	parts, err := children(subject, nsAssertion, "NameID", "SubjectConfirmation")
	if err != nil {
		return err
	}
	name, err := one(parts["NameID"], "NameID")
	if err != nil {
		return err
	}
	if err := a.readName(name, x); err != nil {
		return err
	}
	confirmation, err := one(parts["SubjectConfirmation"], "SubjectConfirmation")
	if err != nil {
		return err
	}
	if attribute(confirmation, "Method") != bearer {
		return errors.New("the confirmation is not that of a bearer")
	}
	parts, err = children(confirmation, nsAssertion, "SubjectConfirmationData")
	if err != nil {
		return err
	}
	data, err := one(parts["SubjectConfirmationData"], "SubjectConfirmationData")
	if err != nil {
		return err
	}
	if err := unsolicited(data); err != nil {
		return err
	}
	if a.recipient = attribute(data, "Recipient"); !slices.Contains(x.recipients, a.recipient) {
		return fmt.Errorf("%w: recipient %s", oidc.ErrAudience, shown(a.recipient))
	}
	return a.until(data, x)
}

// readName reads who logged in. Only a persistent name is one to remember
// somebody by: a transient one is another each time, and an e-mail address may
// be somebody else's next year. With qualifiers of others it would be a name in
// their books. Sources: identity-protocol §1.5; SAML V2.0 Core §8.3.7.
func (a *assertion) readName(e *etree.Element, x *expect) error {
	if f := attribute(e, "Format"); f != persistent {
		return fmt.Errorf("NameID has the format %s, want %s", shown(f), persistent)
	}
	if q, given := lookup(e, "NameQualifier"); given && q != x.issuer {
		return fmt.Errorf("NameID is qualified by %s", shown(q))
	}
	if q, given := lookup(e, "SPNameQualifier"); given && q != x.audience {
		return fmt.Errorf("NameID is for %s", shown(q))
	}
	name, err := text(e)
	if err != nil {
		return err
	}
	if name == "" || len(name) > 255 || name != strings.TrimSpace(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("NameID is not 1 to 255 bytes without control characters and outer space")
	}
	a.subject = name
	return nil
}

// readConditions reads for whom and until when the assertion is. A condition
// that we do not know makes it invalid, and OneTimeUse cannot be kept where a
// login takes two calls. Source: SAML V2.0 Core §2.5.1.
func (a *assertion) readConditions(list []*etree.Element, x *expect) error {
	conditions, err := one(list, "Conditions")
	if err != nil {
		return err
	}
	parts, err := children(conditions, nsAssertion, "AudienceRestriction", "ProxyRestriction")
	if err != nil {
		return err
	}
	if len(parts["AudienceRestriction"]) == 0 {
		return fmt.Errorf("%w: no audience", oidc.ErrAudience)
	}
	for _, r := range parts["AudienceRestriction"] { // each must hold
		audiences, err := children(r, nsAssertion, "Audience")
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(audiences["Audience"], func(e *etree.Element) bool {
			name, err := text(e)
			return err == nil && name == x.audience
		}) {
			return oidc.ErrAudience
		}
	}
	return a.until(conditions, x)
}

func (a *assertion) readStatement(list []*etree.Element, x *expect) error {
	statement, err := one(list, "AuthnStatement")
	if err != nil {
		return err
	}
	if a.authenticated, err = instant(statement, "AuthnInstant"); err != nil {
		return err
	}
	if err := begun(a.authenticated, x.now); err != nil {
		return err
	}
	if _, given := lookup(statement, "SessionNotOnOrAfter"); !given {
		return nil
	}
	if a.sessionEnds, err = instant(statement, "SessionNotOnOrAfter"); err != nil {
		return err
	}
	if !x.now.Before(a.sessionEnds) {
		return &oidc.ExpiredError{Now: x.now, Exp: a.sessionEnds}
	}
	return nil
}
