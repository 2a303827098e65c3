package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/bundle"
)

// errNoTable means that the upstream does not have the table.
var errNoTable = errors.New("no such table")

const (
	// schemaAge is how long a learnt key schema is used.
	schemaAge = 60 * time.Second
	// maxSchemas bounds how many are kept.
	maxSchemas = 1000
)

// tables are the key schemas of tables: the bundle's, which count whatever the
// upstream says, and learnt ones.
type tables struct {
	fixed    map[string]dynamoitem.Table
	describe func(ctx context.Context, name string) (dynamoitem.Table, error)
	now      func() time.Time
	*schemas
}

// schemas are those that the upstream told, whatever the bundle.
type schemas struct {
	flight singleflight.Group

	mu     sync.RWMutex
	learnt map[string]learnt
}

// learnt is a schema as the upstream told it.
type learnt struct {
	table dynamoitem.Table
	until time.Time
}

func newTables(b *bundle.Bundle, s *schemas, describe func(context.Context, string) (dynamoitem.Table, error), now func() time.Time) *tables {
	t := &tables{fixed: map[string]dynamoitem.Table{}, describe: describe, now: now, schemas: s}
	for _, x := range b.Tables {
		t.fixed[x.ARN] = x.Keys()
	}
	return t
}

// find is a dynamoitem.Tables.
func (t *tables) find(arn string) (dynamoitem.Table, bool) {
	if x, ok := t.fixed[arn]; ok {
		return x, true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	x, ok := t.learnt[arn]
	return x.table, ok && t.now().Before(x.until)
}

// learn makes find know a table, or says why it cannot.
func (t *tables) learn(ctx context.Context, arn string) error {
	if _, ok := t.find(arn); ok {
		return nil
	}
	_, err, _ := t.flight.Do(arn, func() (any, error) {
		// The answer is for all who wait, so that none of them may end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		asked := t.now()
		table, err := t.describe(ctx, arn[strings.LastIndexByte(arn, '/')+1:])
		if err == nil {
			t.keep(arn, learnt{table, asked.Add(schemaAge)})
		}
		return nil, err
	})
	return err
}

func (t *tables) keep(arn string, x learnt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.learnt) >= maxSchemas {
		clear(t.learnt) // it is learnt again
	}
	t.learnt[arn] = x
}

// forget drops what was learnt of tables.
func (t *tables) forget(arns []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, arn := range arns {
		delete(t.learnt, arn)
	}
}

// changed forgets every schema after an operation that changes some.
func (t *tables) changed(operation string) {
	switch operation {
	case "CreateTable", "DeleteTable", "UpdateTable":
		t.mu.Lock()
		defer t.mu.Unlock()
		clear(t.learnt)
	}
}

// describe asks the upstream for the keys of a table.
func (d *DynamoDB) describe(ctx context.Context, name string) (dynamoitem.Table, error) {
	body, err := json.Marshal(map[string]string{"TableName": name})
	if err != nil {
		return dynamoitem.Table{}, err
	}
	answer, err := d.call(ctx, "DescribeTable", body)
	if err != nil {
		return dynamoitem.Table{}, unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return dynamoitem.Table{}, unreachable(err)
	case answer.StatusCode == http.StatusOK:
		return dynamoitem.ParseTable(text)
	case strings.Contains(string(text), "ResourceNotFoundException"):
		return dynamoitem.Table{}, errNoTable
	}
	return dynamoitem.Table{}, unreachable(fmt.Errorf("DescribeTable: status %d", answer.StatusCode))
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
