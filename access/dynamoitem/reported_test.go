package dynamoitem_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/access/dynamoitem"
)

// writer makes expressions, and knows what they name because it wrote them.
type writer struct {
	t      *rapid.T
	names  map[string]string
	values map[string]any
	used   map[string]bool
	depth  int
}

func newWriter(t *rapid.T) *writer {
	return &writer{t: t, names: map[string]string{}, values: map[string]any{}, used: map[string]bool{}}
}

// attributeNames are names that differ in little, that look like syntax, that
// need a placeholder.
var attributeNames = []string{"a", "A", "b", "a.b", "#a", ":a", "a[0]", "a b", "size", "contains", "AND", "set", "é", "Secret", "secret", "x_1", "cust2"}

func (w *writer) pick(of ...string) string { return rapid.SampledFrom(of).Draw(w.t, "pick") }

func (w *writer) flip() bool { return rapid.Bool().Draw(w.t, "flip") }

// name writes an attribute's name, bare if it can stand so.
func (w *writer) name(name string) string {
	bare := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == "" && name != "AND" && name != "set"
	if bare && w.flip() {
		return name
	}
	placeholder := fmt.Sprintf("#%s%d", w.pick("p", "AND", "a_"), len(w.names))
	w.names[placeholder] = name
	return placeholder
}

func (w *writer) path() string {
	name := w.pick(attributeNames...)
	w.used[name] = true
	text := w.name(name)
	for w.flip() {
		// What is nested counts for nothing.
		text += w.pick("[0]", " [ 12 ]", ".", " . ")
		if strings.HasSuffix(strings.TrimSpace(text), ".") {
			text += w.name(w.pick(attributeNames...))
		}
	}
	return text
}

func (w *writer) value() string {
	placeholder := fmt.Sprintf(":v%d", len(w.values))
	w.values[placeholder] = map[string]string{"N": "1"}
	return placeholder
}

func (w *writer) pathOrValue() string {
	if w.flip() {
		return w.path()
	}
	return w.value()
}

func (w *writer) operand() string {
	switch w.pick("path", "value", "size", "parentheses") {
	case "path":
		return w.path()
	case "size":
		return "size(" + w.path() + ")"
	case "parentheses":
		return "(" + w.path() + ")"
	}
	return w.value()
}

func (w *writer) condition() string {
	w.depth++
	defer func() { w.depth-- }()
	forms := []string{"compare", "between", "in", "one", "two"}
	if w.depth < 4 {
		forms = append(forms, "and", "or", "not", "parentheses")
	}
	switch w.pick(forms...) {
	case "and":
		return w.condition() + w.pick(" AND ", " and ", "\nAnD\t") + w.condition()
	case "or":
		return w.condition() + w.pick(" OR ", " or ") + w.condition()
	case "not":
		return w.pick("NOT ", "not ") + w.condition()
	case "parentheses":
		return "(" + w.condition() + ")"
	case "between":
		return w.operand() + " BETWEEN " + w.operand() + " AND " + w.operand()
	case "in":
		return w.operand() + " IN (" + w.operand() + "," + w.operand() + ")"
	case "one":
		return w.pick("attribute_exists", "attribute_not_exists") + w.pick("(", " ( ") + w.path() + ")"
	case "two":
		return w.pick("begins_with", "contains", "attribute_type") + "(" + w.path() + w.pick(",", " , ") + w.pathOrValue() + ")"
	}
	return w.operand() + w.pick("=", " <> ", "<", " <= ", ">", ">=") + w.operand()
}

func (w *writer) projection() string {
	paths := []string{w.path()}
	for w.flip() {
		paths = append(paths, w.path())
	}
	return strings.Join(paths, w.pick(",", " , "))
}

func (w *writer) updateValue() string {
	w.depth++
	defer func() { w.depth-- }()
	forms := []string{"path", "value"}
	if w.depth < 4 {
		forms = append(forms, "if", "append", "parentheses")
	}
	switch w.pick(forms...) {
	case "path":
		return w.path()
	case "if":
		return "if_not_exists(" + w.path() + "," + w.updateValue() + ")"
	case "append":
		return "list_append(" + w.updateValue() + " , " + w.updateValue() + ")"
	case "parentheses":
		return "(" + w.updateValue() + ")"
	}
	return w.value()
}

func (w *writer) update() string {
	var clauses []string
	for _, name := range rapid.Permutation([]string{"SET", "remove", "ADD", "Delete"}).Draw(w.t, "clauses") {
		if len(clauses) > 0 && w.flip() {
			continue
		}
		var actions []string
		for len(actions) == 0 || w.flip() {
			action := w.path()
			switch name {
			case "SET":
				action += " = " + w.updateValue()
				if w.flip() {
					action += w.pick("+", " - ") + w.updateValue()
				}
			case "ADD", "Delete":
				action += " " + w.value()
			}
			actions = append(actions, action)
		}
		clauses = append(clauses, name+" "+strings.Join(actions, ","))
	}
	return strings.Join(clauses, " ")
}

// request adds what the expressions need and returns the body.
func (w *writer) request(members map[string]any) []byte {
	if len(w.names) > 0 {
		members["ExpressionAttributeNames"] = w.names
	}
	if len(w.values) > 0 {
		members["ExpressionAttributeValues"] = w.values
	}
	body, err := json.Marshal(members)
	require.NoError(w.t, err)
	return body
}

// everyAttributeIsReported writes a request and wants what it names to be
// reported, no less and no more.
func everyAttributeIsReported(t *rapid.T) {
	w := newWriter(t)
	key := map[string]any{"cust": map[string]string{"S": "c1"}, "day": map[string]string{"S": "d1"}}
	members := map[string]any{"TableName": "Orders"}
	operation := w.pick("GetItem", "UpdateItem", "PutItem", "Query", "Scan")
	switch operation {
	case "PutItem":
		item := map[string]any{"cust": key["cust"], "day": key["day"]}
		for _, name := range rapid.SliceOf(rapid.SampledFrom(attributeNames)).Draw(t, "item") {
			item[name] = map[string]any{"M": map[string]any{"deep": map[string]string{"S": "x"}}}
			w.used[name] = true
		}
		members["Item"], members["ConditionExpression"] = item, w.condition()
	case "UpdateItem":
		members["Key"], members["UpdateExpression"], members["ConditionExpression"] = key, w.update(), w.condition()
	case "GetItem":
		members["Key"], members["ProjectionExpression"] = key, w.projection()
	case "Query":
		members["KeyConditionExpression"] = w.name("cust") + " = :c AND day > :c"
		w.values[":c"] = map[string]string{"S": "c1"}
		members["FilterExpression"], members["ProjectionExpression"] = w.condition(), w.projection()
	default:
		members["FilterExpression"], members["ProjectionExpression"] = w.condition(), w.projection()
	}
	if operation != "Scan" {
		w.used["cust"], w.used["day"] = true, true
	}
	body := w.request(members)
	op, err := dynamoitem.Parse(home, operation, body)
	if err != nil {
		// Long expressions are refused; nothing that is written here is else.
		require.Regexp(t, `(at most 4096 bytes|more than 300 operators)`, err.Error(), "%s", body)
		return
	}
	checks, err := op.Checks(ordersOnly)
	require.NoError(t, err, "%s", body)
	require.ElementsMatch(t, keysOf(w.used), checks[0].Attributes, "%s", body)
}

func keysOf(set map[string]bool) []string {
	out := []string{}
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestAttributesReported(t *testing.T) { rapid.Check(t, everyAttributeIsReported) }

func FuzzAttributesReported(f *testing.F) { f.Fuzz(rapid.MakeFuzz(everyAttributeIsReported)) }
