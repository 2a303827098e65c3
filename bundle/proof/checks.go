package proof

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoaction"
	"github.com/rowan-authz/rowan/bundle"
)

// The names of the checks, as options and results have them.
const (
	isolationCheck  = "isolation"
	missingKeyCheck = "missing-key"
	keylessCheck    = "keyless"
	openWorldCheck  = "open-world"
	indexCheck      = "index"
	prefixCheck     = "table-prefix"
	attributeCheck  = "attributes"
	wholeRowCheck   = "whole-rows"
	oldValuesCheck  = "returned-values"
	meetingCheck    = "non-interference"
	escalationCheck = "escalation"
	guestCheck      = "guests"
	constantCheck   = "constants"
	outsiderCheck   = "outsiders"
	deadDenyCheck   = "dead-denies"
	propertyCheck   = "property"
)

// claims says of each check what a role does by it, in the order of checks.
var claims = []struct{ check, claim string }{
	{isolationCheck, "reaches only rows whose partition key is the identity's own, or shared"},
	{missingKeyCheck, "reaches no row by a request that has no partition key"},
	{keylessCheck, "makes no call that goes around partition keys, such as Scan"},
	{openWorldCheck, "is granted no operation that DynamoDB does not have yet"},
	{indexCheck, "queries no index whose partition key is another attribute"},
	{prefixCheck, "reaches no table whose name goes on where this one's ends"},
	{attributeCheck, "names no protected attribute, in filters neither"},
	{wholeRowCheck, "reads no row of a table with protected attributes without naming the attributes"},
	{oldValuesCheck, "has no write return what a row with protected attributes holds"},
	{meetingCheck, "has no row that two identities both reach"},
	{escalationCheck, "changes no policies, pools or users, and neither deletes nor changes the table"},
	{guestCheck, "lets guests reach only rows that are declared for them"},
	{constantCheck, "grants no identity or account more because a policy names it"},
	{outsiderCheck, "shares rows with nobody whom the table's own policy lets in besides"},
	{deadDenyCheck, "has no Deny that no request meets"},
	{propertyCheck, "does what a suite says under properties"},
}

// Checks returns the names of all checks.
func Checks() []string {
	out := make([]string, len(claims))
	for i, c := range claims {
		out[i] = c.check
	}
	return out
}

// Claim says in a few words what a check claims that a role does, of whatever
// table; empty for no check.
func Claim(check string) string {
	for _, c := range claims {
		if c.check == check {
			return c.claim
		}
	}
	return ""
}

var (
	rowActions = slices.Concat(dynamoaction.Reads(), dynamoaction.Writes())
	// strangeAction is one that DynamoDB does not have.
	strangeAction = "dynamodb:AnOperationOfTheFuture"
	// rulingActions change who may do what, or make the caller somebody else.
	// Source: analysis A9 N; Amazon Cognito API references.
	rulingActions = []string{
		"iam:*", "organizations:*",
		"cognito-identity:SetIdentityPoolRoles", "cognito-identity:SetPrincipalTagAttributeMap", "cognito-identity:CreateIdentityPool",
		"cognito-identity:UpdateIdentityPool", "cognito-identity:GetOpenIdTokenForDeveloperIdentity", "cognito-identity:MergeDeveloperIdentities",
		"cognito-idp:AdminAddUserToGroup", "cognito-idp:AdminConfirmSignUp", "cognito-idp:AdminCreateUser", "cognito-idp:AdminInitiateAuth",
		"cognito-idp:AdminLinkProviderForUser", "cognito-idp:AdminRespondToAuthChallenge", "cognito-idp:AdminSetUserPassword",
		"cognito-idp:AdminUpdateUserAttributes", "cognito-idp:CreateGroup", "cognito-idp:UpdateGroup", "cognito-idp:CreateIdentityProvider",
		"cognito-idp:UpdateIdentityProvider", "cognito-idp:CreateUserPoolClient", "cognito-idp:UpdateUserPoolClient", "cognito-idp:UpdateUserPool",
	}
)

const leadingKeys = "dynamodb:LeadingKeys"

type condition = map[string]map[string]any

// checks are the questions about a table. Source: analysis A9.
func checks(b *bundle.Bundle, t *bundle.Table) []check {
	table, indexes := []string{t.ARN}, []string{t.ARN + "/index/*"}
	for _, x := range t.Indexes {
		if x.PartitionKey.Name == t.PartitionKey.Name {
			table = append(table, t.ARN+"/index/"+x.Name)
		}
	}
	own := append([]string{"${" + t.Isolation.Identity + "}"}, escaped(t.Isolation.Shared)...)
	everything := append(slices.Clone(table), t.ARN+"/*") // indexes, streams, backups and exports
	protected := func(r *bundle.Role, t *bundle.Table) bool { return isolated(r, t) && len(t.Isolation.Protected) > 0 }
	out := []check{
		{
			name: isolationCheck, applies: isolated,
			claim: "reaches only rows whose partition key is ${" + t.Isolation.Identity + "}" + orShared(t),
			asked: []string{statement("Allow", slices.Concat(rowActions, dynamoaction.Keyless(), []string{strangeAction}), table, condition{"ForAnyValue:StringNotEquals": {leadingKeys: own}})},
		},
		{
			name: missingKeyCheck, applies: isolated,
			claim: "reaches no row without a partition key in the request",
			asked: []string{statement("Allow", rowActions, slices.Concat(table, indexes), condition{"Null": {leadingKeys: "true"}})},
		},
		{
			name: keylessCheck, applies: isolated,
			claim: "makes no call that goes around partition keys, such as Scan",
			asked: []string{statement("Allow", dynamoaction.Keyless(), everything, nil)},
		},
		{
			name:  openWorldCheck,
			claim: "is granted no operation that DynamoDB does not have yet",
			asked: []string{statement("Allow", []string{strangeAction}, everything, nil)},
		},
		{
			name:  prefixCheck,
			claim: "reaches no table whose name goes on where this one's ends",
			asked: []string{statement("Allow", rowActions, []string{t.ARN + "?*"}, nil) + "," + statement("Deny", []string{"*"}, []string{t.ARN + "/*"}, nil)},
		},
		{
			name: meetingCheck, applies: isolated, meet: true,
			claim: "no two identities reach one row" + butShared(t),
			asked: []string{
				statement("Allow", rowActions, table, condition{"Null": {leadingKeys: "false"}}),
				statement("Allow", []string{"*"}, []string{"*"}, butSharedKeys(t)),
			},
		},
		{
			name:  escalationCheck,
			claim: "changes no policies, pools or users, and neither deletes nor changes the table",
			asked: []string{statement("Allow", rulingActions, []string{"*"}, nil) + "," + statement("Allow", dynamoaction.Changes(), everything, nil)},
		},
		{
			name: attributeCheck, applies: protected,
			claim: "names no protected attribute (" + strings.Join(t.Isolation.Protected, ", ") + "), in filters neither",
			asked: []string{statement("Allow", rowActions, slices.Concat(table, indexes), condition{"ForAnyValue:StringEquals": {"dynamodb:Attributes": escaped(t.Isolation.Protected)}})},
		},
		{
			name: wholeRowCheck, applies: protected,
			claim: "reads no row without naming the attributes",
			asked: []string{
				statement("Allow", dynamoaction.Reads(), slices.Concat(table, indexes), condition{"Null": {"dynamodb:Attributes": "true"}}) + "," +
					statement("Allow", dynamoaction.Reads(), slices.Concat(table, indexes), condition{"StringNotEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}, "Null": {"dynamodb:Select": "false"}}),
			},
		},
		{
			name: oldValuesCheck, applies: protected,
			claim: "has no write return what the row holds",
			asked: []string{statement("Allow", dynamoaction.Writes(), table, condition{"StringEquals": {"dynamodb:ReturnValues": []string{"ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"}}})},
		},
	}
	out = append(out, guests(b, t, everything), constants(b, t, everything))
	if other := otherIndexes(t); len(other) > 0 {
		out = append(out, check{
			name: indexCheck, applies: isolated,
			claim: "queries no index whose partition key is another attribute",
			asked: []string{statement("Allow", []string{"dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect"}, other, nil)},
		})
	}
	return out
}

// isolated reports whether a role has no reason to reach all rows.
func isolated(r *bundle.Role, t *bundle.Table) bool {
	return !slices.Contains(t.Isolation.Except, r.Name)
}

// otherIndexes are the ARNs of indexes whose partition key is not the table's.
func otherIndexes(t *bundle.Table) []string {
	var out []string
	for _, x := range t.Indexes {
		if x.PartitionKey.Name != t.PartitionKey.Name {
			out = append(out, t.ARN+"/index/"+x.Name)
		}
	}
	return out
}

// butSharedKeys are requests for rows that are not shared.
func butSharedKeys(t *bundle.Table) condition {
	if len(t.Isolation.Shared) == 0 {
		return nil
	}
	return condition{"ForAllValues:StringNotEquals": {leadingKeys: escaped(t.Isolation.Shared)}}
}

func orShared(t *bundle.Table) string {
	if len(t.Isolation.Shared) == 0 {
		return ""
	}
	return ", or " + strings.Join(t.Isolation.Shared, ", ")
}

func butShared(t *bundle.Table) string {
	if len(t.Isolation.Shared) == 0 {
		return ""
	}
	return ", but " + strings.Join(t.Isolation.Shared, ", ")
}

// escaped writes texts so that a policy takes them as they are.
func escaped(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = strings.ReplaceAll(s, "${", "${$}{")
	}
	return out
}
