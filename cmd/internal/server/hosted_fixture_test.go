package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	app "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/mail"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity/userpool"
)

const (
	players      = "us-east-1_Players01"
	game         = "1example23456789"
	gameCallback = "http://localhost:3000/"
	password     = "Correct-Horse-9"
	newPassword  = "Another-Horse-8"
	verifier     = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge    = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// hostedFixture is a server on loopback, with people who come to it.
type hostedFixture struct {
	*fixture
	base string
	mail *mail.Sink
}

// newHosted serves the demo, whose players' pool is changed by pairs of old and
// new text.
func newHosted(t testing.TB, change func(*Options), pool ...string) *hostedFixture {
	t.Helper()
	h := &hostedFixture{mail: mail.NewSink(io.Discard)}
	web := httptest.NewUnstartedServer(nil)
	h.base = "http://" + web.Listener.Addr().String()
	h.fixture = newFixture(t, func(o *Options) {
		o.URL, o.Sender = h.base, h.mail
		if len(pool) > 0 {
			o.Bundle = demoWith(t, pool...)
		}
		if change != nil {
			change(o)
		}
	})
	web.Config.Handler = h.Live
	web.Start()
	t.Cleanup(web.Close)
	return h
}

func demoWith(t testing.TB, change ...string) *bundle.Bundle {
	t.Helper()
	changed := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(demo.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(demo.FS, name)
		if name == "pools/players.yaml" {
			for i := 0; i < len(change); i += 2 {
				require.Contains(t, string(text), change[i])
			}
			text = []byte(strings.NewReplacer(change...).Replace(string(text)))
		}
		changed[name] = &fstest.MapFile{Data: text}
		return err
	}))
	b, err := bundle.Load(changed, "demo", conditions.AWS())
	require.NoError(t, err)
	return b
}

// visit is a browser at a page. It keeps cookies, and follows no redirect.
type visit struct {
	t      testing.TB
	f      *hostedFixture
	client *http.Client
	status int
	header http.Header
	page   string
	// headers go with every post: what a browser says of where it comes from.
	headers http.Header
}

func (h *hostedFixture) browser() *visit {
	jar, err := cookiejar.New(nil)
	require.NoError(h.t, err)
	return &visit{t: h.t, f: h, headers: http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}}, client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func authorizeQuery(change ...string) string {
	v := url.Values{
		"response_type": {"code"}, "client_id": {game}, "redirect_uri": {gameCallback}, "scope": {"openid email"},
		"state": {"s1"}, "nonce": {"n1"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v.Encode()
}

func (v *visit) do(r *http.Request) *visit {
	w, err := v.client.Do(r)
	require.NoError(v.t, err)
	body, err := io.ReadAll(w.Body)
	require.NoError(v.t, err)
	require.NoError(v.t, w.Body.Close())
	v.status, v.header, v.page = w.StatusCode, w.Header, string(body)
	v.checkPage()
	return v
}

// checkPage holds what all pages have.
func (v *visit) checkPage() {
	h := v.header
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Content-Type": textHTML,
	} {
		require.Equal(v.t, want, h.Get(name), "%s: %.300s", name, v.page)
	}
	require.Empty(v.t, h.Get("Access-Control-Allow-Origin"))
	if v.page == "" {
		return
	}
	_, style, _ := strings.Cut(v.page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	require.Equal(v.t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", h.Get("Content-Security-Policy"))
	require.NotContains(v.t, v.page, "<script")
	require.NotContains(v.t, v.page, "ZgotmplZ")
	require.LessOrEqual(v.t, strings.Count(v.page, " autofocus"), 1)
	for _, id := range regexp.MustCompile(`<label for="([^"]*)"`).FindAllStringSubmatch(v.page, -1) {
		require.Contains(v.t, v.page, `<input id="`+id[1]+`"`)
	}
}

func (v *visit) open(path string) *visit {
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.f.base+path, http.NoBody)
	require.NoError(v.t, err)
	return v.do(r)
}

// authorize opens the page as an app has it opened.
func (v *visit) authorize(change ...string) *visit {
	return v.open("/" + players + "/oauth2/authorize?" + authorizeQuery(change...))
}

var (
	actionOf   = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	inputOf    = regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"`)
	alertOf    = regexp.MustCompile(`role="alert"[^>]*>([^<]*)<`)
	noticeOf   = regexp.MustCompile(`role="status">([^<]*)<`)
	titleOf    = regexp.MustCompile(`<h1>([^<]*)</h1>`)
	continueOf = regexp.MustCompile(`<a href="([^"]*)">Continue to `)
	leaveOf    = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)">`)
)

func (v *visit) one(re *regexp.Regexp) string {
	m := re.FindStringSubmatch(v.page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func (v *visit) title() string  { return v.one(titleOf) }
func (v *visit) alert() string  { return v.one(alertOf) }
func (v *visit) notice() string { return v.one(noticeOf) }

// fields is what the form has in it.
func (v *visit) fields() url.Values {
	out := url.Values{}
	for _, m := range inputOf.FindAllStringSubmatch(v.page, -1) {
		out.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return out
}

// submit fills in the form and posts it.
func (v *visit) submit(fill ...string) *visit {
	fields := v.fields()
	for i := 0; i < len(fill); i += 2 {
		fields.Set(fill[i], fill[i+1])
	}
	return v.post(v.one(actionOf), fields.Encode())
}

func (v *visit) post(path, body string) *visit {
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.f.base+path, strings.NewReader(body))
	require.NoError(v.t, err)
	for name, values := range v.headers {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", form)
	return v.do(r)
}

// follow opens the page that a link with the text leads to.
func (v *visit) follow(text string) *visit {
	m := regexp.MustCompile(`<a href="([^"]*)">` + regexp.QuoteMeta(text) + `</a>`).FindStringSubmatch(v.page)
	require.NotNil(v.t, m, "no link %q in %s", text, v.page)
	return v.open(html.UnescapeString(m[1]))
}

// back is where the page sends the browser, with what the app is told.
func (v *visit) back() url.Values {
	require.Equal(v.t, http.StatusOK, v.status, "%s", v.page)
	address := v.one(leaveOf)
	require.True(v.t, strings.HasPrefix(address, gameCallback+"?"), "%s", v.page)
	require.Equal(v.t, address, v.one(continueOf))
	at, err := url.Parse(address)
	require.NoError(v.t, err)
	return at.Query()
}

// post calls an endpoint of OAuth as a script of the app does.
func (h *hostedFixture) post(path string, values url.Values, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	h.t.Helper()
	w := h.send(http.MethodPost, path, form, values.Encode(), append(headers, "Origin", "http://localhost:3000")...)
	out := map[string]any{}
	if w.Body.Len() > 0 {
		require.NoError(h.t, json.Unmarshal(w.Body.Bytes(), &out), "%s", w.Body)
	}
	require.Equal(h.t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(h.t, "no-store", w.Header().Get("Cache-Control"))
	return w, out
}

func (h *hostedFixture) tokens(code string) map[string]any {
	h.t.Helper()
	w, out := h.post("/"+players+"/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {game}, "code": {code}, "redirect_uri": {gameCallback}, "code_verifier": {verifier},
	})
	require.Equal(h.t, http.StatusOK, w.Code, "%s", w.Body)
	return out
}

// player makes a confirmed user.
func (h *hostedFixture) player(name string) {
	h.t.Helper()
	_, err := h.Current().Directory.AdminCreateUser(h.t.Context(), &userpool.AdminCreateUserInput{
		UserPoolID: players, Username: name, MessageAction: "SUPPRESS",
		UserAttributes: []userpool.Attribute{{Name: "email", Value: name + "@example.com"}, {Name: "email_verified", Value: "true"}},
	})
	require.NoError(h.t, err)
	_, err = h.Current().Directory.AdminSetUserPassword(h.t.Context(), &userpool.AdminSetUserPasswordInput{
		UserPoolID: players, Username: name, Password: password, Permanent: true,
	})
	require.NoError(h.t, err)
}

func (h *hostedFixture) totp(secret string) string {
	code, err := app.GenerateCode(secret, h.at)
	require.NoError(h.t, err)
	return code
}

// code is the last one that was mailed to jane.
func (h *hostedFixture) code() string {
	m, ok := h.mail.Last("jane@example.com")
	require.True(h.t, ok)
	return string(m.Code)
}

// pass moves the clock.
func (h *hostedFixture) pass(d time.Duration) { h.at = h.at.Add(d) }
