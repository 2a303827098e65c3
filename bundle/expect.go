package bundle

import (
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// apply sets the key in a context.
func (s setting) apply(c *conditions.Context) error {
	if s.unknown {
		return c.SetIndeterminate(s.key)
	}
	err := c.Set(s.key, s.values...)
	if errors.Is(err, conditions.ErrValue) && len(s.values) == 1 {
		return nil // the key is indeterminate, which is an answer
	}
	return err
}

// group is what expect says of one IDENTITY/ROW.
type group struct{ name, wants node }

// expectation is the expect of a matrix: {IDENTITY/ROW: {ACTION: WANT}}.
type expectation struct {
	test   *testReader
	groups map[string]group
	named  map[string]bool // the groups that the matrix has
	first  string          // one of them, for messages
}

func (t *testReader) newExpectation() *expectation {
	e := &expectation{test: t, groups: map[string]group{}, named: map[string]bool{}}
	if t.expect.Node != nil {
		t.expect.members(func(name, x node) { e.groups[name.Value] = group{name, x} })
	}
	return e
}

// add notes that the matrix has the cells of IDENTITY/ROW.
func (e *expectation) add(key string) {
	e.named[key] = true
	if e.first == "" {
		e.first = key
	}
}

// want returns what a cell must be, and the line that says so.
func (e *expectation) want(key, action string) (Want, int) {
	if e.test.expect.Node == nil {
		return Want{}, e.test.test.Line
	}
	g, ok := e.groups[key]
	if !ok {
		return Want{}, int(e.test.expect.pos().Line)
	}
	if g.wants.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(g.wants.Content); i += 2 {
			if g.wants.Content[i].Value == action {
				x := g.wants.child(action, g.wants.Content[i+1])
				return x.want(), int(x.pos().Line)
			}
		}
	}
	return Want{}, int(g.name.pos().Line)
}

// finish refuses what names no cell: misspelt, it would be taken for a cell
// that is not listed and pass.
func (e *expectation) finish() {
	t := e.test
	if t.expect.Node == nil || e.first == "" {
		return
	}
	t.expect.named(true, func(key string, x node) {
		if !e.named[key] {
			want := "IDENTITY/ROW"
			if len(t.on) > 1 {
				want = "IDENTITY/TABLE.ROW"
			}
			x.fault("no such cell in this test: want %s, such as %q", want, short(e.first))
			return
		}
		x.members(func(name, x node) {
			if !slices.Contains(t.actions, name.Value) {
				x.fault("%q is none of this test's actions", short(name.Value))
			}
		})
	})
}

// want reads allowed, explicitDeny or implicitDeny, or {OUTCOME: [STATEMENT]}.
func (n node) want() Want {
	w := Want{Listed: true}
	if n.Kind != yaml.MappingNode {
		w.Outcome = n.outcome()
		return w
	}
	if len(n.Content) != 2 {
		n.fault("want one of allowed, explicitDeny and implicitDeny")
		return w
	}
	n.members(func(name, x node) {
		w.Outcome = name.outcome()
		w.Statements = x.statements(w.Outcome)
	})
	return w
}

func (n node) outcome() engine.Outcome {
	o, ok := engine.ParseOutcome(n.Value)
	if !ok || n.Kind != yaml.ScalarNode {
		n.fault("want allowed, explicitDeny or implicitDeny, have %s", n.kind())
	}
	return o
}

// statements reads the names of the statements that must decide.
func (n node) statements(o engine.Outcome) []string {
	out := append([]string{}, n.names()...)
	slices.Sort(out)
	if o == engine.ImplicitDeny && len(out) > 0 {
		n.fault("no statement decides an implicit deny")
	}
	if o != engine.ImplicitDeny && len(out) == 0 {
		n.fault("no statement: which one decides?")
	}
	return out
}

// singleWant reads {decision, statements, missingContext}.
func (t *testReader) singleWant() (Want, int) {
	w := Want{Listed: true}
	n := t.expect
	if n.Node == nil {
		return w, t.test.Line
	}
	var statements node
	n.object("decision, statements or missingContext", func(member string, x node) bool {
		switch member {
		case "decision":
			w.Outcome = x.outcome()
		case "statements":
			statements = x
		case "missingContext":
			w.MissingContext = t.contextKeys(x)
		default:
			return false
		}
		return true
	})
	n.need("decision")
	if statements.Node != nil {
		w.Statements = statements.statements(w.Outcome)
	}
	return w, int(n.pos().Line)
}

// contextKeys reads names of context keys, in the registry's spelling.
func (t *testReader) contextKeys(n node) []string {
	out := []string{}
	for _, name := range n.names() {
		k, err := t.bundle.vocabulary.Key(name)
		if err != nil {
			n.fault("%v", err)
			continue
		}
		out = append(out, k.Name)
	}
	slices.Sort(out)
	return out
}
