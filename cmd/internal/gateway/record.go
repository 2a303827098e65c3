package gateway

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// errUnrecorded means that a decision could not be remembered, so that it must
// not be acted on.
var errUnrecorded = errors.New("the decision could not be recorded")

// identityKey holds the id at an identity pool.
const identityKey = "cognito-identity.amazonaws.com:sub"

// began returns when a decision began, if somebody is told of it.
func (g *guard) began() (at time.Time) {
	if g.options.Record != nil || g.options.Count != nil {
		at = g.options.Now()
	}
	return at
}

// record has a decision remembered: d, or what the guardrails said after it.
func (g *guard) record(ctx context.Context, caller *engine.Caller, r *engine.Request, d engine.Decision, verdict error, began time.Time) error {
	if g.options.Count != nil {
		g.options.Count(began, 1)
	}
	if g.options.Record == nil {
		return verdict
	}
	x := &audit.Record{
		ID: g.ids.Next(), Time: began, Kind: g.service, Principal: r.Principal.String(), Client: identity.ClientFrom(ctx).Address,
		Action: r.Action, Resource: r.Resource, ResourceAccount: r.ResourceAccount, Context: r.Context,
		Outcome: d.Outcome, By: d.By.String(), SessionPolicy: caller.Evaluator.Session != nil,
		Digest: g.Digest, Version: g.Version, Took: g.options.Now().Sub(began),
	}
	if ids, _ := caller.Session.Value(identityKey); len(ids) == 1 {
		x.Identity = ids[0]
	}
	if d.Fault != engine.NoFault {
		x.Fault = d.Fault.String()
	}
	var no *denied
	if errors.As(verdict, &no) && no.guardrail != "" {
		x.Outcome, x.By, x.Guardrail = engine.ExplicitDeny, audit.ByGuardrail, no.guardrail
	} else if ref, ok := d.Statement(); ok {
		x.Statements = []audit.Statement{{Policy: strings.TrimPrefix(ref.Document, path.Clean(g.Bundle.Name)+"/"), Sid: ref.Sid, Index: ref.Index, Line: int(ref.Pos.Line)}}
	}
	if err := g.options.Record(ctx, x); err != nil {
		return fmt.Errorf("%w: %w", errUnrecorded, err)
	}
	return verdict
}
