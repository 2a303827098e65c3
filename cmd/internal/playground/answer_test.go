package playground_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/cmd/internal/playground"
	"github.com/rowan-authz/rowan/conditions"
)

// reply is the part of an answer that tests look at.
type reply struct {
	Error    string
	Faults   []place
	Findings []struct {
		place
		Code, Severity, Fix, Fixed string
	}
	Decision *struct {
		Outcome, By, Reason string
		Missing             []string
		Statements          []struct {
			Kind, Part, Sid           string
			Line                      int
			Applied, Decided, Nearest bool
			Tests                     []struct {
				Name, Result, State string
				Has, Wants, Written []string
			}
		}
	}
	OtherDecision string
	Filter        *struct {
		Scope, Text, Error string
		SQL                []struct {
			Dialect, Text, Error string
			Args                 []string
		}
		Scan *struct {
			Allowed  bool
			Reason   string
			Requests []struct{ Operation, Body string }
		}
	}
	Rows []struct {
		Line             int
		Text, Key        string
		Known, Kept      bool
		Outcome, Missing string
	}
	Comparison *struct {
		Relation, Error string
		Gained, Lost    struct {
			Verdict, Reason string
			Witnesses       []witness
		}
	}
	Isolation *struct {
		Table, Error string
		Checks       []struct {
			Name, Verdict, Reason string
			Witness, Second       *witness
		}
	}
}

type place struct {
	Part         string
	Line, Column int
	Text         string
}

type witness struct{ Principal, Session, Action, Resource, Context string }

func now() time.Time { return time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC) }

func ask(t testing.TB, q playground.Question) *reply {
	t.Helper()
	if q.Ask == "" {
		q.Ask = playground.AskDecision
	}
	text, err := json.Marshal(q)
	require.NoError(t, err)
	out := &reply{}
	require.NoError(t, json.Unmarshal(playground.Answer(t.Context(), text, now), out))
	require.Empty(t, out.Error)
	return out
}

// examples are those of the page, by name.
func examples(t testing.TB) map[string]playground.Question {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("site", "page", "examples.json"))
	require.NoError(t, err)
	var list []struct {
		Name  string
		State playground.Question
	}
	require.NoError(t, json.Unmarshal(text, &list))
	out := map[string]playground.Question{}
	for _, x := range list {
		require.NotContains(t, out, x.Name)
		out[x.Name] = x.State
	}
	return out
}

const (
	theDemo = "Own rows (the demo)"
	tenants = "Tenants by a tag, MFA to write"
)

// TestDecision has pairs of questions that differ in one thing.
func TestDecision(t *testing.T) {
	demo := examples(t)[theDemo]
	for _, x := range []struct {
		name    string
		change  func(*playground.Question)
		outcome string
		by      string
		decided string // the Sid that decided, or came nearest
	}{
		{"one's own row", func(*playground.Question) {}, "allowed", "identity", "OwnRows"},
		{"another's row", func(q *playground.Question) { q.Context = `{"dynamodb:LeadingKeys": "us-east-1:bbbb"}` }, "implicitDeny", "identity", "OwnRows"},
		{"both", func(q *playground.Question) {
			q.Context = `{"dynamodb:LeadingKeys": ["us-east-1:aaaa", "us-east-1:bbbb"]}`
		}, "implicitDeny", "identity", "OwnRows"},
		{"no key", func(q *playground.Question) { q.Context = "" }, "implicitDeny", "identity", "OwnRows"},
		{"somebody else", func(q *playground.Question) { q.Session = `{"cognito-identity.amazonaws.com:sub": "us-east-1:bbbb"}` }, "implicitDeny", "identity", "OwnRows"},
		{"nobody", func(q *playground.Question) { q.Session = "" }, "implicitDeny", "identity", "OwnRows"},
		{"beyond the boundary", func(q *playground.Question) { q.Action = "dynamodb:DeleteItem" }, "implicitDeny", "permissionsBoundary", "NoDeletes"},
		{"without the boundary", func(q *playground.Question) { q.Action, q.Boundary = "dynamodb:DeleteItem", "" }, "allowed", "identity", "OwnRows"},
		{"against the guardrail", func(q *playground.Question) { q.Action = "dynamodb:Scan" }, "explicitDeny", "serviceControl", "NoScans"},
		{"without the guardrail", func(q *playground.Question) { q.Action, q.ServiceControl = "dynamodb:Scan", "" }, "implicitDeny", "permissionsBoundary", "NoDeletes"},
		{"a guardrail without a deny", func(q *playground.Question) { q.ServiceControl = strings.ReplaceAll(q.ServiceControl, "Deny", "Allow") }, "allowed", "identity", "OwnRows"},
		{"a guardrail that allows nothing", func(q *playground.Question) {
			q.ServiceControl = strings.ReplaceAll(q.ServiceControl, `"Allow"`, `"Deny"`)
		}, "explicitDeny", "serviceControl", "FullAWSAccess"},
		{"another table", func(q *playground.Question) { q.Resource += "2" }, "implicitDeny", "permissionsBoundary", "NoDeletes"},
	} {
		t.Run(x.name, func(t *testing.T) {
			q := demo
			x.change(&q)
			a := ask(t, q)
			require.Empty(t, a.Faults)
			require.Equal(t, x.outcome, a.Decision.Outcome)
			require.Equal(t, x.by, a.Decision.By)
			require.Contains(t, a.Decision.Reason, map[string]string{"allowed": "allows it", "explicitDeny": "denies it", "implicitDeny": "does not allow it"}[x.outcome])
			for _, s := range a.Decision.Statements {
				if s.Decided || s.Nearest {
					require.Equal(t, x.decided, s.Sid)
					require.Positive(t, s.Line)
				}
			}
		})
	}
}

// TestExplanation holds what is said of a condition that fails: both sides, and
// how the policy has it written.
func TestExplanation(t *testing.T) {
	q := examples(t)["Another’s row"]
	a := ask(t, q)
	require.Len(t, a.Decision.Statements, 4)
	last := a.Decision.Statements[3]
	require.True(t, last.Nearest)
	require.Equal(t, "policy", last.Part)
	require.Equal(t, 4, last.Line)
	require.Len(t, last.Tests, 4)
	require.Equal(t, "Action", last.Tests[0].Name)
	require.Equal(t, "true", last.Tests[0].Result)
	c := last.Tests[2]
	require.Equal(t, "ForAllValues:StringEquals dynamodb:LeadingKeys", c.Name)
	require.Equal(t, "false", c.Result)
	require.Equal(t, []string{"us-east-1:bbbb"}, c.Has)
	require.Equal(t, []string{"us-east-1:aaaa"}, c.Wants)
	require.Equal(t, []string{"${cognito-identity.amazonaws.com:sub}"}, c.Written)
	q.Context = ""
	a = ask(t, q)
	require.Equal(t, "absent", a.Decision.Statements[3].Tests[2].State)
	require.Equal(t, []string{"dynamodb:LeadingKeys"}, a.Decision.Missing)
}

// TestFaults holds that what is wrong is said with its place, and that nothing is
// decided then.
func TestFaults(t *testing.T) {
	demo := examples(t)[theDemo]
	for _, x := range []struct {
		name   string
		change func(*playground.Question)
		want   place
	}{
		{"no policy", func(q *playground.Question) { q.Policy = "" }, place{"policy", 1, 1, "JSON"}},
		{"no JSON", func(q *playground.Question) { q.Policy = "{\n  \"Version\": x}" }, place{"policy", 2, 14, ""}},
		{"an operator that does not exist", func(q *playground.Question) { q.Policy = strings.Replace(q.Policy, "StringEquals", "StringEqualz", 1) }, place{"policy", 17, 9, `StringEqualz`}},
		{"a boundary that is none", func(q *playground.Question) { q.Boundary = "[]" }, place{"boundary", 1, 1, ""}},
		{"a guardrail that is none", func(q *playground.Question) { q.ServiceControl = "{}" }, place{"serviceControl", 1, 1, ""}},
		{"a large policy", func(q *playground.Question) { q.Policy = strings.Repeat(" ", 65<<10) }, place{"policy", 0, 0, "more than"}},
		{"a principal", func(q *playground.Question) { q.Principal = "alice" }, place{"principal", 0, 0, "malformed principal"}},
		{"no principal", func(q *playground.Question) { q.Principal = "" }, place{"principal", 0, 0, "malformed principal"}},
		{"the role of another session", func(q *playground.Question) {
			q.Session = "{\n \"aws:PrincipalArn\": \"arn:aws:iam::111122223333:role/Other\"}"
		}, place{"session", 2, 2, "is not the role of"}},
		{"no action", func(q *playground.Question) { q.Action = "" }, place{"action", 0, 0, "no action"}},
		{"a malformed action", func(q *playground.Question) { q.Action = "GetItem" }, place{"action", 0, 0, "not service:Name"}},
		{"no resource", func(q *playground.Question) { q.Resource = "" }, place{"resource", 0, 0, "no resource"}},
		{"a malformed resource", func(q *playground.Question) { q.Resource = "GameScores" }, place{"resource", 0, 0, "ARN of six"}},
		{"a context that is no object", func(q *playground.Question) { q.Context = "[1]" }, place{"context", 1, 1, "want an object, have an array"}},
		{"a context that ends too soon", func(q *playground.Question) { q.Context = "{\n\"a\": 1" }, place{"context", 2, 7, "ends too soon"}},
		{"a syntax error", func(q *playground.Question) { q.Context = "{\n  \"dynamodb:Select\": ?}" }, place{"context", 2, 22, "invalid character '?'"}},
		{"two values", func(q *playground.Question) { q.Context = "{} {}" }, place{"context", 1, 4, "more than 1"}},
		{"an unknown key", func(q *playground.Question) {
			q.Context = "{\"dynamodb:Select\": \"X\",\n \"dynamodb:LeadingKey\": \"a\"}"
		}, place{"context", 2, 2, "LeadingKeys"}},
		{"a key twice", func(q *playground.Question) { q.Context = `{"dynamodb:Select": "X", "dynamodb:Select": "Y"}` }, place{"context", 1, 26, "a second"}},
		{"a key in two cases", func(q *playground.Question) { q.Context = `{"dynamodb:Select": "X", "dynamodb:SELECT": "Y"}` }, place{"context", 1, 26, "one context key"}},
		{"null", func(q *playground.Question) { q.Context = `{"dynamodb:Select": null}` }, place{"context", 1, 21, "have null"}},
		{"an object for a value", func(q *playground.Question) { q.Context = `{"dynamodb:Select": ["a", {}]}` }, place{"context", 1, 27, "have an object"}},
		{"several values for one", func(q *playground.Question) { q.Context = `{"dynamodb:Select": ["a", "b"]}` }, place{"context", 1, 2, ""}},
		{"a key of the session in the request", func(q *playground.Question) { q.Context = `{"cognito-identity.amazonaws.com:sub": "a"}` }, place{"context", 1, 2, "belongs to the identity"}},
		{"a key of the request in the session", func(q *playground.Question) { q.Session = `{"dynamodb:LeadingKeys": "a"}` }, place{"session", 1, 2, "belongs to the request"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			q := demo
			x.change(&q)
			a := ask(t, q)
			require.Nil(t, a.Decision)
			require.Nil(t, a.Rows)
			require.NotEmpty(t, a.Faults)
			f := a.Faults[0]
			require.Contains(t, f.Text, x.want.Text)
			f.Text, x.want.Text = "", ""
			require.Equal(t, x.want, f)
		})
	}
}

// TestColumnsCountBytes holds positions in a line that is not ASCII.
func TestColumnsCountBytes(t *testing.T) {
	q := examples(t)[theDemo]
	q.Context = `{"aws:RequestTag/é": "ü", "aws:Nope": 1}`
	require.Equal(t, 29, ask(t, q).Faults[0].Column)
}

// TestRows holds which rows are kept, and by which filter.
func TestRows(t *testing.T) {
	demo := examples(t)[theDemo]
	kept := func(a *reply) (out string) {
		for _, r := range a.Rows {
			out += map[bool]string{true: "+", false: "-"}[r.Kept]
		}
		return out
	}
	a := ask(t, demo)
	require.Equal(t, "+--", kept(a))
	require.Equal(t, "partly", a.Filter.Scope)
	require.Equal(t, `dynamodb:LeadingKeys in ("us-east-1:aaaa")`, strings.Replace(a.Filter.Text, `= "us-east-1:aaaa"`, `in ("us-east-1:aaaa")`, 1))
	require.Equal(t, "PostgreSQL", a.Filter.SQL[0].Dialect)
	require.Contains(t, a.Filter.SQL[0].Text, `"UserId"`)
	require.Equal(t, []string{"us-east-1:aaaa"}, a.Filter.SQL[0].Args)
	require.Equal(t, []int{1, 2, 3}, []int{a.Rows[0].Line, a.Rows[1].Line, a.Rows[2].Line})
	for _, x := range []struct {
		name   string
		change func(*playground.Question)
		want   string
	}{
		{"the request's own key does not matter", func(q *playground.Question) { q.Context = `{"dynamodb:LeadingKeys": "x"}` }, "+--"},
		{"somebody else", func(q *playground.Question) { q.Session = strings.Replace(q.Session, "aaaa", "bbbb", 1) }, "-+-"},
		{"nobody", func(q *playground.Question) { q.Session = "" }, "---"},
		{"an array", func(q *playground.Question) { q.Rows = `[{"UserId": "us-east-1:bbbb"}, {"UserId": "us-east-1:aaaa"}]` }, "-+"},
		{"no key is not everybody's", func(q *playground.Question) { q.Rows = `{"a": 1} {"UserId": ""} {"UserId": null}` }, "---"},
		{"a guard is not needed for that", func(q *playground.Question) {
			q.Rows, q.Policy = `{"a": 1} {"UserId": "us-east-1:aaaa"}`, examples(t)["A hole: no guard for a missing key"].Policy
		}, "-+"},
		{"without the policy's condition", func(q *playground.Question) { q.Policy = q.Boundary }, "+++"},
		{"another table", func(q *playground.Question) { q.Resource += "2" }, "---"},
		{"numbers", func(q *playground.Question) {
			q.KeyType, q.Rows, q.Session = "N", `{"UserId": 10} {"UserId": "10.0"} {"UserId": 1}`, `{"cognito-identity.amazonaws.com:sub": "10"}`
		}, "++-"},
		{"bytes", func(q *playground.Question) {
			q.KeyType, q.Rows, q.Session = "B", `{"UserId": "YQ=="} {"UserId": "Yg=="}`, `{"cognito-identity.amazonaws.com:sub": "YQ=="}`
		}, "+-"},
	} {
		t.Run(x.name, func(t *testing.T) {
			q := demo
			x.change(&q)
			a := ask(t, q)
			require.Empty(t, a.Faults)
			require.Equal(t, x.want, kept(a))
		})
	}
	q := demo
	q.Rows = `{"UserId": ""} {"UserId": "a"}`
	a = ask(t, q)
	require.False(t, a.Rows[0].Known)
	require.True(t, a.Rows[1].Known)
	for _, x := range []struct {
		rows, kind string
		want       place
	}{
		{"{\"UserId\": \"a\"}\n{\"UserId\": 1}", "S", place{"rows", 2, 12, "want a string"}},
		{"{\"UserId\": \"a\"}\n{\"UserId\" 1}", "S", place{"rows", 2, 11, "invalid character '1'"}},
		{`{"UserId": "a", "UserId": "b"}`, "S", place{"rows", 1, 17, "a second"}},
		{`{"UserId": {"S": "a"}}`, "S", place{"rows", 1, 12, "have an object"}},
		{`[{"UserId": "a"}, 7]`, "S", place{"rows", 1, 19, "want an object, have a number"}},
		{`{"UserId": "x"}`, "N", place{"rows", 1, 12, "want a number"}},
		{`{"UserId": "x"}`, "B", place{"rows", 1, 12, "want base64"}},
		{strings.Repeat("{}", 201), "S", place{"rows", 1, 401, "more than 200"}},
		{"[" + strings.Repeat("{},", 200) + "{}]", "S", place{"rows", 1, 602, "more than 200"}},
		{`{}`, "X", place{"partitionKey", 0, 0, "S, N or B"}},
	} {
		q := demo
		q.Rows, q.KeyType = x.rows, x.kind
		a := ask(t, q)
		require.NotNil(t, a.Decision, "what is wrong with rows does not keep a request from being decided")
		require.Len(t, a.Faults, 1)
		require.Nil(t, a.Rows)
		require.Contains(t, a.Faults[0].Text, x.want.Text)
		x.want.Text = a.Faults[0].Text
		require.Equal(t, x.want, a.Faults[0])
	}
}

// TestScan holds what a Scan becomes.
func TestScan(t *testing.T) {
	q := examples(t)[theDemo]
	s := ask(t, q).Filter.Scan
	require.False(t, s.Allowed)
	require.Len(t, s.Requests, 1)
	require.Equal(t, "Query", s.Requests[0].Operation)
	require.Contains(t, s.Requests[0].Body, "us-east-1:aaaa")
	q.Session = ""
	s = ask(t, q).Filter.Scan
	require.Empty(t, s.Requests)
	require.NotEmpty(t, s.Reason)
	q.Policy = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	q.Boundary, q.ServiceControl = "", ""
	require.True(t, ask(t, q).Filter.Scan.Allowed)
}

// TestFindings holds that the linter's findings come with a fix that mends them.
func TestFindings(t *testing.T) {
	q := examples(t)["A hole: no guard for a missing key"]
	a := ask(t, q)
	require.NotEmpty(t, a.Findings)
	f := a.Findings[0]
	require.Equal(t, "leading-keys-null-guard", f.Code)
	require.Equal(t, "policy", f.Part)
	require.NotEmpty(t, f.Fix)
	require.Equal(t, "allowed", a.Decision.Outcome)
	q.Policy = f.Fixed
	a = ask(t, q)
	require.Empty(t, a.Findings)
	require.Equal(t, "implicitDeny", a.Decision.Outcome)
}

// TestIsolation holds each claim by a policy that keeps it and one that does not,
// and that what refutes it is allowed if it is asked.
func TestIsolation(t *testing.T) {
	all := examples(t)
	verdicts := func(q playground.Question) (map[string]string, *reply) {
		q.Ask = playground.AskProof
		a := ask(t, q)
		out := map[string]string{}
		for _, c := range a.Isolation.Checks {
			out[c.Name] = c.Verdict
			for _, w := range []*witness{c.Witness, c.Second} {
				if w != nil {
					one := q
					one.Ask, one.Principal, one.Session, one.Action, one.Resource, one.Context = "", w.Principal, w.Session, w.Action, w.Resource, w.Context
					require.Equal(t, "allowed", ask(t, one).Decision.Outcome, "%+v", w)
				}
			}
		}
		return out, a
	}
	everything := map[string]string{
		"isolation": "proved", "missing-key": "proved", "keyless": "proved", "open-world": "proved", "table-prefix": "proved", "non-interference": "proved",
	}
	got, _ := verdicts(all[theDemo])
	require.Equal(t, everything, got)
	got, a := verdicts(all["A hole: a prefix of keys"])
	require.Equal(t, "refuted", got["isolation"])
	require.Equal(t, "refuted", got["non-interference"])
	require.Equal(t, "proved", got["keyless"])
	require.NotNil(t, a.Isolation.Checks[5].Second)
	require.NotEqual(t, a.Isolation.Checks[5].Witness.Session, a.Isolation.Checks[5].Second.Session)
	got, _ = verdicts(all["A hole: no guard for a missing key"])
	require.Equal(t, "refuted", got["missing-key"])
	got, _ = verdicts(all[tenants])
	require.Equal(t, "proved", got["isolation"])
	q := all[theDemo]
	q.Policy, q.Boundary, q.ServiceControl = strings.ReplaceAll(q.Policy, "table/GameScores", "table/Game*"), "", ""
	got, _ = verdicts(q)
	require.Equal(t, "refuted", got["table-prefix"])
	q.Policy = strings.ReplaceAll(q.Policy, "dynamodb:GetItem", "dynamodb:*")
	got, _ = verdicts(q)
	require.Equal(t, "refuted", got["open-world"])
	q.Policy = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	got, _ = verdicts(q)
	require.Equal(t, map[string]string{
		"isolation": "refuted", "missing-key": "refuted", "keyless": "refuted", "open-world": "refuted", "table-prefix": "refuted", "non-interference": "refuted",
	}, got)
	for _, limit := range []*string{&q.Boundary, &q.ServiceControl} {
		*limit = all[theDemo].Policy
		got, _ = verdicts(q)
		require.Equal(t, everything, got, "what limits the policy counts")
		*limit = ""
	}
	_, a = verdicts(all["A folder in S3"])
	require.Empty(t, a.Isolation.Table)
	require.Empty(t, a.Isolation.Checks)
}

// TestProofsOutOfTime holds that what is not looked through is unknown, never
// proved.
func TestProofsOutOfTime(t *testing.T) {
	q := examples(t)[theDemo]
	q.Ask = playground.AskProof
	text, err := json.Marshal(q)
	require.NoError(t, err)
	at := now()
	var a reply
	require.NoError(t, json.Unmarshal(playground.Answer(t.Context(), text, func() time.Time { at = at.Add(time.Hour); return at }), &a))
	require.Len(t, a.Isolation.Checks, 6)
	for _, c := range a.Isolation.Checks {
		require.Equal(t, "unknown", c.Verdict)
		require.NotEmpty(t, c.Reason)
	}
}

// TestImports holds what a browser must load: no more of Rowan than decides, and
// neither sockets nor cryptography.
func TestImports(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./wasm")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	require.NoError(t, err)
	var ours []string
	for _, path := range strings.Fields(string(out)) {
		first, _, _ := strings.Cut(path, "/")
		if after, ok := strings.CutPrefix(path, "github.com/rowan-authz/rowan/"); ok {
			ours = append(ours, after)
		} else {
			require.NotContains(t, first, ".", "a module of somebody else's: %s", path)
		}
		require.NotContains(t, []string{"net/http", "net", "crypto/tls", "crypto", "log/slog", "text/template"}, path)
	}
	slices.Sort(ours)
	require.Equal(t, []string{
		"access/dynamoaction", "access/dynamoitem", "access/dynamoitem/internal/expression", "access/dynamoitem/internal/partiql", "access/sqlrow", "analysis",
		"cmd/internal/playground", "cmd/internal/playground/wasm", "conditions", "engine", "internal/reference", "policy", "policy/catalogue", "policy/lint",
	}, ours)
}

// TestClaimsAreThoseOfProve holds that the page and rowan prove say the same of
// the bundle that is built in.
func TestClaimsAreThoseOfProve(t *testing.T) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	r, ok := b.Role("Player")
	require.True(t, ok)
	b.Tables[0].Isolation.Shared = nil
	q := examples(t)[theDemo]
	q.Ask, q.Principal = playground.AskProof, "arn:aws:sts::111122223333:assumed-role/Player/"+bundle.SessionName
	withDefault := strings.Replace(q.Policy, ":sub}", ":sub, 'nobody'}", 1)
	for _, policy := range []string{q.Policy, withDefault, examples(t)["A hole: a prefix of keys"].Policy, examples(t)["A hole: no guard for a missing key"].Policy} {
		one, err := bundle.Load(withPolicy(t, policy), "demo", conditions.AWS())
		require.NoError(t, err)
		one.Tables[0].Isolation.Shared = nil
		all, err := proof.Prove(context.Background(), one, proof.Options{Roles: []string{r.Name}})
		require.NoError(t, err)
		want := map[string]string{}
		for _, x := range all {
			want[x.Check] = string(x.Verdict)
		}
		delete(want, "escalation")
		delete(want, "constants") // which the page does not ask about
		q.Policy = policy
		got := map[string]string{}
		for _, c := range ask(t, q).Isolation.Checks {
			got[c.Name] = c.Verdict
		}
		require.Equal(t, want, got)
	}
}

// withPolicy is the bundle that is built in with another policy for players, who
// have nothing else.
func withPolicy(t *testing.T, policy string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(demo.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "tests/") {
			return err
		}
		text, err := fs.ReadFile(demo.FS, name)
		files[name] = &fstest.MapFile{Data: text}
		return err
	}))
	files["policies/PlayerRows.json"].Data = []byte(policy)
	role := files["roles/Player.yaml"]
	role.Data = []byte(strings.Replace(string(role.Data), "[PlayerRows, Leaderboard]", "[PlayerRows]", 1))
	return files
}

// TestComparison holds each relation, and that what is told of as gained is
// allowed by the one and not by the other.
func TestComparison(t *testing.T) {
	q := examples(t)["Compare two policies"]
	own, other := q.Policy, q.Other
	for _, x := range []struct{ policy, other, want string }{
		{own, own, "equal"},
		{own, strings.Replace(own, `"dynamodb:PutItem",`, "", 1), "narrower"},
		{strings.Replace(own, `"dynamodb:PutItem",`, "", 1), own, "broader"},
		{own, strings.Replace(own, `"dynamodb:PutItem",`, `"dynamodb:ConditionCheckItem",`, 1), "incomparable"},
	} {
		q.Ask, q.Policy, q.Other = playground.AskProof, x.policy, x.other
		a := ask(t, q)
		require.Equal(t, x.want, a.Comparison.Relation)
		for i, d := range [][]witness{a.Comparison.Gained.Witnesses, a.Comparison.Lost.Witnesses} {
			for _, w := range d {
				one := q
				one.Ask, one.Principal, one.Session, one.Action, one.Resource, one.Context = "", w.Principal, w.Session, w.Action, w.Resource, w.Context
				b := ask(t, one)
				got := []string{b.OtherDecision, b.Decision.Outcome}
				require.Equal(t, "allowed", got[i])
				require.Equal(t, "implicitDeny", got[1-i])
			}
		}
	}
	q.Other = other
	q.Boundary = examples(t)[theDemo].Boundary
	require.Nil(t, ask(t, func() playground.Question { q.Other = ""; return q }()).Comparison)
}

// TestExamples holds that the page's examples are what they are called.
func TestExamples(t *testing.T) {
	all := examples(t)
	for name, want := range map[string]string{
		theDemo: "allowed", "Another’s row": "implicitDeny", "A hole: a prefix of keys": "allowed", "A hole: no guard for a missing key": "allowed",
		"Broken: it does not parse": "", "Compare two policies": "allowed", tenants: "explicitDeny", "A folder in S3": "allowed",
	} {
		q, ok := all[name]
		require.True(t, ok, name)
		delete(all, name)
		a := ask(t, q)
		if want == "" {
			require.Nil(t, a.Decision)
			require.Len(t, a.Faults, 2)
			continue
		}
		require.Empty(t, a.Faults, name)
		require.Equal(t, want, a.Decision.Outcome, name)
	}
	require.Empty(t, all)
	text, err := fs.ReadFile(demo.FS, "policies/PlayerRows.json")
	require.NoError(t, err)
	require.Equal(t, string(text), examples(t)[theDemo].Policy)
}

// TestNoQuestion holds that what is no question is refused.
func TestNoQuestion(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{", `{"ask": "all"}`, `{"ask": "decision", "more": 1}`, `{"ask": "decision"} {}`, `{"ask": 1}`, strings.Repeat(" ", playground.MaxQuestion+1)} {
		var out reply
		require.NoError(t, json.Unmarshal(playground.Answer(t.Context(), []byte(text), now), &out))
		require.NotEmpty(t, out.Error, "%.40q", text)
		require.Nil(t, out.Decision)
	}
}
