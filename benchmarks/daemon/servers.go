package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

const (
	echoCommand = "echo-server"
	maxMessage  = 16 << 20
	startWithin = 60 * time.Second
)

// subjectServer is a server that is asked.
type subjectServer struct {
	name    string
	process *exec.Cmd
	client  rowanv1.AuthorizationServiceClient
	conn    *grpc.ClientConn
	kinds   []kind
}

func someTime() *timestamppb.Timestamp { return timestamppb.New(time.Unix(1_800_000_000, 123_456_789)) }

func listen(socket string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "unix", socket)
}

// start starts the servers: the floor, and Rowan.
func start(ctx context.Context, s *settings, dir string, progress io.Writer) (all []*subjectServer, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if s.binary == "" {
		s.binary = filepath.Join(dir, "rowan")
		_, _ = fmt.Fprintln(progress, "building rowan")
		build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "github.com/rowan-authz/rowan/cmd/rowan")
		build.Stderr = progress
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("build: %w", err)
		}
	}
	floor, err := spawn(ctx, "echo", filepath.Join(dir, "echo.sock"), exec.CommandContext(ctx, self, echoCommand, filepath.Join(dir, "echo.sock")))
	if err != nil {
		return nil, err
	}
	all = append(all, floor)
	socket, address := filepath.Join(dir, "rowan.sock"), filepath.Join(dir, "http.sock")
	rowan, err := spawn(ctx, "rowan", socket, exec.CommandContext(ctx, s.binary, "serve", "--dev",
		"--listen", "unix:"+address, "--url", "http://127.0.0.1:1", "--grpc-listen", "unix:"+socket))
	if err != nil {
		return all, err
	}
	all = append(all, rowan)
	guest, err := signIn(ctx, address)
	if err != nil {
		return all, err
	}
	for _, x := range all {
		x.kinds = kinds(guest)
		for _, k := range x.kinds {
			if err := k.ask(ctx, x.client); err != nil {
				return all, fmt.Errorf("%s: %s: %w", x.name, k.name, err)
			}
		}
	}
	if !s.opa {
		return all, nil
	}
	opa, err := startOPA(ctx, dir, progress)
	if opa != nil {
		all = append(all, opa)
	}
	if err != nil {
		return all, fmt.Errorf("opa: %w", err)
	}
	return all, nil
}

// spawn starts a server and waits until it listens.
func spawn(ctx context.Context, name, socket string, process *exec.Cmd) (*subjectServer, error) {
	var said bytes.Buffer
	process.Stdout, process.Stderr = &said, &said
	if err := process.Start(); err != nil {
		return nil, err
	}
	x := &subjectServer{name: name, process: process}
	deadline := time.Now().Add(startWithin)
	for {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			x.stop()
			return nil, fmt.Errorf("%s does not listen: %w\n%s", name, err, said.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		x.stop()
		return nil, err
	}
	x.conn, x.client = conn, rowanv1.NewAuthorizationServiceClient(conn)
	return x, nil
}

// stop ends a server.
func (x *subjectServer) stop() {
	if x.conn != nil {
		_ = x.conn.Close()
	}
	_ = x.process.Process.Signal(syscall.SIGKILL)
	_ = x.process.Wait()
}

// cpu returns how much CPU time the server has taken.
func (x *subjectServer) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", x.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name of the program is in parentheses and may hold anything.
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat has another form")
	}
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / ticksPerSecond), nil
}

// ticksPerSecond is the unit of /proc, which is the same on all of Linux.
const ticksPerSecond = 100

// signIn takes credentials of a guest.
func signIn(ctx context.Context, socket string) (*rowanv1.Subject, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	call := func(operation string, in, out any) error {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rowan/", bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AWSCognitoIdentityService."+operation)
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
			return fmt.Errorf("%s: %s: %s", operation, answer.Status, text)
		}
		return json.NewDecoder(answer.Body).Decode(out)
	}
	var id struct {
		ID string `json:"IdentityId"`
	}
	if err := call("GetId", map[string]string{"IdentityPoolId": pool}, &id); err != nil {
		return nil, err
	}
	var got struct {
		Credentials struct {
			KeyID string `json:"AccessKeyId"`
			Token string `json:"SessionToken"`
		}
	}
	if err := call("GetCredentialsForIdentity", id, &got); err != nil {
		return nil, err
	}
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{
		AccessKeyId: got.Credentials.KeyID, Token: got.Credentials.Token,
	}}}, nil
}
