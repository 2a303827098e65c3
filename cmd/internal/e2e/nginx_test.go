package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

var nginxBlock = regexp.MustCompile("(?ms)^```nginx\n(.*?)^```$")

// TestNginx puts Debian's nginx, configured as docs/http.md shows, in front of a
// small server, and asks with tokens of users who have signed in.
func TestNginx(t *testing.T) {
	t.Parallel()
	program := needs.Nginx(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "http.md"))
	require.NoError(t, err)
	block := nginxBlock.FindSubmatch(text)
	require.NotNil(t, block)
	bundle := t.TempDir()
	require.NoError(t, os.CopyFS(bundle, os.DirFS(filepath.Join("..", "..", "..", "bundle", "demo", "gamescores"))))
	require.NoError(t, os.RemoveAll(filepath.Join(bundle, "tests")))
	replaceIn(t, filepath.Join(bundle, "policies", "Leaderboard.json"), `"Statement": [`, `"Statement": [
		{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:us-east-1:111122223333:shop/$default/GET/orders/*"},`)
	replaceIn(t, filepath.Join(bundle, "policies", "KeepRows.json"), `"Statement": [`, `"Statement": [{"Effect": "Allow", "Action": "execute-api:*", "Resource": "*"},`)
	server := startRowan(t, nil, "--dev", "--bundle", bundle, "--http-listen", "127.0.0.1:0")
	asked := server.said(t, "answering http on ")
	token := server.idToken(t, "alice")

	seen := make(chan http.Header, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		_, _ = io.WriteString(w, r.RequestURI)
	}))
	t.Cleanup(upstream.Close)
	front := startNginx(t, program, strings.NewReplacer("127.0.0.1:8082", asked, "127.0.0.1:9000", upstream.Listener.Addr().String()).Replace(string(block[1])))

	keys, err := httpauth.NewDataKeys("http://"+asked+"/alb-keys", nil, time.Now)
	require.NoError(t, err)
	verifier, err := httpauth.NewDataVerifier(httpauth.DataOptions{
		Signer: "arn:aws:execute-api:us-east-1:111122223333:shop/$default", Issuer: server.url, Client: "shop", Key: keys.Key, Now: time.Now,
	})
	require.NoError(t, err)

	for name, x := range map[string]struct {
		method, path string
		headers      []string
		want         int
	}{
		"an order":         {"GET", "/orders/7?x=1", []string{"Authorization", "Bearer " + token}, 200},
		"forged headers":   {"GET", "/orders/7", []string{"Authorization", "Bearer " + token, "X-Rowan-Identity", "root", "X_Rowan_Identity", "root", "X-Rowan-Principal", "root", "X-Original-URI", "/orders/7", "X-Forwarded-Uri", "/orders/1"}, 200},
		"another method":   {"DELETE", "/orders/7", []string{"Authorization", "Bearer " + token}, 403},
		"a forged path":    {"GET", "/admin", []string{"Authorization", "Bearer " + token, "X-Original-URI", "/orders/7"}, 403},
		"a forged method":  {"DELETE", "/orders/7", []string{"Authorization", "Bearer " + token, "X-Original-Method", "GET"}, 403},
		"no token":         {"GET", "/orders/7", nil, 401},
		"a bad token":      {"GET", "/orders/7", []string{"Authorization", "Bearer " + token + "x"}, 401},
		"two readings":     {"GET", "/orders/..%2fadmin", []string{"Authorization", "Bearer " + token}, 403},
		"an empty segment": {"GET", "/orders//7", []string{"Authorization", "Bearer " + token}, 403},
		"a forged host":    {"GET", "/orders/7", []string{"Authorization", "Bearer " + token, "X-Original-Host", "evil", "X-Original-Client", "6.6.6.6", "X-Original-Proto", "https", "Connection", "close, X-Rowan-Identity"}, 200},
		"forged data":      {"GET", "/orders/7", []string{"Authorization", "Bearer " + token, "X-Amzn-Oidc-Data", "root", "x_amzn_oidc_data", "root", "X-Amzn-Oidc-Identity", "root", "X-Rowan-Subject", "root", "X_ROWAN_SUBJECT", "root"}, 200},
		"two tokens":       {"GET", "/orders/7", []string{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token}, 400}, // nginx's own
		"a slash more":     {"GET", "/orders/7/", []string{"Authorization", "Bearer " + token}, 403},
		"a forged key":     {"GET", "/orders/7", []string{"Authorization", "Bearer " + token, "X-Rowan-Service-Key", "x"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			code, body := rawRequest(t, front, x.method, x.path, x.headers)
			require.Equal(t, x.want, code, "%s", body)
			if x.want != http.StatusOK {
				require.Empty(t, seen, "what was refused came through")
				return
			}
			require.Equal(t, x.path, body)
			h := <-seen
			require.Len(t, h["X-Rowan-Identity"], 1)
			require.Regexp(t, `^us-east-1:[0-9a-f-]{36}$`, h.Get("X-Rowan-Identity"))
			require.Contains(t, h.Get("X-Rowan-Principal"), "assumed-role/Player/")
			require.NotContains(t, fmt.Sprint(h), "root")
			require.Len(t, h["X-Amzn-Oidc-Data"], 1)
			data, err := verifier.Verify(t.Context(), h.Get("X-Amzn-Oidc-Data"))
			require.NoError(t, err)
			require.Equal(t, h.Get("X-Rowan-Identity"), data.Claim("sub"))
		})
	}
}

func replaceIn(t testing.TB, file, before, after string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), before)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), before, after, 1)), 0o600))
}

// startNginx starts nginx with the locations of a server and returns where it
// listens.
func startNginx(t testing.TB, program, locations string) (address string) {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = l.Addr().String()
	require.NoError(t, l.Close())
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen %[2]s; %[3]s }
}`, dir, address, locations)
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	log := &safeBuffer{}
	cmd := exec.CommandContext(t.Context(), program, "-c", file, "-p", dir, "-e", "stderr")
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context ended it
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, 20*time.Second, 10*time.Millisecond, "nginx does not listen: %s", log)
	return address
}

// rawRequest sends a request as it is, without a client's opinion of it.
func rawRequest(t testing.TB, address, method, target string, headers []string) (code int, body string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.0\r\nHost: shop.example.com\r\n", method, target)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	_, err = io.WriteString(c, b.String()+"\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(c)
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(all), "HTTP/1.1 %d", &code)
	require.NoError(t, err, "%s", all)
	_, text, _ := bytes.Cut(all, []byte("\r\n\r\n"))
	return code, string(text)
}

// idToken signs a user up and in at the demo's user pool.
func (s *rowanServer) idToken(t testing.TB, name string) string {
	t.Helper()
	const client, password = "1example23456789", "Correct-horse-7-battery"
	s.cognito(t, "SignUp", map[string]any{
		"ClientId": client, "Username": name, "Password": password,
		"UserAttributes": []map[string]string{{"Name": "email", "Value": name + "@example.com"}},
	}, nil)
	var code string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(s.out)
		found := regexp.MustCompile(`\b[0-9]{6}\b`).FindAllString(string(text), -1)
		if err != nil || len(found) == 0 {
			return false
		}
		code = found[len(found)-1]
		return true
	}, 20*time.Second, 20*time.Millisecond, "no code was sent")
	s.cognito(t, "ConfirmSignUp", map[string]any{"ClientId": client, "Username": name, "ConfirmationCode": code}, nil)
	var out struct {
		AuthenticationResult struct {
			IDToken string `json:"IdToken"`
		}
	}
	s.cognito(t, "InitiateAuth", map[string]any{
		"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
		"AuthParameters": map[string]string{"USERNAME": name, "PASSWORD": password},
	}, &out)
	require.NotEmpty(t, out.AuthenticationResult.IDToken)
	return out.AuthenticationResult.IDToken
}

// cognito calls an operation of the user pools.
func (s *rowanServer) cognito(t testing.TB, operation string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.StatusCode, "%s: %s", operation, text)
	if out != nil {
		require.NoError(t, json.Unmarshal(text, out))
	}
}

// TestGuideHTTP runs the call of docs/http.md and of the README as they stand
// there, but for the port.
func TestGuideHTTP(t *testing.T) {
	t.Parallel()
	needs.Commands(t, "curl")
	server := startRowan(t, nil, "--dev", "--http-listen", "127.0.0.1:0")
	address, ran := server.said(t, "answering http on "), 0
	for _, file := range []string{filepath.Join("docs", "http.md"), "README.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", file))
		require.NoError(t, err)
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(block[1], "curl") {
				continue
			}
			require.Contains(t, block[1], "127.0.0.1:8082")
			var answer map[string]any
			require.NoError(t, json.Unmarshal([]byte(output(t, exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(block[1], "127.0.0.1:8082", address)))), &answer))
			if strings.Contains(block[1], "/access/") {
				require.Equal(t, true, answer["decision"])
			} else {
				require.Equal(t, "allowed", answer["decision"])
			}
			ran++
		}
	}
	require.Equal(t, 3, ran)
}
