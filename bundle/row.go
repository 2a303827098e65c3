package bundle

import (
	"encoding/base64"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
)

// setting is a context key of a cell.
type setting struct {
	key    string
	values []string
	// unknown says that the request has a value and nobody can tell which.
	unknown bool
}

// row is a row of a suite.
type row struct {
	name       string
	attributes []attributeValue
	place      node
}

type attributeValue struct {
	name  string
	value node
}

// rowAction is an action on rows and what a request for one row carries.
// Source: iam-semantics §6.3, §6.4; design §5.
type rowAction struct {
	name string
	// keys says that the request names the partition key.
	keys bool
	// whole says that it names every attribute of the row, not its key alone.
	whole bool
	// reads and writes say that it has Select or ReturnValues.
	reads, writes bool
	// index says that it may be on an index.
	index bool
}

var rowActions = []rowAction{
	{name: "dynamodb:BatchGetItem", keys: true, reads: true},
	{name: "dynamodb:BatchWriteItem", keys: true, whole: true},
	{name: "dynamodb:ConditionCheckItem", keys: true, writes: true},
	{name: "dynamodb:DeleteItem", keys: true, writes: true},
	{name: "dynamodb:GetItem", keys: true, reads: true},
	{name: "dynamodb:PartiQLDelete", keys: true, writes: true},
	{name: "dynamodb:PartiQLInsert", keys: true, whole: true},
	{name: "dynamodb:PartiQLSelect", keys: true, reads: true, index: true},
	{name: "dynamodb:PartiQLUpdate", keys: true, writes: true},
	{name: "dynamodb:PutItem", keys: true, whole: true, writes: true},
	{name: "dynamodb:Query", keys: true, reads: true, index: true},
	{name: "dynamodb:Scan", reads: true, index: true},
	{name: "dynamodb:UpdateItem", keys: true, writes: true},
}

// findRowAction finds an action on rows; actions ignore case.
func findRowAction(name string) (rowAction, bool) {
	for _, a := range rowActions {
		if strings.EqualFold(a.name, name) {
			return a, true
		}
	}
	return rowAction{}, false
}

func rowActionNames() string {
	names := make([]string, len(rowActions))
	for i, a := range rowActions {
		names[i] = strings.TrimPrefix(a.name, "dynamodb:")
	}
	return strings.Join(names, ", ")
}

const (
	leadingKeys = "dynamodb:LeadingKeys"
	// firstKeys holds the same values. Source: iam-semantics §6.4.1.
	firstKeys = "dynamodb:FirstPartitionKeyValues"
)

// settings are the context keys of a request for one row, or with a nil row
// for none in particular. partition and sort are the key of the table or index
// that is asked.
func (a rowAction) settings(r *row, partition, sort Attribute, index bool) []setting {
	var out []setting
	set := func(key string, values ...string) { out = append(out, setting{key: key, values: values}) }
	full := strings.EqualFold(a.name, "dynamodb:PartiQLSelect")
	if r != nil {
		if a.keys {
			out = append(out, r.partition(leadingKeys, partition), r.partition(firstKeys, partition))
		}
		names := keys(partition, sort)
		if a.whole {
			names = names[:0]
			for _, x := range r.attributes {
				names = append(names, x.name)
			}
		}
		set("dynamodb:Attributes", names...)
	}
	if full && r == nil {
		set("dynamodb:FullTableScan", "true")
	} else if full {
		set("dynamodb:FullTableScan", "false")
	}
	switch {
	case a.reads && index:
		set("dynamodb:Select", "ALL_PROJECTED_ATTRIBUTES")
	case a.reads:
		set("dynamodb:Select", "ALL_ATTRIBUTES")
	}
	if a.writes {
		set("dynamodb:ReturnValues", "NONE")
	}
	if a.name == "dynamodb:ConditionCheckItem" { // exists nowhere else
		set("dynamodb:EnclosingOperation", "TransactWriteItems")
	}
	return out
}

// partition is a row's partition key as a context key. A row always has one:
// what the suite does not say, or leaves empty, is not known, and never
// absent, which ForAllValues would take for a yes.
func (r *row) partition(key string, of Attribute) setting {
	for _, x := range r.attributes {
		if x.name != of.Name {
			continue
		}
		if text := x.value.keyText(of.Type); text != "" {
			return setting{key: key, values: []string{text}}
		}
	}
	return setting{key: key, unknown: true}
}

// keyText is the text of a key value of a type; empty if there is none.
// Source: iam-semantics §6.4.1.
func (n node) keyText(kind string) string {
	if n.null() {
		return ""
	}
	s := n.text()
	if s == "" || n.Kind != yaml.ScalarNode {
		return ""
	}
	switch kind {
	case "N":
		text, ok := dynamoitem.CanonicalNumber(s)
		if !ok {
			n.fault("want a number, the type of this key, have %s", n.kind())
		}
		return text
	case "B":
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			n.fault("want base64, as this key has bytes, have %s", n.kind())
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	return s
}

// row reads one row: its attributes, of which only those of keys matter.
func (n node) row(name string) *row {
	r := &row{name: name, place: n}
	n.named(true, func(attribute string, x node) {
		r.attributes = append(r.attributes, attributeValue{attribute, x})
	})
	return r
}

// settings reads context keys: texts, numbers, truth values, or lists of them.
func (n node) settings(v keyFinder) []setting {
	var out []setting
	n.named(false, func(key string, x node) {
		k, err := v.Key(key)
		if err != nil {
			x.fault("%v", err)
			return
		}
		s := setting{key: key, values: x.texts()}
		if len(s.values) > 1 && !k.List && !untyped(k) {
			x.fault("%s takes one value, not %d", k.Name, len(s.values))
		}
		out = append(out, s)
	})
	if len(out) > conditions.MaxContextKeys {
		n.fault("more than %d context keys", conditions.MaxContextKeys)
	}
	return out
}
