package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy/lint"
)

// TestTableOfCodes holds the tables of docs/lint.md to the rules and to the issue
// codes that none of them finds. With -update they are written anew.
func TestTableOfCodes(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Code | Level | Found is | Why it matters | IAM Access Analyzer |\n|---|---|---|---|---|\n")
	for _, r := range lint.Rules() {
		found, ok := lint.Find(r.Code)
		require.True(t, ok)
		require.Equal(t, r, found)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.Code, r.Severity, r.Summary, r.Why, strings.Join(r.Analyzer, ", "))
	}
	b.WriteString("\n## What IAM Access Analyzer finds and this does not\n\n")
	b.WriteString("All other issue codes of its reference have a policy in `testdata/analyzer.json` that is found here.\n\n")
	b.WriteString(notAnalyzed(t))
	file := filepath.Join("..", "..", "docs", "lint.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(text), "| Code |")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(head+b.String()), 0o644))
		return
	}
	require.Equal(t, head+b.String(), string(text))
	_, ok := lint.Find("nothing")
	require.False(t, ok)
}
