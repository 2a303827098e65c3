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
	Alive   bool          `help:"Ask only whether the process answers."`
	Wait    time.Duration `placeholder:"DURATION" help:"Ask again for so long, until it is ready."`
}

// Help describes the command.
func (*readyCommand) Help() string {
	return `Asks /-/ready: whether the store answers, the bundle is good and the server is not about to end. Nothing secret is sent, so the certificate of a server on loopback is not checked.

Exit status: 0 it is ready, 1 it is not or does not answer within 3 s, 2 the question cannot be asked.

Examples:

    rowan ready https://127.0.0.1:8443
    rowan ready --wait 1m unix:/run/rowan/http.sock`
}

// What a probe waits: for an answer, and before it asks again.
const (
	readyWithin = 3 * time.Second
	readyPause  = 100 * time.Millisecond
)

// readyAnswer is the part of the answer that a probe reads.
type readyAnswer struct {
	Status string `json:"status"`
	Bundle struct {
		Digest string `json:"digest"`
	} `json:"bundle"`
}

// Run asks whether a server is ready.
func (r *readyCommand) Run(c *console) error {
	client, base, err := r.client()
	if err != nil {
		return err
	}
	address := base + "/-/ready"
	if r.Alive {
		address = base + "/-/healthy"
	}
	until := c.now().Add(r.Wait)
	good, text, err := askReady(client, address)
	for !good && c.now().Before(until) {
		time.Sleep(readyPause)
		good, text, err = askReady(client, address)
	}
	var said readyAnswer
	if err == nil && (json.Unmarshal(text, &said) != nil || said.Status == "") {
		good, err = false, fmt.Errorf("%s: no rowan serve answers there", r.Address)
	}
	if !good {
		c.raise(exitUnmet)
	}
	switch {
	case err != nil:
		c.say("%s", plain(err.Error()))
	case c.format == "json":
		c.printf("%s\n", text)
	case said.Bundle.Digest == "":
		c.printf("%s\n", plain(said.Status))
	default:
		c.printf("%s, bundle %s\n", plain(said.Status), plain(said.Bundle.Digest))
	}
	return nil
}

// client returns what asks, and the address that it asks at.
func (r *readyCommand) client() (*http.Client, string, error) {
	t := &http.Transport{DisableKeepAlives: true}
	c := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if path, socket := strings.CutPrefix(r.Address, "unix:"); socket {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return c, "http://localhost", nil
	}
	u, err := url.Parse(r.Address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, "", fmt.Errorf("address %q: want one such as https://127.0.0.1:8443 or unix:/run/rowan/http.sock", r.Address)
	}
	// Its certificate names how clients call it.
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: server.Loopback(u.Hostname())}
	return c, u.Scheme + "://" + u.Host, nil
}

// askReady returns the answer of a server, and whether it is the good one.
func askReady(client *http.Client, address string) (good bool, text []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, nil, err
	}
	a, err := client.Do(q)
	if err != nil {
		return false, nil, err
	}
	defer func() { _ = a.Body.Close() }() // it was only read
	const most = 64 << 10
	text, err = io.ReadAll(io.LimitReader(a.Body, most))
	return err == nil && a.StatusCode == http.StatusOK, text, err
}
