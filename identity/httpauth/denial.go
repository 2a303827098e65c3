package httpauth

import (
	"strings"

	"github.com/rowan-authz/rowan/engine"
)

// policyNames are what AWS calls the kinds of policies in its denials.
var policyNames = map[engine.Authority]string{
	engine.ByResourceControl: "resource control policy",
	engine.ByServiceControl:  "service control policy",
	engine.ByEndpoint:        "VPC endpoint policy",
	engine.ByBoundary:        "permissions boundary",
	engine.BySession:         "session policy",
	engine.ByIdentity:        "identity-based policy",
	engine.ByResource:        "resource-based policy",
}

// Denial says in the words of AWS that a request was denied: who asked for what,
// and which kind of policy lacked an Allow or had a Deny. It tells the caller
// nothing that the request did not hold. Source: IAM User Guide, "Troubleshoot
// access denied error messages"; identity-protocol §4.5, row 10.
func Denial(r *engine.Request, d engine.Decision) string {
	return "User: " + r.Principal.String() + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource + " " + because(d, r.Action)
}

// GuardrailDenial says the same of a request that the policies allow and a
// guardrail beside them denies. AWS has no such thing, and so no words for it.
func GuardrailDenial(r *engine.Request) string {
	return "User: " + r.Principal.String() + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource + " with an explicit deny in a guardrail"
}

func because(d engine.Decision, action string) string {
	name, ok := policyNames[d.By]
	switch {
	case !ok:
		return "because no policy allows the " + action + " action"
	case d.Outcome == engine.ExplicitDeny:
		return "with an explicit deny in " + article(name)
	}
	return "because no " + name + " allows the " + action + " action"
}

func article(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
