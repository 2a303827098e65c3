package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	crewjam "github.com/crewjam/saml"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/saml/samltest"
)

const (
	samlProvider = "arn:aws:iam::" + providerAccount + ":saml-provider/Corp"
	samlPost     = "https://signin.aws.amazon.com/saml"
)

func newSAMLProvider(t *testing.T) *samltest.Provider {
	t.Helper()
	const attribute = "https://aws.amazon.com/SAML/Attributes/"
	p, err := samltest.New(samltest.Options{
		EntityID: "https://idp.example.com/metadata", Audience: "urn:amazon:webservices", Recipient: samlPost,
		NameID: "u-4711", LoggedIn: time.Now().Add(-time.Minute),
		Attributes: []crewjam.Attribute{
			samltest.Attribute(attribute+"Role", providerRoles+"Other,"+samlProvider, providerRoles+"Corp,"+samlProvider),
			samltest.Attribute(attribute+"RoleSessionName", "alice"),
			samltest.Attribute(attribute+"PrincipalTag:dept", "dev"),
			samltest.Attribute("department", "sales"),
		},
	})
	require.NoError(t, err)
	return p
}

func serveSAML(t *testing.T, p *samltest.Provider) *providerDeployment {
	t.Helper()
	return serveProviders(t, map[string]string{
		"pools/shop.yaml": `
identityPool:
  id: ` + providerPool + `
  authenticated: Shopper
  classicFlow: true
  providers:
    ` + samlProvider + `:
      roles:
        type: rules
        ambiguous: deny
        rules: [{claim: department, match: equals, value: sales, role: Seller}]
      principalTags: {dept: department}
`,
		"providers/Corp.yaml": "saml: {audience: urn:amazon:webservices, recipients: [\"" + samlPost + "\"]}\n",
		"providers/Corp.xml":  string(p.Descriptor(t)),
		"roles/Shopper.yaml":  trust(t, "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", "cognito-identity.amazonaws.com:aud", providerPool),
		"roles/Seller.yaml":   trust(t, "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", "cognito-identity.amazonaws.com:aud", providerPool),
		"roles/Corp.yaml":     trust(t, samlProvider, "sts:AssumeRoleWithSAML", "SAML:aud", samlPost),
		"roles/Closed.yaml":   trust(t, samlProvider, "sts:AssumeRoleWithSAML", "SAML:aud", "https://elsewhere.example.com/saml"),
	})
}

func TestSAMLThroughIdentityPool(t *testing.T) {
	p := newSAMLProvider(t)
	d := serveSAML(t, p)
	id, session, arn := d.enhanced(t, samlProvider, p.Respond(t, nil))
	require.Equal(t, "arn:aws:sts::"+providerAccount+":assumed-role/Seller/CognitoIdentityCredentials", arn)
	require.Equal(t, []string{id}, values(t, d, session, "cognito-identity.amazonaws.com:sub"))
	require.Equal(t, []string{"authenticated", samlProvider}, values(t, d, session, "cognito-identity.amazonaws.com:amr"))
	require.Equal(t, []string{"sales"}, values(t, d, session, "aws:PrincipalTag/dept"))

	again, _, _ := d.enhanced(t, samlProvider, p.Respond(t, nil))
	require.Equal(t, id, again, "the next login of the same user")
	other, _, _ := d.enhanced(t, samlProvider, p.Respond(t, func(a *crewjam.Assertion) { a.Subject.NameID.Value = "u-4712" }))
	require.NotEqual(t, id, other)

	d.refused(t, samlProvider, p.Respond(t, func(a *crewjam.Assertion) {
		a.Conditions.AudienceRestrictions[0].Audience.Value = "https://wiki.example.com"
	}), "Incorrect token audience.")
	d.refused(t, samlProvider, p.Respond(t, func(a *crewjam.Assertion) { a.Issuer.Value = "https://other.example.com" }), "Issuer doesn't match")
	d.refused(t, samlProvider, newSAMLProvider(t).Respond(t, nil), "Couldn't verify signed token.")
	d.refused(t, samlProvider, "PHg+", "Not a valid SAML response.")

	_, err := d.pools().GetOpenIdToken(t.Context(), &cognitoidentity.GetOpenIdTokenInput{
		IdentityId: aws.String(id), Logins: map[string]string{samlProvider: p.Respond(t, nil)},
	})
	require.Error(t, err, "SAML is for the enhanced flow")
}

func TestAssumeRoleWithSAML(t *testing.T) {
	p := newSAMLProvider(t)
	d := serveSAML(t, p)
	in := func(response string) *sts.AssumeRoleWithSAMLInput {
		return &sts.AssumeRoleWithSAMLInput{
			RoleArn: aws.String(providerRoles + "Corp"), PrincipalArn: aws.String(samlProvider), SAMLAssertion: aws.String(response),
		}
	}
	response := p.Respond(t, nil)
	out, err := d.sts().AssumeRoleWithSAML(t.Context(), in(response))
	require.NoError(t, err)
	require.Equal(t, "arn:aws:sts::"+providerAccount+":assumed-role/Corp/alice", *out.AssumedRoleUser.Arn)
	require.Equal(t, []string{"u-4711", "persistent", "https://idp.example.com/metadata", samlPost}, []string{*out.Subject, *out.SubjectType, *out.Issuer, *out.Audience})
	c := out.Credentials
	require.Equal(t, *out.AssumedRoleUser.Arn, d.whoami(t, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	session := d.session(t, *c.AccessKeyId, *c.SessionToken)
	for key, want := range map[string][]string{
		"saml:sub": {"u-4711"}, "saml:sub_type": {"persistent"}, "saml:namequalifier": {*out.NameQualifier},
		"aws:PrincipalTag/dept": {"dev"}, "saml:aud": nil, "saml:iss": nil, "saml:doc": nil,
	} {
		require.Equal(t, want, values(t, d, session, key), key)
	}

	_, err = d.sts().AssumeRoleWithSAML(t.Context(), in(response))
	requireAnswer(t, err, "InvalidIdentityToken", "Token is inactive")
	d.refused(t, samlProvider, response, "Token is inactive")

	pooled := p.Respond(t, nil)
	d.enhanced(t, samlProvider, pooled)
	_, err = d.sts().AssumeRoleWithSAML(t.Context(), in(pooled))
	requireAnswer(t, err, "InvalidIdentityToken", "Token is inactive")

	for name, c := range map[string]struct {
		role   string
		change func(*crewjam.Assertion)
		code   string
	}{
		"role that trusts another recipient": {"Closed", func(a *crewjam.Assertion) {
			a.AttributeStatements[0].Attributes[0] = samltest.Attribute("https://aws.amazon.com/SAML/Attributes/Role", providerRoles+"Closed,"+samlProvider)
		}, "AccessDenied"},
		"role that is not listed": {"Seller", nil, "AccessDenied"},
		"pair with another provider": {"Corp", func(a *crewjam.Assertion) {
			a.AttributeStatements[0].Attributes[0] = samltest.Attribute("https://aws.amazon.com/SAML/Attributes/Role", providerRoles+"Corp,"+samlProvider+"2")
		}, "AccessDenied"},
		"old": {"Corp", func(a *crewjam.Assertion) { a.IssueInstant = a.IssueInstant.Add(-9 * time.Minute) }, "ExpiredTokenException"},
		"another audience": {"Corp", func(a *crewjam.Assertion) {
			a.Conditions.AudienceRestrictions[0].Audience.Value = "https://wiki.example.com"
		}, "IDPRejectedClaim"},
	} {
		i := in(p.Respond(t, c.change))
		i.RoleArn = aws.String(providerRoles + c.role)
		_, err := d.sts().AssumeRoleWithSAML(t.Context(), i)
		requireAnswer(t, err, c.code, "")
		require.Error(t, err, name)
	}
}
