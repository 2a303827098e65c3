package bundle

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// Bundle is what Load read. It is immutable and safe for concurrent use.
type Bundle struct {
	// Name is what Load was given; it begins the names of files in messages.
	Name string
	// Account is the twelve digits of the account that the bundle describes,
	// Partition is such as "aws", Region such as "us-east-1".
	Account, Partition, Region string
	// Digest is "sha256:" and the hexadecimal digest of all files, their names
	// included. It does not depend on where they lie.
	Digest string
	// RequireTests says that the bundle is not to be served unless its own tests
	// pass, AllowEmpty that it may be served though it lets nobody do anything.
	RequireTests, AllowEmpty bool
	// All in the order of their names.
	Roles         []*Role
	Resources     []*Resource
	Tables        []*Table
	IdentityPools []*IdentityPool
	UserPools     []*UserPool
	Providers     []*Provider
	// Administrators hold no secrets: those of their access keys stand outside.
	Administrators []*Administrator
	// Services are those that may ask the daemon.
	Services []*Service
	// Routes are the HTTP APIs that gateways ask about.
	Routes []*Routes
	// ServiceControl and ResourceControl are levels, root first; nil if there
	// is none.
	ServiceControl, ResourceControl []*Level
	// Rego are the guardrails in Rego, in the order of their names.
	Rego []Rego

	vocabulary *conditions.Vocabulary
	sources    []source
	documents  []*document // of all kinds, in the order of files and places
	warnings   []lint.Finding
	names      map[place]string

	serviceControl, resourceControl []*engine.Set
	overlaps                        *overlaps
}

// source is one file of a bundle.
type source struct {
	path string // within the bundle
	text []byte
}

// place is where a statement begins; no two statements share one.
type place struct {
	document string
	pos      policy.Position
}

// Role is roles/NAME.yaml.
type Role struct {
	Name string
	// Path begins and ends with a slash.
	Path string
	// ARN is the role's, with its path.
	ARN string
	// Tags are those of the role itself; a session's own come on top.
	Tags []identity.Tag
	// MaxSession is how long a session may last.
	MaxSession time.Duration
	// Trust is the compiled trust policy; nil if the role has none, which means
	// that nobody can assume it.
	Trust *engine.Set
	// Identity holds the role's managed and inline policies; it is never nil.
	// Boundary is nil if the role has none.
	Identity, Boundary *engine.Set
	// UniqueID is AROA and 16 of A-Z2-7. A session is one of the role and its
	// id: give a new id when a role is made anew, and old sessions end.
	UniqueID string

	attached attached
	// trust is the trust policy: who may assume the role. Left out nobody may.
	trust *document
}

// Rego is guardrails/NAME.rego. File is as messages name it.
type Rego struct{ File, Text string }

// Level is one level of guardrails: a folder.
type Level struct {
	// Name is the folder's name, such as "00-root".
	Name string

	documents []*document
}

// overlaps holds the sets of resource policies that apply together.
type overlaps struct {
	mu   sync.Mutex
	sets map[string]*engine.Set
}

// SessionName is the session name that an identity pool gives to the
// credentials that it issues. Source: iam-semantics §5.4 [U].
const SessionName = "CognitoIdentityCredentials"

// Role returns the role of that name. Case matters.
func (b *Bundle) Role(name string) (*Role, bool) { return find(b.Roles, name) }

// Resource returns the resource of that name.
func (b *Bundle) Resource(name string) (*Resource, bool) { return find(b.Resources, name) }

// Table returns the table of that name, which is the name of its file.
func (b *Bundle) Table(name string) (*Table, bool) { return find(b.Tables, name) }

// IdentityPool returns the identity pool of that name, which is the name of
// its file.
func (b *Bundle) IdentityPool(name string) (*IdentityPool, bool) { return find(b.IdentityPools, name) }

// UserPool returns the user pool of that name, which is the name of its file.
func (b *Bundle) UserPool(name string) (*UserPool, bool) { return find(b.UserPools, name) }

// Provider returns the provider of that name, which is the name of its file.
func (b *Bundle) Provider(name string) (*Provider, bool) { return find(b.Providers, name) }

// Administrator returns the administrator of that name.
func (b *Bundle) Administrator(name string) (*Administrator, bool) {
	return find(b.Administrators, name)
}

// Documents counts the policy documents of all kinds, those within other files
// among them.
func (b *Bundle) Documents() int { return len(b.documents) }

type named interface{ name() string }

func (r *Role) name() string          { return r.Name }
func (r *Resource) name() string      { return r.Name }
func (t *Table) name() string         { return t.Name }
func (p *IdentityPool) name() string  { return p.Name }
func (p *UserPool) name() string      { return p.Name }
func (p *Provider) name() string      { return p.Name }
func (a *Administrator) name() string { return a.Name }
func (s *Service) name() string       { return s.Name }
func (r *Routes) name() string        { return r.Name }

// sorted puts files in the order of their names, which is not that of their
// paths: a.yaml comes after a-b.yaml.
func sorted[T named](all []T) {
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(a.name(), b.name()) })
}

func find[T named](all []T, name string) (found T, ok bool) {
	i, ok := slices.BinarySearchFunc(all, name, func(x T, name string) int { return strings.Compare(x.name(), name) })
	if ok {
		found = all[i]
	}
	return found, ok
}

// Source returns the text of a file as messages and statements name it, nil if
// there is none. The bytes must not be changed.
func (b *Bundle) Source(file string) []byte {
	prefix := strings.TrimSuffix(path.Join(b.Name, "x"), "x")
	rest, ok := strings.CutPrefix(file, prefix)
	if !ok {
		return nil
	}
	return b.text(rest)
}

// text returns the text of a file by its path within the bundle.
func (b *Bundle) text(p string) []byte {
	i, ok := slices.BinarySearchFunc(b.sources, p, func(s source, p string) int { return strings.Compare(s.path, p) })
	if !ok {
		return nil
	}
	return b.sources[i].text
}

// StatementName is how suites call a statement: by its Sid, else as
// POLICY#INDEX, where INDEX counts the statements of the document from 0 and
// POLICY is
//
//   - NAME for policies/NAME.json, as a permissions boundary too,
//   - ROLE/NAME for an inline policy of a role, ROLE/trust for its trust policy,
//   - administrators/NAME/POLICY for an inline policy of an administrator,
//   - resources/NAME for the policy of a resource,
//   - the path without .json for a guardrail: guardrails/scp/00-root/NAME,
//   - pools/NAME/guests for the session policy of an identity pool's guests.
func (b *Bundle) StatementName(ref engine.StatementRef) string {
	if ref.Sid != "" {
		return ref.Sid
	}
	return fmt.Sprintf("%s#%d", b.policyName(ref), ref.Index)
}

// policyName is the POLICY of StatementName.
func (b *Bundle) policyName(ref engine.StatementRef) string {
	if name, ok := b.names[place{ref.Document, ref.Pos}]; ok {
		return name
	}
	return ref.Document
}

// Lint returns what a reviewer should see, in the order of files and places:
// the findings of lint in every document, with what is known of the tables, and
// those in the pools. The catalogue of AWS's actions may be nil. The documents
// of a loaded bundle are valid; a finding that is Refused is one over the size
// limits of AWS.
func (b *Bundle) Lint(catalogue lint.Catalogue) []lint.Finding {
	out := slices.Clone(b.warnings)
	o := lint.Options{Vocabulary: b.vocabulary, Catalogue: catalogue, Tables: b.lintTables()}
	for _, d := range b.documents {
		for _, f := range b.check(d, o) {
			// The inline policies of a role have one limit together.
			if d.path != "" && (d.kind == policy.Identity && f.Code == "policy-size" || f.Code == "missing-version") {
				continue
			}
			f.Path = d.path + f.Path
			out = append(out, f)
		}
	}
	// Source: IAM User Guide, "IAM and AWS STS quotas".
	for _, r := range b.Roles {
		out = r.attached.sized(out, "a role", 10240)
	}
	for _, a := range b.Administrators {
		out = a.attached.sized(out, "a user", 2048)
	}
	slices.SortStableFunc(out, lint.Compare)
	return out
}

// LintDocument returns the kind of the document that is a file of the bundle,
// and what lint is to know of it, so that its findings can be mended; ok is
// false for a file that holds none, or several.
func (b *Bundle) LintDocument(file string, catalogue lint.Catalogue) (policy.Kind, lint.Options, bool) {
	for _, d := range b.documents {
		if d.Name == file && d.path == "" {
			return d.kind, lint.Options{Vocabulary: b.vocabulary, Catalogue: catalogue, Tables: b.lintTables()}, true
		}
	}
	return 0, lint.Options{}, false
}

func (b *Bundle) lintTables() []lint.Table {
	out := make([]lint.Table, len(b.Tables))
	for i, t := range b.Tables {
		out[i] = lint.Table{ARN: t.ARN, PartitionKey: t.PartitionKey.Name, SortKey: t.SortKey.Name}
		for _, x := range t.Indexes {
			out[i].Indexes = append(out[i].Indexes, lint.Index{Name: x.Name, PartitionKey: x.PartitionKey.Name, SortKey: x.SortKey.Name})
		}
	}
	return out
}

// sized adds what is wrong with the size of inline policies.
func (a *attached) sized(out []lint.Finding, whose string, most int) []lint.Finding {
	size := 0
	for _, d := range a.inlines {
		size += d.size
	}
	if size > most {
		out = append(out, lint.New("role-policy-size", a.file, policy.Position{}, "/inline",
			"%d characters without white space: the limit of the inline policies of %s is %d", size, whose, most))
	}
	return out
}
