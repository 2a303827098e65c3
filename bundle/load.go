package bundle

import (
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Load reads a bundle, whole or not at all. name begins the names of files in
// messages: usually the path of the directory, or empty.
//
// The error is policy.Errors with every fault of every file, or says why the
// tree cannot be read. Refused are unknown files, members and references,
// names that stand twice or differ by case alone, symbolic links, and whatever
// is over a limit; files whose names begin with a dot or end in .md, and
// LICENSE, are left alone. Give the FS of an os.Root if another may write to
// the directory while it is read.
//
// Tests are read by Bundle.Suites; a fault in them is none of the bundle.
//
// A bundle with guardrails in Rego is refused too: see LoadWithRego.
func Load(fsys fs.FS, name string, v *conditions.Vocabulary) (*Bundle, error) {
	return load(fsys, name, v, false)
}

// LoadWithRego is Load for a caller that holds to the guardrails in Rego, which
// are the bundle's Rego: whatever the policies allow it must ask them, and deny
// what they deny and what they fail to answer. They are not even parsed here.
func LoadWithRego(fsys fs.FS, name string, v *conditions.Vocabulary) (*Bundle, error) {
	return load(fsys, name, v, true)
}

func load(fsys fs.FS, name string, v *conditions.Vocabulary, rego bool) (*Bundle, error) {
	l := &loader{
		rego:     rego,
		bundle:   &Bundle{Name: name, vocabulary: v, names: map[place]string{}, overlaps: &overlaps{}},
		managed:  map[string]*document{},
		used:     map[use]bool{},
		compiled: map[use]bool{},
		sets:     map[string]*engine.Set{},
		taken:    map[string]string{},
	}
	if err := l.collect(fsys); err != nil {
		return nil, fmt.Errorf("%s: %w", called(name), err)
	}
	l.read()
	l.refer()
	if err := l.finish(); err != nil {
		return nil, err
	}
	l.bundle.Digest = digest(l.bundle.sources)
	return l.bundle, nil
}

func called(name string) string {
	if name == "" {
		return "bundle"
	}
	return name
}

// loader fills a bundle in four passes: collect the files, read them, resolve
// what names what, and once nothing is wrong compile.
type loader struct {
	bundle  *Bundle
	rego    bool // guardrails in Rego are taken
	faults  faults
	dirs    []string
	managed map[string]*document // by name
	uses    []use
	used    map[use]bool
	// compiled are the uses that stand in a set, which are valid.
	compiled map[use]bool
	// references are checked once every file was read.
	references []func()
	sets       map[string]*engine.Set // by kind and documents
	taken      map[string]string      // what only one file may say, and which says it
}

// claim notes that a file says what only one may; it returns the file that
// said it before, if one did.
func (l *loader) claim(what, file string) (other string, taken bool) {
	other, taken = l.taken[what]
	if !taken {
		l.taken[what] = file
	}
	return other, taken
}

// use is a document in a place where it must be a policy of a kind.
type use struct {
	doc  *document
	kind policy.Kind
}

// file is how messages name a path of the bundle.
func (l *loader) file(p string) string { return path.Join(l.bundle.Name, p) }

// later runs a check once every file was read.
func (l *loader) later(check func()) { l.references = append(l.references, check) }

// rest gives other goroutines their turn: a bundle is loaded while requests are
// answered, which the runtime alone would let wait for ten milliseconds at a time.
func rest() { runtime.Gosched() }

// read reads every file but the tests.
func (l *loader) read() {
	begun := false
	for _, s := range l.bundle.sources {
		rest()
		top, _, _ := strings.Cut(s.path, "/")
		switch {
		case s.path == "rowan.yaml":
			begun = true
		case top == "policies":
			if d := l.json(s, stem(s.path), policy.Identity); d != nil {
				l.managed[d.name] = d
			}
		case top == "guardrails" && strings.HasSuffix(s.path, ".rego"):
			l.bundle.Rego = append(l.bundle.Rego, Rego{l.file(s.path), string(s.text)})
		case top == "guardrails":
			l.guardrail(s)
		case strings.HasSuffix(s.path, ".xml") && l.bundle.text(strings.TrimSuffix(s.path, ".xml")+".yaml") == nil:
			l.faults.file(l.file(s.path), "metadata of a provider that is not there: want providers/%s.yaml beside", stem(s.path))
		}
	}
	if !begun {
		l.faults.file(l.file("rowan.yaml"), "no such file: a bundle has one, with its account and region")
	}
	for _, s := range l.bundle.sources {
		rest()
		if strings.HasSuffix(s.path, ".yaml") && !strings.HasPrefix(s.path, "tests/") {
			if root, ok := parseYAML(l.file(s.path), s.text, &l.faults); ok {
				l.yaml(s.path, root)
			}
		}
	}
	l.levels()
}

// yaml reads a file that is no test.
func (l *loader) yaml(p string, root node) {
	b, name := l.bundle, stem(p)
	switch top, _, _ := strings.Cut(p, "/"); top {
	case "rowan.yaml":
		l.root(root)
	case "roles":
		b.Roles = append(b.Roles, l.role(name, root))
	case "resources":
		b.Resources = append(b.Resources, l.resource(name, root))
	case "tables":
		b.Tables = append(b.Tables, l.table(name, root))
	case "pools":
		l.pool(name, root)
	case "providers":
		b.Providers = append(b.Providers, l.registered(name, root))
	case "administrators":
		b.Administrators = append(b.Administrators, l.administrator(name, root))
	case "services":
		b.Services = append(b.Services, l.service(name, root))
	case "routes":
		b.Routes = append(b.Routes, l.routes(name, root))
	}
}

// root reads rowan.yaml.
func (l *loader) root(n node) {
	b := l.bundle
	b.Partition = "aws"
	n.object("account, partition, region, requireTests or allowEmpty", func(name string, x node) bool {
		switch name {
		case "account":
			b.Account = x.account()
		case "partition":
			b.Partition = x.label()
		case "region":
			b.Region = x.label()
		case "requireTests":
			b.RequireTests = x.truth()
		case "allowEmpty":
			b.AllowEmpty = x.truth()
		default:
			return false
		}
		return true
	})
	n.need("account", "region")
}

// json reads a policy document that is a file.
func (l *loader) json(s source, name string, kind policy.Kind) *document {
	doc, err := policy.Parse(l.file(s.path), s.text)
	if !l.faults.document(err, "") {
		return nil
	}
	d := &document{Document: doc, name: name, kind: kind}
	l.use(d, kind)
	return d
}

// use notes that a document stands where a policy of a kind belongs.
func (l *loader) use(d *document, kind policy.Kind) {
	if u := (use{d, kind}); d != nil && !l.used[u] {
		l.used[u] = true
		l.uses = append(l.uses, u)
	}
}

// refer resolves what names what.
func (l *loader) refer() {
	b := l.bundle
	sorted(b.Roles)
	sorted(b.Resources)
	sorted(b.Tables)
	sorted(b.IdentityPools)
	sorted(b.UserPools)
	sorted(b.Providers)
	sorted(b.Administrators)
	sorted(b.Services)
	sorted(b.Routes)
	l.identify()
	for _, check := range l.references {
		check()
	}
}

// identify gives roles, administrators and providers their ARNs, which what is
// checked next may name.
func (l *loader) identify() {
	for _, r := range l.bundle.Roles {
		r.ARN = l.iam("role" + r.Path + r.Name)
		if r.UniqueID == "" {
			r.UniqueID = derivedID("AROA", r.ARN)
		}
	}
	for _, a := range l.bundle.Administrators {
		a.ARN = l.iam("user" + a.Path + a.Name)
		if a.UniqueID == "" {
			a.UniqueID = derivedID("AIDA", a.ARN)
		}
	}
	for _, p := range l.bundle.Providers {
		switch {
		case p.OIDC != nil:
			p.OIDC.ARN = l.iam("oidc-provider/" + p.OIDC.Name)
		case p.SAML != nil:
			p.SAML.ARN = l.iam("saml-provider/" + p.Name)
		}
	}
}

// finish compiles what was read. Compiling validates, and once is enough for a
// sound bundle; if anything is wrong every document is validated where it
// stands, so that all faults are told at once.
func (l *loader) finish() error {
	var err error
	if len(l.faults.all) == 0 {
		err = l.compile()
	}
	for _, u := range l.uses {
		rest()
		if err != nil || len(l.faults.all) > 0 || !l.compiled[u] {
			u.doc.validate(u.kind, l.bundle.vocabulary, &l.faults)
		}
	}
	if faults := l.faults.err(); faults != nil {
		return faults
	}
	return err
}

// compile builds the sets.
func (l *loader) compile() (err error) {
	b := l.bundle
	seen := map[*document]bool{}
	for _, u := range l.uses {
		if seen[u.doc] {
			continue
		}
		seen[u.doc] = true
		u.doc.number = len(b.documents)
		b.documents = append(b.documents, u.doc)
		for i := range u.doc.Statements {
			b.names[place{u.doc.Name, u.doc.Statements[i].Pos}] = u.doc.name
		}
	}
	slices.SortStableFunc(b.documents, compareDocuments)
	for _, r := range b.Roles {
		if r.Identity, r.Boundary, err = r.attached.compile(l); err != nil {
			return err
		}
		if r.trust != nil {
			if r.Trust, err = l.set(policy.Trust, r.trust); err != nil {
				return err
			}
		}
	}
	for _, a := range b.Administrators {
		if a.Identity, a.Boundary, err = a.attached.compile(l); err != nil {
			return err
		}
	}
	for _, r := range b.Resources {
		if r.set, err = l.set(policy.Resource, r.policy); err != nil {
			return err
		}
	}
	for _, p := range b.IdentityPools {
		if p.guests != nil {
			if p.GuestSession, err = l.set(policy.Session, p.guests); err != nil {
				return err
			}
		}
	}
	if b.serviceControl, err = l.levelSets(policy.ServiceControl, b.ServiceControl); err != nil {
		return err
	}
	b.resourceControl, err = l.levelSets(policy.ResourceControl, b.ResourceControl)
	return err
}

func compareDocuments(a, b *document) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	p, q := a.Statements[0].Pos, b.Statements[0].Pos
	if p.Line != q.Line {
		return int(p.Line) - int(q.Line)
	}
	return int(p.Column) - int(q.Column)
}

// set compiles documents, or returns the set compiled before from the same.
func (l *loader) set(kind policy.Kind, docs ...*document) (*engine.Set, error) {
	var b strings.Builder
	b.WriteString(kind.String())
	parsed := make([]*policy.Document, len(docs))
	for i, d := range docs {
		fmt.Fprintf(&b, " %d", d.number)
		parsed[i] = d.Document
	}
	key := b.String()
	if s, ok := l.sets[key]; ok {
		return s, nil
	}
	rest()
	s, err := engine.Compile(l.bundle.vocabulary, kind, parsed...)
	if err != nil {
		return nil, err
	}
	l.sets[key] = s
	for _, d := range docs {
		l.compiled[use{d, kind}] = true
	}
	return s, nil
}

func (l *loader) levelSets(kind policy.Kind, levels []*Level) ([]*engine.Set, error) {
	var out []*engine.Set
	for _, level := range levels {
		s, err := l.set(kind, level.documents...)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
