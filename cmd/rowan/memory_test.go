package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{"134217728\n": 120795948, "max\n": 0, "": 0, "0": 0, "-1": 0, "9223372036854775807": 0, "1e9": 0} {
		limit, ok := parseMemory(text)
		require.Equal(t, want, limit, text)
		require.Equal(t, want > 0, ok, text)
	}
}
