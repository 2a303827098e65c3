package analysis_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// identityPolicies are those of a file of the shared corpus that are valid as
// identity policies.
func identityPolicies(t *testing.T, name string) []*policy.Document {
	f, err := os.Open(filepath.Join("..", "..", "shared", "corpus", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ../shared/corpus beside the repository: AWS's policies are no part of it")
	}
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	var out []*policy.Document
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var x struct {
			Source string
			Policy json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &x))
		d, err := policy.Parse(x.Source, x.Policy)
		if err == nil && d.Validate(policy.Identity, conditions.AWS()) == nil {
			out = append(out, d)
		}
	}
	require.NoError(t, lines.Err())
	return out
}

// TestSharedCorpus compares every policy with itself, its statements in another
// order, and with the next.
func TestSharedCorpus(t *testing.T) {
	var all, unknown int
	for _, name := range []string{"aws-managed-policies.jsonl", "aws-docs-policies.jsonl"} {
		docs := identityPolicies(t, name)
		verdicts := map[string]map[analysis.Verdict]int{"itself": {}, "the next": {}}
		var took []time.Duration
		for i, d := range docs {
			for with, other := range map[string]*policy.Document{"itself": turned(d), "the next": docs[(i+1)%len(docs)]} {
				q := &analysis.Question{
					By: &analysis.Policies{Identity: []*policy.Document{d}}, Not: &analysis.Policies{Identity: []*policy.Document{other}},
				}
				began := time.Now()
				a, err := analysis.Search(context.Background(), q)
				took = append(took, time.Since(began))
				require.NoError(t, err, "%s, %s", d.Name, other.Name)
				verdicts[with][a.Verdict]++
				if a.Verdict == analysis.Unknown {
					t.Log(d.Name, "and", with, a.Reason)
				}
				if with == "itself" {
					require.NotEqual(t, analysis.Found, a.Verdict, "%s allows more than itself: %s", d.Name, a.Witness)
				}
			}
		}
		slices.Sort(took)
		at := func(p float64) time.Duration { return took[int(p*float64(len(took)-1))] }
		t.Logf("%s: %d policies: %v; median %v, 99 %% %v, most %v", name, len(docs), verdicts, at(0.5), at(0.99), at(1))
		all += len(took)
		unknown += verdicts["itself"][analysis.Unknown] + verdicts["the next"][analysis.Unknown]
	}
	require.NotZero(t, all)
	require.LessOrEqual(t, unknown*100, all, "at most 1 % may be unknown")
}

// turned returns the document with its statements in the other order.
func turned(d *policy.Document) *policy.Document {
	out := *d
	out.Statements = slices.Clone(d.Statements)
	slices.Reverse(out.Statements)
	return &out
}
