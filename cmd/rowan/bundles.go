package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/cmd/internal/watch"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
)

// bundleFlags say which bundle is served, and whose.
type bundleFlags struct {
	Bundle string        `placeholder:"DIR|FILE|URL" help:"The bundle to serve: a directory, a tar.gz, or the https address of one; without it the one that is built in. Changes come into force while it serves."`
	Poll   time.Duration `name:"bundle-poll" placeholder:"DURATION" help:"How often to look for changes: by default every 2s, and every 30s at an address."`
	Trust  string        `name:"bundle-trust" placeholder:"FILE" help:"Public keys, of rowan bundle keygen: serve nothing that is not signed with one of them, and never an older version than before."`
	CA     string        `name:"bundle-ca" placeholder:"FILE" help:"Certificates, in PEM, of who certifies the server at the bundle's address. Default: whom this machine trusts."`
}

// bundles reads what is to be served, at first and again whenever it changes.
type bundles struct {
	flags   *serveCommand
	console *console
	log     *slog.Logger
	source  *watch.Source // nil for the bundle that is built in
	trusted []ed25519.PublicKey
	// invented are the secrets that --dev made, by id.
	invented map[string]identity.Secret
	// failed says that what was read last is not in force.
	failed bool
}

func (s *serveCommand) bundles(c *console, log *slog.Logger) (*bundles, error) {
	b := &bundles{flags: s, console: c, log: log, invented: map[string]identity.Secret{}}
	f := &s.Bundles
	if f.Trust != "" {
		var err error
		if b.trusted, err = readTrusted(f.Trust); err != nil {
			return nil, err
		}
	}
	if f.Bundle == "" {
		if f.Trust != "" {
			return nil, errors.New("--bundle-trust wants a --bundle: the one that is built in is not signed")
		}
		return b, nil
	}
	o := watch.Options{Source: f.Bundle, Poll: f.Poll, Now: c.now, Log: log}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.CA, cause(err))
		}
		o.CA = x509.NewCertPool()
		if !o.CA.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificates in PEM", f.CA)
		}
	}
	var err error
	b.source, err = watch.Open(o)
	return b, err
}

// readTrusted reads the public keys of who may sign bundles.
func readTrusted(file string) ([]ed25519.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, cause(err))
	}
	keys, err := archive.ParseTrusted(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return keys, nil
}

// read reads and verifies what is there now. watch.ErrUnchanged says that it is
// what was read last; forced reads it in any case.
func (b *bundles) read(ctx context.Context, forced bool) (c server.Candidate, err error) {
	if b.source == nil {
		c.Bundle, err = bundle.Load(demo.FS, "demo", conditions.AWS())
		return c, err
	}
	files, err := b.source.Read(ctx, forced)
	if err != nil {
		return c, err
	}
	c.Bundle, c.Origin, err = loadFiles(files, b.source.Name(), b.trusted, b.console.now())
	return c, err
}

// loadFiles makes a bundle of files, once they are verified.
func loadFiles(files *archive.Files, name string, trusted []ed25519.PublicKey, now time.Time) (*bundle.Bundle, server.Origin, error) {
	o := server.Origin{Source: name}
	m, key, err := files.Verify(trusted, now)
	if err != nil {
		return nil, o, fmt.Errorf("%s: %w", name, err)
	}
	if m != nil {
		o.Version, o.Key = m.Version, key
		if m.Expires != nil {
			o.Expires = *m.Expires
		}
	}
	b, err := bundle.LoadWithRego(files.FS(), name, conditions.AWS())
	if err != nil {
		return nil, o, &archive.RefusedError{Kind: "invalid", Err: err}
	}
	return b, o, nil
}

// follow brings into force what changes, until ctx ends; wake reads the bundle
// and the secrets anew.
func (b *bundles) follow(ctx context.Context, live *server.Live, wake <-chan os.Signal) {
	reload := func(ctx context.Context, forced bool) error {
		b.reload(ctx, live, forced)
		return nil
	}
	if b.source != nil {
		_ = b.source.Run(ctx, wake, reload) // which fails for no other reason
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			b.reload(ctx, live, true)
		}
	}
}

// reload brings into force what is there now, if it is another bundle or forced.
func (b *bundles) reload(ctx context.Context, live *server.Live, forced bool) {
	c, err := b.read(ctx, forced)
	switch now := live.Current(); {
	case ctx.Err() != nil:
		return
	case errors.Is(err, watch.ErrUnchanged):
		if !b.failed {
			live.Confirm()
		}
		return
	case err == nil && !forced && c.Bundle.Digest == now.Bundle.Digest && c.Origin == now.Origin:
		b.failed = false
		live.Confirm()
		return
	case err == nil:
		c.Secrets, err = b.secrets(c.Bundle)
	}
	if err != nil {
		live.Refuse(ctx, err)
	} else {
		err = live.Reload(ctx, c)
	}
	b.failed = err != nil
	if _, itsOwn := errors.AsType[interface {
		error
		Reason() string
	}](err); err != nil && !itsOwn && b.source != nil {
		b.source.Retry() // a store or a disk that fails may come back, and the bundle stays the same
	}
}

// secrets reads the secrets of a bundle.
func (b *bundles) secrets(of *bundle.Bundle) (*server.Secrets, error) {
	account, err := of.IdentityAccount()
	if err != nil {
		return nil, err
	}
	out := &server.Secrets{}
	if file := b.flags.Secrets; file != "" {
		text, err := readPrivate(file)
		if err != nil {
			return nil, err
		}
		if out, err = server.ParseSecrets(text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if err := out.AddEnvironment(b.console.getenv, account); err != nil {
		return nil, err
	}
	if b.flags.Dev {
		b.invent(out, of, account)
	}
	return out, nil
}

// invent makes the secrets that are missing, so that a bundle can be tried as it
// is.
func (b *bundles) invent(s *server.Secrets, of *bundle.Bundle, account *identity.Account) {
	for _, id := range slices.Sorted(maps.Keys(account.Administrators)) {
		if _, ok := s.AccessKeys[id]; !ok {
			s.AccessKeys[id] = b.made(id, "administrator "+account.Administrators[id].ARN+": AWS_ACCESS_KEY_ID="+id+" AWS_SECRET_ACCESS_KEY=%s\n")
		}
	}
	for _, pool := range of.UserPoolConfigs() {
		for _, client := range pool.Clients {
			if _, ok := s.Clients[client.ID]; ok || !client.HasSecret {
				continue
			}
			if s.Clients == nil {
				s.Clients = make(map[string]identity.Secret)
			}
			s.Clients[client.ID] = b.made(client.ID, "app client "+client.ID+": secret %s\n")
		}
	}
}

// made makes a secret, once for an id, and says it.
func (b *bundles) made(id, format string) identity.Secret {
	if s, ok := b.invented[id]; ok {
		return s
	}
	text := rand.Text()
	b.console.printf(format, text)
	if err := b.console.out.Flush(); err != nil {
		b.log.Error("a secret could not be printed", "error", err)
	}
	b.invented[id] = identity.NewSecret([]byte(text))
	return b.invented[id]
}
