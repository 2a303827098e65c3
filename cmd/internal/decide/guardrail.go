package decide

import (
	"context"

	"github.com/rowan-authz/rowan/engine"
)

// guards reports whether something can deny what policies allow: the bundle's
// guardrails in Rego, or who was named besides.
func (s *session) guards() bool { return s.force.Guarded() || s.options.Guardrail != nil }

// guardrail asks them. An error denies.
func (s *session) guardrail(ctx context.Context, r *engine.Request) error {
	if err := s.force.Guardrail(ctx, r); err != nil || s.options.Guardrail == nil {
		return err
	}
	return s.options.Guardrail(ctx, s.force.Deployment, r)
}
