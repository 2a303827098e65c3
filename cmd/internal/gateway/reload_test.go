package gateway_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/gateway"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// canary is revision n of a bundle: a policy of the caller and one of the
// resource, in different files, each of which allows a table that no other
// revision does.
func canary(t testing.TB, n int) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(canaryFiles(n), "canary", conditions.AWS())
	require.NoError(t, err)
	return b
}

func canaryFiles(n int) fstest.MapFS {
	allow := func(name, principal string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:BatchGetItem",%s"Resource":"arn:aws:dynamodb:us-east-1:%s:table/%s-%d"}]}`, principal, account, name, n)
	}
	files := fstest.MapFS{
		"rowan.yaml":              {Data: []byte("account: \"" + account + "\"\nregion: us-east-1\n")},
		"administrators/ann.yaml": {Data: []byte("accessKeys: [" + keys["ann"] + "]\npolicies: [A]\n")},
		"policies/A.json":         {Data: []byte(allow("A", ""))},
		"resources/B.yaml": {Data: []byte("arn: arn:aws:dynamodb:us-east-1:" + account + ":table/B-*\naccount: \"" + account + "\"\npolicy: " +
			allow("B", `"Principal":{"AWS":"arn:aws:iam::`+account+`:user/ann"},`))},
	}
	for _, name := range []string{"A", "B"} {
		for i := range canaries + 1 {
			files[fmt.Sprintf("tables/%s-%d.yaml", name, i)] = &fstest.MapFile{Data: []byte("partitionKey: {name: User, type: S}\n")}
		}
	}
	return files
}

// canaries is how many revisions there are.
const canaries = 6

type unsent struct{}

func (unsent) Send(context.Context, userpool.Message) error { return nil }

func newLive(t testing.TB, b *bundle.Bundle, now func() time.Time) *server.Live {
	t.Helper()
	file, err := identity.GenerateKeys(rand.Reader, time.Now())
	require.NoError(t, err)
	sealing, keeping, err := identity.ParseKeys(file)
	require.NoError(t, err)
	sessions, err := identity.NewKeyring(sealing, rand.Reader)
	require.NoError(t, err)
	kept, err := identity.NewKeyring(keeping, rand.Reader)
	require.NoError(t, err)
	l, err := server.New(t.Context(), server.Options{
		Bundle: b, Store: identity.NewMemory(), Sessions: sessions, Storage: kept, URL: "https://auth.example.com", Sender: unsent{},
		Secrets: &server.Secrets{AccessKeys: map[string]identity.Secret{keys["ann"]: identity.NewSecret([]byte(secretOf("ann")))}},
		Now:     now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return l
}

// empty is an upstream that has no rows.
func empty(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func gatewayOf(t testing.TB, l *server.Live, now func() time.Time) *dynamodb.Client {
	t.Helper()
	h, err := gateway.NewDynamoDB(gateway.Options{Current: l.Current, Upstream: dynamoUpstream(empty(t)), Now: now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	return dynamoClient(front.URL, keys["ann"], secretOf("ann"))
}

// both asks for a row of each of two tables in one request.
func both(ctx context.Context, c *dynamodb.Client, a, b int) error {
	rows := types.KeysAndAttributes{Keys: []item{{"User": text("ann")}}}
	_, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		fmt.Sprintf("A-%d", a): rows, fmt.Sprintf("B-%d", b): rows,
	}})
	return err
}

// TestReloadStorm: while one revision follows the other, a request finds both
// halves of one of them. Source: reliability.md O2, L3.
func TestReloadStorm(t *testing.T) {
	var revisions []*bundle.Bundle
	for i := range canaries {
		revisions = append(revisions, canary(t, i))
	}
	l := newLive(t, revisions[0], time.Now)
	c := gatewayOf(t, l, time.Now)
	require.NoError(t, both(t.Context(), c, 0, 0))
	requireCode(t, both(t.Context(), c, 1, 1), "AccessDeniedException")

	var current, allowed, asked atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := int(current.Load())
				if both(t.Context(), c, n, n) == nil {
					allowed.Add(1)
				}
				// One half of this revision, one of the next: a set that never was.
				if err := both(t.Context(), c, n, (n+1)%canaries); err == nil {
					t.Errorf("half of revision %d and half of the next were in force together", n)
				}
				asked.Add(1)
			}
		})
	}
	const rounds = 300
	for i := 1; i <= rounds; i++ {
		n := i % canaries
		require.NoError(t, l.Reload(t.Context(), server.Candidate{Bundle: revisions[n]}))
		current.Store(int64(n))
		for asked.Load() < int64(i) {
			time.Sleep(50 * time.Microsecond)
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d reloads, %d pairs asked, %d allowed", rounds, asked.Load(), allowed.Load())
	require.Greater(t, allowed.Load(), asked.Load()/10, "many are asked of the revision in force")
	require.EqualValues(t, rounds+1, l.Status().Loads)
}

// TestBundlePastItsTime: a gateway lets nothing through once the bundle's time
// is over.
func TestBundlePastItsTime(t *testing.T) {
	var moved atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(moved.Load())) }
	b := canary(t, 0)
	l := newLive(t, b, now)
	c := gatewayOf(t, l, now)
	expires := now().Add(time.Minute)
	require.NoError(t, l.Reload(t.Context(), server.Candidate{Bundle: b, Origin: server.Origin{Version: 1, Expires: expires}}))
	require.NoError(t, both(t.Context(), c, 0, 0))
	moved.Store(int64(time.Minute))
	requireCode(t, both(t.Context(), c, 0, 0), "ServiceUnavailableException")
	require.NoError(t, l.Reload(t.Context(), server.Candidate{Bundle: b, Origin: server.Origin{Version: 2, Expires: now().Add(time.Minute)}}))
	require.NoError(t, both(t.Context(), c, 0, 0))
}

// TestGuardrails: what the policies allow and a guardrail denies is not forwarded,
// from the request on that finds the bundle with it.
func TestGuardrails(t *testing.T) {
	plain := canary(t, 0)
	l := newLive(t, plain, time.Now)
	c := gatewayOf(t, l, time.Now)
	require.NoError(t, both(t.Context(), c, 0, 0))
	files := canaryFiles(0)
	files["guardrails/night.rego"] = &fstest.MapFile{Data: []byte("package rowan.guardrails\n\ndeny contains \"B is closed\" if endswith(input.resource, \"/B-0\")\n")}
	b, err := bundle.LoadWithRego(files, "canary", conditions.AWS())
	require.NoError(t, err)
	require.NoError(t, l.Reload(t.Context(), server.Candidate{Bundle: b}))
	err = both(t.Context(), c, 0, 0)
	requireCode(t, err, "AccessDeniedException")
	require.ErrorContains(t, err, "table/B-0 with an explicit deny in a guardrail")
	require.NotContains(t, err.Error(), "closed")
	_, err = c.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"A-0": {Keys: []item{{"User": text("ann")}}}}})
	require.NoError(t, err, "its twin")
	require.NoError(t, l.Reload(t.Context(), server.Candidate{Bundle: plain}))
	require.NoError(t, both(t.Context(), c, 0, 0))
}
