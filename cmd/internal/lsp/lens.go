package lsp

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

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
	name string
	file string
	line int
}

// decided asks every cell of the suites, and returns those that each statement
// decides; nil if ctx was done before. Lists are not among them: many statements
// make one filter.
func (s *Server) decided(ctx context.Context, p *project) map[statementPlace][]test {
	if p.tests != nil {
		return p.tests
	}
	out := map[statementPlace][]test{}
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
				if cell.Want.Rows != nil {
					continue
				}
				q, err := cell.Question(now)
				if err != nil {
					continue
				}
				for _, at := range deciding(q.Evaluator, q.Request, guardrail) {
					out[at] = append(out[at], test{suite.Name + "/" + t.Name + "/" + cell.Name, cell.File, cell.Line})
				}
			}
		}
	}
	p.tests = out
	return out
}

// deciding are the statements that decide a request, each once; none if a
// guardrail in Rego does.
func deciding(e *engine.Evaluator, r *engine.Request, guardrail func(*engine.Request) string) []statementPlace {
	x := e.Explain(r)
	if guardrail != nil && x.Decision.Allowed() && guardrail(r) != "" {
		return nil
	}
	var out []statementPlace
	for i := range x.Statements {
		at := statementPlace{x.Statements[i].Document, x.Statements[i].Pos}
		if !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}

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
	project, rel, ok := s.projectOf(d.uri)
	if !ok || d.lost != "" {
		return out, nil
	}
	if name, _ := bundleschema.Of(rel); name == "tests" {
		return append(out, s.pinLenses(d)...), nil
	}
	if !project.current || len(project.suites) == 0 {
		return out, nil
	}
	tests := s.decided(ctx, project)
	for _, at := range statementsIn(project, rel) {
		r := d.text.token(at.pos)
		title := "no test decides this"
		if found := tests[at]; len(found) > 0 {
			title = titled(found)
		}
		out = append(out, codeLens{r, command{title, testsCommand, []any{d.uri, r.Start.Line, r.Start.Character}}})
	}
	return out, nil
}

// statementsIn are those of a file, in order, that requests are decided by: those of
// trust policies, which have no resource, are not.
func statementsIn(p *project, rel string) (out []statementPlace) {
	for _, doc := range p.bundle.Policies() {
		for i := range doc.Statements {
			if x := &doc.Statements[i]; doc.Name == rel && len(x.Resource.Values) > 0 {
				out = append(out, statementPlace{rel, x.Pos})
			}
		}
	}
	return out
}

// titled names the first of some tests.
func titled(found []test) string {
	names := make([]string, 0, maxNamed)
	for _, t := range found[:min(len(found), maxNamed)] {
		names = append(names, t.name[strings.LastIndex(t.name, "/")+1:])
	}
	for i, t := range found[:len(names)] {
		if _, rest, ok := strings.Cut(t.name, "/"); ok {
			_, names[i], _ = strings.Cut(rest, "/")
		}
	}
	more := ""
	if len(found) > maxNamed {
		more = ", …"
	}
	return count(len(found), "test") + ": " + strings.Join(names, ", ") + more
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
		lines = append(lines, t.name)
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
	project, rel, ok := s.projectOf(d.uri)
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
	return project, s.decided(ctx, project)[nearest], nil
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
