package bundle

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/engine"
)

// maxCells bounds how many cells one suite may have.
const maxCells = 200_000

// Suite is tests/NAME_test.yaml: unit tests of a bundle's policies, ready to
// run. It is immutable.
type Suite struct {
	// Name is what the file calls it, File how messages name the file.
	Name, File string
	// Now is the suite's fixed clock; zero if it has none.
	Now   time.Time
	Tests []Test
	// Properties hold for all requests at once; rowan prove proves them.
	Properties []Property

	identities []*suiteIdentity
}

// Test is one test of a suite.
type Test struct {
	Name string
	// Line of the test in its file, from 1.
	Line  int
	Cells []Cell
}

// Cell is one question of a test with the answer that its author wants.
type Cell struct {
	// Name tells the cell from the others of its test, such as
	// "alice/own dynamodb:GetItem".
	Name string
	// Identity asks. Table and Row are as the suite names them; empty if the
	// test names none.
	Identity, Table, Row string
	Action, Resource     string
	Want                 Want
	// File and Line, from 1, are where Want is said, or for a cell that is not
	// listed the place that does not list it.
	File string
	Line int

	bundle   *Bundle
	identity *suiteIdentity
	owner    string
	settings []setting // of the row and the action
	context  []setting // of the test
	list     *listing  // nil for a single decision
}

// Want is the answer that a cell must get.
type Want struct {
	Outcome engine.Outcome
	// Listed is false for a cell of a matrix that expect does not name: it must
	// be implicitly denied.
	Listed bool
	// Statements are the names of the statements that decide, sorted; see
	// Bundle.StatementName. Nil means that any may.
	Statements []string
	// MissingContext are the context keys that must be missing, sorted. Nil
	// means that any may.
	MissingContext []string
	// Rows are the rows that a list must have, sorted; nil for a cell that is
	// no list. Filter is the text of its filter, empty if any will do, and SQL
	// the predicates that it becomes, nil if any will do.
	Rows   []string
	Filter string
	SQL    []WantSQL
}

// Suites reads the tests of the bundle, in the order of their files; nil if it
// has none. The error is policy.Errors with every fault of every file.
//
// Refused is whatever could let a cell pass that nobody looked at: an unknown
// name in expect, a test without a cell, a request for a row that does not say
// which.
func (b *Bundle) Suites() ([]*Suite, error) {
	var out []*Suite
	f := &faults{}
	for _, s := range b.sources {
		if !strings.HasPrefix(s.path, "tests/") {
			continue
		}
		if suite := b.suite(path.Join(b.Name, s.path), s.text, f); suite != nil {
			out = append(out, suite)
		}
	}
	return out, f.err()
}

// ParseSuite reads a suite of the bundle that is none of its files. The error is
// policy.Errors, as of Suites.
func (b *Bundle) ParseSuite(file string, text []byte) (*Suite, error) {
	f := &faults{}
	out := b.suite(file, text, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return out, nil
}

// suite reads a suite; nil if it is no YAML.
func (b *Bundle) suite(file string, text []byte, f *faults) *Suite {
	root, ok := parseYAML(file, text, f)
	if !ok {
		return nil
	}
	r := &suiteReader{
		bundle: b, suite: &Suite{File: file}, root: root,
		identities: map[string]*suiteIdentity{}, rows: map[string]*tableRows{},
	}
	r.read()
	r.suite.identities = byName(r.identities)
	return r.suite
}

// suiteReader reads one suite.
type suiteReader struct {
	bundle     *Bundle
	suite      *Suite
	root       node
	identities map[string]*suiteIdentity
	rows       map[string]*tableRows
	cells      int
}

// tableRows are the rows that a suite has of a table.
type tableRows struct {
	table *Table
	rows  []*row
	named map[string]*row
}

const suiteFields = "suite, options, identities, rows, tests or properties"

func (s *suiteReader) read() {
	var tests node
	s.root.object(suiteFields, func(member string, x node) bool {
		switch member {
		case "suite":
			s.suite.Name = x.name()
		case "options":
			x.object("now", func(member string, x node) bool {
				if member == "now" {
					s.suite.Now = x.instant()
				}
				return member == "now"
			})
		case "identities":
			x.named(true, func(name string, x node) {
				x.separable("an identity", name)
				s.identities[name] = s.identity(name, x)
			})
		case "rows":
			x.named(true, s.tableRows)
		case "tests":
			tests = x
		case "properties":
			x.list(func(x node) { s.suite.Properties = append(s.suite.Properties, s.property(x)) })
		default:
			return false
		}
		return true
	})
	s.root.need("suite", "identities", "tests")
	if tests.Node == nil {
		return
	}
	// They may stand before what they name.
	if tests.Kind != yaml.SequenceNode || len(tests.Content) == 0 {
		tests.fault("want a list of tests, have %s", tests.kind())
		return
	}
	names := map[string]bool{}
	tests.list(func(x node) {
		t := s.test(x)
		if names[t.Name] && t.Name != "" {
			x.fault("two tests are called %q", short(t.Name))
		}
		names[t.Name] = true
		s.suite.Tests = append(s.suite.Tests, t)
	})
}

// separable refuses in a name what separates names in expect.
func (n node) separable(what, name string) {
	if strings.ContainsAny(name, "/") {
		n.fault("%s has no slash in its name: expect is by IDENTITY/ROW", what)
	}
}

// instant reads a time.
func (n node) instant() time.Time {
	s := n.text()
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	if n.isText() {
		n.fault("want a time such as 2026-11-23T05:00:00Z, have %s", n.kind())
	}
	return time.Time{}
}

// tableRows reads the rows of one table.
func (s *suiteReader) tableRows(name string, n node) {
	t, ok := s.bundle.Table(name)
	if !ok {
		n.fault("no tables/%s.yaml", short(name))
		return
	}
	out := &tableRows{table: t, named: map[string]*row{}}
	n.named(true, func(name string, x node) {
		x.separable("a row", name)
		if strings.Contains(name, ".") {
			x.fault("a row has no dot in its name: expect is by IDENTITY/TABLE.ROW")
		}
		out.named[name] = x.row(name)
		out.rows = append(out.rows, out.named[name])
	})
	s.rows[name] = out
}

// testReader holds the members of a test until all are read.
type testReader struct {
	*suiteReader
	place      node
	test       Test
	identities []*suiteIdentity
	on         []tableRows // chosen
	actions    []string
	context    []setting
	request    node
	list       node
	expect     node
}

const testFields = "name, as, on, actions, request, list, context or expect"

func (s *suiteReader) test(n node) Test {
	t := &testReader{suiteReader: s, place: n, test: Test{Line: int(n.pos().Line)}}
	n.object(testFields, func(member string, x node) bool {
		switch member {
		case "name":
			t.test.Name = x.name()
		case "as":
			t.as(x)
		case "on":
			t.onTables(x)
		case "actions":
			t.actions = t.actionNames(x)
		case "request":
			t.request = x
		case "context":
			t.context = x.settings(s.bundle.vocabulary)
		case "expect":
			t.expect = x
		case "list":
			t.list = x
		default:
			return false
		}
		return true
	})
	n.need("name", "as")
	switch {
	case n.Kind != yaml.MappingNode:
	case n.has("list") && (n.has("on") || n.has("actions") || n.has("request")):
		n.fault("a list has no on, no actions and no request: it is a question about all rows")
	case n.has("list"):
		n.need("expect")
		t.listing()
	case n.has("request") && (n.has("on") || n.has("actions")):
		n.fault("a request has no on and no actions: it is a single question")
	case n.has("request"):
		n.need("expect")
		t.single()
	default:
		n.need("on", "actions", "expect")
		t.matrix()
	}
	return t.test
}

func (t *testReader) as(n node) {
	for _, name := range n.names() {
		x, ok := t.suiteReader.identities[name]
		if !ok {
			n.fault("no identity %q in this suite", short(name))
			continue
		}
		t.identities = append(t.identities, x)
	}
}

// onTables reads {TABLE: [ROW]}.
func (t *testReader) onTables(n node) {
	n.named(true, func(name string, x node) {
		all, ok := t.rows[name]
		if !ok {
			x.fault("no rows of a table %q in this suite", short(name))
			return
		}
		chosen := tableRows{table: all.table}
		for _, row := range x.names() {
			r, ok := all.named[row]
			if !ok {
				x.fault("no row %q of the table %q in this suite", short(row), name)
				continue
			}
			chosen.rows = append(chosen.rows, r)
		}
		t.on = append(t.on, chosen)
	})
}

// actionNames reads the actions of a matrix: a misspelt one would be denied,
// as the matrix wants, and test nothing.
func (t *testReader) actionNames(n node) []string {
	names := n.names()
	for i, name := range names {
		if _, ok := findRowAction(name); !ok {
			n.fault("%q is no action on rows: want dynamodb: and %s; ask others by a request", short(name), rowActionNames())
		}
		if slices.ContainsFunc(names[:i], func(o string) bool { return strings.EqualFold(o, name) }) {
			n.fault("%q stands twice", short(name))
		}
	}
	return names
}

// question is a row and an action of a matrix, the same for every identity.
type question struct {
	table    *Table
	row      *row
	action   string
	settings []setting
}

// questions makes those of a matrix, row by row.
func (t *testReader) questions() []question {
	var out []question
	for _, on := range t.on {
		for _, r := range on.rows {
			for _, action := range t.actions {
				if a, ok := findRowAction(action); ok {
					out = append(out, question{on.table, r, action, a.settings(r, on.table.PartitionKey, on.table.SortKey, false)})
				}
			}
		}
	}
	return out
}

// matrix makes a cell of every identity, row and action.
func (t *testReader) matrix() {
	e := t.newExpectation()
	questions := t.questions()
	for _, id := range t.identities {
		for i := range questions {
			if t.full() {
				break
			}
			q := &questions[i]
			key := id.name + "/" + q.row.name
			if len(t.on) > 1 {
				key = id.name + "/" + q.table.Name + "." + q.row.name
			}
			e.add(key)
			want, line := e.want(key, q.action)
			t.test.Cells = append(t.test.Cells, Cell{
				Name:     key + " " + q.action,
				Identity: id.name, Table: q.table.Name, Row: q.row.name,
				Action: q.action, Resource: q.table.ARN, Want: want, File: t.suite.File, Line: line,
				bundle: t.bundle, identity: id, owner: t.bundle.Account, settings: q.settings, context: t.context,
			})
		}
	}
	e.finish()
	if len(t.test.Cells) == 0 {
		t.place.fault("a test without a cell: it would pass whatever the policies say")
	}
}

// full counts a cell, and reports whether the suite has too many.
func (t *testReader) full() bool {
	if t.cells++; t.cells == maxCells+1 {
		t.place.fault("more than %d cells in one suite", maxCells)
	}
	return t.cells > maxCells
}

// requestReader holds the members of a single request.
type requestReader struct {
	action, table, row, index, resource, account string
}

// single makes a cell of every identity for one request.
func (t *testReader) single() {
	var q requestReader
	n := t.request
	n.object("action, table, row, index, resource or resourceAccount", func(member string, x node) bool {
		switch member {
		case "action":
			q.action = x.name()
		case "table":
			q.table = x.name()
		case "row":
			q.row = x.name()
		case "index":
			q.index = x.name()
		case "resource":
			q.resource = x.name()
		case "resourceAccount":
			q.account = x.account()
		default:
			return false
		}
		return true
	})
	n.need("action")
	want, line := t.singleWant()
	cell := Cell{Action: q.action, Resource: q.resource, Row: q.row, Want: want, File: t.suite.File, Line: line, bundle: t.bundle}
	switch {
	case (q.table == "") == (q.resource == ""):
		n.fault("want one of table and resource")
		return
	case q.table != "":
		t.tableRequest(&q, &cell)
	case q.row != "" || q.index != "":
		n.fault("a row or index without its table")
	}
	t.rowless(&q)
	t.owned(&q, &cell)
	cell.context = t.context
	for _, id := range t.identities {
		if t.full() {
			break
		}
		cell.Identity, cell.identity = id.name, id
		cell.Name = strings.Join(slices.DeleteFunc([]string{id.name, q.table, q.index, q.row}, func(s string) bool { return s == "" }), "/") + " " + q.action
		t.test.Cells = append(t.test.Cells, cell)
		t.tryOut(&t.test.Cells[len(t.test.Cells)-1])
	}
	if len(t.test.Cells) == 0 {
		t.place.fault("a test without a cell: it would pass whatever the policies say")
	}
}

// tryOut notes what makes a request no question at all.
func (t *testReader) tryOut(c *Cell) {
	if c.identity.principal.Kind() == engine.Anonymous {
		return // the identity has a fault of its own
	}
	q, err := c.Question(time.Unix(0, 0))
	if err != nil {
		t.request.fault("%v", err)
		return
	}
	if f := q.Evaluator.Check(q.Request); f != engine.NoFault {
		t.request.fault("%s: action %q, resource %q", f, short(c.Action), short(c.Resource))
	}
}

// tableRequest fills the cell of a request for a table.
func (t *testReader) tableRequest(q *requestReader, c *Cell) {
	n := t.request
	table, ok := t.bundle.Table(q.table)
	if !ok {
		n.fault("no tables/%s.yaml", short(q.table))
		return
	}
	c.Table, c.Resource = q.table, table.ARN
	partition, sort := table.PartitionKey, table.SortKey
	action, onRows := findRowAction(q.action)
	if q.index != "" {
		index, ok := table.Index(q.index)
		switch {
		case !ok:
			n.fault("tables/%s.yaml has no index %q", q.table, short(q.index))
			return
		case !action.index:
			n.fault("%s is on tables, not on indexes", short(q.action))
		}
		c.Resource += "/index/" + q.index
		partition, sort = index.PartitionKey, index.SortKey
	}
	var asked *row
	if q.row != "" {
		if rows := t.rows[q.table]; rows != nil {
			asked = rows.named[q.row]
		}
		switch {
		case asked == nil:
			n.fault("no row %q of the table %q in this suite", short(q.row), short(q.table))
		case !onRows:
			n.fault("%q is no action on rows: want dynamodb: and %s", short(q.action), rowActionNames())
		}
	}
	c.settings = action.settings(asked, partition, sort, q.index != "")
}

// rowless refuses a request that has a partition key without saying which. If
// the key were left out, ForAllValues would pass.
func (t *testReader) rowless(q *requestReader) {
	a, ok := findRowAction(q.action)
	if !ok || !a.keys || q.row != "" || strings.EqualFold(a.name, "dynamodb:PartiQLSelect") {
		return
	}
	for _, s := range t.context {
		if strings.EqualFold(s.key, leadingKeys) || strings.EqualFold(s.key, firstKeys) {
			return
		}
	}
	t.request.fault("%s is for a row: name it, or give %s in context", q.action, leadingKeys)
}

// owned settles who owns the resource. One that nobody describes is taken for
// the bundle's own, as in a scenario.
func (t *testReader) owned(q *requestReader, c *Cell) {
	account, known, err := t.bundle.Owner(c.Resource)
	if err != nil {
		t.request.fault("%v", err)
	}
	c.owner = t.bundle.Account
	if known {
		c.owner = account
	}
	if q.account == "" {
		return
	}
	if known && q.account != account {
		t.request.fault("resourceAccount: %s belongs to %s", short(c.Resource), account)
	}
	c.owner = q.account
}

// Question puts the cell together as it is asked at a time, which the suite's
// own clock, if it has one, must give. Identity, row and test may each say the
// same key; the later wins.
func (c *Cell) Question(now time.Time) (*Question, error) {
	e, err := c.evaluator(c.bundle)
	if err != nil {
		return nil, err
	}
	x := c.bundle.vocabulary.NewContext()
	if err := c.identity.principal.Describe(x); err != nil {
		return nil, err
	}
	clock := now.UTC().Format("2006-01-02T15:04:05Z")
	all := slices.Concat([]setting{
		{key: "aws:CurrentTime", values: []string{clock}},
		{key: "aws:EpochTime", values: []string{strconv.FormatInt(now.Unix(), 10)}},
		{key: "aws:TokenIssueTime", values: []string{clock}},
		{key: "aws:ResourceAccount", values: []string{c.owner}},
	}, c.identity.settings, c.settings, c.context)
	for _, s := range all {
		if err := s.apply(x); err != nil {
			return nil, err
		}
	}
	return &Question{Evaluator: e, Request: &engine.Request{
		Principal: c.identity.principal, Action: c.Action, Resource: c.Resource, ResourceAccount: c.owner, Context: x,
	}}, nil
}

// evaluator holds the policies of a bundle that count for the cell.
func (c *Cell) evaluator(b *Bundle) (*engine.Evaluator, error) {
	e, err := b.Evaluator(c.identity.role, c.Resource, c.identity.session)
	if err != nil {
		return nil, err
	}
	if c.owner != b.Account {
		e.ResourceControl = nil
	}
	return e, nil
}
