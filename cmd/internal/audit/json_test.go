package audit

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzString holds strings to what encoding/json reads.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a", "é", "\"\\\n\r\t\b\x00\x7f", "\xff\xfe", "\u2028<>&", "\xe2\x28\xa1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		text := appendString(nil, s)
		require.NoError(t, json.Unmarshal(text, &got), "%q", text)
		require.Equal(t, string([]rune(s)), got)
	})
}
