package identity

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AssumeRoleWithSAMLInput takes a SAML response to a role. The session's name
// stands in the assertion.
type AssumeRoleWithSAMLInput struct {
	RoleARN, PrincipalARN string
	// Assertion is the SAMLAssertion: the response in base64.
	Assertion  string
	PolicyARNs []string
	Policy     string
	// DurationSeconds is 900 to 43200; nil means 3600.
	DurationSeconds *int64
}

// AssumeRoleWithSAMLOutput is the answer.
type AssumeRoleWithSAMLOutput struct {
	AssumedRole
	Subject, SubjectType string
	Issuer, Audience     string
	// NameQualifier is a hash of the issuer, the account and the provider.
	NameQualifier string
}

// AssumeRoleWithSAML makes credentials of a role for whoever the assertion
// names, if the assertion lists the role and the role's trust policy agrees.
func (p *Pools) AssumeRoleWithSAML(ctx context.Context, in *AssumeRoleWithSAMLInput) (*AssumeRoleWithSAMLOutput, error) {
	out, err := p.assumeWithSAML(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "AssumeRoleWithSAML", err)
	}
	return out, nil
}

// The attributes of an assertion that STS reads. Source: IAM User Guide,
// "Configure SAML assertions for the authentication response".
const (
	samlAttribute       = "https://aws.amazon.com/SAML/Attributes/"
	samlRole            = samlAttribute + "Role"
	samlSessionName     = samlAttribute + "RoleSessionName"
	samlSessionDuration = samlAttribute + "SessionDuration"
	samlSourceIdentity  = samlAttribute + "SourceIdentity"
	samlPrincipalTag    = samlAttribute + "PrincipalTag:"
	samlTransitiveTags  = samlAttribute + "TransitiveTagKeys"
)

func (p *Pools) assumeWithSAML(ctx context.Context, in *AssumeRoleWithSAMLInput) (*AssumeRoleWithSAMLOutput, error) {
	var f faults
	f.required("principalArn", in.PrincipalARN, roleRule)
	f.required("samlAssertion", in.Assertion, assertionRule.hidden())
	seconds := f.assumption(in.RoleARN, in.Policy, in.PolicyARNs, in.DurationSeconds)
	if err := f.err(STSValidationError); err != nil {
		return nil, err
	}
	now := p.now()
	if p.options.Account.SAML[in.PrincipalARN] == nil {
		return nil, Errorf(STSInvalidIdentityToken, "No SAML provider %s in the account.", shown(in.PrincipalARN))
	}
	verifier := p.options.Verifiers[in.PrincipalARN]
	login, err := verifier.Verify(ctx, in.Assertion, nil)
	if err != nil {
		return nil, stsRefusal(err)
	}
	if !assertsRole(login, in.RoleARN, in.PrincipalARN) {
		return nil, Errorf(STSAccessDenied, "Not authorized to perform %s", actionSAML).
			Because(fmt.Errorf("the assertion does not list role %s with the provider", shown(in.RoleARN)))
	}
	x, asserted, err := samlFederation(login)
	if err != nil {
		return nil, Errorf(STSInvalidIdentityToken, "The assertion is not valid: %s.", err)
	}
	x.principal = in.PrincipalARN
	if s, ok := verifier.(Spender); ok {
		x.spend = func() error { return s.Spend(ctx, login, "") }
	}
	if asserted > 0 && asserted < seconds {
		seconds = asserted
	}
	if end := login.SessionExpires; !end.IsZero() { // SessionNotOnOrAfter
		if seconds = min(seconds, int64(end.Sub(now)/time.Second)); seconds < 1 {
			return nil, Errorf(STSExpiredToken, "The session of the provider has ended.")
		}
	}
	role, err := p.assume(ctx, in.RoleARN, x, &limits{seconds, in.Policy, in.PolicyARNs}, now)
	if err != nil {
		return nil, err
	}
	return &AssumeRoleWithSAMLOutput{
		AssumedRole: *role, Subject: login.Subject, SubjectType: keyValue(login.Keys, "saml:sub_type"),
		Issuer: login.Issuer, Audience: login.Audience, NameQualifier: p.nameQualifier(login.Issuer, in.PrincipalARN),
	}, nil
}

// assertsRole reports whether the assertion lists the role with the provider
// that signed it: pairs of ARNs in either order. Source: identity-protocol
// §6.5.
func assertsRole(login *Login, role, provider string) bool {
	pairs, _ := login.Claims.Strings(samlRole)
	return slices.ContainsFunc(pairs, func(pair string) bool {
		a, b, _ := strings.Cut(pair, ",")
		a, b = strings.TrimSpace(a), strings.TrimSpace(b)
		return a == role && b == provider || a == provider && b == role
	})
}

// samlFederation reads what an assertion says of the session; seconds are 0 if
// it does not say how long it lasts.
func samlFederation(login *Login) (x *federation, seconds int64, err error) {
	x = &federation{}
	x.action = actionSAML
	x.keys = slices.Concat(login.Keys, login.TrustKeys)
	if x.sessionName, err = oneValue(login, samlSessionName, true); err != nil {
		return nil, 0, err
	}
	if x.sourceIdentity, err = oneValue(login, samlSourceIdentity, false); err != nil {
		return nil, 0, err
	}
	if !sessionName(x.sessionName) || x.sourceIdentity != "" && !sessionName(x.sourceIdentity) {
		return nil, 0, fmt.Errorf("RoleSessionName and SourceIdentity have 2 to 64 characters %s", sessionNameRule.pattern)
	}
	text, err := oneValue(login, samlSessionDuration, false)
	if err != nil {
		return nil, 0, err
	}
	if text != "" {
		if seconds, err = strconv.ParseInt(text, 10, 32); err != nil || seconds < 900 || seconds > 43200 {
			return nil, 0, fmt.Errorf("SessionDuration is not 900 to 43200")
		}
	}
	if err := x.samlTags(login); err != nil {
		return nil, 0, err
	}
	x.session = Session{Subject: login.Subject, Keys: login.Keys, MFA: login.MFA, AuthTime: login.AuthTime.Truncate(time.Second)}
	return x, seconds, nil
}

// samlTags reads the session tags of an assertion.
func (x *federation) samlTags(login *Login) error {
	for _, name := range sortedKeys(login.Claims) {
		key, ok := strings.CutPrefix(name, samlPrincipalTag)
		if !ok {
			continue
		}
		value, err := oneValue(login, name, true)
		if err != nil {
			return err
		}
		x.tags = append(x.tags, Tag{key, value})
	}
	if _, given := login.Claims[samlTransitiveTags]; given {
		var ok bool
		if x.transitive, ok = login.Claims.Strings(samlTransitiveTags); !ok {
			return fmt.Errorf("TransitiveTagKeys are no texts")
		}
	}
	for _, key := range x.transitive {
		if !slices.ContainsFunc(x.tags, func(t Tag) bool { return t.Key == key }) {
			return fmt.Errorf("transitive tag %s is not set", shown(key))
		}
	}
	return checkTags(x.tags)
}

// oneValue returns an attribute that has one value; "" if it is not there and
// need not be.
func oneValue(login *Login, name string, required bool) (string, error) {
	if _, given := login.Claims[name]; !given && !required {
		return "", nil
	}
	values, ok := login.Claims.Strings(name)
	if !ok || len(values) != 1 {
		return "", fmt.Errorf("attribute %s has not one value", shown(name))
	}
	return values[0], nil
}

func keyValue(keys []ContextKey, name string) string {
	for _, k := range keys {
		if k.Name == name && len(k.Values) == 1 {
			return k.Values[0]
		}
	}
	return ""
}

// nameQualifier tells SAML providers apart for whoever sees only the subject.
// Source: AWS STS API reference, AssumeRoleWithSAML, "NameQualifier", which
// says SHA-1; nothing relies on its strength.
func (p *Pools) nameQualifier(issuer, provider string) string {
	name := provider[strings.LastIndexByte(provider, '/')+1:]
	sum := sha1.Sum([]byte(issuer + p.options.Account.ID + "/" + name))
	return base64.StdEncoding.EncodeToString(sum[:])
}
