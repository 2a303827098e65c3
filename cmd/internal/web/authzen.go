package web

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/identity"
)

// evaluation is a question of the Authorization API; what is absent is nil.
// Members that it does not know are left alone. Source: AuthZEN Authorization
// API 1.0, §5 and §6; identity-protocol §5.6. How it maps to IAM stands in
// docs/adr/0018-authzen-and-proxies.md.
type evaluation struct {
	subject, resource *entity
	action            *action
	// context has the members of context.
	context *[]*rowanv1.ContextKey
}

// entity is a subject or a resource.
type entity struct {
	kind, id string
	// principal is what properties say of a subject that is vouched for, token
	// the token of one that is not.
	principal *rowanv1.Principal
	token     string
	keys      []*rowanv1.ContextKey
}

type action struct {
	name string
	keys []*rowanv1.ContextKey
}

// authzenAnswer is the answer to an evaluation.
type authzenAnswer struct {
	Decision bool           `json:"decision"`
	Context  map[string]any `json:"context,omitempty"`
}

// readEvaluation reads the members of an evaluation that there are.
func readEvaluation(o object) *evaluation {
	e := &evaluation{}
	if s, ok := o.object("subject"); ok {
		e.subject = readSubject(s)
	}
	if a, ok := o.object("action"); ok {
		e.action = &action{name: a.text("name"), keys: a.attributes("properties", "action:")}
	}
	if r, ok := o.object("resource"); ok {
		e.resource = &entity{kind: r.text("type"), id: r.text("id"), keys: r.attributes("properties", "resource:")}
	}
	if _, ok := o.m["context"]; ok {
		keys := o.attributes("context", "context:")
		e.context = &keys
	}
	return e
}

// readSubject reads a subject. The properties that its type knows say who it is;
// the others are attributes.
func readSubject(o object) *entity {
	e := &entity{kind: o.text("type"), id: o.text("id")}
	if p, ok := o.object("properties"); ok {
		switch e.kind {
		case "session":
			e.token = p.text("token")
		case "id_token":
			e.token = p.text("token")
			e.principal = &rowanv1.Principal{IdentityPool: p.text("identity_pool")}
		case "identity":
			e.principal = &rowanv1.Principal{
				Principal: p.text("role"), IdentityPool: p.text("identity_pool"), SessionName: p.text("session_name"), Amr: p.texts("amr"), Tags: p.tags("tags"),
			}
		case "role":
			e.principal = &rowanv1.Principal{SessionName: p.text("session_name"), Tags: p.tags("tags")}
		}
		e.keys = p.keys("subject:", "")
	}
	return e
}

// attributes reads a member that is an object of attributes.
func (o object) attributes(name, prefix string) []*rowanv1.ContextKey {
	x, ok := o.object(name)
	if !ok {
		return nil
	}
	return x.keys(prefix, "")
}

// keys are what is left of an object as context keys. A member whose name has a
// colon is the key of that name; of any other the key is the prefix and the
// name, and of a member within an object the names joined by dots.
func (o object) keys(prefix, within string) (out []*rowanv1.ContextKey) {
	for _, name := range slices.Sorted(maps.Keys(o.m)) {
		v, ok := o.take(name)
		if !ok {
			continue
		}
		key := prefix + within + name
		if within == "" && strings.Contains(name, ":") {
			key = name
		}
		if inner, isObject := v.(map[string]any); isObject {
			x, _ := o.as(name, inner)
			out = append(out, x.keys(prefix, strings.TrimPrefix(key, prefix)+".")...)
			continue
		}
		out = append(out, &rowanv1.ContextKey{Name: key, Values: o.values(name, v)})
	}
	return out
}

// missing names a member that an evaluation lacks and must have, empty if there
// is none.
func (e *evaluation) missing() string {
	switch {
	case e.subject == nil || e.subject.kind == "":
		return "subject.type"
	case e.subject.id == "":
		return "subject.id"
	case e.action == nil || e.action.name == "":
		return "action.name"
	case e.resource == nil || e.resource.kind == "":
		return "resource.type"
	case e.resource.id == "":
		return "resource.id"
	}
	return ""
}

// question makes the question of an evaluation for the account that answers.
func (e *evaluation) question(a *identity.Account) (*rowanv1.DecideRequest, error) {
	if name := e.missing(); name != "" {
		return nil, invalid("no %s", name)
	}
	of, err := e.subject.subject(a)
	if err != nil {
		return nil, err
	}
	q := &rowanv1.DecideRequest{Subject: of}
	if q.Resource, err = e.resource.arn(a); err != nil {
		return nil, err
	}
	if q.Action, err = e.action.of(e.resource.service()); err != nil {
		return nil, err
	}
	q.Context = slices.Concat(e.subject.keys, e.action.keys, e.resource.keys)
	if e.context != nil {
		q.Context = append(q.Context, *e.context...)
	}
	return q, nil
}

// arnType is the type of a resource whose id is an ARN.
const arnType = "arn"

// service is the prefix of the actions on a resource.
func (e *entity) service() string {
	if e.kind != arnType {
		return e.kind
	}
	parts := strings.SplitN(e.id, ":", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[2]
}

// arn is the ARN of a resource.
func (e *entity) arn(a *identity.Account) (string, error) {
	switch {
	case e.kind == arnType && strings.HasPrefix(e.id, "arn:"):
		return e.id, nil
	case e.kind == arnType:
		return "", invalid("the id of a resource of type arn is an ARN")
	case !serviceName(e.kind):
		return "", invalid("a resource's type is a service's prefix in lower-case letters, digits and hyphens, or arn, not %.100q", e.kind)
	case e.kind == "iam" || e.kind == "sts":
		return "", invalid("the ARNs of %s have no region: say type arn", e.kind)
	case strings.HasPrefix(e.id, "arn:"):
		if (&entity{kind: arnType, id: e.id}).service() != e.kind {
			return "", invalid("the resource is not of the service %.100q, which its type names", e.kind)
		}
		return e.id, nil
	case e.kind == "s3": // its ARNs name neither region nor account
		return "arn:" + a.Partition + ":s3:::" + e.id, nil
	}
	return strings.Join([]string{arnType, a.Partition, e.kind, a.Region, a.ID, e.id}, ":"), nil
}

func serviceName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// of is the action: one without a service is of the resource's.
func (a *action) of(service string) (string, error) {
	switch {
	case strings.Contains(a.name, ":"):
		return a.name, nil
	case service == "":
		return "", invalid("the action %.100q names no service, and neither does the resource", a.name)
	}
	return service + ":" + a.name, nil
}

// subject makes the subject of an entity by its type.
func (e *entity) subject(a *identity.Account) (*rowanv1.Subject, error) {
	p := e.principal
	if p == nil {
		p = &rowanv1.Principal{}
	}
	switch e.kind {
	case "session":
		return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: e.id, Token: e.token}}}, nil
	case "id_token":
		return &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Provider: e.id, Token: e.token, IdentityPool: p.GetIdentityPool()}}}, nil
	case "identity":
		return noUser(&rowanv1.Principal{
			Principal: p.GetPrincipal(), IdentityId: e.id, IdentityPool: p.GetIdentityPool(), SessionName: p.GetSessionName(), Amr: p.GetAmr(), Tags: p.GetTags(),
		})
	case "role":
		return noUser(&rowanv1.Principal{Principal: e.id, SessionName: p.GetSessionName(), Tags: p.GetTags()})
	case "user":
		return vouched(&rowanv1.Principal{Principal: userARN(a, e.id)}), nil
	}
	return nil, invalid("a subject's type is session, id_token, identity, role or user, not %.100q", e.kind)
}

// userARN finds the ARN of a user by its name. No two users have one name: it is
// that of their file.
func userARN(a *identity.Account, name string) string {
	own := "arn:" + a.Partition + ":iam::" + a.ID + ":user/"
	if strings.HasPrefix(name, own) {
		return name
	}
	for _, key := range slices.Sorted(maps.Keys(a.Administrators)) {
		arn := a.Administrators[key].ARN
		if arn[strings.LastIndexByte(arn, '/')+1:] == name {
			return arn
		}
	}
	return own + name // nobody's, and no role's
}

// noUser refuses the ARN of a user where a role is wanted.
func noUser(p *rowanv1.Principal) (*rowanv1.Subject, error) {
	if name := p.GetPrincipal(); strings.HasPrefix(name, "arn:") && !strings.Contains(name, ":role/") {
		return nil, invalid("the subject's role is %.200q, which is no role", name)
	}
	return vouched(p), nil
}

func vouched(p *rowanv1.Principal) *rowanv1.Subject {
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: p}}
}

// evaluate answers one evaluation.
func (x *exchange) evaluate(e *evaluation) (authzenAnswer, error) {
	out, _, err := x.options.Decider.DecideWith(x.r.Context(), func(d *server.Deployment) (*rowanv1.DecideRequest, error) {
		return e.question(d.Account)
	})
	if err != nil {
		return undecided(err)
	}
	a := out.GetAnswer()
	context := map[string]any{
		"id": a.GetDecisionId(), "decision": word(a.GetDecision()), "decided_by": a.GetDecidedBy(), "valid_until": moment(a.GetValidUntil()),
	}
	if a.GetFault() != "" {
		context["fault"] = a.GetFault()
	}
	return authzenAnswer{Decision: a.GetDecision() == rowanv1.Decision_DECISION_ALLOWED, Context: context}, nil
}

// undecided is the answer to a question whose subject's credentials are not
// good: a denial with a reason, since 401 would mean the calling service, which
// is known by now. Source: AuthZEN Authorization API 1.0, "Error Responses".
func undecided(err error) (authzenAnswer, error) {
	if status.Code(err) != codes.Unauthenticated {
		return authzenAnswer{}, err
	}
	return problemAnswer(err), nil
}

// problemAnswer is a denial with the error that led to it.
func problemAnswer(err error) authzenAnswer {
	s := status.Convert(err)
	return authzenAnswer{Context: map[string]any{"error": map[string]any{"status": httpStatus(s.Code()), "message": s.Message()}}}
}

// evaluation answers an access evaluation.
func (x *exchange) evaluation() error {
	o, err := x.read(oneQuestion)
	if err != nil {
		return err
	}
	e := readEvaluation(o)
	if *o.err != nil {
		return *o.err
	}
	return x.evaluateOne(e)
}

func (x *exchange) evaluateOne(e *evaluation) error {
	out, err := x.evaluate(e)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, out)
}

// maxEvaluations is how many evaluations one request asks for.
const maxEvaluations = 1024

// evaluations answers several access evaluations.
func (x *exchange) evaluations() error {
	o, err := x.read(manyQuestions)
	if err != nil {
		return err
	}
	whole := readEvaluation(o)
	var all []*evaluation
	for i, v := range o.list("evaluations") {
		if one, ok := o.as("evaluations["+strconv.Itoa(i)+"]", v); ok {
			all = append(all, readEvaluation(one).or(whole))
		}
	}
	semantic := ""
	if options, ok := o.object("options"); ok {
		semantic = options.text("evaluations_semantic")
	}
	ends, err := endsAt(semantic)
	switch {
	case *o.err != nil:
		return *o.err
	case err != nil:
		return err
	case len(all) > maxEvaluations:
		return invalid("more than %d evaluations", maxEvaluations)
	case len(all) == 0: // it is one evaluation then
		return x.evaluateOne(whole)
	}
	answers := []authzenAnswer{}
	for _, one := range all {
		out, err := x.evaluate(one)
		if code := status.Code(err); code == codes.InvalidArgument || code == codes.PermissionDenied {
			out, err = problemAnswer(err), nil
		}
		if err != nil {
			return err // it is no denial of this one alone
		}
		answers = append(answers, out)
		if ends(out.Decision) {
			break
		}
	}
	return x.reply(http.StatusOK, map[string]any{"evaluations": answers})
}

// endsAt returns after which decision evaluations end.
func endsAt(semantic string) (func(bool) bool, error) {
	switch semantic {
	case "", "execute_all":
		return func(bool) bool { return false }, nil
	case "deny_on_first_deny":
		return func(permitted bool) bool { return !permitted }, nil
	case "permit_on_first_permit":
		return func(permitted bool) bool { return permitted }, nil
	}
	return nil, invalid("no evaluations_semantic %.100q", semantic)
}

// or returns an evaluation whose absent members are those of the whole. A member
// that is there replaces the whole's, of which nothing is left.
func (e *evaluation) or(whole *evaluation) *evaluation {
	out := *e
	if out.subject == nil {
		out.subject = whole.subject
	}
	if out.action == nil {
		out.action = whole.action
	}
	if out.resource == nil {
		out.resource = whole.resource
	}
	if out.context == nil {
		out.context = whole.context
	}
	return &out
}

// authzenMetadata says what of the Authorization API is here.
func (x *exchange) authzenMetadata() error {
	base := x.options.URL
	if base == "" {
		return status.Error(codes.NotFound, "the server was not told its address")
	}
	return x.reply(http.StatusOK, map[string]string{
		"policy_decision_point":       base,
		"access_evaluation_endpoint":  base + "/access/v1/evaluation",
		"access_evaluations_endpoint": base + "/access/v1/evaluations",
		"search_action_endpoint":      base + "/access/v1/search/action",
		"search_resource_endpoint":    base + "/access/v1/search/resource",
		"search_subject_endpoint":     base + "/access/v1/search/subject",
	})
}
