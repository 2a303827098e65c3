package decide_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// trusted is a local peer with all rights, local one without any.
func trusted(ctx context.Context) context.Context {
	return decide.WithPeer(ctx, &decide.Peer{Local: true, Trusted: true})
}

func local(ctx context.Context) context.Context {
	return decide.WithPeer(ctx, &decide.Peer{Local: true})
}

func key(name string, values ...string) *rowanv1.ContextKey {
	return &rowanv1.ContextKey{Name: name, Values: values}
}

func getItem(of *rowanv1.Subject, row ...string) *rowanv1.DecideRequest {
	in := &rowanv1.DecideRequest{Subject: of, Action: "dynamodb:GetItem", Resource: decidetest.Table}
	if row != nil {
		in.Context = []*rowanv1.ContextKey{key("dynamodb:LeadingKeys", row...)}
	}
	return in
}

func TestDecide(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice, bob, guest := f.User("alice"), f.User("bob"), f.Guest()
	for name, x := range map[string]struct {
		in   *rowanv1.DecideRequest
		want rowanv1.Decision
		by   string
	}{
		"own row":                {getItem(alice.Session(), alice.IdentityID), rowanv1.Decision_DECISION_ALLOWED, "identity"},
		"another's row":          {getItem(alice.Session(), bob.IdentityID), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
		"own row by login":       {getItem(alice.Login(), alice.IdentityID), rowanv1.Decision_DECISION_ALLOWED, "identity"},
		"another's by login":     {getItem(alice.Login(), bob.IdentityID), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
		"own row, asserted":      {getItem(decidetest.Asserted(alice.IdentityID), alice.IdentityID), rowanv1.Decision_DECISION_ALLOWED, "identity"},
		"another's, asserted":    {getItem(decidetest.Asserted(alice.IdentityID), bob.IdentityID), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
		"leaderboard of a guest": {getItem(guest.Session(), "leaderboard"), rowanv1.Decision_DECISION_ALLOWED, "identity"},
		"row of a guest":         {getItem(guest.Session(), guest.IdentityID), rowanv1.Decision_DECISION_IMPLICIT_DENY, "session"},
		"no key":                 {getItem(alice.Session()), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
		"a key without a value":  {getItem(alice.Session(), []string{}...), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
		"an empty key":           {getItem(alice.Session(), ""), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
		"a key and an empty one": {getItem(alice.Session(), alice.IdentityID, ""), rowanv1.Decision_DECISION_IMPLICIT_DENY, "identity"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := f.Decider.Decide(trusted(t.Context()), x.in)
			require.NoError(t, err)
			require.Equal(t, x.want, out.GetAnswer().GetDecision())
			if name != "row of a guest" { // two kinds lack an Allow
				require.Equal(t, x.by, out.GetAnswer().GetDecidedBy())
			}
			require.Equal(t, f.Current().Digest, out.GetBundle().GetDigest())
			require.Len(t, out.GetAnswer().GetDecisionId(), 32)
			if x.want == rowanv1.Decision_DECISION_ALLOWED {
				require.Len(t, out.GetAnswer().GetStatements(), 1)
				require.Contains(t, []string{"policies/PlayerRows.json", "policies/Leaderboard.json"}, out.GetAnswer().GetStatements()[0].GetPolicy())
				require.Equal(t, uint32(4), out.GetAnswer().GetStatements()[0].GetLine())
			}
		})
	}
}

func TestDetails(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	in := getItem(alice.Session())
	in.Details = true
	out, err := f.Decider.Decide(local(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, []string{"dynamodb:LeadingKeys"}, out.GetAnswer().GetMissingContext())
	require.Empty(t, out.GetAnswer().GetStatements())
	in = getItem(alice.Session(), alice.IdentityID)
	in.Details = true
	out, err = f.Decider.Decide(local(t.Context()), in)
	require.NoError(t, err)
	require.Len(t, out.GetAnswer().GetStatements(), 1)
	require.Equal(t, "OwnRows", out.GetAnswer().GetStatements()[0].GetSid())
	in = &rowanv1.DecideRequest{Subject: alice.Session(), Action: "GetItem", Resource: decidetest.Table}
	out, err = f.Decider.Decide(local(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_IMPLICIT_DENY, out.GetAnswer().GetDecision())
	require.Equal(t, engine.BadAction.String(), out.GetAnswer().GetFault())
}

// TestThreatQuestions asks what must not be answered.
func TestThreatQuestions(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice, bob := f.User("alice"), f.User("bob")
	with := func(change func(*rowanv1.DecideRequest)) *rowanv1.DecideRequest {
		in := getItem(alice.Session(), alice.IdentityID)
		change(in)
		return in
	}
	session := func(id, token string) *rowanv1.Subject {
		return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: id, Token: token}}}
	}
	login := func(provider, token string) *rowanv1.Subject {
		return &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Provider: provider, Token: token}}}
	}
	principal := func(p *rowanv1.Principal) *rowanv1.Subject {
		return &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: p}}
	}
	sets := func(keys ...*rowanv1.ContextKey) *rowanv1.DecideRequest {
		return with(func(in *rowanv1.DecideRequest) { in.Context = append(in.Context, keys...) })
	}
	many := make([]*rowanv1.ContextKey, 513)
	for i := range many {
		many[i] = key(fmt.Sprintf("aws:RequestTag/k%d", i), "v")
	}
	for name, x := range map[string]struct {
		ctx  func(context.Context) context.Context
		in   *rowanv1.DecideRequest
		want codes.Code
	}{
		"nobody asks": {func(ctx context.Context) context.Context { return ctx }, getItem(alice.Session()), codes.Unauthenticated},
		"from afar":   {func(ctx context.Context) context.Context { return decide.WithPeer(ctx, &decide.Peer{Trusted: true}) }, getItem(alice.Session()), codes.Unauthenticated},
		"an unknown key": {func(ctx context.Context) context.Context {
			p := decide.Peer{Local: true}.KeyOf("x")
			return decide.WithPeer(ctx, &p)
		}, getItem(alice.Session()), codes.Unauthenticated},
		"an assertion":           {local, getItem(decidetest.Asserted(alice.IdentityID)), codes.PermissionDenied},
		"no subject":             {trusted, getItem(nil), codes.InvalidArgument},
		"an empty subject":       {trusted, getItem(&rowanv1.Subject{}), codes.InvalidArgument},
		"no token":               {local, getItem(session(alice.Credentials.AccessKeyID, "")), codes.Unauthenticated},
		"another's access key":   {local, getItem(session(bob.Credentials.AccessKeyID, alice.Credentials.Token)), codes.Unauthenticated},
		"an altered token":       {local, getItem(session(alice.Credentials.AccessKeyID, alice.Credentials.Token[:20]+"!"+alice.Credentials.Token[21:])), codes.Unauthenticated},
		"no login":               {local, getItem(login(decidetest.Provider, "")), codes.InvalidArgument},
		"a login that is none":   {local, getItem(login("", "a.b.c")), codes.Unauthenticated},
		"a token's provider":     {local, getItem(login("evil.example.com", alice.IDToken)), codes.Unauthenticated},
		"the session's sub":      {local, sets(key("cognito-identity.amazonaws.com:sub", bob.IdentityID)), codes.InvalidArgument},
		"sub in capitals":        {local, sets(key("COGNITO-identity.amazonaws.com:SUB", bob.IdentityID)), codes.InvalidArgument},
		"a principal's tag":      {local, sets(key("aws:PrincipalTag/tenant", "x")), codes.InvalidArgument},
		"a user id":              {local, sets(key("aws:userid", "x")), codes.InvalidArgument},
		"a second factor":        {local, sets(key("aws:MultiFactorAuthPresent", "true")), codes.InvalidArgument},
		"an issuer's claim":      {local, sets(key("accounts.google.com:email", "x")), codes.InvalidArgument},
		"the owner":              {local, sets(key("aws:ResourceAccount", decidetest.Account)), codes.InvalidArgument},
		"a family":               {local, sets(key("aws:ResourceTag/", "x")), codes.InvalidArgument},
		"an unknown aws key":     {local, sets(key("aws:NoSuchKey", "x")), codes.InvalidArgument},
		"a key without a name":   {local, sets(key("", "x")), codes.InvalidArgument},
		"a key twice":            {local, sets(key("DYNAMODB:leadingkeys", bob.IdentityID)), codes.InvalidArgument},
		"513 keys":               {local, sets(many...), codes.InvalidArgument},
		"10,001 values":          {local, sets(key("aws:TagKeys", make([]string, 10_001)...)), codes.InvalidArgument},
		"another owner":          {local, with(func(in *rowanv1.DecideRequest) { in.ResourceAccount = "999999999999" }), codes.InvalidArgument},
		"a resource of 3 KB":     {local, with(func(in *rowanv1.DecideRequest) { in.Resource = string(make([]byte, 3000)) }), codes.InvalidArgument},
		"no such role":           {trusted, getItem(principal(&rowanv1.Principal{Principal: "Nobody"})), codes.InvalidArgument},
		"a role's name as a tag": {trusted, getItem(principal(&rowanv1.Principal{Principal: "arn:aws:iam::111122223333:role/Nobody"})), codes.InvalidArgument},
		"amr without identity":   {trusted, getItem(principal(&rowanv1.Principal{Principal: "Player", Amr: []string{"authenticated"}})), codes.InvalidArgument},
		"a strange amr":          {trusted, getItem(principal(&rowanv1.Principal{Principal: "Player", IdentityId: "x", Amr: []string{"root"}})), codes.InvalidArgument},
		"no such pool":           {trusted, getItem(principal(&rowanv1.Principal{Principal: "Player", IdentityId: "x", IdentityPool: "us-east-1:x"})), codes.InvalidArgument},
		"a user with tags":       {trusted, getItem(principal(&rowanv1.Principal{Principal: "arn:aws:iam::111122223333:user/operator", Tags: map[string]string{"a": "b"}})), codes.InvalidArgument},
		"a bad session name":     {trusted, getItem(principal(&rowanv1.Principal{Principal: "Player", SessionName: "a b/c"})), codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := f.Decider.Decide(x.ctx(t.Context()), x.in)
			require.Equal(t, x.want, status.Code(err), "%v", err)
			require.Nil(t, out)
		})
	}
}

func TestServices(t *testing.T) {
	sum := sha256.Sum256([]byte("the key"))
	var by string
	f := decidetest.New(t, decidetest.Options{
		Files: fstest.MapFS{
			"services/orders.yaml":  {Data: []byte("keys: sha256:" + hex.EncodeToString(sum[:]) + "\nuids: [4242]\nrights: [assert]\n")},
			"services/reports.yaml": {Data: []byte("certificates: [reports.internal, spiffe://example.org/reports]\n")},
		},
		Decide: decide.Options{Record: func(_ context.Context, r *decide.Record) error { by = r.Service; return nil }},
	})
	alice := f.User("alice")
	spiffe := &x509.Certificate{URIs: []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: "/reports"}}}
	for name, x := range map[string]struct {
		peer   decide.Peer
		want   string
		refuse bool
	}{
		"a key":                     {peer: decide.Peer{}.KeyOf("the key"), want: "orders"},
		"another key":               {peer: decide.Peer{}.KeyOf("the kez"), refuse: true},
		"another key, locally":      {peer: decide.Peer{Local: true, Trusted: true}.KeyOf("the kez"), refuse: true},
		"an empty key":              {peer: decide.Peer{Local: true}.KeyOf(""), refuse: true},
		"the hash as the key":       {peer: decide.Peer{}.KeyOf(hex.EncodeToString(sum[:])), refuse: true},
		"a DNS name":                {peer: decide.Peer{Certificate: &x509.Certificate{DNSNames: []string{"x", "reports.internal"}}}, want: "reports"},
		"a URI":                     {peer: decide.Peer{Certificate: spiffe}, want: "reports"},
		"another name":              {peer: decide.Peer{Certificate: &x509.Certificate{DNSNames: []string{"reports.internal.evil"}}}, refuse: true},
		"the subject":               {peer: decide.Peer{Local: true, Certificate: &x509.Certificate{}}, refuse: true},
		"a user id":                 {peer: decide.Peer{UID: 4242, HasUID: true}, want: "orders"},
		"another user id":           {peer: decide.Peer{UID: 4243, HasUID: true}, refuse: true},
		"no user id":                {peer: decide.Peer{UID: 4242}, refuse: true},
		"local":                     {peer: decide.Peer{Local: true}, want: ""},
		"trusted, but not local":    {peer: decide.Peer{Trusted: true}, refuse: true},
		"a key before a user id":    {peer: decide.Peer{UID: 4242, HasUID: true}.KeyOf("x"), refuse: true},
		"a user id before a nobody": {peer: decide.Peer{UID: 4242, HasUID: true, Local: true}, want: "orders"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := decide.WithPeer(t.Context(), &x.peer)
			_, err := f.Decider.Decide(ctx, getItem(alice.Session(), alice.IdentityID))
			if x.refuse {
				require.Equal(t, codes.Unauthenticated, status.Code(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, x.want, by)
			_, err = f.Decider.Decide(ctx, getItem(decidetest.Asserted(alice.IdentityID), alice.IdentityID))
			if x.want == "orders" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, codes.PermissionDenied, status.Code(err))
		})
	}
	f.Use(decidetest.Load(t, nil))
	ctx := decide.WithPeer(t.Context(), &decide.Peer{Key: sum, HasKey: true})
	_, err := f.Decider.Decide(ctx, getItem(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Unauthenticated, status.Code(err), "a service that is gone was served")
}

func TestRecord(t *testing.T) {
	var got *decide.Record
	var fail error
	f := decidetest.New(t, decidetest.Options{Decide: decide.Options{Record: func(_ context.Context, r *decide.Record) error {
		got = r
		return fail
	}}})
	alice := f.User("alice")
	out, err := f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.NoError(t, err)
	require.Equal(t, out.GetAnswer().GetDecisionId(), got.ID)
	require.Equal(t, engine.Allowed, got.Decision.Outcome)
	require.Equal(t, alice.IdentityID, got.Identity)
	fail = errors.New("disk full")
	out, err = f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Unavailable, status.Code(err), "an answer that nobody recorded was given: %v", out)
	require.Nil(t, out)
}

func TestGuardrail(t *testing.T) {
	var denies error
	f := decidetest.New(t, decidetest.Options{Decide: decide.Options{
		Guardrail: func(context.Context, *server.Deployment, *engine.Request) error { return denies },
	}})
	alice := f.User("alice")
	in := getItem(alice.Session(), alice.IdentityID)
	out, err := f.Decider.Decide(local(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, out.GetAnswer().GetDecision())
	require.False(t, out.GetAnswer().GetValidUntil().AsTime().After(time.Now()), "nobody knows until when a guardrail allows")
	rows, err := f.Decider.DecideRows(local(t.Context()), rowsOf(alice.Session(), "x", alice.IdentityID))
	require.NoError(t, err)
	require.Equal(t, []byte{2}, rows.GetAllowed())
	denies = errors.New("not today")
	out, err = f.Decider.Decide(local(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_EXPLICIT_DENY, out.GetAnswer().GetDecision())
	require.Equal(t, "guardrail", out.GetAnswer().GetDecidedBy())
	require.Empty(t, out.GetAnswer().GetStatements())
	rows, err = f.Decider.DecideRows(local(t.Context()), rowsOf(alice.Session(), "x", alice.IdentityID))
	require.NoError(t, err)
	require.Zero(t, rows.GetCount())
	_, err = f.Decider.Filter(local(t.Context()), &rowanv1.FilterRequest{Subject: alice.Session(), Action: "dynamodb:Query", Resource: decidetest.Table, Unknown: []string{"dynamodb:LeadingKeys"}})
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
}

// TestStaleRevocations holds that no session is trusted while nobody knows which
// were revoked.
func TestStaleRevocations(t *testing.T) {
	now := time.Now()
	f := decidetest.New(t, decidetest.Options{Now: func() time.Time { return now }})
	alice := f.User("alice")
	_, err := f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.NoError(t, err)
	require.NoError(t, f.Decider.Ready())
	now = now.Add(time.Minute + time.Second)
	_, err = f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Error(t, f.Decider.Ready())
	f.Refresh()
	require.NoError(t, f.Decider.Ready())
	_, err = f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.NoError(t, err)
	now = now.Add(2 * time.Hour)
	f.Refresh()
	_, err = f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Unauthenticated, status.Code(err))
}

func TestExpiredBundle(t *testing.T) {
	now := time.Now()
	var current *server.Deployment
	f := decidetest.New(t, decidetest.Options{
		Now: func() time.Time { return now }, Decide: decide.Options{Current: func() *server.Deployment { return current }},
	})
	alice := f.User("alice")
	short := *f.Current()
	short.Expires = now.Add(time.Second)
	current = &short
	out, err := f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Second).UnixNano(), out.GetAnswer().GetValidUntil().AsTime().UnixNano())
	now = now.Add(time.Second)
	_, err = f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Unavailable, status.Code(err))
}

func TestNoBundle(t *testing.T) {
	o := decide.Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)}
	_, err := decide.New(o)
	require.Error(t, err)
	o.Current = func() *server.Deployment { return nil }
	d, err := decide.New(o)
	require.NoError(t, err)
	_, err = d.Decide(trusted(t.Context()), getItem(decidetest.Asserted("x"), "x"))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Error(t, d.Ready())
}

// rowsOf asks about rows by their partition keys.
func rowsOf(of *rowanv1.Subject, rows ...string) *rowanv1.DecideRowsRequest {
	return &rowanv1.DecideRowsRequest{
		Subject: of, Action: "dynamodb:GetItem", Resource: decidetest.Table, Rows: uint32(len(rows)),
		Columns: []*rowanv1.Column{column("dynamodb:LeadingKeys", rows...)},
	}
}

func column(name string, rows ...string) *rowanv1.Column {
	c := &rowanv1.Column{Key: name}
	for _, r := range rows {
		c.Values = append(c.Values, r...)
		c.Ends = append(c.Ends, uint32(len(c.GetValues())))
	}
	return c
}

// plain is an answer without what differs from one to the next.
func plain(a *rowanv1.Answer) *rowanv1.Answer {
	out := proto.CloneOf(a)
	out.DecisionId, out.ValidUntil = "", nil
	return out
}

// TestBatchEqualsDecide asks random questions one by one, in a batch and as a
// stream would.
func TestBatchEqualsDecide(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice, guest := f.User("alice"), f.Guest()
	subjects := []*rowanv1.Subject{nil, alice.Session(), alice.Login(), guest.Session(), decidetest.Asserted(alice.IdentityID), decidetest.Asserted("x"), {}}
	rows := []string{alice.IdentityID, guest.IdentityID, "leaderboard", "", "x"}
	answered, refused := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		ctx := trusted(t.Context())
		if rapid.Bool().Draw(r, "local") {
			ctx = local(t.Context())
		}
		batch := &rowanv1.DecideBatchRequest{Subject: rapid.SampledFrom(subjects).Draw(r, "whole")}
		for range rapid.IntRange(0, 9).Draw(r, "n") {
			batch.Requests = append(batch.Requests, &rowanv1.DecideRequest{
				Subject:  rapid.SampledFrom(subjects).Draw(r, "subject"),
				Action:   rapid.SampledFrom([]string{"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:PutItem", "nonsense"}).Draw(r, "action"),
				Resource: rapid.SampledFrom([]string{decidetest.Table, "*", "arn:aws:s3:::b/k", "nonsense"}).Draw(r, "resource"),
				Context: []*rowanv1.ContextKey{key(rapid.SampledFrom([]string{"dynamodb:LeadingKeys", "dynamodb:Select", "aws:userid", "aws:CurrentTime"}).Draw(r, "key"),
					rapid.SampledFrom(rows).Draw(r, "row"))},
				Details: rapid.Bool().Draw(r, "details"),
			})
		}
		out, err := f.Decider.DecideBatch(ctx, batch)
		require.NoError(r, err)
		require.Len(r, out.GetResults(), len(batch.GetRequests()))
		for i, q := range batch.GetRequests() {
			if q.GetSubject() == nil {
				q.Subject = batch.GetSubject()
			}
			one, err := f.Decider.Decide(ctx, q)
			next, streamErr := f.Decider.Next(ctx, q)
			require.NoError(r, streamErr)
			got := out.GetResults()[i]
			if err != nil {
				refused++
				require.Equal(r, int32(status.Code(err)), got.GetProblem().GetCode())
				require.Equal(r, status.Convert(err).Message(), got.GetProblem().GetMessage())
				require.True(r, proto.Equal(got, next.GetResult()))
				continue
			}
			answered++
			require.True(r, proto.Equal(plain(one.GetAnswer()), plain(got.GetAnswer())), "%v\n%v", one.GetAnswer(), got)
			require.True(r, proto.Equal(plain(one.GetAnswer()), plain(next.GetResult().GetAnswer())))
		}
	})
	require.Positive(t, answered)
	require.Positive(t, refused)
}

// TestRowsEqualDecide asks about random rows in columns and one by one.
func TestRowsEqualDecide(t *testing.T) {
	for name, policy := range map[string]string{
		"the demo's": "",
		"negated and absent keys": `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${cognito-identity.amazonaws.com:sub}", "leaderboard"]}}},
			{"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"StringLike": {"aws:ResourceTag/state": "l*"}}},
			{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"Null": {"aws:ResourceTag/state": "true"}}}]}`,
		"a policy without a filter": `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:*:*:table/Game*", "Condition": {"StringEquals": {"dynamodb:Select": "${aws:ResourceTag/state}"}}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			o := decidetest.Options{}
			if policy != "" {
				o.Files = fstest.MapFS{"policies/PlayerRows.json": {Data: []byte(policy)}, "policies/KeepRows.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)}}
			}
			f := decidetest.New(t, o)
			alice := f.User("alice")
			values := []string{alice.IdentityID, "leaderboard", "", "live", "x", "\xff", "ALL_ATTRIBUTES", "é"}
			kept, dropped := 0, 0
			rapid.Check(t, func(r *rapid.T) {
				in := &rowanv1.DecideRowsRequest{Subject: alice.Session(), Action: "dynamodb:Query", Resource: decidetest.Table, Rows: uint32(rapid.IntRange(0, 40).Draw(r, "rows"))}
				in.Context = []*rowanv1.ContextKey{key("dynamodb:Select", "ALL_ATTRIBUTES")}
				names := rapid.SampledFrom([][]string{{"dynamodb:LeadingKeys"}, {"dynamodb:LeadingKeys", "aws:ResourceTag/state"}, {"aws:ResourceTag/state"}}).Draw(r, "keys")
				rows := make([][]string, len(names))
				for i, n := range names {
					for range in.GetRows() {
						rows[i] = append(rows[i], rapid.SampledFrom(values).Draw(r, "value"))
					}
					c := column(n, rows[i]...)
					if rapid.Bool().Draw(r, "absent") {
						c.Absent = rapid.SliceOfN(rapid.Byte(), int(in.GetRows()+7)/8, int(in.GetRows()+7)/8).Draw(r, "bits")
					}
					in.Columns = append(in.Columns, c)
				}
				out, err := f.Decider.DecideRows(local(t.Context()), in)
				require.NoError(r, err)
				require.Len(r, out.GetAllowed(), int(in.GetRows()+7)/8)
				count := uint32(0)
				for row := range int(in.GetRows()) {
					one := &rowanv1.DecideRequest{Subject: in.GetSubject(), Action: in.GetAction(), Resource: in.GetResource(), Context: in.GetContext()}
					for i, n := range names {
						bits := in.GetColumns()[i].GetAbsent()
						missing := len(bits) > 0 && bits[row/8]&(1<<(row%8)) != 0
						switch {
						case missing && n == "dynamodb:LeadingKeys":
							one.Context = append(one.Context, key(n))
						case !missing:
							one.Context = append(one.Context, key(n, rows[i][row]))
						}
					}
					want, err := f.Decider.Decide(local(t.Context()), one)
					require.NoError(r, err)
					got := out.GetAllowed()[row/8]&(1<<(row%8)) != 0
					require.Equal(r, want.GetAnswer().GetDecision() == rowanv1.Decision_DECISION_ALLOWED, got, "%v", one.GetContext())
					if got {
						count++
						kept++
					} else {
						dropped++
					}
				}
				require.Equal(r, count, out.GetCount())
			})
			require.Positive(t, kept)
			require.Positive(t, dropped)
		})
	}
}

func TestRowsRefused(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	for name, change := range map[string]func(*rowanv1.DecideRowsRequest){
		"no column":      func(in *rowanv1.DecideRowsRequest) { in.Columns = nil },
		"17 columns":     func(in *rowanv1.DecideRowsRequest) { in.Columns = make([]*rowanv1.Column, 17) },
		"1,000,001 rows": func(in *rowanv1.DecideRowsRequest) { in.Rows = 1_000_001 },
		"a row too few":  func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Ends = in.GetColumns()[0].GetEnds()[:1] },
		"more values": func(in *rowanv1.DecideRowsRequest) {
			in.Columns[0].Values = append(in.GetColumns()[0].GetValues(), 'x')
		},
		"ends out of order": func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Ends[0] = in.GetColumns()[0].GetEnds()[1] + 1 },
		"an end far away":   func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Ends[1] = 1<<32 - 1 },
		"a short bitmap":    func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Absent = []byte{1, 2} },
		"the session's key": func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Key = "cognito-identity.amazonaws.com:sub" },
		"a key twice":       func(in *rowanv1.DecideRowsRequest) { in.Columns = append(in.GetColumns(), in.GetColumns()[0]) },
		"a key of the whole": func(in *rowanv1.DecideRowsRequest) {
			in.Context = []*rowanv1.ContextKey{key("dynamodb:LeadingKeys", "x")}
		},
		"an unknown key":      func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Key = "aws:NoSuchKey" },
		"a family":            func(in *rowanv1.DecideRowsRequest) { in.Columns[0].Key = "aws:ResourceTag/" },
		"a column of nothing": func(in *rowanv1.DecideRowsRequest) { in.Columns[0] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			in := rowsOf(alice.Session(), alice.IdentityID, "x")
			change(in)
			out, err := f.Decider.DecideRows(local(t.Context()), in)
			require.Equal(t, codes.InvalidArgument, status.Code(err), "%v %v", out, err)
		})
	}
	out, err := f.Decider.DecideRows(local(t.Context()), &rowanv1.DecideRowsRequest{Subject: alice.Session(), Action: "nonsense", Resource: decidetest.Table, Rows: 1, Columns: []*rowanv1.Column{column("dynamodb:LeadingKeys", "x")}})
	require.NoError(t, err)
	require.Zero(t, out.GetCount())
}

func TestFilter(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice, guest := f.User("alice"), f.Guest()
	in := &rowanv1.FilterRequest{Subject: alice.Session(), Action: "dynamodb:Query", Resource: decidetest.Table, Unknown: []string{"dynamodb:LeadingKeys"}}
	out, err := f.Decider.Filter(local(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, rowanv1.FilterScope_FILTER_SCOPE_SOME, out.GetScope())
	require.Contains(t, out.GetText(), alice.IdentityID)
	in.Subject, in.Action = guest.Session(), "dynamodb:PutItem"
	out, err = f.Decider.Filter(local(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, rowanv1.FilterScope_FILTER_SCOPE_NOTHING, out.GetScope())
	require.Equal(t, rowanv1.ExpressionOp_EXPRESSION_OP_FALSE, out.GetExpression().GetOp())
}

func TestExplain(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	in := &rowanv1.ExplainRequest{Request: getItem(alice.Session(), "bob")}
	_, err := f.Decider.Explain(local(t.Context()), in)
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	out, err := f.Decider.Explain(trusted(t.Context()), in)
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_IMPLICIT_DENY, out.GetAnswer().GetDecision())
	require.NotNil(t, out.GetNearest())
	require.Contains(t, fmt.Sprint(out.GetNearest().GetUnmet()), `the request has ["bob"], the policy wants`)
	require.Contains(t, out.GetText(), alice.IdentityID)
	require.NotEmpty(t, out.GetLooked())
}

func TestPolicies(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	_, err := f.Decider.Describe(local(t.Context()), nil)
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	d, err := f.Decider.Describe(trusted(t.Context()), nil)
	require.NoError(t, err)
	require.Equal(t, f.Current().Digest, d.GetBundle().GetDigest())
	require.Equal(t, uint32(3), d.GetRoles())
	v, err := f.Decider.Validate(trusted(t.Context()), &rowanv1.ValidateRequest{Name: "p.json", Document: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}}}`)})
	require.NoError(t, err)
	require.NotEmpty(t, v.GetFaults())
	v, err = f.Decider.Validate(trusted(t.Context()), &rowanv1.ValidateRequest{Name: "p.json", Document: []byte(`{`)})
	require.NoError(t, err)
	require.Len(t, v.GetFaults(), 1)
	v, err = f.Decider.Validate(trusted(t.Context()), &rowanv1.ValidateRequest{Document: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)})
	require.NoError(t, err)
	require.Empty(t, v.GetFaults())
	r, err := f.Decider.Test(trusted(t.Context()), &rowanv1.TestRequest{})
	require.NoError(t, err)
	require.True(t, r.GetPassed(), r.GetText())
	r, err = f.Decider.Test(trusted(t.Context()), &rowanv1.TestRequest{Run: "no test is called that"})
	require.NoError(t, err)
	require.False(t, r.GetPassed(), "tests that do not exist passed")
}

func TestRevocation(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	ctx, cancel := context.WithTimeout(local(t.Context()), 20*time.Second)
	defer cancel()
	answers := make(chan *rowanv1.WatchResponse)
	ended := make(chan error, 1)
	go func() {
		ended <- f.Decider.Watch(ctx, getItem(alice.Session(), alice.IdentityID), func(r *rowanv1.WatchResponse) error {
			answers <- r
			return nil
		})
	}()
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, (<-answers).GetAnswer().GetDecision())
	f.Use(decidetest.Load(t, fstest.MapFS{"policies/PlayerRows.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"}}`)}}))
	next := <-answers
	require.Equal(t, rowanv1.Decision_DECISION_EXPLICIT_DENY, next.GetAnswer().GetDecision())
	require.Equal(t, f.Current().Digest, next.GetBundle().GetDigest())
	session, err := f.Current().Sessions.Open(ctx, alice.Credentials.AccessKeyID, alice.Credentials.Token)
	require.NoError(t, err)
	require.NoError(t, f.Current().Sessions.Revoke(ctx, identity.Revocation{SessionID: session.ID}))
	f.Refresh()
	require.Equal(t, codes.Unauthenticated, status.Code(<-ended))
	_, err = f.Decider.Decide(ctx, getItem(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Unauthenticated, status.Code(err))
}
