package dynamoitem

import (
	"fmt"
	"iter"
	"strings"
)

// Scope is where a table lives that a request names without an ARN: the
// partition, region and account that the call is sent to.
type Scope struct{ Partition, Region, Account string }

// Table is the key schema of a table, as DescribeTable tells it.
type Table struct {
	// Key has one partition attribute and at most one sort attribute.
	Key Key
	// Indexes are the secondary indexes, global and local, by name. A local
	// one has the table's partition key.
	Indexes map[string]Key
}

// Key is the key of a table or index: one to four partition attributes and up
// to four sort attributes, in their order.
type Key struct{ Partition, Sort []Attribute }

// Attribute is a key attribute. Its type is S, N or B.
type Attribute struct{ Name, Type string }

// Tables finds the key schema of a table by its ARN. It answers from memory;
// who must ask the store first finds the names in Operation.Tables.
type Tables func(arn string) (Table, bool)

// find is the schema of a table, checked.
func (t Tables) find(arn string) (Table, error) {
	table, ok := Table{}, false
	if t != nil {
		table, ok = t(arn)
	}
	if !ok {
		return Table{}, fmt.Errorf("%w %s", ErrUnknownTable, arn)
	}
	if len(table.Key.Partition) != 1 || len(table.Key.Sort) > 1 || !table.Key.valid() {
		return Table{}, fmt.Errorf("the key schema of %s is malformed", arn)
	}
	return table, nil
}

// key is the key of the table or of one of its indexes.
func (t *Table) key(index string) (Key, error) {
	if index == "" {
		return t.Key, nil
	}
	key, ok := t.Indexes[index]
	if !ok {
		return Key{}, fmt.Errorf("%w %q", ErrUnknownIndex, index)
	}
	if !key.valid() {
		return Key{}, fmt.Errorf("the key schema of the index %q is malformed", index)
	}
	return key, nil
}

// maxKeyAttributes is of each kind. Source: DynamoDB Developer Guide,
// "Multi-attribute keys".
const maxKeyAttributes = 4

func (k *Key) valid() bool {
	if len(k.Partition) == 0 || len(k.Partition) > maxKeyAttributes || len(k.Sort) > maxKeyAttributes {
		return false
	}
	var names nameSet
	for a := range k.all() {
		if a.Name == "" || a.Type != "S" && a.Type != "N" && a.Type != "B" || !names.add(a.Name) {
			return false
		}
	}
	return true
}

func (k *Key) attributes() []Attribute {
	return append(append(make([]Attribute, 0, len(k.Partition)+len(k.Sort)), k.Partition...), k.Sort...)
}

// all yields the attributes in the same order.
func (k *Key) all() iter.Seq[Attribute] {
	return func(yield func(Attribute) bool) {
		for _, attributes := range [...][]Attribute{k.Partition, k.Sort} {
			for _, a := range attributes {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// has reports whether an attribute is of the key.
func (k *Key) has(name string) bool {
	for a := range k.all() {
		if a.Name == name {
			return true
		}
	}
	return false
}

func (s *Scope) valid() bool {
	return lowerName(s.Partition) && lowerName(s.Region) && account(s.Account)
}

func lowerName(s string) bool {
	return s != "" && len(s) <= 64 && lowerBytes.all(s)
}

func account(s string) bool { return len(s) == 12 && digitBytes.all(s) }

// byteSet is the bytes that a name may have.
type byteSet [256]bool

func newByteSet(of string) (s byteSet) {
	for i := range len(of) {
		s[of[i]] = true
	}
	return s
}

// all reports whether a name has no others.
func (s *byteSet) all(name string) bool {
	for i := range len(name) {
		if !s[name[i]] {
			return false
		}
	}
	return true
}

const (
	digits  = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lower
)

var (
	digitBytes       = newByteSet(digits)
	lowerBytes       = newByteSet(lower + digits + "-")
	nameBytes        = newByteSet(letters + digits + "_.-")
	placeholderBytes = newByteSet(letters + digits + "_")
)

// tableARN is the ARN of the table that a request names, by name or ARN.
// Source: iam-semantics §6.1.
func (s *Scope) tableARN(name string) (string, error) {
	if !strings.HasPrefix(name, "arn:") {
		if !validName(name) {
			return "", fmt.Errorf("a table is called with 3 to 255 letters, digits or _.-, have %.80q", name)
		}
		return "arn:" + s.Partition + ":dynamodb:" + s.Region + ":" + s.Account + ":table/" + name, nil
	}
	parts := strings.SplitN(name, ":", 6)
	if len(parts) == 6 && parts[2] == "dynamodb" {
		there := Scope{Partition: parts[1], Region: parts[3], Account: parts[4]}
		table, ok := strings.CutPrefix(parts[5], "table/")
		if ok && there.valid() && validName(table) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%.80q is no ARN of a table", name)
}

// validName reports whether s may name a table or an index. Source: DynamoDB
// Developer Guide, "Naming rules".
func validName(s string) bool {
	return len(s) >= 3 && len(s) <= 255 && nameBytes.all(s)
}
