package strictjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		src   string
		taken bool
	}{
		{`{}`, true},
		{` { "a" : [ 1 , -2.5e3 , true , false , null , "x" ] , "b" : { } , "c" : [ ] } `, true},
		{`"text"`, true},
		{`17`, true},
		{`null`, true},
		{`{"a":1}{"b":2}`, false},
		{`{"a":1},`, false},
		{`{"a":1} x`, false},
		{``, false},
		{` `, false},
		{`{"a":1,}`, false},
		{`[1,]`, false},
		{`{a:1}`, false},
		{`{'a':1}`, false},
		{`{"a":01}`, false},
		{`{"a":NaN}`, false},
		{`{"a" 1}`, false},
		{`{"a":"` + "\n" + `"}`, false},
		{`{"a":"\x41"}`, false},
		{`// a` + "\n{}", false},
		{"\ufeff{}", false},

		// Names.
		{`{"a":1,"b":2}`, true},
		{`{"a":1,"a":2}`, false},
		{`{"a":1,"\u0061":2}`, false},
		{`{"\u0061":1,"a":2}`, false},
		{`{"a":1,"A":2}`, false},
		{`{"":1}`, true},
		{`{"":1,"":2}`, false},
		{`{"k":1,"` + "\u212a" + `":2}`, false}, // the Kelvin sign
		{`{"s":1,"` + "\u017f" + `":2}`, false}, // the long s
		{`{"s":1,"\u017F":2}`, false},
		{`{"ß":1,"ss":2}`, true}, // no simple folding
		{`{"a\"b":1,"a\\b":2}`, true},
		{`{"a\/b":1,"a/b":2}`, false},
		{`{"a":{"a":1},"b":{"a":1}}`, true},
		{`[{"a":1},{"a":1}]`, true},
		{`{"x":{"a":1,"a":2}}`, false},
		{`{"x":[[{"a":1,"A":2}]]}`, false},
		{`{"x":"{\"a\":1,\"a\":2}"}`, true}, // text, not an object

		// Text.
		{`{"a":"\ud83d\ude00"}`, true},
		{`{"a":"\uD83D\uDE00\uD83D\uDE00"}`, true},
		{`{"a":"\ud83d"}`, false},
		{`{"a":"\ude00"}`, false},
		{`{"a":"\ud83dx"}`, false},
		{`{"a":"\ud83d\n"}`, false},
		{`{"a":"\ud83d\u0041"}`, false},
		{`{"a":"\ud83d\ud83d\ude00"}`, false},
		{`{"a":"\ude00\ud83d"}`, false},
		{`{"\ud800":1}`, false},
		{`["\ud800"]`, false},
		{`{"a":"\\ud83d"}`, true}, // a backslash and letters
		{"{\"a\":\"\xff\"}", false},
		{"{\"a\":\"\xed\xa0\x80\"}", false}, // a surrogate in UTF-8
		{`{"a":"]}{[,:"}`, true},
	} {
		err := strictjson.Check([]byte(c.src), strictjson.Limits{})
		if c.taken {
			require.NoError(t, err, c.src)
		} else {
			require.Error(t, err, c.src)
		}
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	members := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"m%d":0}`, i)
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	long := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for _, c := range []struct {
		name        string
		lim         strictjson.Limits
		taken, over string
	}{
		{"depth", strictjson.Limits{}, nested(16), nested(17)},
		{"depth of objects", strictjson.Limits{Depth: 2}, `{"a":{}}`, `{"a":{"a":{}}}`},
		{"depth, brackets in text", strictjson.Limits{Depth: 1}, `["[[[\"[["]`, `["",[]]`},
		{"depth one", strictjson.Limits{Depth: 1}, nested(1), nested(2)},
		{"members", strictjson.Limits{}, members(200), members(201)},
		{"one member", strictjson.Limits{Members: 1}, `{"a":1}`, `{"a":1,"b":2}`},
		{"bytes", strictjson.Limits{}, long(64 << 10), long(64<<10 + 1)},
		{"two bytes", strictjson.Limits{Bytes: 2}, `{}`, `{ }`},
		{"open brackets", strictjson.Limits{Bytes: 1 << 20}, `[]`, strings.Repeat("[", 1<<19)},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, strictjson.Check([]byte(c.taken), c.lim))
			require.Error(t, strictjson.Check([]byte(c.over), c.lim))
		})
	}
}

func TestObject(t *testing.T) {
	object, err := strictjson.Object([]byte(`{"n":12345678901234567890.0,"a":["x"],"o":{"z":null}}`), strictjson.Limits{})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"n": json.Number("12345678901234567890.0"), "a": []any{"x"}, "o": map[string]any{"z": nil}}, object)
	for _, src := range []string{`null`, `[]`, `"a"`, `1`, `true`, `{"a":1,"A":1}`, ``} {
		_, err := strictjson.Object([]byte(src), strictjson.Limits{})
		require.Error(t, err, src)
	}
}

// Whatever json.Marshal makes of distinct names is taken, and read as it was.
func TestWhatMarshalMakesIsTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.String(), 0, 20, strings.ToUpper).Draw(t, "names")
		object := map[string]any{}
		for _, name := range names {
			if !folded(object, name) {
				object[name] = rapid.String().Draw(t, "value")
			}
		}
		src, err := json.Marshal(object)
		require.NoError(t, err)
		got, err := strictjson.Object(src, strictjson.Limits{})
		require.NoError(t, err)
		require.Equal(t, object, got)
		for name := range object {
			_, err := strictjson.Object(fmt.Appendf(nil, `{%s:0,%s`, quote(t, strings.ToLower(name)), src[1:]), strictjson.Limits{})
			if strings.EqualFold(name, strings.ToLower(name)) {
				require.Error(t, err, "%q once more", name)
			}
		}
	})
}

func folded(object map[string]any, name string) bool {
	for other := range object {
		if strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

func quote(t require.TestingT, s string) []byte {
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return b
}

// FuzzStrictJSON compares with encoding/json: what is taken here is valid there,
// has the same value, and has no two names in one object that are equal under
// case folding.
func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,2.5,-3e4,true,null,"x\u0041\ud83d\ude00"],"b":{"c":"d"}}`, `{"a":1,"A":2}`, `{"s":1,"\u017f":2}`, `[[[[]]]]`, `"\ud800"`,
		"{\"a\":\"\xff\"}", `{"a":1}{"b":2}`, ` [ { } , [ ] ] `, `{"\\":1,"\"":2}`, `{"a"`, `"\u12`, `{"a":"\`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		err := strictjson.Check(src, strictjson.Limits{})
		if err != nil {
			return
		}
		require.True(t, json.Valid(src))
		names(t, lax(src))
		object, err := strictjson.Object(src, strictjson.Limits{})
		var want map[string]any
		if lax(src).Decode(&want) == nil && want != nil {
			require.NoError(t, err)
			require.Equal(t, want, object)
		} else {
			require.Error(t, err)
		}
	})
}

func lax(src []byte) *json.Decoder {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	return dec
}

// names reads one value by tokens and fails for names that are equal.
func names(t *testing.T, dec *json.Decoder) {
	token, err := dec.Token()
	require.NoError(t, err)
	switch token {
	case json.Delim('{'):
		var seen []string
		for dec.More() {
			token, err := dec.Token()
			require.NoError(t, err)
			for _, other := range seen {
				require.False(t, strings.EqualFold(token.(string), other), "%q and %q", token, other)
			}
			seen = append(seen, token.(string))
			names(t, dec)
		}
		_, err = dec.Token()
	case json.Delim('['):
		for dec.More() {
			names(t, dec)
		}
		_, err = dec.Token()
	}
	require.NoError(t, err)
}
