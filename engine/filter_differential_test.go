package engine_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/reference/generate"
)

var filterN = flag.Int("filter.n", 40_000, "how many random pairs of policies and rows TestFilterEqualsDecide asks")

// rowKeys are keys of the generator's documents that may belong to a row.
var rowKeys = []string{
	"dynamodb:LeadingKeys", "dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:Select", "dynamodb:FullTableScan",
	"aws:RequestTag/a b", "aws:ResourceTag/team", "aws:ResourceTag/Team", "aws:SourceVpc", "s3:prefix", "s3:ExistingObjectTag/owner",
	"aws:TagKeys", "s3:max-keys", "aws:SecureTransport", "aws:SourceIp", "aws:VpcSourceIp", "aws:SourceArn",
	"app:k", "app:l", "app:two", "kms:EncryptionContext:k",
}

// quoted finds the texts of a document.
var quoted = regexp.MustCompile(`"([^"\\]*)"`)

// TestFilterEqualsDecide holds the product's central promise: a filter keeps a
// row if and only if Decide allows the request for that row.
func TestFilterEqualsDecide(t *testing.T) {
	n := int64(*filterN)
	if raceEnabled && n == 40_000 {
		n = 5_000
	}
	var pairs, kept, opaque, other atomic.Int64
	var scopes [3]atomic.Int64
	var wg sync.WaitGroup
	workers := int64(runtime.GOMAXPROCS(0))
	failed := make(chan string, 1)
	for w := range workers {
		wg.Go(func() {
			for i := w; pairs.Load() < n && len(failed) == 0; i += workers {
				r := rand.New(rand.NewPCG(7, uint64(i)))
				c := generate.Question(r)
				f, err := newRowCase(&c, r)
				switch {
				case errors.Is(err, conditions.ErrOpaque):
					opaque.Add(1)
					continue
				case err != nil:
					other.Add(1)
					continue
				case f == nil:
					continue
				}
				scopes[f.filter.Scope()].Add(1)
				rows := 1 // what keeps nothing or everything needs no more
				if f.filter.Scope() == engine.Partly {
					rows = 25
				}
				for range rows {
					row := f.row(r)
					pairs.Add(1)
					got, want := f.filter.Keep(row), f.decide(t, row)
					if got {
						kept.Add(1)
					}
					if got != want {
						select {
						case failed <- f.filter.String() + "\nrow " + f.show(row) + "\nwant " + map[bool]string{true: "kept", false: "hidden"}[want] + "\n" + c.String():
						default:
						}
						return
					}
				}
			}
		})
	}
	wg.Wait()
	select {
	case text := <-failed:
		t.Fatal(text)
	default:
	}
	t.Logf("%d pairs, 0 disagreements, %d kept; filters: %d nothing, %d partly, %d everything; %d opaque, %d undecidable or refused",
		pairs.Load(), kept.Load(), scopes[engine.Nothing].Load(), scopes[engine.Partly].Load(), scopes[engine.Everything].Load(), opaque.Load(), other.Load())
	require.Greater(t, kept.Load(), n/20, "too few rows are kept")
	require.Greater(t, scopes[engine.Partly].Load(), n/100, "too few filters look at rows")
}

// rowCase is a case some of whose keys belong to a row.
type rowCase struct {
	evaluator *engine.Evaluator
	request   *engine.Request
	base      *conditions.Context
	filter    engine.Filter
	pool      []string
}

// newRowCase leaves keys of a case open; nil if its documents read none that may
// be.
func newRowCase(c *generate.Case, r *rand.Rand) (*rowCase, error) {
	var texts []string
	d := &c.Documents
	for _, list := range slices.Concat([][]string{d.Identity, d.PermissionsBoundary, d.Session, d.Endpoint, {d.Resource}}, d.ServiceControl, d.ResourceControl) {
		texts = append(texts, list...)
	}
	text := strings.ToLower(strings.Join(texts, "\n"))
	var open []string
	for _, k := range rowKeys {
		if strings.Contains(text, strings.ToLower(k)) && !slices.ContainsFunc(open, func(o string) bool { return strings.EqualFold(o, k) }) && r.IntN(3) > 0 {
			open = append(open, k)
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	f := &rowCase{pool: []string{"", "x", "10", "true", "10.0.0.1", "2026-03-01", "arn:aws:s3:::b/k", "\xff", "a*", "A"}}
	for _, k := range open {
		for name, values := range c.Context {
			if strings.EqualFold(name, k) {
				f.pool = append(f.pool, values...)
				delete(c.Context, name)
			}
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(strings.Join(texts, "\n"), 60) {
		f.pool = append(f.pool, m[1], strings.ReplaceAll(m[1], "*", "q"))
	}
	for _, values := range c.Context {
		f.pool = append(f.pool, values...)
	}
	slices.Sort(f.pool)
	var err error
	if f.evaluator, f.request, err = question(c); err != nil {
		return nil, err
	}
	f.base = f.request.Context
	f.filter, err = f.evaluator.Filter(f.request, open...)
	return f, err
}

func (f *rowCase) row(r *rand.Rand) []conditions.Value {
	out := make([]conditions.Value, f.filter.Unknown().Len())
	text := func() string { return f.pool[r.IntN(len(f.pool))] }
	for i := range out {
		switch r.IntN(12) {
		case 0:
		case 1:
			out[i] = conditions.List(nil)
		case 2:
			out[i] = conditions.Unreadable()
		case 3, 4:
			out[i] = conditions.List([]string{text(), text()})
		default:
			out[i] = conditions.Text(text())
		}
	}
	return out
}

// decide asks Decide for the row.
func (f *rowCase) decide(t *testing.T, row []conditions.Value) bool {
	x := f.base.Vocabulary().NewContext()
	for name, values := range f.base.All() {
		if _, state := f.base.Value(name); state == conditions.Indeterminate {
			require.NoError(t, x.SetIndeterminate(name))
			continue
		}
		_ = x.Set(name, values...)
	}
	require.NoError(t, f.filter.Unknown().Fill(x, row))
	r := *f.request
	r.Context = x
	return f.evaluator.Decide(&r).Allowed()
}

func (f *rowCase) show(row []conditions.Value) string {
	var b strings.Builder
	for i := range row {
		b.WriteString(f.filter.Unknown().Key(i).Name + ": " + row[i].String() + "; ")
	}
	return b.String()
}
