package bundle

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/policy"
)

// role reads roles/NAME.yaml.
func (l *loader) role(name string, n node) *Role {
	r := &Role{Name: name, Path: "/", MaxSession: time.Hour, file: n.file.name}
	if len(name) > 64 {
		n.fault("the name of a role has at most 64 characters")
	}
	n.object("path, trust, policies, inline, boundary, tags or maxSessionSeconds", func(member string, x node) bool {
		switch member {
		case "path":
			r.Path = x.rolePath()
		case "trust":
			r.trust = x.document(name+"/trust", policy.Trust)
			l.use(r.trust, policy.Trust)
		case "policies":
			l.attach(r, x)
		case "inline":
			l.inline(r, x)
		case "boundary":
			boundary := x.name()
			l.later(func() { r.boundary = l.named(x, boundary, policy.Boundary) })
		case "tags":
			r.Tags = x.tags()
		case "maxSessionSeconds":
			r.MaxSession = time.Duration(x.integer(3600, 43200)) * time.Second
		default:
			return false
		}
		return true
	})
	l.later(func() {
		r.ARN = "arn:" + l.bundle.Partition + ":iam::" + l.bundle.Account + ":role" + r.Path + name
	})
	return r
}

// attach notes the managed policies of a role. They stand before the inline
// ones.
func (l *loader) attach(r *Role, n node) {
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
				r.policies = append(r.policies, d)
			}
		})
	})
}

// inline reads the inline policies of a role.
func (l *loader) inline(r *Role, n node) {
	n.named(false, func(name string, x node) {
		if !iamName(name) {
			x.fault("NAME has 1 to 128 letters, digits or _+=,.@-")
		}
		d := x.document(r.Name+"/"+name, policy.Identity)
		if d == nil {
			return
		}
		l.use(d, policy.Identity)
		r.inlines = append(r.inlines, d)
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
func (n node) tags() []Tag {
	var out []Tag
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
			out = append(out, Tag{key, value})
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
