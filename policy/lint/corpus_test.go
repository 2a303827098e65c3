package lint_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// dangerous are the findings of severity error that stay in the examples of the
// DynamoDB guide after the fixes, by source and code, and why. All of them have
// texts that the reader is to replace; none gives rows away.
var dangerous = map[string]string{
	"dynamodb/DAX.create-cluster.cli.create-service-role#2 arn-account": "accountID stands for an account",
	"dynamodb/DAX.cross-account-access#2 arn-account":                   "accountA stands for an account",
	"dynamodb/DAX.cross-account-access#6 invalid":                       "accountB stands for an account",
	"dynamodb/DAX.cross-account-access#8 invalid":                       "dax-cluster-arn stands for an ARN",
	"dynamodb/Streams.Lambda.Tutorial#4 arn-account":                    "accountID stands for an account",
	"dynamodb/inter-network-traffic-privacy#0 invalid":                  "(Include IAM Principals) stands for principals",
}

// TestSharedCorpus looks at every policy of AWS's documentation and every
// managed one, mends what can be mended, and counts the findings.
func TestSharedCorpus(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ../shared/corpus beside the repository: AWS's policies are no part of it")
	}
	o := lint.Options{Catalogue: awsCatalogue(t)}
	count, left := map[string]int{}, maps.Clone(dangerous)
	documents, mended := 0, 0
	for _, name := range []string{"aws-docs-policies.jsonl", "aws-managed-policies.jsonl"} {
		for _, c := range readCorpus(t, filepath.Join(dir, name)) {
			documents++
			kind := likely(c.Policy)
			_, findings := lint.Parse(c.Source, c.Policy, kind, o)
			for _, f := range findings {
				count[f.Code]++
			}
			fixed, taken := lint.FixAll(c.Source, c.Policy, kind, o, nil)
			mended += taken
			_, after := lint.Parse(c.Source, fixed, kind, o)
			if !strings.HasPrefix(c.Source, "dynamodb/") {
				continue
			}
			for _, f := range after {
				if key := c.Source + " " + f.Code; f.Severity == lint.Error {
					if _, ok := dangerous[key]; !ok {
						t.Errorf("%s stays: %v", key, &f.Error)
					}
					delete(left, key)
				}
			}
		}
	}
	require.Empty(t, left, "listed as dangerous, and found no more")
	require.Equal(t, 985, documents)
	for _, code := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%-34s %5d", code, count[code])
	}
	t.Logf("documents %d, fixes %d", documents, mended)
}

// likely is the kind of a text of the corpus.
func likely(text []byte) policy.Kind {
	doc, err := policy.Parse("p", text)
	if err != nil {
		return policy.Identity
	}
	return lint.LikelyKind(doc, nil)
}

type published struct {
	Source string
	Policy json.RawMessage
}

func readCorpus(t *testing.T, path string) (all []published) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var p published
		require.NoError(t, json.Unmarshal(lines.Bytes(), &p))
		all = append(all, p)
	}
	require.NoError(t, lines.Err())
	return all
}
