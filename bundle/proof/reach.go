package proof

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Session is a session of a role, and what is known of it.
type Session struct {
	Role *bundle.Role
	// Keys are context keys whose values are known; nil values mean that the key
	// is absent. Others may have any value.
	Keys map[string][]string
	// Policies are the session policies, nil if there are none.
	Policies []*policy.Document
}

// Rows says which rows of a table an action reaches. The zero value is no row.
type Rows uint8

// The rows that an action reaches.
const (
	NoRows Rows = iota
	// ListedRows is rows of some partition keys, and it is proved that there are
	// no others.
	ListedRows
	// OtherRows is rows of some partition keys and of others.
	OtherRows
	// AllRows is every row: nothing that the policies say depends on whose it is.
	AllRows
)

// Ability is what a session may do with a table, an index, or anything else.
type Ability struct {
	Action, Resource string
	// Verdict is Found if there is a request that is allowed, the Witness, and
	// Never if it is proved that there is none.
	Verdict analysis.Verdict
	Reason  string // of an Unknown
	Witness *analysis.Witness
	// Rows and Keys say which rows of a table: Keys are partition keys. RowsReason
	// says why it is not proved that there are no others.
	Rows       Rows
	Keys       []string
	RowsReason string
	// Keyless says that a request may do without a partition key.
	Keyless bool
	// Always says that it is proved that every request for such rows is allowed;
	// where Keys are listed, every request that names one of them. Else Depends
	// says, for people, what it depends on.
	Always  bool
	Depends []string
}

// Reach is what a session may do with the tables of a bundle, and elsewhere.
type Reach struct {
	Tables []TableReach
	// Elsewhere is what it may do with anything else, by statements, each with a
	// request. NothingElse is Never if it is proved that there is nothing.
	Elsewhere   []Grant
	NothingElse analysis.Verdict
	ElseReason  string // of an Unknown
}

// TableReach is what a session may do with a table and its indexes.
type TableReach struct {
	Table string
	// Rows are the actions on rows, those on indexes among them.
	Rows []Ability
	// Other are requests of other actions of DynamoDB, one for all that no policy
	// tells apart, and Complete says that it is proved that there are no others.
	Other    []*analysis.Witness
	Complete bool
	Reason   string // why that is unknown
}

// Grant is an Allow that has an effect, with a request that it allows, or one of
// which that is unknown.
type Grant struct {
	Statement engine.StatementRef
	// Actions and Resources are as written, the latter with the variables
	// replaced that are known.
	Actions, Resources []string
	NotAction          bool
	NotResource        bool
	Depends            []string
	Witness            *analysis.Witness
	// Reason says why it is unknown whether it has an effect; there is no witness
	// then.
	Reason string
}

// maxKeys is how many partition keys are told one by one, maxOthers how many
// other actions.
const (
	maxKeys   = 8
	maxOthers = 10
)

// Can says what a session may do. Of o it takes the vocabulary, the time and the
// limits. Its errors are those of analysis.
func Can(ctx context.Context, b *bundle.Bundle, s *Session, o Options) (*Reach, error) {
	if o.Vocabulary == nil {
		o.Vocabulary = conditions.AWS()
	}
	e := &explorer{prover: prover{Options: &o, bundle: b}, session: s}
	out := &Reach{}
	for _, t := range b.Tables {
		r, err := e.table(ctx, t)
		if err != nil {
			return nil, err
		}
		out.Tables = append(out.Tables, *r)
	}
	return out, e.elsewhere(ctx, out)
}

// explorer finds out what a session may do.
type explorer struct {
	prover
	session *Session
}

// ask asks for a request for a resource that statements, each of a policy of its
// own, describe too.
func (e *explorer) ask(arn string, meant ...string) (*analysis.Question, error) {
	q, err := e.question(e.session.Role, arn)
	if err != nil {
		return nil, err
	}
	maps.Copy(q.Keys, e.session.Keys)
	q.By.Session = e.session.Policies
	for _, m := range meant {
		d, err := parse(m)
		if err != nil {
			return nil, err
		}
		q.And = append(q.And, &analysis.Policies{Identity: []*policy.Document{d}})
	}
	return q, nil
}

// search answers a question about a resource, and doubts what is not looked at.
func (e *explorer) search(ctx context.Context, q *analysis.Question, arn string) (*analysis.Answer, error) {
	a, err := analysis.Search(ctx, q)
	if err == nil {
		Doubt(e.bundle, a, arn)
	}
	return a, err
}

func (e *explorer) table(ctx context.Context, t *bundle.Table) (*TableReach, error) {
	out := &TableReach{Table: t.Name}
	resources := append(make([]string, 0, 1+len(t.Indexes)), t.ARN)
	for _, x := range t.Indexes {
		resources = append(resources, t.ARN+"/index/"+x.Name)
	}
	for i, resource := range resources {
		for _, action := range bundle.RowActions() {
			if i > 0 && !slices.Contains([]string{"dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect"}, action) {
				continue
			}
			a, err := e.ability(ctx, action, resource)
			if err != nil {
				return nil, err
			}
			out.Rows = append(out.Rows, *a)
		}
	}
	q, err := e.ask(t.ARN,
		statement("Allow", []string{"dynamodb:*"}, ofTable(t), nil)+","+statement("Deny", bundle.RowActions(), []string{"*"}, nil))
	if err != nil {
		return nil, err
	}
	d, err := analysis.Diff(ctx, q, maxOthers)
	if err != nil {
		return nil, err
	}
	out.Other, out.Complete, out.Reason = d.Gained.Witnesses, d.Gained.Complete, d.Gained.Reason
	a := analysis.Answer{Verdict: analysis.Never}
	if Doubt(e.bundle, &a, t.ARN); a.Verdict != analysis.Never {
		out.Complete, out.Reason = false, a.Reason
	}
	return out, nil
}

// ofTable are a table, its indexes and its streams.
func ofTable(t *bundle.Table) []string {
	return []string{t.ARN, t.ARN + "/index/*", t.ARN + "/stream/*"}
}

// ability finds out whether and on which rows an action is allowed.
func (e *explorer) ability(ctx context.Context, action, resource string) (*Ability, error) {
	out := &Ability{Action: action, Resource: resource}
	scan := action == "dynamodb:Scan" // whose requests have no partition key
	var where condition
	if scan {
		where = condition{"Null": {leadingKeys: "true"}}
	}
	a, err := e.about(ctx, out, where)
	if err != nil {
		return nil, err
	}
	out.Verdict, out.Reason, out.Witness = a.Verdict, a.Reason, a.Witness
	if a.Verdict != analysis.Found {
		return out, nil
	}
	reads, err := e.readsKeys(resource)
	if err != nil {
		return nil, err
	}
	if scan || !reads {
		out.Rows, out.Keyless = AllRows, true
	} else if err := e.rows(ctx, out); err != nil {
		return nil, err
	}
	return out, e.conditions(ctx, out, where)
}

// about asks for a request of an ability that meets conditions.
func (e *explorer) about(ctx context.Context, x *Ability, where condition) (*analysis.Answer, error) {
	q, err := e.ask(x.Resource, statement("Allow", []string{x.Action}, []string{x.Resource}, where))
	if err != nil {
		return nil, err
	}
	return e.search(ctx, q, x.Resource)
}

// readsKeys reports whether a policy reads partition keys.
func (e *explorer) readsKeys(resource string) (bool, error) {
	q, err := e.ask(resource)
	if err != nil {
		return false, err
	}
	reads := func(text string) bool {
		text = strings.ToLower(text)
		return strings.Contains(text, "dynamodb:leadingkeys") || strings.Contains(text, "partitionkeyvalues")
	}
	for _, d := range allDocuments(q.By) {
		if reads(string(d.Print())) {
			return true, nil
		}
	}
	return false, nil
}

func allDocuments(p *analysis.Policies) []*policy.Document {
	out := slices.Concat(p.Identity, p.Boundary, p.Session, p.Endpoint)
	for _, l := range slices.Concat(p.ServiceControl, p.ResourceControl) {
		out = append(out, l...)
	}
	if p.Resource != nil {
		out = append(out, p.Resource)
	}
	return out
}

// rows finds the partition keys that an action reaches: it asks for another one
// until there is none.
func (e *explorer) rows(ctx context.Context, x *Ability) error {
	without, err := e.about(ctx, x, condition{"Null": {leadingKeys: "true"}})
	if err != nil {
		return err
	}
	x.Keyless = without.Verdict != analysis.Never
	for x.Rows = OtherRows; len(x.Keys) < maxKeys; {
		where := condition{"Null": {leadingKeys: "false"}}
		if len(x.Keys) > 0 {
			where = condition{"ForAnyValue:StringNotEquals": {leadingKeys: escaped(x.Keys)}}
		}
		a, err := e.about(ctx, x, where)
		switch {
		case err != nil:
			return err
		case a.Verdict == analysis.Never:
			x.Rows = ListedRows
			if len(x.Keys) == 0 {
				x.Rows = NoRows
			}
			return nil
		case a.Verdict == analysis.Unknown:
			x.RowsReason = a.Reason
			return nil
		}
		more, err := e.confirmed(ctx, x, a.Witness.Context[leadingKeys])
		if err != nil {
			return err
		}
		if len(more) == 0 {
			return nil
		}
		x.Keys = append(x.Keys, more...)
	}
	return nil
}

// confirmed are those of partition keys that suffice alone.
func (e *explorer) confirmed(ctx context.Context, x *Ability, keys []string) ([]string, error) {
	var out []string
	for _, k := range keys {
		if k == "" || slices.Contains(x.Keys, k) || slices.Contains(out, k) {
			continue
		}
		q, err := e.ask(x.Resource, statement("Allow", []string{x.Action}, []string{x.Resource}, nil))
		if err != nil {
			return nil, err
		}
		q.Keys[leadingKeys] = []string{k}
		a, err := e.search(ctx, q, x.Resource)
		if err != nil {
			return nil, err
		}
		if a.Verdict == analysis.Found {
			out = append(out, k)
		}
	}
	return out, nil
}

// conditions finds out whether an ability depends on anything else: whether a
// request for its rows is denied.
func (e *explorer) conditions(ctx context.Context, x *Ability, where condition) error {
	keys := [][]string{nil}
	switch x.Rows {
	case ListedRows:
		keys = make([][]string, len(x.Keys))
		for i := range x.Keys {
			keys[i] = x.Keys[i : i+1]
		}
	case OtherRows:
		where = condition{"Null": {leadingKeys: "false"}}
	case NoRows:
		where = condition{"Null": {leadingKeys: "true"}}
	case AllRows:
	}
	for _, k := range keys {
		always, err := e.always(ctx, x, where, k)
		if err != nil {
			return err
		}
		if !always {
			x.Depends, err = e.depends(x.Witness, nil)
			return err
		}
	}
	if x.Always = true; x.Rows == OtherRows {
		x.Rows, x.Keys, x.RowsReason = AllRows, nil, ""
	}
	return nil
}

// always reports whether it is proved that no request is denied that meets
// conditions and names partition keys; nil names any.
func (e *explorer) always(ctx context.Context, x *Ability, where condition, keys []string) (bool, error) {
	q, err := e.ask(x.Resource)
	if err != nil {
		return false, err
	}
	d, err := parse(statement("Allow", []string{x.Action}, []string{x.Resource}, where))
	if err != nil {
		return false, err
	}
	if keys != nil {
		q.Keys[leadingKeys] = keys
	}
	q.By, q.Not = &analysis.Policies{Identity: []*policy.Document{d}}, q.By
	a, err := analysis.Search(ctx, q)
	return err == nil && a.Verdict == analysis.Never, err
}

// depends says on which conditions a witness depends, beside those on partition
// keys and on what is known of the session: of the statements that are about its
// action and resource, or of one of them.
func (e *explorer) depends(w *analysis.Witness, only *engine.StatementRef) ([]string, error) {
	reports, err := e.looked(w)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range reports {
		s := &reports[i]
		if s.Action != conditions.True || s.Resource == conditions.False || only != nil && s.Effect == policy.Allow && (s.Document != only.Document || s.Pos != only.Pos) {
			continue
		}
		var parts []string
		for j := range s.Conditions {
			c := &s.Conditions[j]
			if !e.known(c.Key) {
				parts = append(parts, fmt.Sprintf("%s %s %q", c.Operator, c.Key, c.Meaning))
			}
		}
		if len(parts) == 0 {
			continue
		}
		word := "if "
		if s.Effect == policy.Deny {
			word = "not if "
		}
		text := word + strings.Join(parts, " and ") + ", by " + e.bundle.StatementName(s.StatementRef)
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out, nil
}

// known reports whether a key says nothing that is left open.
func (e *explorer) known(key string) bool {
	if strings.EqualFold(key, leadingKeys) || engine.SessionKey(key) && strings.HasPrefix(strings.ToLower(key), "aws:principal") && !strings.HasPrefix(strings.ToLower(key), "aws:principaltag/") {
		return true
	}
	for _, keys := range []map[string][]string{e.session.Keys, TimeKeys(e.At)} {
		for k := range keys {
			if strings.EqualFold(k, key) {
				return true
			}
		}
	}
	return false
}

var variable = regexp.MustCompile(`\$\{([^},*?$][^},]*)`)

// meanings are patterns with the variables replaced that are known.
func (e *explorer) meanings(written, meant []string) []string {
	out := slices.Clone(written)
	for i := range out {
		open := func(m []string) bool { return !e.known(strings.TrimSpace(m[1])) }
		if i < len(meant) && !slices.ContainsFunc(variable.FindAllStringSubmatch(out[i], -1), open) {
			out[i] = meant[i]
		}
	}
	return out
}

// looked is how the statements fare with a witness.
func (e *explorer) looked(w *analysis.Witness) ([]engine.StatementReport, error) {
	var session *engine.Set
	if e.session.Policies != nil {
		var err error
		if session, err = engine.Compile(e.Vocabulary, policy.Session, e.session.Policies...); err != nil {
			return nil, err
		}
	}
	v, err := e.bundle.Evaluator(e.session.Role.Name, w.Resource, session)
	if err != nil {
		return nil, err
	}
	r, err := Request(e.Vocabulary, w)
	if err != nil {
		return nil, err
	}
	return v.Explain(r).Looked, nil
}

// elsewhere finds out what a session may do with anything but the tables.
func (e *explorer) elsewhere(ctx context.Context, out *Reach) error {
	meant := statement("Allow", []string{"*"}, []string{"*"}, nil)
	for _, t := range e.bundle.Tables {
		meant += "," + statement("Deny", []string{"dynamodb:*"}, ofTable(t), nil)
	}
	q, err := e.ask("", meant)
	if err != nil {
		return err
	}
	a, err := e.search(ctx, q, "")
	if err != nil {
		return err
	}
	if out.NothingElse, out.ElseReason = a.Verdict, a.Reason; a.Verdict == analysis.Never {
		return nil
	}
	for _, d := range q.By.Identity {
		for i := range d.Statements {
			g, err := e.grant(ctx, meant, d, i)
			if err != nil {
				return err
			}
			if g != nil {
				out.Elsewhere = append(out.Elsewhere, *g)
			}
		}
	}
	return nil
}

// grant is what a statement allows of what is meant; nil for nothing.
func (e *explorer) grant(ctx context.Context, meant string, d *policy.Document, i int) (*Grant, error) {
	if d.Statements[i].Effect != policy.Allow {
		return nil, nil
	}
	q, err := e.ask("", meant)
	if err != nil {
		return nil, err
	}
	one := *d
	one.Statements = d.Statements[i : i+1 : i+1]
	q.And = append(q.And, &analysis.Policies{Identity: []*policy.Document{&one}})
	a, err := analysis.Search(ctx, q)
	s := &d.Statements[i]
	switch {
	case err != nil || a.Verdict == analysis.Never:
		return nil, err
	case a.Verdict == analysis.Unknown:
		ref := engine.StatementRef{Document: d.Name, Index: s.Index, Sid: s.Sid.Value, Pos: s.Pos, Effect: s.Effect}
		return &Grant{Statement: ref, Reason: a.Reason}, nil
	}
	reports, err := e.looked(a.Witness)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(reports, func(r engine.StatementReport) bool { return r.Document == d.Name && r.Pos == s.Pos })
	if at < 0 {
		return nil, fmt.Errorf("%w: %s: a statement that was not looked at", analysis.ErrInternal, d.Name)
	}
	r := &reports[at]
	out := &Grant{
		Statement: r.StatementRef, Actions: r.Actions, Resources: e.meanings(r.Resources, r.Meanings), NotAction: r.NotAction, NotResource: r.NotResource, Witness: a.Witness,
	}
	out.Depends, err = e.depends(a.Witness, &r.StatementRef)
	return out, err
}
