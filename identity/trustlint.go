package identity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// poolPrincipal is the issuer of identity pools: the Federated principal of
// trust policies and the prefix of the context keys.
const poolPrincipal = "cognito-identity.amazonaws.com"

var errAnyPool = errors.New("allows " + poolPrincipal + " without saying which pool: any identity pool could assume the role; " +
	`add a condition such as "StringEquals": {"` + poolPrincipal + `:aud": "REGION:UUID"}`)

// CheckTrust refuses a trust policy that lets the tokens of identity pools in
// without naming the pools: an Allow for cognito-identity.amazonaws.com needs
// a StringEquals or StringLike of :aud with nothing but whole pool ids. The
// error is policy.Errors, with a fault for each such statement; nil is sound,
// and so is a nil document. Source: identity-protocol §1.12.
func CheckTrust(d *policy.Document) error {
	if d == nil {
		return nil
	}
	var faults policy.Errors
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Effect == policy.Deny || !admitsPools(s.Principal) || namesPools(s.Conditions) {
			continue
		}
		faults = append(faults, &policy.Error{Name: d.Name, Pos: s.Pos, Path: fmt.Sprintf("/Statement/%d", i), Err: errAnyPool})
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// admitsPools reports whether a principal is the issuer of identity pools. "*"
// is none: it does not stand for federated callers of an Allow. Source:
// iam-semantics §4.5.
func admitsPools(p *policy.Principal) bool {
	if p == nil || p.Not {
		return p != nil
	}
	for _, e := range p.Entries {
		if e.Type == policy.PrincipalFederated && strings.EqualFold(e.Value, poolPrincipal) {
			return true
		}
	}
	return false
}

// namesPools reports whether some condition holds only for pools that are
// named whole. ForAllValues and IfExists hold for a token without aud too; a
// variable could stand for the token's own.
func namesPools(all []policy.Condition) bool {
	for i := range all {
		c := &all[i]
		operator := strings.TrimPrefix(c.Operator.Value, "ForAnyValue:")
		if operator != "StringEquals" && operator != "StringLike" || !strings.EqualFold(c.Key.Value, poolPrincipal+":aud") {
			continue
		}
		whole := len(c.Values) > 0
		for _, v := range c.Values {
			whole = whole && v.Value != "" && !strings.ContainsAny(v.Value, "*?$")
		}
		if whole {
			return true
		}
	}
	return false
}
