package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// OPA's server is asked over HTTP on a Unix socket whether the same row may be
// read. It is told who asks and believes it, where Rowan opens and verifies a
// session token.
const (
	opaModule   = "github.com/open-policy-agent/opa"
	opaVersion  = "v1.22.2" // as in go.mod
	opaPath     = "/v1/data/rows/allow"
	opaQuestion = `{"input": {"action": "GetItem", "table": "GameScores", "identity": "us-east-1:0", "keys": ["leaderboard"]}}`
	opaAllowed  = `{"result":true}`
	opaPolicy   = `package rows

default allow := false

allow if {
	input.action in {"GetItem", "PutItem", "Query"}
	input.table == "GameScores"
	count(input.keys) > 0
	every key in input.keys { key in {input.identity, "leaderboard"} }
}
`
)

// buildOPA makes the program in the user's cache, once: it is not linked into
// anything here.
func buildOPA(ctx context.Context, progress io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "rowan", "opa-"+opaVersion)
	binary := filepath.Join(dir, "opa")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	_, _ = fmt.Fprintf(progress, "building opa %s: some minutes, once\n", opaVersion)
	c := exec.CommandContext(ctx, "go", "install", opaModule+"@"+opaVersion)
	c.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=-mod=mod")
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it cannot be built: %w\n%s", err, said)
	}
	return binary, nil
}

// startOPA starts the server in a folder.
func startOPA(ctx context.Context, dir string, progress io.Writer) (*subjectServer, error) {
	binary, err := buildOPA(ctx, progress)
	if err != nil {
		return nil, err
	}
	file, socket := filepath.Join(dir, "policy.rego"), filepath.Join(dir, "opa.sock")
	if err := os.WriteFile(file, []byte(opaPolicy), 0o600); err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, binary, "run", "--server", "--addr", "unix://"+socket, "--log-level", "error", "--disable-telemetry", file)
	x, err := spawn(ctx, "opa", socket, process)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	ask := func(ctx context.Context, _ rowanv1.AuthorizationServiceClient) error { return askOPA(ctx, client) }
	x.kinds = []kind{{"Decide", "decisions", 1, 64, true, ask}}
	return x, askOPA(ctx, client)
}

// askOPA asks the one question.
func askOPA(ctx context.Context, client *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://opa"+opaPath, strings.NewReader(opaQuestion))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && strings.TrimSpace(string(text)) != opaAllowed {
		err = fmt.Errorf("%w: %s %.200s", errWrong, answer.Status, text)
	}
	return err
}
