package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// keysCommand is `rowan keys`.
type keysCommand struct {
	New    keysNewCommand    `cmd:"" help:"Write a new key file."`
	Rotate keysRotateCommand `cmd:"" help:"Add a new key to a key file, and take out those whose time is over."`

	Audit   keysAuditCommand   `cmd:"" help:"Make a key pair to sign a decision log with."`
	Service keysServiceCommand `cmd:"" help:"Print a new key for a service, and the hash of it for the bundle."`
}

// keysNewCommand is `rowan keys new`.
type keysNewCommand struct {
	File string `arg:"" help:"The file to make; it must not exist."`
}

// Help describes the command.
func (*keysNewCommand) Help() string {
	return `The file seals session tokens, and what lies in the store: who has it can make credentials, and without it the store is worth nothing. Only you can read it.

Example:

    rowan keys new keys.json`
}

// Run makes a key file.
func (k *keysNewCommand) Run(c *console) error {
	text, err := identity.GenerateKeys(rand.Reader, c.now())
	if err != nil {
		return err
	}
	if err := writeNew(k.File, text); err != nil {
		return fmt.Errorf("%s: %w", k.File, cause(err))
	}
	if c.format == "text" {
		c.printf("wrote %s\n", k.File)
	}
	return nil
}

// keysRotateCommand is `rowan keys rotate`.
type keysRotateCommand struct {
	File    string        `arg:"" help:"The key file."`
	Overlap time.Duration `default:"1h" placeholder:"DURATION" help:"When the new key begins to seal: until then every server must have been restarted with the file. Default 1h."`
}

// Help describes the command.
func (*keysRotateCommand) Help() string {
	return `The new key seals session tokens once the overlap is over; the old one opens those it sealed for twelve hours more, the longest life of a session. Give the file to every server and restart it within the overlap.

Example:

    rowan keys rotate --overlap 2h keys.json`
}

// Run rotates a key file.
func (k *keysRotateCommand) Run(c *console) error {
	old, err := readPrivate(k.File)
	if err != nil {
		return err
	}
	text, err := identity.RotateKeys(old, rand.Reader, c.now(), k.Overlap, identity.MaxSessionLife)
	if err != nil {
		return fmt.Errorf("%s: %w", k.File, err)
	}
	if err := replaceFile(k.File, text); err != nil {
		return fmt.Errorf("%s: %w", k.File, cause(err))
	}
	if c.format == "text" {
		c.printf("the new key of %s seals from %s\n", k.File, c.now().Add(k.Overlap).UTC().Format(time.RFC3339))
	}
	return nil
}

// readPrivate reads a file of secrets, which must not be there for everybody.
func readPrivate(file string) ([]byte, error) {
	stat, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, cause(err))
	}
	if stat.Mode().IsRegular() && stat.Mode()&0o007 != 0 {
		return nil, fmt.Errorf("%s: every user of the machine can reach it: chmod o= it", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, cause(err))
	}
	return text, nil
}

// writeNew writes a file that must not exist, whole or not at all, for its
// owner alone.
func writeNew(file string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".rowan-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Link(f.Name(), file) // which replaces nothing
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		err = link.Err
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// keysServiceCommand is `rowan keys service`.
type keysServiceCommand struct{}

// Help describes the command.
func (*keysServiceCommand) Help() string {
	return `The service sends the key with its questions, as "authorization: Bearer KEY". The bundle holds the hash alone, in keys of services/NAME.yaml; the key is shown once.

Example:

    rowan keys service`
}

// Run prints a key.
func (*keysServiceCommand) Run(c *console) error {
	key := "rowan-" + rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(key))
	hash := "sha256:" + hex.EncodeToString(sum[:])
	if c.format == "json" {
		return c.encode(struct {
			Key  string `json:"key"`
			Hash string `json:"hash"`
		}{key, hash})
	}
	c.printf("key   %s\nhash  %s\n", key, hash)
	return nil
}
