package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func checkRoundTrip(t *testing.T, s identity.Store) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	records := []identity.Record{
		{Kind: "k", Key: "full", Group: "g", Value: all, Expires: someTime},
		{Kind: "k", Key: "bare"},
		{Kind: "k", Key: "empty", Value: []byte{}},
	}
	put(t, s, records...)
	view(t, s, func(tx identity.Tx) {
		for _, want := range records {
			got, err := tx.Get(want.Kind, want.Key)
			require.NoError(t, err)
			requireRecord(t, want, got)
		}
	})
}

// requireRecord compares two records; no value and an empty one are the same.
func requireRecord(t *testing.T, want, got identity.Record) {
	t.Helper()
	require.Equal(t, [3]string{want.Kind, want.Key, want.Group}, [3]string{got.Kind, got.Key, got.Group})
	require.Equal(t, string(want.Value), string(got.Value))
	require.Equal(t, want.Expires, got.Expires)
}

func checkMissing(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "k", Key: "here"})
	view(t, s, func(tx identity.Tx) {
		for _, name := range [][2]string{
			{"k", "gone"},
			{"other", "here"},
			{"k", ""},
			{"", "here"},
			{"", ""},
			{"k", "here\x00"},
			{"k", "HERE"},
			{"k", "here "},
			{"K", "here"},
			{"k", strings.Repeat("x", identity.MaxRecordKey+1)},
			{strings.Repeat("x", identity.MaxRecordKind+1), "here"},
		} {
			got, err := tx.Get(name[0], name[1])
			require.ErrorIs(t, err, identity.ErrNoRecord, "%q", name)
			require.Zero(t, got, "%q", name)
		}
		records, err := tx.List("k", "none", "", 10)
		require.NoError(t, err)
		require.Empty(t, records)
	})
}

func checkInsert(t *testing.T, s identity.Store) {
	update(t, s, func(tx identity.Tx) {
		require.NoError(t, tx.Insert(identity.Record{Kind: "k", Key: "a", Value: []byte("one")}))
		require.ErrorIs(t, tx.Insert(identity.Record{Kind: "k", Key: "a", Value: []byte("two")}), identity.ErrRecordExists)
	})
	update(t, s, func(tx identity.Tx) {
		err := tx.Insert(identity.Record{Kind: "k", Key: "a", Group: "elsewhere", Value: []byte("three")})
		require.ErrorIs(t, err, identity.ErrRecordExists)
		require.NoError(t, tx.Insert(identity.Record{Kind: "l", Key: "a", Value: []byte("other kind")}))
	})
	requireValue(t, s, "k", "a", "one")
	requireValue(t, s, "l", "a", "other kind")
	update(t, s, func(tx identity.Tx) {
		require.NoError(t, tx.Delete("k", "a"))
		require.NoError(t, tx.Insert(identity.Record{Kind: "k", Key: "a", Value: []byte("four")}))
	})
	requireValue(t, s, "k", "a", "four")
}

func checkPut(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "k", Key: "a", Group: "g", Value: []byte("one"), Expires: someTime})
	put(t, s, identity.Record{Kind: "k", Key: "b", Group: "g", Value: []byte("stays")})
	want := identity.Record{Kind: "k", Key: "a", Group: "h", Value: []byte("two")}
	put(t, s, want)
	view(t, s, func(tx identity.Tx) {
		got, err := tx.Get("k", "a")
		require.NoError(t, err)
		requireRecord(t, want, got)
		require.Equal(t, []string{"b"}, keysOf(t, tx, "k", "g", 10))
		require.Equal(t, []string{"a"}, keysOf(t, tx, "k", "h", 10))
	})
	require.Zero(t, sweepAll(t.Context(), t, s, someTime.Add(time.Hour)), "the expiry was replaced too")
}

func checkDelete(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "k", Key: "a", Group: "g"}, identity.Record{Kind: "k", Key: "ab", Group: "g"},
		identity.Record{Kind: "l", Key: "a", Group: "g"})
	update(t, s, func(tx identity.Tx) {
		require.NoError(t, tx.Delete("k", "a"))
		require.NoError(t, tx.Delete("k", "a"), "none is no error")
		require.NoError(t, tx.Delete("k", ""))
		require.NoError(t, tx.Delete("", ""))
		require.NoError(t, tx.Delete("k", "\x00"))
	})
	requireNone(t, s, "k", "a")
	requireValue(t, s, "k", "ab", "")
	requireValue(t, s, "l", "a", "")
}

// awkward are names that a collation, an encoding or a quoting might change or
// take for each other, in bytewise order.
var awkward = []string{
	"\x01",
	"\t",
	" ",
	"  ",
	"%",
	"'; DROP TABLE records; --",
	"*",
	"0",
	"10",
	"2",
	"A",
	"A ",
	"B",
	"E\u0301",
	"Z",
	"\\",
	"\\x41",
	"_",
	"a",
	"a\xff",
	"e\u0301",
	"ss",
	"\u00c9",
	"\u00df",
	"\u00e9",
	"\u0130",
	"\u0131",
	"\uff21",
	"\U0001f600",
	"\xfe",
	"\xff",
	"\xff\xff",
}

func checkNames(t *testing.T, s identity.Store) {
	for _, name := range awkward {
		put(t, s, identity.Record{Kind: name, Key: name, Group: name, Value: []byte(name)})
	}
	view(t, s, func(tx identity.Tx) {
		for _, name := range awkward {
			r, err := tx.Get(name, name)
			require.NoError(t, err, "%q", name)
			require.Equal(t, name, string(r.Value))
			require.Equal(t, []string{name}, keysOf(t, tx, name, name, 10), "%q", name)
		}
	})
}

func checkLimits(t *testing.T, s identity.Store) {
	fits := identity.Record{
		Kind:  strings.Repeat("k", identity.MaxRecordKind),
		Key:   strings.Repeat("\xff", identity.MaxRecordKey),
		Group: strings.Repeat("\xfe", identity.MaxRecordGroup),
		Value: make([]byte, identity.MaxRecord),
	}
	for _, refused := range []struct {
		name   string
		change func(*identity.Record)
	}{
		{"no kind", func(r *identity.Record) { r.Kind = "" }},
		{"a long kind", func(r *identity.Record) { r.Kind += "k" }},
		{"NUL in the kind", func(r *identity.Record) { r.Kind = "a\x00b" }},
		{"no key", func(r *identity.Record) { r.Key = "" }},
		{"a long key", func(r *identity.Record) { r.Key += "k" }},
		{"NUL in the key", func(r *identity.Record) { r.Key = "a\x00b" }},
		{"a long group", func(r *identity.Record) { r.Group += "g" }},
		{"a long value", func(r *identity.Record) { r.Value = append(r.Value, 0) }},
		{"an expiry before 1970", func(r *identity.Record) { r.Expires = time.Unix(-1, 0) }},
		{"an expiry after 9999", func(r *identity.Record) { r.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		bad := fits
		refused.change(&bad)
		for _, write := range []func(identity.Tx, identity.Record) error{identity.Tx.Put, identity.Tx.Insert} {
			err := s.Update(t.Context(), func(tx identity.Tx) error { return write(tx, bad) })
			require.ErrorIs(t, err, identity.ErrRecordSize, refused.name)
		}
	}
	put(t, s, fits)
	view(t, s, func(tx identity.Tx) {
		got, err := tx.Get(fits.Kind, fits.Key)
		require.NoError(t, err)
		requireRecord(t, fits, got)
		require.Len(t, keysOf(t, tx, fits.Kind, fits.Group, 10), 1)
	})
}

func checkExpiry(t *testing.T, s identity.Store) {
	for _, expires := range []time.Time{
		time.Unix(0, 0),
		time.Unix(0, 1000),
		someTime,
		someTime.Add(999 * time.Nanosecond),
		someTime.In(time.FixedZone("east", 3*3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		put(t, s, identity.Record{Kind: "k", Key: "a", Expires: expires})
		view(t, s, func(tx identity.Tx) {
			got, err := tx.Get("k", "a")
			require.NoError(t, err)
			require.Equal(t, expires.Truncate(time.Microsecond).UTC(), got.Expires)
		})
	}
}

func checkCopies(t *testing.T, s identity.Store) {
	value := []byte("mine")
	put(t, s, identity.Record{Kind: "k", Key: "a", Group: "g", Value: value})
	value[0] = 'X'
	for range 2 {
		view(t, s, func(tx identity.Tx) {
			got, err := tx.Get("k", "a")
			require.NoError(t, err)
			require.Equal(t, "mine", string(got.Value))
			got.Value[0] = 'Y'
			list, err := tx.List("k", "g", "", 1)
			require.NoError(t, err)
			require.Equal(t, "mine", string(list[0].Value))
			list[0].Value[0] = 'Z'
		})
	}
}

func checkListOrder(t *testing.T, s identity.Store) {
	require.True(t, slices.IsSorted(awkward))
	for _, i := range []int{1, 0} { // odd ones, then even ones: not in the order of insertion
		for ; i < len(awkward); i += 2 {
			put(t, s, identity.Record{Kind: "k", Key: awkward[i], Group: "g", Value: []byte(awkward[i])})
		}
	}
	view(t, s, func(tx identity.Tx) {
		for _, page := range []int{1, 2, 7, len(awkward), 1000} {
			require.Equal(t, awkward, keysOf(t, tx, "k", "g", page), "pages of %d", page)
		}
		for i, after := range awkward {
			records, err := tx.List("k", "g", after, 1)
			require.NoError(t, err)
			if i == len(awkward)-1 {
				require.Empty(t, records)
				continue
			}
			require.Len(t, records, 1)
			require.Equal(t, awkward[i+1], records[0].Key)
			require.Equal(t, awkward[i+1], string(records[0].Value))
		}
		// A key that is not there has its place all the same.
		records, err := tx.List("k", "g", "a\x00", 1)
		require.NoError(t, err)
		require.Equal(t, "a\xff", records[0].Key)
		for _, limit := range []int{0, -1} {
			records, err := tx.List("k", "g", "", limit)
			require.NoError(t, err)
			require.Empty(t, records, "limit %d", limit)
		}
	})
}

func checkListGroups(t *testing.T, s identity.Store) {
	put(t, s,
		identity.Record{Kind: "k", Key: "1", Group: "g"},
		identity.Record{Kind: "k", Key: "2", Group: "gg"},
		identity.Record{Kind: "k", Key: "3", Group: ""},
		identity.Record{Kind: "k", Key: "4", Group: "G"},
		identity.Record{Kind: "k", Key: "5", Group: "g "},
		identity.Record{Kind: "kg", Key: "6", Group: ""},
		identity.Record{Kind: "l", Key: "7", Group: "g"},
		identity.Record{Kind: "k", Key: "8", Group: "g"},
	)
	view(t, s, func(tx identity.Tx) {
		require.Equal(t, []string{"1", "8"}, keysOf(t, tx, "k", "g", 10))
		require.Equal(t, []string{"2"}, keysOf(t, tx, "k", "gg", 10))
		require.Equal(t, []string{"3"}, keysOf(t, tx, "k", "", 10))
		require.Equal(t, []string{"4"}, keysOf(t, tx, "k", "G", 10))
		require.Equal(t, []string{"5"}, keysOf(t, tx, "k", "g ", 10))
		require.Equal(t, []string{"7"}, keysOf(t, tx, "l", "g", 10))
		require.Empty(t, keysOf(t, tx, "l", "", 10))
		require.Empty(t, keysOf(t, tx, "k", "g\x00", 10))
	})
}

// checkListPages reads pages in transactions of their own: what was there all
// along is seen once, whatever is written beside it.
func checkListPages(t *testing.T, s identity.Store) {
	name := func(i int) string { return string([]byte{'a' + byte(i/26), 'a' + byte(i%26)}) }
	for i := range 60 {
		put(t, s, identity.Record{Kind: "k", Key: name(i), Group: "g"})
	}
	var seen []string
	for after, round := "", 0; ; round++ {
		var page []identity.Record
		view(t, s, func(tx identity.Tx) {
			var err error
			page, err = tx.List("k", "g", after, 7)
			require.NoError(t, err)
		})
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			seen = append(seen, r.Key)
		}
		after = page[len(page)-1].Key
		update(t, s, func(tx identity.Tx) {
			require.NoError(t, tx.Delete("k", page[0].Key))                                            // before the place of the reader
			require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "A" + name(round), Group: "g"})) // before it too
			require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: after, Group: "g"}))
			require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "zz" + name(round), Group: "other"}))
		})
	}
	require.Len(t, seen, 60)
	require.True(t, slices.IsSorted(seen))
	require.Len(t, slices.Compact(seen), 60)
}

func checkSweep(t *testing.T, s identity.Store) {
	put(t, s,
		identity.Record{Kind: "k", Key: "long ago", Expires: time.Unix(1, 0)},
		identity.Record{Kind: "k", Key: "just before", Expires: someTime.Add(-time.Microsecond)},
		identity.Record{Kind: "l", Key: "now", Group: "g", Expires: someTime},
		identity.Record{Kind: "k", Key: "just after", Expires: someTime.Add(time.Microsecond)},
		identity.Record{Kind: "k", Key: "never"},
		identity.Record{Kind: "k", Key: "prolonged", Expires: time.Unix(1, 0)},
	)
	put(t, s, identity.Record{Kind: "k", Key: "prolonged", Expires: someTime.Add(time.Hour)})
	requireValue(t, s, "k", "long ago", "") // an expiry hides nothing
	require.Equal(t, 3, sweepAll(t.Context(), t, s, someTime))
	for _, key := range []string{"just after", "never", "prolonged"} {
		requireValue(t, s, "k", key, "")
	}
	requireNone(t, s, "k", "long ago")
	requireNone(t, s, "k", "just before")
	requireNone(t, s, "l", "now")
	view(t, s, func(tx identity.Tx) { require.Empty(t, keysOf(t, tx, "l", "g", 10)) })
	require.Zero(t, sweepAll(t.Context(), t, s, someTime))
	require.Equal(t, 2, sweepAll(t.Context(), t, s, someTime.Add(2*time.Hour)))
	requireValue(t, s, "k", "never", "")
}

func checkSweepBounded(t *testing.T, s identity.Store) {
	const n = identity.MaxSweep + 7
	update(t, s, func(tx identity.Tx) {
		for i := range n {
			key := string([]byte{'k', byte('a' + i>>8), byte('a' + i>>4&15), byte('a' + i&15)})
			require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: key, Expires: someTime}))
		}
	})
	first, err := s.Sweep(t.Context(), someTime)
	require.NoError(t, err)
	require.Positive(t, first)
	require.LessOrEqual(t, first, identity.MaxSweep)
	require.Equal(t, n-first, sweepAll(t.Context(), t, s, someTime))
}
