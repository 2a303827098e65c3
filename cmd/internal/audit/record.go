package audit

import (
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Record is one decision. Write keeps nothing of it.
type Record struct {
	// ID names the decision; an answer over the wire has it too.
	ID   string
	Time time.Time
	// Kind is the question's: "decide", "rows", "filter", "explain", "dynamodb"
	// or "s3". "head" is taken.
	Kind string
	// Service is the calling service, Principal the ARN of who asks, Session and
	// Identity are the ids of a session and at an identity pool. All may be empty.
	Service, Principal, Session, Identity string
	// Client is the address that the call came from; the zero value is unknown.
	Client                            netip.Addr
	Action, Resource, ResourceAccount string
	// Context holds the context keys; nil is none.
	Context *conditions.Context
	Outcome engine.Outcome
	// By is what decided, as engine.Authority says it, or ByGuardrail.
	By         string
	Statements []Statement
	// SessionPolicy says that the session has a policy of its own, which no bundle
	// has.
	SessionPolicy bool
	// Fault says why there was no decision, Guardrail why a guardrail denied.
	Fault, Guardrail string
	// Rows and Allowed count those of a question about rows.
	Rows, Allowed int
	// Digest and Version are of the bundle that decided.
	Digest  string
	Version uint64
	Took    time.Duration
}

// ByGuardrail is the By of what a guardrail in Rego denied.
const ByGuardrail = "guardrail"

// Statement names a statement that decided: the document it stands in, its place
// there from 0, and its line from 1.
type Statement struct {
	Policy, Sid string
	Index, Line int
}

// denied reports whether something was denied.
func (r *Record) denied() bool { return r.Outcome != engine.Allowed || r.Allowed < r.Rows }

// maxBody bounds a line. A decision with more context keys than fit is written
// without them, and says how many there were.
const maxBody = 64 << 10

// appendRecord appends the body of a line: all but the sequence number and the
// hash, and the brace before them.
func (m masks) appendRecord(b []byte, r *Record) []byte {
	begin := len(b)
	b = appendAt(b, r.Time, r.Kind)
	b = appendText(b, "id", r.ID)
	b = appendText(b, "service", r.Service)
	b = m.appendField(b, "principal", r.Principal)
	b = m.appendField(b, "session", r.Session)
	b = m.appendField(b, "identity", r.Identity)
	b = m.appendClient(b, r.Client)
	b = appendText(b, "action", r.Action)
	b = m.appendField(b, "resource", r.Resource)
	b = appendText(b, "resourceAccount", r.ResourceAccount)
	b = append(b, `,"decision":"`...)
	b = append(b, r.Outcome.String()...)
	b = append(b, '"')
	b = appendText(b, "decidedBy", r.By)
	b = appendStatements(b, r.Statements)
	if r.SessionPolicy {
		b = append(b, `,"sessionPolicy":true`...)
	}
	b = appendText(b, "fault", r.Fault)
	b = m.appendField(b, "guardrail", r.Guardrail)
	if r.Kind == "rows" {
		b = appendCount(b, "rows", uint64(max(0, r.Rows)))
		b = appendCount(b, "allowed", uint64(max(0, r.Allowed)))
	}
	b = appendText(b, "digest", r.Digest)
	if r.Version != 0 {
		b = appendCount(b, "version", r.Version)
	}
	b = appendCount(b, "tookNanos", uint64(max(0, r.Took)))
	b = m.appendKeys(b, r.Context, begin+maxBody)
	b = append(b, m.text...)
	return append(b, '}')
}

func appendStatements(b []byte, all []Statement) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(b, `,"statements":[`...)
	for i := range all {
		if i > 0 {
			b = append(b, ',')
		}
		s := &all[i]
		b = append(b, `{"policy":`...)
		b = appendString(b, s.Policy)
		b = appendText(b, "sid", s.Sid)
		b = appendCount(b, "index", uint64(max(0, s.Index)))
		b = appendCount(b, "line", uint64(max(0, s.Line)))
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendKeys appends the context keys: name to values. null is a key that is
// there with a value that nobody knows.
func (m masks) appendKeys(b []byte, c *conditions.Context, limit int) []byte {
	if c == nil {
		return b
	}
	begin, n := len(b), 0
	b = append(b, `,"keys":{`...)
	for name, values := range c.All() {
		n++
		if len(b) > limit {
			continue // they are only counted
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = m.appendValues(b, c, name, values, m.of(name), limit)
	}
	b = append(b, '}')
	if len(b) > limit {
		return appendCount(b[:begin], "keysLeftOut", uint64(n))
	}
	return b
}

func (m masks) appendValues(b []byte, c *conditions.Context, name string, values []string, how masking, limit int) []byte {
	if len(values) == 0 {
		if _, state := c.Value(name); state == conditions.Indeterminate {
			return append(b, "null"...)
		}
		return append(b, "[]"...)
	}
	b = append(b, '[')
	for i, v := range values {
		if len(b) > limit {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = m.appendMasked(b, v, how)
	}
	return append(b, ']')
}

// maxField bounds a member in bytes.
const maxField = 8 << 10

func (m masks) appendField(b []byte, name, value string) []byte {
	how := m.of(name)
	if value == "" || how == shown {
		return appendText(b, name, value)
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return m.appendMasked(b, value, how)
}

func (m masks) appendClient(b []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return b
	case m.of("client") != shown:
		return m.appendField(b, "client", a.String())
	}
	b = append(b, `,"client":"`...)
	b = a.WithZone("").AppendTo(b)
	return append(b, '"')
}

// appendMasked appends a value as the mask wants it.
func (m masks) appendMasked(b []byte, value string, how masking) []byte {
	switch how {
	case shown:
		return appendString(b, value)
	case hashed:
		var sum [32]byte
		m.hash(&sum, value)
		b = append(b, `"hmac:`...)
		b = hex.AppendEncode(b, sum[:16])
		return append(b, '"')
	case dropped:
	}
	return append(b, `"masked"`...)
}
