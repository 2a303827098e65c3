package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of drift

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
)

// exportCommand is `rowan export`.
type exportCommand struct {
	PostgresRLS postgresRLSCommand `cmd:"" name:"postgres-rls" help:"Row security policies of PostgreSQL."`
}

// rowSecurityFlags say which role's policies hold for which table.
type rowSecurityFlags struct {
	Dir          string            `arg:"" optional:"" default:"." help:"A bundle; without one that of this directory."`
	Role         string            `required:"" placeholder:"ROLE" help:"The role of the bundle whose policies hold."`
	Table        string            `required:"" placeholder:"TABLE" help:"The table of the bundle; its file says what it is in SQL."`
	DatabaseRole string            `name:"db-role" required:"" placeholder:"ROLE" help:"The role of PostgreSQL that is held to them."`
	Variable     map[string]string `placeholder:"KEY=NAME" default:"cognito-identity.amazonaws.com:sub=rowan.sub" help:"A context key that sessions bring, and the session's variable that has it."`
}

// load reads the bundle; security is nil if it cannot, and what is wrong has
// been said.
func (f *rowSecurityFlags) load(c *console) (security *sqlrow.RowSecurity, err error) {
	b, _, err := loadBundle(f.Dir, conditions.AWS())
	if b == nil {
		return nil, c.unloadable(err)
	}
	return b.RowSecurity(f.Role, f.Table, f.DatabaseRole, f.Variable)
}

// postgresRLSCommand is `rowan export postgres-rls`.
type postgresRLSCommand struct{ rowSecurityFlags }

// Help describes the command.
func (*postgresRLSCommand) Help() string {
	return `Writes CREATE POLICY statements that hold any statement of a database role to the policies of a role. A program says on whose behalf it runs with sqlrow.RowSecurity.RunAs, or with set_config(NAME, VALUE, true) in each transaction. A policy that cannot be said exactly is refused.

Exit status: 0 written, 2 it cannot be said, 3 the bundle cannot be loaded.

Example:

    rowan export postgres-rls --role Player --table GameScores --db-role player policies/ | psql`
}

// Run writes the statements.
func (p *postgresRLSCommand) Run(c *console) error {
	security, err := p.load(c)
	if security == nil {
		return err
	}
	statements, err := security.Statements()
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.encode(statements)
	}
	c.printf("BEGIN;\n")
	for _, s := range statements {
		c.printf("%s;\n", s)
	}
	c.printf("COMMIT;\n")
	return nil
}

// driftCommand is `rowan drift`.
type driftCommand struct {
	rowSecurityFlags
	Rows int    `default:"500" placeholder:"N" help:"How many rows to ask about."`
	Seed uint64 `default:"1" placeholder:"N" help:"Which ones."`
}

// Help describes the command.
func (*driftCommand) Help() string {
	return `Asks the row security policies of a live database and the policies of a bundle about the same rows, which stand in a temporary table: nothing of the live table is read or changed. DATABASE_URL says where the database is.

Exit status: 0 no difference was found, 1 they differ, 2 they cannot be compared, 3 the bundle cannot be loaded.

Example:

    DATABASE_URL=postgres://localhost/game rowan drift --role Player --table GameScores --db-role player policies/`
}

// Run compares.
func (d *driftCommand) Run(c *console) error {
	security, err := d.load(c)
	if security == nil {
		return err
	}
	url := c.getenv("DATABASE_URL")
	if url == "" {
		return errors.New("no DATABASE_URL in the environment")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return errors.New("DATABASE_URL: no address of PostgreSQL") // its error shows the password
	}
	defer func() { _ = db.Close() }() // nothing was written
	found, err := security.Drift(context.Background(), sqlrow.NewConn(db), min(max(d.Rows, 1), 100_000), d.Seed)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		return c.encode(newDrifts(found))
	}
	for _, x := range found {
		c.printf("%s\n", plain(x.String()))
	}
	if len(found) == 0 {
		c.printf("no difference in %d rows\n", d.Rows)
	}
	return nil
}

// driftRecord is a difference for programs.
type driftRecord struct {
	What      string            `json:"what"`
	Command   string            `json:"command,omitempty"`
	Row       []string          `json:"row,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
	Kept      bool              `json:"kept"`
}

func newDrifts(found []sqlrow.Drift) []driftRecord {
	out := make([]driftRecord, len(found))
	for i, d := range found {
		out[i] = driftRecord{What: d.What, Command: d.Command, Variables: d.Variables, Kept: d.Kept}
		for _, v := range d.Row {
			out[i].Row = append(out[i].Row, fmt.Sprint(v))
		}
	}
	return out
}
