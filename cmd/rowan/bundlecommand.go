package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/cmd/internal/watch"
)

// bundleCommand is `rowan bundle`.
type bundleCommand struct {
	Keygen  bundleKeygenCommand  `cmd:"" help:"Make a key pair to sign bundles with."`
	Build   bundleBuildCommand   `cmd:"" help:"Pack a bundle into a tar.gz with a manifest, and sign it."`
	Verify  bundleVerifyCommand  `cmd:"" help:"Check a bundle as rowan serve does before it serves it."`
	Inspect bundleInspectCommand `cmd:"" help:"Show what a bundle says that it is. Nothing is verified."`
}

// bundleKeygenCommand is `rowan bundle keygen`.
type bundleKeygenCommand struct {
	File string `arg:"" help:"The file to make, of the private key; FILE.pub becomes the public one. Neither must exist."`
}

// Help describes the command.
func (*bundleKeygenCommand) Help() string {
	return `The keys are of ed25519, in PEM. Keep the private key where bundles are built, and give the public one to servers, as --bundle-trust. A file of several public keys trusts each of them.

Example:

    rowan bundle keygen signing.pem`
}

// Run makes a key pair.
func (k *bundleKeygenCommand) Run(c *console) error {
	if err := writeKeyPair(k.File); err != nil {
		return err
	}
	if c.format == "text" {
		c.printf("wrote %s and %s.pub\n", k.File, k.File)
	}
	return nil
}

// bundleBuildCommand is `rowan bundle build`.
type bundleBuildCommand struct {
	Dir     string        `arg:"" help:"The bundle."`
	Out     string        `required:"" short:"o" placeholder:"FILE" help:"The tar.gz to write, whole or not at all."`
	Key     string        `placeholder:"FILE" help:"Sign with this private key, of rowan bundle keygen."`
	Version uint64        `placeholder:"N" help:"The version, which must grow from one bundle to the next. Default: the time it is made, in seconds since 1970."`
	Created time.Time     `placeholder:"TIME" help:"When it is made, such as 2026-11-23T05:00:00Z. Default: now. The same input with the same time makes the same bytes."`
	Valid   time.Duration `placeholder:"DURATION" help:"How long it may be served, such as 720h; after that everything is denied. Default: for ever."`
}

// Help describes the command.
func (*bundleBuildCommand) Help() string {
	return `A bundle that cannot be loaded is not packed, and one that demands it only if its tests pass. Files that are no part of a bundle stay behind.

Exit status: 0 written, 2 usage, 3 the bundle cannot be loaded, or its tests fail.

Example:

    rowan bundle build scores --out scores.tar.gz --key signing.pem --version 7 --valid 720h`
}

// Run packs a bundle.
func (k *bundleBuildCommand) Run(c *console) error {
	var key ed25519.PrivateKey
	if k.Key != "" {
		text, err := readPrivate(k.Key)
		if err == nil {
			key, err = archive.ParsePrivateKey(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k.Key, err)
		}
	}
	if k.Valid < 0 {
		return fmt.Errorf("--valid %v: want a time to come", k.Valid)
	}
	files, err := readFiles(c, k.Dir)
	if err != nil {
		return c.unloadable(err)
	}
	created := k.Created
	if created.IsZero() {
		created = c.now()
	}
	version := k.Version
	if version == 0 {
		version = uint64(max(1, created.Unix()))
	}
	var expires time.Time
	if k.Valid > 0 {
		expires = created.Add(k.Valid)
	}
	if files, err = files.Numbered(version, created, expires); err != nil {
		return c.unloadable(err)
	}
	if key != nil {
		if files, err = files.Signed(key); err != nil {
			return err
		}
	}
	return k.write(c, files)
}

// write writes an archive once it is certain that it would be served.
func (k *bundleBuildCommand) write(c *console, files *archive.Files) error {
	text, err := files.Write()
	if err != nil {
		return err
	}
	if files, err = archive.Read(text); err != nil {
		return c.unloadable(err)
	}
	b, _, err := loadFiles(files, k.Dir, nil, time.Time{}) // whatever the time is
	if err == nil {
		_, err = server.Check(context.Background(), b, c.now())
	}
	if err != nil {
		return c.unloadable(err)
	}
	if err := writeWhole(k.Out, text); err != nil {
		return fmt.Errorf("%s: %w", k.Out, cause(err))
	}
	if c.format == "json" {
		return k.inspect(c, files, b.Digest)
	}
	signed := "not signed"
	if ids, ok := files.Signers(); ok {
		signed = "signed by " + strings.Join(ids, ", ")
	}
	m, err := files.Manifest()
	if err != nil {
		return err
	}
	c.printf("wrote %s: version %d, %d files, %s\n", k.Out, m.Version, len(m.Files), signed)
	return nil
}

func (k *bundleBuildCommand) inspect(c *console, files *archive.Files, digest string) error {
	d, err := describe(k.Out, files)
	if err != nil {
		return err
	}
	d.Digest = digest
	return c.encode(d)
}

// writeWhole writes a file that may exist, whole or not at all.
func writeWhole(file string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".rowan-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// readFiles reads a directory, a tar.gz or the address of one.
func readFiles(c *console, from string) (*archive.Files, error) {
	s, err := watch.Open(watch.Options{Source: from, Now: c.now})
	if err != nil {
		return nil, err
	}
	return s.Read(context.Background(), true)
}

// bundleVerifyCommand is `rowan bundle verify`.
type bundleVerifyCommand struct {
	From  string `arg:"" name:"bundle" help:"A directory, a tar.gz, or the https address of one."`
	Trust string `placeholder:"FILE" help:"Public keys, of rowan bundle keygen: one of them must have signed it. Without any, only the manifest is checked, if there is one."`
	clock
}

// Help describes the command.
func (*bundleVerifyCommand) Help() string {
	return `Loads the bundle too. Whether a server has had a later version, only that server knows.

Exit status: 0 it would be served, 1 it would not, 2 usage.

Example:

    rowan bundle verify scores.tar.gz --trust signing.pem.pub`
}

// Run verifies a bundle.
func (k *bundleVerifyCommand) Run(c *console) error {
	var trusted []ed25519.PublicKey
	if k.Trust != "" {
		var err error
		if trusted, err = readTrusted(k.Trust); err != nil {
			return err
		}
	}
	files, err := readFiles(c, k.From)
	if err != nil {
		return c.unfit(err)
	}
	b, origin, err := loadFiles(files, k.From, trusted, k.at(c))
	if err == nil {
		_, err = server.Check(context.Background(), b, k.at(c))
	}
	if err != nil {
		return c.unfit(err)
	}
	if c.format == "json" {
		d, err := describe(k.From, files)
		if err != nil {
			return err
		}
		d.Digest, d.VerifiedBy = b.Digest, origin.Key
		return c.encode(d)
	}
	signed := "no signature was asked for"
	if origin.Key != "" {
		signed = "signed by " + origin.Key
	}
	c.printf("%s is good: version %d, %s, %s\n", k.From, origin.Version, signed, b.Digest)
	return nil
}

// unfit reports why a bundle would not be served.
func (c *console) unfit(err error) error {
	c.raise(exitUnmet)
	if !c.sayFaults(err) {
		c.say("%v", err)
	}
	return nil
}

// bundleInspectCommand is `rowan bundle inspect`.
type bundleInspectCommand struct {
	From string `arg:"" name:"bundle" help:"A directory, a tar.gz, or the https address of one."`
}

// Help describes the command.
func (*bundleInspectCommand) Help() string {
	return `Exit status: 0 shown, 2 usage, 3 it cannot be read.

Example:

    rowan bundle inspect scores.tar.gz`
}

// description is a bundle as inspect prints it in JSON.
type description struct {
	Name       string            `json:"name"`
	Manifest   *archive.Manifest `json:"manifest"`
	SignedBy   []string          `json:"signedBy"`
	Files      []string          `json:"files"`
	Digest     string            `json:"digest,omitempty"`
	VerifiedBy string            `json:"verifiedBy,omitempty"`
}

func describe(name string, files *archive.Files) (*description, error) {
	m, err := files.Manifest()
	if err != nil {
		return nil, err
	}
	ids, _ := files.Signers()
	return &description{Name: name, Manifest: m, SignedBy: append([]string{}, ids...), Files: append([]string{}, files.Paths()...)}, nil
}

// Run shows a bundle.
func (k *bundleInspectCommand) Run(c *console) error {
	files, err := readFiles(c, k.From)
	if err != nil {
		return c.unloadable(err)
	}
	d, err := describe(k.From, files)
	switch {
	case err != nil:
		return c.unloadable(err)
	case c.format == "json":
		return c.encode(d)
	}
	if m := d.Manifest; m == nil {
		c.printf("no manifest\n")
	} else {
		c.printf("version  %d\ncreated  %s\n", m.Version, m.CreatedAt.UTC().Format(time.RFC3339))
		expires := "never"
		if m.Expires != nil {
			expires = m.Expires.UTC().Format(time.RFC3339)
		}
		c.printf("expires  %s\n", expires)
	}
	signed := "by nobody"
	if len(d.SignedBy) > 0 {
		signed = plain(strings.Join(d.SignedBy, ", ")) + ", which is not verified"
	}
	c.printf("signed   %s\nfiles    %d\n", signed, len(d.Files))
	for _, p := range d.Files {
		c.printf("  %s\n", p)
	}
	return nil
}
