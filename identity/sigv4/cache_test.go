package sigv4

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCacheIsBounded fills a cache with what strangers and clients may send.
func TestCacheIsBounded(t *testing.T) {
	c, now := newCache(10), time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for i := range 4 * maxLists {
		for _, unknown := range []bool{false, true} {
			a := authorization{unknown: unknown, time: now}
			require.True(t, a.client.parse(fmt.Sprintf("AKID%d/20261123/us-east-1/sts/aws4_request", i)))
			before := c.dummies[a.scope]
			k := c.key(&a, dummySecret, now.Add(-time.Minute))
			if unknown && before != nil {
				require.Same(t, before, k)
			}
		}
		var list headerList
		require.Nil(t, list.parse(fmt.Sprintf("a%d;host", i)))
		c.putList(&list)
		require.LessOrEqual(t, len(c.young)+len(c.old), 10)
		require.LessOrEqual(t, len(c.lists), maxLists)
		require.Len(t, c.dummies, 1)
	}
	var long headerList
	require.Nil(t, long.parse(strings.Repeat("a", 120)+";"+strings.Repeat("b", 120)+";host"))
	c.putList(&long)
	_, kept := c.find("", long.text)
	require.Equal(t, long.text, kept.text)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("header-%04d", i))
	}
	require.Nil(t, long.parse(strings.Join(names, ";")))
	c.putList(&long)
	_, kept = c.find("", long.text)
	require.True(t, kept == nil)
}
