package bundle_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

func service(text string) fstest.MapFS { return with("services/s.yaml", text) }

func TestService(t *testing.T) {
	sum := sha256.Sum256([]byte("a key"))
	b, err := bundle.Load(service("keys: sha256:"+hex.EncodeToString(sum[:])+"\ncertificates: [orders.internal, spiffe://example.org/orders]\nuids: [0, 1001]\nrights: [policies, assert]\n"), "b", conditions.AWS())
	require.NoError(t, err)
	require.Len(t, b.Services, 1)
	s := b.Services[0]
	require.Equal(t, &bundle.Service{
		Name: "s", Keys: [][32]byte{sum}, Certificates: []string{"orders.internal", "spiffe://example.org/orders"},
		UIDs: []uint32{0, 1001}, Rights: []string{"assert", "policies"},
	}, s)
	require.True(t, s.Has(bundle.AssertRight))
	require.False(t, s.Has(bundle.ExplainRight))
	require.False(t, (*bundle.Service)(nil).Has(bundle.AssertRight))
}

func TestServiceRefused(t *testing.T) {
	hash := "sha256:" + hex.EncodeToString(make([]byte, 32))
	for name, x := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"known by nothing": {service("rights: [assert]"), "b/services/s.yaml:1:1: a service needs keys, certificates or uids to be known by"},
		"a key itself":     {service("keys: [hunter2]"), "b/services/s.yaml:1:8: /keys/0: want sha256: and 64 hexadecimal digits, as rowan keys service prints them"},
		"capitals":         {service("keys: [sha256:" + hex.EncodeToString(make([]byte, 31)) + "AB]"), "b/services/s.yaml:1:8: /keys/0: want sha256: and 64 hexadecimal digits, as rowan keys service prints them"},
		"a wildcard":       {service("certificates: ['*.internal']"), "b/services/s.yaml:1:16: /certificates/0: a name of a certificate has no wildcard"},
		"no uid":           {service("uids: [4294967295]"), `b/services/s.yaml:1:8: /uids/0: want a whole number from 0 to 4294967294, have "4294967295"`},
		"an unknown right": {service("uids: [0]\nrights: [admin]"), `b/services/s.yaml:2:10: /rights/0: want assert, explain, policies, have "admin"`},
		"a secret":         {service("uids: [0]\nsecret: x"), "b/services/s.yaml:2:1: /secret: no secret stands in a bundle: rowan serve takes secrets from the environment or a file outside it"},
		"a shared key":     {with("services/r.yaml", "keys: "+hash, "services/s.yaml", "keys: "+hash), "b/services/s.yaml:1:7: /keys: services/r.yaml has the same key"},
		"a shared uid":     {with("services/r.yaml", "uids: 7", "services/s.yaml", "uids: 7"), "b/services/s.yaml:1:7: /uids: services/r.yaml has the same uid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load(x.files, "b", conditions.AWS())
			require.EqualError(t, err, x.want)
		})
	}
}
