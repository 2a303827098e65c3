package playground

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

const leadingKeys = "dynamodb:LeadingKeys"

// Bounds of rows. Source: DynamoDB Developer Guide, "Quotas" (of keys).
const (
	maxRowCount = 200
	maxKeyText  = 2048
	maxFilter   = 4000
	maxRequests = 10
)

// filter is what is left of the policies when the row is not known.
type filter struct {
	// Scope is nothing, partly or everything; Text is the filter for people.
	Scope string `json:"scope"`
	Text  string `json:"text"`
	// Error says why there is no filter.
	Error string `json:"error,omitempty"`
	// SQL are the predicates of a query.
	SQL []predicate `json:"sql"`
	// Scan is what a Scan of the table becomes; nil if the resource is no table.
	Scan *scan `json:"scan,omitempty"`
}

// predicate is a filter in the language of a store.
type predicate struct {
	Dialect string   `json:"dialect"`
	Text    string   `json:"text"`
	Args    []string `json:"args"`
	Error   string   `json:"error,omitempty"`
}

// scan is what may be sent of a Scan.
type scan struct {
	// Allowed says that it may pass as it is.
	Allowed  bool      `json:"allowed"`
	Requests []request `json:"requests"`
	More     int       `json:"more"`
	// Reason says why nothing is left of it.
	Reason string `json:"reason,omitempty"`
}

// request is one call of DynamoDB.
type request struct {
	Operation string `json:"operation"`
	Body      string `json:"body"`
}

// row is one of the question's rows.
type row struct {
	Line uint32 `json:"line"`
	Text string `json:"text"`
	// Key is the partition key; Known is false if the row has none that can be
	// read, and then no policy that reads it allows anything.
	Key     string `json:"key"`
	Known   bool   `json:"known"`
	Kept    bool   `json:"kept"`
	Outcome string `json:"outcome"`
}

// filter makes the filter and asks it about the rows.
func (a *asker) filter() {
	c, ok := a.filled(func(name string) bool { return !partitionKeyed(name) })
	if !ok {
		return
	}
	f, err := a.read.evaluator.Filter(a.request(c), leadingKeys)
	out := &filter{SQL: []predicate{}}
	a.answer.Filter = out
	if err != nil {
		out.Scope, out.Error = engine.Nothing.String(), short(err.Error(), maxShownText)
	} else {
		out.Scope, out.Text = f.Scope().String(), short(f.String(), maxFilter)
		out.SQL = a.predicates(&f)
	}
	if table, ok := tableOf(a.Resource); ok && a.PartitionKey != "" && !a.failed(partKey) {
		out.Scan = a.scan(table)
	}
	if !a.failed(partKey, partRows) {
		a.rows(&f)
	}
}

// partitionKeyed reports whether a context key is of the row.
func partitionKeyed(name string) bool {
	return strings.EqualFold(name, leadingKeys) || strings.EqualFold(name, "dynamodb:FirstPartitionKeyValues")
}

// predicates writes a filter for stores of SQL.
func (a *asker) predicates(f *engine.Filter) []predicate {
	t := sqlrow.Table{Name: "rows"}
	if arn, ok := tableOf(a.Resource); ok {
		t.Name = arn[strings.LastIndexByte(arn, '/')+1:]
	}
	if a.PartitionKey != "" {
		kind := map[string]sqlrow.Type{"N": sqlrow.Decimal, "B": sqlrow.Bytes}[a.KeyType] // text if it is neither
		t.Columns = []sqlrow.Column{{Key: leadingKeys, Name: a.PartitionKey, Type: kind}}
	}
	dialects := [...]sqlrow.Dialect{sqlrow.PostgreSQL, sqlrow.MySQL, sqlrow.SQLite}
	out := make([]predicate, 0, len(dialects))
	for _, d := range dialects {
		p := predicate{Dialect: d.String(), Args: []string{}}
		clause, err := sqlrow.Where(f, &t, d)
		switch {
		case err != nil:
			p.Error = short(err.Error(), maxShownText)
		case len(clause.SQL) > maxFilter:
			p.Error = "it is too long to be shown"
		default:
			p.Text = clause.SQL
			args := make([]string, len(clause.Args))
			for i, v := range clause.Args {
				args[i] = argument(v)
			}
			p.Args = some(args)
		}
		out = append(out, p)
	}
	return out
}

func argument(v any) string {
	if b, ok := v.([]byte); ok {
		return base64.StdEncoding.EncodeToString(b)
	}
	return fmt.Sprint(v)
}

// scan asks what of a Scan of the table the policies allow.
func (a *asker) scan(table string) *scan {
	part := strings.SplitN(table, ":", 6)
	name := strings.TrimPrefix(part[5], "table/")
	body, err := json.Marshal(map[string]string{"TableName": name})
	if err != nil {
		return &scan{Reason: "it cannot be written"}
	}
	op, err := dynamoitem.Parse(dynamoitem.Scope{Partition: part[1], Region: part[3], Account: part[4]}, "Scan", body)
	if err != nil {
		return &scan{Requests: []request{}, Reason: short(err.Error(), maxShownText)}
	}
	kind := a.KeyType
	if kind == "" {
		kind = "S"
	}
	schema := dynamoitem.Table{Key: dynamoitem.Key{Partition: []dynamoitem.Attribute{{Name: a.PartitionKey, Type: kind}}}}
	narrowed, err := op.Narrow(func(arn string) (dynamoitem.Table, bool) { return schema, arn == table }, a.check)
	out := &scan{Requests: []request{}}
	switch {
	case err != nil:
		out.Reason = short(err.Error(), maxShownText)
	case narrowed.Reason != nil:
		out.Reason = short(narrowed.Reason.Error(), maxShownText)
	default:
		out.Allowed = narrowed.Denied == nil
		for i, r := range narrowed.Requests {
			if i == maxRequests {
				out.More = len(narrowed.Requests) - i
				break
			}
			out.Requests = append(out.Requests, request{r.Name(), short(string(r.Body()), maxFilter)})
		}
	}
	return out
}

// check puts a check of a call to the policies.
func (a *asker) check(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
	x, ok := a.filled(func(name string) bool { return !strings.HasPrefix(strings.ToLower(name), "dynamodb:") })
	if !ok {
		return nil, nil, errors.New("no context")
	}
	if err := c.Fill(x); err != nil {
		return nil, nil, err
	}
	r := a.request(x)
	r.Action, r.Resource = c.Action, c.Resource
	return a.read.evaluator, r, nil
}

// rows reads the rows, and asks the filter and the engine about each: the two
// must agree.
func (a *asker) rows(f *engine.Filter) {
	if len(a.Rows) > maxRows {
		a.fail(partRows, 0, 0, "they have %d bytes, more than %d", len(a.Rows), maxRows)
		return
	}
	all, wrong := values(a.Rows, maxRowCount)
	if wrong == nil && len(all) == 1 && all[0].kind() == "an array" {
		if all = all[0].elements(); len(all) > maxRowCount {
			wrong = at(all[maxRowCount].at, "more than %d", maxRowCount)
		}
	}
	if wrong == nil && len(all) > 0 && a.PartitionKey == "" {
		a.fail(partKey, 0, 0, "no name: which attribute is the partition key?")
		return
	}
	for i := 0; i < len(all) && wrong == nil; i++ {
		var r row
		if r, wrong = a.row(all[i], f); wrong == nil {
			a.answer.Rows = append(a.answer.Rows, r)
		}
	}
	if wrong != nil {
		a.answer.Rows = nil
		a.failAt(partRows, a.Rows, wrong)
	}
}

func (a *asker) row(v value, f *engine.Filter) (row, *placed) {
	var out row
	out.Line, _ = position(a.Rows, v.at)
	var text bytes.Buffer
	if err := json.Compact(&text, v.raw); err != nil {
		return out, at(v.at, "%w", err)
	}
	out.Text = short(text.String(), maxShownText)
	if p := v.members(func(name string, _ int, member value) (p *placed) {
		if name == a.PartitionKey {
			out.Key, out.Known, p = a.keyText(member)
		}
		return p
	}); p != nil {
		return out, p
	}
	key := conditions.Unreadable()
	if out.Known {
		key = conditions.Text(out.Key)
	}
	one := []conditions.Value{key}
	out.Kept = f.Keep(one)
	c, ok := a.filled(func(name string) bool { return !partitionKeyed(name) })
	if !ok {
		return out, at(v.at, "no context")
	}
	u := f.Unknown()
	if u == nil {
		// Without a filter a row is decided all the same.
		var err error
		if u, err = a.vocabulary.Unknowns(leadingKeys); err != nil {
			return out, at(v.at, "%w", err)
		}
	}
	if err := u.Fill(c, one); err != nil {
		return out, at(v.at, "%w", err)
	}
	d := a.read.evaluator.Decide(a.request(c))
	out.Outcome = d.Outcome.String()
	if f.Unknown() == nil {
		out.Kept = false
	} else if d.Allowed() != out.Kept {
		return out, at(v.at, "the filter and the decision %s disagree: please report this", out.Outcome)
	}
	out.Key = short(out.Key, maxShownText)
	return out, nil
}

// keyText is the text of a partition key, as a context key has it. A row always
// has one: what cannot be read is not known, and never absent. Source:
// iam-semantics §6.4.1.
func (a *asker) keyText(v value) (text string, known bool, wrong *placed) {
	kind := v.kind()
	if kind == "null" {
		return "", false, nil
	}
	if kind != "a string" && (a.KeyType != "N" || kind != "a number") {
		want := map[string]string{"N": "a number", "B": "base64"}[a.KeyType]
		return "", false, at(v.at, "want %s as the partition key, have %s", cmp.Or(want, "a string"), kind)
	}
	s, wrong := v.scalar()
	switch {
	case wrong != nil:
		return "", false, wrong
	case len(s) > maxKeyText:
		return "", false, at(v.at, "a partition key has at most %d bytes", maxKeyText)
	case a.KeyType == "N":
		s, ok := dynamoitem.CanonicalNumber(s)
		if !ok {
			return "", false, at(v.at, "want a number, the type of the partition key")
		}
		return s, true, nil
	case a.KeyType == "B":
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return "", false, at(v.at, "want base64, as the partition key has bytes")
		}
		s = base64.StdEncoding.EncodeToString(b)
	}
	return s, s != "", nil
}
