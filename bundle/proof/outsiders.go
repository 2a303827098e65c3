package proof

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoaction"
	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// outsider is somebody whom a policy of a resource names and who is no role of
// the bundle.
type outsider struct {
	name string // as the policy has it
	// principals are those who ask, for whom the name stands.
	principals []string
	// silent says that nothing can be asked as it: a service, or somebody who was
	// deleted. What its statement says is looked at, as if nobody denied it.
	silent bool
	// doubt says why principals are not all that matter; empty if they are.
	doubt     string
	file      string
	line      int
	statement policy.Statement
	version   policy.Text
}

// outsiders asks of a table whether its own policy lets in somebody besides the
// roles of the bundle. What the policies of other accounts say is not known: they
// are taken to allow everything. Source: analysis A9 I.
func (p *prover) outsiders(ctx context.Context, t *bundle.Table) error {
	if !p.chosen(outsiderCheck) || len(p.Roles) > 0 {
		return nil
	}
	claim := "its own policy lets in nobody but roles of the bundle"
	if len(t.Isolation.Outsiders) > 0 {
		claim += ", and " + strings.Join(t.Isolation.Outsiders, ", ")
	}
	asked, told := 0, false
	for _, o := range p.named(t) {
		a, err := p.letsIn(ctx, t, &o)
		if err != nil {
			return err
		}
		asked++
		if a.Verdict == analysis.Never {
			continue
		}
		told = true
		out := Result{Check: outsiderCheck, Table: t.Name, Claim: claim, File: o.file, Line: o.line}
		out.judge(a)
		if out.Verdict == Refuted {
			out.Reason = o.name + " is let in"
		}
		if o.silent {
			out.Witness = nil // it says that somebody else asks
		}
		p.add(out)
	}
	if !told && asked > 0 {
		p.add(Result{Check: outsiderCheck, Table: t.Name, Claim: claim, Verdict: Proved})
	}
	return nil
}

// letsIn looks for a request for rows of a table, or that changes it, which
// policies of resources allow an outsider.
func (p *prover) letsIn(ctx context.Context, t *bundle.Table, o *outsider) (*analysis.Answer, error) {
	all := &analysis.Answer{Verdict: analysis.Never}
	if o.doubt != "" {
		all = &analysis.Answer{Reason: o.doubt}
	}
	arns := []string{t.ARN}
	for _, x := range p.bundle.Resources {
		if strings.HasPrefix(x.ARN, t.ARN+"/") {
			arns = append(arns, x.ARN)
		}
	}
	principals := o.principals
	if o.silent {
		principals = []string{""}
	}
	for _, arn := range arns {
		for _, principal := range principals {
			q, err := p.ofOutsider(t, o, principal, arn)
			if err != nil {
				return nil, err
			}
			a, err := analysis.Search(ctx, q)
			if err != nil || a.Verdict == analysis.Found {
				return a, err
			}
			if a.Verdict == analysis.Unknown {
				all = a
			}
		}
	}
	return all, nil
}

// ofOutsider asks about the resource of an ARN, or about a table and what belongs
// to it. A request of another account needs a policy there and one of the
// resource: so does what says which requests are meant.
func (p *prover) ofOutsider(t *bundle.Table, o *outsider, principal, arn string) (*analysis.Question, error) {
	asked, err := parse(outsideRequests(t, arn))
	if err != nil {
		return nil, err
	}
	q := &analysis.Question{
		Vocabulary: p.Vocabulary, Limits: p.Limits, Principal: principal, Keys: TimeKeys(p.At),
		And: []*analysis.Policies{{Identity: []*policy.Document{asked}}},
	}
	if principal == "" {
		o.statement.Principal = nil
		one := &policy.Document{Name: o.file, Version: o.version, Statements: []policy.Statement{o.statement}}
		q.By = &analysis.Policies{Identity: []*policy.Document{one}}
		return q, nil
	}
	if q.By, err = Policies(p.bundle, &bundle.Role{}, arn); err != nil {
		return nil, err
	}
	if accountOf(principal) != p.bundle.Account {
		q.By.Identity, q.By.ServiceControl = []*policy.Document{asked}, nil
		err = acrossAccounts(q, p.bundle.Account)
	}
	return q, err
}

// acrossAccounts has a question's And hold for requests of another account too,
// for resources of account: each then needs a policy of the resource, which allows
// everything here.
func acrossAccounts(q *analysis.Question, account string) error {
	everybody, err := policy.Parse("asked", fmt.Appendf(nil, `{"Version": "2012-10-17", "Statement": {
		"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceAccount": %q}}}}`, account))
	for i, and := range q.And {
		with := *and
		with.Resource = everybody
		q.And[i] = &with
	}
	return err
}

// outsideRequests are those about rows that are not shared, and those that change
// a table.
func outsideRequests(t *bundle.Table, arn string) string {
	resources := []string{arn}
	if arn == t.ARN {
		resources = append(resources, t.ARN+"/*")
	}
	others := slices.Concat(dynamoaction.Keyless(), dynamoaction.Changes(), []string{strangeAction})
	if len(t.Isolation.Shared) == 0 {
		return statement("Allow", slices.Concat(rowActions, others), resources, nil)
	}
	return strings.Join([]string{
		statement("Allow", others, resources, nil),
		statement("Allow", rowActions, resources, condition{"Null": {leadingKeys: "true"}}),
		statement("Allow", rowActions, resources, condition{"ForAnyValue:StringNotEquals": {leadingKeys: escaped(t.Isolation.Shared)}}),
	}, ",")
}

// named are those whom the policies of the table and what belongs to it name in
// an Allow, each once, but those who are declared.
func (p *prover) named(t *bundle.Table) []outsider {
	docs, doubt := p.policiesOf(t)
	all := p.outsidersIn(docs, guardrails(p.bundle))
	out := slices.DeleteFunc(all, func(o outsider) bool { return p.declared(t, o.name) })
	for i := range out {
		out[i].principals = slices.DeleteFunc(slices.Clone(out[i].principals), func(who string) bool { return p.declared(t, who) })
		if doubt != "" {
			out[i].doubt = doubt
		}
	}
	return out
}

// outsidersIn are those whom documents name in an Allow, each once; those of whom
// nothing is asked once for each statement. The limits tell them apart too.
func (p *prover) outsidersIn(docs, limits []*policy.Document) []outsider {
	var out []outsider
	told := p.toldApart(slices.Concat(docs, limits))
	for _, d := range docs {
		for _, s := range d.Statements {
			if s.Effect != policy.Allow || s.Principal == nil {
				continue
			}
			for _, e := range s.Principal.Entries {
				o, ok := p.asOutsider(e, told)
				same := func(x outsider) bool { return x.name == o.name && !x.silent }
				if ok && !slices.ContainsFunc(out, same) {
					o.file, o.line, o.statement, o.version = d.Name, int(s.Pos.Line), s, d.Version
					out = append(out, o)
				}
			}
		}
	}
	for i := range out {
		out[i].principals = slices.DeleteFunc(slices.Clone(out[i].principals), func(who string) bool {
			return slices.ContainsFunc(out, func(o outsider) bool { return o.name == who }) && out[i].name != who
		})
	}
	return out
}

// guardrails are the documents of all guardrails of a bundle.
func guardrails(b *bundle.Bundle) []*policy.Document {
	var out []*policy.Document
	for _, l := range slices.Concat(b.ServiceControl, b.ResourceControl) {
		out = append(out, l.Documents()...)
	}
	return out
}

// policiesOf returns what is said of a table and of what belongs to it. There is a
// doubt if a policy may be about one of these whose name is not known.
func (p *prover) policiesOf(t *bundle.Table) (docs []*policy.Document, doubt string) {
	for _, x := range p.bundle.Resources {
		covers := x.Covers(t.ARN)
		within := strings.HasPrefix(x.ARN, t.ARN+"/")
		odd := !covers && !within && strings.HasPrefix(x.ARN, "arn:"+p.bundle.Partition+":dynamodb:") && strings.ContainsAny(strings.TrimSuffix(x.ARN, "*"), "*?")
		if odd {
			doubt = "the policy of resources/" + x.Name + ".yaml is not looked at here"
		}
		if covers || within || odd {
			docs = append(docs, x.Document())
		}
	}
	return docs, doubt
}

// declared reports whether a table's file has somebody among its outsiders, by
// name or by account.
func (p *prover) declared(t *bundle.Table, name string) bool {
	account := accountOf(name)
	return slices.ContainsFunc(t.Isolation.Outsiders, func(o string) bool {
		return o == name || account != p.bundle.Account && (o == account || o == "arn:"+p.bundle.Partition+":iam::"+account+":root")
	})
}

// asOutsider says who may ask as a principal of a policy: nobody for a role of
// the bundle, and for the account of the bundle, which its own policies speak
// for.
func (p *prover) asOutsider(e policy.PrincipalEntry, told *apart) (outsider, bool) {
	out, account, kind := outsider{name: e.Value}, accountOf(e.Value), ""
	if part := strings.SplitN(e.Value, ":", 6); len(part) == 6 {
		kind, _, _ = strings.Cut(part[5], "/")
	}
	switch {
	case e.Type != policy.PrincipalAWS, kind == "" && e.Value != "*" && !isAccount(account):
		out.silent = true
	case e.Value == "*":
		out.principals, out.doubt = told.principals, told.doubt
	case p.ofBundle(e.Value), (kind == "" || kind == "root") && account == p.bundle.Account:
		return out, false
	case kind == "" || kind == "root":
		out.principals, out.doubt = []string{p.session(account)}, told.doubt
		for _, arn := range told.principals {
			if accountOf(arn) == account && arn != out.principals[0] {
				out.principals = append(out.principals, arn)
			}
		}
	default:
		out.principals = []string{e.Value}
	}
	return out, true
}

// ofBundle reports whether an ARN is that of a role of the bundle, or of the one
// that it is compared with.
func (p *prover) ofBundle(arn string) bool {
	is := func(r *bundle.Role) bool { return r.ARN == arn }
	return slices.ContainsFunc(p.bundle.Roles, is) || p.other != nil && slices.ContainsFunc(p.other.Roles, is)
}

// session is one of a role that no policy names.
func (p *prover) session(account string) string {
	return "arn:" + p.bundle.Partition + ":sts::" + account + ":assumed-role/Outsider/" + bundle.SessionName
}

// apart are the principals that policies tell apart: those who are named, one of
// each account that is, and one for all others.
type apart struct {
	principals []string
	doubt      string // why there may be more
}

// toldApart looks for what conditions say of who asks.
func (p *prover) toldApart(docs []*policy.Document) *apart {
	out := &apart{}
	accounts := []string{p.bundle.Account}
	name := func(principal string) {
		_, err := engine.ParsePrincipal(principal)
		switch {
		case isAccount(principal):
			accounts = append(accounts, principal)
		case err == nil && strings.HasSuffix(principal, ":root"):
			accounts = append(accounts, accountOf(principal))
		case err == nil && isAccount(accountOf(principal)) && !p.ofBundle(principal):
			out.principals = append(out.principals, principal)
		}
	}
	for _, d := range docs {
		for i := range d.Statements {
			if who := d.Statements[i].Principal; who != nil {
				for _, e := range who.Entries {
					name(e.Value)
				}
			}
			for _, c := range d.Statements[i].Conditions {
				key := strings.ToLower(c.Key.Value)
				for _, v := range c.Values {
					plain := !strings.ContainsAny(v.Value, "*?$")
					switch ofWho := ofPrincipal(key); {
					case (key == "aws:principalarn" || key == "aws:principalaccount") && plain:
						name(v.Value)
					case ofWho,
						strings.Contains(strings.ToLower(v.Value), "${aws:principal"), strings.Contains(strings.ToLower(v.Value), "${aws:user"):
						out.doubt = "whom " + d.Name + " lets in depends on what " + c.Key.Value + " says of who asks"
					}
				}
			}
		}
	}
	slices.Sort(accounts)
	accounts = slices.Compact(accounts)
	stranger := 999999999999
	for slices.Contains(accounts, fmt.Sprint(stranger)) {
		stranger--
	}
	for _, a := range append(accounts, fmt.Sprint(stranger)) {
		out.principals = append(out.principals, p.session(a))
	}
	slices.Sort(out.principals)
	out.principals = slices.Compact(out.principals)
	return out
}

// ofPrincipal reports whether a key, in lower case, says who asks and has no
// value of its own choice.
func ofPrincipal(key string) bool {
	return key == "aws:userid" || key == "aws:username" || strings.HasPrefix(key, "aws:principal") &&
		!strings.HasPrefix(key, "aws:principaltag/") && !strings.HasPrefix(key, "aws:principalorg")
}

// accountOf returns the account of a principal of a policy; an id of an account
// is one.
func accountOf(principal string) string {
	if part := strings.SplitN(principal, ":", 6); len(part) == 6 {
		return part[4]
	}
	return principal
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }
