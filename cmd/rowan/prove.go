package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the store that is always there

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/rowproof"
	"github.com/rowan-authz/rowan/cmd/internal/dynamoproof"
)

// proveCommand is `rowan prove-filter`.
type proveCommand struct {
	Bundle   string `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	N        int    `name:"n" default:"20000" placeholder:"N" help:"How many pairs of a question and a row to prove, at least."`
	Seed     uint64 `default:"1" placeholder:"N" help:"Which rows."`
	Postgres string `placeholder:"URL" help:"Ask this PostgreSQL too, in a temporary table; - takes DATABASE_URL."`
	DynamoDB string `name:"dynamodb" placeholder:"URL" help:"Ask this server of DynamoDB's protocol too, in tables of its own."`
	clock
	celFlag
}

// Help describes the command.
func (*proveCommand) Help() string {
	return `Proves on your own policies that the rows which a filter keeps are those which decisions allow. For every identity of the suites and every role, every table and every action on rows, it makes rows that are likely to tell the two apart, and asks the predicate of a real store, the filter in process, and the decision: an embedded SQLite always, PostgreSQL and DynamoDB if you name them. What a store cannot say exactly is refused, and listed. Requests to DynamoDB are signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment, if they are there.

Exit status: 0 all agreed, 1 they differ and the row is shown, or no pair was proved on one of the stores, 2 usage or a store that fails, 3 the bundle or a suite cannot be loaded.

Examples:

    rowan prove-filter --bundle policies/
    rowan prove-filter --bundle policies/ --n 200000 --postgres postgres://localhost/test --dynamodb http://localhost:8000`
}

// Run proves.
func (f *proveCommand) Run(c *console) error {
	if f.N < 1 {
		return fmt.Errorf("--n %d: want at least 1", f.N)
	}
	v, err := f.vocabulary()
	if err != nil {
		return err
	}
	b, suites, err := loadBundle(f.Bundle, v)
	if err != nil {
		return c.unloadable(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	stores, closeAll, err := f.stores(ctx, c, b)
	defer closeAll()
	if err != nil {
		return err
	}
	done, clear := c.progress("proved", f.N)
	p := rowproof.NewProver(rowproof.Options{Pairs: f.N, Seed: f.Seed, Now: f.at(c), Stores: stores, Progress: done})
	err = p.Bundle(ctx, b, suites)
	clear()
	return f.print(c, p.Report(), err)
}

// stores opens those to ask; closeAll is never nil.
func (f *proveCommand) stores(ctx context.Context, c *console, b *bundle.Bundle) (stores []rowproof.Store, closeAll func(), err error) {
	var closers []func() error
	closeAll = func() {
		for _, x := range closers {
			if err := x(); err != nil {
				c.say("%v", err)
			}
		}
	}
	open := func(db *sql.DB, d sqlrow.Dialect) error {
		closers = append(closers, db.Close)
		s, err := rowproof.OpenSQL(ctx, db, d)
		if err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
		closers = append([]func() error{s.Close}, closers...)
		stores = append(stores, s)
		return nil
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, closeAll, err
	}
	if err := open(db, sqlrow.SQLite); err != nil {
		return nil, closeAll, err
	}
	if f.Postgres != "" {
		db, err := openPostgres(c, f.Postgres, "--postgres")
		if err != nil {
			return nil, closeAll, err
		}
		if err := open(db, sqlrow.PostgreSQL); err != nil {
			return nil, closeAll, err
		}
	}
	if f.DynamoDB != "" {
		s, err := f.dynamodb(c, b)
		if err != nil {
			return nil, closeAll, err
		}
		closers = append(closers, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // though the proof was interrupted
			defer cancel()
			return s.Close(ctx)
		})
		stores = append(stores, s)
	}
	return stores, closeAll, nil
}

// openPostgres opens the database of a flag, where - means DATABASE_URL.
func openPostgres(c *console, url, flag string) (*sql.DB, error) {
	if url == "-" {
		if url = c.getenv("DATABASE_URL"); url == "" {
			return nil, errors.New("no DATABASE_URL in the environment")
		}
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%s: no address of PostgreSQL", flag) // its error may show the password
	}
	return stdlib.OpenDB(*config), nil
}

func (f *proveCommand) dynamodb(c *console, b *bundle.Bundle) (*dynamoproof.Store, error) {
	if !strings.HasPrefix(f.DynamoDB, "http://") && !strings.HasPrefix(f.DynamoDB, "https://") {
		return nil, errors.New("--dynamodb: want the URL of a server, such as http://localhost:8000")
	}
	region := c.getenv("AWS_REGION")
	if region == "" {
		region = b.Region
	}
	var own [6]byte
	if _, err := rand.Read(own[:]); err != nil {
		return nil, err
	}
	return dynamoproof.New(dynamoproof.Options{
		URL: f.DynamoDB, Region: region, Now: time.Now, Prefix: "rowan-proof-" + hex.EncodeToString(own[:]),
		Credentials: aws.Credentials{
			AccessKeyID: c.getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: c.getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: c.getenv("AWS_SESSION_TOKEN"),
		},
	}), nil
}

// progress tells people who watch how far it is; clear takes that away.
func (c *console) progress(what string, of int) (done func(int), clear func()) {
	if !c.terminal(c.stderr) {
		return nil, func() {}
	}
	last := time.Time{}
	return func(n int) {
			if now := c.now(); now.Sub(last) > 100*time.Millisecond {
				last = now
				_, _ = fmt.Fprintf(c.stderr, "\r\x1b[K%s %d of %d", what, n, of)
			}
		}, func() {
			_, _ = fmt.Fprint(c.stderr, "\r\x1b[K")
		}
}

// proofRecord is a proof for programs.
type proofRecord struct {
	Proved bool `json:"proved"`
	*rowproof.Report
	Seed           uint64                      `json:"seed"`
	Counterexample *rowproof.DisagreementError `json:"counterexample,omitempty"`
	Error          string                      `json:"error,omitempty"`
}

// print says what was proved, and raises the exit status if it was not.
func (f *proveCommand) print(c *console, r *rowproof.Report, err error) error {
	record := proofRecord{Proved: err == nil, Report: r, Seed: f.Seed}
	switch {
	case errors.As(err, &record.Counterexample):
		c.raise(exitUnmet)
	case errors.Is(err, rowproof.ErrNothing):
		c.raise(exitUnmet)
		record.Error = err.Error()
	case err != nil:
		return err
	}
	if c.format == "json" {
		return c.encode(record)
	}
	const most = 20
	for i, x := range r.Refusals {
		if i == most {
			c.printf("refused for %d more reasons: see --format json\n", len(r.Refusals)-most)
			break
		}
		c.printf("%s %s\n", c.paint(yellow, "refused"), plain(x.String()))
	}
	c.printf("in process: %d cases (%d keep nothing, %d some rows, %d all), %d pairs, %d allowed\n", r.Cases, r.Nothing, r.Partly, r.Everything, r.Pairs, r.Kept)
	for _, s := range r.Stores {
		c.printf("%s: %d cases, %d pairs, %d kept; %d cases refused, %d rows not held\n", s.Name, s.Cases, s.Pairs, s.Kept, s.Refused, s.Unheld)
	}
	switch {
	case record.Counterexample != nil:
		c.printf("%s: ", c.paint(red, "disagreement"))
		for i, line := range strings.Split(err.Error(), "\n") {
			if i > 0 {
				c.printf("\n")
			}
			c.printf("%s", plain(line))
		}
		c.printf("\n")
	case err != nil:
		c.printf("%s\n", c.paint(red, plain(err.Error())))
	default:
		c.printf("%s\n", c.paint(green, "no disagreement"))
	}
	return nil
}
