package bundle

import (
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoitem"
)

// Table is tables/NAME.yaml: what a row is called in a store.
type Table struct {
	// Name is the file's, by which suites know the table.
	Name string
	// Table is the name of the table in its ARN; Name if the file says nothing.
	Table string
	// ARN is the table's.
	ARN string
	// PartitionKey names the attribute that says whose a row is.
	PartitionKey Attribute
	// SortKey names the other attribute of the key; the zero Attribute if there
	// is none.
	SortKey Attribute
	// Indexes are the secondary indexes, in source order.
	Indexes []Index
	// SQL says how the table is called in SQL; its Table is empty if it is not.
	SQL SQLTable
	// Isolation says whose rows are whose, for rowan prove.
	Isolation Isolation
}

// Isolation says whose rows are whose: everybody reaches only rows whose
// partition key is their own.
type Isolation struct {
	// Declared says that the table's file has it; the rest is defaults if not.
	Declared bool
	// Identity is the context key that the partition key equals.
	Identity string
	// Shared are partition keys of everybody.
	Shared []string
	// Except are roles that may reach all rows.
	Except []string
	// Protected are attributes that nobody else reads.
	Protected []string
	// Guests says what guests of identity pools reach: shared rows, if it is left
	// out.
	Guests GuestReach
	// Privileged are identities that may reach all rows: values of Identity.
	Privileged []string
	// Outsiders are principals of policies that are no roles of the bundle and
	// that the table's own policy may let in.
	Outsiders []string
}

// GuestReach says which rows guests reach.
type GuestReach uint8

// What guests may reach. The zero value is GuestsShared.
const (
	// GuestsShared is rows that everybody may reach.
	GuestsShared GuestReach = iota
	// GuestsNothing is no row.
	GuestsNothing
	// GuestsOwn is shared rows and those of the guest's own identity.
	GuestsOwn
)

// isolation reads whose rows are whose.
func (n node) isolation(l *loader) Isolation {
	out := Isolation{Declared: true, Identity: identityKey}
	n.object("identity, shared, except, protected, guests, privileged or outsiders", func(member string, x node) bool {
		switch member {
		case "identity":
			out.Identity = x.name()
			if _, err := l.bundle.vocabulary.Key(out.Identity); err != nil {
				x.fault("%v", err)
			}
		case "shared":
			out.Shared = x.names()
		case "except":
			out.Except = x.names()
			l.later(func() {
				for _, name := range out.Except {
					if _, ok := l.bundle.Role(name); !ok {
						x.fault("no role %q", short(name))
					}
				}
			})
		case "protected":
			out.Protected = x.names()
		case "guests":
			switch x.choice("shared", "nothing", "own") {
			case "nothing":
				out.Guests = GuestsNothing
			case "own":
				out.Guests = GuestsOwn
			}
		case "privileged":
			out.Privileged = x.names()
		case "outsiders":
			out.Outsiders = x.names()
		default:
			return false
		}
		return true
	})
	return out
}

// identityKey is the context key of an identity of an identity pool.
const identityKey = "cognito-identity.amazonaws.com:sub"

// Attribute is a key attribute of a table or index.
type Attribute struct {
	// Name is the attribute's.
	Name string
	// Type is S, N or B: a text, a number or bytes.
	Type string
}

// Index is a secondary index of a table.
type Index struct {
	Name string
	// PartitionKey and SortKey name the attributes of the index's own key.
	PartitionKey, SortKey Attribute
}

// keys returns the names of the key attributes.
func keys(partition, sort Attribute) []string {
	if sort.Name == "" {
		return []string{partition.Name}
	}
	return []string{partition.Name, sort.Name}
}

// Index returns the index of that name.
func (t *Table) Index(name string) (Index, bool) {
	for _, x := range t.Indexes {
		if x.Name == name {
			return x, true
		}
	}
	return Index{}, false
}

// Keys returns the key schema of the table and of its indexes, for
// dynamoitem.
func (t *Table) Keys() dynamoitem.Table {
	out := dynamoitem.Table{Key: keySchema(t.PartitionKey, t.SortKey), Indexes: make(map[string]dynamoitem.Key, len(t.Indexes))}
	for _, x := range t.Indexes {
		out.Indexes[x.Name] = keySchema(x.PartitionKey, x.SortKey)
	}
	return out
}

func keySchema(partition, sort Attribute) dynamoitem.Key {
	k := dynamoitem.Key{Partition: []dynamoitem.Attribute{{Name: partition.Name, Type: partition.Type}}}
	if sort.Name != "" {
		k.Sort = []dynamoitem.Attribute{{Name: sort.Name, Type: sort.Type}}
	}
	return k
}

// table reads tables/NAME.yaml.
func (l *loader) table(name string, n node) *Table {
	t := &Table{Name: name, Table: name, Isolation: Isolation{Identity: identityKey}}
	place, sql := n, n
	n.object("table, partitionKey, sortKey, indexes, isolation or sql", func(member string, x node) bool {
		switch member {
		case "table":
			t.Table, place = x.name(), x
		case "partitionKey":
			t.PartitionKey = x.attribute()
		case "sortKey":
			t.SortKey = x.attribute()
		case "indexes":
			t.Indexes = x.indexes()
		case "isolation":
			t.Isolation = x.isolation(l)
		case "sql":
			t.SQL, sql = x.sql(l.bundle.vocabulary), x
		default:
			return false
		}
		return true
	})
	n.need("partitionKey")
	n.distinct(t.PartitionKey, t.SortKey)
	t.holdsPartitionKey(sql)
	if !tableName(t.Table) {
		place.fault("a table is called with 3 to 255 letters, digits or _.-, have %q", short(t.Table))
	}
	l.later(func() {
		b := l.bundle
		t.ARN = "arn:" + b.Partition + ":dynamodb:" + b.Region + ":" + b.Account + ":table/" + t.Table
		if other, taken := l.claim("table "+t.Table, name); taken {
			place.fault("tables/%s.yaml describes the same table", other)
		}
	})
	return t
}

// tableName reports whether s may name a table. Source: DynamoDB Developer
// Guide, "Naming rules".
func tableName(s string) bool {
	return len(s) >= 3 && len(s) <= 255 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == ""
}

// attribute reads {name, type}; the type is S if it is left out.
func (n node) attribute() Attribute {
	a := Attribute{Type: "S"}
	n.object("name or type", func(member string, x node) bool {
		switch member {
		case "name":
			a.Name = x.name()
		case "type":
			a.Type = x.choice("S", "N", "B")
		default:
			return false
		}
		return true
	})
	n.need("name")
	return a
}

func (n node) indexes() []Index {
	var out []Index
	n.named(true, func(name string, x node) {
		index := Index{Name: name}
		if !tableName(name) {
			x.fault("an index is called with 3 to 255 letters, digits or _.-")
		}
		x.object("partitionKey or sortKey", func(member string, x node) bool {
			switch member {
			case "partitionKey":
				index.PartitionKey = x.attribute()
			case "sortKey":
				index.SortKey = x.attribute()
			default:
				return false
			}
			return true
		})
		x.need("partitionKey")
		x.distinct(index.PartitionKey, index.SortKey)
		out = append(out, index)
	})
	return out
}

func (n node) distinct(partition, sort Attribute) {
	if partition.Name != "" && partition.Name == sort.Name {
		n.fault("the partition key and the sort key are both %q", short(sort.Name))
	}
}
