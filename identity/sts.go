package identity

import (
	"context"
	"log/slog"
)

// AssumeRoleWithWebIdentityInput takes a token of a registered issuer, or of
// an identity pool, to a role. Source: identity-protocol §3.2.
type AssumeRoleWithWebIdentityInput struct {
	RoleARN, RoleSessionName string
	// Token is the WebIdentityToken.
	Token string
	// ProviderID is for two legacy providers, which are refused.
	ProviderID string
	// PolicyARNs and Policy are session policies; none and empty mean no limit.
	PolicyARNs []string
	Policy     string
	// DurationSeconds is 900 to 43200; nil means 3600.
	DurationSeconds *int64
}

// AssumeRoleWithWebIdentityOutput is the answer.
type AssumeRoleWithWebIdentityOutput struct {
	AssumedRole
	SubjectFromWebIdentityToken string
	Audience                    string
	Provider                    string
}

// AssumedRole is what both AssumeRole operations answer.
type AssumedRole struct {
	Credentials Credentials
	// AssumedRoleARN is arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION,
	// AssumedRoleID the role's unique id, a colon and the session's name.
	AssumedRoleARN, AssumedRoleID string
	// PackedPolicySize is a percentage; 0 if there are no policies and tags.
	PackedPolicySize int
	SourceIdentity   string
}

// LogValue is the role session alone.
func (a AssumedRole) LogValue() slog.Value { return slog.StringValue(a.AssumedRoleARN) }

// AssumeRoleWithWebIdentity makes credentials of a role for whoever the token
// names, if the role's trust policy agrees. Refusals have the codes of STS.
// Source: identity-protocol §3.2; iam-semantics §4.8.
func (p *Pools) AssumeRoleWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityInput) (*AssumeRoleWithWebIdentityOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}

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
	return nil, Errorf(InternalError, "not yet")
}
