package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// highest is the highest version of a bundle that was in force, kept in a file
// so that a restart does not forget it: a bundle of a lower one is an old one
// that somebody put back.
type highest struct {
	file string
	kept highestVersion
	// looking says that nothing is written.
	looking bool
}

// highestVersion is the file.
type highestVersion struct {
	Version uint64 `json:"version"`
	// Digest is the bundle's: two bundles of one version are one too many.
	Digest string `json:"digest"`
}

// openHighest reads the file, which need not be there. One that cannot be read
// is an error: what it said is not known.
func openHighest(dir string) (*highest, error) {
	h := &highest{file: filepath.Join(dir, "bundle-version.json")}
	text, err := os.ReadFile(h.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", h.file, cause(err))
	}
	if err := json.Unmarshal(text, &h.kept); err != nil || h.kept.Version == 0 || h.kept.Digest == "" {
		return nil, fmt.Errorf("%s: it does not say which version of the bundle was served last: restore it, or delete it to take whatever is there", h.file)
	}
	return h, nil
}

// accept refuses a bundle of a lower version, and remembers a higher one before
// it comes into force.
func (h *highest) accept(_ context.Context, d *server.Deployment) error {
	next := highestVersion{d.Version, d.Digest}
	switch {
	case d.Version < h.kept.Version:
		return &archive.RefusedError{Kind: "rollback", Err: fmt.Errorf("version %d of the bundle: version %d was in force already (%s)", d.Version, h.kept.Version, h.file)}
	case next == h.kept:
		return nil
	case d.Version == h.kept.Version:
		return &archive.RefusedError{Kind: "rollback", Err: fmt.Errorf("version %d of the bundle is not the one that was in force already (%s): give it a new version", d.Version, h.file)}
	}
	if h.looking {
		return nil
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	write := replaceFile
	if h.kept.Version == 0 {
		write = writeNew
	}
	if err := write(h.file, append(text, '\n')); err != nil {
		return fmt.Errorf("%s: %w", h.file, cause(err))
	}
	h.kept = next
	return nil
}
