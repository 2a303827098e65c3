package bundle_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// decide asks a bundle's evaluator as a session of a role.
func decide(t *testing.T, b *bundle.Bundle, role, action, resource string, values ...string) engine.Explanation {
	t.Helper()
	e, err := b.Evaluator(role, resource, nil)
	require.NoError(t, err)
	p, err := b.Principal(role, bundle.SessionName)
	require.NoError(t, err)
	c := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(c))
	for i := 0; i < len(values); i += 2 {
		require.NoError(t, c.Set(values[i], values[i+1]))
	}
	account, known, err := b.Owner(resource)
	require.NoError(t, err)
	if !known {
		account = b.Account
	}
	x := e.Explain(&engine.Request{Principal: p, Action: action, Resource: resource, ResourceAccount: account, Context: c})
	require.Equal(t, engine.NoFault, x.Decision.Fault)
	return x
}

// TestEvaluator asks what each part of an evaluator alone decides.
func TestEvaluator(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	const orders = "arn:aws:dynamodb:eu-west-1:012345678901:table/Orders"
	for _, c := range []struct {
		name, role, action, resource string
		values                       []string
		want                         engine.Outcome
		by                           engine.Authority
	}{
		{"identity", "Clerk", "dynamodb:Scan", orders, nil, engine.Allowed, engine.ByIdentity},
		{"service control level", "Shopper", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:012345678901:q", nil, engine.ImplicitDeny, engine.ByServiceControl},
		{"resource policy that covers a pattern", "Clerk", "dynamodb:DeleteItem", orders, nil, engine.ExplicitDeny, engine.ByResource},
		{"table's policy on an index", "Clerk", "dynamodb:DeleteItem", orders + "/index/ByShop", nil, engine.ExplicitDeny, engine.ByResource},
		{"bucket's policy on an object", "Clerk", "s3:GetObject", "arn:aws:s3:::receipts/a", []string{"aws:SecureTransport", "false"}, engine.ExplicitDeny, engine.ByResource},
		{"bucket's policy on a bucket with a longer name", "Clerk", "s3:GetObject", "arn:aws:s3:::receipts2/a", []string{"aws:SecureTransport", "false"}, engine.Allowed, engine.ByIdentity},
		{"cross-account with a grant", "Clerk", "s3:GetObject", "arn:aws:s3:::partner-data/a", nil, engine.Allowed, engine.ByIdentity},
		{"cross-account without a grant", "Clerk", "s3:PutObject", "arn:aws:s3:::partner-data/a", nil, engine.ImplicitDeny, engine.ByResource},
		{"resource control", "Clerk", "s3:PutObjectAcl", "arn:aws:s3:::own/a", nil, engine.ExplicitDeny, engine.ByResourceControl},
		{"resource control of a foreign resource", "Clerk", "s3:PutObjectAcl", "arn:aws:s3:::partner-data/a", nil, engine.ImplicitDeny, engine.ByResource},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := decide(t, b, c.role, c.action, c.resource, c.values...)
			require.Equal(t, c.want, x.Decision.Outcome)
			require.Equal(t, c.by, x.Decision.By)
		})
	}
}

// TestOverlappingResources wants the denies of every policy that covers a resource, and its allows.
func TestOverlappingResources(t *testing.T) {
	statement := func(effect, action string) string {
		return "policy: {Statement: {Effect: " + effect + ", Principal: {AWS: arn:aws:iam::111122223333:role/R}, Action: 's3:" + action + "', Resource: '*'}}\n"
	}
	b := load(t, with(
		"resources/A.yaml", "arn: arn:aws:s3:::a*\n"+statement("Allow", "GetObject"),
		"resources/B.yaml", "arn: arn:aws:s3:::*b\n"+statement("Deny", "PutObject"),
		"resources/C.yaml", "arn: arn:aws:s3:::other\naccount: '222222222222'\n"+statement("Allow", "*"),
		"resources/D.yaml", "arn: arn:aws:s3:::oth*\n"+statement("Allow", "*"),
	))
	require.Equal(t, engine.Allowed, decide(t, b, "R", "s3:GetObject", "arn:aws:s3:::ab/x").Decision.Outcome)
	require.Equal(t, engine.ExplicitDeny, decide(t, b, "R", "s3:PutObject", "arn:aws:s3:::ab/x").Decision.Outcome)
	require.Equal(t, engine.ImplicitDeny, decide(t, b, "R", "s3:PutObject", "arn:aws:s3:::ac/x").Decision.Outcome)

	e1, err := b.Evaluator("R", "arn:aws:s3:::ab/x", nil)
	require.NoError(t, err)
	e2, err := b.Evaluator("R", "arn:aws:s3:::aab/y", nil)
	require.NoError(t, err)
	require.Same(t, e1.Resource, e2.Resource, "compiled once")

	_, err = b.Evaluator("R", "arn:aws:s3:::other/x", nil)
	require.ErrorContains(t, err, "resources/C.yaml and resources/D.yaml both cover arn:aws:s3:::other/x and name different accounts")
	_, err = b.Evaluator("r", "*", nil)
	require.ErrorContains(t, err, `no role "r"`)
	_, err = b.Principal("r", "s")
	require.ErrorContains(t, err, `no role "r"`)
}

// TestSharing wants what is written once compiled once.
func TestSharing(t *testing.T) {
	b := load(t, with("roles/R.yaml", "policies: [P]\nboundary: P\n", "roles/S.yaml", "policies: [P]\nboundary: P\n"))
	r, _ := b.Role("R")
	s, _ := b.Role("S")
	require.Same(t, r.Identity, s.Identity)
	require.Same(t, r.Boundary, s.Boundary)
	require.NotSame(t, r.Identity, r.Boundary)
}

// TestRoleAsResource wants the trust policy of a role to be its resource policy.
func TestRoleAsResource(t *testing.T) {
	const roleR = "arn:aws:iam::111122223333:role/a/R"
	trust := "path: /a/\ntrust: {Statement: {Effect: Allow, Principal: {AWS: " + strings.Replace(roleR, "/a/R", "/S", 1) + "}, Action: sts:AssumeRole}}\npolicies: [P]\n"
	b := load(t, with("roles/R.yaml", trust, "roles/S.yaml", "policies: [P]\n"))
	require.Equal(t, engine.Allowed, decide(t, b, "S", "sts:AssumeRole", roleR).Decision.Outcome)
	require.Equal(t, engine.ImplicitDeny, decide(t, b, "R", "sts:AssumeRole", roleR).Decision.Outcome)
	require.Equal(t, engine.ImplicitDeny, decide(t, b, "S", "sts:AssumeRole", strings.Replace(roleR, "/a/R", "/S", 1)).Decision.Outcome, "no trust policy, so nobody")
	p, err := b.Principal("R", "session")
	require.NoError(t, err)
	c := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(c))
	arn, _ := c.Value("aws:PrincipalArn")
	require.Equal(t, []string{roleR}, arn, "with the role's path")
}

// TestEvaluatorIsShared asks one bundle from many goroutines; the race detector looks on.
func TestEvaluatorIsShared(t *testing.T) {
	deny := "policy: {Statement: {Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*'}}\n"
	b := load(t, with("resources/A.yaml", "arn: arn:aws:s3:::a*\n"+deny, "resources/B.yaml", "arn: arn:aws:s3:::*b\n"+deny, "resources/C.yaml", "arn: arn:aws:s3:::*b?\n"+deny))
	var group sync.WaitGroup
	for _, resource := range []string{"arn:aws:s3:::ab", "arn:aws:s3:::abc", "arn:aws:s3:::ab/x", "arn:aws:s3:::bbb"} {
		for range 4 {
			group.Go(func() {
				e, err := b.Evaluator("R", resource, nil)
				assert.NoError(t, err)
				assert.NotNil(t, e.Resource)
			})
		}
	}
	group.Wait()
}
