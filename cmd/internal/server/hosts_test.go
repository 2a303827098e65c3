package server

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// A host that was signed is taken, unless the hosts are named and it is none of
// them.
func TestHosts(t *testing.T) {
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	for _, c := range []struct {
		hosts  []string
		status int
	}{
		{nil, http.StatusOK},
		{[]string{"other.example.com", "auth.example.com"}, http.StatusOK},
		{[]string{"other.example.com"}, http.StatusForbidden},
	} {
		f := newFixture(t, func(o *Options) {
			o.Hosts = c.hosts
			o.Secrets = &Secrets{AccessKeys: map[string]identity.Secret{demoKey: identity.NewSecret([]byte("secret"))}}
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://auth.example.com/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		credentials := aws.Credentials{AccessKeyID: demoKey, SecretAccessKey: "secret"}
		sum := sha256.Sum256([]byte(body))
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "sts", "us-east-1", f.at))
		r.RequestURI = "/"
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code, "%v: %s", c.hosts, w.Body)
	}
}
