package celop_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions/celop"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// TestDocumentation compiles what the guide shows, and holds its list of
// variables to that of the package.
func TestDocumentation(t *testing.T) {
	guide, err := os.ReadFile("../../docs/cel.md")
	require.NoError(t, err)
	v := vocabulary(t, celop.Config{})
	blocks := regexp.MustCompile("(?s)```(json|cel)\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	expressions := 0
	for _, block := range blocks {
		if block[1] == "json" {
			doc, err := policy.Parse("cel.md", []byte(block[2]))
			require.NoError(t, err)
			_, err = engine.Compile(v, policy.Identity, doc)
			require.NoError(t, err)
			continue
		}
		for line := range strings.Lines(block[2]) {
			mustCompile(t, v, statement("Allow", object{"a": strings.TrimSpace(line)}))
			expressions++
		}
	}
	require.Len(t, blocks, 3)
	require.Equal(t, 9, expressions)

	essay, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	source, err := os.ReadFile("language.go")
	require.NoError(t, err)
	names := regexp.MustCompile(`= "((?:request|principal)\.\w+|context)"\n`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, names, 10)
	for _, name := range names {
		require.Contains(t, string(guide), "\n| `"+name[1]+"` |")
		require.Contains(t, string(essay), "\n//\t"+name[1]+" ")
	}
}
