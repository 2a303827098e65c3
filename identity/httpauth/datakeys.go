package httpauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// DataKeys fetches the keys of DataHeader from an address, URL/KID in PEM, and
// keeps them: a kid names one key for ever. They may be shared.
type DataKeys struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	keys    map[string]*ecdsa.PublicKey
	refused time.Time // when a kid was last not found
}

const (
	maxDataKeys  = 64
	maxDataPEM   = 4 << 10
	dataKeyAfter = time.Second
	dataKeyTime  = 5 * time.Second
)

// NewDataKeys makes DataKeys of an address: https, or http on this machine. For
// an ALB it is https://public-keys.auth.elb.REGION.amazonaws.com, for Rowan the
// one of --http-listen and /alb-keys. A nil transport is net/http's.
func NewDataKeys(address string, transport http.RoundTripper, now func() time.Time) (*DataKeys, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("httpauth: address of keys %q", address)
	}
	if host := u.Hostname(); u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && host != "127.0.0.1" && host != "::1") {
		return nil, fmt.Errorf("httpauth: address of keys %q: want https, or http on this machine", address)
	}
	if now == nil {
		return nil, errors.New("httpauth: DataKeys need a clock")
	}
	client := &http.Client{
		Transport: transport, Timeout: dataKeyTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &DataKeys{url: strings.TrimSuffix(address, "/"), client: client, now: now, keys: map[string]*ecdsa.PublicKey{}}, nil
}

// Key returns the key of a kid. It wraps ErrData if there is none; any other
// error is an outage. After a kid that was not found none is asked for a second,
// lest whoever makes them up make the server ask.
func (k *DataKeys) Key(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	if !dataKeyID(kid) {
		return nil, fmt.Errorf("%w: kid is no UUID", ErrData)
	}
	k.mu.Lock()
	defer k.mu.Unlock() // one at a time
	if key, ok := k.keys[kid]; ok {
		return key, nil
	}
	if k.now().Before(k.refused.Add(dataKeyAfter)) {
		return nil, fmt.Errorf("%w: kid is not known", ErrData)
	}
	key, err := k.fetch(ctx, kid)
	if errors.Is(err, ErrData) {
		k.refused = k.now()
	}
	if err != nil {
		return nil, err
	}
	if len(k.keys) >= maxDataKeys {
		clear(k.keys)
	}
	k.keys[kid] = key
	return key, nil
}

func (k *DataKeys) fetch(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url+"/"+kid, nil)
	if err != nil {
		return nil, err
	}
	w, err := k.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Body.Close() }()
	switch {
	case w.StatusCode == http.StatusNotFound, w.StatusCode == http.StatusForbidden: // as S3 says that there is none
		return nil, fmt.Errorf("%w: kid is not known", ErrData)
	case w.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("httpauth: keys: status %d", w.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(w.Body, maxDataPEM))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("httpauth: keys: no public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("httpauth: keys: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("httpauth: keys: not an ECDSA key")
	}
	return key, nil
}
