package main

import (
	"context"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/lsp"
	"github.com/rowan-authz/rowan/policy/lint"
)

// lspCommand is `rowan lsp`.
type lspCommand struct {
	Stdio bool `hidden:"" help:"Does nothing: some clients always give it."`
}

// settle is how long an author must pause before what was written is diagnosed.
const settle = 200 * time.Millisecond

// Help describes the command.
func (*lspCommand) Help() string {
	return `It speaks the Language Server Protocol on standard input and output, for editors: see docs/editor.md.

Exit status: 0 if the editor said shutdown before exit, else 1.`
}

// Run serves the editor that started it.
func (*lspCommand) Run(c *console) error {
	plain, err := celFlag{}.vocabulary()
	if err != nil {
		return err
	}
	cel, err := celFlag{Cel: true}.vocabulary()
	if err != nil {
		return err
	}
	s, err := lsp.New(lsp.Options{
		Version: thisBuild().Version, Vocabulary: plain, Cel: cel, Now: c.now, Settle: settle, Suppressed: suppressed,
	})
	if err != nil {
		return err
	}
	c.raise(s.Serve(context.Background(), c.stdin, c.stdout))
	return nil
}

// suppressed reads what is left out in a bundle, as rowan lint does.
func suppressed(dir string) (func(*lint.Finding) string, error) {
	x, err := readExceptions("", dir, "")
	if err != nil {
		return nil, err
	}
	return x.suppressed, nil
}
