package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzJSONRequest sends any body to any target: the answer is always JSON, and
// a refusal has its four parts.
func FuzzJSONRequest(f *testing.F) {
	f.Add(identities+"GetId", []byte(guest), json11)
	f.Add(identities+"GetCredentialsForIdentity", []byte(`{"IdentityId":"us-east-1:0","Logins":{"accounts.google.com":"a.b.c"}}`), json11)
	f.Add(users+"InitiateAuth", []byte(`{"AuthFlow":"USER_SRP_AUTH","ClientId":"1example23456789","AuthParameters":{"USERNAME":"x","SRP_A":"00"}}`), json11)
	f.Add(users+"SignUp", []byte(`{"ClientId":"1example23456789","Username":"x","Password":"y","UserAttributes":[{"Name":"email"}]}`), json11)
	f.Add(users+"AdminGetUser", []byte(`{}`), "Application/X-Amz-Json-1.1 ; charset=x")
	f.Add(identities+"GetId", []byte(`{"IdentityPoolId":null,"Logins":null}`), json11)
	f.Add("", []byte{0xff}, "")
	h := newFixture(f, nil)
	f.Fuzz(func(t *testing.T, target string, body []byte, contentType string) {
		if strings.HasPrefix(strings.ToLower(contentType), form) {
			return // FuzzQueryRequest's
		}
		w := h.send(http.MethodPost, "/", contentType, string(body), "X-Amz-Target", target)
		require.True(t, json.Valid(w.Body.Bytes()), "%q", w.Body)
		require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s", w.Body)
		if w.Code == http.StatusOK {
			return
		}
		var e struct {
			Type string `json:"__type"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
		require.Equal(t, e.Type+":", w.Header().Get("X-Amzn-Errortype"))
		for _, values := range w.Header() {
			require.NotContains(t, strings.Join(values, ""), "\n")
		}
	})
}

// FuzzQueryRequest sends any form: the answer is always an error of STS, since
// nobody here has a token or a signature.
func FuzzQueryRequest(f *testing.F) {
	f.Add("Action=GetCallerIdentity&Version=2011-06-15")
	f.Add("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/Player&RoleSessionName=app1&WebIdentityToken=a.b.c&PolicyArns.member.1.arn=x&DurationSeconds=900")
	f.Add("Action=AssumeRoleWithSAML&Version=2011-06-15&PrincipalArn=x&SAMLAssertion=PHg%2B")
	f.Add("Action=%zz&;=&=")
	h := newFixture(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		w := h.send(http.MethodPost, "/", form, body)
		require.GreaterOrEqual(t, w.Code, 400)
		require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s", w.Body)
		require.NotEmpty(t, stsCode(t, w.Body.Bytes()))
	})
}
