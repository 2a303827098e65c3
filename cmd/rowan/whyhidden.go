package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// hiddenCommand is `rowan why-hidden`.
type hiddenCommand struct {
	Bundle   string            `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	Table    string            `required:"" placeholder:"TABLE" help:"The table of the bundle."`
	As       string            `placeholder:"IDENTITY" help:"Who does not see the row: an identity of the suites, or SUITE/IDENTITY."`
	Role     string            `placeholder:"ROLE" help:"Or a session of a role."`
	Context  []string          `sep:"none" placeholder:"KEY=VALUE" help:"A context key of the session, such as cognito-identity.amazonaws.com:sub=us-east-1:aaaa. One that stands twice has several values."`
	Action   string            `default:"dynamodb:Query" placeholder:"ACTION" help:"What they do."`
	Row      string            `placeholder:"JSON" help:"The row: an object of attributes, columns or context keys; - reads it from standard input."`
	Postgres string            `placeholder:"URL" help:"Or look the row up in this PostgreSQL; - takes DATABASE_URL."`
	SQLite   string            `name:"sqlite" placeholder:"FILE" help:"Or in this SQLite."`
	Where    map[string]string `placeholder:"COLUMN=VALUE" help:"Which row to look up."`
	Reason   string            `placeholder:"TEXT" help:"Why you look at a row past the policies; it is said on standard error."`
	clock
	celFlag
}

// Help describes the command.
func (*hiddenCommand) Help() string {
	return `Says whether somebody sees one row, which statement decided or came nearest, what the row has and what the policy wants. The row is given, or read from a database past the policies: that is a bypass and wants a reason.

Exit status: 0 the row is explained, 1 there is no such row, or several, 2 usage or a database that fails, 3 the bundle or a suite cannot be loaded.

Examples:

    rowan why-hidden --bundle scores --table GameScores --as alice --row '{"UserId": "us-east-1:bbbb"}'
    rowan why-hidden --bundle scores --table GameScores --role Player --context cognito-identity.amazonaws.com:sub=us-east-1:aaaa --postgres - --where id=7 --reason "ticket 7"`
}

// sight is a row as somebody sees it.
type sight struct {
	request     *engine.Request
	explanation engine.Explanation
	keys        []string
	values      []conditions.Value
	filter      string
}

// Run explains.
func (h *hiddenCommand) Run(c *console) error {
	if err := h.check(); err != nil {
		return err
	}
	v, err := h.vocabulary()
	if err != nil {
		return err
	}
	b, suites, err := loadBundle(h.Bundle, v)
	if err != nil {
		return c.unloadable(err)
	}
	t, ok := b.Table(h.Table)
	if !ok {
		return fmt.Errorf("no table %q", h.Table)
	}
	who, err := h.who(b, suites)
	if err != nil {
		return err
	}
	var s *sight
	if h.Row != "" {
		s, err = h.given(c, &who, t)
	} else {
		s, err = h.lookedUp(c, &who, t)
	}
	switch {
	case errors.Is(err, sqlrow.ErrNoRow), errors.Is(err, errSeveral):
		c.raise(exitUnmet)
		c.say("%v", err)
		return nil
	case err != nil:
		return err
	}
	return h.print(c, b, s)
}

func (h *hiddenCommand) check() error {
	places := 0
	for _, place := range []string{h.Row, h.Postgres, h.SQLite} {
		if place != "" {
			places++
		}
	}
	switch {
	case (h.As == "") == (h.Role == ""):
		return errors.New("want one of --as and --role")
	case places != 1:
		return errors.New("want one of --row, --postgres and --sqlite")
	case h.Row == "" && len(h.Where) == 0:
		return errors.New("want --where: which row")
	case h.Row == "" && strings.TrimSpace(h.Reason) == "":
		return errors.New("want --reason: the row is read past the policies")
	case h.Row != "" && (len(h.Where) > 0 || h.Reason != ""):
		return errors.New("--where and --reason are for a row that is looked up")
	case !slices.ContainsFunc(bundle.RowActions(), func(a string) bool { return strings.EqualFold(a, h.Action) }):
		return fmt.Errorf("--action %q: want one of %s", h.Action, strings.Join(bundle.RowActions(), ", "))
	}
	return nil
}

// contextKeys reads KEY=VALUE; a key that stands twice has several values.
func contextKeys(flags []string) (map[string][]string, error) {
	keys := map[string][]string{}
	for _, s := range flags {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--context %q: want KEY=VALUE", s)
		}
		keys[key] = append(keys[key], value)
	}
	return keys, nil
}

// who finds who asks.
func (h *hiddenCommand) who(b *bundle.Bundle, suites []*bundle.Suite) (bundle.Asker, error) {
	keys, err := contextKeys(h.Context)
	if err != nil {
		return bundle.Asker{}, err
	}
	if h.Role != "" {
		return b.RoleAsker(h.Role, keys)
	}
	all, err := b.Askers(suites)
	if err != nil {
		return bundle.Asker{}, err
	}
	var found []bundle.Asker
	for _, a := range all {
		if a.Suite != "" && (a.Name == h.As || a.Suite+"/"+a.Name == h.As) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return bundle.Asker{}, fmt.Errorf("no identity %q in a suite", h.As)
	case 1:
		return found[0].With(keys)
	}
	return bundle.Asker{}, fmt.Errorf("several suites have an identity %q: want SUITE/IDENTITY", h.As)
}

// given explains the row of --row.
func (h *hiddenCommand) given(c *console, who *bundle.Asker, t *bundle.Table) (*sight, error) {
	text := []byte(h.Row)
	if h.Row == "-" {
		var err error
		if text, err = io.ReadAll(io.LimitReader(c.stdin, maxKept+1)); err != nil {
			return nil, err
		}
	}
	row, err := readRow(text)
	if err != nil {
		return nil, fmt.Errorf("--row: %w", err)
	}
	q, err := who.Question(t, h.Action, h.at(c))
	if err != nil {
		return nil, err
	}
	s := &sight{request: q.Request}
	for _, k := range t.RowKeys() {
		value, err := rowValue(row, t, &k)
		if err != nil {
			return nil, fmt.Errorf("--row: %w", err)
		}
		s.keys, s.values = append(s.keys, k.Key), append(s.values, value)
	}
	f, err := q.Evaluator.Filter(q.Request, s.keys...)
	if err != nil {
		return nil, err
	}
	s.filter = f.String()
	if err := f.Unknown().Fill(q.Request.Context, s.values); err != nil {
		return nil, err
	}
	s.explanation = q.Evaluator.Explain(q.Request)
	return s, nil
}

// readRow reads one object whose names differ.
func readRow(text []byte) (map[string]any, error) {
	if len(text) > maxKept {
		return nil, fmt.Errorf("longer than %d bytes", maxKept)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	open, err := d.Token()
	if err != nil || open != json.Delim('{') {
		return nil, errors.New("want an object of JSON, such as {\"UserId\": \"us-east-1:bbbb\"}")
	}
	row := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := name.(string)
		if _, twice := row[key]; twice {
			return nil, fmt.Errorf("%q stands twice", key)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		row[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one object")
	}
	return row, nil
}

// rowValue is what a row has for a context key, by its own name, that of the
// column or, for the partition key, that of the attribute. It refuses two of
// them.
func rowValue(row map[string]any, t *bundle.Table, k *sqlrow.Column) (conditions.Value, error) {
	names := []string{k.Key}
	if k.Key == "dynamodb:LeadingKeys" {
		names = append(names, t.PartitionKey.Name)
	}
	if !slices.Contains(names, k.Name) {
		names = append(names, k.Name)
	}
	names = slices.DeleteFunc(names, func(name string) bool { _, has := row[name]; return !has })
	if len(names) == 0 {
		return conditions.Value{}, nil
	}
	if len(names) > 1 {
		return conditions.Value{}, fmt.Errorf("%s and %s are one", names[0], names[1])
	}
	v := row[names[0]]
	if n, ok := v.(json.Number); ok {
		v = n.String()
		if k.Type == sqlrow.Text || k.Type == sqlrow.Integer {
			if text, ok := dynamoitem.CanonicalNumber(n.String()); ok {
				v = text
			}
		}
	}
	if s, ok := v.(string); ok && (k.Type == sqlrow.Timestamp || k.Type == sqlrow.TimestampTZ) {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return conditions.Value{}, fmt.Errorf("%s: want a time such as 2026-11-23T05:00:00Z", names[0])
		}
		v = at.UTC()
	}
	if s, ok := v.(string); ok && k.Type == sqlrow.Bytes {
		v = []byte(s)
	}
	return k.Value(sqlrow.PostgreSQL, v), nil
}

// errSeveral means that --where names more than one row.
var errSeveral = errors.New("--where names several rows")

// spoken is an audit that tells whoever runs the command.
type spoken struct{ *console }

// Bypassed implements sqlrow.Audit.
func (s spoken) Bypassed(_ context.Context, b sqlrow.Bypass) error {
	s.say("reading a row of %s past the policies: %s", plain(b.Table), plain(b.Reason))
	return nil
}

// lookedUp explains a row of a database.
func (h *hiddenCommand) lookedUp(c *console, who *bundle.Asker, t *bundle.Table) (*sight, error) {
	described, ok := t.SQLRow()
	if !ok {
		return nil, fmt.Errorf("tables/%s.yaml says nothing of sql", t.Name)
	}
	described.Access.Read = h.Action
	config := sqlrow.Config{Dialect: sqlrow.PostgreSQL, Tables: []sqlrow.Table{described}, Now: func() time.Time { return h.at(c) }, Audit: spoken{c}}
	var db *sql.DB
	var err error
	if h.SQLite != "" {
		config.Dialect = sqlrow.SQLite
		db, err = openSQLite(h.SQLite)
	} else {
		db, err = openPostgres(c, h.Postgres, "--postgres")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // it was only read
	tables, err := sqlrow.NewTables(config)
	if err != nil {
		return nil, err
	}
	caller, err := who.Caller(t)
	if err != nil {
		return nil, err
	}
	where := make([]sqlrow.Condition, 0, len(h.Where))
	for _, column := range slices.Sorted(maps.Keys(h.Where)) {
		where = append(where, sqlrow.Equal(column, h.Where[column]))
	}
	found, err := tables.WhyHidden(context.Background(), sqlrow.NewConn(db), h.Reason, caller, described.Name, where...)
	if errors.Is(err, sqlrow.ErrTable) && strings.Contains(err.Error(), "several rows") {
		return nil, errSeveral
	}
	if err != nil {
		return nil, err
	}
	return &sight{request: found.Request, explanation: found.Explanation, keys: found.Keys, values: found.Values, filter: found.Filter}, nil
}

// openSQLite opens a file that must be there, to read it.
func openSQLite(file string) (*sql.DB, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=ro"}).String())
}

// sightRecord is an explained row for programs.
type sightRecord struct {
	Hidden bool              `json:"hidden"`
	Row    map[string]string `json:"row"`
	Filter string            `json:"filter"`
	explained
}

func (h *hiddenCommand) print(c *console, b *bundle.Bundle, s *sight) error {
	seen := s.explanation.Decision.Allowed()
	if c.format == "json" {
		r := sightRecord{Hidden: !seen, Row: map[string]string{}, Filter: s.filter, explained: newExplained(&answer{request: s.request, explanation: s.explanation})}
		for i, key := range s.keys {
			r.Row[key] = s.values[i].String()
		}
		return c.encode(r)
	}
	if seen {
		c.printf("%s: nothing hides this row\n", c.paint(green, "seen"))
	} else {
		c.printf("%s\n", c.paint(red, "hidden"))
	}
	for i, key := range s.keys {
		c.printf("row   %s = %s\n", plain(key), s.values[i])
	}
	c.printf("shown %s\n", plain(s.filter))
	bundle.RenderExplanation(c.out, s.request, &s.explanation, b.Source, c.color)
	return nil
}
