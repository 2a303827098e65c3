package dynamoproof_test

import (
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/rowproof"
	"github.com/rowan-authz/rowan/cmd/internal/dynamoproof"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

var (
	oraclePairs = flag.Int("dynamo.n", 20_000, "how many random pairs of policies and items TestServerReturnsWhatDecideAllows asks about")
	oracleSeed  = flag.Uint64("dynamo.seed", 1, "seed of the random pairs")
)

const account = "111122223333"

var tables = []*bundle.Table{
	table("Scores", "S", bundle.Attribute{Name: "Game", Type: "S"}),
	table("Meters", "N", bundle.Attribute{}),
	table("Blobs", "B", bundle.Attribute{Name: "Part", Type: "N"}),
}

func table(name, kind string, sort bundle.Attribute) *bundle.Table {
	return &bundle.Table{
		Name: name, Table: name, ARN: "arn:aws:dynamodb:us-east-1:" + account + ":table/" + name,
		PartitionKey: bundle.Attribute{Name: "Id", Type: kind}, SortKey: sort,
	}
}

// newStore makes a store; closed is to be deferred, while the server still runs.
func newStore(t testing.TB) (s *dynamoproof.Store, closed func()) {
	s = dynamoproof.New(dynamoproof.Options{URL: needs.Dynalite(t), Region: "us-east-1", Now: time.Now, Prefix: "proof"})
	return s, func() { require.NoError(t, s.Close(t.Context())) }
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

var words = []string{
	"${aws:PrincipalTag/odd}", "${aws:username}", "ann", "Ann", "bob", "ann/*", "a*", "?nn", "*", "a%", "a_n", "K", "k", "\u212a", "ſ", "é", "1", "10", "01", "1.0", "-5", "1e2", "100",
	"AQ==", "YW5u", "YW5u*", "Ym9i", "", " ann", "ann ", "${*}", "a${?}b",
}

// condition is a random one, mostly about the partition key.
func condition(r *rand.Rand) map[string]map[string][]string {
	out := map[string]map[string][]string{}
	add := func(operator, key string, values ...string) {
		if out[operator] == nil {
			out[operator] = map[string][]string{}
		}
		out[operator][key] = values
	}
	some := func(n int, of []string) (values []string) {
		for range 1 + r.IntN(n) {
			values = append(values, pick(r, of...))
		}
		return values
	}
	for range 1 + r.IntN(2) {
		operator := pick(r, "ForAllValues:", "ForAllValues:", "ForAnyValue:") +
			pick(r, "StringEquals", "StringEquals", "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike") + pick(r, "", "", "IfExists")
		add(operator, pick(r, "dynamodb:LeadingKeys", "dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues"), some(4, words)...)
	}
	switch r.IntN(6) {
	case 0:
		add("Null", "dynamodb:LeadingKeys", pick(r, "false", "true"))
	case 1:
		add(pick(r, "ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringNotEquals"), "dynamodb:Attributes", append(some(3, []string{"Game", "Part", "Secret"}), pick(r, "Id", "Id", "Top"))...)
	case 2:
		add(pick(r, "StringEquals", "StringEqualsIfExists"), "dynamodb:Select", pick(r, "SPECIFIC_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "ALL_ATTRIBUTES"))
	case 3:
		add("StringEquals", "aws:PrincipalTag/odd", pick(r, words...))
	}
	return out
}

// newCase is a random policy and an action on a table.
func newCase(t *testing.T, r *rand.Rand) *rowproof.Case {
	var statements []map[string]any
	for i := range 1 + r.IntN(4) {
		s := map[string]any{"Effect": "Allow", "Resource": "*", "Action": "dynamodb:*", "Condition": condition(r)}
		if i > 0 && r.IntN(2) == 0 {
			s["Effect"] = "Deny"
		}
		if r.IntN(5) == 0 {
			s["Action"] = []string{"dynamodb:Query", "dynamodb:GetItem", "dynamodb:BatchGetItem"}
		}
		statements = append(statements, s)
	}
	if r.IntN(8) == 0 { // so that a Deny shows
		statements = append(statements, map[string]any{"Effect": "Allow", "Resource": "*", "Action": "dynamodb:*"})
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	require.NoError(t, err)
	c := caseOf(t, string(text), pick(r, tables...), "dynamodb:"+pick(r, "GetItem", "Query", "Query", "BatchGetItem", "BatchGetItem", "Scan", "Scan"), pick(r, "a*", "ann", "1", "YW5u", "%", "K"))
	require.NoError(t, c.Request.Context.Set("dynamodb:Attributes", pick(r, []string{"Id"}, []string{"Id", "Game"}, []string{"Id", "Secret", "Top"}, nil)...))
	return c
}

func caseOf(t *testing.T, text string, of *bundle.Table, action, odd string) *rowproof.Case {
	document, err := policy.Parse("policy.json", []byte(text))
	require.NoError(t, err, text)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, document)
	require.NoError(t, err, text)
	p, err := engine.ParsePrincipal("arn:aws:iam::" + account + ":user/ann")
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	require.NoError(t, x.Set("aws:PrincipalTag/odd", odd))
	return &rowproof.Case{
		Asker: text, Action: action, Table: of.Name, Of: of, Texts: words, Keys: []sqlrow.Column{{Key: "dynamodb:LeadingKeys", Name: "id"}},
		Question: bundle.Question{Evaluator: &engine.Evaluator{Identity: set}, Request: &engine.Request{Principal: p, Action: action, Resource: of.ARN, Context: x}},
	}
}

// TestServerReturnsWhatDecideAllows: of real items the narrowed requests bring
// those that Keep keeps and Decide allows.
func TestServerReturnsWhatDecideAllows(t *testing.T) {
	if raceEnabled && *oraclePairs == 20_000 {
		*oraclePairs = 3_000 // the race detector is for the others
	}
	r := rand.New(rand.NewPCG(*oracleSeed, 20))
	store, closed := newStore(t)
	defer closed()
	p := rowproof.NewProver(rowproof.Options{Seed: *oracleSeed, Stores: []rowproof.Store{store}})
	for p.Report().Stores[0].Pairs < *oraclePairs {
		require.NoError(t, p.Case(t.Context(), newCase(t, r)))
	}
	s := p.Report().Stores[0]
	t.Logf("%d pairs of %d cases, 0 disagreements, %d kept; %d cases refused", s.Pairs, s.Cases, s.Kept, s.Refused)
	for _, x := range p.Report().Refusals {
		t.Logf("%d cases: %s", x.Cases, x.Reason)
	}
	require.Greater(t, s.Kept, s.Pairs/20)
	require.Greater(t, s.Cases, s.Refused)
}

// TestProofFails: a store that lets through what it should not, or holds back
// what it should not, is found.
func TestProofFails(t *testing.T) {
	own := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ann", "a*"]}, "ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": ["a*", "ann/x"]}}}}`
	s, closed := newStore(t)
	defer closed()
	narrow := s.Narrow
	for name, fault := range map[string]func(*dynamoitem.Operation, dynamoitem.Tables, dynamoitem.Ask) (dynamoitem.Narrowed, error){
		"sends what is denied": func(o *dynamoitem.Operation, _ dynamoitem.Tables, _ dynamoitem.Ask) (dynamoitem.Narrowed, error) {
			return dynamoitem.Narrowed{Requests: []*dynamoitem.Operation{o}, Denied: &dynamoitem.Check{}}, nil
		},
		"sends nothing": func(*dynamoitem.Operation, dynamoitem.Tables, dynamoitem.Ask) (dynamoitem.Narrowed, error) {
			return dynamoitem.Narrowed{Denied: &dynamoitem.Check{}, Reason: errors.New("spoilt")}, nil
		},
		"asks another caller": func(o *dynamoitem.Operation, find dynamoitem.Tables, ask dynamoitem.Ask) (dynamoitem.Narrowed, error) {
			other := caseOf(t, strings.ReplaceAll(own, "StringNotEquals", "StringEquals"), tables[0], "dynamodb:Query", "")
			return narrow(o, find, func(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
				_, r, err := ask(c)
				return other.Evaluator, r, err
			})
		},
	} {
		for _, action := range []string{"GetItem", "Query", "BatchGetItem"} {
			t.Run(name+" "+action, func(t *testing.T) {
				s.Narrow = fault
				defer func() { s.Narrow = narrow }()
				p := rowproof.NewProver(rowproof.Options{Seed: 1, Stores: []rowproof.Store{s}})
				var err error
				for range 20 {
					if err = p.Case(t.Context(), caseOf(t, own, tables[0], "dynamodb:"+action, "ann")); err != nil {
						break
					}
				}
				var found *rowproof.DisagreementError
				require.ErrorAs(t, err, &found)
				require.Equal(t, "DynamoDB", found.Store)
				require.Equal(t, found.Keep, found.Decide)
				require.NotEqual(t, found.Keep, found.StoreKeeps)
				require.Len(t, found.Row, 1)
			})
		}
	}
}
