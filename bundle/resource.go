package bundle

import (
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Resource is resources/NAME.yaml: the policy of the resources whose ARN
// matches a pattern.
type Resource struct {
	Name string
	// ARN is the pattern, with * and ?. A table's policy is also that of its
	// indexes, a bucket's also that of its objects.
	ARN string
	// Account owns the resources.
	Account string

	pattern conditions.Pattern
	// policy is the resource policy.
	policy *document
	set    *engine.Set
}

// resource reads resources/NAME.yaml.
func (l *loader) resource(name string, n node) *Resource {
	r := &Resource{Name: name}
	var arn, account node
	n.object("arn, account or policy", func(member string, x node) bool {
		switch member {
		case "arn":
			arn = x
			r.ARN = x.text()
			r.compile(l.bundle.vocabulary, x)
		case "account":
			account = x
			r.Account = x.account()
		case "policy":
			r.policy = x.document("resources/"+name, policy.Resource)
			l.use(r.policy, policy.Resource)
		default:
			return false
		}
		return true
	})
	n.need("arn", "policy")
	l.later(func() { l.ownedBy(r, arn, account) })
	return r
}

// compile reads the pattern.
func (r *Resource) compile(v *conditions.Vocabulary, n node) {
	if !n.isText() || r.ARN == "" {
		return
	}
	parts, ok := splitARN(r.ARN)
	switch {
	case !ok || parts[0] != "arn":
		n.fault("want an ARN of six parts, with * and ? where needed, have %s", n.kind())
		return
	case strings.Contains(r.ARN, "${"):
		n.fault("no policy variables: the policy of a resource does not depend on who asks")
		return
	case parts[4] != "" && !accountID(parts[4]):
		n.fault("the account part: want twelve digits, or nothing where the ARN has none, have %q", short(parts[4]))
		return
	}
	p, err := v.CompileResource(r.ARN, false, false)
	if err != nil {
		n.fault("%v", err)
		return
	}
	r.pattern = p
}

// ownedBy settles the account of a resource, and refuses two resources with one
// pattern: no order between them would be right.
func (l *loader) ownedBy(r *Resource, arn, account node) {
	if arn.Node == nil || r.ARN == "" {
		return
	}
	own := ""
	if parts, ok := splitARN(r.ARN); ok {
		own = parts[4]
	}
	switch {
	case r.Account == "" && own != "":
		r.Account = own
	case r.Account == "":
		r.Account = l.bundle.Account
	case own != "" && own != r.Account:
		account.fault("%s is not the account of the arn, %s", short(r.Account), short(own))
	}
	if other, taken := l.claim("arn "+r.ARN, r.Name); taken {
		arn.fault("resources/%s.yaml has the same arn", other)
	}
}

// holders are the ARNs under which the policies of a resource may be filed:
// its own, and for what has no policy of its own that of its table or bucket.
// Source: iam-semantics §6.1, §7.1.
func holders(arn string) []string {
	parts, ok := splitARN(arn)
	if !ok {
		return []string{arn}
	}
	switch {
	case parts[2] == "dynamodb":
		if table, _, ok := strings.Cut(parts[5], "/index/"); ok {
			return []string{arn, arn[:len(arn)-len(parts[5])] + table}
		}
	case parts[2] == "s3" && parts[4] == "":
		if bucket, _, ok := strings.Cut(parts[5], "/"); ok {
			return []string{arn, arn[:len(arn)-len(parts[5])] + bucket}
		}
	}
	return []string{arn}
}

// Covers reports whether the policy is that of a resource.
func (r *Resource) Covers(arn string) bool {
	for _, a := range holders(arn) {
		if r.pattern.Match(a, nil) == conditions.True {
			return true
		}
	}
	return false
}
