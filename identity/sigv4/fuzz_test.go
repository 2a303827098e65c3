package sigv4_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

// FuzzAuthorization sends any Authorization header with a request that is known
// to be good under one: no other is taken than one that says the same.
func FuzzAuthorization(f *testing.F) {
	good := call().headerForm().Header.Get("Authorization")
	signature := call().signature()
	for _, seed := range []string{
		good, strings.Replace(good, ", ", ",", 2), good + ",", strings.ToLower(good), good + ", Signature=" + signature,
		strings.Replace(good, "Credential=", "Credential=X/", 1), strings.Replace(good, ";host", ";host;host", 1),
		"AWS4-HMAC-SHA256 Signature=" + signature, "Basic " + good, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 =,=,=", "AWS4-ECDSA-P256-SHA256 " + good,
	} {
		f.Add(seed)
	}
	v := newVerifier(f)
	spaces := strings.NewReplacer(" ", "", "\t", "")
	f.Fuzz(func(t *testing.T, header string) {
		send := func(v *sigv4.Verifier) error {
			r := call().headerForm()
			r.Header["Authorization"] = []string{header}
			_, err := v.Verify(r)
			return err
		}
		// What a verifier remembers of others alters no answer.
		err := send(v)
		require.Equal(t, send(newVerifier(t)), err)
		if err != nil {
			return
		}
		parts := strings.Split(spaces.Replace(strings.TrimPrefix(header, "AWS4-HMAC-SHA256")), ",")
		require.ElementsMatch(t, strings.Split(spaces.Replace(strings.TrimPrefix(good, "AWS4-HMAC-SHA256")), ","), parts)
	})
}

// FuzzSwap signs one request and sends another: it is taken only if the signer
// of these tests calls the two the same. What is sent as it was signed is never
// a mismatch.
func FuzzSwap(f *testing.F) {
	for form := range uint8(4) {
		f.Add(form, "/a/b?q=1", "/a/b?q=1", "v", "v")
		f.Add(form, "/a?x=1&y=2", "/a?y=2&x=1", "a  b", "a b")
		f.Add(form, "/a%2Fb?x=%7e", "/a/b?x=~", " v", "v ")
		f.Add(form, "/%61?x", "/a?x=", "v,w", "v, w")
		f.Add(form, "/a?x=a+b", "/a?x=a%20b", "é", "e\u0301")
		f.Add(form, "/a;b?x;y=1", "/a?b&x;y=1", "\t", "")
		f.Add(form, "/a?X-Amz-Date=1", "/a?x-amz-date=1", "\"a  b\"", "\"a b\"")
	}
	rest, s3 := newVerifier(f, restService), newVerifier(f, s3Service)
	f.Fuzz(func(t *testing.T, form uint8, target, sent, value, sentValue string) {
		for _, s := range []string{target, sent} { // what net/http delivers as a target
			if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "#\x00 ") || !utf8.ValidString(s) {
				return
			}
		}
		v, m := rest, get(target)
		if form&1 == 1 {
			v, m = s3, object("GET", target, "")
		}
		m.set("X-Amz-Meta-A", value)
		other := m.clone().set("X-Amz-Meta-A", sentValue)
		other.target = sent
		same := target == sent && value == sentValue
		if form&2 == 2 {
			m, other = forQuery(m), forQuery(other)
			other.put = m.presign("60", "").target[len(m.presign("60", "").target)-64:]
			m, other = m.presign("60", ""), other.presign("60", "")
		} else {
			other.put = m.signature()
		}
		r := other.request()
		if form&2 == 0 {
			r = other.headerForm()
		}
		_, err := v.Verify(r)
		if same {
			requireNoMismatch(t, err)
			return
		}
		if err == nil {
			require.Equal(t, m.canonical(), other.canonical())
		}
	})
}

// forQuery is a message without the headers that its query form does not have.
func forQuery(m *message) *message {
	m = m.clone()
	m.headers = m.headers[len(m.headers)-1:]
	m.payload = "UNSIGNED-PAYLOAD"
	if !m.s3 {
		m.payload = ""
	}
	return m
}

// requireNoMismatch wants a request taken, or refused for what it is rather
// than for its signature.
func requireNoMismatch(t *testing.T, err error) {
	t.Helper()
	var e *sigv4.Error
	if errors.As(err, &e) {
		require.NotEqual(t, sigv4.Mismatch, e.Kind)
		return
	}
	require.NoError(t, err)
}
