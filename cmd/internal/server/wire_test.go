package server

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

const guest = `{"IdentityPoolId":"` + demoPool + `"}`

func TestJSONAnswer(t *testing.T) {
	f := newFixture(t, nil)
	w := f.call(identities+"GetId", guest)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, json11, w.Header().Get("Content-Type"))
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Expose-Headers"), "x-amzn-ErrorType")
	require.Equal(t, f.at.UTC().Format(http.TimeFormat), w.Header().Get("Date"))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, w.Header().Get("X-Amzn-Requestid"))
	require.Regexp(t, `^\{"IdentityId":"us-east-1:[0-9a-f-]{36}"\}$`, w.Body.String())

	// Newer clients send what we do not know, and media types have parameters.
	w = f.send(http.MethodPost, "/", "Application/X-Amz-Json-1.1; charset=utf-8", `{"IdentityPoolId":"`+demoPool+`","New":{"a":[1]}}`, "X-Amz-Target", identities+"GetId")
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
}

func TestRefusalsBelowOperations(t *testing.T) {
	f := newFixture(t, nil)
	for name, c := range map[string]struct {
		target, body string
		code         string
	}{
		"unknown service":            {"DynamoDB_20120810.ListTables", "{}", "UnknownOperationException"},
		"unknown operation":          {identities + "GetID", guest, "UnknownOperationException"},
		"operation of the other":     {users + "GetId", guest, "UnknownOperationException"},
		"prefix with a dot more":     {"x." + identities + "GetId", guest, "UnknownOperationException"},
		"no target":                  {"", guest, "UnknownOperationException"},
		"administrators' operation":  {"rowan.Whoami", guest, "UnknownOperationException"},
		"no JSON":                    {identities + "GetId", "{", "SerializationException"},
		"empty":                      {identities + "GetId", "", "SerializationException"},
		"array":                      {identities + "GetId", "[]", "SerializationException"},
		"trailing":                   {identities + "GetId", guest + "{}", "SerializationException"},
		"deep":                       {identities + "GetId", `{"a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "SerializationException"},
		"number for a string":        {identities + "GetId", `{"IdentityPoolId":1}`, "SerializationException"},
		"string for an object":       {identities + "GetId", `{"IdentityPoolId":"x","Logins":"y"}`, "SerializationException"},
		"object for a string":        {identities + "GetId", `{"IdentityPoolId":{"a":"b"}}`, "SerializationException"},
		"missing":                    {identities + "GetId", `{}`, "InvalidParameterException"},
		"pools come from the bundle": {identities + "DeleteIdentityPool", guest, "NotAuthorizedException"},
		"not supported":              {users + "ListDevices", `{"AccessToken":"x"}`, "InvalidParameterException"},
		"unsigned":                   {identities + "ListIdentities", `{"IdentityPoolId":"` + demoPool + `","MaxResults":1}`, "MissingAuthenticationTokenException"},
	} {
		t.Run(name, func(t *testing.T) {
			requireJSONError(t, f.call(c.target, c.body), http.StatusBadRequest, c.code)
		})
	}
	requireJSONError(t, f.send(http.MethodPost, "/", json11, guest, "X-Amz-Target", identities+"GetId", "X-Amz-Target", identities+"GetId"), 400, "UnknownOperationException")
	for _, contentType := range []string{"", "text/plain", "application/json", "application/x-amz-json-1.0"} {
		requireJSONError(t, f.send(http.MethodPost, "/", contentType, guest, "X-Amz-Target", identities+"GetId"), 400, "UnknownOperationException")
	}
	requireJSONError(t, f.send(http.MethodPut, "/", json11, guest), 400, "UnknownOperationException")
	requireJSONError(t, f.send(http.MethodGet, "/", "", ""), 404, "UnknownOperationException")
	for _, path := range []string{"/nothing", "//", "/./", "/-/../-/ready", "/%2e/ready", "/admin/nothing", "/us-east-1_Nobody001/.well-known/jwks.json"} {
		requireJSONError(t, f.send(http.MethodGet, path, "", ""), 404, "UnknownOperationException")
	}
	w := f.send(http.MethodPost, "/-/ready", "", "")
	requireJSONError(t, w, http.StatusMethodNotAllowed, "UnknownOperationException")
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	requireJSONError(t, f.call(identities+"GetId", `{"a":"`+strings.Repeat("x", maxBody)+`"}`), http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException")
	requireJSONError(t, f.send(http.MethodGet, "http://other.example.com/", "", ""), 400, "UnknownOperationException")
}

func TestThreatDuplicateOrCaseVariantMembers(t *testing.T) {
	f := newFixture(t, nil)
	for _, body := range []string{
		`{"IdentityPoolId":"` + demoPool + `","IdentityPoolId":"other"}`,
		`{"IdentityPoolId":"` + demoPool + `","identityPoolId":"other"}`,
		`{"IdentityPoolId":"` + demoPool + `","\u0049dentityPoolId":"other"}`,
		`{"identitypoolid":"` + demoPool + `"}`,
		`{"IdentityPoolId":"` + demoPool + `","logins":{}}`,
		`{"IdentityPoolId":"` + demoPool + `","Loginſ":{}}`, // the long s, which folds to s
		`{"IdentityPoolId":"` + demoPool + `","Login\u017f":{}}`,
	} {
		requireJSONError(t, f.call(identities+"GetId", body), 400, "SerializationException")
	}
	message := requireJSONError(t, f.call(users+"SignUp", `{"ClientId":"1example23456789","Username":"x","UserAttributes":[{"Name":"email","value":"y"}]}`), 400, "SerializationException")
	require.Contains(t, message, `"Value"`)
	// Names within a map are the client's own.
	require.Nil(t, shapeOf(reflect.TypeFor[map[string]string]()))
}

func TestThreatHeaderInjection(t *testing.T) {
	f := newFixture(t, nil)
	type in struct{ IdentityPoolID string }
	f.Current().handler.services[0].operations["GetId"] = public(func(_ context.Context, i *in) (*in, error) {
		return nil, identity.Errorf(identity.InvalidParameter, "no pool %s", i.IdentityPoolID)
	})
	w := f.call(identities+"GetId", `{"IdentityPoolID":"x\r\nSet-Cookie: a=b\u20ac"}`)
	message := requireJSONError(t, w, 400, "InvalidParameterException")
	require.Contains(t, message, "\r\nSet-Cookie", "the body may say it")
	require.Empty(t, w.Header().Get("Set-Cookie"))
	for name, values := range w.Header() {
		for _, v := range values {
			require.NotContains(t, v, "\n", name)
			require.NotContains(t, v, "€", name)
		}
	}
}

// TestPanicIsAnswered holds that a fault of ours is a JSON answer too, and that
// it says nothing.
func TestPanicIsAnswered(t *testing.T) {
	f := newFixture(t, nil)
	type in struct{}
	f.Current().handler.services[0].operations["GetId"] = public(func(context.Context, *in) (*in, error) {
		var none []string
		return nil, errors.New(none[slices.Index(none, "")]) // -1
	})
	w := f.call(identities+"GetId", `{}`)
	message := requireJSONError(t, w, http.StatusInternalServerError, "InternalErrorException")
	require.NotContains(t, message, "index")
	require.Contains(t, f.log.String(), `"msg":"panic"`)

	f.Current().handler.services[0].operations["GetId"] = public(func(context.Context, *in) (*in, error) { return nil, errors.New("postgres://user:pass@host") })
	message = requireJSONError(t, f.call(identities+"GetId", `{}`), http.StatusInternalServerError, "InternalErrorException")
	require.NotContains(t, message, "postgres")
	f.Current().handler.services[0].operations["GetId"] = public(func(context.Context, *in) (*in, error) {
		return nil, identity.Errorf(identity.NotAuthorized, "No.").Because(errors.New("inner"))
	})
	require.Equal(t, "No.", requireJSONError(t, f.call(identities+"GetId", `{}`), 400, "NotAuthorizedException"))
}

func TestPreflight(t *testing.T) {
	f := newFixture(t, nil)
	w := f.send(http.MethodOptions, "/", "", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type, x-amz-target,x-amz-user-agent, bad name,evil\tname,"+strings.Repeat("a", 65))
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "POST", w.Header().Get("Access-Control-Allow-Methods"))
	require.Equal(t, "content-type,x-amz-target,x-amz-user-agent", w.Header().Get("Access-Control-Allow-Headers"))
	require.Equal(t, "172800", w.Header().Get("Access-Control-Max-Age"))
	require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
	require.Empty(t, f.send(http.MethodOptions, "/admin/whoami", "", "").Header().Get("Access-Control-Allow-Origin"))
}

func TestRateLimit(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Rate = Rate{PerSecond: 1, Burst: 2} })
	from := func(address string) int {
		w := f.call(identities+"GetId", guest, "RemoteAddr", address, "X-Forwarded-For", "192.0.2.99")
		if w.Code != http.StatusOK {
			requireJSONError(t, w, 400, "TooManyRequestsException")
		}
		return w.Code
	}
	require.Equal(t, []int{200, 200, 400, 400}, []int{from("192.0.2.1:1"), from("192.0.2.1:2"), from("192.0.2.1:3"), from("192.0.2.1:4")})
	require.Equal(t, 200, from("192.0.2.2:1"))
	f.at = f.at.Add(time.Second)
	require.Equal(t, []int{200, 400}, []int{from("192.0.2.1:5"), from("192.0.2.1:6")}, "what was refused did not count")
	require.Equal(t, []int{200, 200, 400}, []int{from("[2001:db8::1]:1"), from("[2001:db8::2]:1"), from("[2001:db8::3]:1")}, "one network")
	require.Equal(t, 200, from("[2001:db8:0:1::1]:1"))
	require.Equal(t, []int{200, 200, 200}, []int{from("@"), from("@"), from("@")}, "a local socket")

	// Wrong signatures count; good ones do not.
	unsigned := func() string {
		w := f.call(identities+"ListIdentities", guest, "RemoteAddr", "192.0.2.3:1")
		return strings.TrimSuffix(w.Header().Get("X-Amzn-Errortype"), ":")
	}
	require.Equal(t, []string{"MissingAuthenticationTokenException", "MissingAuthenticationTokenException", "TooManyRequestsException"},
		[]string{unsigned(), unsigned(), unsigned()})
	garbage := func() string {
		return stsCode(t, f.send(http.MethodPost, "/", form, "x", "RemoteAddr", "192.0.2.4:1").Body.Bytes())
	}
	require.Equal(t, []string{"MissingAction", "MissingAction", "Throttling"}, []string{garbage(), garbage(), garbage()})
}

// TestThreatLimitByNetworks: the networks of one site are not so many clients.
func TestThreatLimitByNetworks(t *testing.T) {
	l := newLimiter(Rate{PerSecond: 1, Burst: 2})
	at := time.Unix(1e9, 0)
	taken := 0
	take := func(site byte, i int) bool {
		return l.take(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, site, byte(i >> 8), byte(i)}), at)
	}
	for i := range 1000 {
		if take(1, i) {
			taken++
		}
	}
	require.Equal(t, siteShare*2, taken)
	require.Len(t, l.buckets, taken+1, "nor do they fill the memory")
	require.True(t, take(2, 1))
	at = at.Add(time.Second)
	for i := range siteShare {
		require.True(t, take(1, 2000+i))
	}
	require.False(t, take(1, 3000))
}

func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter(Rate{PerSecond: 1, Burst: 1})
	f := &fixture{at: time.Unix(1e9, 0)}
	first := httpauth.ClientOf(&http.Request{RemoteAddr: "192.0.2.1:1"}).Address
	require.True(t, l.take(first, f.at))
	a := first
	for range maxAddresses {
		a = a.Next()
		l.take(a, f.at)
	}
	require.Len(t, l.buckets, maxAddresses)
	require.Equal(t, maxAddresses, l.recent.Len())
	require.True(t, l.take(first, f.at), "it was forgotten")
	require.False(t, newLimiter(Rate{}).take(first, f.at))
}

// TestAuthorizationIsIgnored: an operation that needs no signature grants
// nothing because of one, and fails for none.
func TestAuthorizationIsIgnored(t *testing.T) {
	f := newFixture(t, nil)
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest, "Authorization", "AWS4-HMAC-SHA256 nonsense").Code)
}

// TestTable holds the table against the models of the SDKs: every operation is
// there, or refused by name, and those that may be called unsigned are those of
// identity-protocol §0.2.
func TestTable(t *testing.T) {
	f := newFixture(t, nil)
	models := []reflect.Type{reflect.TypeFor[*cognitoidentity.Client](), reflect.TypeFor[*cip.Client]()}
	unsigned := []string{
		"GetId", "GetCredentialsForIdentity", "GetOpenIdToken", "UnlinkIdentity",
		"SignUp", "ConfirmSignUp", "ResendConfirmationCode", "InitiateAuth", "RespondToAuthChallenge", "ForgotPassword",
		"ConfirmForgotPassword", "RevokeToken", "GetTokensFromRefreshToken",
		"GetUser", "UpdateUserAttributes", "DeleteUserAttributes", "GetUserAttributeVerificationCode", "VerifyUserAttribute",
		"ChangePassword", "DeleteUser", "GlobalSignOut", "SetUserMFAPreference", "AssociateSoftwareToken", "VerifySoftwareToken",
	}
	for i, s := range f.Current().handler.services {
		count := 0
		for n := range models[i].NumMethod() {
			name := models[i].Method(n).Name
			if name == "Options" {
				continue
			}
			count++
			op, there := s.operations[name]
			require.True(t, there != (slices.Contains(s.fixed, name) || slices.Contains(s.missing, name)), "%s %s", s.name, name)
			if there {
				require.Equal(t, slices.Contains(unsigned, name), !op.signed, "%s %s", s.name, name)
			}
		}
		require.Equal(t, count, len(s.operations)+len(s.fixed)+len(s.missing), s.name)
		for name, op := range s.operations {
			if op.member != "" {
				require.Contains(t, op.shape.members, op.member, name)
			}
		}
	}
	for _, name := range adminNames {
		require.True(t, f.Current().handler.admin.operations[name].signed, name)
	}
}

func stsCode(t testing.TB, body []byte) string {
	t.Helper()
	var e struct {
		XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Type    string   `xml:"Error>Type"`
		Code    string   `xml:"Error>Code"`
		ID      string   `xml:"RequestId"`
	}
	require.NoError(t, xml.Unmarshal(body, &e), "%s", body)
	require.NotEmpty(t, e.ID)
	return e.Code
}

func TestQueryRefusals(t *testing.T) {
	f := newFixture(t, nil)
	const version = "&Version=2011-06-15"
	for body, want := range map[string]string{
		"":                                           "MissingAction",
		"Version=2011-06-15":                         "MissingAction",
		"Action=GetCallerIdentity":                   "InvalidAction",
		"Action=AssumeRole" + version:                "InvalidAction",
		"Action=%zz":                                 "MalformedQueryString",
		"Action=a&Action=b" + version:                "MalformedQueryString",
		"Action=a;b" + version:                       "MalformedQueryString",
		strings.Repeat("a=&", 200):                   "MalformedQueryString",
		"Action=GetCallerIdentity" + version:         "MissingAuthenticationToken",
		"Action=AssumeRoleWithWebIdentity" + version: "ValidationError",
		"Action=AssumeRoleWithWebIdentity&DurationSeconds=900s" + version:                                                                    "ValidationError",
		"Action=AssumeRoleWithWebIdentity&DurationSeconds=1e9" + version:                                                                     "ValidationError",
		"Action=AssumeRoleWithSAML" + version:                                                                                                "ValidationError",
		"Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::111122223333:role/Player&RoleSessionName=app&WebIdentityToken=abcd" + version: "InvalidIdentityToken",
	} {
		w := f.send(http.MethodPost, "/", form+"; charset=utf-8", body)
		require.Equal(t, want, stsCode(t, w.Body.Bytes()), "%.200q", body)
		require.Equal(t, textXML, w.Header().Get("Content-Type"))
		require.GreaterOrEqual(t, w.Code, 400)
	}
	w := f.send(http.MethodPost, "/", form, strings.Repeat("x", maxBody+1))
	require.Equal(t, "RequestEntityTooLarge", stsCode(t, w.Body.Bytes()))
}

func TestHealth(t *testing.T) {
	f := newFixture(t, nil)
	require.Equal(t, http.StatusOK, f.send(http.MethodGet, "/-/healthy", "", "").Code)
	require.Equal(t, http.StatusOK, f.send(http.MethodGet, "/-/ready", "", "").Code)
	kept := f.Current().store
	f.Current().store = broken{kept}
	f.at = f.at.Add(time.Second)
	require.Equal(t, http.StatusServiceUnavailable, f.send(http.MethodGet, "/-/ready", "", "").Code)
	f.Current().store = kept
	f.at = f.at.Add(time.Second)
	require.Equal(t, http.StatusOK, f.send(http.MethodGet, "/-/ready", "", "").Code)
	f.Drain()
	require.Equal(t, http.StatusServiceUnavailable, f.send(http.MethodGet, "/-/ready", "", "").Code)
	require.Equal(t, http.StatusOK, f.send(http.MethodGet, "/-/healthy", "", "").Code)
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
}

// TestThreatReadinessFlood: whoever asks whether the store answers does not keep
// others from it.
func TestThreatReadinessFlood(t *testing.T) {
	f := newFixture(t, nil)
	counted := &counting{Store: f.Current().store}
	f.Current().store = counted
	for range 3 {
		f.at = f.at.Add(time.Second)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if code := f.send(http.MethodGet, "/-/ready", "", "").Code; code != http.StatusOK {
					t.Error(code)
				}
			})
		}
		all.Wait()
	}
	require.EqualValues(t, 3, counted.views.Load())
}

type counting struct {
	identity.Store
	views atomic.Int64
}

func (c *counting) View(ctx context.Context, f func(identity.Tx) error) error {
	c.views.Add(1)
	return c.Store.View(ctx, f)
}

type broken struct{ identity.Store }

func (broken) View(context.Context, func(identity.Tx) error) error { return errors.New("gone") }
