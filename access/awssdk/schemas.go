package awssdk

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/rowan-authz/rowan/access/dynamoitem"
)

const (
	// schemaAge is how long a learnt key schema is used.
	schemaAge = 60 * time.Second
	// maxSchemas bounds how many are kept.
	maxSchemas = 1000
	// learningTime bounds how long a store may take to tell one.
	learningTime = 10 * time.Second
)

// schemas are the key schemas of tables: those that are given, and learnt ones.
type schemas struct {
	given  dynamoitem.Tables
	now    func() time.Time
	flight singleflight.Group

	mu     sync.RWMutex
	learnt map[string]learnt
}

type learnt struct {
	table dynamoitem.Table
	until time.Time
}

func newSchemas(given dynamoitem.Tables, now func() time.Time) *schemas {
	return &schemas{given: given, now: now, learnt: map[string]learnt{}}
}

func (s *schemas) find(arn string) (dynamoitem.Table, bool) {
	if s.given != nil {
		if t, ok := s.given(arn); ok {
			return t, true
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	x, ok := s.learnt[arn]
	return x.table, ok && s.now().Before(x.until)
}

// learn returns the schema of a table, which describe describes if it is not
// known.
func (s *schemas) learn(ctx context.Context, arn string, describe func(context.Context) (dynamoitem.Table, error)) (dynamoitem.Table, error) {
	if t, ok := s.find(arn); ok {
		return t, nil
	}
	told := s.flight.DoChan(arn, func() (any, error) {
		// The answer is for all who wait, so that none of them may end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), learningTime)
		defer cancel()
		asked := s.now()
		t, err := describe(ctx)
		if err == nil {
			s.keep(arn, learnt{t, asked.Add(schemaAge)})
		}
		return t, err
	})
	select {
	case r := <-told:
		t, _ := r.Val.(dynamoitem.Table)
		return t, r.Err
	case <-ctx.Done():
		return dynamoitem.Table{}, ctx.Err()
	}
}

func (s *schemas) keep(arn string, x learnt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.learnt) >= maxSchemas {
		clear(s.learnt) // it is learnt again
	}
	s.learnt[arn] = x
}

func (s *schemas) forget(arns ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, arn := range arns {
		delete(s.learnt, arn)
	}
}

func (s *schemas) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.learnt)
}
