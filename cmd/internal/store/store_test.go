package store

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/storetest"
)

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newSQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "records.db")
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) identity.Store { return open(t, "memory:") })
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) identity.Store { return open(t, newSQLite(t)) })
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) identity.Store { return open(t, needs.Postgres(t)) })
}
