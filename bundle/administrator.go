package bundle

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// Administrator is administrators/NAME.yaml: a user of the account who may
// call signed operations, as far as the policies allow. The secrets of the
// access keys stand outside the bundle.
type Administrator struct {
	Name string
	// Path begins and ends with a slash; ARN is the user's, with it.
	Path, ARN string
	// UniqueID is AIDA and 16 of A-Z2-7.
	UniqueID string
	Tags     []identity.Tag
	// AccessKeys are AKIA and 16 of A-Z0-9, at most two, so that one can follow
	// the other.
	AccessKeys []string
	// Identity is never nil; Boundary is nil if there is none.
	Identity, Boundary *engine.Set

	attached attached
}

// maxAccessKeys is how many a user has. Source: IAM User Guide, "IAM and AWS
// STS quotas".
const maxAccessKeys = 2

// administrator reads administrators/NAME.yaml.
func (l *loader) administrator(name string, n node) *Administrator {
	a := &Administrator{Name: name, Path: "/", attached: attached{file: n.file.name, owner: "administrators/" + name}}
	if len(name) > 64 {
		n.fault("the name of an administrator has at most 64 characters")
	}
	n.object("path, policies, inline, boundary, tags, accessKeys or id", func(member string, x node) bool {
		switch member {
		case "path":
			a.Path = x.rolePath()
		case "policies":
			l.attach(&a.attached, x)
		case "inline":
			l.inline(&a.attached, x)
		case "boundary":
			l.boundary(&a.attached, x)
		case "tags":
			a.Tags = x.tags()
		case "accessKeys":
			a.AccessKeys = l.accessKeys(name, x)
		case "id":
			a.UniqueID = l.uniqueID("AIDA", x)
		default:
			return false
		}
		return true
	})
	return a
}

// accessKeys reads the access keys of an administrator. Each is in the bundle
// once.
func (l *loader) accessKeys(name string, n node) []string {
	out := n.names()
	if len(out) > maxAccessKeys {
		n.fault("more than %d access keys", maxAccessKeys)
	}
	n.list(func(x node) {
		id := x.Value
		rest, ok := strings.CutPrefix(id, "AKIA")
		switch {
		case id == "" || !x.isText():
		case !ok || len(rest) != 16 || strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
			// A secret that was put in the wrong place is not repeated.
			x.fault("an access key's id is AKIA and 16 capital letters or digits")
		default:
			if other, taken := l.claim("access key "+id, name); taken && other != name {
				x.fault("administrators/%s.yaml has the same access key", other)
			}
		}
	})
	return out
}

// uniqueID reads the identifier that tells a role or user from an earlier one
// of the same name.
func (l *loader) uniqueID(prefix string, n node) string {
	s := n.name()
	rest, ok := strings.CutPrefix(s, prefix)
	switch {
	case s == "":
	case !ok || len(rest) != 16 || strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "":
		n.fault("an id is %s and 16 of A-Z and 2-7, have %s", prefix, n.kind())
	default:
		if other, taken := l.claim("id "+s, n.file.name); taken {
			n.fault("%s has the same id", other)
		}
	}
	return s
}

// derivedID is the identifier of a role or user that gives none. It follows
// from the ARN, so that a bundle means the same wherever it is loaded.
func derivedID(prefix, arn string) string {
	h := sha256.New()
	for _, part := range []string{"rowan unique id", prefix, arn} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	return prefix + base32.StdEncoding.EncodeToString(h.Sum(nil))[:16]
}
