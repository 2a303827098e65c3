package dynamoitem

import (
	"fmt"
	"iter"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// Check is one question that IAM asks about a call: an action on a resource,
// with the context keys that the request determines. A call is allowed only if
// each of its checks is. Source: iam-semantics §6.2.
type Check struct {
	// Action is such as "dynamodb:GetItem".
	Action string
	// Resource is the ARN of a table or index, or "*".
	Resource string
	// Table is the ARN of the table, also of an index's; empty if there is
	// none. Index is the index's name or empty.
	Table, Index string
	// Member is the part of the body that the check is about, such as
	// "TransactItems[2].Update"; empty for all of it.
	Member string

	// PartitionKeys holds the values of the partition key: those of its first
	// attribute are dynamodb:LeadingKeys and FirstPartitionKeyValues, those of
	// the others Second-, Third- and FourthPartitionKeyValues. Each list has
	// values, each once. Nil if the keys are absent: for Scan and full scans.
	PartitionKeys [][]string
	// Attributes are the names of the top-level attributes that the request
	// mentions, each once. Nil if the key is absent; it may be present and
	// empty.
	Attributes []string
	// The other keys, by their names; empty if absent.
	Select, ReturnValues, ReturnConsumedCapacity, EnclosingOperation, FullTableScan string
}

// partitionKeys are the keys of positions. Source: iam-semantics §6.4.1.
var partitionKeys = [maxKeyAttributes]string{
	"dynamodb:FirstPartitionKeyValues",
	"dynamodb:SecondPartitionKeyValues",
	"dynamodb:ThirdPartitionKeyValues",
	"dynamodb:FourthPartitionKeyValues",
}

// All yields the context keys that the check determines, with their values, in
// one order. Those of DynamoDB that it does not yield are absent.
func (c *Check) All() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for i, values := range c.PartitionKeys {
			if i == 0 && !yield("dynamodb:LeadingKeys", values) || !yield(partitionKeys[i], values) {
				return
			}
		}
		if c.Attributes != nil && !yield("dynamodb:Attributes", c.Attributes) {
			return
		}
		for _, k := range [...]struct{ name, value string }{
			{"dynamodb:Select", c.Select},
			{"dynamodb:ReturnValues", c.ReturnValues},
			{"dynamodb:ReturnConsumedCapacity", c.ReturnConsumedCapacity},
			{"dynamodb:EnclosingOperation", c.EnclosingOperation},
			{"dynamodb:FullTableScan", c.FullTableScan},
			{"aws:ResourceAccount", c.resourceAccount()},
		} {
			if k.value != "" && !yield(k.name, []string{k.value}) {
				return
			}
		}
	}
}

// resourceAccount is the account of the resource's ARN.
func (c *Check) resourceAccount() string {
	rest, account := c.Resource, ""
	for range 5 {
		part, after, ok := strings.Cut(rest, ":")
		if !ok {
			return ""
		}
		account, rest = part, after
	}
	return account
}

// Fill sets the context keys that the check determines in x, which must hold
// none of them: begin each check with a context of its own, or Reset. Which
// tags a table has nobody here knows, so aws:ResourceTag is made indeterminate;
// whoever knows them sets them. Source: iam-semantics §6.1; choice C38.
func (c *Check) Fill(x *conditions.Context) error {
	for key, values := range c.All() {
		if err := x.Set(key, values...); err != nil {
			return fmt.Errorf("%s: %w", c.Action, err)
		}
	}
	if c.Table == "" {
		return nil
	}
	return x.SetIndeterminate("aws:ResourceTag/")
}
