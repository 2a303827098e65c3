package policy

import (
	"fmt"
	"strings"
)

// checkPrincipal refuses an entry that could never be a requester. Source:
// iam-semantics §1.4.
func checkPrincipal(e PrincipalEntry, federated bool) error {
	switch e.Type {
	case PrincipalAWS:
		return checkAWS(e.Value)
	case PrincipalService:
		if !hostname(e.Value) {
			return fmt.Errorf("service %q: want a host name such as lambda.amazonaws.com", e.Value)
		}
	case PrincipalFederated:
		if !federated {
			return fmt.Errorf("federated principal %q outside a role trust policy", e.Value)
		}
		return checkFederated(e.Value)
	case PrincipalCanonicalUser:
		if len(e.Value) != 64 || strings.Trim(e.Value, "0123456789abcdefABCDEF") != "" {
			return fmt.Errorf("canonical user %q: want 64 hexadecimal digits", e.Value)
		}
	}
	return nil
}

func checkAWS(s string) error {
	if s == "*" || accountID(s) || UniqueID(s) {
		return nil
	}
	if strings.ContainsAny(s, "*?") {
		return fmt.Errorf("principal %q: no wildcards, only \"*\" alone", s)
	}
	if strings.Contains(s, "${") {
		return fmt.Errorf("principal %q: no policy variables", s)
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[3] != "" || !accountID(parts[4]) {
		return fmt.Errorf("principal %q: want \"*\", an account id, a unique id, or the ARN of an account root, user, role, session or federated user", s)
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	ok := false
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		ok = true
	case parts[2] == "iam" && (kind == "user" || kind == "role"):
		ok = name != "" && !strings.HasSuffix(name, "/")
	case parts[2] == "sts" && kind == "assumed-role":
		role, session, two := strings.Cut(name, "/")
		ok = two && role != "" && session != "" && !strings.Contains(session, "/")
	case parts[2] == "sts" && kind == "federated-user":
		ok = name != "" && !strings.Contains(name, "/")
	}
	if !ok {
		return fmt.Errorf("principal %q: want root, user/NAME, role/NAME, assumed-role/ROLE/SESSION or federated-user/NAME", s)
	}
	return nil
}

func checkFederated(s string) error {
	if hostname(s) {
		return nil
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || !accountID(parts[4]) || strings.ContainsAny(s, "*?$") ||
		!strings.HasPrefix(parts[5], "oidc-provider/") && !strings.HasPrefix(parts[5], "saml-provider/") {
		return fmt.Errorf("federated principal %q: want a provider's host name or the ARN of an oidc-provider or saml-provider", s)
	}
	return nil
}

// accountID reports whether s is twelve digits.
func accountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// UniqueID reports whether s has the form of an identifier that AWS gives to a
// user or role, such as AROAEXAMPLEID1234567. Source: IAM User Guide, "IAM
// identifiers".
func UniqueID(s string) bool {
	if len(s) < 12 || len(s) > 128 || s[0] != 'A' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// hostname reports whether s is a dotted name of letters, digits and hyphens.
func hostname(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
