package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// whoCanCommand is `rowan who-can`.
type whoCanCommand struct {
	Action   string        `arg:"" help:"An action, such as dynamodb:GetItem; * and ? are wildcards."`
	Resource string        `arg:"" help:"An ARN, with wildcards; * means any resource."`
	Bundle   string        `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	Time     time.Duration `default:"10s" placeholder:"DURATION" help:"How long one question may take."`
	storeFlags
	Identities int `default:"1000" placeholder:"N" help:"With --store: look at N identities at most. That there are more is said, and counts as unknown."`
	moment
	celFlag
}

// Help describes the command.
func (*whoCanCommand) Help() string {
	return `Says of each role of a bundle whether any session of it may do something: with a request that is allowed, or the proof that there is none. Boundaries, guardrails and the policy of the resource count.

With --store it also asks of each identity in the store whether it may, by each role that it may get; what is left open is what its tokens claim.

Exit status: 0 answered, 1 nobody may, 2 usage, 3 something is unknown, or the bundle cannot be loaded.

Examples:

    rowan who-can dynamodb:DeleteItem 'arn:aws:dynamodb:*:*:table/GameScores' --bundle scores
    rowan who-can 's3:*' '*'
    rowan who-can dynamodb:PutItem '*' --store sqlite:rowan.db --keys keys.json --url https://rowan.example`
}

// canJSON is what one role may do.
type canJSON struct {
	Role    string       `json:"role"`
	Verdict string       `json:"verdict"`
	Reason  string       `json:"reason,omitempty"`
	Request *witnessJSON `json:"request,omitempty"`
	// Identities are those of the store that may get the role; nil if there is no
	// --store.
	Identities *canIdentities `json:"identities,omitempty"`
}

// Run asks each role.
func (w *whoCanCommand) Run(c *console) error {
	v, err := w.vocabulary()
	if err != nil {
		return err
	}
	meant, err := meaning(w.Action, w.Resource, v)
	if err != nil {
		return err
	}
	b, _, err := loadBundle(w.Bundle, v)
	if b == nil {
		return c.unloadable(err)
	}
	stored, err := w.stored(c, b)
	if err != nil {
		return err
	}
	anybody := false
	all := []canJSON{}
	for _, r := range b.Roles {
		a, err := w.ask(c, b, r, v, meant)
		if err != nil {
			return err
		}
		anybody = anybody || a.Verdict == analysis.Found
		if a.Verdict == analysis.Unknown {
			c.raise(exitUnloadable)
		}
		one := canJSON{Role: r.Name, Verdict: canWords[a.Verdict], Reason: a.Reason, Request: witnessOf(a.Witness)}
		if stored != nil {
			if one.Identities, err = w.identities(c, b, r, v, meant, a, stored); err != nil {
				return err
			}
		}
		all = append(all, one)
		if c.format == "text" {
			c.printCan(r.Name, a)
			c.printIdentities(one.Identities)
		}
	}
	if !anybody {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		return c.encode(all)
	}
	return c.broken()
}

var canWords = map[analysis.Verdict]string{analysis.Found: "can", analysis.Never: "cannot", analysis.Unknown: "unknown"}

// meaning is a policy that allows what is asked about.
func meaning(action, resource string, v *conditions.Vocabulary) (*analysis.Policies, error) {
	text, err := json.Marshal(map[string]any{
		"Version": "2012-10-17", "Statement": map[string]any{"Effect": "Allow", "Action": action, "Resource": resource},
	})
	if err != nil {
		return nil, err
	}
	d, err := policy.Parse("question", text)
	if err == nil {
		err = d.Validate(policy.Identity, v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", action, resource, err)
	}
	return &analysis.Policies{Identity: []*policy.Document{d}}, nil
}

func (w *whoCanCommand) ask(c *console, b *bundle.Bundle, r *bundle.Role, v *conditions.Vocabulary, meant *analysis.Policies) (*analysis.Answer, error) {
	q, err := w.question(c, b, r, v, meant)
	if err != nil {
		return nil, err
	}
	return w.search(b, q)
}

func (w *whoCanCommand) question(c *console, b *bundle.Bundle, r *bundle.Role, v *conditions.Vocabulary, meant *analysis.Policies) (*analysis.Question, error) {
	resource := w.Resource
	if w.several() {
		resource = ""
	}
	policies, err := proof.Policies(b, r, resource)
	if err != nil {
		return nil, err
	}
	q := &analysis.Question{
		Vocabulary: v, By: policies, And: []*analysis.Policies{meant}, Limits: analysis.Limits{Time: w.Time, Now: c.now},
		Principal: "arn:" + b.Partition + ":sts::" + b.Account + ":assumed-role/" + r.Name + "/" + bundle.SessionName,
		Keys:      map[string][]string{"aws:PrincipalArn": {r.ARN}},
	}
	maps.Copy(q.Keys, proof.TimeKeys(w.At))
	return q, nil
}

func (w *whoCanCommand) search(b *bundle.Bundle, q *analysis.Question) (*analysis.Answer, error) {
	if w.several() {
		return proof.Search(context.Background(), b, q)
	}
	return analysis.Search(context.Background(), q)
}

// several reports whether the question is about more than one resource.
func (w *whoCanCommand) several() bool { return strings.ContainsAny(w.Resource, "*?") }

func (c *console) printCan(role string, a *analysis.Answer) {
	color := map[analysis.Verdict]string{analysis.Found: green, analysis.Unknown: yellow}[a.Verdict]
	c.printf("%s %s\n", c.paint(color, fmt.Sprintf("%-8s", canWords[a.Verdict])), c.paint(bold, role))
	switch {
	case a.Witness != nil:
		c.printf("         for instance %s\n", plain(a.Witness.Action+" "+a.Witness.Resource))
		c.printKeys("           ", a.Witness)
	case a.Reason != "":
		c.printf("         %s\n", plain(a.Reason))
	}
}
