package bundle

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/policy"
)

// SQLTable is a table in SQL.
type SQLTable struct {
	// Schema is empty if the connection chooses; Table is the name in SQL.
	Schema, Table string
	// Columns hold attributes and context keys, which have a colon, of rows. The
	// partition key is among them.
	Columns []Column
}

// Column says which column holds a context key or an attribute, and what type
// it is of.
type Column struct {
	// Of is the context key or attribute.
	Of string
	// Name is the column's.
	Name string
	// Type is what the column is of, text if it is left out.
	Type sqlrow.Type
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

// RowKeys returns the context keys that a row brings, each with the type of its
// column: those of SQLRow, or without SQL the partition key, as text.
func (t *Table) RowKeys() []sqlrow.Column {
	if described, ok := t.SQLRow(); ok {
		return described.Columns
	}
	return []sqlrow.Column{{Key: leadingKeys, Name: t.PartitionKey.Name}}
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

// RowSecurity describes row security of PostgreSQL for a role and a table, by
// names of the bundle, and a database role. variables are as in sqlrow. What
// no session of a database can be held to is refused: resource policies of the
// table, and resource control policies.
func (b *Bundle) RowSecurity(role, table, databaseRole string, variables map[string]string) (*sqlrow.RowSecurity, error) {
	r, ok := b.Role(role)
	if !ok {
		return nil, fmt.Errorf("no role %q", role)
	}
	t, ok := b.Table(table)
	if !ok {
		return nil, fmt.Errorf("no table %q", table)
	}
	described, ok := t.SQLRow()
	if !ok {
		return nil, fmt.Errorf("tables/%s.yaml says nothing of sql", t.Name)
	}
	set, err := b.ResourceSet(t.ARN)
	switch {
	case err != nil:
		return nil, err
	case set != nil:
		return nil, fmt.Errorf("%s has a resource policy, which row security cannot hold", t.ARN)
	case len(b.resourceControl) > 0:
		return nil, errors.New("there are resource control policies, which row security cannot hold")
	}
	s := &sqlrow.RowSecurity{
		Table: described, Role: databaseRole, Principal: r.ARN, Vocabulary: b.vocabulary, Variables: variables,
		Policies: [][]*policy.Document{plainDocuments(r.attached.policies)},
	}
	if r.attached.limit != nil {
		s.Policies = append(s.Policies, []*policy.Document{r.attached.limit.Document})
	}
	for _, level := range b.ServiceControl {
		s.Policies = append(s.Policies, plainDocuments(level.documents))
	}
	return s, nil
}

func plainDocuments(documents []*document) []*policy.Document {
	out := make([]*policy.Document, len(documents))
	for i, d := range documents {
		out[i] = d.Document
	}
	return out
}
