package sqlrow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// security is row security of the role Player on the table of scores.
func security(t *testing.T, documents ...string) *sqlrow.RowSecurity {
	t.Helper()
	s := &sqlrow.RowSecurity{
		Table: scores(), Role: "player", Principal: "arn:aws:iam::111122223333:role/Player", Vocabulary: conditions.AWS(),
		Variables: map[string]string{"cognito-identity.amazonaws.com:sub": "rowan.sub"},
	}
	for _, text := range documents {
		d, err := policy.Parse("policy.json", []byte(text))
		require.NoError(t, err)
		s.Policies = append(s.Policies, []*policy.Document{d})
	}
	return s
}

const sub = "${cognito-identity.amazonaws.com:sub}"

func TestRowSecurityStatements(t *testing.T) {
	statements, err := security(t, `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["dynamodb:Query", "dynamodb:PutItem"], "Resource": "`+scoresARN+`",
		 "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["`+sub+`", "it's"]}}},
		{"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "*", "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "a\\`+sub+`/*"}}},
		{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "mallory"}}},
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::`+sub+`/*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.1"}}}]}`).Statements()
	require.NoError(t, err)
	const present, spared = `NULLIF(current_setting('rowan.sub', true), '') IS NOT NULL`,
		`("user_id" IS NOT NULL AND (NOT ("user_id"::text COLLATE "C" IN (''::text, 'mallory'::text))))`
	const own = `("user_id" IS NOT NULL AND ("user_id"::text IN ('it''s'::text, current_setting('rowan.sub', true)::text) AND ` +
		`"user_id"::text COLLATE "C" IN ('it''s'::text, current_setting('rowan.sub', true)::text)))`
	const under = `("user_id" IS NOT NULL AND "user_id"::text COLLATE "C" LIKE (E'a\\' || ` +
		`replace(replace(replace(current_setting('rowan.sub', true), '|', '||'), '%', '|%'), '_', '|_') || '/%') ESCAPE '|')`
	read := "(" + present + " AND (" + spared + " AND (" + own + " OR " + under + ")))"
	write := "(" + present + " AND (" + spared + " AND " + own + "))"
	require.Equal(t, []string{
		`ALTER TABLE "scores" ENABLE ROW LEVEL SECURITY`,
		`ALTER TABLE "scores" FORCE ROW LEVEL SECURITY`,
		`DROP POLICY IF EXISTS "rowan_player_select" ON "scores"`,
		`CREATE POLICY "rowan_player_select" ON "scores" FOR SELECT TO "player" USING (` + read + `)`,
		`DROP POLICY IF EXISTS "rowan_player_insert" ON "scores"`,
		`CREATE POLICY "rowan_player_insert" ON "scores" FOR INSERT TO "player" WITH CHECK (` + write + `)`,
		`DROP POLICY IF EXISTS "rowan_player_update" ON "scores"`,
		`CREATE POLICY "rowan_player_update" ON "scores" FOR UPDATE TO "player" USING (1 = 0) WITH CHECK (1 = 0)`,
		`DROP POLICY IF EXISTS "rowan_player_delete" ON "scores"`,
	}, statements)
}

// TestVariablesNeverMeet holds that a variable's value may be what another
// condition speaks of: the engine's own filter would drop a Deny of another
// text beside equality with the symbol.
func TestVariablesNeverMeet(t *testing.T) {
	s := security(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*",
		"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "`+sub+`"}, "ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": "mallory"}}}]}`)
	predicate, err := s.Predicate(sqlrow.Read)
	require.NoError(t, err)
	require.Contains(t, predicate, "mallory")
	require.Contains(t, predicate, "current_setting")
}

func TestEverySetMustAllow(t *testing.T) {
	all := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	none := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`
	predicate, err := security(t, all, all).Predicate(sqlrow.Read)
	require.NoError(t, err)
	require.Equal(t, "NULLIF(current_setting('rowan.sub', true), '') IS NOT NULL", predicate)
	predicate, err = security(t, all, none).Predicate(sqlrow.Read)
	require.NoError(t, err)
	require.Equal(t, "1 = 0", predicate)
}

// TestRowSecurityRefusesWhatItCannotSay is one statement each that only a
// request could answer.
func TestRowSecurityRefusesWhatItCannotSay(t *testing.T) {
	for name, statement := range map[string]string{
		"a key of the request":         `"Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.1"}}`,
		"a key of the session":         `"Resource": "*", "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:sub": "a"}}`,
		"a variable that none brings":  `"Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:username}"}}`,
		"a variable with a default":    `"Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:username, 'x'}"}}`,
		"a variable of the resource":   `"Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/` + sub + `"`,
		"a variable without case":      `"Resource": "*", "Condition": {"ForAllValues:StringEqualsIgnoreCase": {"dynamodb:LeadingKeys": "` + sub + `"}}`,
		"a private character":          `"Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "` + "\ue0f0" + `0"}}`,
		"attributes that are asked":    `"Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:Attributes": "UserId"}}`,
		"an ARN with a variable":       `"Resource": "*", "Condition": {"ArnLike": {"app:arn": "arn:aws:s3:::` + sub + `"}}`,
		"a variable in another column": `"Resource": "*", "Condition": {"StringEquals": {"app:flag": "` + sub + `"}}`,
	} {
		s := security(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", `+statement+`}]}`)
		s.Table.Columns = append(s.Table.Columns, sqlrow.Column{Key: "app:arn", Name: "arn"}, sqlrow.Column{Key: "app:flag", Name: "flag", Type: sqlrow.Bool})
		_, err := s.Statements()
		require.ErrorAs(t, err, new(*sqlrow.UnsupportedError), name)
		_, err = security(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", `+statement+`}]}`).Statements()
		require.NoError(t, err, "a statement about something else: %s", name)
	}
}

func TestRowSecurityDescriptions(t *testing.T) {
	all := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	for name, change := range map[string]func(*sqlrow.RowSecurity){
		"no role":          func(s *sqlrow.RowSecurity) { s.Role = "" },
		"a long role":      func(s *sqlrow.RowSecurity) { s.Role = strings.Repeat("r", 60) },
		"no policies":      func(s *sqlrow.RowSecurity) { s.Policies = nil },
		"no vocabulary":    func(s *sqlrow.RowSecurity) { s.Vocabulary = nil },
		"no principal":     func(s *sqlrow.RowSecurity) { s.Principal = "" },
		"another account":  func(s *sqlrow.RowSecurity) { s.Principal = "arn:aws:iam::444455556666:role/Player" },
		"an alias":         func(s *sqlrow.RowSecurity) { s.Table.Alias = "x" },
		"an injected name": func(s *sqlrow.RowSecurity) { s.Variables = map[string]string{"saml:sub": "rowan.a', true)--"} },
		"no class":         func(s *sqlrow.RowSecurity) { s.Variables = map[string]string{"saml:sub": "role"} },
		"a list":           func(s *sqlrow.RowSecurity) { s.Variables = map[string]string{"aws:TagKeys": "rowan.a"} },
		"a number":         func(s *sqlrow.RowSecurity) { s.Variables = map[string]string{"aws:MultiFactorAuthAge": "rowan.a"} },
		"the row's": func(s *sqlrow.RowSecurity) {
			s.Table.Columns[0].Key = "saml:sub"
			s.Variables = map[string]string{"saml:sub": "rowan.a"}
		},
		"an unknown key":     func(s *sqlrow.RowSecurity) { s.Variables = map[string]string{"aws:Nothing": "rowan.a"} },
		"a policy of it own": func(s *sqlrow.RowSecurity) { s.Table.Access.Policy = set(t, policy.Identity, all) },
	} {
		s := security(t, all)
		change(s)
		_, err := s.Statements()
		require.ErrorIs(t, err, sqlrow.ErrTable, name)
	}
}
