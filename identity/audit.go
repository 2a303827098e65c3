package identity

import (
	"strings"
	"time"
)

// Event is something that an auditor asks about later. It holds no secret, no
// token and no whole id of a guest, which is a bearer secret.
type Event struct {
	// Name is one of the Event… constants.
	Name string    `json:"event"`
	Time time.Time `json:"time"`
	Pool string    `json:"pool,omitempty"`
	// Identity is the identity that is left; a guest's is cut short.
	Identity string `json:"identity,omitempty"`
	// Merged is the identity that a merge disabled.
	Merged string `json:"merged,omitempty"`
	// Providers are the login keys that the event is about, sorted.
	Providers []string `json:"providers,omitempty"`
	// Role is the ARN of the role, Session the id of the session.
	Role    string `json:"role,omitempty"`
	Session string `json:"session,omitempty"`
	// AccessKeyID is that of the credentials.
	AccessKeyID string `json:"accessKeyId,omitempty"`
	// Address is the client's.
	Address string `json:"address,omitempty"`
}

// The names of events. They are stable.
const (
	EventCreate = "identity.create"
	EventLink   = "identity.link"
	EventUnlink = "identity.unlink"
	EventMerge  = "identity.merge"
	EventDelete = "identity.delete"
	EventToken  = "token.issue"
	EventIssue  = "credentials.issue"
)

// shortID cuts an identity id so that it can be told from others in a log and
// is of no use to a reader.
func shortID(id string) string {
	region, rest, ok := strings.Cut(id, ":")
	if !ok || len(rest) < 8 {
		return "…"
	}
	return region + ":" + rest[:8] + "…"
}
