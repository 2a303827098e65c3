package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// String says for the author of the policies what would have to be: it goes on
// from "would be allowed if". It names statements, files and lines, and is not for
// who asked: see Flips.Hint.
func (p *Proposal) String() string {
	out := p.Words()
	for i := range p.Additions {
		out += " " + p.Additions[i].Statement
	}
	return out
}

// Words is String without the statements that are to be added.
func (p *Proposal) Words() string {
	var parts []string
	for i := range p.Keys {
		parts = append(parts, p.Keys[i].text())
	}
	if p.Resource != "" {
		parts = append(parts, "the resource were "+p.Resource)
	}
	for _, r := range p.Obstacles {
		parts = append(parts, "the Deny "+r.String()+" did not hold for it")
	}
	for i := range p.Additions {
		parts = append(parts, p.Additions[i].text())
	}
	return strings.Join(parts, ", and ")
}

func (c *KeyChange) text() string {
	subject := c.Key
	if ownerOf(c.Key) == ownedByIdentity {
		subject = "the identity's " + c.Key
	}
	switch {
	case c.Now == nil:
		return "there were no " + subject
	case c.narrows():
		return subject + " were " + quotedList(c.Now) + " alone"
	case c.Own != "":
		return subject + " were " + quotedList(c.Now) + ", the identity's own " + c.Own
	case c.Was == nil:
		return subject + " were given, as " + quotedList(c.Now)
	}
	return subject + " were " + quotedList(c.Now)
}

func quotedList(values []string) string {
	if len(values) == 0 {
		return "an empty list"
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(out, ", ")
}

// text says where a statement would have to be.
func (a *Addition) text() string {
	kind := kindWords[a.Kind]
	if a.Document == "" {
		return "a new " + kind + " had this statement"
	}
	return fmt.Sprintf("the %s %s:%d had this statement", kind, a.Document, a.Pos.Line)
}

// kindWords are the kinds of policies as people call them.
var kindWords = map[policy.Kind]string{
	policy.Identity: "identity policy", policy.Boundary: "permissions boundary", policy.Session: "session policy", policy.Endpoint: "endpoint policy",
	policy.Resource: "policy of the resource", policy.ServiceControl: "service control policy", policy.ResourceControl: "resource control policy",
}

// hint says to the caller what else they may ask, if that can be said. It speaks
// of what the caller sent and of what is the caller's own: of values that a policy
// variable takes from the identity, and of values that are left away. Values that
// policies name, keys that a caller might supply or drop, other resources and what
// a policy wants of circumstances are not told: they would tell of policies, of
// others, or of what there is.
func (f *flipper) hint() string {
	for i := range f.out.Proposals {
		p := &f.out.Proposals[i]
		if p.Part != OfRequest {
			continue
		}
		if text, ok := f.safe(p); ok {
			return text
		}
	}
	return ""
}

func (f *flipper) safe(p *Proposal) (string, bool) {
	var parts []string
	for i := range p.Keys {
		c := &p.Keys[i]
		if ownerOf(c.Key) != ownedByRequest || c.Was == nil {
			return "", false
		}
		switch {
		case c.rows() && f.mine(c.Now):
			parts = append(parts, "you may ask for rows of your own partition")
		case c.narrows():
			left := slices.DeleteFunc(slices.Clone(c.Was), func(v string) bool { return slices.Contains(c.Now, v) })
			parts = append(parts, "you may ask without "+quotedList(left)+" in "+c.Key)
		case c.Own != "":
			parts = append(parts, "you may ask with "+c.Key+" "+quotedList(c.Now)+", which is your own")
		default:
			return "", false
		}
	}
	if p.Resource != "" {
		if !f.ownPath(p.Resource) {
			return "", false
		}
		parts = append(parts, "you may ask for "+p.Resource)
	}
	return strings.Join(parts, ", and "), len(parts) > 0
}

// rows reports whether the key says which rows are asked for.
func (c *KeyChange) rows() bool { return keyName(c.Key) == "dynamodb:leadingkeys" }

// mine reports whether values are the identity's own.
func (f *flipper) mine(values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return f.own[v] == "" })
}

// ownPath reports whether a resource is the one asked for but for one part of its
// path, which is the identity's own.
func (f *flipper) ownPath(arn string) bool {
	was, now := strings.Split(f.asked.resource, "/"), strings.Split(arn, "/")
	if len(was) != len(now) {
		return false
	}
	differ := 0
	for i := range was {
		if was[i] != now[i] {
			if differ++; f.own[now[i]] == "" {
				return false
			}
		}
	}
	return differ == 1
}
