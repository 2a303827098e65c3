package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// issuer is an identity provider that can be made to fail.
type issuer struct {
	server  *httptest.Server
	keys    map[string]*rsa.PrivateKey
	listed  atomic.Pointer[[]string] // which of them it tells
	fault   atomic.Pointer[string]
	fetches atomic.Int64
	tokens  atomic.Int64
}

func newIssuer() (*issuer, error) {
	i := &issuer{keys: map[string]*rsa.PrivateKey{}}
	for _, kid := range []string{"one", "two"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		i.keys[kid] = key
	}
	i.listed.Store(&[]string{"one"})
	i.fails("")
	i.server = httptest.NewServer(i)
	return i, nil
}

func (i *issuer) fails(how string) { i.fault.Store(&how) }

// ServeHTTP tells the keys, or does what is wrong.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.fetches.Add(1)
	w.Header().Set("Content-Type", "application/json")
	switch *i.fault.Load() {
	case "down":
		w.WriteHeader(http.StatusBadGateway)
		return
	case "slow":
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
		}
		return
	case "garbage":
		_, _ = io.WriteString(w, `{"keys": [{"kty": "RSA", "n": `)
		return
	case "huge":
		_, _ = io.CopyN(w, zeros{}, 100<<20)
		return
	}
	var all []map[string]string
	for _, kid := range *i.listed.Load() {
		k := i.keys[kid]
		b64 := base64.RawURLEncoding.EncodeToString
		all = append(all, map[string]string{
			"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": all})
}

func (i *issuer) name() string { return strings.TrimPrefix(i.server.URL, "http://") }

// token makes a login's token that nobody has seen before.
func (i *issuer) token(kid string, now time.Time) (*rowanv1.Subject, error) {
	n := i.tokens.Add(1)
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": i.server.URL, "aud": "app", "sub": "ann", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": fmt.Sprint(n),
	})
	t.Header["kid"] = kid
	key := i.keys[kid]
	if key == nil {
		key = i.keys["one"]
	}
	text, err := t.SignedString(key)
	return &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Provider: i.name(), Token: text}}}, err
}

// keySetTarget asks with tokens of an issuer whose key set fails in every way. A
// server in this process is asked, since its clock has to move.
func keySetTarget(ctx context.Context, l *lab) (string, error) {
	i, err := newIssuer()
	if err != nil {
		return "", err
	}
	defer i.server.CloseClientConnections()
	texts := revisionFiles(1, 0)
	texts["providers/idp.yaml"] = fmt.Sprintf("oidc: {issuer: %q, keys: %q, clients: [app]}\n", i.server.URL, i.server.URL+"/keys")
	texts["pools/game.yaml"] += fmt.Sprintf("  providers:\n    %q: {clients: [app]}\n", i.name())
	files, err := pack(texts, 1)
	if err != nil {
		return "", err
	}
	c := &clock{at: time.Now().Truncate(time.Second)}
	x, err := newInside(ctx, l, files, c.now)
	if err != nil {
		return "", err
	}
	t := &keySets{issuer: i, clock: c, inside: x}
	t.run(ctx)
	return fmt.Sprintf("%d tokens, %d fetches; known kid at most %v while the issuer fails; 500 unknown kids: %d fetches", i.tokens.Load(), i.fetches.Load(),
		brief(t.slowest), t.flood), t.check.err()
}

// keySets are the steps of keySetTarget.
type keySets struct {
	*issuer
	clock   *clock
	inside  *inside
	check   check
	slowest time.Duration
	flood   int64
}

// pass lets time go by, with revocations known.
func (t *keySets) pass(ctx context.Context, d time.Duration) {
	t.clock.set(t.clock.now().Add(d), 0)
	t.check.try(t.inside.live.Current().Sessions.Refresh(ctx))
}

// ask asks with a new token, and notes what is not as it should be.
func (t *keySets) ask(ctx context.Context, what, kid string, want codes.Code) time.Duration {
	of, err := t.token(kid, t.clock.now())
	t.check.try(err)
	began := time.Now()
	out, err := t.inside.decider.Decide(local(ctx), request(of, getItem, "open"))
	took := time.Since(began)
	t.check.must(code(err) == want, "%s: %v %w, want %v", what, out.GetAnswer().GetDecision(), errors.Join(err, errWrong), want)
	return took
}

func (t *keySets) run(ctx context.Context) {
	t.fails("down")
	t.ask(ctx, "no key set yet", "one", codes.Unavailable)
	t.fails("")
	t.pass(ctx, time.Minute)
	t.ask(ctx, "at first", "one", codes.OK)
	for _, fault := range []string{"down", "slow", "garbage", "huge"} {
		t.fails(fault)
		t.pass(ctx, time.Minute)
		for range 20 {
			t.slowest = max(t.slowest, t.ask(ctx, "a known kid while the issuer is "+fault, "one", codes.OK))
		}
		// The first waits for a fetch, which fails within five seconds.
		within := t.ask(ctx, "an unknown kid while the issuer is "+fault, "two", codes.Unauthenticated)
		t.check.must(within < 7*time.Second, "an unknown kid took %v while the issuer is %s", within, fault)
		t.slowest = max(t.slowest, t.ask(ctx, "a known kid after it", "one", codes.OK))
	}
	t.check.must(t.slowest < time.Second, "a known kid took %v while the issuer failed", t.slowest)
	t.fails("")
	t.pass(ctx, 10*time.Minute)
	before := t.fetches.Load()
	for n := range 500 {
		t.ask(ctx, "a flood of unknown kids", fmt.Sprintf("none-%d", n), codes.Unauthenticated)
	}
	t.flood = t.fetches.Load() - before
	t.check.must(t.flood <= 1, "%d fetches for 500 unknown kids within a second", t.flood)
	// A key that is withdrawn counts no longer once the set is an hour old.
	t.listed.Store(&[]string{"two"})
	t.pass(ctx, time.Hour)
	t.ask(ctx, "the new key", "two", codes.OK)
	t.ask(ctx, "the key that was withdrawn", "one", codes.Unauthenticated)
	// And a set that nobody confirms does not last for ever.
	t.fails("garbage")
	t.pass(ctx, 5*time.Hour)
	t.ask(ctx, "five hours after the last good set", "two", codes.OK)
	t.pass(ctx, 2*time.Hour)
	t.ask(ctx, "seven hours after it", "two", codes.Unavailable)
}
