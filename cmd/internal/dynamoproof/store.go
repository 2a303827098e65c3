// Package dynamoproof proves filters on a server that speaks DynamoDB's protocol:
// it loads rows as items, sends what dynamoitem.Narrow leaves of a GetItem,
// Query, Scan or BatchGetItem, and says which of the items came back.
//
// It works in tables of its own, and touches no other; Scan only reads.
package dynamoproof

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/rowproof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Options say where the server is.
type Options struct {
	// URL is the server's. Region and Credentials are what requests are signed
	// with; empty Credentials are made up.
	URL, Region string
	Credentials aws.Credentials
	Now         func() time.Time
	// Prefix begins the names of tables; it should be one that nobody else has.
	Prefix string
}

// Store is a rowproof.Store. Use New.
type Store struct {
	// Narrow is dynamoitem's, or one that a test of the proof has spoilt.
	Narrow func(*dynamoitem.Operation, dynamoitem.Tables, dynamoitem.Ask) (dynamoitem.Narrowed, error)

	options Options
	client  *http.Client
	signer  *v4.Signer
	tables  map[*bundle.Table]*table
	made    []string
	asked   int
}

// table is one of a bundle, here.
type table struct {
	of         *bundle.Table
	name       string
	schema     dynamoitem.Table
	attributes []bundle.Attribute
}

// New makes a store. Close deletes what it made.
func New(o Options) *Store {
	o.Credentials = anonymous(o.Credentials)
	return &Store{
		Narrow:  (*dynamoitem.Operation).Narrow,
		options: o, client: &http.Client{Timeout: time.Minute}, signer: v4.NewSigner(), tables: map[*bundle.Table]*table{},
	}
}

// Name is "DynamoDB".
func (*Store) Name() string { return "DynamoDB" }

const leadingKeys = "dynamodb:LeadingKeys"

// item is a row as it is held.
type item struct {
	text string // of the partition key
	key  map[string]any
}

// Ask loads the rows whose partition keys can be one, asks and takes them away.
func (s *Store) Ask(ctx context.Context, c *rowproof.Case, rows []rowproof.Row) (a rowproof.Answer, err error) {
	if c.Of == nil || len(c.Keys) != 1 || c.Keys[0].Key != leadingKeys {
		a.Refused = errors.New("its rows have other keys than the partition key")
		return a, nil
	}
	ask := map[string]func(*question) error{
		"dynamodb:GetItem": (*question).one, "dynamodb:Query": (*question).one,
		"dynamodb:BatchGetItem": (*question).batch, "dynamodb:Scan": (*question).scan,
	}[c.Action]
	if ask == nil {
		a.Refused = fmt.Errorf("%s is not narrowed", c.Action)
		return a, nil
	}
	t, err := s.table(ctx, c.Of)
	if err != nil {
		return a, err
	}
	q := &question{ctx: ctx, store: s, of: c, table: t, answer: &a}
	if q.items, err = s.load(ctx, t, &c.Keys[0], rows); err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, s.unload(ctx, t, q.items)) }()
	if len(q.items) == 0 {
		return a, nil
	}
	s.asked++
	return a, ask(q)
}

func (s *Store) table(ctx context.Context, of *bundle.Table) (*table, error) {
	if t := s.tables[of]; t != nil {
		return t, nil
	}
	t := &table{of: of, name: fmt.Sprintf("%s-%d", s.options.Prefix, len(s.tables)), schema: of.Keys(), attributes: []bundle.Attribute{of.PartitionKey}}
	if of.SortKey.Name != "" {
		t.attributes = append(t.attributes, of.SortKey)
	}
	if err := s.create(ctx, t); err != nil {
		return nil, err
	}
	s.tables[of] = t
	return t, nil
}

// keyText is what a row's value is as the text of a key; ok is false if it can
// be none.
func keyText(kind string, column *sqlrow.Column, v any) (text string, ok bool) {
	text, ok = v.(string)
	if !ok || column.Type != sqlrow.Text || text == "" || len(text) > 1024 {
		return "", false
	}
	switch kind {
	case "N":
		return dynamoitem.CanonicalNumber(text)
	case "B":
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			b = []byte(text)
		}
		return base64.StdEncoding.EncodeToString(b), len(b) > 0
	}
	return text, utf8.ValidString(text)
}

// load puts an item for each partition key among the rows.
func (s *Store) load(ctx context.Context, t *table, column *sqlrow.Column, rows []rowproof.Row) ([]item, error) {
	var items []item
	seen := map[string]bool{}
	for _, r := range rows {
		text, ok := keyText(t.of.PartitionKey.Type, column, r[0])
		if !ok || seen[text] {
			continue
		}
		seen[text] = true
		x := item{text: text, key: map[string]any{t.of.PartitionKey.Name: map[string]string{t.of.PartitionKey.Type: text}}}
		if t.of.SortKey.Name != "" {
			x.key[t.of.SortKey.Name] = map[string]string{t.of.SortKey.Type: map[string]string{"S": "row", "N": "1", "B": "AQ=="}[t.of.SortKey.Type]}
		}
		items = append(items, x)
	}
	err := s.write(ctx, t, "PutRequest", "Item", items)
	if !invalid(err) {
		return items, err
	}
	kept := items[:0] // one of them is at fault, as a number that is too large
	for _, x := range items {
		switch err := s.write(ctx, t, "PutRequest", "Item", []item{x}); {
		case err == nil:
			kept = append(kept, x)
		case !invalid(err):
			return kept, err
		}
	}
	return kept, nil
}

func invalid(err error) bool {
	var refused *fault
	return errors.As(err, &refused) && strings.HasSuffix(refused.Type, "ValidationException")
}

func (s *Store) unload(ctx context.Context, t *table, items []item) error {
	return s.write(ctx, t, "DeleteRequest", "Key", items)
}

// write puts or deletes items.
func (s *Store) write(ctx context.Context, t *table, request, member string, items []item) error {
	for len(items) > 0 {
		batch := items[:min(len(items), 25)]
		requests := make([]any, len(batch))
		for i, x := range batch {
			requests[i] = map[string]any{request: map[string]any{member: x.key}}
		}
		var answer struct{ UnprocessedItems map[string]any }
		if err := s.invoke(ctx, "BatchWriteItem", map[string]any{"RequestItems": map[string]any{t.name: requests}}, &answer); err != nil {
			return err
		}
		if len(answer.UnprocessedItems) > 0 {
			return errors.New("the server did not write all items")
		}
		items = items[len(batch):]
	}
	return nil
}

// question is one case about some items.
type question struct {
	ctx    context.Context // of Ask, which it does not outlive
	store  *Store
	of     *rowproof.Case
	table  *table
	items  []item
	answer *rowproof.Answer
}

// find knows the one table.
func (q *question) find(string) (dynamoitem.Table, bool) { return q.table.schema, true }

// scope is where the table is.
func (q *question) scope() dynamoitem.Scope {
	parts := strings.SplitN(q.of.Request.Resource, ":", 6)
	return dynamoitem.Scope{Partition: parts[1], Region: parts[3], Account: parts[4]}
}

// ask puts a check to the policies of the case, in a context that has of
// DynamoDB's keys those of the check alone.
func (q *question) ask(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
	x := q.of.Request.Context.Vocabulary().NewContext()
	for key, values := range q.of.Request.Context.All() {
		if strings.HasPrefix(key, "dynamodb:") {
			continue
		}
		if err := x.Set(key, values...); err != nil && !errors.Is(err, conditions.ErrValue) {
			return nil, nil, err
		}
	}
	if err := c.Fill(x); err != nil {
		return nil, nil, err
	}
	r := *q.of.Request
	r.Action, r.Resource, r.Context = c.Action, c.Resource, x
	return q.of.Evaluator, &r, nil
}

// projection is a list of attributes that has the partition key, for every other
// case the key alone.
func (q *question) projection() map[string]any {
	names := []string{q.table.of.PartitionKey.Name}
	if asked, _ := q.of.Request.Context.Value("dynamodb:Attributes"); q.store.asked%2 == 0 {
		for _, name := range asked {
			if name != names[0] && name != "" && len(name) < 255 && utf8.ValidString(name) && len(names) < 20 {
				names = append(names, name)
			}
		}
	}
	aliases := map[string]string{}
	var expression []string
	seen := map[string]bool{}
	for i, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		alias := "#p" + strconv.Itoa(i)
		aliases[alias] = name
		expression = append(expression, alias)
	}
	return map[string]any{"ProjectionExpression": strings.Join(expression, ", "), "ExpressionAttributeNames": aliases}
}
