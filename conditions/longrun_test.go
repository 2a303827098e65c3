package conditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestLongRuns matches runs of ? on texts of one byte a code point, and of more.
func TestLongRuns(t *testing.T) {
	run := strings.Repeat("?", 12)
	for _, x := range []struct {
		pattern, text string
		want          bool
	}{
		{"arn:aws:s3:::*b" + run + "c", "arn:aws:s3:::ab" + strings.Repeat("x", 12) + "c", true},
		{"arn:aws:s3:::*b" + run + "c", "arn:aws:s3:::ab" + strings.Repeat("x", 11) + "c", false},
		{"arn:aws:s3:::*b" + run + "c", "arn:aws:s3:::ab" + strings.Repeat("é", 12) + "c", true},
		{"arn:aws:s3:::*b" + run + "c", "arn:aws:s3:::ab" + strings.Repeat("é", 6) + "c", false},
		{"arn:aws:s3:::*b" + run + "c", "arn:aws:s3:::ab" + strings.Repeat("x", 11) + "\xffc", true},
		{"arn:aws:s3:::*b" + run + "c", "arn:aws:s3:::bb" + strings.Repeat("x", 11) + "c", true},
		{"arn:aws:s3:" + run + "::b", "arn:aws:s3:xxxxxxxxxxxx::b", true},
		{"arn:aws:s3:" + run + "::b", "arn:aws:s3:xxxxx:xxxxxx::b", false},
	} {
		p, err := conditions.AWS().CompileResource(x.pattern, true, false)
		require.NoError(t, err)
		require.Equal(t, x.want, p.Match(x.text, nil) == conditions.True, "%s %s", x.pattern, x.text)
		require.Equal(t, strings.Count(x.pattern, "?"), countOnes(&p))
	}
}

func countOnes(p *conditions.Pattern) int {
	n := 0
	for _, token := range p.Tokens() {
		if token.Kind == conditions.TokenOne {
			n++
		}
	}
	return n
}
