package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// readyCommand is `rowan ready`: a probe for containers that have no curl.
type readyCommand struct {
	Address string        `arg:"" placeholder:"ADDRESS" help:"Where it listens: http://HOST:PORT, https://HOST:PORT, or unix:PATH for a socket without TLS."`
	Within  time.Duration `default:"3s" placeholder:"DURATION" help:"How long to wait for the answer. Default 3s."`
}

// Help describes the command.
func (*readyCommand) Help() string {
	return `Asks /-/ready: whether the store answers, the bundle is good and the server is not about to end. Nothing secret is sent, so the certificate of a server on loopback is not checked.

Exit status: 0 it is ready, 1 it is not or does not answer, 2 the question cannot be asked.

Examples:

    rowan ready https://127.0.0.1:8443
    rowan ready unix:/run/rowan/http.sock`
}

// readyAnswer is the part of the answer that a probe reads.
type readyAnswer struct {
	Status string `json:"status"`
	Bundle struct {
		Digest string `json:"digest"`
	} `json:"bundle"`
}

// Run asks whether a server is ready.
func (r *readyCommand) Run(c *console) error {
	client, address, err := r.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.Within)
	defer cancel()
	text, err := askReady(ctx, client, address)
	var said readyAnswer
	if err == nil && json.Unmarshal(text, &said) != nil {
		err = fmt.Errorf("%s: no rowan serve answers there", r.Address)
	}
	if err != nil {
		c.say("%s", plain(err.Error()))
		c.raise(exitUnmet)
		return nil
	}
	if said.Status != "ready" {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		c.printf("%s\n", text)
		return nil
	}
	c.printf("%s, bundle %s\n", plain(said.Status), plain(said.Bundle.Digest))
	return nil
}

// client returns what asks, and the address that it is to ask.
func (r *readyCommand) client() (*http.Client, string, error) {
	t := &http.Transport{DisableKeepAlives: true}
	c := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if path, socket := strings.CutPrefix(r.Address, "unix:"); socket {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return c, "http://localhost/-/ready", nil
	}
	u, err := url.Parse(r.Address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, "", fmt.Errorf("address %q: want one such as https://127.0.0.1:8443 or unix:/run/rowan/http.sock", r.Address)
	}
	// Its certificate names how clients call it.
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: server.Loopback(u.Hostname())}
	return c, u.Scheme + "://" + u.Host + "/-/ready", nil
}

// askReady returns the answer of a server that is ready, or that says why not.
func askReady(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	a, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Body.Close() }() // it was only read
	if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusServiceUnavailable {
		return nil, fmt.Errorf("%s answers with status %d", address, a.StatusCode)
	}
	const most = 64 << 10
	return io.ReadAll(io.LimitReader(a.Body, most))
}
