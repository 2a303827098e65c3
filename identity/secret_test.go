package identity_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// TestSecretNeverPrints tries each way by which values end up in logs, also
// from within a struct whose fields fmt may not call methods of.
func TestSecretNeverPrints(t *testing.T) {
	const text = "hunter2hunter2"
	s := identity.NewSecret([]byte(text))
	type holder struct {
		Public  identity.Secret
		private identity.Secret
		pointer *identity.Secret
	}
	h := holder{s, s, &s}
	var seen bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%b"} {
		for _, x := range []any{s, &s, h, &h, []identity.Secret{s}, map[string]identity.Secret{"a": s}, fmt.Errorf("x: %v", s)} {
			fmt.Fprintf(&seen, verb+"\n", x)
		}
	}
	seen.WriteString(s.String() + s.GoString())
	log := slog.New(slog.NewJSONHandler(&seen, nil))
	log.Info("x", "secret", s, "holder", h, "pointer", &s)
	slog.New(slog.NewTextHandler(&seen, nil)).Info("x", "secret", s, "holder", h)
	out, err := json.Marshal(h)
	require.NoError(t, err)
	seen.Write(out)
	text2, err := s.MarshalText()
	require.NoError(t, err)
	seen.Write(text2)
	require.Error(t, gob.NewEncoder(&seen).Encode(struct{ S identity.Secret }{s}))

	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprintf("%d", []byte(text)), "104, 117", "0x68, 0x75"} {
		require.NotContains(t, seen.String(), form)
	}
	require.Contains(t, seen.String(), "[secret]")
	require.Equal(t, text, string(s.Reveal()))
}

func TestSecretCompares(t *testing.T) {
	a, b := identity.NewSecret([]byte("a secret")), identity.NewSecret([]byte("a secret"))
	require.True(t, a.Equal(b))
	require.False(t, a.Equal(identity.NewSecret([]byte("A secret"))))
	require.False(t, a.Equal(identity.NewSecret([]byte("a secret "))))
	require.False(t, a.Equal(identity.Secret{}))
	require.True(t, identity.Secret{}.Equal(identity.NewSecret(nil)))
	require.True(t, identity.Secret{}.Empty())
	require.False(t, a.Empty())
}

// TestSecretIsACopy changes what went in and what came out.
func TestSecretIsACopy(t *testing.T) {
	in := []byte("a secret")
	s := identity.NewSecret(in)
	in[0] = 'X'
	s.Reveal()[1] = 'X'
	require.Equal(t, "a secret", string(s.Reveal()))
}

// TestSecretIsReadButNotBack reads one that a client sent, and refuses the
// print of one.
func TestSecretIsReadButNotBack(t *testing.T) {
	var in struct{ Password identity.Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"Password":"Tr0ub4dor&3"}`), &in))
	require.Equal(t, "Tr0ub4dor&3", string(in.Password.Reveal()))
	printed, err := json.Marshal(in)
	require.NoError(t, err)
	require.ErrorContains(t, json.Unmarshal(printed, &in), "printed")
}
