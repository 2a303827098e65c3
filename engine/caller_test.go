package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// TestCallerRequests makes two requests of a caller: each has the session's
// keys, which it cannot override, and none of the other's.
func TestCallerRequests(t *testing.T) {
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:sts::111122223333:assumed-role/Player/alice")
	require.NoError(t, err)
	session := v.NewContext()
	require.NoError(t, p.Describe(session))
	require.NoError(t, session.Set("aws:PrincipalTag/team", "red"))
	d, err := policy.Parse("own", []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
		"Condition": {"StringEquals": {"aws:PrincipalTag/team": "${s3:prefix}"}}}}`))
	require.NoError(t, err)
	own, err := engine.Compile(v, policy.Identity, d)
	require.NoError(t, err)
	caller := &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: own}}

	decide := func(team string) bool {
		r := caller.NewRequest("s3:GetObject", "arn:aws:s3:::bucket/key")
		r.ResourceAccount = "111122223333"
		require.NoError(t, r.Context.Set("s3:prefix", team))
		require.NoError(t, r.Context.Set("aws:PrincipalTag/team", team))
		return caller.Evaluator.Decide(r).Allowed()
	}
	require.True(t, decide("red"))
	require.False(t, decide("blue"), "a request's own tag counts for nothing")
	_, state := caller.NewRequest("s3:GetObject", "*").Context.Value("s3:prefix")
	require.Equal(t, conditions.Absent, state)
}

// TestZeroCallerIsDenied decides a request of a caller that nobody filled.
func TestZeroCallerIsDenied(t *testing.T) {
	var c engine.Caller
	r := c.NewRequest("s3:GetObject", "arn:aws:s3:::bucket/key")
	d := (&engine.Evaluator{}).Decide(r)
	require.False(t, d.Allowed())
	require.Equal(t, engine.NoContext, d.Fault)
}

func TestCallerOfContext(t *testing.T) {
	_, ok := engine.CallerFrom(context.Background())
	require.False(t, ok)
	_, ok = engine.CallerFrom(engine.WithCaller(context.Background(), nil))
	require.False(t, ok)
	c := &engine.Caller{}
	got, ok := engine.CallerFrom(engine.WithCaller(context.Background(), c))
	require.True(t, ok)
	require.Same(t, c, got)
}

// TestSessionKey tells what a session determines from what a request brings.
// Source: iam-semantics §5.3, §5.4.
func TestSessionKey(t *testing.T) {
	for _, key := range []string{
		"aws:PrincipalArn", "aws:PrincipalTag/team", "aws:PrincipalTag/a.b:c", "aws:PrincipalOrgPaths", "aws:userid", "aws:username",
		"aws:TokenIssueTime", "aws:FederatedProvider", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:SourceIdentity",
		"aws:AssumedRoot", "aws:SignInSessionArn", "aws:ChatbotSourceArn", "aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4",
		"cognito-identity.amazonaws.com:sub", "cognito-identity.amazonaws.com:amr", "accounts.google.com:aud", "graph.facebook.com:id", "www.amazon.com:user_id",
		"saml:sub", "saml:namequalifier", "idp.example.com/realms/a:sub", "idp.example.com:8443/realms/a:aud", "localhost:8080:email", "localhost:8080/a:email",
		"idp/realms/a:email", "[::1]:8080:sub", "idp:sub", "idp:aud", "idp:amr",
	} {
		for _, spelt := range []string{key, strings.ToUpper(key), strings.ToLower(key)} {
			require.True(t, engine.SessionKey(spelt), spelt)
		}
		require.Equal(t, !strings.HasPrefix(key, "aws:"), engine.ProviderKey(key), key)
	}
	for _, key := range []string{
		"aws:SourceIp", "aws:ResourceTag/PrincipalArn", "aws:RequestTag/team", "aws:TagKeys", "aws:SourceArn", "aws:SourceAccount", "aws:CurrentTime",
		"dynamodb:LeadingKeys", "s3:ExistingObjectTag/a.b/c:d", "s3:prefix", "kms:EncryptionContext:sub", "sts:RoleSessionName", "idp:email", "noprefix", "", ":",
	} {
		require.False(t, engine.SessionKey(key), key)
		require.False(t, engine.ProviderKey(key), key)
	}
}

// TestEveryProviderKeyIsASessionKey goes through the registry, so that a key
// which it learns is not forgotten here.
func TestEveryProviderKeyIsASessionKey(t *testing.T) {
	services := []string{"aws", "dynamodb", "s3", "sts", "kms"}
	for _, k := range conditions.AWS().Keys() {
		prefix := beforeColon(k.Name)
		require.Equal(t, !slices.Contains(services, prefix), engine.ProviderKey(k.Name), k.Name)
		if strings.HasPrefix(k.Name, "aws:Principal") {
			require.True(t, engine.SessionKey(k.Name), k.Name)
		}
	}
}
