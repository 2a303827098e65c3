package bundle

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

// role reads roles/NAME.yaml.
func (l *loader) role(name string, n node) *Role {
	r := &Role{Name: name, Path: "/", MaxSession: time.Hour, attached: attached{file: n.file.name, owner: name}}
	if len(name) > 64 {
		n.fault("the name of a role has at most 64 characters")
	}
	n.object("path, trust, policies, inline, boundary, tags, maxSessionSeconds or id", func(member string, x node) bool {
		switch member {
		case "path":
			r.Path = x.rolePath()
		case "trust":
			r.trust = x.document(name+"/trust", policy.Trust)
			l.use(r.trust, policy.Trust)
			l.trusted(r.trust, x)
		case "policies":
			l.attach(&r.attached, x)
		case "inline":
			l.inline(&r.attached, x)
		case "boundary":
			l.boundary(&r.attached, x)
		case "tags":
			r.Tags = x.tags()
		case "maxSessionSeconds":
			r.MaxSession = time.Duration(x.integer(3600, 43200)) * time.Second
		case "id":
			r.UniqueID = l.uniqueID("AROA", x)
		default:
			return false
		}
		return true
	})
	return r
}

// trusted refuses a trust policy that the tokens of any identity pool satisfy.
func (l *loader) trusted(d *document, n node) {
	if d == nil {
		return
	}
	var faults policy.Errors
	if errors.As(identity.CheckTrust(d.Document), &faults) {
		for _, f := range faults {
			n.file.fault(f.Pos, n.path+f.Path, "%w", f.Err)
		}
	}
}

// attached are the policies of a role or an administrator.
type attached struct {
	file     string
	owner    string      // begins the names of inline policies
	policies []*document // managed, then inline
	inlines  []*document
	limit    *document // the permissions boundary
}

// compile builds the sets; boundary is nil if there is none.
func (a *attached) compile(l *loader) (own, boundary *engine.Set, err error) {
	a.policies = append(a.policies, a.inlines...)
	if own, err = l.set(policy.Identity, a.policies...); err != nil || a.limit == nil {
		return own, nil, err
	}
	boundary, err = l.set(policy.Boundary, a.limit)
	return own, boundary, err
}

// boundary reads the name of the permissions boundary.
func (l *loader) boundary(a *attached, n node) {
	name := n.name()
	l.later(func() { a.limit = l.named(n, name, policy.Boundary) })
}

// attach notes the managed policies. They stand before the inline ones.
func (l *loader) attach(a *attached, n node) {
	seen := map[string]bool{}
	n.list(func(x node) {
		name := x.name()
		switch {
		case name == "":
			return
		case seen[name]:
			x.fault("%q stands twice", short(name))
			return
		}
		seen[name] = true
		l.later(func() {
			if d := l.named(x, name, policy.Identity); d != nil {
				a.policies = append(a.policies, d)
			}
		})
	})
}

// inline reads the inline policies.
func (l *loader) inline(a *attached, n node) {
	n.named(false, func(name string, x node) {
		if !iamName(name) {
			x.fault("NAME has 1 to 128 letters, digits or _+=,.@-")
		}
		d := x.document(a.owner+"/"+name, policy.Identity)
		if d == nil {
			return
		}
		l.use(d, policy.Identity)
		a.inlines = append(a.inlines, d)
	})
}

// named returns the managed policy of that name, which stands where a policy
// of the kind belongs.
func (l *loader) named(x node, name string, kind policy.Kind) *document {
	d, ok := l.managed[name]
	switch {
	case ok:
		l.use(d, kind)
	case l.bundle.text("policies/"+name+".json") != nil:
		// It is there and has faults of its own.
	case name != "":
		x.fault("no policies/%s.json", short(name))
	}
	return d
}

// rolePath reads the path of a role. Source: IAM User Guide, "IAM
// identifiers".
func (n node) rolePath() string {
	s := n.text()
	bad := len(s) > 512 || !strings.HasPrefix(s, "/") || !strings.HasSuffix(s, "/") || strings.Contains(s, "//") ||
		strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("*?:$", r) })
	if bad && n.isText() {
		n.fault("a path begins and ends with a slash, such as /games/, have %s", n.kind())
	}
	return s
}

// Limits of tags. Source: IAM User Guide, "Rules for tagging"; identity
// pools have the same.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// tags reads tags, in source order.
func (n node) tags() []identity.Tag {
	var out []identity.Tag
	n.named(false, func(key string, x node) {
		value := x.text()
		switch {
		case !tagText(key, maxTagKey) || strings.HasPrefix(strings.ToLower(key), "aws:"):
			x.fault("a tag's key has 1 to %d letters, digits, spaces or _.:/=+-@ and does not begin with aws:", maxTagKey)
		case !tagText(value, maxTagValue):
			x.fault("a tag's value has at most %d letters, digits, spaces or _.:/=+-@", maxTagValue)
		case len(out) == maxTags:
			x.fault("more than %d tags", maxTags)
		}
		if len(out) < maxTags {
			out = append(out, identity.Tag{Key: key, Value: value})
		}
	})
	return out
}

// tagText reports whether s may stand in a tag.
func tagText(s string, most int) bool {
	return utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' && !strings.ContainsRune("_.:/=+-@", r)
	})
}
