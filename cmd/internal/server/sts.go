package server

import (
	"bytes"
	"errors"
	"io"

	"github.com/rowan-authz/rowan/identity"
)

// stsCredentials are temporary credentials as STS names their parts. The
// secret is revealed here, on its way to who asked for it.
type stsCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func newSTSCredentials(c *identity.Credentials) stsCredentials {
	return stsCredentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: string(c.Secret.Reveal()),
		SessionToken: c.Token, Expiration: iso(c.Expires),
	}
}

type stsUser struct {
	ARN           string `xml:"Arn"`
	AssumedRoleID string `xml:"AssumedRoleId"`
}

// assumed is what every AssumeRole… answers.
type assumed struct {
	User             stsUser        `xml:"AssumedRoleUser"`
	Credentials      stsCredentials `xml:"Credentials"`
	PackedPolicySize int            `xml:"PackedPolicySize,omitempty"`
	SourceIdentity   string         `xml:"SourceIdentity,omitempty"`
}

func newAssumed(r *identity.AssumedRole) assumed {
	return assumed{
		User:        stsUser{r.AssumedRoleARN, r.AssumedRoleID},
		Credentials: newSTSCredentials(&r.Credentials), PackedPolicySize: r.PackedPolicySize, SourceIdentity: r.SourceIdentity,
	}
}

func (x *exchange) assumeRoleWithWebIdentity(p params) {
	duration, err := x.admitDuration(p)
	if err != nil {
		x.fail(err)
		return
	}
	out, err := x.Pools.AssumeRoleWithWebIdentity(x.r.Context(), &identity.AssumeRoleWithWebIdentityInput{
		RoleARN: p.get("RoleArn"), RoleSessionName: p.get("RoleSessionName"), Token: p.get("WebIdentityToken"),
		ProviderID: p.get("ProviderId"), PolicyARNs: p.list("PolicyArns"), Policy: p.get("Policy"), DurationSeconds: duration,
	})
	if err != nil {
		x.fail(err)
		return
	}
	x.replyXML(struct {
		assumed
		Subject  string `xml:"SubjectFromWebIdentityToken"`
		Audience string
		Provider string
	}{newAssumed(&out.AssumedRole), out.SubjectFromWebIdentityToken, out.Audience, out.Provider})
}

func (x *exchange) assumeRoleWithSAML(p params) {
	duration, err := x.admitDuration(p)
	if err != nil {
		x.fail(err)
		return
	}
	out, err := x.Pools.AssumeRoleWithSAML(x.r.Context(), &identity.AssumeRoleWithSAMLInput{
		RoleARN: p.get("RoleArn"), PrincipalARN: p.get("PrincipalArn"), Assertion: p.get("SAMLAssertion"),
		PolicyARNs: p.list("PolicyArns"), Policy: p.get("Policy"), DurationSeconds: duration,
	})
	if err != nil {
		x.fail(err)
		return
	}
	x.replyXML(struct {
		assumed
		Subject       string
		SubjectType   string
		Issuer        string
		Audience      string
		NameQualifier string
	}{newAssumed(&out.AssumedRole), out.Subject, out.SubjectType, out.Issuer, out.Audience, out.NameQualifier})
}

// admitDuration counts the call and reads how long the session is to last.
func (x *exchange) admitDuration(p params) (*int64, error) {
	if err := x.admit(); err != nil {
		return nil, err
	}
	return p.seconds("DurationSeconds")
}

// getCallerIdentity says who signed. It needs no permission, and no policy can
// deny it. Source: AWS STS API reference, GetCallerIdentity.
func (x *exchange) getCallerIdentity() {
	caller, _, err := x.authenticate("sts")
	if err != nil {
		x.fail(err)
		return
	}
	id, _ := caller.Session.Value("aws:userid")
	if len(id) != 1 {
		x.fail(internal(errors.New("a caller without aws:userid")))
		return
	}
	x.replyXML(struct {
		ARN     string `xml:"Arn"`
		UserID  string `xml:"UserId"`
		Account string
	}{caller.Principal.String(), id[0], caller.Principal.Account()})
}

// replay is a body that was read once already.
func replay(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
