package workload

import (
	"encoding/json"
	"fmt"
)

// Policy lets an identity do Actions on the items of one table whose partition key is its own id,
// naming no attribute but Attributes.
type Policy struct {
	// Table is the table's name.
	Table string
	// Prefix is what a table's name starts with if the policy covers it: Table itself under
	// [Exact], shorter for [Table] otherwise.
	Prefix     string
	Actions    []string
	Resources  []string
	Attributes []string
}

// actions are those of the item operations, as in the guide's sample for this check.
var actions = []string{
	"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem",
	"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
}

// shared are the attributes that every table has; each has four more of its own.
var shared = []string{
	"UserId", "GameTitle", "Wins", "Losses", "TopScore", "TopScoreDateTime", "Level", "LastPlayed",
}

func newPolicy(i int, middle bool, resources Resources) Policy {
	p := Policy{Table: fmt.Sprintf("Ledger%05d", i), Actions: actions}
	p.Prefix = p.Table
	if middle {
		p.Table, p.Prefix = Table, "Game"
	}
	p.Attributes = append(p.Attributes, shared...)
	for _, letter := range "ABCD" {
		p.Attributes = append(p.Attributes, fmt.Sprintf("Extra%05d%c", i, letter))
	}
	switch resources {
	case Exact:
		p.Prefix = p.Table
		p.Resources = []string{ARN(Region, p.Table)}
	case Wildcard:
		p.Resources = []string{ARN(Region, p.Prefix) + "*", indexes(p.Table)}
	case Shared:
		p.Resources = []string{ARN(Region, p.Prefix) + "*", indexes(p.Table), indexes("*")}
	}
	return p
}

// ARN is the ARN of a table of [Account].
func ARN(region, table string) string {
	return "arn:aws:dynamodb:" + region + ":" + Account + ":table/" + table
}

func indexes(table string) string {
	return "*:table/" + table + "/index/*"
}

// statement and document spell a policy in the IAM language, members in the usual order.
type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string
}

type document struct {
	Version   string
	Statement []statement
}

// JSON is p in the IAM policy language, compact.
func (p Policy) JSON() ([]byte, error) {
	return json.Marshal(document{Version: "2012-10-17", Statement: []statement{{
		Sid: "OwnRows", Effect: "Allow", Action: p.Actions, Resource: p.Resources,
		Condition: map[string]map[string][]string{"ForAllValues:StringEquals": {
			"dynamodb:LeadingKeys": {Variable},
			"dynamodb:Attributes":  p.Attributes,
		}},
	}}})
}
