package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os/signal"
	"syscall"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/admin"
	"github.com/rowan-authz/rowan/cmd/internal/playground/site"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// playgroundCommand is `rowan playground`.
type playgroundCommand struct {
	Listen string `default:"127.0.0.1:8084" placeholder:"ADDRESS" help:"Where to serve the page: host:port on this machine. Port 0 takes a free one."`
}

// Help describes the command.
func (*playgroundCommand) Help() string {
	return `Serves one page, to this machine alone, until it is interrupted: policies, a request, an identity and rows on one screen, and as one types the decision with its reasons, the rows that are kept and by which filter, what another policy would change, and whether rows stay with their owners. The page asks this process and nobody else; nothing is kept. A link of the page holds all that is on it, in the part of the address that no server sees.

To put the page on a web server, with the engine in it, build it with make playground.

Examples:

    rowan playground
    rowan playground --listen 127.0.0.1:0`
}

// playgroundWithin bounds an answer, a proof's time and its wait among them.
const playgroundWithin = 30 * time.Second

// Run serves the page.
func (p *playgroundCommand) Run(c *console) error {
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil || !server.Loopback(host) {
		return errors.New("--listen wants host:port on loopback: what is typed there is for nobody else, and make playground builds a page for web servers")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	h, err := site.New(c.now)
	if err != nil {
		return err
	}
	l, err := server.ListenForServices(ctx, p.Listen, false)
	if err != nil {
		return err
	}
	c.printf("the playground is at http://%s/\n", l.Addr())
	if err := c.out.Flush(); err != nil {
		return errors.Join(err, l.Close())
	}
	return admin.Serve(ctx, l, h, playgroundWithin, slog.New(slog.NewTextHandler(c.stderr, nil)))
}
