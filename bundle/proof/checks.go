package proof

import (
	"slices"
	"strings"

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
	{escalationCheck, "changes no policies, and neither deletes nor changes the table"},
	{guestCheck, "lets guests reach only rows that are declared for them"},
	{constantCheck, "grants no identity or account more because a policy names it"},
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

// Actions of rows, as DynamoDB names them. Source: iam-semantics §6.2, §6.3.
var (
	readActions  = []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect"}
	writeActions = []string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}
	// keylessActions reach rows without naming a partition key.
	keylessActions = []string{
		"dynamodb:Scan", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ExportTableToPointInTime", "dynamodb:CreateBackup",
		"dynamodb:RestoreTableFromBackup", "dynamodb:RestoreTableToPointInTime", "dynamodb:EnableKinesisStreamingDestination",
	}
	adminActions = []string{
		"iam:*", "organizations:*", "dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy", "dynamodb:DeleteTable", "dynamodb:UpdateTable",
	}
)

const leadingKeys = "dynamodb:LeadingKeys"

type condition = map[string]map[string]any

// checks are the questions about a table. Source: analysis A9.
func checks(b *bundle.Bundle, t *bundle.Table) []check {
	table, indexes, streams := []string{t.ARN}, []string{t.ARN + "/index/*"}, []string{t.ARN + "/stream/*"}
	for _, x := range t.Indexes {
		if x.PartitionKey.Name == t.PartitionKey.Name {
			table = append(table, t.ARN+"/index/"+x.Name)
		}
	}
	own := append([]string{"${" + t.Isolation.Identity + "}"}, escaped(t.Isolation.Shared)...)
	rowActions := slices.Concat(readActions, writeActions)
	everything := slices.Concat(table, indexes, streams)
	protected := func(r *bundle.Role, t *bundle.Table) bool { return isolated(r, t) && len(t.Isolation.Protected) > 0 }
	out := []check{
		{
			name: isolationCheck, applies: isolated,
			claim: "reaches only rows whose partition key is ${" + t.Isolation.Identity + "}" + orShared(t),
			asked: []string{statement("Allow", []string{"dynamodb:*"}, table, condition{"ForAnyValue:StringNotEquals": {leadingKeys: own}})},
		},
		{
			name: missingKeyCheck, applies: isolated,
			claim: "reaches no row without a partition key in the request",
			asked: []string{statement("Allow", rowActions, slices.Concat(table, indexes), condition{"Null": {leadingKeys: "true"}})},
		},
		{
			name: keylessCheck, applies: isolated,
			claim: "makes no call that goes around partition keys, such as Scan",
			asked: []string{statement("Allow", keylessActions, everything, nil)},
		},
		{
			name:  openWorldCheck,
			claim: "is granted no operation that DynamoDB does not have yet",
			asked: []string{statement("Allow", []string{"dynamodb:AnOperationOfTheFuture"}, everything, nil)},
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
			claim: "changes no policies, and neither deletes nor changes the table",
			asked: []string{statement("Allow", adminActions, []string{"*"}, nil)},
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
				statement("Allow", readActions, slices.Concat(table, indexes), condition{"Null": {"dynamodb:Attributes": "true"}}) + "," +
					statement("Allow", readActions, slices.Concat(table, indexes), condition{"StringNotEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}, "Null": {"dynamodb:Select": "false"}}),
			},
		},
		{
			name: oldValuesCheck, applies: protected,
			claim: "has no write return what the row holds",
			asked: []string{statement("Allow", writeActions, table, condition{"StringEquals": {"dynamodb:ReturnValues": []string{"ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"}}})},
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
