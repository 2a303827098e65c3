package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

var kinds = []policy.Kind{
	policy.Identity, policy.Boundary, policy.Session, policy.Endpoint, policy.Resource, policy.Trust, policy.ServiceControl,
	policy.ResourceControl,
}

// TestKindTable is the table of iam-semantics §1.3 as a matrix: each row adds
// one member to a statement that is valid in its kind, and says in which kinds
// it stays valid.
func TestKindTable(t *testing.T) {
	const (
		identities  = "identity permissionsBoundary session"
		resources   = "endpoint resource"
		everywhere  = identities + " " + resources + " trust serviceControl resourceControl"
		butTrust    = identities + " " + resources + " serviceControl resourceControl"
		butRCP      = identities + " " + resources + " trust serviceControl"
		principals  = resources + " trust"
		unprincipal = identities + " serviceControl"
	)
	for _, row := range []struct {
		name   string
		change func(s map[string]string)
		valid  string
	}{
		{"nothing", func(map[string]string) {}, everywhere},
		{"Principal", func(s map[string]string) { s["Principal"] = `{"AWS": "111111111111"}` }, principals},
		{"Principal *", func(s map[string]string) { s["Principal"] = `"*"` }, principals + " resourceControl"},
		{"Principal AWS *", func(s map[string]string) { s["Principal"] = `{"AWS": "*"}` }, principals + " resourceControl"},
		{"no Principal", func(s map[string]string) { delete(s, "Principal") }, unprincipal},
		{"NotPrincipal with Deny", func(s map[string]string) {
			delete(s, "Principal")
			s["NotPrincipal"] = `{"AWS": "111111111111"}`
		}, resources},
		{"NotPrincipal with Allow", func(s map[string]string) {
			delete(s, "Principal")
			s["NotPrincipal"], s["Effect"] = `{"AWS": "111111111111"}`, `"Allow"`
		}, ""},
		{"Federated", func(s map[string]string) { s["Principal"] = `{"Federated": "accounts.google.com"}` }, "trust"},
		{"Service", func(s map[string]string) { s["Principal"] = `{"Service": "lambda.amazonaws.com"}` }, principals},
		{"NotAction", func(s map[string]string) {
			s["NotAction"] = s["Action"]
			delete(s, "Action")
		}, identities + " " + resources + " serviceControl"},
		{"NotResource", func(s map[string]string) {
			delete(s, "Resource")
			s["NotResource"] = `"*"`
		}, butTrust},
		{"no Resource", func(s map[string]string) { delete(s, "Resource") }, "trust"},
		{"Resource", func(s map[string]string) { s["Resource"] = `"*"` }, butTrust},
		{"Condition", func(s map[string]string) { s["Condition"] = `{"Bool": {"aws:SecureTransport": "false"}}` }, everywhere},
		{"Effect Allow", func(s map[string]string) { s["Effect"] = `"Allow"` }, butRCP},
		{"Action *", func(s map[string]string) { s["Action"] = `"*"` }, identities + " " + resources + " serviceControl"},
		{"Id", func(s map[string]string) { s["Id"] = `"x"` }, resources + " trust serviceControl resourceControl"},
		{"Sid with blanks", func(s map[string]string) { s["Sid"] = `"a b"` }, resources + " trust serviceControl resourceControl"},
		{"Sid of letters", func(s map[string]string) { s["Sid"] = `"aB1"` }, everywhere},
		{"no Version", func(s map[string]string) { delete(s, "Version") }, butRCP},
		{"Version 2008-10-17", func(s map[string]string) { s["Version"] = `"2008-10-17"` }, butRCP},
	} {
		for _, kind := range kinds {
			t.Run(row.name+"/"+kind.String(), func(t *testing.T) {
				members := map[string]string{"Version": `"2012-10-17"`, "Effect": `"Deny"`, "Action": `"sts:AssumeRole"`}
				if kind != policy.Trust {
					members["Resource"] = `"*"`
				}
				if !strings.Contains(unprincipal, kind.String()) {
					members["Principal"] = `"*"`
				}
				row.change(members)
				err := parse(t, written(members)).Validate(kind, conditions.AWS())
				if strings.Contains(" "+row.valid+" ", " "+kind.String()+" ") {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
				}
			})
		}
	}
}

// written is a document of one statement with these members.
func written(members map[string]string) string {
	var doc, statement []string
	for name, value := range members {
		member := fmt.Sprintf("%q: %s", name, value)
		if name == "Version" || name == "Id" {
			doc = append(doc, member)
		} else {
			statement = append(statement, member)
		}
	}
	return "{" + strings.Join(append(doc, `"Statement": {`+strings.Join(statement, ", ")+"}"), ", ") + "}"
}

// TestDuplicateSids: within a document Sids are unique in the kinds of an
// identity, and need not be elsewhere. An empty one counts as missing.
func TestDuplicateSids(t *testing.T) {
	for _, kind := range kinds {
		s := `"Effect": "Deny", "Action": "sts:AssumeRole"`
		if kind != policy.Trust {
			s += `, "Resource": "*"`
		}
		if kind == policy.Endpoint || kind == policy.Resource || kind == policy.Trust || kind == policy.ResourceControl {
			s += `, "Principal": "*"`
		}
		doc := func(a, b string) error {
			text := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Sid": %q, %s}, {"Sid": %q, %s}]}`, a, s, b, s)
			return parse(t, text).Validate(kind, conditions.AWS())
		}
		require.NoError(t, doc("A", "a"), kind)
		require.NoError(t, doc("", ""), kind)
		if err := doc("A", "A"); kind <= policy.Session {
			require.EqualError(t, err, `p.json:1:`+fmt.Sprint(len(`{"Version": "2012-10-17", "Statement": [{"Sid": "A", }, {"Sid": `)+len(s)+1)+`: /Statement/1/Sid: "A" stands twice`)
		} else {
			require.NoError(t, err, kind)
		}
	}
}

func TestKindNames(t *testing.T) {
	for _, kind := range kinds {
		got, ok := policy.ParseKind(kind.String())
		require.True(t, ok)
		require.Equal(t, kind, got)
	}
	for _, name := range []string{"", "unknown", "Identity", "scp", "boundary"} {
		_, ok := policy.ParseKind(name)
		require.False(t, ok, name)
	}
	require.Equal(t, "unknown", policy.Kind(0).String())
	require.Equal(t, "unknown", policy.Kind(99).String())
	doc := parse(t, `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)
	for _, kind := range []policy.Kind{0, 9, 255} {
		require.EqualError(t, doc.Validate(kind, conditions.AWS()), "p.json: no kind of policy")
		size, limit, _ := doc.Size(kind)
		require.Zero(t, size+limit)
	}
}

// TestNames: the zero values name nothing that allows.
func TestNames(t *testing.T) {
	require.Equal(t, []string{"no effect", "Allow", "Deny"}, []string{policy.Effect(0).String(), policy.Allow.String(), policy.Deny.String()})
	require.Equal(t, "unknown", policy.PrincipalType(0).String())
	require.Equal(t, "CanonicalUser", policy.PrincipalCanonicalUser.String())
	require.Equal(t, "3:7", policy.Position{Line: 3, Column: 7}.String())
}
