package identity

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// readCases reads a corpus of testdata/roles.
func readCases[T any](t *testing.T, file string) []T {
	t.Helper()
	src, err := os.ReadFile("../testdata/roles/" + file)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber() // as tokens are read
	d.DisallowUnknownFields()
	var out []T
	require.NoError(t, d.Decode(&out))
	require.NotEmpty(t, out)
	return out
}

func TestRuleMatchesCorpus(t *testing.T) {
	type match struct {
		Name, Source string
		Claims       oidc.Claims
		Rule         RoleRule
		Want         bool
	}
	for _, c := range readCases[match](t, "matching.json") {
		t.Run(c.Name, func(t *testing.T) {
			got, why := c.Rule.matches(c.Claims)
			require.Equal(t, c.Want, got, why)
			require.NotEmpty(t, why)
		})
	}
}

func TestChooseRoleCorpus(t *testing.T) {
	type mapping struct {
		Type, Ambiguous string
		Rules           []RoleRule
	}
	type selection struct {
		Name, Source  string
		Pool          struct{ Authenticated, Unauthenticated string }
		CustomRoleARN string
		Logins        []struct {
			Kind    ProviderKind
			Claims  oidc.Claims
			Mapping *mapping
		}
		Want string
	}
	for _, c := range readCases[selection](t, "selection.json") {
		t.Run(c.Name, func(t *testing.T) {
			var proofs []proof
			for _, l := range c.Logins {
				f := proof{kind: l.Kind, login: &Login{Claims: l.Claims}}
				if l.Kind != DeveloperProvider {
					f.provider = &PoolProvider{Kind: l.Kind}
				}
				if l.Mapping != nil {
					f.provider.Roles = RoleMapping{Type: l.Mapping.Type, Ambiguous: l.Mapping.Ambiguous, Rules: l.Mapping.Rules}
				}
				proofs = append(proofs, f)
			}
			pool := &PoolConfig{Authenticated: c.Pool.Authenticated, Unauthenticated: c.Pool.Unauthenticated}
			got := chooseRole(pool, proofs, c.CustomRoleARN)
			require.NotEmpty(t, got.reason)
			if !strings.HasPrefix(c.Want, "arn:") {
				require.Equal(t, Code(c.Want), CodeOf(got.err), got.reason)
				require.Empty(t, got.role)
				return
			}
			require.Nil(t, got.err)
			require.Equal(t, c.Want, got.role, got.reason)
		})
	}
}

func TestMapTagsCorpus(t *testing.T) {
	type tagging struct {
		Name, Source, Subject string
		Kind                  ProviderKind
		Claims                oidc.Claims
		Tags, Want            any
	}
	for _, c := range readCases[tagging](t, "tags.json") {
		t.Run(c.Name, func(t *testing.T) {
			mapping := PrincipalTags{Defaults: c.Tags == "defaults"}
			if m, ok := c.Tags.(map[string]any); ok {
				for _, key := range slices.Sorted(maps.Keys(m)) {
					mapping.Claims = append(mapping.Claims, TagClaim{key, m[key].(string)})
				}
			}
			f := proof{kind: c.Kind, login: &Login{Subject: c.Subject, Claims: c.Claims}, provider: &PoolProvider{Kind: c.Kind, PrincipalTags: mapping}}
			tags, traces, err := mapTags(nil, []proof{f})
			require.Len(t, traces, len(mapping.claims(c.Kind)))
			if code, refused := c.Want.(string); refused {
				require.Equal(t, Code(code), CodeOf(err))
				require.Empty(t, tags)
				return
			}
			require.NoError(t, err)
			got := map[string]any{}
			for _, tag := range tags {
				got[tag.Key] = tag.Value
			}
			require.Equal(t, c.Want, got)
		})
	}
}

// TestDeveloperTagsWin wants what a developer says above what claims say.
func TestDeveloperTagsWin(t *testing.T) {
	f := proof{kind: OpenIDProvider, login: &Login{Claims: oidc.Claims{"d": "sales", "t": "red"}}, provider: &PoolProvider{
		PrincipalTags: PrincipalTags{Claims: []TagClaim{{"dept", "d"}, {"team", "t"}}},
	}}
	tags, traces, err := mapTags([]Tag{{"Dept", "dev"}}, []proof{f})
	require.NoError(t, err)
	require.Equal(t, []Tag{{"Dept", "dev"}, {"team", "red"}}, tags)
	require.Equal(t, TagTrace{Tag: "dept", Claim: "d", Value: "sales", Why: "the developer's token sets it"}, traces[1])
}

// TestChooseRoleNeverInvents: whatever the claims, the role is one that the
// pool, its rules, or a user pool's token names.
func TestChooseRoleNeverInvents(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "b", "ab", "r1", "r2"})
	claim := rapid.Custom(func(t *rapid.T) any {
		return rapid.SampledFrom([]any{nil, "a", "b", "ab", true, []any{"a"}, []any{"a", "b"}, []any{}, map[string]any{}, json.Number("1")}).Draw(t, "claim")
	})
	rapid.Check(t, func(t *rapid.T) {
		pool := &PoolConfig{Authenticated: "user", Unauthenticated: "guest"}
		allowed := map[string]bool{"": true, "user": true}
		var proofs []proof
		for range rapid.IntRange(1, 3).Draw(t, "logins") {
			kind := rapid.SampledFrom([]ProviderKind{UserPoolProvider, OpenIDProvider, SocialProvider}).Draw(t, "kind")
			f := proof{kind: kind, provider: &PoolProvider{Kind: kind}, login: &Login{Claims: oidc.Claims{
				"x": claim.Draw(t, "x"), "y": claim.Draw(t, "y"), "cognito:roles": []any{"t1", "t2"}, "cognito:preferred_role": text.Draw(t, "preferred"),
			}}}
			m := &f.provider.Roles
			m.Type = rapid.SampledFrom([]string{"", "Token", "Rules"}).Draw(t, "type")
			m.Ambiguous = rapid.SampledFrom([]string{"AuthenticatedRole", "Deny"}).Draw(t, "ambiguous")
			if m.Type == "Rules" {
				for range rapid.IntRange(1, 4).Draw(t, "rules") {
					r := RoleRule{Claim: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "claim"), Value: text.Draw(t, "value"), Role: rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "role")}
					r.Match = rapid.SampledFrom([]string{"Equals", "NotEqual", "StartsWith", "Contains"}).Draw(t, "match")
					m.Rules = append(m.Rules, r)
					allowed[r.Role] = true
				}
			}
			if kind == UserPoolProvider && m.Type == "Token" {
				allowed["t1"], allowed["t2"] = true, true
			}
			proofs = append(proofs, f)
		}
		custom := rapid.SampledFrom([]string{"", "", "r1", "t1", "user", "guest", "evil"}).Draw(t, "custom")
		got := chooseRole(pool, proofs, custom)
		require.True(t, allowed[got.role], "%s: %s", got.role, got.reason)
		require.Equal(t, got.role == "", got.err != nil)
		if custom != "" && got.role != "" {
			require.Equal(t, custom, got.role, "a role that was asked for or none")
		}
		require.Equal(t, got, chooseRole(pool, proofs, custom), "the same again")
	})
}
