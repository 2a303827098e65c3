package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// PrincipalKind is what sort of requester asks. The zero value is Anonymous.
type PrincipalKind uint8

// The sorts of requester. Source: iam-semantics §4.3.
const (
	Anonymous PrincipalKind = iota
	// Root is an account's root user.
	Root
	// User is an IAM user.
	User
	// RoleSession is a session of a role.
	RoleSession
	// FederatedUser is a session of GetFederationToken.
	FederatedUser
	// Service is an AWS service that calls as itself.
	Service
	// WebIdentity is the federated principal of AssumeRoleWithWebIdentity or
	// AssumeRoleWithSAML, which are unsigned calls.
	WebIdentity
)

// Principal is who asks. It is immutable and may be shared. The zero value is
// an anonymous caller.
type Principal struct {
	kind    PrincipalKind
	arn     string // of root, user, session or federated user; a service's name; a provider
	account string
	// parent is the ARN of the session's role with its path, or of the user
	// that made a federated-user session; empty if that is not known.
	parent   string
	uniqueID string
	linked   bool // the role is a service-linked one
}

// ErrPrincipal means a text that names no requester.
var ErrPrincipal = errors.New("malformed principal")

// ParsePrincipal reads the ARN of an account root, user, assumed-role session,
// role or federated user, or the name of a service. A role stands for a
// session of it whose name is not known. Source: IAM User Guide, "IAM
// identifiers"; iam-semantics §5.2.
func ParsePrincipal(text string) (Principal, error) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) == 1 && strings.Contains(text, ".") && !strings.ContainsAny(text, "*?/ \t\r\n$") {
		return Principal{kind: Service, arn: text}, nil
	}
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[3] != "" || len(parts[4]) != 12 || strings.Trim(parts[4], "0123456789") != "" {
		return Principal{}, fmt.Errorf("%w %.200q: want the ARN of an account root, user, role, assumed-role session or federated user, or a service name", ErrPrincipal, text)
	}
	p := Principal{arn: text, account: parts[4]}
	sort, name, _ := strings.Cut(parts[5], "/")
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		p.kind = Root
	case parts[2] == "iam" && sort == "user" && last != "":
		p.kind = User
	case parts[2] == "iam" && sort == "role" && last != "":
		p.kind, p.parent = RoleSession, text
	case parts[2] == "sts" && sort == "assumed-role" && last != "" && strings.Count(name, "/") == 1 && name[0] != '/':
		p.kind = RoleSession
		p.parent = "arn:" + parts[1] + ":iam::" + p.account + ":role/" + strings.TrimSuffix(name, "/"+last)
	case parts[2] == "sts" && sort == "federated-user" && last == name && name != "":
		p.kind = FederatedUser
	default:
		return Principal{}, fmt.Errorf("%w %.200q: want root, user/NAME, role/NAME, assumed-role/ROLE/SESSION or federated-user/NAME", ErrPrincipal, text)
	}
	p.linked = strings.Contains(p.parent, ":role/aws-service-role/")
	return p, nil
}

// FederatedPrincipal is the requester of AssumeRoleWithWebIdentity or
// AssumeRoleWithSAML; provider is the host name of a built-in issuer or the
// ARN of an oidc-provider or saml-provider.
func FederatedPrincipal(provider string) (Principal, error) {
	if provider == "" || provider == "*" {
		return Principal{}, fmt.Errorf("%w: empty provider", ErrPrincipal)
	}
	return Principal{kind: WebIdentity, arn: provider}, nil
}

// WithRole returns p with its role's ARN, which has the path that a session's
// ARN lacks. The role must be of the same account and name.
func (p Principal) WithRole(arn string) (Principal, error) {
	role, err := ParsePrincipal(arn)
	if err != nil {
		return Principal{}, err
	}
	name := func(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }
	if p.kind != RoleSession || role.parent != arn || role.account != p.account || name(arn) != name(p.parent) {
		return Principal{}, fmt.Errorf("%w: %.200q is not the role of %.200q", ErrPrincipal, arn, p.arn)
	}
	p.parent, p.linked = arn, role.linked
	return p, nil
}

// WithUser returns p, a federated user, with the ARN of the user who made the
// session.
func (p Principal) WithUser(arn string) (Principal, error) {
	user, err := ParsePrincipal(arn)
	if err != nil {
		return Principal{}, err
	}
	if p.kind != FederatedUser || user.kind != User || user.account != p.account {
		return Principal{}, fmt.Errorf("%w: %.200q did not make the session %.200q", ErrPrincipal, arn, p.arn)
	}
	p.parent = arn
	return p, nil
}

// WithUniqueID returns p with the identifier that AWS gave to the user or
// role, such as AROAEXAMPLEID1234567.
func (p Principal) WithUniqueID(id string) Principal {
	p.uniqueID = id
	return p
}

// Kind says what sort of requester p is.
func (p *Principal) Kind() PrincipalKind { return p.kind }

// String returns the ARN, the service's name or the provider; "anonymous" for
// an anonymous caller.
func (p *Principal) String() string {
	if p.kind == Anonymous {
		return "anonymous"
	}
	return p.arn
}

// Account returns the twelve digits of the requester's account, empty if it
// has none.
func (p *Principal) Account() string { return p.account }

// signed reports whether the requester is of an account, so that its context
// must say of which.
func (p *Principal) signed() bool {
	return p.kind == Root || p.kind == User || p.kind == RoleSession || p.kind == FederatedUser
}

// Describe sets the context keys that the principal determines: aws:PrincipalArn,
// aws:PrincipalAccount, aws:PrincipalType, aws:PrincipalIsAWSService, and where
// they exist aws:username, aws:userid, aws:PrincipalServiceName. Do it once for
// a session, on the context that serves as the base of its requests. Source:
// IAM User Guide, "AWS global condition context keys"; iam-semantics §5.2.
func (p *Principal) Describe(c *conditions.Context) error {
	type pair struct{ key, value string }
	var keys []pair
	isService := "false"
	switch p.kind {
	case Anonymous:
		keys = []pair{{"aws:PrincipalAccount", "anonymous"}, {"aws:PrincipalType", "Anonymous"}, {"aws:userid", "anonymous"}}
		isService = ""
	case Root:
		keys = []pair{{"aws:PrincipalArn", p.arn}, {"aws:PrincipalType", "Account"}, {"aws:userid", p.account}}
	case User:
		keys = []pair{{"aws:PrincipalArn", p.arn}, {"aws:PrincipalType", "User"}, {"aws:username", p.arn[strings.LastIndexByte(p.arn, '/')+1:]}}
		if p.uniqueID != "" {
			keys = append(keys, pair{"aws:userid", p.uniqueID})
		}
	case RoleSession:
		keys = []pair{{"aws:PrincipalArn", p.parent}, {"aws:PrincipalType", "AssumedRole"}}
		if p.uniqueID != "" && p.arn != p.parent {
			keys = append(keys, pair{"aws:userid", p.uniqueID + ":" + p.arn[strings.LastIndexByte(p.arn, '/')+1:]})
		}
	case FederatedUser:
		keys = []pair{
			{"aws:PrincipalArn", p.arn},
			{"aws:PrincipalType", "FederatedUser"},
			{"aws:userid", p.account + ":" + p.arn[strings.LastIndexByte(p.arn, '/')+1:]},
		}
	case Service:
		keys = []pair{{"aws:PrincipalServiceName", p.arn}}
		isService = "true"
	case WebIdentity:
		return nil
	}
	if p.account != "" {
		keys = append(keys, pair{"aws:PrincipalAccount", p.account})
	}
	if isService != "" {
		keys = append(keys, pair{"aws:PrincipalIsAWSService", isService})
	}
	for _, k := range keys {
		if err := c.Set(k.key, k.value); err != nil {
			return err
		}
	}
	return nil
}
