package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func TestListenRefusesToBeOverheard(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "8080", ""} {
		_, err := Listen(t.Context(), address, nil)
		require.Error(t, err, address)
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		l, err := Listen(t.Context(), address, nil)
		require.NoError(t, err, address)
		require.NoError(t, l.Close())
	}
	l, err := Listen(t.Context(), ":0", &tls.Config{})
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestBaseURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://auth.example.com": "https://auth.example.com", "https://auth.example.com/": "https://auth.example.com",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080", "http://[::1]:80": "http://[::1]:80", "http://localhost": "http://localhost",
		"http://auth.example.com": "", "ftp://localhost": "", "https://": "", "auth.example.com": "", "https://u@h": "",
		"https://h/path": "", "https://h?q": "", "https://h#f": "", "http://127.0.0.1.example.com": "",
	} {
		got, err := baseURL(text)
		require.Equal(t, want, got, text)
		require.Equal(t, want == "", err != nil, text)
	}
}

// TestServeEndsWhatItBegan holds a request open while the server is told to
// end: it is answered, and the next one finds nobody.
func TestServeEndsWhatItBegan(t *testing.T) {
	f := newFixture(t, nil)
	begun, release := make(chan struct{}), make(chan struct{})
	type in struct{}
	f.Current().handler.services[0].operations["GetId"] = public(func(context.Context, *in) (*in, error) {
		close(begun)
		<-release
		return &in{}, nil
	})
	l, err := Listen(t.Context(), "127.0.0.1:0", nil)
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx, l) }()
	post := func() (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String(), http.NoBody)
		require.NoError(t, err)
		r.Body, r.ContentLength = replay([]byte("{}")), 2
		r.Header.Set("Content-Type", json11)
		r.Header.Set("X-Amz-Target", identities+"GetId")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		return w.StatusCode, w.Body.Close()
	}
	status := make(chan int, 1)
	go func() {
		code, _ := post()
		status <- code
	}()
	<-begun
	end()
	require.Eventually(t, f.draining.Load, 5*time.Second, time.Millisecond)
	close(release)
	require.Equal(t, http.StatusOK, <-status)
	require.NoError(t, <-served)
	_, err = post()
	require.Error(t, err)
}

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := newBounded(inner, 1, 1)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		return c
	}
	first, second := dial(), dial()
	accepted, err := b.Accept()
	require.NoError(t, err)
	next := make(chan net.Conn)
	go func() {
		c, _ := b.Accept()
		next <- c
	}()
	require.Len(t, b.slots, 1)
	require.NoError(t, accepted.Close())
	require.Error(t, accepted.Close(), "and gives its slot back once")
	c := <-next
	require.Len(t, b.slots, 1)
	for _, x := range []net.Conn{c, first, second} {
		require.NoError(t, x.Close())
	}
	require.NoError(t, b.Close())
}

// TestThreatOneAddressTakesAllConnections: it gets its share.
func TestThreatOneAddressTakesAllConnections(t *testing.T) {
	b := newBounded(nil, 10, 2)
	one := peer(&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1})
	same := peer(&net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 2})
	other := peer(&net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 1})
	require.Equal(t, []bool{true, true, false, true}, []bool{b.take(one), b.take(same), b.take(one), b.take(other)})
	b.give(one)
	require.True(t, b.take(same))
	for range 3 {
		require.True(t, b.take(peer(&net.TCPAddr{IP: net.ParseIP("127.0.0.1")})))
		require.True(t, b.take(peer(&net.UnixAddr{})))
	}
	b.give(one)
	b.give(one)
	b.give(other)
	require.Empty(t, b.held)
}

// TestThreatBodiesTakeAllMemory: what is announced counts before it is read.
func TestThreatBodiesTakeAllMemory(t *testing.T) {
	f := newFixture(t, nil)
	f.bodies.all = maxBodies - 100
	require.Equal(t, http.StatusOK, f.call(identities+"GetId", guest).Code)
	requireJSONError(t, f.call(identities+"GetId", `{"IdentityPoolId":"`+demoPool+`","Pad":"`+strings.Repeat("x", 200)+`"}`), 400, "TooManyRequestsException")
	require.EqualValues(t, maxBodies-100, f.bodies.all)
}

// TestThreatBodiesOfOneAddress: an address that holds many bodies open, as the
// streams of HTTP/2 let it, leaves room for others.
func TestThreatBodiesOfOneAddress(t *testing.T) {
	f := newFixture(t, nil)
	held, release := make(chan struct{}), make(chan struct{})
	type in struct{}
	f.Current().handler.services[0].operations["GetId"] = public(func(context.Context, *in) (*in, error) {
		held <- struct{}{}
		<-release
		return &in{}, nil
	})
	hold := func(address string) chan int {
		status := make(chan int, 1)
		go func() {
			r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("{}"))) // of no known length
			r.ContentLength, r.RemoteAddr = -1, address
			r.Header.Set("Content-Type", json11)
			r.Header.Set("X-Amz-Target", identities+"GetId")
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			status <- w.Code
		}()
		return status
	}
	var all []chan int
	for i := range maxBodiesOfOne / maxBody {
		all = append(all, hold(fmt.Sprintf("[2001:db8::%x]:1", i+1)))
		<-held
	}
	select {
	case status := <-hold("[2001:db8::ffff]:1"):
		require.Equal(t, http.StatusBadRequest, status)
	case <-held:
		close(release)
		require.Fail(t, "one address has more than its share")
	}
	for _, other := range []string{"[2001:db8:0:1::1]:1", "192.0.2.1:1", "127.0.0.1:1", "@"} {
		all = append(all, hold(other))
		<-held
	}
	close(release)
	for _, status := range all {
		require.Equal(t, http.StatusOK, <-status)
	}
	require.Empty(t, f.bodies.of)
	require.Zero(t, f.bodies.all)
}

// TestThreatRecordsTakeAllSpace: what strangers make and what has expired goes,
// however much it is.
func TestThreatRecordsTakeAllSpace(t *testing.T) {
	f := newFixture(t, nil)
	const n = 2*identity.MaxSweep + 1
	require.NoError(t, f.Current().store.Update(t.Context(), func(tx identity.Tx) error {
		for i := range n + 1 {
			expires := f.at
			if i == n {
				expires = f.at.Add(time.Hour)
			}
			if err := tx.Put(identity.Record{Kind: "nonce", Key: fmt.Sprint(i), Expires: expires}); err != nil {
				return err
			}
		}
		return nil
	}))
	f.sweep(t.Context())
	require.NoError(t, f.Current().store.View(t.Context(), func(tx identity.Tx) error {
		left, err := tx.List("nonce", "", "", n)
		require.Equal(t, 1, len(left))
		require.Equal(t, fmt.Sprint(n), left[0].Key)
		return err
	}))
}

func TestSecrets(t *testing.T) {
	s, err := ParseSecrets([]byte("accessKeys: {AKIA1: topsecret}\nclients:\n  c1: other\nfacebook: {appSecret: fbsecret}\nsmtp: {password: mailpass}\n"))
	require.NoError(t, err)
	require.Equal(t, "topsecret", string(s.AccessKeys["AKIA1"].Reveal()))
	require.Equal(t, "mailpass", string(s.SMTPPassword.Reveal()))
	require.Equal(t, "fbsecret", string(s.FacebookApp.Reveal()))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s, *s, s.AccessKeys), "topsecret")
	empty, err := ParseSecrets(nil)
	require.NoError(t, err)
	require.Empty(t, empty.AccessKeys)
	for text, want := range map[string]string{
		"accessKeys:\n  AKIA1: [topsecret]\n": "secrets file line 2: not the members that it may have",
		"accesskeys: {AKIA1: topsecret}":      "secrets file line 1: not the members that it may have",
		"accessKeys: {AKIA1: ''}":             `secrets file: accessKeys of "AKIA1" is empty`,
		"a: b: topsecret":                     "secrets file: not the members that it may have",
		"accessKeys: {'': topsecret}":         `secrets file: accessKeys of "" is empty`,
		"a: &a {}\n---\nb: topsecret":         "secrets file line 1: not the members that it may have",
		"smtp: {}\n---\nsmtp: {}":             "secrets file: more than one document",
		"smtp: {}\n---\n{topsecret":           "secrets file: more than one document",
		"topsecret":                           "secrets file line 1: not the members that it may have",
	} {
		_, err := ParseSecrets([]byte(text))
		require.EqualError(t, err, want)
	}
	account := &identity.Account{Administrators: map[string]*identity.Administrator{"AKIA1": {}, "AKIA2": {}}}
	env := map[string]string{"ROWAN_SECRET_AKIA2": "two", "ROWAN_SECRET_AKIA3": "three"}
	require.NoError(t, s.AddEnvironment(func(k string) string { return env[k] }, account))
	require.Len(t, s.AccessKeys, 2)
	env["ROWAN_SECRET_AKIA1"] = "different"
	err = s.AddEnvironment(func(k string) string { return env[k] }, account)
	require.EqualError(t, err, "the access key AKIA1 has one secret in the environment and another in the file")
}

func TestOpenRefuses(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no bundle": func(o *Options) { o.Bundle = nil }, "no store": func(o *Options) { o.Store = nil },
		"no keys": func(o *Options) { o.Storage = nil }, "no sender": func(o *Options) { o.Sender = nil },
		"no clock": func(o *Options) { o.Now = nil }, "http": func(o *Options) { o.URL = "http://auth.example.com" },
		"secret of nobody": func(o *Options) {
			o.Secrets = &Secrets{AccessKeys: map[string]identity.Secret{"AKIANOBODY": identity.NewSecret([]byte("x"))}}
		},
	} {
		o := testOptions(t)
		change(&o)
		_, err := New(t.Context(), o)
		require.Error(t, err, name)
	}
}

// TestServicesHaveRoom: more connections of services may be idle than those of
// strangers.
func TestServicesHaveRoom(t *testing.T) {
	l, err := ListenForServices(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	accepted := make(chan net.Conn, 2*maxConnections)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range maxConnections + 500 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		select {
		case of := <-accepted:
			t.Cleanup(func() { _ = of.Close() })
		case <-time.After(10 * time.Second):
			t.Fatal("a connection is not accepted")
		}
	}
}
