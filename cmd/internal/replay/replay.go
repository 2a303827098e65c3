// Package replay decides again what a decision log says was decided, and explains
// it.
package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// Line is a decision as the log has it.
type Line struct {
	At              string              `json:"at"`
	Kind            string              `json:"kind"`
	ID              string              `json:"id"`
	Service         string              `json:"service"`
	Principal       string              `json:"principal"`
	Session         string              `json:"session"`
	Identity        string              `json:"identity"`
	Client          string              `json:"client"`
	Action          string              `json:"action"`
	Resource        string              `json:"resource"`
	ResourceAccount string              `json:"resourceAccount"`
	Decision        string              `json:"decision"`
	DecidedBy       string              `json:"decidedBy"`
	Statements      []Statement         `json:"statements"`
	Fault           string              `json:"fault"`
	Guardrail       string              `json:"guardrail"`
	Rows            int                 `json:"rows"`
	Allowed         int                 `json:"allowed"`
	SessionPolicy   bool                `json:"sessionPolicy"`
	Digest          string              `json:"digest"`
	Version         uint64              `json:"version"`
	TookNanos       int64               `json:"tookNanos"`
	Keys            map[string][]string `json:"keys"`
	KeysLeftOut     int                 `json:"keysLeftOut"`
	Masks           []string            `json:"masks"`
	// Text is the line itself, if Find found it.
	Text []byte `json:"-"`
}

// Statement is a statement that decided, as the log names it.
type Statement struct {
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	Index  int    `json:"index"`
	Line   int    `json:"line"`
}

// Parse reads a line of a log.
func Parse(text []byte) (*Line, error) {
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, err
	}
	return &l, nil
}

// Replayed is a decision that was made again.
type Replayed struct {
	Request     *engine.Request
	Explanation engine.Explanation
	// Notes say why it may not be what was decided then, and Differs that the
	// outcome is another one though all is known, which should not be.
	Notes   []string
	Differs bool
	unknown bool
}

// ErrUnknowable means that what is left of a decision does not say what was asked.
var ErrUnknowable = errors.New("the log does not say enough to decide it again")

// Replay decides again with a bundle, which should be the one of that day.
func Replay(l *Line, b *bundle.Bundle) (*Replayed, error) {
	out := &Replayed{}
	if digest := strings.TrimPrefix(b.Digest, "sha256:"); digest != l.Digest {
		out.note("this is another bundle: the decision is of %s, and this is %s", l.Digest, digest)
	}
	if l.KeysLeftOut > 0 {
		return nil, fmt.Errorf("%w: it had %d context keys, too many to be written", ErrUnknowable, l.KeysLeftOut)
	}
	account, err := b.IdentityAccount()
	if err != nil {
		return nil, err
	}
	c, err := l.context(out, account.Vocabulary)
	if err != nil {
		return nil, err
	}
	p, e, err := l.caller(out, b, account)
	if err != nil {
		return nil, err
	}
	if e.Resource, err = b.ResourceSet(l.Resource); err != nil {
		return nil, err
	}
	if l.ResourceAccount != b.Account && l.Kind != "dynamodb" && l.Kind != "s3" {
		e.ResourceControl = nil
	}
	out.Request = &engine.Request{Principal: p, Action: l.Action, Resource: l.Resource, ResourceAccount: l.ResourceAccount, Context: c}
	out.Explanation = e.Explain(out.Request)
	l.compare(out)
	return out, nil
}

func (r *Replayed) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// compare says where this differs from what was decided.
func (l *Line) compare(out *Replayed) {
	now := out.Explanation.Decision.Outcome.String()
	switch {
	case l.DecidedBy == audit.ByGuardrail:
		out.note("a guardrail in Rego denied, whatever the policies say: %s", l.Guardrail)
	case l.Kind == "rows":
		out.note("the question was about %d rows, of which %d were allowed: their keys are not in the log, and are absent here", l.Rows, l.Allowed)
	case l.Kind == "filter":
		out.note("the question was for a filter: what it left open is absent here")
	case now != l.Decision:
		out.Differs = !out.unknown
		out.note("it was decided %s; with what the log has it is %s", l.Decision, now)
	}
}

// masked reports whether a mask of the log covers a key.
func (l *Line) masked(name string) bool {
	return slices.ContainsFunc(l.Masks, func(text string) bool {
		m := audit.Mask{Key: text}
		return m.Covers(name)
	})
}

// context makes the context of the request. A key whose value is masked is there,
// and nobody knows its value.
func (l *Line) context(out *Replayed, v *conditions.Vocabulary) (*conditions.Context, error) {
	c := v.NewContext()
	for _, name := range slices.Sorted(maps.Keys(l.Keys)) {
		values := l.Keys[name]
		var err error
		switch {
		case l.masked(name) && len(values) > 0:
			out.unknown = true
			out.note("%s is masked in the log: its value is not known here", name)
			err = c.SetIndeterminate(name)
		case values == nil:
			err = c.SetIndeterminate(name)
		default:
			err = c.Set(name, values...)
		}
		if err != nil && !errors.Is(err, conditions.ErrValue) {
			return nil, fmt.Errorf("context key %q: %w", name, err)
		}
	}
	return c, nil
}

const poolKey, amrKey = "cognito-identity.amazonaws.com:aud", "cognito-identity.amazonaws.com:amr"

// caller finds who asked, and their policies.
func (l *Line) caller(out *Replayed, b *bundle.Bundle, account *identity.Account) (engine.Principal, *engine.Evaluator, error) {
	for _, name := range []string{"principal", "resource"} {
		if l.masked(name) {
			return engine.Principal{}, nil, fmt.Errorf("%w: its %s is masked", ErrUnknowable, name)
		}
	}
	p, err := engine.ParsePrincipal(l.Principal)
	if err != nil {
		return p, nil, err
	}
	if p.Kind() == engine.User {
		return l.user(p, account)
	}
	_, rest, _ := strings.Cut(l.Principal, ":assumed-role/")
	name, session, _ := strings.Cut(rest, "/")
	if p, err = b.Principal(name, session); err != nil {
		return p, nil, err
	}
	e, err := b.Evaluator(name, l.Resource, l.sessionPolicy(out, b))
	return p, e, err
}

func (l *Line) user(p engine.Principal, account *identity.Account) (engine.Principal, *engine.Evaluator, error) {
	for _, a := range account.Administrators {
		if a.ARN != l.Principal {
			continue
		}
		caller, err := account.AdministratorCaller(a)
		if err != nil {
			return p, nil, err
		}
		e := *caller.Evaluator
		return caller.Principal, &e, nil
	}
	return p, nil, fmt.Errorf("the bundle has no user %s", l.Principal)
}

// sessionPolicy returns the policy of the session, nil if there was none. That of
// guests is the bundle's; another one nobody has but the session's token.
func (l *Line) sessionPolicy(out *Replayed, b *bundle.Bundle) *engine.Set {
	if !l.SessionPolicy {
		return nil
	}
	if !l.masked(poolKey) && len(l.Keys[poolKey]) == 1 && slices.Contains(l.Keys[amrKey], "unauthenticated") {
		for _, pool := range b.IdentityPools {
			if pool.ID == l.Keys[poolKey][0] && pool.GuestSession != nil {
				return pool.GuestSession
			}
		}
	}
	out.unknown = true
	out.note("the session had a policy of its own, which the log does not have: what it denied is not seen here")
	return nil
}
