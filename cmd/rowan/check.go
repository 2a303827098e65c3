package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/cmd/internal/watch"
)

// checked is what `rowan serve --check` finds.
type checked struct {
	Bundle    checkedBundle    `json:"bundle"`
	Store     string           `json:"store"`
	Keys      string           `json:"keys"`
	URL       string           `json:"url"`
	Listening []checkedAddress `json:"listening"`
}

// checkedBundle counts what the bundle has.
type checkedBundle struct {
	Source         string `json:"source"`
	Digest         string `json:"digest"`
	Version        uint64 `json:"version,omitempty"`
	Roles          int    `json:"roles"`
	IdentityPools  int    `json:"identityPools"`
	UserPools      int    `json:"userPools"`
	Administrators int    `json:"administrators"`
	Services       int    `json:"services"`
}

// checkedAddress is where one of the --…listen flags would listen.
type checkedAddress struct {
	Flag    string `json:"flag"`
	Address string `json:"address"`
}

// elsewhere is where a check listens for a moment: the addresses that were
// asked for may be those of a server that runs.
const elsewhere = "127.0.0.1:0"

// check does all that serving begins with, on a store whose changes are
// forgotten and on other addresses, and says what it came to.
func (s *serveCommand) check(c *console, k *kong.Kong) error {
	s.checked = &checked{Keys: "in memory"}
	if err := s.resolve(context.Background(), k); err != nil {
		return err
	}
	// What serving says of itself is not so.
	quiet := *c.process
	quiet.stdout = io.Discard
	within := &console{process: &quiet, out: bufio.NewWriter(io.Discard), format: c.format}
	err := s.run(within)
	c.raise(within.status)
	if err != nil || within.status != 0 {
		return err
	}
	if s.Keys != "" {
		s.checked.Keys = s.Keys
	}
	if c.format == "json" {
		return c.encode(s.checked)
	}
	return s.checked.show(c)
}

// resolve finds where each of the --…listen flags would listen, and sends it
// elsewhere.
func (s *serveCommand) resolve(ctx context.Context, k *kong.Kong) error {
	config, err := s.tls()
	if err != nil {
		return err
	}
	s.Authorize.setDefaults(s)
	i := slices.IndexFunc(k.Model.Children, func(n *kong.Node) bool { return n.Name == "serve" })
	if i < 0 {
		return errors.New("no command serve")
	}
	for _, f := range k.Model.Children[i].Flags {
		if f.Name != "listen" && !strings.HasSuffix(f.Name, "-listen") || f.Target.Kind() != reflect.String || f.Target.String() == "" {
			continue
		}
		at, err := server.Resolve(ctx, f.Target.String(), config != nil)
		if err != nil {
			return fmt.Errorf("--%s: %w", f.Name, err)
		}
		if f.Name == "listen" {
			if s.URL, err = s.address(at, config != nil); err != nil {
				return err
			}
			s.checked.URL = s.URL
		}
		s.checked.Listening = append(s.checked.Listening, checkedAddress{f.Name, f.Target.String()})
		f.Target.SetString(elsewhere)
	}
	return nil
}

// openStore opens a store whose changes are forgotten. The directory of the
// default one need not be there.
func (r *checked) openStore(ctx context.Context, address string, isDefault bool, log *slog.Logger) (*store.Store, error) {
	kind, file, _ := strings.Cut(address, ":")
	r.Store = kind
	if kind == "sqlite" {
		r.Store = address
		if _, err := os.Stat(filepath.Dir(file)); isDefault && errors.Is(err, fs.ErrNotExist) {
			r.Store += ", which will be made"
			return store.Open(ctx, "memory:", log)
		}
	}
	kept, state, err := store.Rehearse(ctx, address, log)
	switch {
	case err != nil:
		return nil, err
	case state.Version == 0 && state.Known > 0:
		r.Store += ", which will be made"
	case state.Version < state.Known:
		r.Store += fmt.Sprintf(", which will be migrated from version %d to %d", state.Version, state.Known)
	}
	return kept, nil
}

// lacksKeys reports whether there is no key file where it is made.
func (r *checked) lacksKeys(file string) bool {
	_, err := os.Stat(file)
	r.Keys = file
	if errors.Is(err, fs.ErrNotExist) {
		r.Keys += ", which will be made"
		return true
	}
	return false
}

// live notes what has come into force.
func (r *checked) live(l *server.Live, source *watch.Source) error {
	d := l.Current()
	r.Bundle = checkedBundle{
		Source: "built in", Digest: d.Digest, Version: d.Version, Roles: len(d.Bundle.Roles),
		IdentityPools: len(d.Bundle.IdentityPools), UserPools: len(d.Bundle.UserPools),
		Administrators: len(d.Bundle.Administrators), Services: len(d.Bundle.Services),
	}
	if source != nil {
		r.Bundle.Source = source.Name()
	}
	return nil
}

func (r *checked) show(c *console) error {
	b := &r.Bundle
	c.printf("bundle   %s, sha256 %s", plain(b.Source), b.Digest)
	if b.Version > 0 {
		c.printf(", version %d", b.Version)
	}
	c.printf("\n         roles %d, identity pools %d, user pools %d, administrators %d, services %d\n",
		b.Roles, b.IdentityPools, b.UserPools, b.Administrators, b.Services)
	c.printf("store    %s\nkeys     %s\nurl      %s\n", plain(r.Store), plain(r.Keys), plain(r.URL))
	for _, a := range r.Listening {
		c.printf("%-8s %s\n", a.Flag, plain(a.Address))
	}
	return c.broken()
}
