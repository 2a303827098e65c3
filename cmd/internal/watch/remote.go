package watch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/archive"
)

// remote is the address of a tar.gz.
type remote struct {
	address, name string
	client        *http.Client
	// etag and modified are of what was read last.
	etag, modified string
}

const (
	fetchWithin  = time.Minute
	headerWithin = 20 * time.Second
	maxHeader    = 64 << 10
	maxETag      = 1 << 10
	maxRedirects = 3
)

func newRemote(address string, ca *x509.CertPool) (*remote, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address of the bundle cannot be read") // which may hold a secret
	}
	shown := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	switch {
	case !fetchable(u):
		return nil, fmt.Errorf("bundle %s: want https, or http on this machine", shown)
	case u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("bundle %s: an address without a user and a fragment is wanted", shown)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // it is compressed already
	t.ResponseHeaderTimeout, t.MaxResponseHeaderBytes = headerWithin, maxHeader
	t.TLSClientConfig = &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12}
	t.MaxIdleConns = 1
	return &remote{address: address, name: shown.String(), client: &http.Client{Transport: t, Timeout: fetchWithin, CheckRedirect: redirect}}, nil
}

// fetchable reports whether nobody between can change what is fetched.
func fetchable(u *url.URL) bool {
	if u.Host == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// redirect takes few redirects, from https to https alone.
func redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if !fetchable(r.URL) || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("a redirect to an address that is not https")
	}
	return nil
}

// changed is never known without asking.
func (r *remote) changed() bool { return true }

func (r *remote) paths() []string { return nil }

func (r *remote) read(ctx context.Context, forced bool) (*archive.Files, error) {
	unreadable := func(err error) error {
		return &archive.RefusedError{Kind: "unreadable", Err: fmt.Errorf("%s: %w", r.name, err)}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address, http.NoBody)
	if err != nil {
		return nil, unreadable(errors.New("no address"))
	}
	q.Header.Set("Accept", "application/gzip, application/octet-stream;q=0.9, */*;q=0.1")
	q.Header.Set("User-Agent", "rowan")
	asked := !forced && r.etag+r.modified != ""
	if asked {
		setUnlessEmpty(q.Header, "If-None-Match", r.etag)
		setUnlessEmpty(q.Header, "If-Modified-Since", r.modified)
	}
	answer, err := r.client.Do(q)
	if err != nil {
		return nil, unreadable(withoutAddress(err))
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	switch {
	case answer.StatusCode == http.StatusNotModified && asked:
		return nil, ErrUnchanged
	case answer.StatusCode != http.StatusOK:
		return nil, unreadable(fmt.Errorf("status %d", answer.StatusCode))
	}
	f, err := readArchive(answer.Body, r.name)
	if err != nil {
		return nil, err
	}
	r.etag, r.modified = bounded(answer.Header.Get("Etag")), bounded(answer.Header.Get("Last-Modified"))
	return f, nil
}

func setUnlessEmpty(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

func bounded(s string) string {
	if len(s) > maxETag {
		return ""
	}
	return s
}

// withoutAddress drops the address from an error of a client: its query may be a
// secret.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
