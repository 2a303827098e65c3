package identity

import (
	"context"
	"slices"
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

// audit tells the operator of an event, with the client's address.
func (p *Pools) audit(ctx context.Context, e Event) {
	if p.options.Audit == nil {
		return
	}
	if a := ClientFrom(ctx).Address; a.IsValid() {
		e.Address = a.String()
	}
	p.options.Audit(ctx, e)
}

// auditResolution tells what a resolution made, linked and merged.
func (p *Pools) auditResolution(ctx context.Context, r *resolution, now time.Time) {
	e := Event{Time: now, Pool: r.identity.Pool, Identity: r.identity.ID}
	if len(r.linked) > 0 {
		e.Name, e.Providers = EventLink, providerNames(r.linked)
		if r.created {
			e.Name = EventCreate
		}
		p.audit(ctx, e)
	}
	for _, gone := range r.merged {
		m := Event{Name: EventMerge, Time: now, Pool: gone.Pool, Identity: r.identity.ID, Merged: gone.ID, Providers: providerNames(r.moved)}
		if gone.Authenticated.IsZero() {
			m.Merged = shortID(gone.ID)
		}
		p.audit(ctx, m)
	}
}

// providerNames returns the providers of links, each once, sorted.
func providerNames(links []Link) []string {
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.Provider
	}
	slices.Sort(out)
	return slices.Compact(out)
}
