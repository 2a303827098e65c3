package web

import (
	"encoding/json"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// question is a DecideRequest as JSON. Its context is that of a scenario.
type question struct {
	Subject         *subject                   `json:"subject"`
	Action          string                     `json:"action"`
	Resource        string                     `json:"resource"`
	ResourceAccount string                     `json:"resourceAccount"`
	Context         map[string]json.RawMessage `json:"context"`
	Details         bool                       `json:"details"`
}

// subject is a Subject as JSON: one of the three.
type subject struct {
	Session *struct {
		AccessKeyID string `json:"accessKeyId"`
		Token       string `json:"token"`
	} `json:"session"`
	IDToken *struct {
		IdentityPool string `json:"identityPool"`
		Provider     string `json:"provider"`
		Token        string `json:"token"`
	} `json:"idToken"`
	Principal *principal `json:"principal"`
}

// principal is a Principal as JSON.
type principal struct {
	Principal    string            `json:"principal"`
	SessionName  string            `json:"sessionName"`
	IdentityID   string            `json:"identityId"`
	IdentityPool string            `json:"identityPool"`
	AMR          []string          `json:"amr"`
	Tags         map[string]string `json:"tags"`
}

// message makes the message of a subject; nil for none.
func (s *subject) message() (*rowanv1.Subject, error) {
	if s == nil {
		return nil, nil
	}
	out, n := &rowanv1.Subject{}, 0
	if s.Session != nil {
		n++
		out.Subject = &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: s.Session.AccessKeyID, Token: s.Session.Token}}
	}
	if s.IDToken != nil {
		n++
		out.Subject = &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{IdentityPool: s.IDToken.IdentityPool, Provider: s.IDToken.Provider, Token: s.IDToken.Token}}
	}
	if p := s.Principal; p != nil {
		n++
		out.Subject = &rowanv1.Subject_Principal{Principal: &rowanv1.Principal{
			Principal: p.Principal, SessionName: p.SessionName, IdentityId: p.IdentityID, IdentityPool: p.IdentityPool, Amr: p.AMR, Tags: p.Tags,
		}}
	}
	if n != 1 {
		return nil, status.Error(codes.InvalidArgument, "a subject has one of session, idToken and principal")
	}
	return out, nil
}

// message makes the message of a question.
func (q *question) message() (*rowanv1.DecideRequest, error) {
	of, err := q.Subject.message()
	if err != nil {
		return nil, err
	}
	keys, err := contextKeys(q.Context)
	if err != nil {
		return nil, err
	}
	return &rowanv1.DecideRequest{
		Subject: of, Action: q.Action, Resource: q.Resource, ResourceAccount: q.ResourceAccount, Context: keys, Details: q.Details,
	}, nil
}

// contextKeys reads a context: for each key a text, a number, a truth value, or
// a list of these. A number is its text.
func contextKeys(in map[string]json.RawMessage) ([]*rowanv1.ContextKey, error) {
	out := make([]*rowanv1.ContextKey, 0, len(in))
	for name, raw := range in {
		k := &rowanv1.ContextKey{Name: name}
		var list []json.RawMessage
		if raw[0] != '[' {
			list = []json.RawMessage{raw}
		} else if err := json.Unmarshal(raw, &list); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "context %.100q: %v", name, err)
		}
		for _, one := range list {
			text, ok := scalar(one)
			if !ok {
				return nil, status.Errorf(codes.InvalidArgument, "context %.100q: want a text, a number, true, false, or a list of these", name)
			}
			k.Values = append(k.Values, text)
		}
		out = append(out, k)
	}
	return out, nil
}

// scalar reads a value as the text that policies would write.
func scalar(raw json.RawMessage) (text string, ok bool) {
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n':
		return "", false
	case raw[0] == '"':
		return text, json.Unmarshal(raw, &text) == nil
	}
	return string(raw), true // a number, true or false
}

// answer is an Answer as JSON.
type answer struct {
	Decision       string      `json:"decision"`
	DecidedBy      string      `json:"decidedBy"`
	Statements     []statement `json:"statements"`
	MissingContext []string    `json:"missingContext,omitempty"`
	Fault          string      `json:"fault,omitempty"`
	DecisionID     string      `json:"decisionId"`
	ValidUntil     string      `json:"validUntil"`
}

type statement struct {
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	Index  uint32 `json:"index"`
	Line   uint32 `json:"line"`
	Column uint32 `json:"column"`
}

// version names a bundle.
type version struct {
	Digest  string `json:"digest"`
	Version uint64 `json:"version"`
}

func newVersion(b *rowanv1.BundleVersion) version { return version{b.GetDigest(), b.GetVersion()} }

func newStatement(s *rowanv1.Statement) statement {
	return statement{s.GetPolicy(), s.GetSid(), s.GetIndex(), s.GetLine(), s.GetColumn()}
}

func newAnswer(a *rowanv1.Answer) answer {
	out := answer{
		Decision: word(a.GetDecision()), DecidedBy: a.GetDecidedBy(), Statements: []statement{}, MissingContext: a.GetMissingContext(),
		Fault: a.GetFault(), DecisionID: a.GetDecisionId(), ValidUntil: moment(a.GetValidUntil()),
	}
	for _, s := range a.GetStatements() {
		out.Statements = append(out.Statements, newStatement(s))
	}
	return out
}

func moment(t *timestamppb.Timestamp) string { return t.AsTime().UTC().Format(time.RFC3339Nano) }

// word is a decision in the words of AWS's simulator.
func word(d rowanv1.Decision) string {
	switch d {
	case rowanv1.Decision_DECISION_ALLOWED:
		return "allowed"
	case rowanv1.Decision_DECISION_EXPLICIT_DENY:
		return "explicitDeny"
	case rowanv1.Decision_DECISION_IMPLICIT_DENY, rowanv1.Decision_DECISION_UNSPECIFIED:
	}
	return "implicitDeny"
}

// decide answers one question.
func (x *exchange) decide() error {
	var in question
	if err := x.read(&in, true); err != nil {
		return err
	}
	q, err := in.message()
	if err != nil {
		return err
	}
	out, err := x.options.Decider.Decide(x.r.Context(), q)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, struct {
		answer
		Bundle version `json:"bundle"`
	}{newAnswer(out.GetAnswer()), newVersion(out.GetBundle())})
}

// decideBatch answers many questions.
func (x *exchange) decideBatch() error {
	var in struct {
		Subject  *subject   `json:"subject"`
		Requests []question `json:"requests"`
	}
	if err := x.read(&in, true); err != nil {
		return err
	}
	of, err := in.Subject.message()
	if err != nil {
		return err
	}
	batch := &rowanv1.DecideBatchRequest{Subject: of}
	for i := range in.Requests {
		q, err := in.Requests[i].message()
		if err != nil {
			return status.Errorf(codes.InvalidArgument, "requests[%d]: %s", i, status.Convert(err).Message())
		}
		batch.Requests = append(batch.Requests, q)
	}
	out, err := x.options.Decider.DecideBatch(x.r.Context(), batch)
	if err != nil {
		return err
	}
	results := make([]any, len(out.GetResults()))
	for i, r := range out.GetResults() {
		if p := r.GetProblem(); p != nil {
			results[i] = failure{failureText{codes.Code(p.GetCode()).String(), p.GetMessage()}} //nolint:gosec // a code of gRPC
			continue
		}
		results[i] = newAnswer(r.GetAnswer())
	}
	return x.reply(http.StatusOK, map[string]any{"results": results, "bundle": newVersion(out.GetBundle())})
}

// explain explains an answer.
func (x *exchange) explain() error {
	var in question
	if err := x.read(&in, true); err != nil {
		return err
	}
	q, err := in.message()
	if err != nil {
		return err
	}
	out, err := x.options.Decider.Explain(x.r.Context(), &rowanv1.ExplainRequest{Request: q})
	if err != nil {
		return err
	}
	type report struct {
		statement
		Kind    string   `json:"kind"`
		Effect  string   `json:"effect"`
		Applied bool     `json:"applied"`
		Unmet   []string `json:"unmet,omitempty"`
	}
	looked := []report{}
	for _, r := range out.GetLooked() {
		looked = append(looked, report{newStatement(r.GetStatement()), r.GetKind(), r.GetEffect(), r.GetApplied(), r.GetUnmet()})
	}
	return x.reply(http.StatusOK, struct {
		answer
		Looked []report `json:"looked"`
		Text   string   `json:"text"`
		Bundle version  `json:"bundle"`
	}{newAnswer(out.GetAnswer()), looked, out.GetText(), newVersion(out.GetBundle())})
}

// filter says which rows a subject may reach.
func (x *exchange) filter() error {
	var in struct {
		question
		Unknown []string `json:"unknown"`
		Table   string   `json:"table"`
		Dialect string   `json:"dialect"`
	}
	if err := x.read(&in, true); err != nil {
		return err
	}
	q, err := in.message()
	if err != nil {
		return err
	}
	dialect, ok := map[string]rowanv1.SqlDialect{
		"": rowanv1.SqlDialect_SQL_DIALECT_UNSPECIFIED, "postgres": rowanv1.SqlDialect_SQL_DIALECT_POSTGRES,
		"mysql": rowanv1.SqlDialect_SQL_DIALECT_MYSQL, "sqlite": rowanv1.SqlDialect_SQL_DIALECT_SQLITE,
	}[in.Dialect]
	if !ok {
		return status.Error(codes.InvalidArgument, "the dialect is postgres, mysql or sqlite")
	}
	out, err := x.options.Decider.Filter(x.r.Context(), &rowanv1.FilterRequest{
		Subject: q.GetSubject(), Action: q.GetAction(), Resource: q.GetResource(), ResourceAccount: q.GetResourceAccount(), Context: q.GetContext(),
		Unknown: in.Unknown, Table: in.Table, Dialect: dialect,
	})
	if err != nil {
		return err
	}
	scopes := map[rowanv1.FilterScope]string{
		rowanv1.FilterScope_FILTER_SCOPE_NOTHING: "nothing", rowanv1.FilterScope_FILTER_SCOPE_EVERYTHING: "everything", rowanv1.FilterScope_FILTER_SCOPE_SOME: "some",
	}
	type clause struct {
		Where string   `json:"where"`
		Args  []string `json:"args"`
	}
	answer := struct {
		Scope      string  `json:"scope"`
		Filter     string  `json:"filter"`
		SQL        *clause `json:"sql,omitempty"`
		DecisionID string  `json:"decisionId"`
		ValidUntil string  `json:"validUntil"`
		Bundle     version `json:"bundle"`
	}{scopes[out.GetScope()], out.GetText(), nil, out.GetDecisionId(), moment(out.GetValidUntil()), newVersion(out.GetBundle())}
	if s := out.GetSql(); s != nil {
		answer.SQL = &clause{s.GetWhere(), append([]string{}, s.GetArgs()...)}
	}
	return x.reply(http.StatusOK, answer)
}

// describe describes the bundle in force.
func (x *exchange) describe() error {
	out, err := x.options.Decider.Describe(x.r.Context(), nil)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, map[string]any{
		"bundle": newVersion(out.GetBundle()), "loadedAt": moment(out.GetLoadedAt()), "refusal": out.GetRefusal(),
		"account": out.GetAccount(), "partition": out.GetPartition(), "region": out.GetRegion(),
		"roles": out.GetRoles(), "policies": out.GetPolicies(), "resources": out.GetResources(),
		"identityPools": out.GetIdentityPools(), "userPools": out.GetUserPools(), "tables": out.GetTables(),
	})
}
