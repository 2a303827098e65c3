package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

const (
	strictPool   = "us-east-1_Strict001"
	strictClient = "7q7example8client9id0abcdef"
	browserPool  = "us-east-1:3b0c6a52-95d3-4a47-9c67-000000000004"
)

// hostedShop is the shop with clients that send browsers to the hosted page and
// back to an app. Its strict pool wants a second factor of all.
func hostedShop(callback string) fstest.MapFS {
	fsys := shop()
	more := `, callbackURLs: ["` + callback + `"], logoutURLs: ["` + callback + `"], scopes: [openid, email, profile]}`
	people := string(fsys["pools/people.yaml"].Data)
	people = strings.Replace(people, "preventUserExistenceErrors: false}", "preventUserExistenceErrors: false"+more, 1)
	people = strings.Replace(people, "ADMIN_USER_PASSWORD_AUTH]}", "ADMIN_USER_PASSWORD_AUTH]"+more, 1)
	people = strings.Replace(people, "mfa: optional", "mfa: optional\n  totpIssuer: The Shop", 1)
	for name, text := range map[string]string{
		"pools/people.yaml": people,
		"pools/strict.yaml": `
userPool:
  id: ` + strictPool + `
  mfa: on
  totpIssuer: The Shop's Staff
  clients:
    Tills: {id: ` + strictClient + more + `
`,
		"pools/visitors.yaml": `
identityPool:
  id: ` + browserPool + `
  authenticated: Visitor
  providers:
    ` + loginKey + `: {clients: [` + appClient + `], serverSideTokenCheck: true}
    cognito-idp.us-east-1.amazonaws.com/` + strictPool + `: {clients: [` + strictClient + `], serverSideTokenCheck: true}
`,
		"roles/Visitor.yaml": poolTrust(browserPool, "authenticated"),
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// TestBrowser signs in on the hosted page with Chromium and ends with
// credentials. The app takes its callback at one host and goes on at another,
// which no content security policy of the page may stop.
func TestBrowser(t *testing.T) {
	t.Parallel()
	node, dir := nodeFolder(t)
	chromium := needs.Chromium(t)
	var config map[string]any
	var host string
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/back":
			http.Redirect(w, r, host+"/?"+r.URL.RawQuery, http.StatusFound)
		case "/config.json":
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(config)
		default:
			http.ServeFile(w, r, filepath.Join("js", "hosted.html"))
		}
	}))
	t.Cleanup(app.Close)
	host = strings.Replace(app.URL, "127.0.0.1", "localhost", 1)
	bundle, secrets := writeBundle(t, hostedShop(app.URL+"/back"))
	server := startRowan(t, nil, "--dev", "--bundle", bundle, "--secrets", secrets)
	pool := func(id, client string) map[string]string {
		return map[string]string{"id": id, "client": client, "loginKey": "cognito-idp.us-east-1.amazonaws.com/" + id}
	}
	config = map[string]any{
		"url": server.url, "callback": app.URL + "/back", "identityPool": browserPool,
		"pools": map[string]any{"open": pool(userPool, appClient), "strict": pool(strictPool, strictClient)},
	}
	told := map[string]any{
		"app": host, "chromium": chromium, "mail": server.out, "region": region, "password": password,
		"role": assumed("Visitor", poolSession), "operator": map[string]string{"id": operatorKey, "secret": operatorSecret},
	}
	for name, value := range config {
		told[name] = value
	}
	text, err := json.Marshal(told)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, "hosted.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ROWAN_E2E="+string(text))
	runChecks(t, cmd)
}
