package main

import (
	"fmt"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
)

// auditCommand is `rowan audit`.
type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Find whatever was altered, dropped, moved, put in or cut off in a decision log."`
}

// auditVerifyCommand is `rowan audit verify`.
type auditVerifyCommand struct {
	Files   []string `arg:"" name:"file" help:"The files of the log, in any order: the one that is written and those that were put away."`
	Key     string   `required:"" placeholder:"FILE" help:"The public keys that sign the log's heads: of rowan keys audit, or audit.pem.pub in the server's data directory."`
	From    uint64   `default:"1" placeholder:"LINE" help:"The number of the first line that must be there, where older files were removed. Default 1."`
	Growing bool     `help:"The log is still written: it need not end with a closing head."`
	Head    string   `placeholder:"LINE:HASH" help:"A line that was seen elsewhere and must be there, as verify prints it: it shows that the end was not cut off."`
}

// Help describes the command.
func (*auditVerifyCommand) Help() string {
	return `Every line of the log names the SHA-256 of the line before it, and heads are signed. What stands behind the last head is signed by nobody yet, which is said.

Exit status: 0 the log is whole, 1 it is not, 2 it cannot be read.

Examples:

    rowan audit verify audit.jsonl* --key audit.pem.pub
    rowan audit verify audit.jsonl --key audit.pem.pub --growing --head 5120:0c3f…`
}

// Run verifies a log.
func (a *auditVerifyCommand) Run(c *console) error {
	keys, err := readTrusted(a.Key)
	if err != nil {
		return err
	}
	o := audit.VerifyOptions{Keys: keys, From: a.From, Growing: a.Growing}
	if a.Head != "" {
		if o.Anchor, err = audit.ParseAnchor(a.Head); err != nil {
			return fmt.Errorf("--head: %w", err)
		}
	}
	var files []string
	for _, f := range a.Files {
		if !audit.IsLock(f) {
			files = append(files, f)
		}
	}
	r, err := audit.VerifyFiles(files, o)
	if err != nil {
		return err
	}
	if !r.OK {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		return c.encode(r)
	}
	c.showVerified(r)
	return nil
}

func (c *console) showVerified(r *audit.Report) {
	for _, p := range r.Problems {
		place := p.File
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		if place != "" {
			place += ": "
		}
		c.printf("%s%s: %s\n", place, c.paint(red, p.Kind), plain(p.Text))
	}
	if r.More > 0 {
		c.printf("and %d more\n", r.More)
	}
	for _, n := range r.Notes {
		c.printf("note: %s\n", plain(n))
	}
	if !r.OK {
		return
	}
	c.printf("%s: lines %d to %d, %d decisions, %d heads", c.paint(green, "whole"), r.First, r.Last, r.Records, r.Heads)
	if r.Skipped > 0 || r.Dropped > 0 {
		c.printf("; %d decisions were not to be written, %d found no room", r.Skipped, r.Dropped)
	}
	c.printf("\nhead %d:%s\n", r.Last, r.Hash)
}

// keysAuditCommand is `rowan keys audit`.
type keysAuditCommand struct {
	File string `arg:"" help:"The file to make, of the private key; FILE.pub becomes the public one. Neither must exist."`
}

// Help describes the command.
func (*keysAuditCommand) Help() string {
	return `The private key signs the heads of a decision log, and makes the secret of its masks: give it to the server alone, as --audit-key. Keep the public one elsewhere, for rowan audit verify. A log has one key from its beginning to its end.

Example:

    rowan keys audit audit.pem`
}

// Run makes a key pair.
func (k *keysAuditCommand) Run(c *console) error {
	if err := writeKeyPair(k.File); err != nil {
		return err
	}
	if c.format == "text" {
		c.printf("wrote %s and %s.pub\n", k.File, k.File)
	}
	return nil
}
