package bundle_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// fuzzed are the files that FuzzLoad writes.
var fuzzed = []string{
	"roles/S.yaml", "rowan.yaml", "policies/P.json", "tables/Tab.yaml", "resources/B.yaml", "pools/p.yaml",
	"guardrails/scp/00-a/x.json", "guardrails/rcp/00-a/x.json", "providers/q.yaml", "providers/s.xml", "administrators/a.yaml",
}

// placed wants every fault of an error to name a file of the bundle, and a place that the file has.
func placed(t *testing.T, err error, name string, src []byte) {
	t.Helper()
	var faults policy.Errors
	require.True(t, errors.As(err, &faults), "%v", err)
	require.NotEmpty(t, faults)
	lines := bytes.Split(src, []byte("\n"))
	for _, f := range faults {
		require.True(t, strings.HasPrefix(f.Name, "b/"), "%v", f)
		require.NotEmpty(t, f.Err.Error())
		if f.Name != "b/"+name || f.Pos == (policy.Position{}) {
			continue
		}
		require.LessOrEqual(t, int(f.Pos.Line), len(lines), "%v", f)
		require.LessOrEqual(t, int(f.Pos.Column), len(lines[f.Pos.Line-1])+1, "%v", f)
	}
}

// FuzzLoad reads one strange file among sound ones: no panic, a bundle or faults that have a place,
// and what was loaded decides.
func FuzzLoad(f *testing.F) {
	for i, name := range fuzzed {
		if file, ok := small()[name]; ok {
			f.Add(uint8(i), string(file.Data))
		}
	}
	f.Add(uint8(0), "trust: {Version: 2012-10-17, Statement: {Effect: Allow, Principal: {Federated: a.b}, Action: sts:AssumeRoleWithWebIdentity}}\npolicies: [P]\nboundary: P\ntags: {a: b}\n")
	f.Add(uint8(0), "a: &a [*a]\n<<: *a\n? [x]\n: !!str y\n--- z\n")
	f.Add(uint8(3), "table: abc\npartitionKey: {name: é, type: N}\nsortKey: {name: b}\nindexes: {abc: {partitionKey: {name: c}}}\nsql: {table: t, columns: {a: b}}\n")
	f.Add(uint8(4), "arn: arn:aws:s3:::b*\naccount: \"111122223333\"\npolicy: {Statement: {Effect: Deny, Principal: \"*\", Action: 's3:*', Resource: '*'}}\n")
	f.Add(uint8(5), "identityPool: {id: 'us-east-1:1', authenticated: R, unauthenticated: S, guestServices: [s3], providers: {a.b: {clients: [c], principalTags: {t: c}}}}\n")
	f.Add(uint8(5), "userPool: {id: us-east-1_A, clients: {w: {id: b}}, groups: {g: {role: R, precedence: 1}}}\n")
	f.Add(uint8(5), "userPool: {id: us-east-1_A, mfa: on, aliasAttributes: [email], attributes: {custom:a: {mutable: true}}, password: {minimumLength: 9}, clients: {w: {id: b, lifetimes: {id: 1h}, callbackURLs: 'https://a.b/', scopes: openid, writeAttributes: [custom:a]}}}\n")
	f.Add(uint8(8), "oidc: {issuer: 'https://a.b/c', keys: 'https://a.b/k', clients: [d], algorithms: [ES256]}\n")
	f.Add(uint8(8), "facebook: {appId: '1', endpoint: 'http://localhost/'}\n")
	f.Add(uint8(9), "<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'><X509Certificate/></EntityDescriptor>")
	f.Add(uint8(10), "path: /a/\naccessKeys: AKIAEXAMPLE000000001\nid: AIDAEXAMPLEEXAMPLE22\npolicies: P\nboundary: P\n")
	f.Fuzz(func(t *testing.T, file uint8, text string) {
		name := fuzzed[int(file)%len(fuzzed)]
		b, err := bundle.Load(with("providers/s.yaml", "saml: {audience: a, recipients: https://a.b/c}",
			"providers/s.xml", "<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'><X509Certificate/></EntityDescriptor>",
			name, text+" "), "b", conditions.AWS())
		if err != nil {
			require.Nil(t, b)
			placed(t, err, name, []byte(text+" "))
			return
		}
		b.Lint(nil)
		a, err := b.IdentityAccount()
		require.NoError(t, err)
		require.Len(t, a.Roles, len(b.Roles))
		require.Len(t, b.UserPoolConfigs(), len(b.UserPools))
		for _, r := range b.Roles {
			for _, resource := range []string{"*", "arn:aws:s3:::b/x", r.ARN} {
				e, err := b.Evaluator(r.Name, resource, nil)
				require.NoError(t, err)
				require.NotNil(t, e.Identity)
			}
		}
	})
}

// FuzzSuite reads one strange suite: no panic, suites or faults that have a place, and what was read
// runs, each test with a cell, and prints.
func FuzzSuite(f *testing.F) {
	f.Add(string(small()["tests/a_test.yaml"].Data))
	f.Add(suite("options: {now: 2026-01-01}\ntests:\n- {name: n, as: [r, s], request: {action: dynamodb:Scan, table: Tab}, context: {aws:SourceIp: [10.0.0.1]}, expect: {decision: allowed, statements: [Get], missingContext: []}}\n"))
	f.Add(suite("tests:\n- {name: n, as: r, on: {Tab: [one, two]}, actions: [dynamodb:PutItem, dynamodb:Query], expect: {r/one: {dynamodb:Query: {explicitDeny: ['P#0']}}}}\n"))
	f.Add("suite: é\nidentities: {a: {role: R, identityId: i, authenticated: true, claims: {a: [1]}, tags: {a: b}, context: {aws:SecureTransport: maybe}}}\nrows: {Tab: {r: {id: ~}}}\ntests: [{name: a, as: a, on: {Tab: r}, actions: dynamodb:GetItem, expect: {}}]\n")
	v := conditions.AWS()
	f.Fuzz(func(t *testing.T, text string) {
		b, err := bundle.Load(with("tests/a_test.yaml", text+" "), "b", v)
		require.NoError(t, err, "tests are none of the bundle")
		s, err := b.Suites()
		if err != nil {
			placed(t, err, "tests/a_test.yaml", []byte(text+" "))
			return
		}
		require.Len(t, s, 1)
		cells := 0
		for _, test := range s[0].Tests {
			require.NotEmpty(t, test.Cells)
			cells += len(test.Cells)
		}
		if cells > 1000 {
			return
		}
		r := bundle.Run(b, s, bundle.RunOptions{Now: noon, Coverage: true})
		require.Equal(t, cells, r.Passed+r.Failed)
		require.NoError(t, r.WriteText(io.Discard, true))
		require.NoError(t, r.WriteJSON(io.Discard))
		require.NoError(t, r.WriteJUnit(io.Discard))
		for i := range r.Suites[0].Tests {
			require.NoError(t, r.Suites[0].Tests[i].WriteMatrix(io.Discard, false))
		}
	})
}
