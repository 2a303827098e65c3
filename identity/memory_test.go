package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/storetest"
)

func TestMemoryKeepsItsOwnCopies(t *testing.T) {
	m := identity.NewMemory()
	value := []byte("one")
	put := func(tx identity.Tx) error {
		return tx.Put(identity.Record{Kind: "k", Key: "a", Value: value, Expires: time.Unix(9, 1999)})
	}
	require.NoError(t, m.Update(t.Context(), put))
	value[0] = 'X'
	for range 2 {
		require.NoError(t, m.View(t.Context(), func(tx identity.Tx) error {
			r, err := tx.Get("k", "a")
			require.NoError(t, err)
			require.Equal(t, "one", string(r.Value))
			require.Equal(t, time.Unix(9, 1000).UTC(), r.Expires)
			r.Value[0] = 'Y'
			rs, err := tx.List("k", "", "", 5)
			require.NoError(t, err)
			require.Equal(t, "one", string(rs[0].Value))
			rs[0].Value[0] = 'Z'
			return nil
		}))
	}
}

func TestMemoryRefusesACancelledContext(t *testing.T) {
	m := identity.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	err := m.Update(ctx, func(tx identity.Tx) error {
		require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "a"}))
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, m.View(t.Context(), func(tx identity.Tx) error {
		_, err := tx.Get("k", "a")
		return err
	}), identity.ErrNoRecord)
}

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) identity.Store { return identity.NewMemory() })
}
