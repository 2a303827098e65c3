package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// TestPositions finds every node where it stands: lines and columns from 1,
// columns in bytes, whatever ends a line or indents it.
func TestPositions(t *testing.T) {
	src := strings.ReplaceAll(`{
	"Version": "2012-10-17",
	"Id": "é", "Statement": [
{"Sid": "é", "Effect": "Allow", "NotPrincipal": {"AWS": ["*",
  "111111111111"], "Service":"a.b"},
 "NotAction": [ "s3:*" ], "Resource" : "*",
 "Condition": {"StringEquals": {"app:é": "x", "app:k":
   [1, -2, 1e3]}, "Null": {"app:k": true}}},
{"Effect": "Deny", "Principal": "*", "Action": "\u0041", "NotResource": ["a", "b"]}]}`, "\n", "\r\n")
	d := parse(t, src)
	at := func(want string, got policy.Position) {
		t.Helper()
		require.Equal(t, want, got.String())
	}
	at("2:13", d.Version.Pos)
	at("3:8", d.ID.Pos)
	s := d.Statements[0]
	at("4:1", s.Pos)
	at("4:9", s.Sid.Pos)
	at("4:34", s.Principal.Pos)
	at("4:59", s.Principal.Entries[0].Pos)
	at("5:3", s.Principal.Entries[1].Pos)
	at("5:30", s.Principal.Entries[2].Pos)
	at("6:2", s.Action.Pos)
	at("6:17", s.Action.Values[0].Pos)
	at("6:27", s.Resource.Pos)
	at("6:40", s.Resource.Values[0].Pos)
	at("7:16", s.Conditions[0].Operator.Pos)
	at("7:33", s.Conditions[0].Key.Pos)
	at("7:43", s.Conditions[0].Values[0].Pos)
	at("7:16", s.Conditions[1].Operator.Pos)
	at("7:48", s.Conditions[1].Key.Pos)
	at("8:5", s.Conditions[1].Values[0].Pos)
	at("8:12", s.Conditions[1].Values[2].Pos)
	at("8:19", s.Conditions[2].Operator.Pos)
	at("8:37", s.Conditions[2].Values[0].Pos)
	s = d.Statements[1]
	require.Equal(t, 1, s.Index)
	at("9:1", s.Pos)
	at("9:33", s.Principal.Entries[0].Pos)
	at("9:48", s.Action.Values[0].Pos)
	at("9:74", s.Resource.Values[0].Pos)

	require.Equal(t, "A", s.Action.Values[0].Value)
	require.True(t, s.Principal.Everyone)
	require.Equal(t, []string{"1", "-2", "1000"}, d.Statements[0].Conditions[1].Texts())
}

// TestParseAt keeps and reports the positions that place makes of its own.
func TestParseAt(t *testing.T) {
	place := func(p policy.Position) policy.Position {
		return policy.Position{Line: p.Line + 40, Column: p.Column + 8}
	}
	d, err := policy.ParseAt("f", []byte(`{"Statement": {"Effect": "Allow", "Action": "s3", "Resource": "*"}}`), place)
	require.NoError(t, err)
	require.Equal(t, policy.Position{Line: 41, Column: 23}, d.Statements[0].Pos)
	require.EqualError(t, d.Validate(policy.Identity, conditions.AWS()), `f:41:53: /Statement/0/Action: malformed pattern: action "s3": want prefix:Name or *`)
	_, err = policy.ParseAt("f", []byte(`{"Statement": 1`), place)
	require.EqualError(t, err, "f:41:23: /Statement: want an object or an array of objects, have a number\nf:41:24: invalid JSON: want ',' or '}', have the end of the text")
	_, err = policy.ParseAt("f", []byte("{\xff"), place)
	require.EqualError(t, err, "f:41:10: invalid UTF-8")
}

// TestErrors: faults can be taken one by one, and a fault without a name or a
// place says what it can.
func TestErrors(t *testing.T) {
	_, err := policy.Parse("", []byte(`{"Statement": [1, 2]}`))
	require.EqualError(t, err, "policy:1:16: /Statement/0: want an object, have a number\npolicy:1:19: /Statement/1: want an object, have a number")
	var one *policy.Error
	require.ErrorAs(t, err, &one)
	require.Equal(t, "/Statement/0", one.Path)
	require.Equal(t, policy.Position{Line: 1, Column: 16}, one.Pos)

	require.ErrorIs(t, policy.Errors{{Err: io.EOF}, {Err: errors.ErrUnsupported}}, errors.ErrUnsupported)
	require.EqualError(t, &policy.Error{Err: io.EOF}, "policy: EOF")
	require.EqualError(t, &policy.Error{Name: "a.json", Path: "/x", Err: io.EOF}, "a.json: /x: EOF")

	doc := parse(t, `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:usernam": "a"}}}}`)
	require.ErrorIs(t, doc.Validate(policy.Identity, conditions.AWS()), conditions.ErrUnknownKey)
}

// TestPointer writes names as RFC 6901 says, and cuts those that a stranger
// made long.
func TestPointer(t *testing.T) {
	require.Equal(t, `p.json:1:2: /a~1b~0c: unknown member "a/b~c": want Version, Id or Statement`+"\np.json:1:1: no Statement",
		strings.Join(reversed(strings.Split(refused(t, `{"a/b~c": 1}`), "\n")), "\n"))
	long := strings.Repeat("é", 200)
	require.Contains(t, refused(t, `{"`+long+`": 1}`), `: /`+strings.Repeat("é", 64)+`…: unknown member "`+strings.Repeat("é", 100)+`": want`)
}

func reversed(lines []string) []string {
	out := make([]string, len(lines))
	for i, s := range lines {
		out[len(lines)-1-i] = s
	}
	return out
}

// TestDocumentLimits: size, depth, members and faults.
func TestDocumentLimits(t *testing.T) {
	const small = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	full := small + strings.Repeat(" ", policy.MaxDocumentBytes-len(small))
	parse(t, full)
	require.Equal(t, "p.json: larger than 1048576 bytes", refused(t, full+" "))
	require.Equal(t, "p.json: larger than 1048576 bytes", refused(t, strings.Repeat("\xff", policy.MaxDocumentBytes+1)))

	nest := func(n int) string { return `{"a": ` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	require.NotContains(t, refused(t, nest(policy.MaxDepth-1)), "nested")
	require.Contains(t, refused(t, nest(policy.MaxDepth)), "p.json:1:39: /a: invalid JSON: nested deeper than 32 levels")
	deep := strings.Repeat(`{"a":`, 1000)
	require.Equal(t, `p.json:1:2: /a: unknown member "a": want Version, Id or Statement`+"\n"+
		"p.json:1:162: /a: invalid JSON: nested deeper than 32 levels", refused(t, deep), "a fault of syntax ends the reading")

	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"app:%d": "x",`, i)
		}
		return `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {` +
			strings.TrimSuffix(b.String(), ",") + `}}}}`
	}
	parse(t, members(policy.MaxMembers))
	require.Contains(t, refused(t, members(policy.MaxMembers+1)), "/Statement/Condition/StringEquals: invalid JSON: more than 256 members in one object")

	many := `{"Statement": [` + strings.Repeat("1,", 500) + "1]}"
	require.Equal(t, policy.MaxFaults, strings.Count(refused(t, many), "\n")+1)
	doc := parse(t, `{"Statement": {"Effect": "Allow", "Resource": "*", "Action": [`+strings.Repeat(`"",`, 500)+`""]}}`)
	var faults policy.Errors
	require.ErrorAs(t, doc.Validate(policy.Identity, conditions.AWS()), &faults)
	require.Len(t, faults, policy.MaxFaults)
	inOrder(t, faults)
}

// TestFullStop: once there are as many faults as are reported, nothing more is
// looked at, in any place where a stranger can put many.
func TestFullStop(t *testing.T) {
	lots := func(s string) string { return strings.Repeat(s+",", 150) + s }
	for name, src := range map[string]string{
		"statements": `{"Statement": [` + lots(`{"Effect": "Allow", "Action": "s3", "Resource": "*"}`) + `]}`,
		"resources":  `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": [` + lots(`"b"`) + `]}}`,
		"principals": `{"Statement": {"Effect": "Allow", "Principal": {"AWS": [` + lots(`"b"`) + `]}, "Action": "*", "Resource": "*"}}`,
		"operators": `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEqualz": {` +
			strings.TrimSuffix(numbered(`"app:%d": "x",`, 150), ",") + `}}}}`,
		"values": `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"app:k": [` + lots(`"x"`) + `]}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var faults policy.Errors
			kind := policy.Identity
			if name == "principals" {
				kind = policy.Resource
			}
			require.ErrorAs(t, parse(t, src).Validate(kind, conditions.AWS()), &faults)
			require.Len(t, faults, policy.MaxFaults)
		})
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestParseKeepsItsText: the source may be used again once it was read.
func TestParseKeepsItsText(t *testing.T) {
	src := []byte(`{"Statement": {"Sid": "Abc", "Effect": "Allow", "Action": "*", "Resource": "*"}}`)
	doc, err := policy.Parse("p", src)
	require.NoError(t, err)
	copy(src, bytes.Repeat([]byte("x"), len(src)))
	require.Equal(t, "Abc", doc.Statements[0].Sid.Value)
}

// TestVariables: only the version of 2012 has policy variables. Source:
// iam-semantics §1.2.
func TestVariables(t *testing.T) {
	const statement = `"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${"}}`
	for version, want := range map[string]bool{`"Version": "2012-10-17",`: true, `"Version": "2008-10-17",`: false, "": false} {
		doc := parse(t, "{"+version+statement)
		require.Equal(t, want, doc.Variables(), version)
		require.Equal(t, want, doc.Validate(policy.Identity, conditions.AWS()) != nil, version)
	}
}

// TestText reads escapes in either case, and refuses what only looks like one.
func TestText(t *testing.T) {
	sid := func(text string) string {
		return `{"Statement": {"Sid": "` + text + `", "Effect": "Allow", "Action": "*"}}`
	}
	for text, want := range map[string]string{
		`\u00e9\u00E9`: "éé", `\uD83D\uDE00\ud83d\ude00`: "😀😀", `\/\"\\`: `/"\`, `\b\f\n\r\t`: "\b\f\n\r\t", "\ufeff": "\ufeff", `\uFFFD`: "\ufffd",
		"\u007f": "\u007f", `\u0000`: "\x00", `a\u0062c`: "abc", `\u000A`: "\n",
	} {
		require.Equal(t, want, parse(t, sid(text)).Statements[0].Sid.Value)
	}
	for _, text := range []string{`\u+041`, `\u1_23`, `\u12`, `\u12g4`, `\U0041`, `\0`, `\'`, `\a`, `\`} {
		require.Contains(t, refused(t, sid(text)), "invalid JSON", text)
	}
	for text, want := range map[string]string{
		`{"a`: "p.json:1:4: invalid JSON: a string without a closing quote", `{"a\n`: "p.json:1:6: invalid JSON: a string without a closing quote",
		`{"\`: "p.json:1:3: invalid JSON: malformed escape in a string", `{"a\ud83d\`: "p.json:1:4: invalid JSON: unpaired surrogate in a string",
	} {
		require.Equal(t, want, refused(t, text))
	}
}
