package lsp

import (
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// maxDiagnostics is how many a file is told, maxFiles how many files at once.
const (
	maxDiagnostics = 500
	maxFiles       = 2000
)

// refresh loads what the open documents are of and tells what is wrong with it.
func (s *Server) refresh() {
	s.dirty = false
	clear(s.begins)
	out := map[string][]diagnostic{}
	loaded := map[string]bool{}
	for _, uri := range slices.Sorted(maps.Keys(s.documents)) {
		d := s.documents[uri]
		p, _, ok := s.projectOf(d)
		switch {
		case d.lost != "":
			out[uri] = []diagnostic{{Severity: severityError, Source: "rowan", Message: "not read: " + d.lost}}
		case ok && !loaded[p.dir]:
			loaded[p.dir] = true
			s.load(p)
			s.collect(p, out)
		case !ok:
			out[uri] = s.alone(d)
		}
		if out[uri] == nil {
			out[uri] = []diagnostic{}
		}
	}
	maps.DeleteFunc(s.projects, func(dir string, _ *project) bool { return !loaded[dir] })
	s.publish(out)
}

// collect adds the diagnostics of a project.
func (s *Server) collect(p *project, out map[string][]diagnostic) {
	files := 0
	for _, rel := range slices.Sorted(maps.Keys(p.findings)) {
		uri := s.uriOf(p, rel)
		if d := s.documents[uri]; d != nil && d.lost != "" || len(p.findings[rel]) == 0 {
			continue
		}
		if files++; files > maxFiles {
			break
		}
		t, ok := p.texts[rel]
		if !ok {
			t = newText("")
		}
		out[uri] = append(out[uri], diagnostics(&t, p.findings[rel])...)
	}
	if p.problem != "" {
		uri := s.uriOf(p, "rowan.yaml")
		out[uri] = append(out[uri], diagnostic{Severity: severityError, Source: "rowan", Message: p.problem})
	}
}

// uriOf is the URI of a file of a project, as the client writes it if it is open.
func (s *Server) uriOf(p *project, rel string) string {
	file := filepath.Join(p.dir, filepath.FromSlash(rel))
	if d := s.files[file]; d != nil {
		return d.uri
	}
	return fileURI(file)
}

// publish tells the diagnostics that are not told yet, and of files without any that
// had some.
func (s *Server) publish(out map[string][]diagnostic) {
	for uri := range s.published {
		if out[uri] == nil {
			out[uri] = []diagnostic{}
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(out)) {
		found := out[uri]
		p := publishParams{URI: uri, Diagnostics: found[:min(len(found), maxDiagnostics)]}
		if d := s.documents[uri]; d != nil {
			p.Version = &d.version
		}
		body, err := json.Marshal(p)
		if err != nil || s.published[uri] == string(body) || s.published[uri] == "" && len(found) == 0 {
			continue
		}
		s.notify("textDocument/publishDiagnostics", json.RawMessage(body))
		if s.published[uri] = string(body); len(found) == 0 {
			delete(s.published, uri)
		}
	}
}

// alone looks at a document that is of no bundle.
func (s *Server) alone(d *document) []diagnostic {
	found := s.findAlone(d)
	return diagnostics(&d.text, found)
}

// findAlone finds what is to be said of a policy that is of no bundle; nothing if
// it is no policy.
func (s *Server) findAlone(d *document) []lint.Finding {
	if !isPolicy(d) {
		return nil
	}
	_, found := lint.Parse("", []byte(d.text.string), s.kindOf(d), s.lintOptions())
	return found
}

func (s *Server) lintOptions() lint.Options {
	return lint.Options{Vocabulary: s.vocabulary, Catalogue: s.catalogue}
}

// isPolicy reports whether a document of no bundle is meant to be a policy: JSON
// with a Statement. Editors send every JSON file that there is.
func isPolicy(d *document) bool {
	if d.lost != "" || !strings.HasSuffix(strings.ToLower(path.Base(d.uri)), ".json") && strings.HasPrefix(d.uri, "file:") {
		return false
	}
	return slices.Contains(scanJSON(d.text.string, 0).outer, "Statement")
}

// kindOf returns the kind of a document on its own.
func (s *Server) kindOf(d *document) policy.Kind {
	doc, err := policy.Parse("", []byte(d.text.string))
	if err != nil {
		return policy.Identity
	}
	return lint.LikelyKind(doc, s.vocabulary)
}

// severities are those of lint as the protocol has them.
var severities = map[lint.Severity]int{
	lint.Suggestion: severityInformation, lint.Warning: severityWarning, lint.SecurityWarning: severityError, lint.Error: severityError,
}

func diagnostics(t *text, found []lint.Finding) []diagnostic {
	out := make([]diagnostic, 0, len(found))
	for i := range found {
		out = append(out, diagnosticOf(t, &found[i]))
	}
	return out
}

func diagnosticOf(t *text, f *lint.Finding) diagnostic {
	d := diagnostic{Range: t.token(f.Pos), Severity: severities[f.Severity], Code: f.Code, Source: "rowan", Message: f.Err.Error()}
	if rule, ok := lint.Find(f.Code); ok && f.Code != "invalid" {
		d.Message = strings.TrimSuffix(d.Message, ".")
		if !strings.HasSuffix(d.Message, "?") {
			d.Message += "."
		}
		d.Message += " " + rule.Why
	}
	return d
}

// findings are those of an open document in its text as it is.
func (s *Server) findings(d *document) []lint.Finding {
	if s.dirty {
		s.refresh()
	}
	if p, rel, ok := s.projectOf(d); ok {
		return p.findings[rel]
	}
	return s.findAlone(d)
}
