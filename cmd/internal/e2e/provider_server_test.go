package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

const (
	providerAccount = "111122223333"
	providerPool    = "us-east-1:0d9c7a1e-0000-4000-8000-000000000001"
	providerRoles   = "arn:aws:iam::" + providerAccount + ":role/"
)

// providerDeployment is a server with logins of providers that are not ours.
type providerDeployment struct {
	*server.Live
	url string
}

// nobody gets no messages.
type nobody struct{}

func (nobody) Send(context.Context, userpool.Message) error { return nil }

// serveProviders serves a bundle over HTTP on loopback, until the test ends.
func serveProviders(t *testing.T, files map[string]string) *providerDeployment {
	t.Helper()
	fsys := fstest.MapFS{"rowan.yaml": {Data: []byte(`account: "` + providerAccount + `"` + "\npartition: aws\nregion: us-east-1\n")}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := bundle.Load(fsys, "providers", conditions.AWS())
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &providerDeployment{url: "http://" + listener.Addr().String()}
	keys, err := identity.GenerateKeys(rand.Reader, time.Now())
	require.NoError(t, err)
	sessions, storage, err := identity.ParseKeys(keys)
	require.NoError(t, err)
	ring := func(keys []identity.Key) *identity.Keyring {
		r, err := identity.NewKeyring(keys, rand.Reader)
		require.NoError(t, err)
		return r
	}
	d.Live, err = server.New(t.Context(), server.Options{
		Bundle: b, Store: identity.NewMemory(), Sessions: ring(sessions), Storage: ring(storage), URL: d.url, Sender: nobody{},
		AllowLoopback: true, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(d.Live)
	require.NoError(t, s.Listener.Close())
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return d
}

// pools and sts are unmodified clients, which know no more than an address.
func (d *providerDeployment) pools() *cognitoidentity.Client {
	return cognitoidentity.New(cognitoidentity.Options{Region: "us-east-1", BaseEndpoint: aws.String(d.url)})
}

func (d *providerDeployment) sts() *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: aws.String(d.url)})
}

// whoami asks the server who signs with credentials.
func (d *providerDeployment) whoami(t *testing.T, id, secret, token string) string {
	t.Helper()
	client := sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(d.url), Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	})
	out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	return *out.Arn
}

// session opens the token of credentials.
func (d *providerDeployment) session(t *testing.T, id, token string) *identity.Session {
	t.Helper()
	s, err := d.Current().Sessions.Open(t.Context(), id, token)
	require.NoError(t, err)
	return s
}

// enhanced takes a login through both calls of the enhanced flow.
func (d *providerDeployment) enhanced(t *testing.T, key, token string) (identityID string, session *identity.Session, arn string) {
	t.Helper()
	logins := map[string]string{key: token}
	id, err := d.pools().GetId(t.Context(), &cognitoidentity.GetIdInput{IdentityPoolId: aws.String(providerPool), Logins: logins})
	require.NoError(t, err)
	out, err := d.pools().GetCredentialsForIdentity(t.Context(), &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: id.IdentityId, Logins: logins})
	require.NoError(t, err)
	require.Equal(t, id.IdentityId, out.IdentityId)
	c := out.Credentials
	require.WithinDuration(t, time.Now().Add(time.Hour), *c.Expiration, time.Minute)
	return *id.IdentityId, d.session(t, *c.AccessKeyId, *c.SessionToken), d.whoami(t, *c.AccessKeyId, *c.SecretKey, *c.SessionToken)
}

// refused holds that a login does not come in, and why.
func (d *providerDeployment) refused(t *testing.T, key, token, message string) {
	t.Helper()
	_, err := d.pools().GetId(t.Context(), &cognitoidentity.GetIdInput{IdentityPoolId: aws.String(providerPool), Logins: map[string]string{key: token}})
	requireAnswer(t, err, "NotAuthorizedException", message)
}

func requireAnswer(t *testing.T, err error, code, message string) {
	t.Helper()
	var answer smithy.APIError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, code, answer.ErrorCode())
	require.Contains(t, answer.ErrorMessage(), message)
}

// values are what policies see of a key in a session.
func values(t *testing.T, d *providerDeployment, s *identity.Session, key string) []string {
	t.Helper()
	caller, err := d.Current().Sessions.Caller(s)
	require.NoError(t, err)
	out, _ := caller.Session.Value(key)
	return out
}

// trust is a role's file: who may have it, and one table.
func trust(t *testing.T, principal, action, condition, value string) string {
	t.Helper()
	type object = map[string]any
	src, err := json.Marshal(object{
		"trust": object{"Version": "2012-10-17", "Statement": []object{{
			"Effect": "Allow", "Principal": object{"Federated": principal}, "Action": []string{action, "sts:TagSession"},
			"Condition": object{"StringEquals": object{condition: value}},
		}}},
		"inline": object{"Own": object{"Version": "2012-10-17", "Statement": []object{{
			"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:us-east-1:" + providerAccount + ":table/Own",
		}}}},
	})
	require.NoError(t, err)
	return string(src)
}

// get asks for a page of a provider's.
func get(t *testing.T, c *http.Client, address string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	w, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Body.Close()) })
	return w
}
