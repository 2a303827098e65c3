package bundle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// withInline loads a bundle whose role R has an inline policy, as it stands in
// roles/R.yaml.
func withInline(t *testing.T, text string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(files(map[string]string{
		"rowan.yaml": "account: \"111122223333\"\nregion: us-east-1\n", "roles/R.yaml": text,
	}), "b", conditions.AWS())
	require.NoError(t, err, text)
	return b
}

// mended takes all fixes of roles/R.yaml, and those that then are.
func mended(t *testing.T, text string) (out string, taken int) {
	t.Helper()
	for range 20 {
		var fixes []*lint.Fix
		for _, f := range withInline(t, text).Lint(nil) {
			if f.Fix != nil {
				require.Equal(t, "b/roles/R.yaml", f.Name)
				fixes = append(fixes, f.Fix)
			}
		}
		fixed, n, err := lint.Apply([]byte(text), fixes)
		require.NoError(t, err)
		if n == 0 {
			return text, taken
		}
		text, taken = string(fixed), taken+n
	}
	require.Fail(t, "there is no end of fixes", text)
	return "", 0
}

// TestFixesWithinYAML: the examples of lint are mended within a YAML file as they
// are in a file of their own, however they are written there.
func TestFixesWithinYAML(t *testing.T) {
	all, err := filepath.Glob("../testdata/lint/*/fixed.json")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, file := range all {
		code := filepath.Base(filepath.Dir(file))
		if code == "missing-version" {
			continue // within YAML it is no finding
		}
		bad, err := os.ReadFile(filepath.Join(filepath.Dir(file), "bad.json"))
		require.NoError(t, err)
		if code == "leading-keys-quantifier" { // a bundle refuses one that has none at all
			bad = bytes.Replace(bad, []byte(`"StringEquals"`), []byte(`"ForAnyValue:StringEquals"`), 1)
		}
		good, err := os.ReadFile(file)
		require.NoError(t, err)
		want, err := policy.Parse("fixed.json", good)
		require.NoError(t, err)
		var tree yaml.Node
		require.NoError(t, yaml.Unmarshal(bad, &tree))
		unstyled(&tree)
		var block bytes.Buffer
		require.NoError(t, yaml.NewEncoder(&block).Encode(&tree))
		at := "inline:\n  P:"
		if code == "redundant-principal" { // of a trust policy
			at = "trust:"
		}
		for form, text := range map[string]string{"flow": string(bad), "block": block.String()} {
			t.Run(code+"/"+form, func(t *testing.T) {
				out, taken := mended(t, at+"\n    "+strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")+"\n")
				require.Positive(t, taken)
				role, ok := withInline(t, out).Role("R")
				require.True(t, ok)
				docs, _ := role.Documents()
				if d := role.TrustDocument(); d != nil {
					docs = []*policy.Document{d}
				}
				require.Equal(t, string(want.Print()), string(docs[0].Print()), out)
			})
		}
	}
}

func unstyled(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		unstyled(c)
	}
}

// TestFixesKeepYAML: what a fix does not change stays as it is written, and what
// cannot be mended so has no fix.
func TestFixesKeepYAML(t *testing.T) {
	for name, x := range map[string]struct{ text, want string }{
		"comments, and a name without quotes": {`
inline:
  Own:
    Version: "2012-10-17"   # as ever
    Statement:
      - Effect: Allow       # rows
        Action: [dynamodb:GetItem]
        Resource: "*"
        Condition:
          # whose
          ForAnyValue:StringEquals: {"dynamodb:LeadingKeys": "x"}
`, `
inline:
  Own:
    Version: "2012-10-17"   # as ever
    Statement:
      - Effect: Allow       # rows
        Action: [dynamodb:GetItem]
        Resource: "*"
        Condition:
          # whose
          "Null": {"dynamodb:LeadingKeys": "false"}
          "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "x"}
`},
		"a Null that is there": {`
inline: {Own: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 'dynamodb:GetItem', Resource: '*', Condition: {'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': é}, Null: {'aws:SourceIp': true}}}]}}
`, `
inline: {Own: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 'dynamodb:GetItem', Resource: '*', Condition: {'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': é}, Null: {"dynamodb:LeadingKeys": "false", 'aws:SourceIp': true}}}]}}
`},
		"the last of a list": {`
inline: {Own: {Statement: [{Effect: Allow, Action: [s3:*, 's3:GetObject'], Resource: ["*"]}]}}
`, `
inline: {Own: {Statement: [{Effect: Allow, Action: [s3:*], Resource: ["*"]}]}}
`},
		"of a list of lines": {`
inline:
  Own:
    Statement:
    - Effect: Allow
      Action:
      - s3:GetObject
      - s3:*
      Resource: "*"
`, `
inline:
  Own:
    Statement:
    - Effect: Allow
      Action:
      - s3:*
      Resource: "*"
`},
		"a remark on what would go": {`
inline:
  Own:
    Statement:
    - Effect: Allow
      Action:
      - s3:GetObject   # needed by the shop
      - s3:*
      Resource: "*"
`, ""},
		"a text of several lines": {`
inline:
  Own:
    Statement:
    - Effect: Allow
      Action: s3:GetObject
      Resource: "*"
      Condition:
        IpAddress:
          aws:SourceIp: >-
            8.8.8.8/16
`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, taken := mended(t, x.text)
			if x.want == "" {
				require.Zero(t, taken, out)
				return
			}
			require.Positive(t, taken)
			require.Equal(t, x.want, out)
		})
	}
}

// TestFixesAreBounded: a large file with many findings takes no longer than one
// may wait, and has fixes to begin with.
func TestFixesAreBounded(t *testing.T) {
	text := "# " + strings.Repeat("x", 200_000) + "\ninline: {P: {Statement: [{Effect: Allow, Action: [s3:*" +
		strings.Repeat(", s3:GetObject", 200) + "], Resource: \"*\"}]}}\n"
	fixes, all := 0, withInline(t, text).Lint(nil)
	for _, f := range all {
		if f.Fix != nil {
			fixes++
		}
	}
	require.GreaterOrEqual(t, len(all), 200)
	require.Positive(t, fixes)
	require.Less(t, fixes, 50)
}
