package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "modernc.org/sqlite" // the demo's rows are in memory

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/engine"
)

// printRows guards a table of SQLite that has rows of both users: each sees
// their own, by one query that the policies were put into.
func (c *console) printRows(ctx context.Context, d *demoLogin, alice, bob *demoUser) (err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	if err := fillRows(ctx, db, alice, bob); err != nil {
		return err
	}
	table, ok := d.bundle.Tables[0].SQLRow()
	if !ok {
		return errors.New("the demo's table has no sql")
	}
	guard, err := sqlrow.NewGuard(ctx, db, sqlrow.Config{Dialect: sqlrow.SQLite, Tables: []sqlrow.Table{table}, Now: c.now})
	if err != nil {
		return err
	}
	c.printf("\n%s\n\n", c.paint(bold, "Real rows: a table of SQLite with the scores of both"))
	q := sqlrow.Query{Table: table.Name, Columns: []string{"user_id", "game_title", "top_score"}, Order: []sqlrow.Order{{Column: "game_title"}}}
	for _, u := range []*demoUser{alice, bob} {
		if err := c.printOwnRows(engine.WithCaller(ctx, u.caller), guard, u, q); err != nil {
			return err
		}
	}
	return c.printForeignWrite(engine.WithCaller(ctx, alice.caller), guard, table.Name, bob)
}

// fillRows makes the table and its rows.
func fillRows(ctx context.Context, db *sql.DB, alice, bob *demoUser) error {
	const schema = `CREATE TABLE game_scores (user_id text NOT NULL, game_title text NOT NULL, top_score integer NOT NULL, PRIMARY KEY (user_id, game_title)) STRICT`
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	for _, r := range []struct {
		of, title string
		score     int
	}{{alice.identityID, "Chess", 1200}, {alice.identityID, "Go", 9}, {bob.identityID, "Chess", 1650}, {"leaderboard", "Chess", 1650}} {
		if _, err := db.ExecContext(ctx, "INSERT INTO game_scores VALUES (?, ?, ?)", r.of, r.title, r.score); err != nil {
			return err
		}
	}
	return nil
}

// printOwnRows prints the query of a user and what it returns.
func (c *console) printOwnRows(ctx context.Context, g *sqlrow.Guard, u *demoUser, q sqlrow.Query) error {
	statement, err := g.Tables().Select(ctx, q)
	if err != nil {
		return err
	}
	rows, _, err := g.Select(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err tells
	_, where, _ := strings.Cut(statement.SQL, " WHERE ")
	where, _, _ = strings.Cut(where, " ORDER BY ")
	c.printf("%s asks for all scores. The policies add\n\n    WHERE %s\n    with  %q\n\nand the rows are\n\n", u.name, where, statement.Args)
	for rows.Next() {
		var owner, title string
		var score int
		if err := rows.Scan(&owner, &title, &score); err != nil {
			return err
		}
		if owner == u.identityID {
			owner = u.name
		}
		c.printf("    %-11s  %-5s  %4d\n", owner, title, score)
	}
	c.printf("\n")
	return rows.Err()
}

// printForeignWrite tries to change a row of another.
func (c *console) printForeignWrite(ctx context.Context, g *sqlrow.Guard, table string, bob *demoUser) error {
	_, err := g.Update(ctx, sqlrow.Change{
		Table: table, Set: map[string]any{"top_score": 1}, Where: []sqlrow.Condition{sqlrow.Equal("user_id", bob.identityID)},
	})
	if err == nil {
		c.raise(exitUnmet)
		return errors.New("alice changed a row of bob")
	}
	if !errors.Is(err, sqlrow.ErrNoRow) {
		return fmt.Errorf("alice's update of bob's row: %w", err)
	}
	c.printf("alice sets bob's score to 1: %v, as far as she can tell\n", err)
	return nil
}
