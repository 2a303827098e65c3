package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Service is services/NAME.yaml: a program that asks the daemon for decisions.
// It proves who it is by a key, a client certificate or its user id on a Unix
// socket; each service needs one of the three.
type Service struct {
	Name string
	// Keys are the SHA-256 of its keys, which are random; at most two, so that
	// one can follow the other.
	Keys [][sha256.Size]byte
	// Certificates are subject alternative names of its client certificate: DNS
	// names, or URIs such as spiffe://example.org/orders. One suffices.
	Certificates []string
	// UIDs are the user ids that it runs as, on this machine.
	UIDs []uint32
	// Rights are what it may do beside asking about sessions, in the order of
	// ServiceRights.
	Rights []string
}

// The rights of services.
const (
	// AssertRight lets a service say who a principal is, without a token.
	AssertRight = "assert"
	// ExplainRight shows it policies in explanations.
	ExplainRight = "explain"
	// PoliciesRight lets it describe, validate and test policies.
	PoliciesRight = "policies"
)

// ServiceRights are all rights.
func ServiceRights() []string { return []string{AssertRight, ExplainRight, PoliciesRight} }

// Has reports whether a service has a right; nil has none.
func (s *Service) Has(right string) bool { return s != nil && slices.Contains(s.Rights, right) }

const (
	maxServiceKeys = 2
	keyPrefix      = "sha256:"
	// maxUID is the largest user id; the next one means "none" to Linux.
	maxUID = 1<<32 - 2
)

// service reads services/NAME.yaml.
func (l *loader) service(name string, n node) *Service {
	s := &Service{Name: name}
	n.object("keys, certificates, uids or rights", func(member string, x node) bool {
		switch member {
		case "keys":
			s.Keys = l.serviceKeys(name, x)
		case "certificates":
			s.Certificates = l.certificates(name, x)
		case "uids":
			s.UIDs = l.uids(name, x)
		case "rights":
			s.Rights = rights(x)
		default:
			return false
		}
		return true
	})
	if !n.has("keys") && !n.has("certificates") && !n.has("uids") {
		n.fault("a service needs keys, certificates or uids to be known by")
	}
	return s
}

func (l *loader) serviceKeys(name string, n node) (out [][sha256.Size]byte) {
	if len(n.names()) > maxServiceKeys {
		n.fault("more than %d keys", maxServiceKeys)
	}
	n.list(func(x node) {
		text, ok := strings.CutPrefix(x.Value, keyPrefix)
		sum, err := hex.DecodeString(text)
		if !x.isText() || x.Value == "" {
			return // said by names
		}
		if !ok || err != nil || len(sum) != sha256.Size || text != strings.ToLower(text) {
			// A key that was put in the wrong place is not repeated.
			x.fault("want %s and 64 hexadecimal digits, as rowan keys service prints them", keyPrefix)
			return
		}
		out = append(out, [sha256.Size]byte(sum))
		l.onlyService("key", x, text, name)
	})
	return out
}

func (l *loader) certificates(name string, n node) []string {
	out := n.names()
	n.list(func(x node) {
		if strings.Contains(x.Value, "*") {
			x.fault("a name of a certificate has no wildcard")
		}
		l.onlyService("certificate", x, x.Value, name)
	})
	return out
}

func (l *loader) uids(name string, n node) (out []uint32) {
	n.list(func(x node) {
		if uid := x.integer(0, maxUID); !slices.Contains(out, uint32(uid)) {
			out = append(out, uint32(uid))
		}
		l.onlyService("uid", x, x.Value, name)
	})
	return out
}

// onlyService refuses two services that nobody could tell apart.
func (l *loader) onlyService(what string, x node, value, name string) {
	if other, taken := l.claim("service's "+what+" "+value, name); taken && other != name {
		x.fault("services/%s.yaml has the same %s", other, what)
	}
}

func rights(n node) (out []string) {
	asked := n.names()
	n.list(func(x node) { x.choice(ServiceRights()...) })
	for _, r := range ServiceRights() {
		if slices.Contains(asked, r) {
			out = append(out, r)
		}
	}
	return out
}
