package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/cmd/internal/replay"
	"github.com/rowan-authz/rowan/engine"
)

// changesJSON are what would make a denial an allow. Hint alone is for who asked.
type changesJSON struct {
	Proposals []proposalJSON `json:"proposals"`
	Hint      string         `json:"hint,omitempty"`
	// Reason says why there may be others.
	Reason string `json:"reason,omitempty"`
}

type proposalJSON struct {
	Part     string          `json:"part"`
	Size     int             `json:"size"`
	Text     string          `json:"text"`
	Keys     []keyChangeJSON `json:"keys,omitempty"`
	Resource string          `json:"resource,omitempty"`
	// Additions are statements to add, Obstacles Deny statements that apply.
	Additions []additionJSON `json:"additions,omitempty"`
	Obstacles []obstacleJSON `json:"obstacles,omitempty"`
}

type keyChangeJSON struct {
	Key string `json:"key"`
	// Was and Now are null where the request has no such key.
	Was []string `json:"was"`
	Now []string `json:"now"`
	Own string   `json:"own,omitempty"`
}

type additionJSON struct {
	Kind      string          `json:"kind"`
	Level     int             `json:"level"`
	Document  string          `json:"document,omitempty"`
	Line      int             `json:"line,omitempty"`
	Statement json.RawMessage `json:"statement"`
}

type obstacleJSON struct {
	Kind     string `json:"kind"`
	Level    int    `json:"level"`
	Document string `json:"document"`
	Sid      string `json:"sid"`
	Index    int    `json:"index"`
	Line     int    `json:"line"`
}

// changes finds what would make a denial an allow; nil if there is nothing to say,
// as of what is allowed.
func (c *console) changes(p *analysis.Policies, r *engine.Request) (*analysis.Flips, error) {
	f, err := analysis.Flip(context.Background(), p, r, analysis.FlipOptions{Limits: analysis.Limits{Now: c.now}})
	if err != nil {
		return nil, err
	}
	if len(f.Proposals) == 0 && f.Reason == "" {
		return nil, nil
	}
	return f, nil
}

// decisionChanges is changes of a decision that a bundle made again; nil also where
// not all is known that decided it.
func (c *console) decisionChanges(b *bundle.Bundle, l *replay.Line, again *replay.Replayed) (*analysis.Flips, error) {
	r := again.Request
	_, rest, session := strings.Cut(r.Principal.String(), ":assumed-role/")
	name, _, _ := strings.Cut(rest, "/")
	role, ok := b.Role(name)
	if owner, _, err := b.Owner(r.Resource); !session || !ok || l.SessionPolicy || err != nil || owner != b.Account {
		return nil, nil
	}
	p, err := proof.Policies(b, role, r.Resource)
	if err != nil {
		return &analysis.Flips{Reason: err.Error()}, nil // of policies that are not put together
	}
	return c.changes(p, r)
}

func newChanges(f *analysis.Flips) *changesJSON {
	out := &changesJSON{Proposals: make([]proposalJSON, len(f.Proposals)), Hint: f.Hint, Reason: f.Reason}
	for i := range f.Proposals {
		p := &f.Proposals[i]
		x := proposalJSON{Part: p.Part.String(), Size: p.Size, Text: p.Words(), Resource: p.Resource}
		for _, k := range p.Keys {
			x.Keys = append(x.Keys, keyChangeJSON{k.Key, k.Was, k.Now, k.Own})
		}
		for _, a := range p.Additions {
			x.Additions = append(x.Additions, additionJSON{a.Kind.String(), a.Level, a.Document, int(a.Pos.Line), json.RawMessage(a.Statement)})
		}
		for _, o := range p.Obstacles {
			x.Obstacles = append(x.Obstacles, obstacleJSON{o.Kind.String(), o.Level, o.Document, o.Sid, o.Statement, int(o.Pos.Line)})
		}
		out.Proposals[i] = x
	}
	return out
}

// printChanges prints what would make a denial an allow.
func (c *console) printChanges(f *analysis.Flips) {
	if len(f.Proposals) > 0 {
		c.printf("would be allowed if\n")
	}
	for i := range f.Proposals {
		p := &f.Proposals[i]
		branch, below := "├─ ", "│  "
		if i == len(f.Proposals)-1 {
			branch, below = "└─ ", "   "
		}
		c.printf("%s%s: %s\n", branch, c.paint(bold, p.Part.String()), plain(p.Words()))
		for j := range p.Additions {
			for line := range strings.Lines(indented(p.Additions[j].Statement)) {
				c.printf("%s  %s\n", below, plain(strings.TrimSuffix(line, "\n")))
			}
		}
	}
	if f.Hint != "" {
		c.printf("safe to tell who asked: %s\n", plain(f.Hint))
	}
	if f.Reason != "" {
		c.printf("there may be other ways: %s\n", plain(f.Reason))
	}
}

// indented spreads a statement over lines.
func indented(statement string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(statement), "", "  "); err != nil {
		return statement
	}
	return b.String()
}
