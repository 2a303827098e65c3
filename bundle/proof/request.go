package proof

import (
	"errors"
	"maps"
	"slices"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Request is the request of a witness, for an evaluator. v is the vocabulary of
// the policies. Its errors are those of the principal and of the context keys.
func Request(v *conditions.Vocabulary, w *analysis.Witness) (*engine.Request, error) {
	p, err := engine.ParsePrincipal(w.Principal)
	if err != nil {
		return nil, err
	}
	if role := w.Context["aws:PrincipalArn"]; p.Kind() == engine.RoleSession && len(role) == 1 {
		if p, err = p.WithRole(role[0]); err != nil {
			return nil, err
		}
	}
	x := v.NewContext()
	err = p.Describe(x)
	for _, key := range slices.Sorted(maps.Keys(w.Context)) {
		err = errors.Join(err, x.Set(key, w.Context[key]...))
	}
	err = errors.Join(err, x.Set("aws:ResourceAccount", w.ResourceAccount))
	return &engine.Request{Principal: p, Action: w.Action, Resource: w.Resource, ResourceAccount: w.ResourceAccount, Context: x}, err
}
