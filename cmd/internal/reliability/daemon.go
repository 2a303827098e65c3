package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// how says how a server is started. Data is its folder; without one it gets a
// new one.
type how struct {
	data, grpc, store, listen string
	flags, env                []string
	// within starts the command of the server through others, such as a shell
	// that limits what it may take.
	within []string
	// bare leaves out the bundle of the world.
	bare bool
}

// daemon is a rowan serve.
type daemon struct {
	cmd      *exec.Cmd
	how      how
	target   string // of gRPC
	http     string // the socket
	said     *said
	done     chan struct{}
	exit     error // to be read once done is closed
	conns    []*grpc.ClientConn
	started  time.Time
	baseline int64 // bytes of memory when it began to serve
}

// said is what a server wrote.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String is what was written.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start starts a server and waits until it answers questions.
func (w *world) start(ctx context.Context, h how) (*daemon, error) {
	d, err := w.spawn(ctx, h)
	if err != nil {
		return nil, err
	}
	return d, d.wait(ctx, 20*time.Second)
}

// spawn starts a server.
func (w *world) spawn(ctx context.Context, h how) (*daemon, error) {
	if h.data == "" {
		var err error
		if h.data, err = w.lab.folder(); err != nil {
			return nil, err
		}
	}
	if h.grpc == "" {
		address, err := free()
		if err != nil {
			return nil, err
		}
		h.grpc = address
	}
	if h.store == "" {
		h.store = "memory:"
	}
	socket := filepath.Join(h.data, "http.sock")
	_ = os.Remove(socket) // of a server that was killed
	if h.listen == "" {
		h.listen = "unix:" + socket
	}
	line := append([]string{}, h.within...)
	if w.lab.pin {
		line = append(line, "taskset", "-c", "0")
	}
	line = append(line, w.lab.binary, "serve", "--listen", h.listen, "--url", "https://auth.example.com", "--data", h.data,
		"--keys", w.lab.keys, "--store", h.store, "--grpc-listen", h.grpc)
	if !h.bare {
		line = append(line, "--bundle", w.file, "--bundle-trust", w.lab.trust, "--bundle-poll", "50ms")
	}
	line = append(line, h.flags...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(append(os.Environ(), secretEnv+"="+adminText), h.env...)
	d := &daemon{cmd: cmd, how: h, http: socket, said: &said{}, done: make(chan struct{}), target: h.grpc, started: time.Now()}
	cmd.Stdout, cmd.Stderr = d.said, d.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.exit = cmd.Wait(); close(d.done) }()
	w.lab.mu.Lock()
	w.lab.running = append(w.lab.running, d)
	w.lab.mu.Unlock()
	return d, nil
}

// free returns an address on loopback that nobody listens on.
func free() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// wait waits until the server says that it is ready.
func (d *daemon) wait(ctx context.Context, within time.Duration) error {
	c, err := d.dial()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		out, err := healthv1.NewHealthClient(c).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.WaitForReady(false))
		if err == nil && out.GetStatus() == healthv1.HealthCheckResponse_SERVING {
			d.baseline = d.memory()
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("the server ended: %w\n%s", errors.Join(d.exit, errEnded), d.said)
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w\n%s", ctx.Err(), d.said)
		case <-time.After(5 * time.Millisecond):
		}
		c.ResetConnectBackoff()
	}
}

var errEnded = errors.New("it was to serve")

// maxAnswer is in bytes.
const maxAnswer = 64 << 20

// dial makes a connection.
func (d *daemon) dial() (*grpc.ClientConn, error) {
	c, err := dialTo(d.target)
	if err == nil {
		d.conns = append(d.conns, c)
	}
	return c, err
}

func dialTo(target string) (*grpc.ClientConn, error) {
	return grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer{}), grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			MinConnectTimeout: 10 * time.Second,
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 2, MaxDelay: 200 * time.Millisecond},
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(maxAnswer)))
}

// bearer is the key of the asking service.
type bearer struct{}

// GetRequestMetadata returns the header.
func (bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + bearerKey}, nil
}

// RequireTransportSecurity is for loopback.
func (bearer) RequireTransportSecurity() bool { return false }

// clients makes so many connections.
func (d *daemon) clients(n int) ([]rowanv1.AuthorizationServiceClient, error) {
	var out []rowanv1.AuthorizationServiceClient
	for range n {
		c, err := d.dial()
		if err != nil {
			return nil, err
		}
		out = append(out, rowanv1.NewAuthorizationServiceClient(c))
	}
	return out, nil
}

// client makes one connection.
func (d *daemon) client() (rowanv1.AuthorizationServiceClient, error) {
	all, err := d.clients(1)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// hangUp closes connections.
func (d *daemon) hangUp() {
	for _, c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
}

// kill ends the server as a power cut would.
func (d *daemon) kill() {
	d.hangUp()
	_ = d.cmd.Process.Kill()
	<-d.done
}

// terminate asks the server to end, and waits until it did.
func (d *daemon) terminate(within time.Duration) error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-d.done:
		return d.exit
	case <-time.After(within):
		return fmt.Errorf("the server has not ended within %v of SIGTERM", within)
	}
}

// memory is the resident set in bytes, 0 if that cannot be read.
func (d *daemon) memory() int64 { return d.status("VmRSS:") << 10 }

// threads is the number of threads of the process.
func (d *daemon) threads() int64 { return d.status("Threads:") }

func (d *daemon) status(name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "\n"+name)
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n
}

// descriptors is how many files and sockets it holds open.
func (d *daemon) descriptors() int {
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return len(all)
}

// describe returns the digest in force, and why a newer bundle is not.
func (d *daemon) describe(ctx context.Context) (digest, refusal string, err error) {
	c, err := d.connection()
	if err != nil {
		return "", "", err
	}
	out, err := rowanv1.NewPolicyServiceClient(c).Describe(ctx, &rowanv1.DescribeRequest{})
	return out.GetBundle().GetDigest(), out.GetRefusal(), err
}

// connection is the first one, which wait made.
func (d *daemon) connection() (*grpc.ClientConn, error) {
	if len(d.conns) > 0 {
		return d.conns[0], nil
	}
	return d.dial()
}

// until waits until a bundle with that digest is in force.
func (d *daemon) until(ctx context.Context, digest string, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		now, refusal, err := d.describe(ctx)
		if err == nil && now == digest {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v the bundle %.8s is in force and not %.8s: %s %w\n%s", within, now, digest, refusal, errors.Join(err, errEnded), d.said)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// code is the status code of an error.
func code(err error) codes.Code { return status.Code(err) }
