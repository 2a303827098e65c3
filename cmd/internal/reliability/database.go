package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// postgres is a PostgreSQL of its own.
type postgres struct{ server *needs.PostgresServer }

func startPostgres() (*postgres, error) {
	s, err := needs.StartPostgres()
	return &postgres{s}, err
}

func (p *postgres) stop() { _ = p.server.Stop() } // the targets have come to their end

// database makes a database and returns its URL.
func (p *postgres) database(ctx context.Context) (string, error) {
	url, _, err := p.server.Make(ctx)
	return url, err
}

const (
	// backWithin is how soon a server is to write again once the database does.
	backWithin = 5 * time.Second
	// stale is how long sessions are opened without news of revocations.
	stale = time.Minute
)

// databaseTarget crashes and starts the database while questions are asked and
// identities made.
func databaseTarget(ctx context.Context, l *lab) (string, error) {
	p, err := startPostgres()
	if err != nil {
		return "", err
	}
	defer p.stop()
	url, err := p.database(ctx)
	if err != nil {
		return "", err
	}
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{store: url})
	if err != nil {
		return "", err
	}
	all, err := d.clients(1)
	if err != nil {
		return "", err
	}
	j := w.newJudge()
	during, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		load{200, time.Hour, 16, func(ctx context.Context, i int) error { return j.ask(ctx, all[0], i) }}.run(during)
	})
	var c check
	var slowest time.Duration
	a := &acked{}
	cycles := l.times(3, 20)
	for range cycles {
		back, err := a.crash(ctx, p, d)
		c.try(err)
		slowest = max(slowest, back)
	}
	end()
	wg.Wait()
	_, err = a.kept(ctx, d, 0)
	c.try(err)
	j.clean(&c)
	c.must(slowest <= backWithin, "it took %v to write again", brief(slowest))
	return fmt.Sprintf("%d crashes, %d questions without an error, %d identities acknowledged, 0 lost; writes again at most %v after the start",
		cycles, j.right.Load(), len(a.identities), brief(slowest)), c.err()
}

// crash makes identities, crashes the database among them, starts it again, and
// returns how long it took until one was made.
func (a *acked) crash(ctx context.Context, p *postgres, d *daemon) (time.Duration, error) {
	o := d.operator()
	var over atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !over.Load() {
				within, cancel := context.WithTimeout(ctx, 5*time.Second)
				if id, err := o.guest(within); err == nil {
					a.mu.Lock()
					a.identities = append(a.identities, id)
					a.mu.Unlock()
				}
				cancel()
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	err := p.server.Crash()
	over.Store(true)
	wg.Wait()
	err = errors.Join(err, p.server.Start())
	began := time.Now()
	for err == nil {
		if _, err := o.guest(ctx); err == nil {
			break
		}
		if time.Since(began) > 3*backWithin {
			err = fmt.Errorf("no identity can be made %v after the start", time.Since(began))
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began), err
}

// proxy is a wire to a socket that can be cut so that nobody notices: what is
// sent vanishes.
type proxy struct {
	net.Listener
	to  string
	cut atomic.Bool
}

func newProxy(to string) (*proxy, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{Listener: l, to: to}
	go p.serve()
	return p, nil
}

func (p *proxy) serve() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = in.Close() }()
			out, err := new(net.Dialer).DialContext(context.Background(), "unix", p.to)
			if err != nil {
				return
			}
			defer func() { _ = out.Close() }()
			go p.copy(out, in)
			p.copy(in, out)
		}()
	}
}

// copy copies as long as the wire is whole.
func (p *proxy) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.cut.Load() {
			_, _ = to.Write(buffer[:n]) // whoever waits for it will notice
		}
		if err != nil {
			return
		}
	}
}

// partitionTarget cuts a server off from its database: it answers as long as it
// knows revocations well enough, denies from then on, and answers again when the
// wire is whole.
func partitionTarget(ctx context.Context, l *lab) (string, error) {
	p, err := startPostgres()
	if err != nil {
		return "", err
	}
	defer p.stop()
	_, name, err := p.server.Make(ctx)
	if err != nil {
		return "", err
	}
	wire, err := newProxy(p.server.Socket())
	if err != nil {
		return "", err
	}
	defer func() { _ = wire.Close() }()
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{store: fmt.Sprintf("postgres://rowan@%s/%s?sslmode=disable", wire.Addr(), name)})
	if err != nil {
		return "", err
	}
	client, err := d.client()
	if err != nil {
		return "", err
	}
	var c check
	ask := func() codes.Code {
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		out, err := client.Decide(within, w.calls[0])
		if err == nil {
			c.must(decisionOf(out.GetAnswer().GetDecision()) == w.current.Load().decisions[0], "a wrong answer: %v", out)
		}
		return code(err)
	}
	c.must(ask() == codes.OK, "no answer at first")
	wire.cut.Store(true)
	began := time.Now()
	var lastGood, firstBad time.Duration
	for firstBad == 0 && time.Since(began) < stale+20*time.Second {
		if got := ask(); got == codes.OK {
			lastGood = time.Since(began)
		} else {
			firstBad = time.Since(began)
			c.must(got == codes.Unavailable, "after %v: %v", brief(firstBad), got)
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.must(lastGood >= stale/2, "it stopped to answer after %v", brief(lastGood))
	c.must(firstBad > 0 && lastGood <= stale+3*time.Second, "it still answered after %v", brief(lastGood))
	c.must(d.wait(ctx, time.Second) != nil, "it says that it is ready")
	wire.cut.Store(false)
	began = time.Now()
	c.try(d.wait(ctx, 20*time.Second))
	healed := time.Since(began)
	c.must(ask() == codes.OK && healed <= 10*time.Second, "it took %v to heal", brief(healed))
	return fmt.Sprintf("cut off: answers for %v, denies after %v, healed within %v (one node: the replicas' own tests have more)", brief(lastGood), brief(firstBad), brief(healed)), c.err()
}
