package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
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

// FuzzShape compares what an operation is given with what an exact reader of
// names makes of the same body: two programs must not read one request
// differently.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{
		`{"IdentityId":"a","Logins":{"b":"c"},"CustomRoleArn":"d"}`, `{"identityId":"a"}`, `{"IdentityId":"a","IDENTITYID":"b"}`,
		`{"IdentityId":"a","\u0049dentityId":"b"}`, `{"IdentityId":null,"Logins":null}`, `{"Loginſ":{"a":"b"}}`, `{"LoginS":{"a":"b"}}`,
		`{"IdentityId":"\ud800"}`, "{\"IdentityId\":\"\xff\"}", `{"Logins":{"a":"b","A":"c"}}`, `{"IdentityId":{"IdentityId":"a"}}`, ` {} `, `{"New":[{"IdentityId":"a"}]}`,
	} {
		f.Add([]byte(seed))
	}
	var given *identity.GetCredentialsForIdentityInput
	op := public(func(_ context.Context, in *identity.GetCredentialsForIdentityInput) (*struct{}, error) {
		given = in
		return &struct{}{}, nil
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		members, err := op.read(body)
		if err != nil {
			return
		}
		if _, err = op.run(t.Context(), body); err != nil {
			return
		}
		exact := identity.GetCredentialsForIdentityInput{}
		exact.IdentityID, _ = members["IdentityId"].(string)
		exact.CustomRoleARN, _ = members["CustomRoleArn"].(string)
		for name, value := range mapOf(members["Logins"]) {
			text, _ := value.(string)
			if exact.Logins == nil {
				exact.Logins = map[string]string{}
			}
			exact.Logins[name] = text
		}
		require.Equal(t, exact.IdentityID, given.IdentityID)
		require.Equal(t, exact.CustomRoleARN, given.CustomRoleARN)
		require.Len(t, given.Logins, len(exact.Logins))
		for name, value := range exact.Logins {
			require.Equal(t, value, given.Logins[name])
		}
	})
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// FuzzSecrets reads any secrets file. What is taken has no empty secret, and an
// error quotes nothing of the file.
func FuzzSecrets(f *testing.F) {
	for _, seed := range []string{
		"accessKeys: {" + demoKey + ": hunter2hunter2hunter2}\n", "clients: {1example23456789: hunter2hunter2hunter2}\n",
		"facebook: {appId: '1', appSecret: hunter2hunter2hunter2, endpoint: 'https://graph.facebook.com'}\n", "smtp: {password: hunter2hunter2hunter2}\n",
		"accessKeys: &a {b: *a}\n", "accessKeys: hunter2hunter2hunter2\n", "hunter2hunter2hunter2: x\n", "{", "--- a\n--- b\n", "a: !!binary hunter2hunter2hunter2", "<<: {smtp: {password: hunter2hunter2hunter2}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := ParseSecrets(src)
		if err != nil {
			require.Nil(t, s)
			if !strings.HasSuffix(err.Error(), "is empty") { // which names the id
				require.NotContains(t, err.Error(), "hunter2")
			}
			return
		}
		for _, all := range []map[string]identity.Secret{s.AccessKeys, s.Clients} {
			for name, secret := range all {
				require.NotEmpty(t, name)
				require.NotEmpty(t, secret.Reveal())
			}
		}
		require.NotContains(t, fmt.Sprintf("%v %+v", s, *s), "hunter2hunter2hunter2")
	})
}
