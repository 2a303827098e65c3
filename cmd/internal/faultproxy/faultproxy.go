// Package faultproxy stands between a client and a server, for tests, and has
// the network between them fail as they say.
package faultproxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// State is how the network is.
type State int

// The states there are. Swallow is a partition as a firewall makes it: every
// byte is lost without a word, on connections that were there and on new ones,
// and a connection that lost bytes is dead also when the network is well again.
// Refuse resets connections, and those to come.
const (
	Pass State = iota
	Swallow
	Refuse
)

// Proxy forwards connections to a target. It may be shared.
type Proxy struct {
	listener        net.Listener
	network, target string
	wait            sync.WaitGroup

	mu    sync.Mutex
	state State
	delay time.Duration
	links map[*link]struct{} // nil when the proxy is closed
}

// link is a client's connection, with the one to the target. A dead one stays
// open until the proxy is closed, so that neither side learns what became of
// the other.
type link struct {
	proxy          *Proxy
	client, server net.Conn // server is nil if it was never reached
	dead           bool     // bytes of it were lost; guarded by the proxy's mu
}

// New listens on a port of loopback, for connections to target, an address of
// network such as "tcp" or "unix".
func New(ctx context.Context, network, target string) (*Proxy, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, network: network, target: target, links: map[*link]struct{}{}}
	p.wait.Go(p.accept)
	return p, nil
}

// Addr is where clients connect to.
func (p *Proxy) Addr() *net.TCPAddr { return p.listener.Addr().(*net.TCPAddr) }

// Set changes the state of the network.
func (p *Proxy) Set(s State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	for l := range p.links {
		switch s {
		case Swallow:
			l.dead = true
		case Refuse:
			l.reset()
		case Pass:
		}
	}
}

// SetDelay has each piece of data take so much longer, in each direction.
func (p *Proxy) SetDelay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Close resets all connections, and returns when the proxy has ended.
func (p *Proxy) Close() error {
	p.mu.Lock()
	for l := range p.links {
		l.reset()
	}
	p.links = nil
	p.mu.Unlock()
	err := p.listener.Close()
	p.wait.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.wait.Go(func() { p.serve(client) })
		}
	}
}

func (p *Proxy) serve(client net.Conn) {
	l := &link{proxy: p, client: client}
	p.mu.Lock()
	if p.links == nil || p.state == Refuse {
		l.reset()
		p.mu.Unlock()
		return
	}
	l.dead = p.state == Swallow
	dead := l.dead
	p.links[l] = struct{}{}
	p.mu.Unlock()
	if dead {
		l.copy(nil, client)
		return
	}
	if !l.dial() {
		return
	}
	var toServer sync.WaitGroup
	toServer.Go(func() { l.copy(l.server, client) })
	l.copy(client, l.server)
	toServer.Wait()
	l.end()
}

const dialWithin = 5 * time.Second

// dial connects to the target.
func (l *link) dial() bool {
	p := l.proxy
	server, err := net.DialTimeout(p.network, p.target, dialWithin)
	p.mu.Lock()
	defer p.mu.Unlock()
	l.server = server
	if err != nil || p.links == nil || p.state == Refuse {
		l.reset()
		return false
	}
	return true
}

// copy forwards until a side is closed. What a dead link reads is lost.
func (l *link) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.proxy.mu.Lock()
		dead, delay := l.dead, l.proxy.delay
		l.proxy.mu.Unlock()
		if n > 0 && !dead {
			time.Sleep(delay)
			if _, failed := to.Write(buffer[:n]); failed != nil {
				err = failed
			}
		}
		if err == nil {
			continue
		}
		if half, ok := to.(interface{ CloseWrite() error }); ok && !dead {
			_ = half.CloseWrite()
		}
		return
	}
}

// end closes a link whose sides have both ended.
func (l *link) end() {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	delete(l.proxy.links, l)
	_, _ = l.client.Close(), l.server.Close()
}

// reset closes both sides without a farewell. The proxy's mu is held.
func (l *link) reset() {
	for _, c := range []net.Conn{l.client, l.server} {
		if c == nil {
			continue
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}
