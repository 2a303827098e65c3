package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// signUp writes what belongs together when a user signs up: the user, the name
// that leads to it, and a count. It returns the error of the transaction.
func signUp(ctx context.Context, s *Store, name string) error {
	return s.Update(ctx, func(tx identity.Tx) error {
		if err := tx.Insert(identity.Record{Kind: "user", Key: name, Group: "pool", Value: []byte(name)}); err != nil {
			return err
		}
		if err := tx.Insert(identity.Record{Kind: "alias", Key: name + "@example.com", Group: "pool", Value: []byte(name)}); err != nil {
			return err
		}
		n, err := countUsers(tx)
		if err != nil {
			return err
		}
		return tx.Put(identity.Record{Kind: "count", Key: "users", Value: []byte(strconv.Itoa(n + 1))})
	})
}

func countUsers(tx identity.Tx) (int, error) {
	r, err := tx.Get("count", "users")
	if errors.Is(err, identity.ErrNoRecord) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(r.Value))
}

// outcomes are what callers were told about sign-ups.
type outcomes struct {
	acknowledged, refused []string
}

// requireWhole checks what survived: all that was acknowledged, nothing that
// failed, and of everything either all parts or none.
func requireWhole(t *testing.T, s *Store, told outcomes) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error {
		users, err := tx.List("user", "pool", "", 1<<20)
		require.NoError(t, err)
		aliases, err := tx.List("alias", "pool", "", 1<<20)
		require.NoError(t, err)
		var names, aliased []string
		for _, r := range users {
			require.Equal(t, r.Key, string(r.Value))
			names = append(names, r.Key)
		}
		for _, r := range aliases {
			aliased = append(aliased, string(r.Value))
		}
		require.ElementsMatch(t, names, aliased, "half a sign-up")
		n, err := countUsers(tx)
		require.NoError(t, err)
		require.Len(t, names, n, "the count is of another moment")
		require.Subset(t, names, told.acknowledged, "acknowledged and lost")
		for _, name := range told.refused {
			require.NotContains(t, names, name, "failed and there")
		}
		return nil
	}))
}

// crashing tells a process which store to write to until it is killed.
const crashing = "ROWAN_STORE_CRASHING"

// TestSQLiteSurvivesKill kills a process that signs users up, at moments by
// chance, and looks at what the file holds.
func TestSQLiteSurvivesKill(t *testing.T) {
	if url := os.Getenv(crashing); url != "" {
		signUpUntilKilled(t, url)
		return
	}
	url := newSQLite(t)
	var told outcomes
	for round := range 8 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), crashing+"="+url, "ROUND="+strconv.Itoa(round))
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for range 1 + rand.IntN(150) {
			require.True(t, lines.Scan(), "the process ended by itself")
			told.acknowledged = append(told.acknowledged, lines.Text())
		}
		require.NoError(t, child.Process.Kill())
		for lines.Scan() { // what it had said before it died
			if name := lines.Text(); strings.HasPrefix(name, "user-") {
				told.acknowledged = append(told.acknowledged, name)
			}
		}
		require.Error(t, child.Wait())
		s := open(t, url)
		requireWhole(t, s, told)
		require.NoError(t, s.Close())
	}
	require.NotEmpty(t, told.acknowledged)
}

func signUpUntilKilled(t *testing.T, url string) {
	s := open(t, url)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("user-%s-%d-%d", os.Getenv("ROUND"), worker, i)
				if err := signUp(t.Context(), s, name); err != nil {
					t.Error(err)
					return
				}
				// One write, so that a line is there as a whole or not.
				if _, err := os.Stdout.WriteString(name + "\n"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestPostgresSurvivesCrash kills a server while users sign up, starts it, and
// looks at what it recovered. The store that was open goes on.
func TestPostgresSurvivesCrash(t *testing.T) {
	server := needs.NewPostgresServer(t)
	s := open(t, server.Database(t))
	var mu sync.Mutex
	var told outcomes
	uncertain := 0
	for round := range 2 {
		ctx, stop := context.WithCancel(t.Context())
		enough := make(chan struct{})
		left := 20 + rand.IntN(100)
		var group sync.WaitGroup
		for worker := range 4 {
			group.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					name := fmt.Sprintf("user-%d-%d-%d", round, worker, i)
					err := signUp(t.Context(), s, name)
					mu.Lock()
					switch {
					case err == nil:
						told.acknowledged = append(told.acknowledged, name)
						if left--; left == 0 {
							close(enough)
						}
					case errors.Is(err, identity.ErrUncertain):
						uncertain++
					default:
						told.refused = append(told.refused, name)
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		<-enough
		require.NoError(t, server.Crash())
		stop()
		group.Wait()
		require.NoError(t, server.Start())
		requireWhole(t, s, told)
	}
	t.Logf("%d acknowledged, %d refused, %d uncertain", len(told.acknowledged), len(told.refused), uncertain)
}
