package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// The unit costs of docs/scale.md that are about the store and about sessions.

// anyLogin takes whatever is presented for a subject, so that what is measured is
// not RSA.
type anyLogin struct{}

func (anyLogin) Verify(_ context.Context, token string, _ []string) (*identity.Login, error) {
	return &identity.Login{
		Provider: issueIDP, Subject: token, Issuer: "https://" + issueIDP, Audience: "c1", Expires: issueNow.Add(time.Hour),
	}, nil
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// databaseTime is what the processes of the database's connections have used, in
// steps of 10 ms. All of them must still be there when it is asked again.
func databaseTime(b *testing.B, conn *pgx.Conn) (used time.Duration) {
	b.Helper()
	rows, err := conn.Query(b.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
	require.NoError(b, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(b, err)
	for _, pid := range all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(b, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		for _, ticks := range fields[11:13] { // utime, stime
			n, err := strconv.Atoi(ticks)
			require.NoError(b, err)
			used += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return used
}

func connect(b *testing.B, url string) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, conn.Close(context.Background())) })
	return conn
}

// BenchmarkIdentity makes identities of logins, and reports what each occupies
// in PostgreSQL. For the figures of docs/scale.md: -benchtime 100000x.
func BenchmarkIdentity(b *testing.B) {
	url := needs.Postgres(b)
	records := openStore(b, url)
	ring, err := identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret([]byte(strings.Repeat("k", 32)))}}, rand.Reader)
	require.NoError(b, err)
	pools, err := identity.New(b.Context(), identity.Options{
		Account: issueAccount(b), Store: records, Sessions: ring, Storage: ring, Issuer: "https://rowan.example",
		Verifiers: map[string]identity.Verifier{issueIDP: anyLogin{}}, Now: func() time.Time { return issueNow }, Random: rand.Reader,
	})
	require.NoError(b, err)
	conn := connect(b, url)
	size := func() (n int64) {
		_, err := conn.Exec(b.Context(), "VACUUM ANALYZE records")
		require.NoError(b, err)
		require.NoError(b, conn.QueryRow(b.Context(), "SELECT pg_total_relation_size('records')").Scan(&n))
		return n
	}
	before := size()
	var made atomic.Int64
	b.SetParallelism(8)
	used := processorTime(b)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			login := map[string]string{issueIDP: fmt.Sprintf("auth0|%024x", made.Add(1))}
			if _, err := pools.GetID(context.Background(), &identity.GetIDInput{IdentityPoolID: issuePool, Logins: login}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	used = processorTime(b) - used
	b.ReportMetric(float64(databaseTime(b, conn).Microseconds())/float64(b.N), "db-µs/identity")
	b.ReportMetric(float64(size()-before)/float64(b.N), "bytes/identity")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/identity")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "identities/s")
	var rows int64
	require.NoError(b, conn.QueryRow(b.Context(), "SELECT count(*) FROM records").Scan(&rows))
	b.ReportMetric(float64(rows)/float64(b.N), "records/identity")
}

// BenchmarkPoll asks for revocations and keys when nothing has changed, from
// sixteen replicas at once, as much as the server can answer.
func BenchmarkPoll(b *testing.B) {
	url := needs.Postgres(b)
	const replicas = 16
	var all [replicas]*identity.Sessions
	for i := range all {
		all[i] = sharedSessions(b, openStore(b, url+"&pool_max_conns=2"))
	}
	require.NoError(b, all[0].Revoke(b.Context(), identity.Revocation{Pool: issuePool}))
	conn := connect(b, url)
	var next atomic.Int64
	b.SetParallelism(8)
	used := processorTime(b)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		s := all[next.Add(1)%replicas]
		for p.Next() {
			if err := s.Refresh(context.Background()); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(databaseTime(b, conn).Microseconds())/float64(b.N), "db-µs/poll")
	b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/poll")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "polls/s")
}

func sharedSessions(b testing.TB, records identity.Store) *identity.Sessions {
	b.Helper()
	secret := func(of string) identity.Key {
		return identity.Key{ID: 1, Secret: identity.NewSecret([]byte(strings.Repeat(of, 32)))}
	}
	storage, err := identity.NewKeyring([]identity.Key{secret("s")}, rand.Reader)
	require.NoError(b, err)
	ring, err := identity.NewSharedKeyring([]identity.Key{secret("k")}, rand.Reader, identity.SharedKeysOptions{Storage: storage, Life: time.Hour})
	require.NoError(b, err)
	s, err := identity.NewSessions(identity.SessionsOptions{Account: issueAccount(b), Keys: ring, Store: records, Now: time.Now, CacheSize: 1 << 20})
	require.NoError(b, err)
	require.NoError(b, s.Refresh(b.Context()))
	require.NoError(b, s.Rotate(b.Context()))
	return s
}

// BenchmarkCuts reads all revocations, as when one was added, and reports what
// each costs.
func BenchmarkCuts(b *testing.B) {
	records := openStore(b, needs.Postgres(b))
	s := sharedSessions(b, records)
	const n = 10_000
	for begin := 0; begin < n; begin += 1000 {
		require.NoError(b, records.Update(b.Context(), func(tx identity.Tx) error {
			for i := begin; i < begin+1000; i++ {
				err := tx.Put(identity.Record{
					Kind: "revocation", Group: "all", Key: fmt.Sprintf("identity:us-east-1:3b0c6a52-95d3-4a47-9c67-%012x", i), Value: []byte(`{"cut":1800000000}`),
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for i := 0; b.Loop(); i++ {
		require.NoError(b, records.Update(b.Context(), func(tx identity.Tx) error {
			return tx.Put(identity.Record{Kind: "revocation", Key: "changes", Value: fmt.Appendf(nil, "%d", i+2)})
		}))
		require.NoError(b, s.Refresh(b.Context()))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/revocation")
}

// BenchmarkSessionMemory keeps sessions open with their callers, and reports
// what each occupies. For the figures of docs/scale.md: -benchtime 20000x.
func BenchmarkSessionMemory(b *testing.B) {
	ring, err := identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret([]byte(strings.Repeat("k", 32)))}}, rand.Reader)
	require.NoError(b, err)
	s, err := identity.NewSessions(identity.SessionsOptions{Account: issueAccount(b), Keys: ring, Store: identity.NewMemory(), Now: time.Now, CacheSize: 1 << 20})
	require.NoError(b, err)
	require.NoError(b, s.Refresh(b.Context()))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	began := time.Now()
	for i := range b.N {
		one := issuedSession(i)
		token, err := ring.SealSession(time.Now(), one)
		require.NoError(b, err)
		opened, err := s.Open(b.Context(), one.AccessKeyID, token)
		require.NoError(b, err)
		_, err = s.Caller(opened)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(b.N), "µs/session")
	b.ReportMetric(float64(int64(heap()-before))/float64(b.N), "bytes/session")
	runtime.KeepAlive(s)
}
