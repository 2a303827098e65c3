package reference

import (
	"fmt"
	"strings"
)

// requester is which row of the table of section 4.3 a principal is in.
type requester uint8

const (
	anonymous requester = iota
	root
	iamUser
	roleSession // a session, or a role itself when session is empty
	federatedUser
	service
	webIdentity // or SAML: the unsigned calls AssumeRoleWith…
)

// Principal is who asks. The zero value is anonymous.
type Principal struct {
	is        requester
	arn       string // as given; empty for a service, a provider and anonymous
	partition string
	account   string
	name      string // of a user, role, federated user, service or provider
	session   string // of a role session
	federator string // the ARN of the user that a federated user came from
}

// ParsePrincipal reads the ARN of a root, user, role, assumed-role session or
// federated user, or the name of a service; empty text is anonymous.
func ParsePrincipal(text string) (Principal, error) {
	if text == "" {
		return Principal{}, nil
	}
	parts, isARN := splitARN(text)
	if !isARN {
		if strings.Contains(text, ":") || !strings.Contains(text, ".") {
			return Principal{}, fmt.Errorf("principal %q is neither an ARN nor a service", text)
		}
		return Principal{is: service, name: text}, nil
	}
	p := Principal{arn: text, partition: parts[1], account: parts[4]}
	form, name, _ := strings.Cut(parts[5], "/")
	switch parts[2] + ":" + form {
	case "iam:root":
		p.is = root
		return p, p.valid(name == "")
	case "iam:user":
		p.is, p.name = iamUser, lastPart(name)
		return p, p.valid(p.name != "")
	case "iam:role":
		p.is, p.name = roleSession, lastPart(name)
		return p, p.valid(p.name != "")
	case "sts:assumed-role":
		p.is = roleSession
		p.name, p.session, _ = strings.Cut(name, "/")
		return p, p.valid(p.name != "" && p.session != "" && !strings.Contains(p.session, "/"))
	case "sts:federated-user":
		p.is, p.name = federatedUser, name
		return p, p.valid(name != "")
	}
	return Principal{}, fmt.Errorf("principal %q is of no known form", text)
}

func (p Principal) valid(form bool) error {
	if !form || !isAccount(p.account) {
		return fmt.Errorf("principal %q is malformed", p.arn)
	}
	return nil
}

// Federated is a requester of AssumeRoleWithWebIdentity or WithSAML whom a
// provider vouches for.
func Federated(provider string) Principal { return Principal{is: webIdentity, name: provider} }

// FederatedUser is a GetFederationToken session whose user is known (C28).
func FederatedUser(arn, user string) (Principal, error) {
	p, err := ParsePrincipal(arn)
	if err != nil {
		return Principal{}, err
	}
	u, err := ParsePrincipal(user)
	if err != nil {
		return Principal{}, err
	}
	if p.is != federatedUser || u.is != iamUser {
		return Principal{}, fmt.Errorf("%q is no federated user of %q", arn, user)
	}
	p.federator = user
	return p, nil
}

// lastPart is a name without its path.
func lastPart(path string) string { return path[strings.LastIndex(path, "/")+1:] }

func isAccount(s string) bool { return len(s) == 12 && allDigits(s) }

// contextKeys are the names and values of the context keys that p determines.
// Section 5.2 and C29.
func (p Principal) contextKeys() [][2]string {
	signed := func(principalArn, principalType string) [][2]string {
		return [][2]string{
			{"aws:PrincipalArn", principalArn},
			{"aws:PrincipalAccount", p.account},
			{"aws:PrincipalType", principalType},
			{"aws:PrincipalIsAWSService", "false"},
		}
	}
	switch p.is {
	case anonymous:
		return [][2]string{
			{"aws:PrincipalAccount", "anonymous"},
			{"aws:PrincipalType", "Anonymous"},
			{"aws:userid", "anonymous"},
		}
	case root:
		return append(signed(p.arn, "Account"), [2]string{"aws:userid", p.account})
	case iamUser:
		return append(signed(p.arn, "User"), [2]string{"aws:username", p.name})
	case roleSession:
		return signed(p.roleARN(), "AssumedRole")
	case federatedUser:
		return append(signed(p.arn, "FederatedUser"), [2]string{"aws:userid", p.account + ":" + p.name})
	case service:
		return [][2]string{{"aws:PrincipalIsAWSService", "true"}, {"aws:PrincipalServiceName", p.name}}
	case webIdentity:
	}
	return nil
}

// roleARN is the ARN of the role of a session as far as the principal tells:
// a session's ARN does not hold the path. Section 1.4.
func (p Principal) roleARN() string {
	if p.session == "" {
		return p.arn
	}
	return "arn:" + p.partition + ":iam::" + p.account + ":role/" + p.name
}
