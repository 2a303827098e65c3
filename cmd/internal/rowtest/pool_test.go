package rowtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/engine"
)

const (
	tenants    = 100
	goroutines = 10_000
)

// TestNoForeignRowUnderLoad lets many goroutines of many tenants use one pool:
// each sees its own rows, all of them, and changes no others.
func TestNoForeignRowUnderLoad(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.SetMaxOpenConns(16)
		_, err := db.ExecContext(t.Context(), `CREATE TABLE docs (id integer PRIMARY KEY, owner varchar(40), state varchar(20), `+quoted(db.dialect, "rank")+` bigint)`)
		require.NoError(t, err)
		if db.dialect == sqlrow.SQLite {
			db.SetMaxOpenConns(4)
			_, err = db.ExecContext(t.Context(), "PRAGMA journal_mode = WAL")
			require.NoError(t, err)
		}
		const each = 5
		callers := make([]context.Context, tenants)
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for i := range callers {
			name := fmt.Sprintf("u%d", i)
			callers[i] = engine.WithCaller(t.Context(), callerOf(t, name, docsPolicy))
			for j := range each {
				_, err := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO docs VALUES (%d, '%s', 'draft', 0)", i*each+j, name))
				require.NoError(t, err)
			}
		}
		require.NoError(t, tx.Commit())
		g, err := sqlrow.NewGuard(t.Context(), db.DB, sqlrow.Config{Dialect: db.dialect, Tables: []sqlrow.Table{docsTable()}, Now: clock})
		require.NoError(t, err)
		var rows, writes, foreign, short atomic.Int64
		failed := make(chan error, 1)
		fail := func(err error) {
			select {
			case failed <- err:
			default:
			}
		}
		many := goroutines
		if raceEnabled && db.dialect == sqlrow.SQLite { // which the race detector looks into, and takes minutes
			many /= 10
		}
		// Of two writes to the same rows at once a database may end one: a deadlock.
		var writing [tenants]sync.Mutex
		var wg sync.WaitGroup
		for n := range many {
			wg.Go(func() {
				tenant := n % tenants
				own, err := owned(g, callers[tenant], fmt.Sprintf("u%d", tenant))
				if err != nil {
					fail(err)
					return
				}
				rows.Add(own.own)
				foreign.Add(own.foreign)
				if own.own != each {
					short.Add(1)
				}
				if n%20 == 0 { // of everybody's rows, as far as the guard lets it
					writing[tenant].Lock()
					_, err := g.Update(callers[tenant], sqlrow.Change{Table: "docs", Set: map[string]any{"rank": 1 + tenant%9}})
					writing[tenant].Unlock()
					if err != nil {
						fail(err)
					}
					writes.Add(1)
				}
			})
		}
		wg.Wait()
		select {
		case err := <-failed:
			require.NoError(t, err)
		default:
		}
		require.Zero(t, foreign.Load())
		require.Zero(t, short.Load())
		require.EqualValues(t, many*each, rows.Load())
		for i := range tenants {
			var wrong int
			require.NoError(t, db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT COUNT(*) FROM docs WHERE owner = 'u%d' AND %s NOT IN (0, %d)", i, quoted(db.dialect, "rank"), 1+i%9)).Scan(&wrong))
			require.Zero(t, wrong, "another tenant's write")
		}
		t.Logf("%d goroutines of %d tenants: %d rows read, %d writes, no foreign row", many, tenants, rows.Load(), writes.Load())
	})
}

type tallied struct{ own, foreign int64 }

// owned counts the rows that a caller sees.
func owned(g *sqlrow.Guard, ctx context.Context, name string) (n tallied, err error) {
	rows, _, err := g.Select(ctx, sqlrow.Query{Table: "docs", Columns: []string{"owner"}})
	if err != nil {
		return n, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var owner string
		if err := rows.Scan(&owner); err != nil {
			return n, err
		}
		if owner == name {
			n.own++
		} else {
			n.foreign++
		}
	}
	return n, rows.Err()
}
