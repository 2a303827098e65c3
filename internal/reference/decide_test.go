package reference

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
)

const (
	userAna   = "arn:aws:iam::111111111111:user/ana"
	sessionJ1 = "arn:aws:sts::111111111111:assumed-role/etl/j1"
	roleETL   = "arn:aws:iam::111111111111:role/etl"
	kiosk     = "arn:aws:sts::111111111111:federated-user/kiosk"
	orders    = "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders"
	abroad    = "arn:aws:dynamodb:eu-west-1:222222222222:table/Orders"
	allowAll  = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	denyAll   = `{"Effect":"Deny","Action":"*","Resource":"*"}`
	allowS3   = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
)

// documents parses one document for each text, which holds its statements.
func documentsOf(t *testing.T, statements ...string) []*policy.Document {
	t.Helper()
	out := []*policy.Document{}
	for _, s := range statements {
		d, err := policy.Parse("test", []byte(`{"Version":"2012-10-17","Statement":[`+s+`]}`))
		require.NoError(t, err)
		out = append(out, d)
	}
	return out
}

// grants is a resource policy's statement for a principal.
func grants(principal string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"*","Resource":"*"}`
}

func aws(arn string) string { return `{"AWS":"` + arn + `"}` }

// asks is a question of a principal about a table.
func asks(t *testing.T, principal, resource string) Question {
	t.Helper()
	p, err := ParsePrincipal(principal)
	require.NoError(t, err)
	return Question{Principal: p, Action: "dynamodb:GetItem", Resource: resource, Now: time.Unix(1772366400, 0)}
}

// Section 4.5: the second table, for each requester of the first, and what a
// cross-account request makes of it (4.6).
func TestGrants(t *testing.T) {
	for _, row := range []struct {
		name, principal, user, entry        string
		identity, boundary, session, abroad string // what decides if that kind lacks its Allow
	}{
		{"direct user", userAna, "", aws(userAna), "resource", "resource", "resource", "identity"},
		{"direct session", sessionJ1, "", aws(sessionJ1), "resource", "resource", "resource", "identity"},
		{"direct federated user", kiosk, "", aws(kiosk), "resource", "resource", "resource", "identity"},
		{"role of session", sessionJ1, "", aws(roleETL), "resource", "-permissionsBoundary", "-session", "identity"},
		{"user of federated", kiosk, userAna, aws(userAna), "resource", "-permissionsBoundary", "-session", "identity"},
		{"everyone", sessionJ1, "", `"*"`, "resource", "resource", "resource", "identity"},
		{"account", userAna, "", aws("111111111111"), "-identity", "-permissionsBoundary", "-session", "identity"},
		{"account root ARN", userAna, "", aws("arn:aws:iam::111111111111:root"), "-identity", "-permissionsBoundary", "-session", "identity"},
		{"other session", sessionJ1, "", aws("arn:aws:sts::111111111111:assumed-role/etl/j2"), "-identity", "-permissionsBoundary", "-session", "-resource"},
	} {
		q := asks(t, row.principal, orders)
		if row.user != "" {
			var err error
			q.Principal, err = FederatedUser(row.principal, row.user)
			require.NoError(t, err)
		}
		all := Policies{
			Identity: documentsOf(t, allowAll), Boundary: documentsOf(t, allowAll), Session: documentsOf(t, allowAll),
			Resource: documentsOf(t, grants(row.entry))[0],
		}
		decidedBy := func(p Policies, resource string) string {
			q.Policies, q.Resource = p, resource
			answer := Decide(q)
			if answer.Decision == "implicitDeny" {
				return "-" + answer.DecidedBy
			}
			require.Equal(t, "allowed", answer.Decision)
			return answer.DecidedBy
		}
		p := all
		p.Identity = nil
		require.Equal(t, row.identity, decidedBy(p, orders), row.name)
		require.Equal(t, "-identity", decidedBy(p, abroad), row.name)
		p = all
		p.Boundary = documentsOf(t, allowS3)
		require.Equal(t, row.boundary, decidedBy(p, orders), row.name)
		require.Equal(t, "-permissionsBoundary", decidedBy(p, abroad), row.name)
		p = all
		p.Session = documentsOf(t, allowS3)
		require.Equal(t, row.session, decidedBy(p, orders), row.name)
		require.Equal(t, "-session", decidedBy(p, abroad), row.name)
		require.Equal(t, row.abroad, decidedBy(all, abroad), row.name)
		// Section 4.7: an explicit deny is never skipped.
		p.Session = documentsOf(t, allowAll+","+denyAll)
		q.Policies, q.Resource = p, orders
		require.Equal(t, "explicitDeny", Decide(q).Decision, row.name)
	}
}

// Section 4.3: who is exempt from what.
func TestExemptions(t *testing.T) {
	const slr = "arn:aws:iam::111111111111:role/aws-service-role/app.amazonaws.com/etl"
	for _, row := range []struct {
		name, principal string
		denied          string // which of the kinds deny, by a bare Deny
	}{
		{"user", userAna, "ibsSRrv"},
		{"session", sessionJ1, "ibsSRrv"},
		{"service-linked role", "slr", "ibsrv"},
		{"federated user", kiosk, "ibsSRrv"},
		{"root", "arn:aws:iam::111111111111:root", "SRrv"},
		{"service", "lambda.amazonaws.com", "Rr"},
		{"anonymous", "", "Rrv"},
		{"web identity", "provider", "Rrv"},
	} {
		denied := ""
		for _, kind := range "ibsSRrv" {
			name := row.principal
			if name == "slr" || name == "provider" {
				name = sessionJ1
			}
			q := asks(t, name, orders)
			if row.principal == "slr" {
				q.Context = map[string][]string{"aws:PrincipalArn": {slr}}
			}
			if row.principal == "provider" {
				q.Principal = Federated("accounts.google.com")
			}
			deny := documentsOf(t, denyAll)
			everybody := documentsOf(t, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
			switch kind {
			case 'i':
				q.Policies.Identity = deny
			case 'b':
				q.Policies.Boundary = deny
			case 's':
				q.Policies.Session = deny
			case 'S':
				q.Policies.ServiceControl = [][]*policy.Document{deny}
			case 'R':
				q.Policies.ResourceControl = [][]*policy.Document{everybody}
			case 'r':
				q.Policies.Resource = everybody[0]
			case 'v':
				q.Policies.Endpoint = everybody
			}
			if Decide(q).Decision == "explicitDeny" {
				denied += string(kind)
			}
		}
		require.Equal(t, row.denied, denied, row.name)
	}
}

// Sections 4.3 and 4.4: what root, services, anonymous callers and providers
// need.
func TestWithoutIdentityPolicies(t *testing.T) {
	root := asks(t, "arn:aws:iam::111111111111:root", orders)
	require.Equal(t, Answer{Decision: "allowed", DecidedBy: "root"}, Decide(root))
	root.Policies.ServiceControl = [][]*policy.Document{documentsOf(t, allowAll), documentsOf(t, allowS3)}
	require.Equal(t, Answer{Decision: "implicitDeny", DecidedBy: "serviceControl"}, Decide(root))

	everybody, everyProvider := grants(`"*"`), `{"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity"}`
	for _, row := range []struct {
		principal, entry string
		want             string
	}{
		{"", everybody, "allowed"},
		{"", grants(aws("111111111111")), "implicitDeny"},
		{"lambda.amazonaws.com", everybody, "allowed"},
		{"lambda.amazonaws.com", grants(`{"Service":"lambda.amazonaws.com"}`), "allowed"},
		{"lambda.amazonaws.com", grants(`{"Service":"ec2.amazonaws.com"}`), "implicitDeny"},
		{"lambda.amazonaws.com", grants(aws("111111111111")), "implicitDeny"},
		{"accounts.google.com", everyProvider, "allowed"},
		{"www.amazon.com", everyProvider, "implicitDeny"},
		{"accounts.google.com", grants(`"*"`), "implicitDeny"},
	} {
		q := asks(t, row.principal, orders)
		if row.principal == "accounts.google.com" || row.principal == "www.amazon.com" {
			q.Principal, q.Action, q.Resource = Federated(row.principal), "sts:AssumeRoleWithWebIdentity", roleETL
		}
		q.Policies.Resource = documentsOf(t, row.entry)[0]
		require.Equal(t, row.want, Decide(q).Decision, "%v", row)
	}
}

// Section 1.4 and C17: a NotPrincipal exempts only who is listed with the
// whole chain.
func TestNotPrincipal(t *testing.T) {
	const account, session2 = "111111111111", "arn:aws:sts::111111111111:assumed-role/etl/j2"
	for _, row := range []struct {
		principal, listed string
		denied            bool
	}{
		{userAna, `"` + userAna + `"`, true},
		{userAna, `"` + userAna + `","` + account + `"`, false},
		{sessionJ1, `"` + roleETL + `","` + account + `"`, true},
		{sessionJ1, `"` + roleETL + `","` + account + `","` + session2 + `"`, true},
		{sessionJ1, `"` + roleETL + `","` + account + `","` + sessionJ1 + `"`, false},
		{"", `"` + account + `"`, true},
		{"", `"*"`, false},
	} {
		q := asks(t, row.principal, orders)
		q.Policies.Resource = documentsOf(t, `{"Effect":"Deny","NotPrincipal":{"AWS":[`+row.listed+`]},"Action":"*","Resource":"*"}`)[0]
		require.Equal(t, row.denied, Decide(q).Decision == "explicitDeny", "%v", row)
		if row.principal != "" {
			q.Policies.Boundary = documentsOf(t, allowAll)
			require.Equal(t, "explicitDeny", Decide(q).Decision, "with a boundary: %v", row)
		}
	}
}

// Section 4.8 and C22: assuming a role, and using a key, need the policy of
// the role or key.
func TestResourcePolicyIsRequired(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:111111111111:key/k"
	for _, row := range []struct {
		action, resource, entry string
		want                    string
	}{
		{"sts:AssumeRole", roleETL, "", "implicitDeny"},
		{"sts:AssumeRole", roleETL, aws("111111111111"), "allowed"},
		{"sts:AssumeRole", roleETL, aws("222222222222"), "implicitDeny"},
		{"iam:PassRole", roleETL, "", "allowed"},
		{"kms:Decrypt", key, "", "implicitDeny"},
		{"kms:Decrypt", key, aws("111111111111"), "allowed"},
		{"kms:Decrypt", "arn:aws:kms:eu-west-1:111111111111:alias/k", "", "allowed"},
	} {
		q := asks(t, userAna, row.resource)
		q.Action = row.action
		q.Policies.Identity = documentsOf(t, allowAll)
		if row.entry != "" {
			q.Policies.Resource = documentsOf(t, grants(row.entry))[0]
		}
		require.Equal(t, row.want, Decide(q).Decision, "%v", row)
	}
}

// The answer names what decided, and what the context lacked.
func TestAnswer(t *testing.T) {
	q := asks(t, userAna, orders)
	q.Context = map[string][]string{"app:given": {"x"}}
	read := `{"Sid":"Own","Effect":"Allow","Action":"dynamodb:*","Resource":["*","arn:aws:s3:::${app:inResource}"],` +
		`"Condition":{"StringEqualsIfExists":{"AWS:requesttag/K":"${app:Value, 'd'}"},"Null":{"app:given":"false"},` +
		`"ForAllValues:StringEquals":{"dynamodb:leadingkeys":["${aws:TagKeys}","a"]}}}`
	unread := `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"app:unread":"x"}}}`
	q.Policies.Identity = documentsOf(t, unread+","+read, allowAll)
	q.Policies.ServiceControl = [][]*policy.Document{documentsOf(t, allowAll)}
	require.Equal(t, Answer{
		Decision: "allowed", DecidedBy: "identity",
		Statements:     []Ref{{Policy: "identity[0]", Sid: "Own", Index: 1, Line: 1}, {Policy: "identity[1]", Line: 1}},
		MissingContext: []string{"app:Value", "app:inResource", "aws:RequestTag/K", "dynamodb:LeadingKeys"},
	}, Decide(q))

	q.Policies.Boundary = documentsOf(t, denyAll)
	q.Policies.ServiceControl = [][]*policy.Document{documentsOf(t), documentsOf(t, denyAll, allowAll+","+denyAll)}
	answer := Decide(q)
	require.Equal(t, "explicitDeny", answer.Decision)
	require.Equal(t, "serviceControl", answer.DecidedBy)
	require.Equal(t, []Ref{
		{Policy: "serviceControl[1][0]", Line: 1},
		{Policy: "serviceControl[1][1]", Index: 1, Line: 1},
		{Policy: "permissionsBoundary[0]", Line: 1},
	}, answer.Statements)
}

// Sections 5.2 and 5.3, C29: what follows from the principal, the resource
// and the time, and gives way to the context.
func TestDerivedKeys(t *testing.T) {
	for _, row := range []struct {
		principal string
		want      map[string]string // "" is absent
	}{
		{"arn:aws:iam::111111111111:root", map[string]string{
			"aws:PrincipalArn": "arn:aws:iam::111111111111:root", "aws:PrincipalType": "Account", "aws:userid": "111111111111", "aws:username": "",
		}},
		{"arn:aws:iam::111111111111:user/ops/bob", map[string]string{
			"aws:PrincipalArn": "arn:aws:iam::111111111111:user/ops/bob", "aws:username": "bob", "aws:userid": "", "aws:PrincipalType": "User",
			"aws:PrincipalAccount": "111111111111", "aws:PrincipalIsAWSService": "false", "aws:ResourceAccount": "111111111111",
			"aws:CurrentTime": "2026-03-01T12:00:00Z", "aws:EpochTime": "1772366400", "aws:SecureTransport": "",
		}},
		{sessionJ1, map[string]string{"aws:PrincipalArn": roleETL, "aws:PrincipalType": "AssumedRole", "aws:userid": ""}},
		{kiosk, map[string]string{"aws:PrincipalArn": kiosk, "aws:userid": "111111111111:kiosk", "aws:PrincipalType": "FederatedUser"}},
		{"", map[string]string{
			"aws:PrincipalArn": "", "aws:PrincipalAccount": "anonymous", "aws:userid": "anonymous", "aws:PrincipalType": "Anonymous",
			"aws:PrincipalIsAWSService": "",
		}},
		{"lambda.amazonaws.com", map[string]string{
			"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": "lambda.amazonaws.com", "aws:PrincipalArn": "",
		}},
	} {
		q := asks(t, row.principal, orders)
		c := buildContext(&q, resourceAccount(&q))
		for name, want := range row.want {
			values, state := c.lookup(name)
			if want == "" {
				require.Equal(t, absent, state, "%s %s", row.principal, name)
				continue
			}
			require.Equal(t, []string{want}, values, "%s %s", row.principal, name)
		}
	}
	q := asks(t, userAna, orders)
	q.Context = map[string][]string{"AWS:Username": {"eve"}, "aws:currenttime": {}}
	c := buildContext(&q, "")
	values, _ := c.lookup("aws:username")
	require.Equal(t, []string{"eve"}, values)
	values, _ = c.lookup("aws:CurrentTime")
	require.Empty(t, values)
}

func TestMalformedPrincipals(t *testing.T) {
	for _, s := range []string{
		"ana", "arn:aws:iam::1:root", "arn:aws:iam::111111111111:group/g", "arn:aws:iam::111111111111:root/x", "a:b",
		"arn:aws:sts::111111111111:assumed-role/etl", "arn:aws:sts::111111111111:assumed-role/etl/j/1", "arn:aws:iam::111111111111:user/",
	} {
		_, err := ParsePrincipal(s)
		require.Error(t, err, s)
	}
	_, err := FederatedUser(userAna, userAna)
	require.Error(t, err)
	_, err = FederatedUser(kiosk, roleETL)
	require.Error(t, err)
}
