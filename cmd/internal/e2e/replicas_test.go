package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/faultproxy"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
)

// longReplicas asks for more of everything, and for the controls: servers with a
// fault, which the judge must find guilty. It takes about ten minutes.
const longReplicas = "ROWAN_REPLICAS"

// cluster is three servers on one PostgreSQL, each with a network of its own to
// it, and clients who ask them all the time.
type cluster struct {
	t        *testing.T
	database *needs.PostgresServer
	binary   string
	nodes    [3]*node
	asking   context.Context
	rest     time.Duration // between faults
	ending   syscall.Signal

	mu sync.Mutex
	history
	sessions, ended []*client // in use; revoked lately
	made            int
	keys            map[uint32]int // sessions by the key that sealed them
	// served and silent count answers and their absence while there was no store.
	served, silent int
}

// node is a process of `rowan serve`.
type node struct {
	n         int
	url, grpc string
	args      []string
	network   *faultproxy.Proxy
	conn      *grpc.ClientConn
	process   *exec.Cmd
	exited    chan error
	log       *safeBuffer
}

// replicaShop is the shop with guests who reach their own rows.
func replicaShop() fstest.MapFS {
	fsys := shop()
	before, _, _ := strings.Cut(poolTrust(rulesPool, "unauthenticated"), "inline:")
	fsys["roles/Guest.yaml"] = &fstest.MapFile{Data: []byte(before + `inline:
  Own:
    Version: 2012-10-17
    Statement:
      - Effect: Allow
        Action: "dynamodb:*"
        Resource: "*"
        Condition: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${cognito-identity.amazonaws.com:sub}"]}, "Null": {"dynamodb:LeadingKeys": "false"}}
`)}
	return fsys
}

// newCluster starts all. A key for sessions begins to seal soon after.
func newCluster(t *testing.T, binary string, maxStale time.Duration) *cluster {
	t.Helper()
	c := &cluster{t: t, database: needs.NewPostgresServer(t), binary: binary, keys: map[uint32]int{}, rest: time.Second, ending: syscall.SIGTERM}
	c.maxStale = maxStale
	where := c.database.Database(t)
	keys := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, rowan(t, nil, "keys", "new", keys).Run())
	rotateSoon(t, where, keys, 8*time.Second)
	bundle, secrets := writeBundle(t, replicaShop())
	u, err := url.Parse(where)
	require.NoError(t, err)
	issuer := ""
	for i := range c.nodes {
		n := &node{n: i}
		n.network, err = faultproxy.New(context.Background(), "unix", c.database.Socket())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, n.network.Close()) })
		listen, answering := freeAddress(t), freeAddress(t)
		n.url, n.grpc = "http://"+listen, answering
		if issuer == "" {
			issuer = n.url
		}
		n.args = []string{
			"serve", "--bundle", bundle, "--secrets", secrets, "--keys", keys, "--listen", listen, "--grpc-listen", answering, "--url", issuer,
			"--store", fmt.Sprintf("postgres://rowan@%s%s?sslmode=disable", n.network.Addr(), u.Path),
			"--max-staleness", maxStale.String(), "--data", t.TempDir(),
		}
		n.conn, err = grpc.NewClient(answering, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1, MaxDelay: 20 * time.Millisecond}, MinConnectTimeout: time.Second,
		}))
		require.NoError(t, err)
		t.Cleanup(func() { _ = n.conn.Close() })
		c.nodes[i] = n
		t.Cleanup(func() { c.stop(n, c.ending) })
		c.start(n)
	}
	return c
}

// freeAddress is an address of loopback on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// rotateSoon puts a key into the store as a replica did nearly an overlap ago.
func rotateSoon(t *testing.T, where, file string, soon time.Duration) {
	t.Helper()
	records, err := store.Open(t.Context(), where, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, records.Close()) }()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	sessions, storage, err := identity.ParseKeys(text)
	require.NoError(t, err)
	sealing, err := identity.NewKeyring(storage, rand.Reader)
	require.NoError(t, err)
	shared, err := identity.NewSharedKeyring(sessions, rand.Reader, identity.SharedKeysOptions{Storage: sealing, Life: 24 * time.Hour})
	require.NoError(t, err)
	s, err := identity.NewSessions(identity.SessionsOptions{
		Account: &identity.Account{Vocabulary: conditions.AWS()}, Keys: shared, Store: records,
		Now: func() time.Time { return time.Now().Add(soon - identity.SessionKeyOverlap) },
	})
	require.NoError(t, err)
	require.NoError(t, s.Refresh(t.Context()))
	require.NoError(t, s.Rotate(t.Context()))
}

// start starts a process, and returns when it says that it is ready.
func (c *cluster) start(n *node) {
	c.t.Helper()
	began := time.Now()
	n.log = &safeBuffer{}
	n.process = exec.CommandContext(context.Background(), c.binary, n.args...)
	n.process.Env = []string{"HOME=" + c.t.TempDir()}
	n.process.Stdout, n.process.Stderr = n.log, n.log
	require.NoError(c.t, n.process.Start())
	exited := make(chan error, 1)
	go func() { exited <- n.process.Wait() }()
	n.exited = exited
	for !n.serving(c.t.Context()) || !n.ready(c.t.Context()) {
		require.Less(c.t, time.Since(began), 30*time.Second, "%s", n.log)
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Logf("replica %d was ready after %v", n.n, time.Since(began).Round(time.Millisecond))
}

// stop ends a process.
func (c *cluster) stop(n *node, s syscall.Signal) {
	c.t.Helper()
	if n.process == nil || n.process.Process == nil {
		return
	}
	began := time.Now()
	require.NoError(c.t, n.process.Process.Signal(s))
	err := <-n.exited
	c.t.Logf("replica %d ended %v after %v", n.n, time.Since(began).Round(time.Millisecond), s)
	if s == syscall.SIGTERM && err != nil {
		c.t.Errorf("replica %d: %v: %s", n.n, err, n.log)
	}
}

// serving asks the health service.
func (n *node) serving(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	out, err := healthv1.NewHealthClient(n.conn).Check(ctx, &healthv1.HealthCheckRequest{})
	return err == nil && out.GetStatus() == healthv1.HealthCheckResponse_SERVING
}

// ready asks the readiness check.
func (n *node) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/-/ready", nil)
	if err != nil {
		return false
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, w.Body)
	_ = w.Body.Close()
	return w.StatusCode == http.StatusOK
}

// run has clients ask while the scenario goes on, and judges what they saw.
func (c *cluster) run(scenario func()) (wrong map[string]int) {
	ctx, stop := context.WithCancel(c.t.Context())
	c.asking = ctx
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { c.signIn(ctx) })
	}
	require.Eventually(c.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.sessions) >= 5
	}, 20*time.Second, 20*time.Millisecond, "nobody signs in")
	for _, n := range c.nodes {
		for range 2 {
			all.Go(func() { c.ask(ctx, n) })
		}
		all.Go(func() { c.watch(ctx, n) })
	}
	scenario()
	stop()
	all.Wait()
	return c.judge()
}

// signIn makes guests and revokes others, at whichever replica.
func (c *cluster) signIn(ctx context.Context) {
	const enough = 12
	for ; ctx.Err() == nil; pauseFor(ctx, 200*time.Millisecond) {
		s, err := c.nodes[mathrand.IntN(3)].newGuest(ctx)
		if err != nil { // it is down, or has no store
			continue
		}
		raw, err := base64.RawURLEncoding.DecodeString(s.token)
		require.NoError(c.t, err)
		c.mu.Lock()
		c.made++
		c.keys[binary.BigEndian.Uint32(raw[1:])]++
		c.sessions = append(c.sessions, s)
		var old *client
		if len(c.sessions) > enough {
			i := mathrand.IntN(len(c.sessions))
			old = c.sessions[i]
			c.sessions = slices.Delete(c.sessions, i, i+1)
			if c.ended = append(c.ended, old); len(c.ended) > 12 {
				c.ended = c.ended[1:]
			}
		}
		c.mu.Unlock()
		if old != nil {
			old.by = mathrand.IntN(3)
			old.revoking = time.Now()
			if err := c.nodes[old.by].revoke(ctx, old.identity); err == nil {
				old.revoked = time.Now()
			}
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (n *node) newGuest(ctx context.Context) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	pools := ci.New(ci.Options{Region: region, BaseEndpoint: aws.String(n.url), RetryMaxAttempts: 1})
	id, err := pools.GetId(ctx, &ci.GetIdInput{IdentityPoolId: aws.String(rulesPool)})
	if err != nil {
		return nil, err
	}
	out, err := pools.GetCredentialsForIdentity(ctx, &ci.GetCredentialsForIdentityInput{IdentityId: id.IdentityId})
	if err != nil {
		return nil, err
	}
	return &client{identity: *id.IdentityId, key: *out.Credentials.AccessKeyId, token: *out.Credentials.SessionToken}, nil
}

func (n *node) revoke(ctx context.Context, identity string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]string{"IdentityId": identity})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+revoke, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: operatorKey, SecretAccessKey: operatorSecret}
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "rowan", region, time.Now()); err != nil {
		return err
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = w.Body.Close()
	if w.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", w.Status)
	}
	return nil
}

// ask asks a replica one question after another.
func (c *cluster) ask(ctx context.Context, n *node) {
	questions := rowanv1.NewAuthorizationServiceClient(n.conn)
	for i := 0; ctx.Err() == nil; i++ {
		x := asking{replica: n.n, session: c.someone(), about: about(max(0, i%8-5))}
		row, token := x.session.identity, x.session.token
		switch x.about {
		case otherRow:
			row = c.someone().identity + "x"
		case forged:
			flipped := []byte(token)
			flipped[len(token)/2] ^= 1
			token = string(flipped)
		case ownRow:
		}
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		x.asked = time.Now()
		out, err := questions.Decide(within, &rowanv1.DecideRequest{
			Subject: &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: x.session.key, Token: token}}},
			Action:  "dynamodb:GetItem", Resource: "arn:aws:dynamodb:us-east-1:" + account + ":table/Scores",
			Context: []*rowanv1.ContextKey{{Name: "dynamodb:LeadingKeys", Values: []string{row}}},
		})
		x.got = time.Now()
		cancel()
		if ctx.Err() != nil {
			return
		}
		x.answer, x.text = read(out, err)
		c.mu.Lock()
		c.askings = append(c.askings, x)
		c.mu.Unlock()
		pauseFor(ctx, 5*time.Millisecond)
	}
}

// someone is a session in use or one that was revoked lately.
func (c *cluster) someone() *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.ended); n > 0 && mathrand.IntN(2) == 0 {
		return c.ended[mathrand.IntN(n)]
	}
	return c.sessions[mathrand.IntN(len(c.sessions))]
}

// read says what an answer is.
func read(out *rowanv1.DecideResponse, err error) (answer, string) {
	code, decision := status.Code(err), out.GetAnswer().GetDecision()
	switch {
	case code == codes.Unauthenticated:
		return refused, err.Error()
	case code == codes.Unavailable, code == codes.DeadlineExceeded:
		return unavailable, err.Error()
	case err != nil:
		return strange, err.Error()
	case decision == rowanv1.Decision_DECISION_ALLOWED:
		return allowed, ""
	case decision == rowanv1.Decision_DECISION_IMPLICIT_DENY:
		return denied, ""
	}
	return strange, decision.String()
}

// watch asks a replica how it is.
func (c *cluster) watch(ctx context.Context, n *node) {
	for ; ctx.Err() == nil; pauseFor(ctx, 100*time.Millisecond) {
		x := health{replica: n.n, asked: time.Now()}
		x.grpc, x.http = n.serving(ctx), n.ready(ctx)
		x.got = time.Now()
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.healths = append(c.healths, x)
		c.mu.Unlock()
	}
}

// during notes when something is not as it should be for replicas. f may say when
// that is sure, and from when it may be over.
func (c *cluster) during(of *[3][]span, replicas []int, f func(sure, back func())) {
	c.mu.Lock()
	for _, i := range replicas {
		of[i] = append(of[i], span{from: time.Now()})
	}
	c.mu.Unlock()
	mark := func(set func(*span)) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, i := range replicas {
			set(&of[i][len(of[i])-1])
		}
	}
	f(func() { mark(func(s *span) { s.sure = time.Now() }) }, func() { mark(func(s *span) { s.back = time.Now() }) })
	mark(func(s *span) { s.to = time.Now() })
}

// restart ends a replica by a signal and starts it again.
func (c *cluster) restart(i int, s syscall.Signal) {
	c.t.Helper()
	c.during(&c.down, []int{i}, func(_, _ func()) {
		c.stop(c.nodes[i], s)
		c.start(c.nodes[i])
	})
	pauseFor(c.asking, c.rest)
}

// partition has a replica's network fail for some time.
func (c *cluster) partition(i int, s faultproxy.State, d time.Duration) {
	c.t.Helper()
	c.during(&c.cut, []int{i}, func(sure, _ func()) {
		c.nodes[i].network.Set(s)
		sure()
		pauseFor(c.asking, d)
		c.nodes[i].network.Set(faultproxy.Pass)
	})
	c.healed(i)
}

// healed measures how soon replicas are well when their network is.
func (c *cluster) healed(replicas ...int) {
	c.t.Helper()
	began := time.Now()
	for _, i := range replicas {
		for n := c.nodes[i]; !n.serving(c.asking) || !n.ready(c.asking); pauseFor(c.asking, 20*time.Millisecond) {
			if time.Since(began) > 4*reconnect {
				c.t.Errorf("replica %d does not come back: %s", i, n.log)
				return
			}
		}
	}
	took := time.Since(began)
	c.t.Logf("replicas %v were well %v after their store was", replicas, took.Round(time.Millisecond))
	require.Less(c.t, took, reconnect)
	pauseFor(c.asking, c.rest)
}

// outage has the database fail for some time.
func (c *cluster) outage(f func(sure, back func()) error) {
	c.t.Helper()
	began := time.Now()
	c.during(&c.cut, []int{0, 1, 2}, func(sure, back func()) { require.NoError(c.t, f(sure, back)) })
	c.t.Logf("the database was away for %v", time.Since(began).Round(time.Millisecond))
	c.healed(0, 1, 2)
}

// abort stops the database at once, and starts it some time later.
func (c *cluster) abort(d time.Duration) func(sure, back func()) error {
	return func(sure, back func()) error {
		if err := c.database.Abort(); err != nil {
			return err
		}
		sure()
		pauseFor(c.asking, d)
		back()
		return c.database.Start()
	}
}

// judge counts what is wrong by its kind, and says what the run was worth.
func (c *cluster) judge() map[string]int {
	c.t.Helper()
	wrong := map[string]int{}
	find := func(what string, replica int, at time.Time, text string) {
		if what == "" {
			return
		}
		kind, _, _ := strings.Cut(what, ":")
		if wrong[kind]++; wrong[kind] <= 3 {
			c.t.Logf("replica %d at %s: %s (%s)", replica, at.Format("15:04:05.000"), what, text)
		}
	}
	var count [unavailable + 1]int
	for i := range c.askings {
		n := &c.askings[i]
		count[n.answer]++
		if found(c.cut[n.replica], n.asked, 0, 0) != nil && n.about == ownRow {
			if n.answer == allowed {
				c.served++
			}
			if n.answer == unavailable {
				c.silent++
			}
		}
		find(c.wrong(n), n.replica, n.asked, n.text)
	}
	for i := range c.healths {
		x := &c.healths[i]
		find(c.lie(x), x.replica, x.asked, fmt.Sprintf("health %t, ready %t", x.grpc, x.http))
	}
	c.t.Logf("%d questions: %d allowed, %d denied, %d refused, %d without an answer; without a store %d were allowed and %d had no answer; %d sessions by key %v; %d questions about health",
		len(c.askings), count[allowed], count[denied], count[refused], count[unavailable], c.served, c.silent, c.made, c.keys, len(c.healths))
	took := c.latencies()
	if len(took) > 0 {
		c.t.Logf("%d times another replica heard of a revocation: median %v, 99th percentile %v, last %v", len(took),
			took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	}
	return wrong
}

// latencies are how long after a revocation was acknowledged other replicas with
// a store answered about the session last.
func (c *cluster) latencies() []time.Duration {
	type place struct {
		s       *client
		replica int
	}
	last := map[place]time.Duration{}
	for i := range c.askings {
		n := &c.askings[i]
		s := n.session
		if n.about != ownRow || s.revoked.IsZero() || n.asked.Before(s.revoked) || n.replica == s.by || n.answer == unavailable ||
			found(c.cut[n.replica], s.revoked, 0, reconnect) != nil || found(c.down[n.replica], s.revoked, 0, reconnect) != nil {
			continue
		}
		at := place{s, n.replica}
		d, known := last[at]
		if !known || n.answer == allowed {
			d = max(d, 0)
		}
		if n.answer == allowed {
			d = max(d, n.asked.Sub(s.revoked))
		}
		last[at] = d
	}
	out := make([]time.Duration, 0, len(last))
	for _, d := range last {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// TestThreeReplicas restarts each replica, restarts and aborts the database, and
// cuts a replica off for longer than it may serve, while sessions are made, used
// and revoked everywhere and a key begins to seal: no answer is wrong, no
// replica is silent without a cause, and what each says of itself is true.
func TestThreeReplicas(t *testing.T) {
	long := os.Getenv(longReplicas) != ""
	binary, err := rowanBinary()
	require.NoError(t, err)
	c := newCluster(t, binary, 5*time.Second)
	wrong := c.run(func() {
		rounds := 1
		if long {
			rounds, c.rest = 5, reconnect+time.Second
		}
		for round := range rounds {
			signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}
			for i := range c.nodes {
				c.restart(i, signals[(i+round)%2])
			}
			c.outage(func(_, _ func()) error { return c.database.Restart() })
			c.outage(c.abort(time.Second))
			c.partition(round%3, faultproxy.Swallow, 9*time.Second)
			if long {
				c.partition((round+1)%3, faultproxy.Refuse, 3*time.Second)
				c.partition((round+2)%3, faultproxy.Refuse, 9*time.Second)
				c.outage(c.abort(9 * time.Second))
			}
		}
	})
	require.Empty(t, wrong)
	require.Greater(t, len(c.askings), 2000)
	require.Greater(t, c.served, 100, "answers without a store")
	require.Greater(t, c.silent, 100, "silence when what was known was too old")
	require.Len(t, c.keys, 2, "the keys that sealed")
	require.Greater(t, len(c.latencies()), 10)
}

// guilty is a fault that the judge must find. Its changes are of the source that
// the compiler reads, not of the product's.
type guilty struct {
	name, verdict string
	network       faultproxy.State // what its network does
	changes       []sourceChange
}

// sourceChange is a text that stands once in a file, and what is put there.
type sourceChange struct{ file, old, new string }

var allGuilty = []guilty{
	{"opens sessions for ever without a store", "WRONG ALLOW", faultproxy.Swallow, []sourceChange{
		{"identity/sessions.go", "return known == nil || now.Before(known.asked) ||", "return known == nil || false && now.Before(known.asked) && "},
		{"identity/keyring.go", "return r.maxStale > 0 &&", "return false &&"},
	}},
	{"does not read what was revoked", "WRONG ALLOW", faultproxy.Swallow, []sourceChange{
		{"identity/revocation.go", "if r != nil && r.changes == changes && now.Sub(r.read) < reread {", "if r != nil {"},
	}},
	{"says that it is ready for questions", "ready for questions, and knows nothing", faultproxy.Swallow, []sourceChange{
		{"cmd/internal/rpc/server.go", "if s.options.Decider.Ready() != nil {", "if false {"},
	}},
	{"says that its store answers", "ready, and without a store", faultproxy.Swallow, []sourceChange{
		{"cmd/internal/server/health.go", "case err != nil:", "case false:"},
		{"cmd/internal/server/health.go", "case x.Sessions.Ready() != nil:", "case false:"},
	}},
	{"forgets what it knows when it cannot ask", "no answer of a replica that should have one", faultproxy.Refuse, []sourceChange{
		{"identity/sessions.go", "		return fmt.Errorf(\"reading revocations: %w\", err)\n", "		s.known.Store(nil)\n		return fmt.Errorf(\"reading revocations: %w\", err)\n"},
	}},
	{"waits for a network that swallowed its question", "not ready", faultproxy.Swallow, []sourceChange{
		{"cmd/internal/store/database.go", "maxStatement = 4 * time.Second", "maxStatement = 4 * time.Hour"},
		{"cmd/internal/store/postgres.go", "maxPing        = time.Second", "maxPing        = time.Hour"},
		{"cmd/internal/store/postgres.go", "maxConnect     = 3 * time.Second", "maxConnect     = 3 * time.Hour"},
		{"identity/sessions.go", "context.WithTimeout(ctx, limit/2)", "context.WithTimeout(ctx, time.Hour)"},
	}},
}

// TestReplicasControls has the judge find each fault.
func TestReplicasControls(t *testing.T) {
	if os.Getenv(longReplicas) == "" {
		t.Skipf("takes minutes: set %s", longReplicas)
	}
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	for _, g := range allGuilty {
		t.Run(g.name, func(t *testing.T) {
			c := newCluster(t, g.build(t, root), 5*time.Second)
			c.ending = syscall.SIGKILL // whatever else the fault does
			wrong := c.run(func() {
				c.during(&c.cut, []int{0}, func(sure, _ func()) {
					c.nodes[0].network.Set(g.network)
					sure()
					pauseFor(c.asking, 9*time.Second)
					c.nodes[0].network.Set(faultproxy.Pass)
				})
				pauseFor(c.asking, 2*reconnect)
			})
			found := false
			for kind := range wrong {
				found = found || strings.HasPrefix(kind, g.verdict)
			}
			require.True(t, found, "%q is not among %v", g.verdict, wrong)
		})
	}
}

// build builds the program with the fault.
func (g *guilty) build(t *testing.T, root string) string {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	for i, x := range g.changes {
		original := filepath.Join(root, x.file)
		from := original
		if replace[original] != "" { // it has a change already
			from = replace[original]
		}
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(text), x.old), "%s: %s", x.file, x.old)
		changed := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(text), x.old, x.new, 1)), 0o600))
		replace[original] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "rowan")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", file, "-o", binary, "./cmd/rowan")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}
