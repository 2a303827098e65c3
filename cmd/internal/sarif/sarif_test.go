package sarif_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/sarif"
)

// TestWrite holds a log to what the schema of SARIF 2.1.0 asks of its parts.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sarif.Write(&out, sarif.Log{
		Tool: "rowan lint", Version: "1",
		Rules: []sarif.Rule{{"a", "short", "full", sarif.Note}, {"b", "short", "full", sarif.Error}},
		Results: []sarif.Result{
			{RuleID: "b", Level: sarif.Error, Message: "m <&>", File: "a b:c/%é.json", Line: 3, Column: 7, Path: "/Statement/0"},
			{RuleID: "a", Level: sarif.Note, Message: "m", File: "/abs/x.json", Suppressed: "because"},
			{RuleID: "a", Level: sarif.Warning, Message: "m"},
		},
	}))
	var log map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &log))
	require.Equal(t, "2.1.0", log["version"])
	runs := log["runs"].([]any)
	require.Len(t, runs, 1)
	run := runs[0].(map[string]any)
	require.Contains(t, []any{"utf16CodeUnits", "unicodeCodePoints"}, run["columnKind"])
	driver := run["tool"].(map[string]any)["driver"].(map[string]any)
	require.NotEmpty(t, driver["name"])
	rules := driver["rules"].([]any)
	for _, r := range rules {
		require.NotEmpty(t, r.(map[string]any)["id"])
		require.NotEmpty(t, r.(map[string]any)["shortDescription"].(map[string]any)["text"])
	}
	results := run["results"].([]any)
	require.Len(t, results, 3)
	for _, x := range results {
		r := x.(map[string]any)
		require.NotEmpty(t, r["message"].(map[string]any)["text"])
		require.Contains(t, []any{"none", "note", "warning", "error"}, r["level"])
		require.Equal(t, rules[int(r["ruleIndex"].(float64))].(map[string]any)["id"], r["ruleId"])
		locations, _ := r["locations"].([]any)
		for _, l := range locations {
			at := l.(map[string]any)["physicalLocation"].(map[string]any)
			_, err := url.Parse(at["artifactLocation"].(map[string]any)["uri"].(string))
			require.NoError(t, err)
			if region, ok := at["region"].(map[string]any); ok {
				require.GreaterOrEqual(t, region["startLine"], 1.0)
			}
		}
	}
	require.Contains(t, out.String(), `"uri": "a%20b%3Ac/%25%C3%A9.json"`)
	require.Contains(t, out.String(), `"uri": "file:///abs/x.json"`)
	require.Contains(t, out.String(), `"m <&>"`)
	require.Contains(t, out.String(), `"justification": "because"`)
}

// TestWriteNothing: no result is an empty list, which says that the run found
// nothing; null would say that it did not run.
func TestWriteNothing(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sarif.Write(&out, sarif.Log{Tool: "t"}))
	require.Contains(t, out.String(), `"results": []`)
	require.Contains(t, out.String(), `"rules": []`)
}

// TestRefused: what a reader could not make sense of is not written.
func TestRefused(t *testing.T) {
	rules := []sarif.Rule{{"a", "s", "f", sarif.Note}}
	for _, r := range []sarif.Result{
		{RuleID: "b", Level: sarif.Note, Message: "m"},
		{RuleID: "a", Level: "fatal", Message: "m"},
		{RuleID: "a", Level: sarif.Note},
	} {
		require.Error(t, sarif.Write(&bytes.Buffer{}, sarif.Log{Rules: rules, Results: []sarif.Result{r}}))
	}
	require.Error(t, sarif.Write(&bytes.Buffer{}, sarif.Log{Rules: []sarif.Rule{{"a", "s", "f", ""}}}))
}
