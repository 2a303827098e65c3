package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rowan-authz/rowan/cmd/internal/mail"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// serveCommand is `rowan serve`.
type serveCommand struct {
	Bundles bundleFlags `embed:""`

	Listen string   `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen: host:port, port 0 for any, or unix:PATH. Default 127.0.0.1:8080."`
	URL    string   `name:"url" placeholder:"URL" help:"The address that clients use, which tokens name as their issuer. Default: where it listens."`
	Hosts  []string `name:"host" placeholder:"HOST" help:"A host that signed requests may name, with its port unless it is the default one; may be repeated. Default: whatever they sign."`
	Data   string   `placeholder:"DIR" help:"Where the store and the keys are by default: $XDG_STATE_HOME/rowan, or ~/.local/state/rowan."`
	Store  string   `placeholder:"URL" help:"sqlite:PATH, postgres://… or memory:. Default: rowan.db in the data directory, with --dev memory:."`
	Keys   string   `placeholder:"FILE" help:"The key file, of rowan keys new. Default: keys.json in the data directory, made when there is none."`

	KeyLife  time.Duration `name:"session-key-life" default:"24h" placeholder:"TIME" help:"How long a key seals session tokens before the next one does: 30m or more, which servers make and share through the store, or 0 to make none. Default 24h."`
	MaxStale time.Duration `name:"max-staleness" default:"1m" placeholder:"TIME" help:"How long sessions are taken while revocations and keys cannot be read from the store: from 1s to 5m. Default 1m."`

	Secrets string `placeholder:"FILE" help:"The secrets that the bundle does not hold: accessKeys, clients, facebook, smtp. Those of administrators may be in the environment instead, as ROWAN_SECRET_ and the access key id."`
	TLSCert string `name:"tls-cert" placeholder:"FILE" help:"The certificate, in PEM, with its chain."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" help:"The certificate's key, in PEM."`
	Dev     bool   `help:"For development: prints codes instead of mailing them, and makes what secrets are missing. Says what is insecure about it."`
	SMTP    string `name:"smtp" placeholder:"HOST:PORT" help:"The mail server for codes."`
	From    string `name:"smtp-from" placeholder:"ADDRESS" help:"The sender of mail, such as 'Accounts <accounts@example.com>'."`
	User    string `name:"smtp-user" placeholder:"NAME" help:"The user at the mail server; the password is smtp: {password: …} of the secrets file."`

	Gateways  gatewayFlags   `embed:""`
	Authorize authorizeFlags `embed:""`
	Audit     auditFlags     `embed:""`
	Admin     adminFlags     `embed:""`
	Trace     traceFlags     `embed:""`

	Check bool `help:"Read and open all that is named, say what would be served, and end. Nothing is written, and nothing listened on."`
	// checked is what --check has found, nil without it.
	checked *checked
}

// Help describes the command.
func (*serveCommand) Help() string {
	return `Speaks cognito-identity, cognito-idp and STS to unmodified AWS SDKs, with the bundle's pools, roles and administrators. With --dynamodb-… or --s3-… it also guards servers of rows and objects: clients sign with the credentials of a pool, and what the policies allow is forwarded. With --grpc-listen and --http-listen it answers services, and proxies, that ask what somebody may do. A bundle that changes comes into force once all of it is found good; otherwise the last good one stays. SIGHUP reads the bundle and the secrets file at once. Ends on SIGINT or SIGTERM, once the requests under way are answered.

Exit status: 0 ended as asked, or with --check everything is good; 2 it could not serve, 3 the bundle cannot be loaded.

Examples:

    rowan serve --dev
    rowan serve --bundle scores --listen 0.0.0.0:443 --url https://auth.example.com --tls-cert cert.pem --tls-key key.pem --secrets secrets.yaml --smtp mail.example.com:587 --smtp-from accounts@example.com
    rowan serve --check --bundle scores --secrets secrets.yaml
    rowan serve --dev --dynamodb-listen 127.0.0.1:8001 --dynamodb-upstream http://127.0.0.1:4567 --secrets secrets.yaml`
}

// Run serves until a signal ends it.
func (s *serveCommand) Run(c *console, k *kong.Kong) error {
	if err := s.Admin.prepare(s); err != nil {
		return err
	}
	if s.Check {
		return s.check(c, k)
	}
	return s.run(c)
}

func (s *serveCommand) run(c *console) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends at once
	wake := make(chan os.Signal, 1)
	signal.Notify(wake, syscall.SIGHUP) // before the bundle is read, lest one in between end the process
	defer signal.Stop(wake)
	b, err := s.bundles(c, c.logger())
	if err != nil {
		return err
	}
	first, err := b.read(ctx, true)
	if err != nil {
		return c.unloadable(err)
	}
	if first.Secrets, err = b.secrets(first.Bundle); err != nil {
		return err
	}
	return s.serve(ctx, c, b, first, wake)
}

// serving is what a server that begins is made of.
type serving struct {
	*bundles
	options  server.Options
	secured  *tls.Config // nil without a certificate
	listener net.Listener
	witness  *witness
	live     *server.Live
}

// serve puts the bundle into service. What it opens it closes.
func (s *serveCommand) serve(ctx context.Context, c *console, b *bundles, first server.Candidate, wake <-chan os.Signal) (err error) {
	of := &serving{bundles: b, witness: &witness{}}
	s.Admin.watch(of.witness)
	stdout := s.Audit.claim(c)
	c.tuneMemory()
	if err := s.fill(c, of, first); err != nil {
		return err
	}
	if s.SMTP != "" {
		queue := mail.NewQueue(of.options.Sender, b.log)
		defer drain(queue, b.log)
		of.options.Sender = queue
	}
	kept, err := s.openStore(ctx, c, b.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	of.options.Store = kept
	if of.options.Sessions, of.options.Storage, err = s.openKeys(c); err != nil {
		return err
	}
	if of.secured, err = s.tls(); err != nil {
		return err
	}
	if of.listener, err = server.Listen(ctx, s.Listen, of.secured); err != nil {
		return err
	}
	defer func() { _ = of.listener.Close() }() // the server has closed it, unless it never began
	if of.options.URL, err = s.address(of.listener.Addr(), of.secured != nil); err != nil {
		return err
	}
	of.live, err = server.New(ctx, of.options)
	if _, refused := errors.AsType[interface {
		error
		Reason() string
	}](err); refused {
		return c.unloadable(err)
	}
	if err != nil {
		return err
	}
	if err := s.Audit.open(ctx, c, s, stdout, b.log, of.witness); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, of.witness.log.Close()) }()
	if err := s.Trace.open(ctx, c, s.Audit.Mask, b.log, of.witness); err != nil {
		return err
	}
	defer of.witness.tracer.Close()
	return s.answer(ctx, c, of, wake)
}

// fill sets the options that need nothing which is to be closed.
func (s *serveCommand) fill(c *console, of *serving, first server.Candidate) (err error) {
	of.options = server.Options{
		Bundle: first.Bundle, Secrets: first.Secrets, Origin: first.Origin,
		Hosts: s.Hosts, AllowLoopback: s.Dev, MaxStale: s.MaxStale, Now: c.now, Random: rand.Reader, Log: of.log,
		Metrics: of.witness.metrics,
	}
	if of.options.Sender, err = s.sender(c, first.Secrets); err != nil {
		return err
	}
	if of.trusted != nil {
		of.options.Accept, err = s.accept(c)
	}
	return err
}

// answer listens for all who ask, and answers until ctx ends.
func (s *serveCommand) answer(ctx context.Context, c *console, of *serving, wake <-chan os.Signal) error {
	services, err := s.open(ctx, of)
	defer func() {
		for _, x := range services {
			_ = x.listener.Close()
		}
	}()
	if err != nil {
		return err
	}
	if s.Check {
		return s.checked.live(of.live, of.source)
	}
	s.announce(c, of.listener.Addr(), of.options.URL)
	for _, x := range services {
		c.printf("%s on %s\n", x.name, x.listener.Addr())
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	beside.Go(func() { of.live.Run(running) })
	beside.Go(func() { of.follow(running, of.live, wake) })
	err = serveAll(ctx, services, func(ctx context.Context) error { return of.live.Serve(ctx, of.listener) })
	end()
	beside.Wait()
	return err
}

// open listens for all that the server answers beside SDKs. What it returns is to
// be closed, with an error too.
func (s *serveCommand) open(ctx context.Context, of *serving) (all []service, err error) {
	live, o, w := of.live, &of.options, of.witness
	d, err := s.Authorize.decider(live, o, w)
	if err != nil {
		return nil, err
	}
	for _, open := range []func() ([]service, error){
		func() ([]service, error) { return s.Gateways.open(ctx, live, o, of.secured, w) },
		func() ([]service, error) { return s.Authorize.open(ctx, s, d, o, of.secured, w) },
		func() ([]service, error) { return s.Admin.open(ctx, s, live, d, o, w) },
	} {
		opened, err := open()
		all = append(all, opened...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// accept refuses old versions of the bundle, by what the data directory says.
func (s *serveCommand) accept(c *console) (func(context.Context, *server.Deployment) error, error) {
	dir, err := s.data(c)
	if err != nil {
		return nil, err
	}
	h, err := openHighest(dir)
	if err != nil {
		return nil, err
	}
	h.looking = s.Check
	return h.accept, nil
}

// logger writes to standard error: lines, or with --format json objects.
func (c *console) logger() *slog.Logger {
	if c.format == "json" {
		return slog.New(slog.NewJSONHandler(c.stderr, nil))
	}
	return slog.New(slog.NewTextHandler(c.stderr, nil))
}

func (s *serveCommand) sender(c *console, secrets *server.Secrets) (userpool.Sender, error) {
	switch {
	case s.SMTP != "":
		return mail.NewSMTP(mail.SMTPOptions{Address: s.SMTP, From: s.From, User: s.User, Password: secrets.SMTPPassword, Now: c.now})
	case s.Dev:
		return mail.NewSink(c.stdout), nil
	}
	c.say("no --smtp: codes cannot be delivered, so nobody can sign up or recover a password")
	return undelivered{}, nil
}

// mailWithin bounds how long the process waits for mail at its end.
const mailWithin = 15 * time.Second

// drain sends the mail that waits.
func drain(q *mail.Queue, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), mailWithin)
	defer cancel()
	if left := q.Close(ctx); left > 0 {
		log.ErrorContext(ctx, "messages were not delivered", "left", left)
	}
}

// undelivered is a sender without a mail server.
type undelivered struct{}

// Send refuses.
func (undelivered) Send(context.Context, userpool.Message) error {
	return errors.New("no mail server is configured")
}

// volatile reports whether nothing outlives the process.
func (s *serveCommand) volatile() bool { return s.Store == "memory:" || s.Store == "" && s.Dev }

func (s *serveCommand) openStore(ctx context.Context, c *console, log *slog.Logger) (*store.Store, error) {
	address := s.Store
	switch {
	case s.volatile():
		address = "memory:"
	case address == "":
		dir, err := s.data(c)
		if err != nil {
			return nil, err
		}
		address = "sqlite:" + filepath.Join(dir, "rowan.db")
	}
	if s.Check {
		return s.checked.openStore(ctx, address, s.Store == "", log)
	}
	return store.Open(ctx, address, log)
}

// data returns the data directory, which it makes for its owner alone.
func (s *serveCommand) data(c *console) (string, error) {
	dir := s.Data
	if dir == "" {
		state := c.getenv("XDG_STATE_HOME")
		if !filepath.IsAbs(state) {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("no --data and no home directory: %w", err)
			}
			state = filepath.Join(home, ".local", "state")
		}
		dir = filepath.Join(state, "rowan")
	}
	if s.Check {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("%s: %w", dir, cause(err))
	}
	return dir, nil
}

// openKeys reads the key file. The default one is made if there is none; one
// that was named must be there, lest a misspelt name end every session.
func (s *serveCommand) openKeys(c *console) (sessions, storage *identity.Keyring, err error) {
	file := s.Keys
	if file == "" && s.volatile() {
		return s.newKeys(c)
	}
	if file == "" {
		dir, err := s.data(c)
		if err != nil {
			return nil, nil, err
		}
		file = filepath.Join(dir, "keys.json")
		if s.Check && s.checked.lacksKeys(file) {
			return s.newKeys(c)
		}
		if err := makeKeys(file, c); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, cause(err))
		}
	}
	text, err := readPrivate(file)
	if err != nil {
		return nil, nil, err
	}
	if sessions, storage, err = s.keyrings(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return sessions, storage, nil
}

// newKeys makes keys that are kept nowhere.
func (s *serveCommand) newKeys(c *console) (sessions, storage *identity.Keyring, err error) {
	made, err := identity.GenerateKeys(rand.Reader, c.now())
	if err != nil {
		return nil, nil, err
	}
	return s.keyrings(made)
}

// keyrings reads a key file. Keys of sessions are shared through the store.
func (s *serveCommand) keyrings(file []byte) (sessions, storage *identity.Keyring, err error) {
	first, _, err := identity.ParseKeys(file)
	if err != nil {
		return nil, nil, err
	}
	if _, storage, err = keyrings(file); err != nil {
		return nil, nil, err
	}
	sessions, err = identity.NewSharedKeyring(first, rand.Reader, identity.SharedKeysOptions{Storage: storage, Life: s.KeyLife})
	return sessions, storage, err
}

// makeKeys makes a key file unless it is there.
func makeKeys(file string, c *console) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := identity.GenerateKeys(rand.Reader, c.now())
	if err != nil {
		return err
	}
	err = writeNew(file, text)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		return nil
	}
	if err == nil {
		c.say("made the key file %s: keep a copy, the store is worth nothing without it", file)
	}
	return err
}

// tls returns what the certificate makes of connections, nil without one.
func (s *serveCommand) tls() (*tls.Config, error) {
	if s.TLSCert == "" && s.TLSKey == "" {
		return nil, nil
	}
	if s.TLSCert == "" || s.TLSKey == "" {
		return nil, errors.New("--tls-cert and --tls-key come together")
	}
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// address is the base address of the deployment.
func (s *serveCommand) address(at net.Addr, secure bool) (string, error) {
	if s.URL != "" {
		return s.URL, nil
	}
	tcp, ok := at.(*net.TCPAddr)
	if !ok || tcp.IP.IsUnspecified() {
		return "", fmt.Errorf("--listen %s is no address that clients can use: say with --url which they do", s.Listen)
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + tcp.String(), nil
}

// announce says where the server is, in one line that programs can read, and
// what is insecure about it.
func (s *serveCommand) announce(c *console, at net.Addr, url string) {
	if s.Dev {
		c.printf("insecure, for development alone:\n")
		if s.SMTP == "" {
			c.printf("  - codes and temporary passwords are printed here, for whoever reads this\n")
		}
		if s.volatile() {
			c.printf("  - users, identities and keys are in memory, and gone when this ends\n")
		}
		if strings.HasPrefix(url, "http:") {
			c.printf("  - there is no TLS: passwords and tokens travel as they are\n")
		}
		c.printf("  - secrets that were missing are made up, and shown above\n")
		c.printf("  - programs on this machine may ask about anyone, and see policies\n")
		c.printf("  - identity providers may be on this machine, without TLS\n")
	}
	c.printf("listening on %s as %s\n", at, url)
}
