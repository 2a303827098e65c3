package lsp

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/bundleschema"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// statementPlace tells the statements of a bundle apart.
type statementPlace struct {
	document string
	pos      policy.Position
}

// test is a cell of a suite that a statement decides.
type test struct {
	suite, name, cell string
	file              string
	line              int
}

// tested is what the suites say of the statements of a bundle.
type tested struct {
	// decided are the tests that a statement decides, met the statements that apply
	// in some without deciding it, as an Allow of a boundary does.
	decided map[statementPlace][]test
	met     map[statementPlace]bool
	// lines are those where a statement begins that suites ask at all, by file; true
	// says that a list meets it.
	lines map[lineOf]bool
}

type lineOf struct {
	file string
	line int
}

// askTests asks every cell of the suites; it is nil if ctx was done before.
func (s *Server) askTests(ctx context.Context, p *project) *tested {
	if p.tests != nil {
		return p.tests
	}
	out := &tested{decided: map[statementPlace][]test{}, met: map[statementPlace]bool{}, lines: map[lineOf]bool{}}
	lists := map[string]bool{}
	for _, suite := range p.suites {
		now := s.options.Now()
		if !suite.Now.IsZero() {
			now = suite.Now
		}
		guardrail := p.guardrails.Hook(ctx, now)
		for i := range suite.Tests {
			t := &suite.Tests[i]
			for j := range t.Cells {
				cell := &t.Cells[j]
				if ctx.Err() != nil {
					return nil
				}
				x := test{suite.Name, t.Name, cell.Name, cell.File, cell.Line}
				if cell.Want.Rows != nil {
					lists[x.full()] = true
				} else if q, err := cell.Question(now); err == nil {
					out.ask(q, guardrail, x)
				}
			}
		}
	}
	// Many statements make the filter of a list: they are counted by the runner.
	run := bundle.Run(p.bundle, p.suites, bundle.RunOptions{
		Now: s.options.Now(), Coverage: true, Guardrail: p.guardrails.Hook(ctx, s.options.Now()),
		Select: func(name string) bool { return lists[name] && ctx.Err() == nil },
	})
	if ctx.Err() != nil {
		return nil
	}
	for i := range run.Coverage.Statements {
		x := &run.Coverage.Statements[i]
		out.lines[lineOf{x.File, x.Line}] = x.Decided+x.Matched > 0
	}
	p.tests = out
	return out
}

// full is the name by which rowan test --run knows a cell.
func (t *test) full() string { return t.suite + "/" + t.name + "/" + t.cell }

// ask notes which statements decide a question, and which apply.
func (x *tested) ask(q *bundle.Question, guardrail func(*engine.Request) string, t test) {
	e := q.Evaluator.Explain(q.Request)
	for i := range e.Looked {
		if e.Looked[i].Applies {
			x.met[placeOf(&e.Looked[i])] = true
		}
	}
	if guardrail != nil && e.Decision.Allowed() && guardrail(q.Request) != "" {
		return // that decides
	}
	var seen []statementPlace
	for i := range e.Statements {
		if at := placeOf(&e.Statements[i]); !slices.Contains(seen, at) {
			seen = append(seen, at)
			x.decided[at] = append(x.decided[at], t)
		}
	}
}

func placeOf(r *engine.StatementReport) statementPlace { return statementPlace{r.Document, r.Pos} }

// maxNamed is how many tests a lens names.
const maxNamed = 3

func (s *Server) codeLens(ctx context.Context, p *documentParams) (any, *jsonrpc2.Error) {
	d, problem := s.document(p.TextDocument.URI)
	if problem != nil {
		return nil, problem
	}
	out := []codeLens{}
	if s.dirty {
		s.refresh()
	}
	project, rel, ok := s.projectOf(d)
	if !ok || d.lost != "" {
		return out, nil
	}
	if name, _ := bundleschema.Of(rel); name == "tests" {
		return append(out, s.pinLenses(d)...), nil
	}
	if !project.current || len(project.suites) == 0 {
		return out, nil
	}
	tests := s.askTests(ctx, project)
	if tests == nil {
		return nil, cancelled()
	}
	for _, at := range statementsIn(project, rel) {
		line := lineOf{rel, int(at.pos.Line)}
		list, asked := tests.lines[line]
		if !asked {
			continue
		}
		r, title := d.text.token(at.pos), "no test meets this"
		switch found := tests.decided[at]; {
		case len(found) > 0:
			title = titled(found)
		case list || tests.met[at]:
			title = "applies in tests, decides none"
		}
		out = append(out, codeLens{r, command{title, testsCommand, []any{d.uri, r.Start.Line, r.Start.Character}}})
	}
	return out, nil
}

// statementsIn are those of a file, in order.
func statementsIn(p *project, rel string) (out []statementPlace) {
	for _, doc := range p.bundle.Policies() {
		for i := range doc.Statements {
			if doc.Name == rel {
				out = append(out, statementPlace{rel, doc.Statements[i].Pos})
			}
		}
	}
	return out
}

// titled names the first of some tests.
func titled(found []test) string {
	names := make([]string, 0, maxNamed)
	for _, t := range found[:min(len(found), maxNamed)] {
		names = append(names, t.name+": "+t.cell)
	}
	more := ""
	if len(found) > maxNamed {
		more = ", …"
	}
	return "decides " + count(len(found), "test") + " — " + strings.Join(names, ", ") + more
}

// maxShown is how many tests a message names.
const maxShown = 20

// showTests tells the tests that decide a statement, and returns their places.
func (s *Server) showTests(ctx context.Context, arguments []json.RawMessage) (any, *jsonrpc2.Error) {
	var p positionParams
	if len(arguments) != 3 || json.Unmarshal(arguments[0], &p.TextDocument.URI) != nil ||
		json.Unmarshal(arguments[1], &p.Position.Line) != nil || json.Unmarshal(arguments[2], &p.Position.Character) != nil {
		return nil, fault(jsonrpc2.CodeInvalidParams, "%s takes URI, LINE and CHARACTER", testsCommand)
	}
	project, found, problem := s.testsAt(ctx, &p)
	if problem != nil {
		return nil, problem
	}
	lines := make([]string, 0, maxShown)
	for _, t := range found[:min(len(found), maxShown)] {
		lines = append(lines, t.full())
	}
	if len(found) > maxShown {
		lines = append(lines, "…")
	}
	s.notify("window/showMessage", messageParams{messageInfo, count(len(found), "test") + "\n" + strings.Join(lines, "\n")})
	return s.locations(project, found), nil
}

// references are, at a Sid, the tests that the statement decides.
func (s *Server) references(ctx context.Context, p *positionParams) (any, *jsonrpc2.Error) {
	c, problem := s.cursorAt(p)
	if problem != nil || c == nil || c.policy < 0 || len(c.path) == 0 || c.path[len(c.path)-1] != "Sid" {
		return []location{}, problem
	}
	project, found, problem := s.testsAt(ctx, p)
	if problem != nil {
		return nil, problem
	}
	return s.locations(project, found), nil
}

// testsAt are those that the statement around a position decides.
func (s *Server) testsAt(ctx context.Context, p *positionParams) (*project, []test, *jsonrpc2.Error) {
	d, problem := s.document(p.TextDocument.URI)
	if problem != nil {
		return nil, nil, problem
	}
	if s.dirty {
		s.refresh()
	}
	project, rel, ok := s.projectOf(d)
	if !ok || d.lost != "" || !project.current {
		return project, nil, nil
	}
	at := d.text.offset(p.Position)
	nearest, begin := statementPlace{}, -1
	for _, x := range statementsIn(project, rel) {
		if o, ok := d.text.at(x.pos); ok && o <= at && o > begin {
			nearest, begin = x, o
		}
	}
	tests := s.askTests(ctx, project)
	if tests == nil {
		return nil, nil, cancelled()
	}
	return project, tests.decided[nearest], nil
}

// locations are where tests say what they want, each line once.
func (s *Server) locations(p *project, found []test) []location {
	out := []location{}
	for _, t := range found {
		line := uint32(max(t.line, 1) - 1)
		x := location{s.uriOf(p, filepath.ToSlash(t.file)), Range{Position{line, 0}, Position{line, 0}}}
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
