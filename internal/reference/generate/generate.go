// Package generate makes random questions for the reference and the engine:
// documents of every kind, sets of them, and requests from alphabets so small
// that things match, with values that an adversary would choose among them.
//
// Most documents are valid. One case in a hundred or so has a document that
// validation must refuse; the caller skips such a case, and the reference
// panics if it was let through.
package generate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/internal/reference"
	"github.com/rowan-authz/rowan/policy"
)

// Case is one question with its documents as JSON text.
type Case struct {
	// Principal is an ARN, a service or a provider; empty is anonymous.
	Principal string
	// Provider says that Principal is the provider of AssumeRoleWith….
	Provider bool
	// User is the ARN of the user of a federated user, if it is known.
	User string

	Action, Resource, ResourceAccount string
	Context                           map[string][]string
	Now                               time.Time
	Documents                         Documents

	// Irregular says that the context holds what a scenario refuses: invalid
	// UTF-8, several values of a single-valued key, or tags that differ only
	// by case.
	Irregular bool
}

// Documents are JSON texts by kind, shaped as in a scenario: nil is none.
type Documents struct {
	Identity, PermissionsBoundary, Session, Endpoint []string
	ServiceControl, ResourceControl                  [][]string
	// Resource is empty when there is none. It is a trust policy if the
	// case's resource is a role.
	Resource string
}

// Question makes a case from r: the same state of r makes the same case.
func Question(r *rand.Rand) Case {
	g := &generator{Rand: r, tag: pick(r, "team", "Team", "TEAM")}
	g.request()
	g.policies()
	return g.c
}

// generator is a case while it is made.
type generator struct {
	*rand.Rand
	c Case
	// tag is how this case spells the tag key "team" in its policies.
	tag string
	// variables says whether the document being written has variables.
	variables bool
}

// chance is true in percent of the cases.
func (g *generator) chance(percent float64) bool { return g.Float64()*100 < percent }

// pick takes one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// Reference is the case as a question to the reference. The documents are
// parsed, not validated.
func (c *Case) Reference() (reference.Question, error) {
	q := reference.Question{
		Action: c.Action, Resource: c.Resource, ResourceAccount: c.ResourceAccount, Context: c.Context, Now: c.Now,
	}
	var err error
	switch {
	case c.Provider:
		q.Principal = reference.Federated(c.Principal)
	case c.User != "":
		q.Principal, err = reference.FederatedUser(c.Principal, c.User)
	default:
		q.Principal, err = reference.ParsePrincipal(c.Principal)
	}
	if err != nil {
		return q, err
	}
	q.Policies, err = c.Documents.parse()
	return q, err
}

func (d *Documents) parse() (reference.Policies, error) {
	var out reference.Policies
	var err error
	all := func(name string, texts []string) []*policy.Document {
		if texts == nil {
			return nil
		}
		documents := []*policy.Document{}
		for _, text := range texts {
			document, fault := policy.Parse(name, []byte(text))
			if fault != nil && err == nil {
				err = fault
			}
			documents = append(documents, document)
		}
		return documents
	}
	levels := func(name string, texts [][]string) [][]*policy.Document {
		levels := make([][]*policy.Document, len(texts))
		for i, level := range texts {
			levels[i] = all(name, level)
		}
		return levels
	}
	out.Identity = all("identity", d.Identity)
	out.Boundary = all("permissionsBoundary", d.PermissionsBoundary)
	out.Session = all("session", d.Session)
	out.Endpoint = all("endpoint", d.Endpoint)
	out.ServiceControl = levels("serviceControl", d.ServiceControl)
	out.ResourceControl = levels("resourceControl", d.ResourceControl)
	if d.Resource != "" {
		out.Resource = all("resource", []string{d.Resource})[0]
	}
	return out, err
}

// Scenario is the case as a scenario of the corpus, without an expectation
// if expect is empty. An irregular case has none.
func (c *Case) Scenario(name, expect string) ([]byte, error) {
	if c.Irregular {
		return nil, fmt.Errorf("case %q cannot be written as a scenario", name)
	}
	request := map[string]any{"action": c.Action, "resource": c.Resource}
	switch {
	case c.Provider:
		request["principal"] = map[string]string{"federated": c.Principal}
	case c.User != "":
		request["principal"] = map[string]string{"arn": c.Principal, "user": c.User}
	case c.Principal != "":
		request["principal"] = c.Principal
	}
	if c.ResourceAccount != "" {
		request["resourceAccount"] = c.ResourceAccount
	}
	context := maps.Clone(c.Context)
	c.addClock(context, "aws:CurrentTime", c.Now.UTC().Format("2006-01-02T15:04:05Z"))
	c.addClock(context, "aws:EpochTime", fmt.Sprint(c.Now.Unix()))
	request["context"] = context
	scenario := map[string]any{"name": name, "request": request, "policies": c.Documents.members()}
	if expect != "" {
		scenario["expect"] = expect
	}
	return json.MarshalIndent(scenario, "", "  ")
}

// addClock says what time it is, unless the context says something else.
func (c *Case) addClock(context map[string][]string, key, value string) {
	for name := range c.Context {
		if strings.EqualFold(name, key) {
			return
		}
	}
	context[key] = []string{value}
}

// members are the documents under the names of a scenario.
func (d *Documents) members() map[string]any {
	out := map[string]any{}
	raw := func(texts []string) []json.RawMessage {
		list := make([]json.RawMessage, len(texts))
		for i, text := range texts {
			list[i] = json.RawMessage(text)
		}
		return list
	}
	for _, kind := range []struct {
		name  string
		texts []string
	}{
		{"identity", d.Identity},
		{"permissionsBoundary", d.PermissionsBoundary},
		{"session", d.Session},
		{"endpoint", d.Endpoint},
	} {
		if kind.texts != nil {
			out[kind.name] = raw(kind.texts)
		}
	}
	for _, kind := range []struct {
		name   string
		levels [][]string
	}{
		{"serviceControl", d.ServiceControl},
		{"resourceControl", d.ResourceControl},
	} {
		levels := [][]json.RawMessage{}
		for _, level := range kind.levels {
			levels = append(levels, raw(level))
		}
		if len(levels) > 0 {
			out[kind.name] = levels
		}
	}
	if d.Resource != "" {
		out["resource"] = json.RawMessage(d.Resource)
	}
	return out
}

// regular says whether a scenario can hold the values.
func regular(values []string) bool {
	for _, v := range values {
		if !utf8.ValidString(v) {
			return false
		}
	}
	return true
}
