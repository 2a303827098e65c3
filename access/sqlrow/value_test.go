package sqlrow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
)

// TestValue is what a row has for a key, by what the database holds.
func TestValue(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.FixedZone("", 3600))
	for _, test := range []struct {
		in   sqlrow.Type
		v    any
		want string
	}{
		{sqlrow.Text, nil, "absent"},
		{sqlrow.Text, "ann ", `"ann "`},
		{sqlrow.Text, []byte("ann"), `"ann"`},
		{sqlrow.Text, "", `""`},
		{sqlrow.Text, 7, "unreadable"},
		{sqlrow.Text, new("ann"), "unreadable"},
		{sqlrow.Integer, int64(-7), `"-7"`},
		{sqlrow.Integer, uint64(7), `"7"`},
		{sqlrow.Integer, uint64(1 << 63), "unreadable"},
		{sqlrow.Integer, []byte("7"), `"7"`},
		{sqlrow.Integer, "07", "unreadable"},
		{sqlrow.Integer, 7.0, "unreadable"},
		{sqlrow.Integer, true, "unreadable"},
		{sqlrow.Decimal, "10.500", `"10.5"`},
		{sqlrow.Decimal, "-0.00", `"0"`},
		{sqlrow.Decimal, int64(7), `"7"`},
		{sqlrow.Decimal, "NaN", "unreadable"},
		{sqlrow.Decimal, "1e3", "unreadable"},
		{sqlrow.Decimal, 1.5, "unreadable"},
		{sqlrow.Decimal, "1234567890123456789012345678901", "unreadable"},
		{sqlrow.Decimal, "0.1234567890123456789012345678901", "unreadable"},
		{sqlrow.Bool, true, `"true"`},
		{sqlrow.Bool, int64(0), `"false"`},
		{sqlrow.Bool, int64(2), "unreadable"},
		{sqlrow.Bool, "true", "unreadable"},
		{sqlrow.Bytes, []byte{0, 255}, `"\x00\xff"`},
		{sqlrow.Bytes, []byte(nil), `""`},
		{sqlrow.Timestamp, at, `"2026-03-01T12:00:00.5Z"`},
		{sqlrow.TimestampTZ, at, `"2026-03-01T11:00:00.5Z"`},
		{sqlrow.TimestampTZ, at.Add(1), "unreadable"},
		{sqlrow.TimestampTZ, time.Time{}, "unreadable"},
		{sqlrow.TimestampTZ, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), "unreadable"},
		{sqlrow.TimestampTZ, "2026-03-01", "unreadable"},
		{sqlrow.UUID, "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01", `"6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01"`},
		{sqlrow.UUID, [16]byte{0x6b, 0x1f, 0x3c, 0x52, 0x0d, 0x0e, 0x4c, 0x57, 0x9a, 0x53, 0x0a, 0x8a, 0x4d, 0x6b, 0x8f, 0x01}, `"6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f01"`},
		{sqlrow.UUID, "6B1F3C52-0D0E-4C57-9A53-0A8A4D6B8F01", "unreadable"},
		{sqlrow.UUID, "6b1f3c520d0e4c579a530a8a4d6b8f01", "unreadable"},
		{sqlrow.UUID, "6b1f3c52-0d0e-4c57-9a53-0a8a4d6b8f0g", "unreadable"},
		{sqlrow.TextArray, []string(nil), "absent"},
		{sqlrow.TextArray, []string{}, "[]"},
		{sqlrow.TextArray, []string{"a"}, `"a"`},
		{sqlrow.TextArray, []any{"a", nil}, "unreadable"},
		{sqlrow.TextArray, `["a", "b"]`, `["a" "b"]`},
		{sqlrow.TextArray, []byte(`["a", null]`), "unreadable"},
		{sqlrow.TextArray, `[["a"]]`, "unreadable"},
		{sqlrow.TextArray, `null`, "unreadable"},
		{sqlrow.TextArray, `["\ud800"]`, "unreadable"},
		{sqlrow.TextArray, "[\"\xff\"]", "unreadable"},
		{sqlrow.TextArray, `["a"`, "unreadable"},
		{sqlrow.TextArray, 7, "unreadable"},
	} {
		c := sqlrow.Column{Key: "app:k", Name: "k", Type: test.in}
		v := c.Value(sqlrow.PostgreSQL, test.v)
		require.Equal(t, test.want, v.String(), "%s %#v", test.in, test.v)
	}
}

// TestValueOfSQLite is what differs where any column holds anything.
func TestValueOfSQLite(t *testing.T) {
	for _, test := range []struct {
		in   sqlrow.Type
		v    any
		want string
	}{
		{sqlrow.Text, "ann", `"ann"`},
		{sqlrow.Text, []byte("ann"), "unreadable"},
		{sqlrow.Bytes, "ann", "unreadable"},
		{sqlrow.Bytes, []byte("ann"), `"ann"`},
		{sqlrow.Integer, "7", "unreadable"},
		{sqlrow.Integer, []byte("7"), "unreadable"},
		{sqlrow.Integer, int64(7), `"7"`},
		{sqlrow.Bool, int64(1), `"true"`},
		{sqlrow.Bool, "1", "unreadable"},
		{sqlrow.Decimal, "1.5", "unreadable"},
		{sqlrow.TextArray, `["a"]`, `"a"`},
	} {
		c := sqlrow.Column{Key: "app:k", Name: "k", Type: test.in}
		v := c.Value(sqlrow.SQLite, test.v)
		require.Equal(t, test.want, v.String(), "%s %#v", test.in, test.v)
	}
}
