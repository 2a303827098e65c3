package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/cmd/internal/edge"
)

// site is a server of the demo's bundle whose players may read their orders.
type site struct {
	*decidetest.Fixture
	t      testing.TB
	server *Server
}

const ordersPolicy = `{"Version": "2012-10-17", "Statement": [
	{"Sid": "Orders", "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:us-east-1:111122223333:shop/$default/GET/orders/*"},
	{"Sid": "Read", "Effect": "Allow", "Action": "order:read", "Resource": "arn:aws:order:us-east-1:111122223333:7"}]}`

func newSite(t testing.TB, o Options, files fstest.MapFS) *site {
	t.Helper()
	all := fstest.MapFS{
		"policies/Orders.json":   {Data: []byte(ordersPolicy)},
		"policies/KeepRows.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)},
		"roles/Player.yaml": {Data: []byte(`
trust:
  Version: 2012-10-17
  Statement:
    - Effect: Allow
      Principal: {Federated: cognito-identity.amazonaws.com}
      Action: sts:AssumeRoleWithWebIdentity
      Condition:
        StringEquals: {"cognito-identity.amazonaws.com:aud": "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"}
        ForAnyValue:StringLike: {"cognito-identity.amazonaws.com:amr": authenticated}
policies: [PlayerRows, Leaderboard, Orders]
boundary: KeepRows
`)},
		"tests/players_test.yaml":  {Data: []byte("suite: none\nidentities:\n  a: {role: Player, identityId: \"us-east-1:aaaa\", authenticated: true}\ntests: [{name: x, as: a, request: {action: \"s3:GetObject\", resource: \"*\"}}]\n")},
		"tests/referees_test.yaml": {Data: []byte("suite: none2\nidentities:\n  a: {role: Player, identityId: \"us-east-1:aaaa\", authenticated: true}\ntests: [{name: x, as: a, request: {action: \"s3:GetObject\", resource: \"*\"}}]\n")},
	}
	for p, f := range files {
		all[p] = f
	}
	s := &site{Fixture: decidetest.New(t, decidetest.Options{Files: all}), t: t}
	o.Decider, o.Log, o.URL = s.Decider, slog.New(slog.DiscardHandler), "http://127.0.0.1:8082"
	var err error
	o.Edge, err = edge.New(edge.Options{Decider: s.Decider, Now: time.Now, Log: o.Log})
	require.NoError(t, err)
	s.server, err = New(o)
	require.NoError(t, err)
	return s
}

// send sends a request from this machine, unless a header RemoteAddr says
// another.
func (s *site) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:1", "127.0.0.1:8082"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		switch headers[i] {
		case "RemoteAddr":
			r.RemoteAddr = headers[i+1]
		case "Host":
			r.Host = headers[i+1]
		default:
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w
}

func (s *site) json(w *httptest.ResponseRecorder) map[string]any {
	s.t.Helper()
	var out map[string]any
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &out), "%s", w.Body)
	return out
}

const own = `{"subject": {"principal": {"principal": "Player", "identityId": "us-east-1:alice"}}, "action": "dynamodb:GetItem",
	"resource": "` + decidetest.Table + `", "context": {"dynamodb:LeadingKeys": ["us-east-1:alice"]}}`

func TestQuestions(t *testing.T) {
	s := newSite(t, Options{Trusted: true}, nil)
	w := s.send("POST", "/v1/decide", own, "X-Request-ID", "r-1")
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, "r-1", w.Header().Get("X-Request-ID"))
	out := s.json(w)
	require.Equal(t, "allowed", out["decision"])
	require.Equal(t, s.Current().Digest, out["bundle"].(map[string]any)["digest"])
	require.Equal(t, "implicitDeny", s.json(s.send("POST", "/v1/decide", strings.Replace(own, `["us-east-1:alice"]}`, `["us-east-1:bob"]}`, 1)))["decision"])
	batch := s.json(s.send("POST", "/v1/decide-batch", `{"requests": [`+own+`, {"action": "dynamodb:GetItem", "resource": "*"}]}`))
	require.Equal(t, "allowed", batch["results"].([]any)[0].(map[string]any)["decision"])
	require.Equal(t, "InvalidArgument", batch["results"].([]any)[1].(map[string]any)["error"].(map[string]any)["code"])
	explained := s.json(s.send("POST", "/v1/explain", own))
	require.NotEmpty(t, explained["text"])
	require.NotEmpty(t, explained["looked"])
	filter := s.json(s.send("POST", "/v1/filter", `{"subject": {"principal": {"principal": "Player", "identityId": "us-east-1:alice"}},
		"action": "dynamodb:Query", "resource": "`+decidetest.Table+`", "unknown": ["dynamodb:LeadingKeys"]}`))
	require.Equal(t, "some", filter["scope"])
	require.Contains(t, filter["filter"], "us-east-1:alice")
	require.Equal(t, "test", filter["expression"].(map[string]any)["op"])
	rows := s.json(s.send("POST", "/v1/decide-rows", `{"subject": {"principal": {"principal": "Player", "identityId": "us-east-1:alice"}},
		"action": "dynamodb:GetItem", "resource": "`+decidetest.Table+`", "columns": {"dynamodb:LeadingKeys": ["us-east-1:alice", "x", null, "us-east-1:alice"]}}`))
	require.Equal(t, []any{true, false, false, true}, rows["allowed"])
	require.InDelta(t, 2, rows["count"], 0)
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/v1/decide-rows", `{"action": "dynamodb:GetItem", "resource": "*", "columns": {"x:a": ["a"], "x:b": ["a", "b"]}}`).Code)
	require.NotEmpty(t, s.json(s.send("POST", "/v1/validate", `{"document": "{}"}`))["faults"])
	tested := s.send("POST", "/v1/test", `{"run": "none"}`)
	require.Equal(t, http.StatusUnprocessableEntity, tested.Code, "the suites of the fixture cannot be read: %s", tested.Body)
	require.Equal(t, decidetest.Account, s.json(s.send("GET", "/v1/describe", ""))["account"])
	require.Equal(t, http.StatusOK, s.send("GET", "/-/ready", "").Code)
	require.Equal(t, http.StatusOK, s.send("GET", "/-/healthy", "").Code)
}

// TestThreatBodies sends what must not be answered.
func TestThreatBodies(t *testing.T) {
	s := newSite(t, Options{Trusted: true}, nil)
	for name, x := range map[string]struct {
		body string
		want int
	}{
		"no JSON":              {"{", http.StatusBadRequest},
		"a list":               {"[]", http.StatusBadRequest},
		"an unknown member":    {strings.Replace(own, `"action"`, `"x": 1, "action"`, 1), http.StatusBadRequest},
		"a member twice":       {strings.Replace(own, `"action"`, `"action": "dynamodb:Scan", "action"`, 1), http.StatusBadRequest},
		"only in capitals":     {strings.Replace(own, `"action"`, `"Action"`, 1), http.StatusBadRequest},
		"a null subject":       {strings.Replace(own, `"action"`, `"details": null, "action"`, 1), http.StatusBadRequest},
		"a member in capitals": {strings.Replace(own, `"action"`, `"ACTION": "dynamodb:Scan", "action"`, 1), http.StatusBadRequest},
		"two subjects":         {strings.Replace(own, `"principal": {"principal"`, `"session": {}, "principal": {"principal"`, 1), http.StatusBadRequest},
		"a null value":         {strings.Replace(own, `["us-east-1:alice"]}`, `null}`, 1), http.StatusBadRequest},
		"an object as value":   {strings.Replace(own, `["us-east-1:alice"]}`, `{"a": 1}}`, 1), http.StatusBadRequest},
		"a nested list":        {strings.Replace(own, `["us-east-1:alice"]}`, `[["us-east-1:alice"]]}`, 1), http.StatusBadRequest},
		"the session's key":    {strings.Replace(own, `"dynamodb:LeadingKeys"`, `"aws:userid": "x", "dynamodb:LeadingKeys"`, 1), http.StatusBadRequest},
		"deep":                 {strings.Repeat("[", 100_000), http.StatusBadRequest},
		"2 MiB":                {`{"action": "` + strings.Repeat("x", 2<<20) + `"}`, http.StatusBadRequest},
		"trailing text":        {own + "{}", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.send("POST", "/v1/decide", x.body)
			require.Equal(t, x.want, w.Code, "%s", w.Body)
			require.NotContains(t, w.Body.String(), "allowed")
		})
	}
	require.Equal(t, http.StatusMethodNotAllowed, s.send("GET", "/v1/decide", "").Code)
	require.Equal(t, http.StatusNotFound, s.send("GET", "/v1/nothing", "").Code)
}

// TestThreatCallers asks as services that are not known, or lack a right.
func TestThreatCallers(t *testing.T) {
	sum := sha256.Sum256([]byte("the key"))
	files := fstest.MapFS{"services/s.yaml": {Data: []byte("keys: sha256:" + hex.EncodeToString(sum[:]) + "\nrights: [assert]\n")}}
	s := newSite(t, Options{}, files)
	for name, x := range map[string]struct {
		headers []string
		want    int
	}{
		"the key":        {[]string{"Authorization", "Bearer the key"}, http.StatusOK},
		"from afar":      {[]string{"Authorization", "Bearer the key", "RemoteAddr", "192.0.2.1:1"}, http.StatusOK},
		"another key":    {[]string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
		"two keys":       {[]string{"Authorization", "Bearer the key", "Authorization", "Bearer the key"}, http.StatusUnauthorized},
		"another scheme": {[]string{"Authorization", "Basic the key"}, http.StatusUnauthorized},
		"nobody, here":   {nil, http.StatusForbidden},
		"nobody, afar":   {[]string{"RemoteAddr", "192.0.2.1:1"}, http.StatusUnauthorized},
		"another host":   {[]string{"Host", "rebound.example.com"}, http.StatusUnauthorized},
		"this host":      {[]string{"Host", "localhost:1234"}, http.StatusForbidden},
		"a key, a host":  {[]string{"Host", "authz.example.com", "Authorization", "Bearer the key"}, http.StatusOK},
		"a forged place": {[]string{"RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", "127.0.0.1"}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.send("POST", "/v1/decide", own, x.headers...)
			require.Equal(t, x.want, w.Code, "%s", w.Body)
		})
	}
	require.Equal(t, http.StatusForbidden, s.send("POST", "/v1/explain", own, "Authorization", "Bearer the key").Code)
}

func TestShedding(t *testing.T) {
	s := newSite(t, Options{InFlight: 1, Trusted: true}, nil)
	s.server.slots <- struct{}{}
	w := s.send("POST", "/v1/decide", own)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	<-s.server.slots
	require.Equal(t, http.StatusOK, s.send("POST", "/v1/decide", own).Code)
}

func TestUnixSocket(t *testing.T) {
	s := newSite(t, Options{}, nil)
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
	}}}
	ask := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/decide", strings.NewReader(own))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		w, err := client.Do(r)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, w.Body)
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		return w.StatusCode
	}
	require.Equal(t, http.StatusForbidden, ask(), "without a grant nobody vouches")
	s.Use(decidetest.Load(t, fstest.MapFS{"services/me.yaml": {Data: []byte("uids: [" + itoa(os.Getuid()) + "]\nrights: [assert]\n")}}))
	require.Equal(t, http.StatusOK, ask())
	stop()
	require.NoError(t, <-ended)
}

func itoa(n int) string {
	text, err := json.Marshal(n)
	if err != nil {
		return ""
	}
	return string(text)
}

// TestAuthZEN asks as the specification's examples do. Source: AuthZEN
// Authorization API 1.0, as in identity-protocol §5.6.
func TestAuthZEN(t *testing.T) {
	s := newSite(t, Options{Trusted: true}, nil)
	const jane = `"subject": {"type": "role", "id": "Player", "properties": {"dept": "sales"}}`
	ask := func(path, body string) map[string]any {
		w := s.send("POST", path, body)
		require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		return s.json(w)
	}
	const one, many = "/access/v1/evaluation", "/access/v1/evaluations"
	order := func(id string) string { return `"resource": {"type": "order", "id": "` + id + `", "properties": {}}` }
	const read, remove = `"action": {"name": "read", "properties": {}}`, `"action": {"name": "delete"}`
	yes := ask(one, `{`+jane+`, `+read+`, `+order("7")+`, "context": {"time": "2026-11-23T10:00:00Z"}, "more": {}}`)
	require.Equal(t, true, yes["decision"])
	require.NotEmpty(t, yes["context"].(map[string]any)["id"])
	require.Equal(t, false, ask(one, `{`+jane+`, `+read+`, `+order("8")+`}`)["decision"])

	decisions := func(out map[string]any) (all []bool) {
		for _, e := range out["evaluations"].([]any) {
			all = append(all, e.(map[string]any)["decision"].(bool))
		}
		return all
	}
	items := `"evaluations": [{` + order("8") + `}, {` + order("7") + `}, {` + order("7") + `, ` + remove + `}]`
	require.Equal(t, []bool{false, true, false}, decisions(ask(many, `{`+jane+`, `+read+`, `+items+`}`)))
	require.Equal(t, []bool{false, true, false}, decisions(ask(many, `{`+jane+`, `+read+`, `+items+`, "options": {"evaluations_semantic": "execute_all"}}`)))
	require.Equal(t, []bool{false}, decisions(ask(many, `{`+jane+`, `+read+`, `+items+`, "options": {"evaluations_semantic": "deny_on_first_deny"}}`)))
	require.Equal(t, []bool{false, true}, decisions(ask(many, `{`+jane+`, `+read+`, `+items+`, "options": {"evaluations_semantic": "permit_on_first_permit"}}`)))
	require.Equal(t, true, ask(many, `{`+jane+`, `+read+`, `+order("7")+`, "evaluations": []}`)["decision"])
	incomplete := ask(many, `{`+jane+`, "evaluations": [{`+order("7")+`}, {`+order("7")+`, `+read+`}]}`)
	require.Equal(t, []bool{false, true}, decisions(incomplete))
	require.InDelta(t, 400, incomplete["evaluations"].([]any)[0].(map[string]any)["context"].(map[string]any)["error"].(map[string]any)["status"], 0)

	for name, body := range map[string]string{
		"no subject":          `{` + read + `, ` + order("7") + `}`,
		"no subject id":       `{"subject": {"type": "role"}, ` + read + `, ` + order("7") + `}`,
		"no action":           `{` + jane + `, ` + order("7") + `}`,
		"no action name":      `{` + jane + `, "action": {}, ` + order("7") + `}`,
		"no resource id":      `{` + jane + `, ` + read + `, "resource": {"type": "order"}}`,
		"no JSON":             `x`,
		"a strange type":      `{"subject": {"type": "planet", "id": "x"}, ` + read + `, ` + order("7") + `}`,
		"a member twice":      `{` + jane + `, ` + jane + `, ` + read + `, ` + order("7") + `}`,
		"a claim as key":      `{` + jane + `, ` + read + `, ` + order("7") + `, "context": {"aws:userid": "root"}}`,
		"a claim as property": `{` + jane + `, ` + read + `, "resource": {"type": "order", "id": "7", "properties": {"aws:userid": "root"}}}`,
	} {
		require.Equal(t, http.StatusBadRequest, s.send("POST", one, body).Code, name)
	}
	require.Equal(t, http.StatusBadRequest, s.send("POST", many, `{`+jane+`, `+read+`, `+items+`, "options": {"evaluations_semantic": "most"}}`).Code)
	meta := s.json(s.send("GET", "/.well-known/authzen-configuration", ""))
	require.Equal(t, "http://127.0.0.1:8082", meta["policy_decision_point"])
	require.Equal(t, "http://127.0.0.1:8082/access/v1/evaluation", meta["access_evaluation_endpoint"])
	require.Equal(t, "http://127.0.0.1:8082/access/v1/search/resource", meta["search_resource_endpoint"])
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/access/v1/search/resource", `{}`).Code)

	alice := s.User("alice")
	byToken := `{"subject": {"type": "id_token", "id": "` + decidetest.Provider + `", "properties": {"token": "` + alice.IDToken + `"}}, ` + read + `, ` + order("7") + `}`
	require.Equal(t, true, ask(one, byToken)["decision"])
	bySession := `{"subject": {"type": "session", "id": "` + alice.Credentials.AccessKeyID + `", "properties": {"token": "` + alice.Credentials.Token + `"}}, ` + read + `, ` + order("7") + `}`
	require.Equal(t, true, ask(one, bySession)["decision"])
	another := ask(one, strings.Replace(bySession, alice.Credentials.AccessKeyID, "ASIA0000000000000000", 1))
	require.Equal(t, false, another["decision"])
	require.InDelta(t, 401, another["context"].(map[string]any)["error"].(map[string]any)["status"], 0)
}

// TestForwardAuth asks as nginx and Traefik do.
func TestForwardAuth(t *testing.T) {
	s := newSite(t, Options{}, nil)
	alice := s.User("alice")
	token := "Bearer " + alice.IDToken
	for name, x := range map[string]struct {
		path, method, uri string
		headers           []string
		want              int
	}{
		"an order":               {"/auth/nginx?api=shop", "GET", "/orders/7?x=1", []string{"Authorization", token}, 200},
		"another method":         {"/auth/nginx?api=shop", "DELETE", "/orders/7", []string{"Authorization", token}, 403},
		"another path":           {"/auth/nginx?api=shop", "GET", "/admin", []string{"Authorization", token}, 403},
		"another API":            {"/auth/nginx?api=bank", "GET", "/orders/7", []string{"Authorization", token}, 403},
		"another stage":          {"/auth/nginx?api=shop&stage=prod", "GET", "/orders/7", []string{"Authorization", token}, 403},
		"no API":                 {"/auth/nginx", "GET", "/orders/7", []string{"Authorization", token}, 500},
		"no token":               {"/auth/nginx?api=shop", "GET", "/orders/7", nil, 401},
		"a bad token":            {"/auth/nginx?api=shop", "GET", "/orders/7", []string{"Authorization", token + "x"}, 401},
		"two tokens":             {"/auth/nginx?api=shop", "GET", "/orders/7", []string{"Authorization", token, "Authorization", token}, 401},
		"a password":             {"/auth/nginx?api=shop", "GET", "/orders/7", []string{"Authorization", "Basic YTpi"}, 401},
		"out of the orders":      {"/auth/nginx?api=shop", "GET", "/orders/../admin", []string{"Authorization", token}, 403},
		"encoded dots":           {"/auth/nginx?api=shop", "GET", "/orders/%2E%2E/admin", []string{"Authorization", token}, 403},
		"an encoded slash":       {"/auth/nginx?api=shop", "GET", "/orders/%2Fadmin", []string{"Authorization", token}, 403},
		"an empty segment":       {"/auth/nginx?api=shop", "GET", "//orders/7", []string{"Authorization", token}, 403},
		"a backslash":            {"/auth/nginx?api=shop", "GET", `/orders/..\admin`, []string{"Authorization", token}, 403},
		"a semicolon":            {"/auth/nginx?api=shop", "GET", "/orders/7;x", []string{"Authorization", token}, 403},
		"needless escapes":       {"/auth/nginx?api=shop", "GET", "/%6Frders/7", []string{"Authorization", token}, 403},
		"a NUL":                  {"/auth/nginx?api=shop", "GET", "/orders/%00", []string{"Authorization", token}, 403},
		"a space":                {"/auth/nginx?api=shop", "GET", "/orders/a%20b", []string{"Authorization", token}, 200},
		"no method":              {"/auth/nginx?api=shop", "", "/orders/7", []string{"Authorization", token}, 500},
		"no path":                {"/auth/nginx?api=shop", "GET", "", []string{"Authorization", token}, 500},
		"the other's headers":    {"/auth/nginx?api=shop", "", "", []string{"Authorization", token, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/orders/7"}, 500},
		"the other's path":       {"/auth/forwarded?api=shop", "", "", []string{"Authorization", token, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/orders/7"}, 200},
		"two paths":              {"/auth/nginx?api=shop", "GET", "/orders/7", []string{"Authorization", token, "X-Original-URI", "/admin"}, 500},
		"from afar":              {"/auth/nginx?api=shop", "GET", "/orders/7", []string{"Authorization", token, "RemoteAddr", "192.0.2.1:1"}, 500},
		"a forged service's key": {"/auth/nginx?api=shop", "GET", "/orders/7", []string{"Authorization", token, "X-Rowan-Service-Key", "x"}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			headers := x.headers
			if x.method != "" {
				headers = append(headers, "X-Original-Method", x.method)
			}
			if x.uri != "" {
				headers = append(headers, "X-Original-URI", x.uri)
			}
			family := "X-Original-"
			if strings.HasPrefix(x.path, "/auth/forwarded") {
				family = "X-Forwarded-"
				headers = append(headers, "X-Forwarded-For", "6.6.6.6, 192.0.2.9")
			} else {
				headers = append(headers, "X-Original-Client", "192.0.2.9")
			}
			w := s.send("GET", x.path, "", append(headers, family+"Host", "shop.example.com", family+"Proto", "https")...)
			require.Equal(t, x.want, w.Code, "%s", w.Body)
			if x.want == http.StatusOK {
				require.Equal(t, alice.IdentityID, w.Header().Get("X-Rowan-Identity"))
				require.Contains(t, w.Header().Get("X-Rowan-Principal"), "assumed-role/Player/")
				return
			}
			require.Empty(t, w.Header().Get("X-Rowan-Identity"))
			if x.want == http.StatusUnauthorized && x.method != "" && !strings.Contains(name, "afar") && !strings.Contains(name, "service") {
				require.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

func TestLambdaAuthorizer(t *testing.T) {
	s := newSite(t, Options{}, nil)
	alice := s.User("alice")
	const arn = "arn:aws:execute-api:us-east-1:111122223333:shop/$default/GET/orders/7"
	token := `{"type": "TOKEN", "authorizationToken": "Bearer ` + alice.IDToken + `", "methodArn": "` + arn + `"}`
	out := s.json(s.send("POST", "/lambda-authorizer", token))
	require.Equal(t, alice.IdentityID, out["principalId"])
	require.Equal(t, map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": arn}}}, out["policyDocument"])
	denied := s.json(s.send("POST", "/lambda-authorizer", strings.Replace(token, "GET/orders", "PUT/orders", 1)))
	require.Equal(t, "Deny", denied["policyDocument"].(map[string]any)["Statement"].([]any)[0].(map[string]any)["Effect"])
	request := `{"version": "1.0", "type": "REQUEST", "methodArn": "` + arn + `", "headers": {"authorization": "Bearer ` + alice.IDToken + `"}}`
	require.Equal(t, alice.IdentityID, s.json(s.send("POST", "/lambda-authorizer", request))["principalId"])
	second := `{"version": "2.0", "type": "REQUEST", "routeArn": "` + arn + `", "identitySource": ["Bearer ` + alice.IDToken + `"]}`
	require.Equal(t, true, s.json(s.send("POST", "/lambda-authorizer?simple", second))["isAuthorized"])
	require.Equal(t, false, s.json(s.send("POST", "/lambda-authorizer?simple", strings.Replace(second, "/orders/7", "/admin", 1)))["isAuthorized"])
	for name, body := range map[string]string{
		"a bad token": strings.Replace(token, "Bearer ", "Bearer x", 1), "no token": strings.Replace(token, "Bearer ", "", 1),
	} {
		w := s.send("POST", "/lambda-authorizer", body)
		require.Equal(t, http.StatusUnauthorized, w.Code, name)
		require.Equal(t, "Unauthorized", s.json(w)["error"].(map[string]any)["message"])
	}
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/lambda-authorizer", `{"type": "OTHER"}`).Code)
	for name, path := range map[string]string{
		"a wildcard": "orders/*", "a question mark": "orders/?", "a variable": "orders/${aws:username}", "dots": "orders/../admin", "encoded dots": "orders/%2E%2e/admin", "an empty segment": "orders//7",
	} {
		w := s.send("POST", "/lambda-authorizer", strings.Replace(token, "orders/7", path, 1))
		require.Equal(t, http.StatusBadRequest, w.Code, "%s: %s", name, w.Body)
	}
	two := strings.Replace(second, `"identitySource": [`, `"identitySource": ["Bearer x", `, 1)
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/lambda-authorizer", two).Code, "two tokens")
	beside := strings.Replace(second, `"identitySource": [`, `"identitySource": ["/orders/7", `, 1)
	require.Equal(t, alice.IdentityID, s.json(s.send("POST", "/lambda-authorizer", beside))["principalId"])
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/lambda-authorizer", strings.Replace(token, "111122223333", "999999999999", 1)).Code, "another account")
	require.Equal(t, http.StatusBadRequest, s.send("POST", "/lambda-authorizer", strings.Replace(token, "arn:aws", "x:aws", 1)).Code)
}

func TestPanic(t *testing.T) {
	o := decidetest.Options{Decide: decide.Options{Record: func(context.Context, *decide.Record) error { panic("seeded") }}}
	f := decidetest.New(t, o)
	checker, err := edge.New(edge.Options{Decider: f.Decider, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	server, err := New(Options{Decider: f.Decider, Edge: checker, Trusted: true, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	s := &site{Fixture: f, t: t, server: server}
	w := s.send("POST", "/v1/decide", own)
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "seeded")
}
