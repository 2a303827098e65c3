package bundle

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/access/sqlrow"
)

// SQLTable is a table in SQL.
type SQLTable struct {
	// Schema is empty if the connection chooses.
	Schema, Table string
	Columns       []Column
}

// Column says which column holds a context key or an attribute, and what type
// it is of.
type Column struct {
	Of, Name string
	Type     sqlrow.Type
}

// SQLRow describes the table for package sqlrow; ok is false if it has no SQL.
// The column of the partition key's attribute holds dynamodb:LeadingKeys.
// Reading a row is dynamodb:Query, writing one dynamodb:PutItem,
// dynamodb:UpdateItem or dynamodb:DeleteItem.
func (t *Table) SQLRow() (table sqlrow.Table, ok bool) {
	if t.SQL.Table == "" {
		return sqlrow.Table{}, false
	}
	table = sqlrow.Table{
		Schema: t.SQL.Schema, Name: t.SQL.Table,
		Access: sqlrow.Access{
			Resource: t.ARN, Read: "dynamodb:Query", Insert: "dynamodb:PutItem", Update: "dynamodb:UpdateItem", Delete: "dynamodb:DeleteItem",
			Attributes: map[string]string{},
		},
	}
	for _, c := range t.SQL.Columns {
		key := c.Of
		if !contextKey(c.Of) {
			table.Access.Attributes[c.Name] = c.Of
			if c.Of != t.PartitionKey.Name {
				continue
			}
			key = leadingKeys
		}
		table.Columns = append(table.Columns, sqlrow.Column{Key: key, Name: c.Name, Type: c.Type})
	}
	return table, true
}

// contextKey reports whether a name of a bundle's columns is a context key's;
// no attribute of a key is called so here.
func contextKey(of string) bool { return strings.Contains(of, ":") }

// sql reads {schema, table, columns}.
func (n node) sql(v keyFinder) SQLTable {
	var t SQLTable
	n.object("schema, table or columns", func(member string, x node) bool {
		switch member {
		case "schema":
			t.Schema = x.name()
		case "table":
			t.Table = x.name()
		case "columns":
			x.named(true, func(of string, x node) { t.Columns = append(t.Columns, x.column(of, v)) })
		default:
			return false
		}
		return true
	})
	if n.Kind == yaml.MappingNode {
		n.need("table")
	}
	return t
}

// column reads the name of a column of text, or {column, type}.
func (n node) column(of string, v keyFinder) Column {
	c := Column{Of: of}
	if n.Kind != yaml.MappingNode {
		c.Name = n.name()
	} else {
		n.object("column or type", func(member string, x node) bool {
			switch member {
			case "column":
				c.Name = x.name()
			case "type":
				c.Type = x.columnType()
			default:
				return false
			}
			return true
		})
		n.need("column")
	}
	if contextKey(of) {
		if _, err := v.Key(of); err != nil {
			n.fault("%v", err)
		}
	}
	return c
}

func (n node) columnType() sqlrow.Type {
	names := make([]string, 0, sqlrow.TextArray+1)
	for t := range sqlrow.TextArray + 1 {
		names = append(names, t.String())
	}
	t, _ := sqlrow.ParseType(n.choice(names...))
	return t
}

// holdsPartitionKey notes a table in SQL without the partition key, whose rows
// nobody could tell apart, and one that has it twice.
func (t *Table) holdsPartitionKey(n node) {
	found := 0
	for _, c := range t.SQL.Columns {
		if c.Of == t.PartitionKey.Name || strings.EqualFold(c.Of, leadingKeys) || strings.EqualFold(c.Of, firstKeys) {
			found++
		}
	}
	if t.SQL.Table != "" && t.PartitionKey.Name != "" && found != 1 {
		n.fault("want one column for the partition key %q, have %d", short(t.PartitionKey.Name), found)
	}
}
