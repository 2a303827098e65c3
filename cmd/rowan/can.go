package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/identity"
)

// canCommand is `rowan can`.
type canCommand struct {
	Identity string        `arg:"" optional:"" help:"An identity of the store, such as us-east-1:6f1b2c1e-…"`
	Role     []string      `placeholder:"ROLE" help:"Only these roles; without an identity, any session of this one."`
	Context  []string      `sep:"none" placeholder:"KEY=VALUE" help:"Without an identity: a context key of the session, such as cognito-identity.amazonaws.com:sub=us-east-1:aaaa. One that stands twice has several values."`
	Bundle   string        `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	Time     time.Duration `default:"10s" placeholder:"DURATION" help:"How long one question may take."`
	deploymentFlags
	moment
	celFlag
}

// Help describes the command.
func (*canCommand) Help() string {
	return `Says what an identity may do: by each role that it may get, with each table, on which rows, on what it depends, and what elsewhere. Whatever it may do has a request that shows it, which --format json prints, and what it may not do is proved. What the analysis cannot tell is said to be unknown.

The identity is looked up in the store, or asked of a server; what is left open is what its tokens claim. Without an identity, --role and --context describe a session.

Exit status: 0 answered, 1 there is no such identity, or it may do nothing at all, 2 usage, 3 something is unknown, or the bundle cannot be loaded.

Examples:

    rowan can us-east-1:6f1b2c1e-… --bundle scores --store sqlite:rowan.db --keys keys.json --url https://rowan.example
    rowan can --bundle scores --role Player --context cognito-identity.amazonaws.com:sub=us-east-1:aaaa`
}

// canRecord is an identity, or a session, and what it may do.
type canRecord struct {
	Identity string       `json:"identity,omitempty"`
	Pool     string       `json:"pool,omitempty"`
	Logins   []string     `json:"logins,omitempty"`
	Roles    []roleRecord `json:"roles"`
	// Others are the roles of the bundle that it does not get.
	Others []string `json:"others,omitempty"`
}

// roleRecord is what a session may do.
type roleRecord struct {
	Role   string        `json:"role"`
	How    string        `json:"how"`
	Open   string        `json:"open,omitempty"`
	Tables []tableRecord `json:"tables"`
	// Elsewhere is what it may do with anything but the tables: "some", "nothing"
	// or "unknown".
	Elsewhere       string        `json:"elsewhere"`
	ElsewhereReason string        `json:"elsewhereReason,omitempty"`
	Grants          []grantRecord `json:"grants,omitempty"`

	known map[string][]string // context keys of the session
}

type tableRecord struct {
	Table   string          `json:"table"`
	Actions []abilityRecord `json:"actions"`
	// Other are requests of other actions of DynamoDB, one for all that no policy
	// tells apart; OtherComplete says that it is proved that there are no others.
	Other         []*witnessJSON `json:"other,omitempty"`
	OtherComplete bool           `json:"otherComplete"`
	OtherReason   string         `json:"otherReason,omitempty"`
}

type abilityRecord struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason,omitempty"`
	// Rows is "none", "listed", "others" or "all".
	Rows       string       `json:"rows,omitempty"`
	Keys       []string     `json:"keys,omitempty"`
	RowsReason string       `json:"rowsReason,omitempty"`
	Keyless    bool         `json:"keyless,omitempty"`
	Always     bool         `json:"always,omitempty"`
	Depends    []string     `json:"depends,omitempty"`
	Request    *witnessJSON `json:"request,omitempty"`
}

type grantRecord struct {
	Statement   string       `json:"statement"`
	File        string       `json:"file"`
	Line        uint32       `json:"line"`
	Actions     []string     `json:"actions,omitempty"`
	NotAction   bool         `json:"notAction,omitempty"`
	Resources   []string     `json:"resources,omitempty"`
	NotResource bool         `json:"notResource,omitempty"`
	Depends     []string     `json:"depends,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Request     *witnessJSON `json:"request,omitempty"`
}

// Run asks.
func (x *canCommand) Run(c *console) error {
	if err := x.check(); err != nil {
		return err
	}
	v, err := x.vocabulary()
	if err != nil {
		return err
	}
	b, _, err := loadBundle(x.Bundle, v)
	if b == nil {
		return c.unloadable(err)
	}
	for _, name := range x.Role {
		if _, ok := b.Role(name); !ok {
			return fmt.Errorf("no role %q", name)
		}
	}
	o := proof.Options{Vocabulary: v, Limits: analysis.Limits{Time: x.Time, Now: c.now}, At: x.At}
	if x.Identity == "" {
		m, err := sessionOf(b, x.Role[0], x.Context)
		if err != nil {
			return err
		}
		return x.answer(c, b, &canRecord{}, []mayBe{m}, o)
	}
	return x.ask(c, b, func(ctx context.Context, q questions) error {
		a, err := q.describe(ctx, x.Identity)
		var refusal *identity.Error
		if errors.As(err, &refusal) && refusal.Code == identity.ResourceNotFound {
			c.raise(exitUnmet)
			c.say("%s", refusal.Message)
			return nil
		}
		if err != nil {
			return err
		}
		return x.identity(c, b, a, o)
	})
}

func (x *canCommand) check() error {
	switch stored := x.Endpoint != "" || x.Store != "" || x.Keys != "" || x.URL != ""; {
	case x.Identity != "" && len(x.Context) > 0:
		return errors.New("--context describes a session without an identity")
	case x.Identity == "" && stored:
		return errors.New("want an identity of the store")
	case x.Identity == "" && len(x.Role) != 1:
		return errors.New("want an identity, or one --role")
	}
	return nil
}

// identity answers about an identity of the store.
func (x *canCommand) identity(c *console, b *bundle.Bundle, a *identityAnswer, o proof.Options) error {
	if a.Disabled {
		c.raise(exitUnmet)
		c.say("%s is disabled: it was merged into %s", plain(a.IdentityID), plain(a.MergedInto))
		return nil
	}
	pool, err := poolOf(b, a.Pool)
	if err != nil {
		return err
	}
	record := &canRecord{Identity: a.IdentityID, Pool: pool.Name}
	for _, l := range a.Links {
		record.Logins = append(record.Logins, l.Provider)
	}
	sessions := sessionsOf(b, pool, a)
	for _, r := range b.Roles {
		if !slices.ContainsFunc(sessions, func(m mayBe) bool { return m.Role == r }) {
			record.Others = append(record.Others, r.Name)
		}
	}
	sessions = slices.DeleteFunc(sessions, func(m mayBe) bool { return len(x.Role) > 0 && !slices.Contains(x.Role, m.Role.Name) })
	return x.answer(c, b, record, sessions, o)
}

// answer says what sessions may do.
func (x *canCommand) answer(c *console, b *bundle.Bundle, record *canRecord, sessions []mayBe, o proof.Options) error {
	if c.format == "text" && record.Identity != "" {
		who := "a guest"
		if len(record.Logins) > 0 {
			who = "signed in by " + strings.Join(record.Logins, ", ")
		}
		c.printf("%s of %s, %s\n", plain(record.Identity), record.Pool, plain(who))
	}
	anything := false
	record.Roles = []roleRecord{}
	for i := range sessions {
		m := &sessions[i]
		r, err := proof.Can(context.Background(), b, &m.Session, o)
		if err != nil {
			return err
		}
		one := newRoleRecord(b, m, r, o.At)
		if one.unknown() {
			c.raise(exitUnloadable)
		}
		anything = anything || one.anything()
		record.Roles = append(record.Roles, one)
		if c.format == "text" {
			c.printRole(&one)
		}
	}
	if !anything {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		return c.encode(record)
	}
	if len(record.Others) > 0 {
		c.printf("not its roles: %s\n", strings.Join(record.Others, ", "))
	}
	return c.broken()
}

var (
	rowsWords = map[proof.Rows]string{proof.NoRows: "none", proof.ListedRows: "listed", proof.OtherRows: "others", proof.AllRows: "all"}
	elseWords = map[analysis.Verdict]string{analysis.Found: "some", analysis.Never: "nothing", analysis.Unknown: "unknown"}
)

func newRoleRecord(b *bundle.Bundle, m *mayBe, r *proof.Reach, at time.Time) roleRecord {
	out := roleRecord{Role: m.Role.Name, How: m.how, Open: m.open, Tables: []tableRecord{}, Elsewhere: elseWords[r.NothingElse], ElsewhereReason: r.ElseReason, known: map[string][]string{}}
	maps.Copy(out.known, m.Keys)
	maps.Copy(out.known, proof.TimeKeys(at))
	for i := range r.Tables {
		t := &r.Tables[i]
		one := tableRecord{Table: t.Table, Actions: []abilityRecord{}, OtherComplete: t.Complete, OtherReason: t.Reason}
		for j := range t.Rows {
			a := &t.Rows[j]
			x := abilityRecord{
				Action: a.Action, Resource: a.Resource, Verdict: canWords[a.Verdict], Reason: a.Reason, Keys: a.Keys, RowsReason: a.RowsReason,
				Keyless: a.Keyless, Always: a.Always, Depends: a.Depends, Request: witnessOf(a.Witness),
			}
			if a.Verdict == analysis.Found {
				x.Rows = rowsWords[a.Rows]
			}
			one.Actions = append(one.Actions, x)
		}
		for _, w := range t.Other {
			one.Other = append(one.Other, witnessOf(w))
		}
		out.Tables = append(out.Tables, one)
	}
	for i := range r.Elsewhere {
		g := &r.Elsewhere[i]
		out.Grants = append(out.Grants, grantRecord{
			Statement: b.StatementName(g.Statement), File: g.Statement.Document, Line: g.Statement.Pos.Line, Actions: g.Actions, NotAction: g.NotAction,
			Resources: g.Resources, NotResource: g.NotResource, Depends: g.Depends, Reason: g.Reason, Request: witnessOf(g.Witness),
		})
	}
	return out
}

// unknown reports whether the analysis could not tell something.
func (r *roleRecord) unknown() bool {
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.OtherReason != "" || slices.ContainsFunc(t.Actions, func(a abilityRecord) bool { return a.Reason != "" || a.RowsReason != "" }) {
			return true
		}
	}
	return r.ElsewhereReason != "" || slices.ContainsFunc(r.Grants, func(g grantRecord) bool { return g.Reason != "" })
}

// anything reports whether the session may do something.
func (r *roleRecord) anything() bool {
	for i := range r.Tables {
		t := &r.Tables[i]
		if len(t.Other) > 0 || slices.ContainsFunc(t.Actions, func(a abilityRecord) bool { return a.Request != nil }) {
			return true
		}
	}
	return r.Elsewhere == "some"
}
