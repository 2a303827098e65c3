package lint_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// analyzerCheck is an issue code of IAM Access Analyzer, with a policy that has
// it and the code that finds it here, or why nothing does.
type analyzerCheck struct {
	Code, Finds, Kind, Why string
	Catalogue              bool
	Policy                 json.RawMessage
	// Text is Policy if that is no JSON.
	Text string
	// RepeatSid is how many characters the first Sid, "S", is to have.
	RepeatSid int
}

func analyzerChecks(t *testing.T) []analyzerCheck {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "analyzer.json"))
	require.NoError(t, err)
	var out []analyzerCheck
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

func (c *analyzerCheck) text() string {
	if c.Text != "" {
		return c.Text
	}
	return strings.Replace(string(c.Policy), `"S"`, `"`+strings.Repeat("S", max(c.RepeatSid, 1))+`"`, 1)
}

// TestAccessAnalyzer holds every issue code to a finding, or to a reason, and
// the codes that rules name to those. The codes are those of the IAM User Guide,
// "Access Analyzer policy check reference", of 2026.
func TestAccessAnalyzer(t *testing.T) {
	finds := map[string][]string{} // by our code
	for _, c := range analyzerChecks(t) {
		t.Run(c.Code, func(t *testing.T) {
			if c.Finds == "" {
				require.NotEmpty(t, c.Why)
				return
			}
			finds[c.Finds] = append(finds[c.Finds], c.Code)
			kind, ok := policy.ParseKind(c.Kind)
			require.True(t, ok || c.Kind == "")
			if !ok {
				kind = policy.Identity
			}
			o := lint.Options{}
			if c.Catalogue {
				o.Catalogue = awsCatalogue(t)
			}
			_, findings := lint.Parse("policy.json", []byte(c.text()), kind, o)
			require.Contains(t, codes(findings), c.Finds)
			for _, f := range findings {
				require.False(t, f.Refused() && f.Code != c.Finds, "%s: %v", f.Code, f.Err)
			}
		})
	}
	for _, r := range lint.Rules() {
		slices.Sort(finds[r.Code])
		require.Equal(t, finds[r.Code], r.Analyzer, r.Code)
	}
}

// notAnalyzed is a table of the issue codes that nothing here finds.
func notAnalyzed(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| Issue code of IAM Access Analyzer | Why it is not looked for |\n|---|---|\n")
	for _, c := range analyzerChecks(t) {
		if c.Why != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", c.Code, c.Why)
		}
	}
	return b.String()
}
