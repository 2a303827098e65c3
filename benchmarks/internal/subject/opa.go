package subject

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// opaSubject is one prepared query. The three forms differ in the Rego behind it.
type opaSubject struct {
	query rego.PreparedEvalQuery
}

// regoChecks are the conditions that all documents have in common, true of no names too. Lists are
// objects of names, which one builtin compares: faster than a loop in Rego.
const regoChecks = `package checks

own if {
	object.subset({input.sub: true}, input.leadingKeys)
}

listed(attributes) if {
	object.subset(attributes, input.attributes)
}
`

// newOPA keeps one Rego policy a document, each a package of its own as teams write them, and
// asks them all.
func newOPA(w *workload.Workload) (Subject, error) {
	options := []func(*rego.Rego){
		rego.Query("data.main.allow"),
		rego.Module("checks.rego", regoChecks),
		rego.Module("main.rego", "package main\n\ndefault allow := false\n\nallow if {\n\tsome name\n\tdata.documents[name].allow\n}\n"),
	}
	for i, p := range w.Policies {
		var text strings.Builder
		fmt.Fprintf(&text, "package documents.d%05d\n\n", i)
		if err := writeRego(&text, w.Resources, p, `contains(input.resource, ":table/%s/index/")`); err != nil {
			return nil, err
		}
		options = append(options, rego.Module(fmt.Sprintf("d%05d.rego", i), text.String()))
	}
	return prepareOPA(options)
}

// newOPAIndexed keeps one rule a resource in one package: the form that OPA's rule index makes
// constant-time, by equality or by prefix.
func newOPAIndexed(w *workload.Workload) (Subject, error) {
	text := new(strings.Builder)
	text.WriteString("package main\n\ndefault allow := false\n\n")
	for _, p := range w.Policies {
		if err := writeRego(text, w.Resources, p, `glob.match("*:*:*:*:*:table/%s/index/*", [":", "/"], input.resource)`); err != nil {
			return nil, err
		}
	}
	return prepareOPA([]func(*rego.Rego){
		rego.Query("data.main.allow"),
		rego.Module("checks.rego", regoChecks),
		rego.Module("main.rego", text.String()),
	})
}

// writeRego writes one rule for each resource of p. index is how an index of a table is told: a rule
// is found fastest by segments, and tested fastest by containing.
func writeRego(text *strings.Builder, resources workload.Resources, p workload.Policy, index string) error {
	tests := []string{fmt.Sprintf("input.resource == %q", p.Resources[0])}
	if resources != workload.Exact {
		tests = []string{
			fmt.Sprintf("startswith(input.resource, %q)", workload.ARN(workload.Region, p.Prefix)),
			fmt.Sprintf(index, p.Table),
		}
	}
	actions, err := regoSet(p.Actions)
	if err != nil {
		return err
	}
	attributes, err := json.Marshal(opaSet(p.Attributes))
	if err != nil {
		return err
	}
	for _, test := range tests {
		fmt.Fprintf(text, "allow if {\n\t%s\n\tinput.action in %s\n\tdata.checks.own\n\tdata.checks.listed(%s)\n}\n\n", test, actions, attributes)
	}
	return nil
}

func regoSet(values []string) (string, error) {
	list, err := json.Marshal(values)
	if err != nil {
		return "", err
	}
	return "{" + strings.Trim(string(list), "[]") + "}", nil
}

// regoData looks the grant up in data, as OPA's documentation advises: objects keyed by what is
// searched for. The rules for patterns look up each length that prefixes have.
const regoData = `package main

default allow := false

allow if granted(data.tables[input.resource])

allow if {
	some length in data.lengths
	granted(data.prefixes[substring(input.resource, 0, length)])
}

allow if {
	parts := split(input.resource, "/index/")
	count(parts) > 1
	head := split(parts[0], ":table/")
	granted(data.indexes[head[1]])
}

granted(grant) if {
	grant.actions[input.action]
	data.checks.own
	data.checks.listed(grant.attributes)
}
`

// newOPAData keeps one rule for all and the grants as data.
func newOPAData(w *workload.Workload) (Subject, error) {
	return prepareOPA([]func(*rego.Rego){
		rego.Query("data.main.allow"),
		rego.Module("checks.rego", regoChecks),
		rego.Module("main.rego", regoData),
		rego.Store(inmem.NewFromObjectWithOpts(opaData(w), inmem.OptReturnASTValuesOnRead(true))),
	})
}

func opaData(w *workload.Workload) map[string]any {
	tables, prefixes, indexes := map[string]any{}, map[string]any{}, map[string]any{}
	lengths := []any{}
	seen := map[int]bool{}
	for _, p := range w.Policies {
		grant := map[string]any{"actions": opaSet(p.Actions), "attributes": opaSet(p.Attributes)}
		if w.Resources == workload.Exact {
			tables[p.Resources[0]] = grant
			continue
		}
		prefix := workload.ARN(workload.Region, p.Prefix)
		prefixes[prefix], indexes[p.Table] = grant, grant
		if !seen[len(prefix)] {
			seen[len(prefix)] = true
			lengths = append(lengths, json.Number(fmt.Sprint(len(prefix))))
		}
	}
	return map[string]any{"tables": tables, "prefixes": prefixes, "indexes": indexes, "lengths": lengths}
}

func opaSet(values []string) map[string]any {
	set := map[string]any{}
	for _, v := range values {
		set[v] = true
	}
	return set
}

func prepareOPA(options []func(*rego.Rego)) (Subject, error) {
	query, err := rego.New(options...).PrepareForEval(context.Background())
	if err != nil {
		return nil, err
	}
	return &opaSubject{query: query}, nil
}

func (o *opaSubject) Decider(requests []workload.Request, from Context) (Decider, error) {
	ctx := context.Background()
	prepared := prepare(requests, opaInput)
	return func(i int) (bool, error) {
		if from == Built {
			return o.decide(ctx, opaInput(&requests[i]))
		}
		return o.decide(ctx, prepared[i])
	}, nil
}

func (o *opaSubject) decide(ctx context.Context, input ast.Value) (bool, error) {
	results, err := o.query.Eval(ctx, rego.EvalParsedInput(input))
	if err != nil {
		return false, err
	}
	if len(results) != 1 {
		return false, errors.New("opa: the query is undefined")
	}
	return results.Allowed(), nil
}

// opaInput is r in OPA's own values, which spares Eval a round trip through JSON.
func opaInput(r *workload.Request) ast.Value {
	return ast.NewObject(
		ast.Item(ast.StringTerm("sub"), ast.StringTerm(r.Identity)),
		ast.Item(ast.StringTerm("action"), ast.StringTerm(r.Action)),
		ast.Item(ast.StringTerm("resource"), ast.StringTerm(r.Resource)),
		ast.Item(ast.StringTerm("leadingKeys"), opaNames(r.LeadingKeys)),
		ast.Item(ast.StringTerm("attributes"), opaNames(r.Attributes)),
	)
}

func opaNames(values []string) *ast.Term {
	items := make([][2]*ast.Term, len(values))
	for i, v := range values {
		items[i] = ast.Item(ast.StringTerm(v), ast.BooleanTerm(true))
	}
	return ast.ObjectTerm(items...)
}
