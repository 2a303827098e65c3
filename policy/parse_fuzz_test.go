package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// allocated is how many bytes f asks for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// mayAllocate is how much memory a document of so many bytes may ask for: 64
// bytes a byte, and some for every fault and to begin with. The race detector
// grows slices by way of another one.
func mayAllocate(size int, err error) uint64 {
	limit := 64*uint64(size) + 4096*uint64(1+len(faults(err)))
	if raceEnabled {
		limit *= 2
	}
	return limit
}

// FuzzParse reads anything. Nothing panics; what is refused has its faults in
// source order; what is accepted is JSON, prints as a document of the same
// meaning, and has the same faults as a policy of any kind as its print.
func FuzzParse(f *testing.F) {
	for _, path := range append(folder(f, "invalid"), folder(f, "valid")...) {
		src, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<16 {
			return
		}
		var doc *policy.Document
		var err error
		bytes := allocated(func() { doc, err = policy.Parse("p", src) })
		require.LessOrEqual(t, bytes, mayAllocate(len(src), err))
		if err != nil {
			var all policy.Errors
			require.ErrorAs(t, err, &all)
			require.NotEmpty(t, all)
			require.LessOrEqual(t, len(all), policy.MaxFaults)
			for i := 1; i < len(all); i++ {
				last, next := all[i-1].Pos, all[i].Pos
				require.True(t, last.Line < next.Line || last.Line == next.Line && last.Column <= next.Column, "%v", err)
			}
			return
		}
		require.True(t, json.Valid(src) && utf8.Valid(src))
		samePrint(t, doc)
		inside(t, doc, src)
		again, err := policy.Parse("p", doc.Print())
		require.NoError(t, err)
		for kind := policy.Identity; kind <= policy.ResourceControl; kind++ {
			want, got := doc.Validate(kind, conditions.AWS()), again.Validate(kind, conditions.AWS())
			require.Equal(t, want == nil, got == nil, "%s", kind)
			if len(faults(want)) < policy.MaxFaults {
				require.Equal(t, faults(want), faults(got), "%s", kind)
			}
		}
	})
}

// inside wants every position within the source, where a value begins.
func inside(t *testing.T, doc *policy.Document, src []byte) {
	t.Helper()
	lines := strings.SplitAfter(string(src), "\n")
	at := func(p policy.Position, begins string) {
		t.Helper()
		require.True(t, p.Line >= 1 && int(p.Line) <= len(lines), "%v", p)
		line := lines[p.Line-1]
		require.True(t, p.Column >= 1 && int(p.Column) <= len(line), "%v", p)
		require.Contains(t, begins, line[p.Column-1:p.Column], "%v", p)
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		at(s.Pos, "{")
		at(s.Action.Pos, `"`)
		for _, v := range append(append([]policy.Text(nil), s.Action.Values...), s.Resource.Values...) {
			at(v.Pos, `"`)
		}
		if s.Principal != nil {
			at(s.Principal.Pos, `"`)
		}
		for _, c := range s.Conditions {
			at(c.Operator.Pos, `"`)
			at(c.Key.Pos, `"`)
			for _, v := range c.Values {
				at(v.Pos, `"-0123456789tf`)
			}
		}
	}
}

// TestParseCost reads what a stranger would write to make the parser and the
// validator work: memory is bounded by the size of the document, time by a
// generous guard.
func TestParseCost(t *testing.T) {
	size := policy.MaxDocumentBytes - 1000
	if raceEnabled {
		size /= 8 // it is ten times as slow
	}
	fill := func(start, more, end string) string {
		n := (size - len(start) - len(end)) / len(more)
		return start + strings.TrimSuffix(strings.Repeat(more, n), ",") + end
	}
	members := func(format string) string { return "{" + strings.TrimSuffix(numbered(format, 1000), ",") + "}" }
	const (
		statement = `{"Effect":"Deny","Action":"*","Resource":"*","Condition":`
		condition = `{"Statement":` + statement
	)
	begin := time.Now()
	for name, src := range map[string]string{
		"empty statements": fill(`{"Statement":[`, "{},", "]}"),
		"statements":       fill(`{"Statement":[`, `{"Effect":"Deny","Action":"*"},`, "]}"),
		"actions":          fill(`{"Statement":{"Effect":"Deny","Action":[`, `"",`, "]}}"),
		"principals":       fill(`{"Statement":{"Effect":"Deny","Action":"*","Principal":{"AWS":[`, `"",`, "]}}}"),
		"numbers":          fill(condition+`{"NumericEquals":{"a:b":[`, `1,`, "]}}}}"),
		"texts":            fill(condition+`{"StringLike":{"a:b":[`, `"*",`, "]}}}}"),
		"ARNs":             fill(condition+`{"ArnLike":{"a:b":[`, `"${a:b}*",`, "]}}}}"),
		"keys":             fill(`{"Statement":[`, statement+`{"StringEquals":`+members(`"aws:SourceI%d":1,`)+"}},", "]}"),
		"duplicate keys":   fill(condition+`{"StringEquals":{`, `"a:b":1,`, "}}}}"),
		"operators":        fill(`{"Statement":[`, statement+members(`"StringE%d":{"a:b":1},`)+"},", "]}"),
		"other members":    fill(`{"Statement":[`, members(`"%d":1,`)+",", "]}"),
		"a long name":      fill(condition+`{"`+strings.Repeat("x", size/2)+`":{`, `"a":[],`, "}}}}"),
		"escapes":          fill(`{"Version":"`, `\n`, `"}`),
		"a long text":      fill(`{"Statement":{"Effect":"Deny","Action":"`, "a", `","Resource":"*"}}`),
		"brackets":         strings.Repeat("[", size),
		"nested":           fill(strings.Repeat("[", policy.MaxDepth-1), "1,", strings.Repeat("]", policy.MaxDepth-1)),
		"exponents":        fill(condition+`{"NumericEquals":{"a:b":[`, `1e99999,`, "]}}}}"),
		"long exponents":   fill(condition+`{"NumericEquals":{"a:b":1e`, `0`, "1}}}}"),
		"lines":            fill("", "\n", ""),
	} {
		var doc *policy.Document
		var err error
		text := []byte(src)
		bytes := allocated(func() { doc, err = policy.Parse("p", text) })
		require.LessOrEqual(t, bytes, mayAllocate(len(src), err), name)
		if err != nil {
			require.LessOrEqual(t, len(err.Error()), 256<<10, name)
			continue
		}
		bytes = allocated(func() { err = doc.Validate(policy.Identity, conditions.AWS()) })
		require.LessOrEqual(t, bytes, mayAllocate(len(src), err), name)
		if err != nil {
			var all policy.Errors
			require.True(t, errors.As(err, &all) && len(all) <= policy.MaxFaults, name)
		}
	}
	require.Less(t, time.Since(begin), 20*time.Second, fmt.Sprint(time.Since(begin)))
}
