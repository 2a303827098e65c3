package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// TestUpdateHearsItsContextWhileItWaits has another process hold the file.
func TestUpdateHearsItsContextWhileItWaits(t *testing.T) {
	url := newSQLite(t)
	s := open(t, url)
	other := raw(t, url)
	_, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ran := false
	err = s.Update(ctx, func(identity.Tx) error { ran = true; return nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, ran)
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error {
		_, err := tx.List("k", "", "", 1)
		return err
	}), "who reads does not wait")
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, s.Update(t.Context(), count))
}

// TestCollisionIsTheStoresBusiness has a function make something else of the
// error of a collision. It is run again all the same, and what it made of the
// error comes from no real state.
func TestCollisionIsTheStoresBusiness(t *testing.T) {
	s := open(t, needs.Postgres(t))
	require.NoError(t, s.Update(t.Context(), count))
	for name, swallow := range map[string]error{"as another error": errors.New("no such user"), "as success": nil} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			require.NoError(t, s.Update(t.Context(), func(tx identity.Tx) error {
				runs++
				r, err := tx.Get("k", "n")
				require.NoError(t, err)
				if runs == 1 {
					require.NoError(t, s.Update(t.Context(), count)) // as another process would
				}
				r.Value = append(r.Value, '*')
				if tx.Put(r) != nil {
					return swallow
				}
				return nil
			}))
			require.Equal(t, 2, runs)
		})
	}
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error {
		r, err := tx.Get("k", "n")
		require.Equal(t, "++*+*", string(r.Value))
		return err
	}))
}

// TestUpdateGivesUp never lets a transaction through.
func TestUpdateGivesUp(t *testing.T) {
	d := open(t, newSQLite(t)).Store.(*database)
	collided := *d
	collided.attempts = 5
	collision := errors.New("collision")
	collided.collided = func(err error) bool { return errors.Is(err, collision) }
	runs := 0
	err := collided.Update(t.Context(), func(tx identity.Tx) error {
		runs++
		require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "a"}))
		return tx.(*transaction).fail(collision)
	})
	require.ErrorIs(t, err, collision)
	require.ErrorContains(t, err, "5 times")
	require.Equal(t, 5, runs)
	require.NoError(t, d.View(t.Context(), func(tx identity.Tx) error {
		_, err := tx.Get("k", "a")
		require.ErrorIs(t, err, identity.ErrNoRecord)
		return nil
	}))
}

// TestNothingIsSentAfterAnError holds that a transaction which an engine may
// have ended by itself writes nothing more.
func TestNothingIsSentAfterAnError(t *testing.T) {
	s := open(t, newSQLite(t))
	err := s.Update(t.Context(), func(tx identity.Tx) error {
		require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "before"}))
		inner := tx.(*transaction)
		_, err := inner.exec("INSERT OR ROLLBACK INTO records SELECT * FROM records") // SQLite ends the transaction
		require.ErrorContains(t, err, "constraint")
		require.ErrorIs(t, tx.Put(identity.Record{Kind: "k", Key: "after"}), err)
		_, err = tx.Get("k", "before")
		require.Error(t, err)
		return nil
	})
	require.ErrorContains(t, err, "constraint")
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error {
		for _, key := range []string{"before", "after"} {
			_, err := tx.Get("k", key)
			require.ErrorIs(t, err, identity.ErrNoRecord, key)
		}
		return nil
	}))
}

// TestStatementsUseIndexes reads no table from its beginning to its end.
func TestStatementsUseIndexes(t *testing.T) {
	d := open(t, newSQLite(t)).Store.(*database)
	for name, plan := range map[string]struct {
		statement string
		args      []any
		index     string
	}{
		"get":    {d.get, []any{[]byte("k"), []byte("a")}, "sqlite_autoindex_records_1 (kind=? AND key=?)"},
		"delete": {d.delete, []any{[]byte("k"), []byte("a")}, "sqlite_autoindex_records_1 (kind=? AND key=?)"},
		"list":   {d.list, []any{[]byte("k"), []byte("g"), []byte(""), 10}, "records_by_group (kind=? AND grp=? AND key>?)"},
		"sweep":  {d.sweep, []any{int64(1), 10}, "records_by_expiry (expires<?)"},
	} {
		rows, err := d.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+plan.statement, plan.args...)
		require.NoError(t, err)
		var all []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			all = append(all, detail)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		require.Contains(t, strings.Join(all, "\n"), plan.index, name)
		require.NotContains(t, strings.Join(all, "\n"), "SCAN records", name)
	}
}
