package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
)

// demoFiles are the files of the demo, of which some are changed; empty text
// takes one away.
func demoFiles(t testing.TB, changed map[string]string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(demo.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(demo.FS, name)
		out[name] = &fstest.MapFile{Data: text}
		return err
	}))
	for name, text := range changed {
		if text == "" {
			delete(out, name)
			continue
		}
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func loadDemo(t testing.TB, changed map[string]string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(demoFiles(t, changed), "demo", conditions.AWS())
	require.NoError(t, err)
	return b
}

const rowanYAML = "account: \"111122223333\"\nregion: us-east-1\n"

// changedDemo differs from the demo in nothing that matters.
var changedDemo = map[string]string{"rowan.yaml": rowanYAML + "requireTests: true\n"}

// guestCredentials signs a guest in.
func (f *fixture) guestCredentials() (id, access, token string) {
	f.t.Helper()
	var made struct {
		IdentityID string `json:"IdentityId"`
	}
	w := f.call(identities+"GetId", guest)
	require.Equal(f.t, http.StatusOK, w.Code, "%s", w.Body)
	require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &made))
	var got struct {
		Credentials struct {
			AccessKeyID  string `json:"AccessKeyId"`
			SessionToken string
		}
	}
	w = f.call(identities+"GetCredentialsForIdentity", `{"IdentityId":"`+made.IdentityID+`"}`)
	require.Equal(f.t, http.StatusOK, w.Code, "%s", w.Body)
	require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &got))
	return made.IdentityID, got.Credentials.AccessKeyID, got.Credentials.SessionToken
}

func TestReloadKeepsSessionsAndRevocations(t *testing.T) {
	f := newFixture(t, nil)
	before := f.Current()
	id, key, token := f.guestCredentials()
	other, otherKey, otherToken := f.guestCredentials()
	require.NotEqual(t, id, other)

	require.NoError(t, f.Reload(t.Context(), Candidate{Bundle: loadDemo(t, changedDemo)}))
	after := f.Current()
	require.NotSame(t, before, after)
	require.NotEqual(t, before.Digest, after.Digest)
	require.Len(t, after.Digest, 64)
	select {
	case <-before.Replaced():
	default:
		require.Fail(t, "nobody is told that the bundle was replaced")
	}
	for _, d := range []*Deployment{before, after} {
		_, err := d.Sessions.Open(t.Context(), key, token)
		require.NoError(t, err)
	}
	// One that is revoked by the bundle before is revoked by the one after, and
	// the other way round: at once, without a poll.
	require.NoError(t, before.Sessions.Revoke(t.Context(), identity.Revocation{Identity: id}))
	require.NoError(t, after.Sessions.Revoke(t.Context(), identity.Revocation{Identity: other}))
	for _, d := range []*Deployment{before, after} {
		_, err := d.Sessions.Open(t.Context(), key, token)
		require.ErrorIs(t, err, identity.ErrSessionRevoked)
		_, err = d.Sessions.Open(t.Context(), otherKey, otherToken)
		require.ErrorIs(t, err, identity.ErrSessionRevoked)
	}
}

// TestReloadEndsSessionsOfRolesThatAreGone is the twin of the above.
func TestReloadEndsSessionsOfRolesThatAreGone(t *testing.T) {
	f := newFixture(t, nil)
	_, key, token := f.guestCredentials()
	text, err := fs.ReadFile(demo.FS, "roles/Guest.yaml")
	require.NoError(t, err)
	again := map[string]string{"roles/Guest.yaml": "id: AROAMADEANEW22222222\n" + string(text)}
	require.NoError(t, f.Reload(t.Context(), Candidate{Bundle: loadDemo(t, again)}))
	_, err = f.Current().Sessions.Open(t.Context(), key, token)
	require.ErrorIs(t, err, identity.ErrSessionToken)
}

func TestReloadKeepsRates(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Rate = Rate{PerSecond: 0.001, Burst: 2} })
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
	f.bodies.all = 7
	require.NoError(t, f.Reload(t.Context(), Candidate{Bundle: loadDemo(t, changedDemo)}))
	require.EqualValues(t, 7, f.bodies.all)
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
	requireJSONError(t, f.call(identities+"GetId", guest), 400, "TooManyRequestsException")
	f.Drain()
	require.NoError(t, f.Reload(t.Context(), Candidate{Bundle: loadDemo(t, nil)}))
	require.Equal(t, http.StatusServiceUnavailable, f.send(http.MethodGet, "/-/ready", "", "").Code, "one that is ending stays so")
}

// TestReloadKeepsKeySets: the key set of a provider that stays is not fetched
// again, and that of a new one is.
func TestReloadKeepsKeySets(t *testing.T) {
	var fetched atomic.Int32
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write([]byte(`{"keys":[]}`))
	}))
	t.Cleanup(issuer.Close)
	provider := func(name string) map[string]string {
		return map[string]string{"providers/" + name + ".yaml": "oidc: {issuer: " + issuer.URL + "/" + name + ", keys: " + issuer.URL + "/keys, clients: [app]}\n", "rowan.yaml": rowanYAML}
	}
	b := func(names ...string) *bundle.Bundle {
		all := map[string]string{}
		for _, name := range names {
			for file, text := range provider(name) {
				all[file] = text
			}
		}
		return loadDemo(t, all)
	}
	o := testOptions(t)
	o.AllowLoopback, o.Bundle = true, b("One")
	l, err := New(t.Context(), o)
	require.NoError(t, err)
	ask := func() {
		for k, r := range l.Current().remotes {
			if strings.HasPrefix(k.issuer, issuer.URL) {
				_, _ = r.Key(t.Context(), "kid", "RS256")
			}
		}
	}
	ask()
	require.EqualValues(t, 1, fetched.Load())
	require.NoError(t, l.Reload(t.Context(), Candidate{Bundle: b("One", "Two")}))
	ask()
	require.EqualValues(t, 2, fetched.Load(), "of the new one alone")
	require.NoError(t, l.Reload(t.Context(), Candidate{Bundle: b("Two")}))
	require.NotContains(t, l.Current().remotes, remoteKey{issuer.URL + "/One", issuer.URL + "/keys"})
}

func TestReloadRefuses(t *testing.T) {
	failing := map[string]string{"rowan.yaml": rowanYAML + "requireTests: true\n", "tests/bad_test.yaml": "suite: bad\nidentities: {g: {role: Guest, authenticated: false, identityId: \"us-east-1:zzzz\"}}\n" +
		"tests: [{name: never, as: g, request: {action: s3:GetObject, resource: \"arn:aws:s3:::b/o\"}, expect: {decision: allowed}}]\n"}
	for name, c := range map[string]struct {
		candidate func(t *testing.T) Candidate
		reason    string
		want      string
	}{
		"a test that fails": {func(t *testing.T) Candidate { return Candidate{Bundle: loadDemo(t, failing)} }, "tests", "bad/never"},
		"no tests": {func(t *testing.T) Candidate {
			none := map[string]string{"rowan.yaml": rowanYAML + "requireTests: true\n"}
			files := demoFiles(t, none)
			for file := range files {
				if strings.HasPrefix(file, "tests/") {
					delete(files, file)
				}
			}
			b, err := bundle.Load(files, "demo", conditions.AWS())
			require.NoError(t, err)
			return Candidate{Bundle: b}
		}, "tests", "there are no tests"},
		"nothing in it": {func(t *testing.T) Candidate {
			b, err := bundle.Load(fstest.MapFS{"rowan.yaml": {Data: []byte(rowanYAML)}}, "b", conditions.AWS())
			require.NoError(t, err)
			return Candidate{Bundle: b}
		}, "empty", "allowEmpty: true"},
		"past its time": {func(t *testing.T) Candidate {
			return Candidate{Bundle: loadDemo(t, changedDemo), Origin: Origin{Expires: time.Now().Add(-time.Second)}}
		}, "expired", "expired at"},
		"a secret of nobody": {func(t *testing.T) Candidate {
			return Candidate{Bundle: loadDemo(t, changedDemo), Secrets: &Secrets{AccessKeys: map[string]identity.Secret{"AKIANOBODY": identity.NewSecret([]byte("x"))}}}
		}, "other", "AKIANOBODY"},
		"a guardrail that does not compile": {func(t *testing.T) Candidate {
			b, err := bundle.LoadWithRego(demoFiles(t, map[string]string{"guardrails/x.rego": "package rowan.guardrails\n\ndeny contains \"x\" if input.acton == \"x\"\n"}), "demo", conditions.AWS())
			require.NoError(t, err)
			return Candidate{Bundle: b}
		}, "guardrail", "demo/guardrails/x.rego:3:"},
		"a bundle that is not accepted": {func(t *testing.T) Candidate {
			return Candidate{Bundle: loadDemo(t, changedDemo), Origin: Origin{Version: 13}}
		}, "rollback", "thirteen"},
	} {
		t.Run(name, func(t *testing.T) {
			var loads []Load
			f := newFixture(t, func(o *Options) {
				o.Observe = func(l Load) { loads = append(loads, l) }
				o.Accept = func(_ context.Context, d *Deployment) error {
					if d.Version == 13 {
						return &RefusalError{Kind: "rollback", Err: errors.New("thirteen")}
					}
					return nil
				}
			})
			before := f.Current()
			f.at = f.at.Add(90 * time.Second)
			require.NoError(t, f.Current().Sessions.Refresh(t.Context()))
			require.ErrorContains(t, f.Reload(t.Context(), c.candidate(t)), c.want)
			require.Same(t, before, f.Current())
			require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
			s := f.Status()
			require.Equal(t, before.Digest, s.Digest)
			require.Equal(t, map[string]uint64{c.reason: 1}, s.Refusals)
			require.EqualValues(t, 1, s.Loads)
			require.Len(t, loads, 2)
			require.Nil(t, loads[0].Refusal)
			require.Equal(t, c.reason, loads[1].Refusal.Kind)
			require.Contains(t, f.log.String(), "the last good one stays in force")

			var ready readyAnswer
			w := f.send(http.MethodGet, "/-/ready", "", "")
			require.Equal(t, http.StatusOK, w.Code)
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &ready))
			require.Equal(t, "ready", ready.Status)
			require.Equal(t, before.Digest, ready.Bundle.Digest)
			require.EqualValues(t, 90, ready.Bundle.AgeSeconds)
			require.NotNil(t, ready.Bundle.RefusedAt)
			require.NotContains(t, w.Body.String(), c.want)

			f.Confirm() // the source was put back
			require.Nil(t, f.Status().Refusal)
		})
	}
}

// TestBundlePastItsTime: the answer to all but the health checks is a refusal,
// until there is a newer one.
func TestBundlePastItsTime(t *testing.T) {
	f := newFixture(t, nil)
	c := Candidate{Bundle: loadDemo(t, nil), Origin: Origin{Version: 1, Expires: f.at.Add(time.Hour)}}
	require.NoError(t, f.Reload(t.Context(), c))
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
	f.at = f.at.Add(time.Hour - time.Second)
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
	f.at = f.at.Add(time.Second)
	requireJSONError(t, f.call(identities+"GetId", guest), 503, "ServiceUnavailableException")
	require.Equal(t, http.StatusServiceUnavailable, f.send(http.MethodGet, "/us-east-1_x/login", "", "").Code)
	require.Equal(t, http.StatusOK, f.send(http.MethodGet, "/-/healthy", "", "").Code)
	w := f.send(http.MethodGet, "/-/ready", "", "")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "past its time")
	c.Origin = Origin{Version: 2, Expires: f.at.Add(time.Hour)}
	require.NoError(t, f.Reload(t.Context(), c))
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
}

// TestRequestsEndWithTheirBundle: one that began before a reload is answered by
// the bundle that it began with.
func TestRequestsEndWithTheirBundle(t *testing.T) {
	f := newFixture(t, nil)
	type in struct{}
	begun, release := make(chan struct{}), make(chan struct{})
	f.Current().handler.services[0].operations["GetId"] = public(func(context.Context, *in) (*in, error) {
		close(begun)
		<-release
		return &in{}, nil
	})
	answered := make(chan *httptest.ResponseRecorder)
	go func() { answered <- f.call(identities+"GetId", "{}") }()
	<-begun
	require.NoError(t, f.Reload(t.Context(), Candidate{Bundle: loadDemo(t, changedDemo)}))
	w := f.call(identities+"GetId", guest)
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "IdentityId")
	close(release)
	w = <-answered
	require.Equal(t, http.StatusOK, w.Code)
	require.NotContains(t, w.Body.String(), "IdentityId")
}
