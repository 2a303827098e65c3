package policy_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// refusedCorpus lists the documents of the shared corpus that are rightly
// refused: source, a tab, and why.
var refusedCorpus = filepath.Join("..", "testdata", "policies", "refused-corpus.txt")

// TestSharedCorpus reads every policy of AWS's documentation and every managed
// one. Each parses, prints as itself and is valid as a fitting kind, or stands
// in the list of those that are not, which must match exactly.
func TestSharedCorpus(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ../shared/corpus beside the repository: AWS's policies are no part of it")
	}
	reasons := readReasons(t)
	read := 0
	for name, count := range map[string]int{"aws-docs-policies.jsonl": 357, "aws-managed-policies.jsonl": 628} {
		documents := readCorpus(t, filepath.Join(dir, name))
		require.Len(t, documents, count)
		for _, c := range documents {
			read++
			why, listed := reasons[c.Source]
			delete(reasons, c.Source)
			err := fitting(t, c.Source, c.Policy)
			switch {
			case listed && err == nil:
				t.Errorf("%s is accepted, and listed because: %s", c.Source, why)
			case !listed && err != nil:
				t.Errorf("%s is refused, and not listed:\n%v", c.Source, err)
			}
		}
	}
	require.Empty(t, reasons, "listed, and in no corpus")
	require.Equal(t, 985, read)
}

// fitting returns nil if the document is valid as some kind that fits what it
// holds, else why it is not.
func fitting(t *testing.T, source string, text []byte) error {
	t.Helper()
	doc, err := policy.Parse(source, text)
	if err != nil {
		return err
	}
	samePrint(t, doc)
	for _, kind := range fittingKinds(doc) {
		if err = doc.Validate(kind, conditions.AWS()); err == nil {
			return nil
		}
	}
	return err
}

// fittingKinds are the kinds that a document may be meant as, the likeliest
// last: its faults are shown if it is none of them.
func fittingKinds(d *policy.Document) []policy.Kind {
	principal, trust := false, true
	for i := range d.Statements {
		s := &d.Statements[i]
		principal = principal || s.Principal != nil
		trust = trust && len(s.Resource.Values) == 0
		for _, a := range s.Action.Values {
			trust = trust && strings.HasPrefix(a.Value, "sts:")
		}
	}
	switch {
	case principal && trust:
		return []policy.Kind{policy.Trust}
	case principal:
		return []policy.Kind{policy.ResourceControl, policy.Endpoint, policy.Resource}
	}
	return []policy.Kind{policy.ServiceControl, policy.Identity}
}

func readReasons(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(refusedCorpus)
	require.NoError(t, err)
	reasons := map[string]string{}
	for line := range strings.Lines(string(text)) {
		source, why, ok := strings.Cut(strings.TrimSpace(line), "\t")
		require.True(t, ok && why != "", "want source, tab, reason: %q", line)
		require.NotContains(t, reasons, source)
		reasons[source] = why
	}
	return reasons
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
