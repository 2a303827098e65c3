package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// load fetches the key set, and before it, if its address is not known yet, the
// issuer's configuration. It returns the address too.
func (r *Remote) load(ctx context.Context, keysURL string) (*KeySet, string, error) {
	if keysURL == "" {
		var err error
		if keysURL, err = r.discover(ctx); err != nil {
			return nil, "", err
		}
	}
	src, err := r.get(ctx, keysURL)
	if err != nil {
		return nil, "", err
	}
	set, err := ParseKeySet(src)
	return set, keysURL, err
}

// discover returns the address of the key set. The document must be the
// issuer's, by its exact name. Source: OpenID Connect Discovery §4.
func (r *Remote) discover(ctx context.Context) (string, error) {
	src, err := r.get(ctx, strings.TrimSuffix(r.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	object, err := strictjson.Object(src, strictjson.Limits{Members: 1000, Bytes: maxDocument})
	if err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	document := Claims(object)
	if issuer, _ := document.String("issuer"); issuer != r.issuer {
		return "", errors.New("discovery: the document is of another issuer")
	}
	keysURL, _ := document.String("jwks_uri")
	if err := checkURL(keysURL, r.allowLoopback); err != nil {
		return "", fmt.Errorf("discovery: jwks_uri: %w", err)
	}
	return keysURL, nil
}

// get fetches a JSON document of at most 150 KiB.
func (r *Remote) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	if !isJSON(answer.Header.Get("Content-Type")) {
		return nil, errors.New("answer is not JSON")
	}
	src, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxDocument {
		return nil, fmt.Errorf("answer is longer than %d bytes", maxDocument)
	}
	return src, nil
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// CheckAddress returns an error for what can be no issuer, nor an endpoint that
// is asked about logins: those are https addresses without query, fragment or
// user. With allowLoopback they may be http on this machine. Source: OpenID
// Connect Core §2.
func CheckAddress(address string, allowLoopback bool) error {
	if err := checkURL(address, allowLoopback); err != nil {
		return err
	}
	if strings.ContainsRune(address, '?') {
		return fmt.Errorf("%q has a query", address)
	}
	return nil
}

// checkURL takes a query too, which some providers have in the address of their
// keys.
func checkURL(address string, allowLoopback bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsRune(address, '#') {
		return fmt.Errorf("%q is no plain https address", address)
	}
	if err := checkScheme(u, allowLoopback); err != nil {
		return fmt.Errorf("%q: %w", address, err)
	}
	return nil
}

// checkScheme takes http only for a name that cannot mean another machine.
func checkScheme(u *url.URL, allowLoopback bool) error {
	if u.Scheme == "https" || u.Scheme == "http" && allowLoopback && onThisMachine(u.Hostname()) {
		return nil
	}
	return errors.New("address is not https")
}

func onThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
