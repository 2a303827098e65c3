package proof

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoaction"
	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/policy"
)

// outsider is somebody whom a policy of a resource names and who is no role of
// the bundle.
type outsider struct {
	name      string // as the policy has it
	principal string // who asks; empty for a service, about which nothing is asked
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
		if o.principal == "" {
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
	arns := []string{t.ARN}
	for _, x := range p.bundle.Resources {
		if strings.HasPrefix(x.ARN, t.ARN+"/") {
			arns = append(arns, x.ARN)
		}
	}
	for _, arn := range arns {
		q, err := p.ofOutsider(t, o, arn)
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
	return all, nil
}

// ofOutsider asks about the resource of an ARN, or about a table and what belongs
// to it. A request of another account needs a policy there and one of the
// resource: so does what says which requests are meant.
func (p *prover) ofOutsider(t *bundle.Table, o *outsider, arn string) (*analysis.Question, error) {
	asked, err := parse(outsideRequests(t, arn))
	if err != nil {
		return nil, err
	}
	q := &analysis.Question{
		Vocabulary: p.Vocabulary, Limits: p.Limits, Principal: o.principal, Keys: TimeKeys(p.At),
		And: []*analysis.Policies{{Identity: []*policy.Document{asked}}},
	}
	if o.principal == "" {
		o.statement.Principal = nil
		one := &policy.Document{Name: o.file, Version: o.version, Statements: []policy.Statement{o.statement}}
		q.By = &analysis.Policies{Identity: []*policy.Document{one}}
		return q, nil
	}
	if q.By, err = Policies(p.bundle, &bundle.Role{}, arn); err != nil {
		return nil, err
	}
	if accountOf(o.principal) != p.bundle.Account {
		q.By.Identity, q.By.ServiceControl = []*policy.Document{asked}, nil
		q.And[0].Resource, err = policy.Parse("asked", fmt.Appendf(nil, `{"Version": "2012-10-17", "Statement": {
			"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceAccount": %q}}}}`, p.bundle.Account))
	}
	return q, err
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
	var out []outsider
	seen := map[string]bool{}
	for _, x := range p.bundle.Resources {
		if !x.Covers(t.ARN) && !strings.HasPrefix(x.ARN, t.ARN+"/") {
			continue
		}
		d := x.Document()
		for _, s := range d.Statements {
			if s.Effect != policy.Allow || s.Principal == nil {
				continue
			}
			for _, e := range s.Principal.Entries {
				for _, o := range p.asOutsiders(e) {
					if key := o.principal + " " + o.name; !seen[key] && !p.declared(t, o.name) {
						seen[key] = true
						o.file, o.line, o.statement, o.version = d.Name, int(s.Pos.Line), s, d.Version
						out = append(out, o)
					}
				}
			}
		}
	}
	return out
}

// declared reports whether a table's file has somebody among its outsiders.
func (p *prover) declared(t *bundle.Table, name string) bool {
	return slices.ContainsFunc(t.Isolation.Outsiders, func(o string) bool {
		return o == name || "arn:"+p.bundle.Partition+":iam::"+o+":root" == name || o == "arn:"+p.bundle.Partition+":iam::"+name+":root"
	})
}

// asOutsiders says who may ask as a principal of a policy: nobody for a role of
// the bundle, and for the account of the bundle, which its own policies speak
// for.
func (p *prover) asOutsiders(e policy.PrincipalEntry) []outsider {
	session := func(account, role string) string {
		return "arn:" + p.bundle.Partition + ":sts::" + account + ":assumed-role/" + role + "/" + bundle.SessionName
	}
	account, kind := accountOf(e.Value), ""
	if part := strings.SplitN(e.Value, ":", 6); len(part) == 6 {
		kind, _, _ = strings.Cut(part[5], "/")
	}
	switch {
	case e.Type != policy.PrincipalAWS:
		return []outsider{{name: e.Value}}
	case e.Value == "*":
		return []outsider{{name: "*", principal: session(p.bundle.Account, "Outsider")}, {name: "*", principal: session(p.stranger(), "Outsider")}}
	case kind == "role":
		if slices.ContainsFunc(p.bundle.Roles, func(r *bundle.Role) bool { return r.ARN == e.Value }) {
			return nil
		}
		return []outsider{{name: e.Value, principal: e.Value}}
	case (kind == "" || kind == "root") && account == p.bundle.Account:
		return nil
	case kind == "" && (len(account) != 12 || strings.Trim(account, "0123456789") != ""): // an id of somebody who was deleted
		return []outsider{{name: e.Value}}
	case kind == "" || kind == "root":
		return []outsider{{name: e.Value, principal: session(account, "Outsider")}}
	}
	return []outsider{{name: e.Value, principal: e.Value}}
}

// accountOf returns the account of a principal of a policy; an id of an account
// is one.
func accountOf(principal string) string {
	if part := strings.SplitN(principal, ":", 6); len(part) == 6 {
		return part[4]
	}
	return principal
}

// stranger is an account that is not the bundle's.
func (p *prover) stranger() string {
	for n := 999999999999; ; n-- {
		if a := fmt.Sprint(n); a != p.bundle.Account {
			return a
		}
	}
}
