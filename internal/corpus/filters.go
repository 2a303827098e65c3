package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

// Filter is a case of testdata/filters: a scenario some of whose keys belong to
// rows, what is left of its policies, and rows of either sort.
type Filter struct {
	File, Name, Why, Source string
	Unknown                 []string
	Scenario                *bundle.Scenario
	// Filter is the expression as text.
	Filter       string
	Kept, Hidden [][]conditions.Value
}

// Filters loads testdata/filters. It fails the test if a case cannot be read or
// there is none.
func Filters(t testing.TB) []Filter {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir("filters"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []Filter
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := parseFilters(filepath.Base(path), text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, cases...)
	}
	if len(out) == 0 {
		t.Fatal("no case in testdata/filters")
	}
	return out
}

func parseFilters(file string, text []byte) ([]Filter, error) {
	var raw []struct {
		Name, Why, Source string
		Unknown           []string
		Scenario          json.RawMessage
		Filter            string
		Kept, Hidden      [][]json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return nil, err
	}
	out := make([]Filter, len(raw))
	for i := range raw {
		r := &raw[i]
		f := Filter{File: file, Name: r.Name, Why: r.Why, Source: r.Source, Unknown: r.Unknown, Filter: r.Filter}
		for s, err := range bundle.Scenarios(file, bytes.NewReader(r.Scenario)) {
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name, err)
			}
			f.Scenario = s
		}
		var err error
		if f.Kept, err = rows(r.Kept); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		if f.Hidden, err = rows(r.Hidden); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		out[i] = f
	}
	return out, nil
}

// rows reads values: a string, an array of strings, null for absent, and
// {"unreadable": true}.
func rows(raw [][]json.RawMessage) ([][]conditions.Value, error) {
	out := make([][]conditions.Value, len(raw))
	for i, row := range raw {
		for _, r := range row {
			var v any
			if err := json.Unmarshal(r, &v); err != nil {
				return nil, err
			}
			var value conditions.Value
			switch v := v.(type) {
			case nil:
			case string:
				value = conditions.Text(v)
			case []any:
				texts := make([]string, len(v))
				for j := range v {
					texts[j], _ = v[j].(string)
				}
				value = conditions.List(texts)
			case map[string]any:
				value = conditions.Unreadable()
			default:
				return nil, fmt.Errorf("row value %s", r)
			}
			out[i] = append(out[i], value)
		}
	}
	return out, nil
}
