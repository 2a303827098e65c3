package web

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/internal/strictjson"
)

// account is that of the fixture.
var account = &identity.Account{ID: "111122223333", Partition: "aws", Region: "us-east-1"}

// FuzzQuestion holds that whatever JSON is a question, its context has what the
// JSON has.
func FuzzQuestion(f *testing.F) {
	f.Add(own)
	f.Add(`{"context": {"a:b": [1, true, "x"], "c:d": -1e9}, "subject": {"session": {"accessKeyId": "a", "token": "b"}}}`)
	f.Add(`{"context": {"a:b": []}}`)
	f.Fuzz(func(t *testing.T, body string) {
		m, err := strictjson.Object([]byte(body), oneQuestion)
		if err != nil {
			return
		}
		o := object{err: new(error), m: m}
		context, _ := m["context"].(map[string]any)
		want := maps.Clone(context) // what is read is taken away
		q := question(o)
		if o.done() != nil {
			return
		}
		require.Len(t, q.GetContext(), len(want))
		for _, k := range q.GetContext() {
			list, ok := want[k.GetName()].([]any)
			if !ok {
				list = []any{want[k.GetName()]}
			}
			require.Len(t, k.GetValues(), len(list))
		}
	})
}

// FuzzEvaluation holds that what the Authorization API is asked is a question or
// an error, and that each of its attributes is a key.
func FuzzEvaluation(f *testing.F) {
	f.Add(`{"subject": {"type": "role", "id": "Player", "properties": {"a": {"b": [1]}}}, "action": {"name": "read"}, "resource": {"type": "order", "id": "7"}, "context": {"x:y": 1}}`)
	f.Add(`{"subject": {"type": "user", "id": "x"}, "resource": {"type": "arn", "id": "arn:aws:s3:::b"}, "action": {"name": "GetObject"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		m, err := strictjson.Object([]byte(body), oneQuestion)
		if err != nil {
			return
		}
		o := object{err: new(error), m: m}
		e := readEvaluation(o)
		if *o.err != nil {
			return
		}
		q, err := e.question(account)
		if err != nil {
			return
		}
		require.NotNil(t, q.GetSubject())
		require.True(t, strings.HasPrefix(q.GetResource(), "arn:"))
		require.Contains(t, q.GetAction(), ":")
		for _, k := range q.GetContext() {
			require.Contains(t, k.GetName(), ":")
		}
	})
}

// FuzzEvent holds that an answer for API Gateway is never a pattern.
func FuzzEvent(f *testing.F) {
	f.Add("GET/orders/7")
	f.Add("GET/orders/*")
	f.Add("GET/a/../b")
	f.Add("GET/${aws:username}")
	f.Fuzz(func(t *testing.T, path string) {
		e := authorizerEvent{arn: "arn:aws:execute-api:us-east-1:111122223333:shop/$default/" + path}
		if e.check(account) != nil {
			return
		}
		require.NotContains(t, path, "*")
		require.NotContains(t, path, "?")
		require.NotContains(t, path, "$")
		require.NotContains(t, path, "//")
	})
}

// FuzzRows holds that columns are as long as they say.
func FuzzRows(f *testing.F) {
	f.Add(`{"columns": {"a:b": [null, 1, "x"]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		m, err := strictjson.Object([]byte(body), oneQuestion)
		if err != nil {
			return
		}
		o := object{err: new(error), m: m}
		in := rowsQuestion(o)
		if o.done() != nil {
			return
		}
		for _, c := range in.GetColumns() {
			if n := len(c.GetEnds()); n > 0 {
				require.EqualValues(t, len(c.GetValues()), c.GetEnds()[n-1])
			}
		}
	})
}
