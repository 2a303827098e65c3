package main

import (
	"context"

	"github.com/rowan-authz/rowan/cmd/internal/usage"
)

// usageCommand is `rowan usage`.
type usageCommand struct {
	Month string `arg:"" optional:"" placeholder:"YYYY-MM" help:"The month, in UTC. Default: the one that is."`
	operatorFlags
}

// Help describes the command.
func (*usageCommand) Help() string {
	return `Counts as Cognito is paid for: a user is active in a month who signs up or in, gets new tokens, has a new password or new attributes, or is made, changed or looked up by an administrator; an authentication is a set of credentials that an identity was given. Decisions are those of questions and of gateways, each row of a question about rows as one. Servers write what they have counted every five seconds. The caller's policies must allow rowan:GetUsage.

Exit status: 0 answered, 2 the question cannot be asked, 3 the bundle cannot be loaded.

Examples:

    rowan usage --endpoint https://rowan.example
    rowan usage 2026-11 --format json --endpoint https://rowan.example`
}

// Run shows a month.
func (u *usageCommand) Run(c *console) error {
	b, err := u.load()
	if err != nil {
		return c.unloadable(err)
	}
	month := u.Month
	if month == "" {
		month = usage.MonthOf(c.now())
	}
	return u.ask(c, b, func(ctx context.Context, q questions) error {
		m, err := q.usage(ctx, month)
		if err != nil {
			return err
		}
		if c.format == "json" {
			return c.encode(m)
		}
		c.printf("month          %s\n", plain(m.Month))
		for _, p := range m.UserPools {
			c.printf("user pool      %s: active users %d", plain(p.Pool), p.ActiveUsers)
			if p.Uncounted > 0 {
				c.printf(", uncounted %d", p.Uncounted)
			}
			c.printf("\n")
		}
		for _, p := range m.IdentityPools {
			c.printf("identity pool  %s: authentications %d\n", plain(p.Pool), p.Authentications)
		}
		c.printf("decisions      %d\n", m.Decisions)
		return c.broken()
	})
}
