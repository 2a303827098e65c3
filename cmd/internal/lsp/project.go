package lsp

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/rego"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// project is a bundle that a document is of.
type project struct {
	dir string
	// bundle and suites are the last that could be loaded; current says that they
	// are of the texts as they are.
	bundle     *bundle.Bundle
	suites     []*bundle.Suite
	guardrails *rego.Guardrails
	current    bool
	// findings are those of the texts as they are, by path within the bundle, texts
	// what they were found in.
	findings map[string][]lint.Finding
	texts    map[string]text
	// problem says why the tree cannot be read at all.
	problem string
	// reason says why a finding is left out; nil leaves none out.
	reason func(*lint.Finding) string
	// tests are what the suites say of statements; nil until somebody asks.
	tests *tested
}

// filePath returns the path of a file's URI; ok is false for any other.
func filePath(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	p := u.Path
	if filepath.Separator == '\\' { // file:///C:/…
		p = strings.TrimPrefix(p, "/")
	}
	return filepath.Clean(filepath.FromSlash(p)), true
}

// fileURI is the URI of a path.
func fileURI(p string) string {
	p = filepath.ToSlash(p)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}

// maxParents is how many folders above a file are looked into for rowan.yaml.
const maxParents = 32

// bundleDir returns the nearest folder at or above a file that holds rowan.yaml,
// on disk or among the open texts.
func (s *Server) bundleDir(file string) (string, bool) {
	dir := filepath.Dir(file)
	for range maxParents {
		if s.files[filepath.Join(dir, "rowan.yaml")] != nil || s.exists(dir) {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return "", false
}

// exists reports whether a folder on disk holds rowan.yaml. It looks once between
// two refreshes.
func (s *Server) exists(dir string) bool {
	found, known := s.begins[dir]
	if !known {
		found = s.look(dir)
		s.begins[dir] = found
	}
	return found
}

func (s *Server) look(dir string) bool {
	tree, closer, err := s.options.Open(dir)
	if err != nil {
		return false
	}
	defer func() { _ = closer.Close() }() // it was only read
	st, err := fs.Stat(tree, "rowan.yaml")
	return err == nil && st.Mode().IsRegular()
}

// projectOf returns the project of a document, and its path within; ok is false
// for a document of none.
func (s *Server) projectOf(d *document) (p *project, rel string, ok bool) {
	if d.file == "" {
		return nil, "", false
	}
	dir, ok := s.bundleDir(d.file)
	if !ok {
		return nil, "", false
	}
	rel, err := filepath.Rel(dir, d.file)
	if err != nil {
		return nil, "", false
	}
	if p = s.projects[dir]; p == nil {
		p = &project{dir: dir}
		s.projects[dir] = p
	}
	return p, filepath.ToSlash(rel), true
}

// opened are the texts of a project that are open, by their paths within. Lost
// ones are not among them.
func (s *Server) opened(p *project) map[string]*document {
	out := map[string]*document{}
	for file, d := range s.files {
		if rel, err := filepath.Rel(p.dir, file); err == nil && filepath.IsLocal(rel) && d.lost == "" {
			out[filepath.ToSlash(rel)] = d
		}
	}
	return out
}

// load reads a project again, the open texts over its files.
func (s *Server) load(p *project) {
	p.current, p.tests, p.problem, p.reason = false, nil, "", nil
	p.findings, p.texts = map[string][]lint.Finding{}, map[string]text{}
	tree, closer, err := s.options.Open(p.dir)
	if err != nil {
		p.problem = err.Error()
		return
	}
	defer func() { _ = closer.Close() }() // it was only read
	open := s.opened(p)
	over := overlay{tree, map[string][]byte{}}
	for rel, d := range open {
		over.texts[rel] = []byte(d.text.string)
	}
	b, err := bundle.LoadWithRego(over, "", s.vocabulary)
	p.note(err)
	if b == nil {
		s.lintOpen(p, open)
	} else {
		p.bundle = b
		for _, f := range b.Lint(s.catalogue) {
			p.findings[f.Name] = append(p.findings[f.Name], f)
		}
		p.guardrails, err = rego.Compile(context.Background(), b.Rego, s.vocabulary)
		p.note(err)
		suites, suiteErr := b.Suites()
		p.note(suiteErr)
		p.suites = suites
		p.current = err == nil && suiteErr == nil
	}
	s.suppress(p)
	p.read(over, open)
}

// note adds what is wrong with files.
func (p *project) note(err error) {
	var faults policy.Errors
	switch {
	case err == nil:
	case errors.As(err, &faults):
		for _, e := range faults {
			p.findings[e.Name] = append(p.findings[e.Name], lint.New("invalid", e.Name, e.Pos, e.Path, "%w", e.Err))
		}
	default:
		p.problem = err.Error()
	}
}

// lintOpen looks at the open policies of a bundle that cannot be loaded, so that a
// fault in one file does not hide what is to be said of another.
func (s *Server) lintOpen(p *project, open map[string]*document) {
	for rel, d := range open {
		kind, ok := kindOf(rel)
		if !ok || len(p.findings[rel]) > 0 {
			continue
		}
		o := lint.Options{Vocabulary: s.vocabulary, Catalogue: s.catalogue}
		_, p.findings[rel] = lint.Parse(rel, []byte(d.text.string), kind, o)
	}
}

// kindOf is the kind of the policy that is a file of a bundle, by its path.
func kindOf(rel string) (policy.Kind, bool) {
	switch {
	case !strings.HasSuffix(rel, ".json"):
		return 0, false
	case strings.HasPrefix(rel, "policies/"):
		return policy.Identity, true
	case strings.HasPrefix(rel, "guardrails/scp/"):
		return policy.ServiceControl, true
	case strings.HasPrefix(rel, "guardrails/rcp/"):
		return policy.ResourceControl, true
	}
	return 0, false
}

// suppress takes out the findings that are left out with a reason.
func (s *Server) suppress(p *project) {
	if s.options.Suppressed == nil {
		return
	}
	reason, err := s.options.Suppressed(p.dir)
	if err != nil {
		s.tell(messageError, err.Error())
		return
	}
	p.reason = reason
	for rel, found := range p.findings {
		keep := p.keep(rel)
		p.findings[rel] = slices.DeleteFunc(found, func(f lint.Finding) bool { return !keep(&f) })
	}
}

// read keeps the texts that were found wanting.
func (p *project) read(tree fs.FS, open map[string]*document) {
	for rel := range p.findings {
		if d := open[rel]; d != nil {
			p.texts[rel] = d.text
			continue
		}
		if b, err := fs.ReadFile(tree, rel); err == nil && len(b) <= MaxDocument {
			p.texts[rel] = newText(string(b))
		}
	}
}
