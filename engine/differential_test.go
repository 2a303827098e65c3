package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/reference"
	"github.com/rowan-authz/rowan/internal/reference/generate"
	"github.com/rowan-authz/rowan/policy"
)

var (
	differentialN    = flag.Int("differential.n", 200_000, "how many random cases TestDifferential asks")
	differentialSeed = flag.Int64("differential.seed", 1, "seed of the first case")
)

// TestDifferential asks the engine and the reference interpreter the same
// random questions. A counterexample is shrunk and saved as a corpus case.
func TestDifferential(t *testing.T) {
	if raceEnabled && *differentialN == 200_000 {
		*differentialN = 20_000 // the race detector is for the others; the full count runs without it
	}
	var asked, refused atomic.Int64
	var outcomes [3]atomic.Int64
	found := make(chan *generate.Case, 1)
	var wg sync.WaitGroup
	workers := int64(runtime.GOMAXPROCS(0))
	start := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < int64(*differentialN) && len(found) == 0; i += workers {
				if done := i + 1; done%1_000_000 == 0 {
					t.Logf("%d cases after %s", done, time.Since(start).Round(time.Second))
				}
				c := generate.Question(rand.New(rand.NewPCG(uint64(*differentialSeed), uint64(i))))
				diff, outcome := compare(&c)
				switch diff {
				case "":
					asked.Add(1)
					outcomes[outcome].Add(1)
				case refusedCase:
					refused.Add(1)
				default:
					select {
					case found <- &c:
					default:
					}
				}
			}
		})
	}
	wg.Wait()
	select {
	case c := <-found:
		small := shrink(*c)
		diff, _ := compare(&small)
		t.Fatalf("%s\n%s\nsaved as %s", diff, small, save(t, &small))
	default:
	}
	t.Logf("%d cases, 0 mismatches, %d refused, allowed %d, explicitDeny %d, implicitDeny %d, %.0f cases/s",
		asked.Load(), refused.Load(), outcomes[engine.Allowed].Load(), outcomes[engine.ExplicitDeny].Load(),
		outcomes[engine.ImplicitDeny].Load(), float64(*differentialN)/time.Since(start).Seconds())
	total := float64(asked.Load())
	require.Less(t, float64(refused.Load()), 0.2*float64(*differentialN), "too many cases are refused")
	for o := range outcomes {
		require.Greater(t, float64(outcomes[o].Load()), 0.1*total, "too few cases are %s", engine.Outcome(o))
	}
}

// refusedCase stands for a case with a document that validation refuses.
const refusedCase = "refused"

// compare answers a case twice and says how the answers differ.
func compare(c *generate.Case) (diff string, outcome engine.Outcome) {
	e, r, err := question(c)
	if err != nil {
		return refusedCase, 0
	}
	q, err := c.Reference()
	if err != nil {
		return fmt.Sprintf("the reference cannot read the case: %v", err), 0
	}
	want := reference.Decide(q)
	d, x := e.Decide(r), e.Explain(r)
	got := answer(&x)
	switch {
	case d.Outcome != x.Decision.Outcome || d.By != x.Decision.By:
		return fmt.Sprintf("Decide says %s by %s, Explain %s by %s", d.Outcome, d.By, x.Decision.Outcome, x.Decision.By), 0
	case d.Outcome.String() != want.Decision:
		return fmt.Sprintf("engine %s by %s, reference %s by %s", d.Outcome, d.By, want.Decision, want.DecidedBy), 0
	case d.Fault == engine.NoFault && d.By.String() != want.DecidedBy:
		return fmt.Sprintf("%s: engine by %q, reference by %q", d.Outcome, d.By, want.DecidedBy), 0
	case !slices.Equal(got.Statements, want.Statements) && len(got.Statements)+len(want.Statements) > 0:
		return fmt.Sprintf("statements: engine %v, reference %v", got.Statements, want.Statements), 0
	case !slices.Equal(got.MissingContext, want.MissingContext) && len(got.MissingContext)+len(want.MissingContext) > 0:
		return fmt.Sprintf("missing context: engine %q, reference %q", got.MissingContext, want.MissingContext), 0
	}
	if s, ok := d.Statement(); ok && !slices.ContainsFunc(x.Statements, func(r engine.StatementReport) bool { return r.StatementRef == s }) {
		return fmt.Sprintf("Decide names a statement that Explain does not: %v", s), 0
	}
	return "", d.Outcome
}

func answer(x *engine.Explanation) reference.Answer {
	a := reference.Answer{MissingContext: x.MissingContext}
	for i := range x.Statements {
		s := &x.Statements[i]
		name := bundle.PolicyName(s)
		a.Statements = append(a.Statements, reference.Ref{Policy: name, Sid: s.Sid, Index: s.Index, Line: int(s.Pos.Line)})
	}
	return a
}

// question compiles a case for the engine.
func question(c *generate.Case) (*engine.Evaluator, *engine.Request, error) {
	v := conditions.AWS()
	e := &engine.Evaluator{}
	var err error
	set := func(kind policy.Kind, texts []string) *engine.Set {
		if texts == nil || err != nil {
			return nil
		}
		docs := make([]*policy.Document, len(texts))
		for i, text := range texts {
			if docs[i], err = policy.Parse(fmt.Sprintf("%s[%d]", kind, i), []byte(text)); err != nil {
				return nil
			}
		}
		var s *engine.Set
		s, err = engine.Compile(v, kind, docs...)
		return s
	}
	e.Identity = set(policy.Identity, c.Documents.Identity)
	e.Boundary = set(policy.Boundary, c.Documents.PermissionsBoundary)
	e.Session = set(policy.Session, c.Documents.Session)
	e.Endpoint = set(policy.Endpoint, c.Documents.Endpoint)
	for _, level := range c.Documents.ServiceControl {
		e.ServiceControl = append(e.ServiceControl, set(policy.ServiceControl, level))
	}
	for _, level := range c.Documents.ResourceControl {
		e.ResourceControl = append(e.ResourceControl, set(policy.ResourceControl, level))
	}
	if c.Documents.Resource != "" {
		kind := policy.Resource
		if isRoleARN(c.Resource) {
			kind = policy.Trust
		}
		e.Resource = set(kind, []string{c.Documents.Resource})
	}
	if err != nil {
		return nil, nil, err
	}
	r, err := request(c, v)
	return e, r, err
}

func request(c *generate.Case, v *conditions.Vocabulary) (*engine.Request, error) {
	r := &engine.Request{Action: c.Action, Resource: c.Resource, ResourceAccount: c.ResourceAccount, Context: v.NewContext()}
	p, err := casePrincipal(c)
	if err != nil {
		return nil, err
	}
	r.Principal = p
	if err := p.Describe(r.Context); err != nil {
		return nil, err
	}
	keys := [][2]string{}
	if !c.Now.IsZero() {
		keys = append(keys, [2]string{"aws:CurrentTime", c.Now.UTC().Format("2006-01-02T15:04:05Z")}, [2]string{"aws:EpochTime", strconv.FormatInt(c.Now.Unix(), 10)})
	}
	if account := arnAccount(c.Resource); c.ResourceAccount != "" {
		keys = append(keys, [2]string{"aws:ResourceAccount", c.ResourceAccount})
	} else if c.Resource == "*" && p.Account() != "" {
		keys = append(keys, [2]string{"aws:ResourceAccount", p.Account()})
	} else if account != "" {
		keys = append(keys, [2]string{"aws:ResourceAccount", account})
	}
	if c.Resource != "*" && c.ResourceAccount == "" && arnAccount(c.Resource) == "" {
		r.ResourceAccount = p.Account() // as a scenario does
	}
	for _, k := range keys {
		if err := r.Context.Set(k[0], k[1]); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(c.Context) {
		if err := r.Context.Set(name, c.Context[name]...); err != nil && !errors.Is(err, conditions.ErrValue) {
			return nil, err
		}
	}
	return r, nil
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func casePrincipal(c *generate.Case) (engine.Principal, error) {
	if c.Principal == "" {
		return engine.Principal{}, nil
	}
	if c.Provider {
		return engine.FederatedPrincipal(c.Principal)
	}
	p, err := engine.ParsePrincipal(c.Principal)
	if err == nil && c.User != "" {
		p, err = p.WithUser(c.User)
	}
	if err != nil {
		return p, err
	}
	for name, values := range c.Context {
		if len(values) != 1 {
			continue
		}
		switch {
		case foldEqual(name, "aws:PrincipalArn") && p.Kind() == engine.RoleSession:
			if with, err := p.WithRole(values[0]); err == nil {
				p = with
			}
		case foldEqual(name, "aws:userid"):
			p = p.WithUniqueID(beforeColon(values[0]))
		}
	}
	return p, nil
}

// shrink drops parts of a case as long as the answers differ.
func shrink(c generate.Case) generate.Case {
	differs := func(c *generate.Case) bool {
		diff, _ := compare(c)
		return diff != "" && diff != refusedCase
	}
	for again := true; again; {
		again = false
		for _, smaller := range reductions(c) {
			if differs(&smaller) {
				c, again = smaller, true
				break
			}
		}
	}
	return c
}

// reductions are the cases with one part less.
func reductions(c generate.Case) []generate.Case {
	var out []generate.Case
	with := func(change func(d *generate.Case)) {
		d := c
		change(&d)
		out = append(out, d)
	}
	for _, name := range sortedKeys(c.Context) {
		with(func(d *generate.Case) {
			d.Context = map[string][]string{}
			for k, v := range c.Context {
				if k != name {
					d.Context[k] = v
				}
			}
		})
	}
	if c.Documents.Resource != "" {
		with(func(d *generate.Case) { d.Documents.Resource = "" })
		for _, text := range smallerDocuments(c.Documents.Resource) {
			with(func(d *generate.Case) { d.Documents.Resource = text })
		}
	}
	for _, field := range []func(d *generate.Case) *[]string{
		func(d *generate.Case) *[]string { return &d.Documents.Identity },
		func(d *generate.Case) *[]string { return &d.Documents.PermissionsBoundary },
		func(d *generate.Case) *[]string { return &d.Documents.Session },
		func(d *generate.Case) *[]string { return &d.Documents.Endpoint },
	} {
		list := *field(&c)
		if list != nil {
			with(func(d *generate.Case) { *field(d) = nil })
		}
		for _, smaller := range smallerLists(list) {
			with(func(d *generate.Case) { *field(d) = smaller })
		}
	}
	for _, field := range []func(d *generate.Case) *[][]string{
		func(d *generate.Case) *[][]string { return &d.Documents.ServiceControl },
		func(d *generate.Case) *[][]string { return &d.Documents.ResourceControl },
	} {
		levels := *field(&c)
		for i := range levels {
			with(func(d *generate.Case) {
				if *field(d) = slices.Delete(slices.Clone(levels), i, i+1); len(levels) == 1 {
					*field(d) = nil
				}
			})
			for _, smaller := range smallerLists(levels[i]) {
				with(func(d *generate.Case) {
					next := slices.Clone(levels)
					next[i] = smaller
					*field(d) = next
				})
			}
		}
	}
	return out
}

func smallerLists(list []string) [][]string {
	var out [][]string
	for i := range list {
		out = append(out, slices.Delete(slices.Clone(list), i, i+1))
		for _, text := range smallerDocuments(list[i]) {
			next := slices.Clone(list)
			next[i] = text
			out = append(out, next)
		}
	}
	return out
}

// smallerDocuments are a document's texts with one member or element less.
func smallerDocuments(text string) []string {
	var doc any
	if json.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	var out []string
	emit := func() {
		if b, err := json.Marshal(doc); err == nil {
			out = append(out, string(b))
		}
	}
	var visit func(x any, replace func(any))
	visit = func(x any, replace func(any)) {
		switch x := x.(type) {
		case map[string]any:
			for k, v := range x {
				delete(x, k)
				emit()
				x[k] = v
				visit(v, func(n any) { x[k] = n })
			}
		case []any:
			for i, v := range x {
				if len(x) > 1 {
					replace(slices.Delete(slices.Clone(x), i, i+1))
					emit()
					replace(x)
				}
				visit(v, func(n any) { x[i] = n })
			}
		}
	}
	visit(doc, func(n any) { doc = n })
	return out
}

// save writes a counterexample as a scenario with the reference's answer.
func save(t *testing.T, c *generate.Case) string {
	q, err := c.Reference()
	require.NoError(t, err)
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.String()))
	name := fmt.Sprintf("found by comparison %08x", h.Sum32())
	text, err := c.Scenario(name, reference.Decide(q).Decision)
	if err != nil {
		return "nothing: " + err.Error()
	}
	why := `{"why": "engine and reference differed", "source": "TestDifferential",`
	text = append([]byte("["+why), append(bytes.TrimPrefix(text, []byte("{")), "]\n"...)...)
	path := filepath.Join("..", "testdata", "decisions", fmt.Sprintf("found-%08x.json", h.Sum32()))
	require.NoError(t, os.WriteFile(path, text, 0o644))
	return path
}
