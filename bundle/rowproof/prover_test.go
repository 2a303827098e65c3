package rowproof

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

var now = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

func load(t *testing.T, files map[string]string) (*bundle.Bundle, []*bundle.Suite) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := bundle.Load(fsys, "b", conditions.AWS())
	require.NoError(t, err)
	suites, err := b.Suites()
	require.NoError(t, err)
	return b, suites
}

// own is a bundle whose one role reads the rows of the session's identity.
func own() map[string]string {
	return map[string]string{
		"rowan.yaml":      "account: \"111122223333\"\nregion: us-east-1\n",
		"roles/R.yaml":    "policies: [P]\n",
		"tables/Tab.yaml": "partitionKey: {name: id}\n",
		"policies/P.json": `{"Version": "2012-10-17", "Statement": {"Sid": "Own", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${cognito-identity.amazonaws.com:sub}", "all"]}}}}`,
	}
}

// TestBundle proves the bundles that there are, and finds every asker in them.
func TestBundle(t *testing.T) {
	for name, open := range map[string]func() (*bundle.Bundle, error){
		"demo": func() (*bundle.Bundle, error) { return bundle.Load(demo.FS, "demo", conditions.AWS()) },
		"full": func() (*bundle.Bundle, error) {
			return bundle.Load(os.DirFS(filepath.Join("..", "..", "testdata", "bundles", "full")), "full", conditions.AWS())
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := open()
			require.NoError(t, err)
			suites, err := b.Suites()
			require.NoError(t, err)
			last := 0
			p := NewProver(Options{Pairs: 5000, Seed: 7, Now: now, Progress: func(done int) {
				require.Greater(t, done, last)
				last = done
			}})
			require.NoError(t, p.Bundle(t.Context(), b, suites))
			r := p.Report()
			require.GreaterOrEqual(t, r.Pairs, 5000)
			require.Equal(t, r.Pairs, last)
			require.Greater(t, r.Kept, 100)
			require.NotZero(t, r.Partly)
			require.Empty(t, r.Refusals)
		})
	}
}

// TestOneSeedMakesOneProof: a counter-example can be had again.
func TestOneSeedMakesOneProof(t *testing.T) {
	b, suites := load(t, own())
	run := func(seed uint64) Report {
		p := NewProver(Options{Pairs: 2000, Seed: seed, Now: now})
		require.NoError(t, p.Bundle(t.Context(), b, suites))
		return *p.Report()
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
}

// TestSpoiltKeepIsFound: a Keep that errs is found, whichever way.
func TestSpoiltKeepIsFound(t *testing.T) {
	b, suites := load(t, own())
	for name, fault := range map[string]func(f *engine.Filter, row []conditions.Value) bool{
		"inverted": func(f *engine.Filter, row []conditions.Value) bool { return !f.Keep(row) },
		"wide": func(f *engine.Filter, row []conditions.Value) bool {
			return f.Keep(row) || row[0].String() == conditions.Text("all ").String()
		},
		"an absent partition key": func(f *engine.Filter, row []conditions.Value) bool {
			return f.Keep(row) || row[0].String() == "absent"
		},
		"narrow": func(f *engine.Filter, row []conditions.Value) bool {
			return f.Keep(row) && row[0].String() != conditions.Text("all").String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewProver(Options{Pairs: 20_000, Seed: 1, Now: now})
			p.keep = fault
			err := p.Bundle(t.Context(), b, suites)
			var d *DisagreementError
			require.ErrorAs(t, err, &d)
			require.NotEqual(t, d.Keep, d.Decide)
			require.Equal(t, "Tab", d.Table)
			require.Equal(t, leadingKeys, d.Row[0].Key)
			require.NotEmpty(t, d.Context)
			require.Contains(t, d.Error(), "\n  row      dynamodb:LeadingKeys = ")
			require.Contains(t, d.Error(), "\n  seed     1")
		})
	}
}

// answering is a store that answers as it is told.
type answering func(*Case, []Row) (Answer, error)

func (answering) Name() string { return "told" }

func (s answering) Ask(_ context.Context, c *Case, rows []Row) (Answer, error) { return s(c, rows) }

// TestStores: what a store answers is held to Keep and Decide.
func TestStores(t *testing.T) {
	b, suites := load(t, own())
	hold := func(c *Case, rows []Row, kept func(bool) (kept, dropped bool)) (out []Held) {
		for _, r := range rows {
			h := Held{Values: []conditions.Value{c.Keys[0].Value(0, r[0])}}
			h.Kept, h.Dropped = kept(c.Filter().Keep(h.Values))
			out = append(out, h)
		}
		return out
	}
	exact := func(is bool) (kept, dropped bool) { return is, !is }
	prove := func(s answering) (*Report, error) {
		p := NewProver(Options{Pairs: 2000, Seed: 1, Now: now, Stores: []Store{s}})
		return p.Report(), p.Bundle(t.Context(), b, suites)
	}
	r, err := prove(func(c *Case, rows []Row) (Answer, error) { return Answer{Held: hold(c, rows, exact)}, nil })
	require.NoError(t, err)
	require.Equal(t, r.Pairs, r.Stores[0].Pairs)
	require.NotZero(t, r.Stores[0].Kept)

	for name, kept := range map[string]func(bool) (kept, dropped bool){
		"inverted": func(is bool) (bool, bool) { return !is, is },
		"wide":     func(bool) (bool, bool) { return true, false },
		"narrow":   func(bool) (bool, bool) { return false, true },
		"null":     func(is bool) (bool, bool) { return is, false },
		"both":     func(is bool) (bool, bool) { return true, true },
	} {
		for _, rest := range []bool{false, true} {
			_, err := prove(func(c *Case, rows []Row) (Answer, error) { return Answer{Held: hold(c, rows, kept), Rest: rest}, nil })
			var d *DisagreementError
			if rest && name == "wide" { // as it may be
				require.NoError(t, err)
				continue
			}
			require.ErrorAs(t, err, &d, name)
			require.Equal(t, "told", d.Store)
		}
	}

	refused := errors.New("not in this dialect")
	r, err = prove(func(*Case, []Row) (Answer, error) { return Answer{Refused: refused}, nil })
	require.ErrorIs(t, err, ErrNothing, "a store that refuses everything")
	require.Len(t, r.Refusals, 1)
	require.Equal(t, "not in this dialect", r.Refusals[0].Reason)
	require.Equal(t, r.Cases, r.Refusals[0].Cases)
	_, err = prove(func(*Case, []Row) (Answer, error) { return Answer{}, nil })
	require.ErrorIs(t, err, ErrNothing, "a store that holds nothing")
	broken := errors.New("the disk is full")
	_, err = prove(func(*Case, []Row) (Answer, error) { return Answer{}, broken })
	require.ErrorIs(t, err, broken)
}

// TestNothingProvesNothing: a bundle without tables, roles or filters is no
// proof.
func TestNothingProvesNothing(t *testing.T) {
	for _, missing := range []string{"tables/Tab.yaml", "roles/R.yaml"} {
		files := own()
		delete(files, missing)
		b, suites := load(t, files)
		require.ErrorIs(t, NewProver(Options{Pairs: 10, Now: now}).Bundle(t.Context(), b, suites), ErrNothing, missing)
	}
	files := own()
	files["policies/P.json"] = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/own": "${dynamodb:LeadingKeys}"}}}}`
	files["roles/R.yaml"] = "policies: [P]\ntags: {own: x}\n"
	b, suites := load(t, files)
	p := NewProver(Options{Pairs: 10, Now: now})
	err := p.Bundle(t.Context(), b, suites)
	if len(p.Report().Refusals) > 0 { // a variable that reads the row
		require.ErrorIs(t, err, ErrNothing)
		require.Empty(t, p.Report().Refusals[0].Store)
	} else {
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, suites = load(t, own())
	require.ErrorIs(t, NewProver(Options{Pairs: 10, Now: now}).Bundle(ctx, b, suites), context.Canceled)
}
