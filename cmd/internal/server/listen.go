package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of connections. Headers hold a session token of up to 8 KiB.
const (
	maxConnections = 1024
	// maxServices is how many those have who ask for decisions: a thousand
	// services with some connections each, most of them idle, and maxOfService
	// of one address, behind which many may be.
	maxServices  = 8192
	maxOfService = 1024
	// maxOfOne is how many one address may have, lest it keep all others out. A
	// proxy on this machine is not bound by it.
	maxOfOne       = 128
	maxStreams     = 32
	maxHeaderBytes = 32 << 10
	headerWithin   = 5 * time.Second
	requestWithin  = 20 * time.Second
	answerWithin   = 60 * time.Second
	idleWithin     = 2 * time.Minute
	unixPrefix     = "unix:"
	shutdownWithin = 30 * time.Second
)

// Listen listens on host:port, or on the socket unix:PATH. An address that
// other machines reach is refused without TLS: tokens and passwords would be
// readable to anyone between.
func Listen(ctx context.Context, address string, config *tls.Config) (net.Listener, error) {
	l, err := listen(ctx, address, config != nil)
	if err != nil {
		return nil, err
	}
	l = newBounded(l, maxConnections, maxOfOne)
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

// ListenForServices listens like Listen for services of this house. Whoever
// serves there does the handshake of TLS, if secure says that it does one. A
// socket is its owner's alone, and takes the place of one that nobody listens
// on any more.
func ListenForServices(ctx context.Context, address string, secure bool) (net.Listener, error) {
	path, socket := strings.CutPrefix(address, unixPrefix)
	if socket {
		if err := removeStale(path); err != nil {
			return nil, err
		}
	}
	l, err := listen(ctx, address, secure)
	if err != nil {
		return nil, err
	}
	l = newBounded(l, maxServices, maxOfService)
	if !socket {
		return l, nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s: there is something that is no socket", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("%s: another process listens there", path), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// Resolve returns the address that Listen, or ListenForServices, would listen
// on, and refuses what they would; whether it is free it does not try.
func Resolve(ctx context.Context, address string, secure bool) (net.Addr, error) {
	network, address, err := reachable(address, secure)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		_, err := os.Stat(filepath.Dir(address))
		return &net.UnixAddr{Name: address, Net: network}, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	if host == "" {
		return &net.TCPAddr{IP: net.IPv6unspecified, Port: number}, nil
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	a := &net.TCPAddr{IP: ips[0].IP, Port: number, Zone: ips[0].Zone}
	if !secure && !a.IP.IsLoopback() {
		return nil, fmt.Errorf("address %q is not loopback", address)
	}
	return a, nil
}

// reachable splits an address into what package net wants, and refuses one that
// other machines reach without TLS.
func reachable(address string, secure bool) (network, at string, err error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return "unix", path, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("address %q: want host:port, or unix:PATH", address)
	}
	if !secure && !Loopback(host) {
		return "", "", fmt.Errorf("address %q: other machines reach it, so it wants a certificate and its key", address)
	}
	return "tcp", address, nil
}

func listen(ctx context.Context, address string, secure bool) (net.Listener, error) {
	network, address, err := reachable(address, secure)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !secure && !a.IP.IsLoopback() { // a name that is not what it says
		return nil, errors.Join(fmt.Errorf("address %q is not loopback", address), l.Close())
	}
	return l, nil
}

// bounded accepts a connection when it has a slot for it, and hangs up on an
// address that has its share.
type bounded struct {
	net.Listener
	slots chan struct{}
	share int

	mu   sync.Mutex
	held map[netip.Prefix]int
}

func newBounded(l net.Listener, slots, share int) *bounded {
	return &bounded{Listener: l, slots: make(chan struct{}, slots), share: share, held: make(map[netip.Prefix]int)}
}

// Accept waits for a slot and then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	b.slots <- struct{}{}
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			<-b.slots
			return nil, err
		}
		of := peer(c.RemoteAddr())
		if b.take(of) {
			return &slotted{Conn: c, free: sync.OnceFunc(func() { b.give(of); <-b.slots })}, nil
		}
		_ = c.Close() // it has others
	}
}

// peer is the network of a peer, the zero value for one on this machine.
func peer(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return shared(tcp.AddrPort().Addr().Unmap().WithZone(""))
}

func (b *bounded) take(of netip.Prefix) bool {
	if !of.IsValid() {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[of] >= b.share {
		return false
	}
	b.held[of]++
	return true
}

func (b *bounded) give(of netip.Prefix) {
	if !of.IsValid() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[of]--; b.held[of] == 0 {
		delete(b.held, of)
	}
}

// slotted gives its slot back when it is closed.
type slotted struct {
	net.Conn
	free func()
}

// SyscallConn gives who asks for the peer of a socket its descriptor.
func (s *slotted) SyscallConn() (syscall.RawConn, error) {
	c, ok := s.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection has no descriptor")
	}
	return c.SyscallConn()
}

// Close closes the connection.
func (s *slotted) Close() error {
	defer s.free()
	return s.Conn.Close()
}

// Serve answers at a listener until ctx ends. It then takes no more connections, lets
// requests that are under way come to their end, and returns.
func (l *Live) Serve(ctx context.Context, at net.Listener) error {
	s := &http.Server{
		Handler: l, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: headerWithin, ReadTimeout: requestWithin, WriteTimeout: answerWithin, IdleTimeout: idleWithin,
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(l.options.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(at) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	l.Drain()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
	defer cancel()
	err := s.Shutdown(last)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
