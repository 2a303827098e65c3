package bundle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Scenario is one question with everything in it: the request, its context and
// the policies. Read it with Scenarios.
type Scenario struct {
	// Name, Why, Source and Twin are for people and corpora; empty if absent.
	Name, Why, Source, Twin string
	// Expect is a decision, "refused" for a document that validation must
	// refuse, or empty.
	Expect string
	// Line is where the scenario begins in its file, from 1.
	Line int

	file            string
	principal       principal
	action          string
	resource        string
	resourceAccount string
	context         []contextValue
	policies        []scenarioPolicies
}

// principal is the member of that name, taken apart.
type principal struct {
	arn, user, federated string
}

type contextValue struct {
	name   string
	values []string
	line   uint32
}

// scenarioPolicies is one member of policies. Kinds that have no levels have
// one.
type scenarioPolicies struct {
	kind   policy.Kind
	levels [][]value
}

// refused is what Expect says of a scenario with an invalid document.
const refused = "refused"

func parseScenario(file string, c chunk) (*Scenario, error) {
	s := &Scenario{file: file, Line: c.line}
	root := value{c.text, policy.Position{Line: uint32(c.line), Column: uint32(c.column)}}
	err := root.walk('{', func(name string, v value) (err error) {
		switch name {
		case "name":
			s.Name, err = v.string(name)
		case "why":
			s.Why, err = v.string(name)
		case "source":
			s.Source, err = v.string(name)
		case "twin":
			s.Twin, err = v.string(name)
		case "expect":
			if s.Expect, err = v.string(name); err == nil {
				err = checkExpect(s.Expect, v)
			}
		case "request":
			err = s.parseRequest(v)
		case "policies":
			err = s.parsePolicies(v)
		default:
			err = v.fail("unknown member %q", name)
		}
		return err
	})
	switch {
	case err != nil:
	case s.action == "":
		err = root.fail("no request.action")
	case s.resource == "":
		err = root.fail("no request.resource")
	}
	if err != nil {
		return nil, s.fail(err)
	}
	return s, nil
}

func checkExpect(expect string, v value) error {
	if _, ok := engine.ParseOutcome(expect); !ok && expect != refused {
		return v.fail("expect: want allowed, explicitDeny, implicitDeny or refused, have %q", expect)
	}
	return nil
}

// fail gives an error its scenario and its line.
func (s *Scenario) fail(err error) error {
	out := &ScenarioError{File: s.file, Line: s.Line, Scenario: s.Name, Err: err}
	if p := new(placed); errors.As(err, &p) {
		out.Line = int(p.line)
	}
	return out
}

func (s *Scenario) parseRequest(v value) error {
	return v.walk('{', func(name string, v value) (err error) {
		switch name {
		case "principal":
			err = s.parsePrincipal(v)
		case "action":
			s.action, err = v.string(name)
		case "resource":
			s.resource, err = v.string(name)
		case "resourceAccount":
			if s.resourceAccount, err = v.string(name); err == nil && !accountID(s.resourceAccount) {
				err = v.fail("resourceAccount: want twelve digits, have %.100q", s.resourceAccount)
			}
		case "context":
			err = s.parseContext(v)
		default:
			err = v.fail("unknown member %q of request", name)
		}
		return err
	})
}

func accountID(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// parsePrincipal reads an ARN or service name, {"federated": PROVIDER}, or
// {"arn": FEDERATED-USER, "user": ARN} for a federated user whose user is
// known (choice C28).
func (s *Scenario) parsePrincipal(v value) (err error) {
	if describe(v.raw) == "a string" {
		s.principal.arn, err = v.string("principal")
		if err == nil && s.principal.arn == "" {
			err = v.fail("principal: empty; leave it out for an anonymous caller")
		}
		return err
	}
	err = v.walk('{', func(name string, v value) (err error) {
		switch name {
		case "federated":
			s.principal.federated, err = v.string(name)
		case "arn":
			s.principal.arn, err = v.string(name)
		case "user":
			s.principal.user, err = v.string(name)
		default:
			err = v.fail("unknown member %q of principal", name)
		}
		return err
	})
	p := s.principal
	if err == nil && (p.federated == "") == (p.arn == "") || (p.user != "" && p.arn == "") {
		err = v.fail(`principal: want {"federated": PROVIDER} or {"arn": ARN, "user": ARN}`)
	}
	return err
}

func (s *Scenario) parseContext(v value) error {
	return v.walk('{', func(name string, v value) error {
		for _, c := range s.context {
			if strings.EqualFold(c.name, name) {
				return v.fail("the context keys %q and %q are one key", c.name, name)
			}
		}
		c := contextValue{name: name, line: v.pos.Line, values: []string{}}
		if describe(v.raw) == "an array" {
			if err := v.walk('[', func(_ string, v value) error {
				text, err := v.scalar()
				c.values = append(c.values, text)
				return err
			}); err != nil {
				return err
			}
		} else {
			text, err := v.scalar()
			if err != nil {
				return err
			}
			c.values = append(c.values, text)
		}
		s.context = append(s.context, c)
		if len(s.context) > conditions.MaxContextKeys {
			return v.fail("more than %d context keys", conditions.MaxContextKeys)
		}
		return nil
	})
}

func (s *Scenario) parsePolicies(v value) error {
	return v.walk('{', func(name string, v value) error {
		kind, ok := policy.ParseKind(name)
		if !ok || kind == policy.Trust {
			return v.fail("unknown member %q of policies", name)
		}
		p := scenarioPolicies{kind: kind, levels: [][]value{}}
		one := func(v value) ([]value, error) {
			docs := []value{}
			err := v.walk('[', func(_ string, v value) error {
				docs = append(docs, v)
				return nil
			})
			return docs, err
		}
		var err error
		switch kind {
		case policy.Resource:
			p.levels = [][]value{{v}}
		case policy.ServiceControl, policy.ResourceControl:
			err = v.walk('[', func(_ string, v value) error {
				level, err := one(v)
				p.levels = append(p.levels, level)
				return err
			})
			if err == nil && kind == policy.ServiceControl && len(p.levels) == 0 {
				err = v.fail("serviceControl: no level; leave it out if there are no service control policies")
			}
		case policy.Identity, policy.Boundary, policy.Session, policy.Endpoint, policy.Trust:
			var docs []value
			docs, err = one(v)
			p.levels = append(p.levels, docs)
		}
		s.policies = append(s.policies, p)
		return err
	})
}

// Question is a scenario compiled: what to ask whom.
type Question struct {
	Evaluator *engine.Evaluator
	Request   *engine.Request
	// Policies are what the evaluator was compiled from; nil for a question of a
	// bundle, whose documents its roles, guardrails and resources have.
	Policies *Policies
}

// Policies are the documents that decide a question. Nil means that there is none
// of the kind, empty and not nil that there is one and it allows nothing. Its
// fields are those of analysis.Policies. They must not be changed.
type Policies struct {
	Identity, Boundary, Session, Endpoint []*policy.Document
	// Resource is the resource's policy; of a role its trust policy.
	Resource *policy.Document
	// ServiceControl and ResourceControl are levels, root first.
	ServiceControl, ResourceControl [][]*policy.Document
}

// Question validates and compiles the scenario's policies and fills its
// context: what the principal and the resource determine, and the time now,
// unless the scenario says otherwise. The error is a *ScenarioError; it wraps
// policy.Errors if documents are refused.
func (s *Scenario) Question(v *conditions.Vocabulary, now time.Time) (*Question, error) {
	q := &Question{Evaluator: &engine.Evaluator{}, Policies: &Policies{}}
	p, err := s.parsedPrincipal()
	if err != nil {
		return nil, s.fail(err)
	}
	r := &engine.Request{Principal: p, Action: s.action, Resource: s.resource, ResourceAccount: s.resourceAccount}
	q.Request = r
	if err := s.compile(v, q); err != nil {
		return nil, s.fail(err)
	}
	account := s.knownResourceAccount(&p)
	switch {
	case account != "" || s.resource == "*":
	case q.Evaluator.Resource != nil:
		return nil, s.fail(fmt.Errorf("no request.resourceAccount: %s names no account, and a resource policy is given", s.resource))
	default:
		// Without a resource policy a cross-account request could only be
		// denied: the question is about the caller's own account.
		r.ResourceAccount = p.Account()
	}
	if r.Context, err = s.filledContext(v, &p, account, now); err != nil {
		return nil, s.fail(err)
	}
	if f := q.Evaluator.Check(r); f != engine.NoFault {
		return nil, s.fail(fmt.Errorf("%s: action %.200q, resource %.200q", f, s.action, s.resource))
	}
	return q, nil
}

// knownResourceAccount is the account that owns the resource, empty if the
// scenario does not say. Source: choice C20.
func (s *Scenario) knownResourceAccount(p *engine.Principal) string {
	if s.resourceAccount != "" {
		return s.resourceAccount
	}
	if s.resource == "*" {
		return p.Account()
	}
	if parts, ok := splitARN(s.resource); ok {
		return parts[4]
	}
	return ""
}

func (s *Scenario) parsedPrincipal() (engine.Principal, error) {
	switch {
	case s.principal.federated != "":
		return engine.FederatedPrincipal(s.principal.federated)
	case s.principal.arn == "":
		return engine.Principal{}, nil
	}
	p, err := engine.ParsePrincipal(s.principal.arn)
	if err != nil {
		return p, err
	}
	if s.principal.user != "" {
		return p.WithUser(s.principal.user)
	}
	for _, c := range s.context {
		if len(c.values) != 1 {
			continue
		}
		if strings.EqualFold(c.name, "aws:PrincipalArn") && p.Kind() == engine.RoleSession {
			if p, err = p.WithRole(c.values[0]); err != nil {
				return p, &placed{c.line, err}
			}
		}
		if strings.EqualFold(c.name, "aws:userid") {
			id, _, _ := strings.Cut(c.values[0], ":")
			p = p.WithUniqueID(id)
		}
	}
	return p, nil
}

// compile fills the evaluator; all faults of all documents are reported at
// once.
func (s *Scenario) compile(v *conditions.Vocabulary, q *Question) error {
	var faults policy.Errors
	e := q.Evaluator
	for _, p := range s.policies {
		kind := p.kind
		if kind == policy.Resource && isRole(s.resource) {
			kind = policy.Trust
		}
		for _, level := range p.levels {
			set, docs, err := s.set(v, kind, level)
			var found policy.Errors
			if errors.As(err, &found) {
				faults = append(faults, found...)
				continue
			}
			if err != nil {
				return err
			}
			q.assign(kind, set, docs)
		}
		if kind == policy.ServiceControl && e.ServiceControl == nil && len(faults) == 0 {
			return errors.New("no level of service control policies")
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// set parses and compiles the documents of one level.
func (s *Scenario) set(v *conditions.Vocabulary, kind policy.Kind, level []value) (*engine.Set, []*policy.Document, error) {
	var faults policy.Errors
	docs := make([]*policy.Document, 0, len(level))
	for _, x := range level {
		d, err := policy.ParseAt(s.file, x.raw, x.at)
		var found policy.Errors
		if errors.As(err, &found) {
			faults = append(faults, found...)
			continue
		}
		docs = append(docs, d)
	}
	set, err := engine.Compile(v, kind, docs...)
	var found policy.Errors
	if errors.As(err, &found) {
		faults = append(faults, found...)
	} else if err != nil {
		return nil, nil, err
	}
	if len(faults) > 0 {
		return nil, nil, faults
	}
	return set, docs, nil
}

// assign puts a set and its documents where they belong.
func (q *Question) assign(kind policy.Kind, set *engine.Set, docs []*policy.Document) {
	e, p := q.Evaluator, q.Policies
	switch kind {
	case policy.Identity:
		e.Identity, p.Identity = set, docs
	case policy.Boundary:
		e.Boundary, p.Boundary = set, docs
	case policy.Session:
		e.Session, p.Session = set, docs
	case policy.Endpoint:
		e.Endpoint, p.Endpoint = set, docs
	case policy.Resource, policy.Trust:
		e.Resource, p.Resource = set, docs[0]
	case policy.ServiceControl:
		e.ServiceControl, p.ServiceControl = append(e.ServiceControl, set), append(p.ServiceControl, docs)
	case policy.ResourceControl:
		e.ResourceControl, p.ResourceControl = append(e.ResourceControl, set), append(p.ResourceControl, docs)
	}
}

// isRole reports whether a resource is a role, whose policy is its trust
// policy.
func isRole(arn string) bool {
	parts, ok := splitARN(arn)
	return ok && parts[2] == "iam" && strings.HasPrefix(parts[5], "role/")
}

// filledContext derives what the scenario does not say. Source: iam-semantics
// §5.2; choice C29.
func (s *Scenario) filledContext(v *conditions.Vocabulary, p *engine.Principal, account string, now time.Time) (*conditions.Context, error) {
	c := v.NewContext()
	if err := p.Describe(c); err != nil {
		return nil, err
	}
	derived := [][2]string{
		{"aws:CurrentTime", now.UTC().Format("2006-01-02T15:04:05Z")},
		{"aws:EpochTime", strconv.FormatInt(now.Unix(), 10)},
	}
	if account != "" {
		derived = append(derived, [2]string{"aws:ResourceAccount", account})
	}
	for _, d := range derived {
		if err := c.Set(d[0], d[1]); err != nil {
			return nil, err
		}
	}
	for _, x := range s.context {
		err := c.Set(x.name, x.values...)
		if errors.Is(err, conditions.ErrValue) && len(x.values) == 1 {
			continue // the key is indeterminate, which is an answer
		}
		if err != nil {
			return nil, &placed{x.line, fmt.Errorf("context: %w", err)}
		}
	}
	return c, nil
}
