package lsp

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// Kinds of code actions.
const (
	quickFix = "quickfix"
	fixAll   = "source.fixAll"
)

// codeAction offers the fixes of findings in a range, and all that are certain at
// once.
func (s *Server) codeAction(_ context.Context, p *codeActionParams) (any, *jsonrpc2.Error) {
	d, problem := s.document(p.TextDocument.URI)
	if problem != nil || d.lost != "" {
		return nil, problem
	}
	out := []codeAction{}
	fixable := false
	for _, f := range s.findings(d) {
		if f.Fix == nil {
			continue
		}
		fixable = true
		x := diagnosticOf(&d.text, &f)
		edits, ok := edits(&d.text, f.Fix)
		if ok && wanted(p.Context.Only, quickFix) && overlap(x.Range, p.Range) {
			out = append(out, codeAction{f.Fix.What, quickFix, []diagnostic{x}, true, workspaceEdit{map[string][]textEdit{d.uri: edits}}})
		}
	}
	if fixable && wanted(p.Context.Only, fixAll) {
		if all, ok := s.fixAll(d); ok {
			out = append(out, codeAction{
				Title: "mend what is certain", Kind: fixAll,
				Edit: workspaceEdit{map[string][]textEdit{d.uri: {all}}},
			})
		}
	}
	return out, nil
}

// wanted reports whether a kind is among those that a client asks for, or all are.
// Source: Language Server Protocol Specification, "CodeActionKind".
func wanted(only []string, kind string) bool {
	for _, o := range only {
		if o == "" || kind == o || strings.HasPrefix(kind, o+".") {
			return true
		}
	}
	return len(only) == 0
}

func overlap(a, b Range) bool { return !before(a.End, b.Start) && !before(b.End, a.Start) }

func before(a, b Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}

// edits are those of a fix; ok is false if one does not fit the text.
func edits(t *text, f *lint.Fix) (out []textEdit, ok bool) {
	for _, e := range f.Edits {
		from, known := t.at(e.Pos)
		if !known || !strings.HasPrefix(t.string[from:], e.Old) {
			return nil, false
		}
		out = append(out, textEdit{t.span(from, from+len(e.Old)), e.New})
	}
	return out, true
}

// fixAll is an edit of the whole text with every certain fix of a finding that is
// told.
func (s *Server) fixAll(d *document) (textEdit, bool) {
	src := []byte(d.text.string)
	kind, options, keep := policy.Kind(0), s.lintOptions(), func(*lint.Finding) bool { return true }
	if p, rel, ok := s.projectOf(d); ok {
		known := false
		if p.bundle != nil {
			kind, options, known = p.bundle.LintDocument(rel, s.catalogue)
		}
		if !known {
			if kind, known = kindOf(rel); !known {
				return s.fixWithin(d)
			}
			options = s.lintOptions()
		}
		keep = p.keep(rel)
	} else {
		kind = s.kindOf(d)
	}
	out, taken := lint.FixAll("", src, kind, options, keep)
	if taken == 0 {
		return textEdit{}, false
	}
	return textEdit{d.text.span(0, len(d.text.string)), string(out)}, true
}

// fixWithin is fixAll of a file that holds documents.
func (s *Server) fixWithin(d *document) (textEdit, bool) {
	var fixes []*lint.Fix
	for _, f := range s.findings(d) {
		if f.Fix != nil {
			fixes = append(fixes, f.Fix)
		}
	}
	out, taken, err := lint.Apply([]byte(d.text.string), fixes)
	return textEdit{d.text.span(0, len(d.text.string)), string(out)}, err == nil && taken > 0
}

// keep lets the findings of a file pass that are not left out.
func (p *project) keep(rel string) func(*lint.Finding) bool {
	return func(f *lint.Finding) bool {
		if p.reason == nil {
			return true
		}
		g := *f
		g.Name = filepath.Join(p.dir, filepath.FromSlash(rel))
		return p.reason(&g) == ""
	}
}
