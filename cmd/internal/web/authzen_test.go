package web

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// example is a request of the specification with its response.
type example struct {
	Name     string
	Path     string
	Request  json.RawMessage
	Response map[string]any
}

// exampleFiles are policies under which the answers of the examples are right.
func exampleFiles() fstest.MapFS {
	user := func(key, statements string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("accessKeys: [AKIA" + key + "]\ninline:\n  Own: {Version: 2012-10-17, Statement: [" + statements + "]}\n")}
	}
	const arn = "arn:aws:"
	allow := func(action, resource string) string {
		return `{Effect: Allow, Action: "` + action + `", Resource: "` + arn + resource + `"}`
	}
	const place = ":us-east-1:111122223333:"
	read := allow("account:can_read", "account"+place+"123")
	return fstest.MapFS{
		"policies/KeepRows.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["order:read", "book:extend-loan"], "Resource": "*"}}`)},
		"administrators/alice@example.com.yaml": user("EXAMPLEALICE0001", read+", "+allow("account:can_read", "account"+place+"456")+", "+allow("todo:can_read", "todo"+place+"1")+", "+
			allow("document:can_read", "document"+place+"boxcarring.md")+", "+allow("document:read", "document"+place+"1")+", "+allow("document:read", "document"+place+"3")),
		"administrators/bob@example.com.yaml": user("EXAMPLEBOB000001", read),
		"administrators/123.yaml": user("EXAMPLE123000001", `{Effect: Allow, Action: ["account:can_read", "account:can_write"], Resource: "`+arn+"account"+place+`123"},
    {Effect: Deny, Action: "account:can_read", Resource: "*", Condition: {"Null": {"context:time": "true"}}}`),
	}
}

// TestAuthZENExamples answers the requests of the specification as it does. See
// testdata/authzen/ORIGIN.md.
func TestAuthZENExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "authzen", "examples.json"))
	require.NoError(t, err)
	var examples []example
	require.NoError(t, json.Unmarshal(text, &examples))
	require.Len(t, examples, 12)
	s := newSite(t, Options{Trusted: true}, exampleFiles())
	for _, x := range examples {
		t.Run(x.Name, func(t *testing.T) {
			w := s.send("POST", x.Path, string(x.Request), "X-Request-ID", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716")
			require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			require.Equal(t, "bfe9eb29-ab87-4ca3-be83-a1d5d8305716", w.Header().Get("X-Request-ID"))
			out := s.json(w)
			want := plain(x.Response)
			if x.Name == "subject search" { // 123 may too, by our policies
				want["results"] = append([]any{map[string]any{"type": "user", "id": "123"}}, want["results"].([]any)...)
			}
			if x.Name == "action search" {
				want["results"] = []any{map[string]any{"name": "account:can_read"}, map[string]any{"name": "account:can_write"}}
			}
			require.Equal(t, want, plain(out))
		})
	}
}

// plain leaves of a response what is the same whoever answers.
func plain(in map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range in {
		switch v := v.(type) {
		case bool:
			out[name] = v
		case []any:
			list := []any{}
			for _, x := range v {
				if m := x.(map[string]any); name == "evaluations" {
					list = append(list, plain(m))
				} else {
					list = append(list, m)
				}
			}
			out[name] = list
		case map[string]any:
			if name == "page" {
				out[name] = v["next_token"]
			}
		}
	}
	return out
}

// TestSearch holds that what is found is permitted, page by page, and that what
// has no exact answer has none.
func TestSearch(t *testing.T) {
	s := newSite(t, Options{Trusted: true}, exampleFiles())
	const actions, subjects = "/access/v1/search/action", "/access/v1/search/subject"
	const question = `"subject": {"type": "user", "id": "123"}, "resource": {"type": "account", "id": "123"}, "context": {"time": "x"}`
	first := s.json(s.send("POST", actions, `{`+question+`, "page": {"limit": 1}}`))
	require.Equal(t, []any{map[string]any{"name": "account:can_read"}}, first["results"])
	page := first["page"].(map[string]any)
	require.InDelta(t, 2, page["total"], 0)
	token := page["next_token"].(string)
	require.NotEmpty(t, token)
	second := s.json(s.send("POST", actions, `{`+question+`, "page": {"limit": 1, "token": "`+token+`"}}`))
	require.Equal(t, []any{map[string]any{"name": "account:can_write"}}, second["results"])
	require.Empty(t, second["page"].(map[string]any)["next_token"])

	without := `"subject": {"type": "user", "id": "123"}, "resource": {"type": "account", "id": "123"}`
	require.Equal(t, []any{map[string]any{"name": "account:can_write"}}, s.json(s.send("POST", actions, `{`+without+`}`))["results"], "a Deny applies")
	for name, x := range map[string]struct {
		path, body string
		want       int
	}{
		"a token of another question": {actions, `{` + without + `, "page": {"token": "` + token + `"}}`, http.StatusBadRequest},
		"a token of another search":   {subjects, `{` + question + `, "action": {"name": "can_read"}, "page": {"token": "` + token + `"}}`, http.StatusBadRequest},
		"a token that is none":        {actions, `{` + question + `, "page": {"token": "AAAA"}}`, http.StatusBadRequest},
		"a negative limit":            {actions, `{` + question + `, "page": {"limit": -1}}`, http.StatusBadRequest},
		"an action":                   {actions, `{` + question + `, "action": {"name": "x"}}`, http.StatusBadRequest},
		"no resource":                 {actions, `{"subject": {"type": "user", "id": "123"}}`, http.StatusBadRequest},
		"nobody":                      {actions, `{"resource": {"type": "unknown", "id": "1"}}`, http.StatusBadRequest},
		"no id of a resource":         {actions, `{"subject": {"type": "user", "id": "123"}, "resource": {"type": "unknown"}}`, http.StatusBadRequest},
		"no type of subjects":         {subjects, `{"subject": {}, "action": {"name": "can_read"}, "resource": {"type": "account", "id": "123"}}`, http.StatusBadRequest},
		"no action":                   {subjects, `{"subject": {"type": "user"}, "resource": {"type": "account", "id": "123"}}`, http.StatusBadRequest},
		"no subject":                  {subjects, `{"action": {"name": "can_read"}, "resource": {"type": "account", "id": "123"}}`, http.StatusBadRequest},
		"identities":                  {subjects, `{"subject": {"type": "identity"}, "action": {"name": "can_read"}, "resource": {"type": "account", "id": "123"}}`, http.StatusNotImplemented},
		"wildcards":                   {actions, `{"subject": {"type": "user", "id": "123"}, "resource": {"type": "cognito-idp", "id": "userpool/x"}}`, http.StatusNotImplemented},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.send("POST", x.path, x.body)
			require.Equal(t, x.want, w.Code, "%s", w.Body)
			require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
		})
	}
	const resources, found = "/access/v1/search/resource", `"subject": {"type": "user", "id": "alice@example.com"}, `
	one := map[string]any{"type": "document", "id": "boxcarring.md"}
	for body, want := range map[string][]any{
		`{` + found + `"action": {"name": "can_read"}, "resource": {"type": "document"}}`:                                          {one},
		`{` + found + `"action": {"name": "document:can_read"}, "resource": {"type": "document"}}`:                                 {one},
		`{` + found + `"action": {"name": "can_write"}, "resource": {"type": "document"}}`:                                         {},
		`{"subject": {"type": "user", "id": "bob@example.com"}, "action": {"name": "can_read"}, "resource": {"type": "document"}}`: {},
		`{` + found + `"action": {"name": "document:can_read"}, "resource": {"type": "arn"}}`: {
			map[string]any{"type": "arn", "id": "arn:aws:document:us-east-1:111122223333:boxcarring.md"},
		},
	} {
		require.Equal(t, want, s.json(s.send("POST", resources, body))["results"], body)
	}
	for body, want := range map[string]int{
		`{` + found + `"action": {"name": "can_read"}}`:                                        http.StatusBadRequest,
		`{` + found + `"resource": {"type": "document"}}`:                                      http.StatusBadRequest,
		`{` + found + `"action": {"name": "can_read"}, "resource": {"type": "arn"}}`:           http.StatusBadRequest,
		`{` + found + `"action": {"name": "read"}, "resource": {"type": "order"}}`:             http.StatusNotImplemented,
		`{"action": {"name": "can_read"}, "resource": {"type": "document"}}`:                   http.StatusBadRequest,
		`{"action": {"name": "can_read"}, "resource": {"type": "unknown"}}`:                    http.StatusBadRequest,
		`{` + found + `"action": {"name": "can_read"}, "resource": {"type": "Not a service"}}`: http.StatusBadRequest,
	} {
		w := s.send("POST", resources, body)
		require.Equal(t, want, w.Code, "%s: %s", body, w.Body)
	}
	roles := s.json(s.send("POST", subjects, `{"subject": {"type": "role"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "7"}}`))
	require.Equal(t, []any{map[string]any{"type": "role", "id": "Player"}}, roles["results"])
}

// TestAuthZENSubjects holds that one sort of subject is not taken for another.
func TestAuthZENSubjects(t *testing.T) {
	s := newSite(t, Options{Trusted: true}, exampleFiles())
	read := `"action": {"name": "read"}, "resource": {"type": "order", "id": "7"}`
	for name, x := range map[string]struct {
		subject string
		want    int
		allowed bool
	}{
		"a role":               {`{"type": "role", "id": "Player"}`, 200, true},
		"a role by its ARN":    {`{"type": "role", "id": "arn:aws:iam::111122223333:role/Player"}`, 200, true},
		"an identity":          {`{"type": "identity", "id": "us-east-1:a", "properties": {"role": "Player"}}`, 200, true},
		"a user named so":      {`{"type": "user", "id": "Player"}`, 400, false},
		"a role's ARN as user": {`{"type": "user", "id": "arn:aws:iam::111122223333:role/Player"}`, 400, false},
		"a user's ARN as role": {`{"type": "role", "id": "arn:aws:iam::111122223333:user/alice@example.com"}`, 400, false},
		"a user as identity":   {`{"type": "identity", "id": "x", "properties": {"role": "arn:aws:iam::111122223333:user/123"}}`, 400, false},
		"a department":         {`{"type": "role", "id": "Player", "properties": {"department": "sales"}}`, 200, true},
		"a claim":              {`{"type": "role", "id": "Player", "properties": {"aws:PrincipalTag/x": "y"}}`, 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.send("POST", "/access/v1/evaluation", `{"subject": `+x.subject+`, `+read+`}`)
			require.Equal(t, x.want, w.Code, "%s", w.Body)
			if x.want == http.StatusOK {
				require.Equal(t, x.allowed, s.json(w)["decision"])
			}
		})
	}
}

// TestAuthZENAttributes holds what keys members become.
func TestAuthZENAttributes(t *testing.T) {
	policy := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "book:extend-loan", "Resource": "arn:aws:book:us-east-1:111122223333:123", "Condition": {"StringEquals": {
		"subject:department": "Sales", "action:period": "2W", "resource:library_record.isbn": "978-0593383322", "context:time": "1985", "own:key": "v"}}}}`
	s := newSite(t, Options{Trusted: true}, fstest.MapFS{"policies/Orders.json": {Data: []byte(policy)}})
	const good = `{"subject": {"type": "role", "id": "Player", "properties": {"department": "Sales"}},
		"action": {"name": "extend-loan", "properties": {"period": "2W"}},
		"resource": {"type": "book", "id": "123", "properties": {"library_record": {"title": "AuthZEN in Action", "isbn": "978-0593383322"}, "own:key": "v"}},
		"context": {"time": "1985"}}`
	require.Equal(t, true, s.json(s.send("POST", "/access/v1/evaluation", good))["decision"])
	for _, word := range []string{"Sales", "2W", "978-0593383322", "1985", `"v"`} {
		require.Equal(t, false, s.json(s.send("POST", "/access/v1/evaluation", strings.Replace(good, word, strings.Replace(word, strings.Trim(word, `"`), "other", 1), 1)))["decision"], word)
	}
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/access/v1/evaluation", `{"subject": {"type": "role", "id": "Player"}, "action": {"name": "x"},
		"resource": {"type": "book", "id": "1", "properties": {"a": [{"b": 1}]}}}`).Code)
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/access/v1/evaluation", `{"subject": {"type": "role", "id": "Player"}, "action": {"name": "x"},
		"resource": {"type": "book", "id": "1", "properties": {"a.b": 1, "a": {"b": 2}}}}`).Code, "two readings")
}
