package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/dynamoproof"
	"github.com/rowan-authz/rowan/conditions"
)

// rowSource is where rows are.
type rowSource struct {
	name string
	// keys are the context keys of a row, in order; that at partition is its
	// partition key.
	keys      []string
	partition int
	// each hands rows to f, at most so many; more says that there are others.
	each func(ctx context.Context, most int, f func(row []conditions.Value) error) (more bool, err error)
}

func newRowSource(name string, columns []sqlrow.Column) *rowSource {
	s := &rowSource{name: name}
	for i := range columns {
		s.keys = append(s.keys, columns[i].Key)
	}
	s.partition = max(slices.Index(s.keys, "dynamodb:LeadingKeys"), 0)
	return s
}

// source opens what --rows names.
func (f *rowsFlags) source(c *console, t *bundle.Table) (*rowSource, error) {
	kind, rest, _ := strings.Cut(f.Rows, ":")
	live := slices.Contains([]string{"sqlite", "postgres", "postgresql", "dynamodb"}, kind)
	switch {
	case live && strings.TrimSpace(f.Reason) == "":
		return nil, errors.New("want --reason: the rows are read past the policies")
	case !live && f.Reason != "":
		return nil, errors.New("--reason is for the rows of a store")
	case kind == "sqlite":
		db, err := openSQLite(rest)
		return f.sql(c, t, sqlrow.SQLite, db, f.Rows, err)
	case kind == "dynamodb":
		return f.dynamodb(c, t, rest)
	case live:
		url := f.Rows
		if rest == "-" {
			url = rest
		}
		db, err := openPostgres(c, url, "--rows")
		return f.sql(c, t, sqlrow.PostgreSQL, db, "PostgreSQL", err)
	}
	s := newRowSource(f.Rows, t.RowKeys())
	if f.Rows == "-" {
		s.name = "<stdin>"
	}
	s.each = func(_ context.Context, most int, look func([]conditions.Value) error) (bool, error) {
		if f.Rows == "-" {
			return eachLine(s.name, c.stdin, t, most, look)
		}
		file, err := os.Open(f.Rows)
		if err != nil {
			return false, fmt.Errorf("%s: %w", f.Rows, cause(err))
		}
		defer func() { _ = file.Close() }() // it was only read
		return eachLine(s.name, file, t, most, look)
	}
	return s, nil
}

// eachLine reads rows as JSON, one a line. Empty lines are none.
func eachLine(name string, r io.Reader, t *bundle.Table, most int, f func([]conditions.Value) error) (more bool, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxKept)
	read := 0
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if read++; read > most {
			return true, nil
		}
		row, err := readRow(lines.Bytes())
		if err != nil {
			return false, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		keys := t.RowKeys()
		values := make([]conditions.Value, len(keys))
		for i := range keys {
			if values[i], err = rowValue(row, t, &keys[i]); err != nil {
				return false, fmt.Errorf("%s:%d: %w", name, n, err)
			}
		}
		if err := f(values); err != nil {
			return false, err
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return false, nil
}

// sql reads the rows of a database.
func (f *rowsFlags) sql(c *console, t *bundle.Table, d sqlrow.Dialect, db *sql.DB, name string, err error) (*rowSource, error) {
	if err != nil {
		return nil, err
	}
	described, ok := t.SQLRow()
	if !ok {
		return nil, errors.Join(fmt.Errorf("tables/%s.yaml says nothing of sql", t.Name), db.Close())
	}
	tables, err := sqlrow.NewTables(sqlrow.Config{Dialect: d, Tables: []sqlrow.Table{described}, Now: c.now, Audit: spoken{c}})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := newRowSource(name, described.Columns)
	s.each = func(ctx context.Context, most int, look func([]conditions.Value) error) (bool, error) {
		more, err := tables.EachRow(ctx, sqlrow.NewConn(db), f.Reason, described.Name, most, look)
		return more, errors.Join(err, db.Close())
	}
	return s, nil
}

// dynamodb reads the items of a table. They bring their partition key.
func (f *rowsFlags) dynamodb(c *console, t *bundle.Table, url string) (*rowSource, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, errors.New("--rows: want dynamodb: and the URL of a server, such as dynamodb:http://localhost:8000")
	}
	region := c.getenv("AWS_REGION")
	if region == "" {
		region = strings.SplitN(t.ARN, ":", 5)[3]
	}
	o := dynamoproof.Options{URL: url, Region: region, Now: time.Now, Credentials: aws.Credentials{
		AccessKeyID: c.getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: c.getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: c.getenv("AWS_SESSION_TOKEN"),
	}}
	s := newRowSource("DynamoDB", []sqlrow.Column{{Key: "dynamodb:LeadingKeys", Name: t.PartitionKey.Name}})
	s.each = func(ctx context.Context, most int, look func([]conditions.Value) error) (bool, error) {
		if err := (spoken{c}).Bypassed(ctx, sqlrow.Bypass{At: c.now(), Reason: f.Reason, Table: t.Table}); err != nil {
			return false, err
		}
		return dynamoproof.Scan(ctx, o, t, most, func(text string) error { return look([]conditions.Value{conditions.Text(text)}) })
	}
	return s, nil
}
