package dynamoitem_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/corpus"
	"github.com/rowan-authz/rowan/policy"
)

// example is one of the guide's: a policy that means what the guide's means, in
// our words, and calls with the outcomes that the guide documents.
type example struct {
	Source, Why string
	Policy      json.RawMessage
	Calls       []exampleCall
}

// exampleCall is a call or, where no call makes the check, an action on a
// resource. PartitionKey is the whole key of the table, where it is not the one
// that the guide gives it.
type exampleCall struct {
	Name, Operation, Action, Resource, PartitionKey string
	Body                                            json.RawMessage
	Allowed                                         bool
}

func examples(t testing.TB) []example {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpus.Dir("guide"), "dynamodb.json"))
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var out []example
	require.NoError(t, d.Decode(&out))
	return out
}

// TestGuide holds the fine-grained examples of the guide to what it says of
// them. Each has calls that are allowed and neighbours that are not. Source:
// DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access
// control", "Using web identity federation", "Using IAM with PartiQL", "Using
// IAM with DynamoDB transactions".
func TestGuide(t *testing.T) {
	for _, e := range examples(t) {
		t.Run(e.Source, func(t *testing.T) { e.run(t, e.Policy) })
	}
}

// TestGuideAsPublished asks the same of the policies as they were published.
func TestGuideAsPublished(t *testing.T) {
	published := documented(t)
	for _, e := range examples(t) {
		require.Contains(t, published, e.Source)
		t.Run(e.Source, func(t *testing.T) { e.run(t, published[e.Source]) })
	}
}

// TestGuideIsComplete wants an example for every policy of the guide that has a
// condition on what a call asks for, or is of PartiQL or transactions.
func TestGuideIsComplete(t *testing.T) {
	var have, want []string
	for _, e := range examples(t) {
		have = append(have, e.Source)
		allowed := slices.ContainsFunc(e.Calls, func(c exampleCall) bool { return c.Allowed })
		denied := slices.ContainsFunc(e.Calls, func(c exampleCall) bool { return !c.Allowed })
		require.True(t, allowed && denied, e.Source)
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(have))), len(have))
	for source, text := range documented(t) {
		transactions := strings.HasPrefix(source, "dynamodb/transaction-apis-iam#")
		if strings.HasPrefix(source, "dynamodb/") && (fineGrained.Match(text) || transactions) {
			want = append(want, source)
		}
	}
	require.ElementsMatch(t, want, have)
}

// fineGrained finds conditions on keys that a call of DynamoDB determines, and
// actions of PartiQL. Not every policy of the guide is one that could be stored,
// so it reads the text.
var fineGrained = regexp.MustCompile(`"dynamodb:\w+"\s*:|"dynamodb:PartiQL\w+"`)

// guideTables are the key schemas of the guide's tables.
func guideTables(name string) dynamoitem.Key {
	s := func(name string) []dynamoitem.Attribute { return []dynamoitem.Attribute{{Name: name, Type: "S"}} }
	switch name {
	case "Music", "Movies":
		return dynamoitem.Key{Partition: s("Artist"), Sort: s("SongTitle")}
	case "WatchList":
		return dynamoitem.Key{Partition: s("Show")}
	}
	return dynamoitem.Key{Partition: s("Id")}
}

func (e *example) run(t *testing.T, text []byte) {
	d, err := policy.Parse(e.Source, text)
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, d)
	require.NoError(t, err)
	p, err := engine.ParsePrincipal("arn:aws:sts::123456789012:assumed-role/Player/s")
	require.NoError(t, err)
	session := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(session))
	for _, key := range []string{"www.amazon.com:user_id", "graph.facebook.com:id"} {
		require.NoError(t, session.Set(key, "u1"))
	}
	caller := &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}}
	for _, c := range e.Calls {
		t.Run(c.Name, func(t *testing.T) {
			allowed := true
			for _, check := range c.checks(t) {
				r := caller.NewRequest(check.Action, check.Resource)
				require.NoError(t, check.Fill(r.Context))
				allowed = allowed && caller.Evaluator.Decide(r).Allowed()
			}
			require.Equal(t, c.Allowed, allowed, e.Why)
		})
	}
}

// checks are those of the call, at least one.
func (c *exampleCall) checks(t *testing.T) []dynamoitem.Check {
	if c.Operation == "" {
		return []dynamoitem.Check{{Action: c.Action, Resource: c.Resource}}
	}
	op, err := dynamoitem.Parse(dynamoitem.Scope{Partition: "aws", Region: "us-west-2", Account: "123456789012"}, c.Operation, c.Body)
	require.NoError(t, err)
	checks, err := op.Checks(func(arn string) (dynamoitem.Table, bool) {
		name := arn[strings.LastIndexByte(arn, '/')+1:]
		switch {
		case c.PartitionKey != "":
			return dynamoitem.Table{Key: dynamoitem.Key{Partition: []dynamoitem.Attribute{{Name: c.PartitionKey, Type: "S"}}}}, true
		case name == "GameScores":
			return scores, true
		}
		index := dynamoitem.Key{Partition: []dynamoitem.Attribute{{Name: "SongTitle", Type: "S"}}}
		return dynamoitem.Table{Key: guideTables(name), Indexes: map[string]dynamoitem.Key{"index1": index}}, true
	})
	require.NoError(t, err)
	require.NotEmpty(t, checks)
	return checks
}
