package main

import (
	"bufio"
	"fmt"
	"time"

	"github.com/alecthomas/kong"
)

// commandLine is the grammar of the command line.
type commandLine struct {
	Format string `enum:"text,json,junit,sarif" default:"text" placeholder:"FORMAT" help:"Print text, or json for programs; for tests also junit, for lint, prove and compare also sarif."`
	Color  string `enum:"auto,always,never" default:"auto" placeholder:"WHEN" help:"Use colours always, never or auto. Auto means on a terminal, unless NO_COLOR is set."`

	Eval       evalCommand       `cmd:"" help:"Decide scenarios: one answer a line."`
	Explain    explainCommand    `cmd:"" help:"Decide scenarios and say why."`
	Validate   validateCommand   `cmd:"" help:"Report every fault of policies or of a bundle."`
	Lint       lintCommand       `cmd:"" help:"Find what policies give away, and what does not mean what it seems to."`
	Fmt        fmtCommand        `cmd:"" help:"Print policies in their one form."`
	Test       testCommand       `cmd:"" help:"Run the unit tests of a bundle."`
	Bench      benchCommand      `cmd:"" help:"Measure how fast the questions of a bundle's tests are decided."`
	Demo       demoCommand       `cmd:"" help:"Show who may do what on whose row, on a bundle that is built in."`
	Playground playgroundCommand `cmd:"" help:"Serve a page to try policies on: decision, reasons, rows and proofs as one types."`
	Serve      serveCommand      `cmd:"" help:"Serve the bundle's pools to AWS SDKs: sign-in, identities, temporary credentials."`
	Ready      readyCommand      `cmd:"" help:"Ask whether a rowan serve is ready: a probe."`
	Bundle     bundleCommand     `cmd:"" help:"Pack, sign, verify and show bundles."`
	Audit      auditCommand      `cmd:"" help:"Verify decision logs."`
	Keys       keysCommand       `cmd:"" help:"Make and rotate key files."`
	Export     exportCommand     `cmd:"" help:"Write a bundle's policies in the language of a store."`
	Drift      driftCommand      `cmd:"" help:"Compare the row security of a live PostgreSQL with a bundle's policies."`
	Proof      proofCommand      `cmd:"" name:"prove" help:"Prove for all requests that rows stay with their owners, and what suites claim."`
	Compare    compareCommand    `cmd:"" help:"Say whether policies allow more or less than they did, with requests."`
	WhoCan     whoCanCommand     `cmd:"" name:"who-can" help:"Say which roles may do something, with a request or the proof that none does."`
	Can        canCommand        `cmd:"" help:"Say what an identity may do, with requests and proofs."`
	Horizon    horizonCommand    `cmd:"" help:"Show when conditions on the time will change what policies allow."`
	Prove      proveCommand      `cmd:"" name:"prove-filter" help:"Prove on real stores that filters keep what decisions allow."`
	Hidden     hiddenCommand     `cmd:"" name:"why-hidden" help:"Explain why somebody does not see one row."`
	Whoami     whoamiCommand     `cmd:"" help:"Show what a login comes to: identity, role, tags, context keys, and why."`
	Identities identitiesCommand `cmd:"" help:"Find the identity of a login, and the logins of an identity."`
	Usage      usageCommand      `cmd:"" help:"Show what a month was used for: active users, authentications, decisions."`
	Lsp        lspCommand        `cmd:"" help:"Serve an editor: diagnostics, completion, hover and fixes for policies and bundles."`
	Schema     schemaCommand     `cmd:"" help:"Print JSON Schemas of a bundle's files."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
	Completion completionCommand `cmd:"" help:"Print a script that completes rowan's command lines."`
}

const about = `Rowan decides requests the way AWS IAM does, and says why.

New here? Run

    rowan demo`

// parser makes the parser; exit is called once it has printed a help text.
func (l *commandLine) parser(p *process, exit func(int)) (*kong.Kong, error) {
	return kong.New(l,
		kong.Name("rowan"),
		kong.Description(about),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
	)
}

// checkFormat refuses a format that the command does not print.
func (l *commandLine) checkFormat(command string) error {
	formats := map[string]bool{"text": true, "json": true}
	switch command {
	case "fmt", "completion", "bench", "lsp", "playground":
		formats = map[string]bool{"text": true}
	case "test":
		formats["junit"] = true
	case "lint", "prove", "compare":
		formats["sarif"] = true
	}
	if !formats[l.Format] {
		return fmt.Errorf("%s has no --format %s", command, l.Format)
	}
	return nil
}

func (l *commandLine) console(p *process) *console {
	color := l.Color == "always" || l.Color == "auto" && p.getenv("NO_COLOR") == "" && p.terminal(p.stdout)
	return &console{process: p, out: bufio.NewWriterSize(p.stdout, 64<<10), format: l.Format, color: color}
}

// clock is the flag of commands whose answers depend on the time.
type clock struct {
	At time.Time `aliases:"now" placeholder:"TIME" help:"Decide as if it were TIME, such as 2026-11-23T05:00:00Z. Also --now."`
}

// at returns the time to decide at.
func (k clock) at(c *console) time.Time {
	if k.At.IsZero() {
		return c.now()
	}
	return k.At
}

// moment is the flag of commands that ask about all requests.
type moment struct {
	At time.Time `placeholder:"TIME" help:"Ask about requests made at TIME alone, such as 2026-11-23T05:00:00Z; without it about those of any time."`
}
