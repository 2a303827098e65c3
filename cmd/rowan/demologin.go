package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// demoLogin is the way from a sign-up to a decision, with the services that
// `rowan serve` runs and a store in memory.
type demoLogin struct {
	*local
	bundle    *bundle.Bundle
	sessions  *identity.Sessions
	mail      demoMail
	client    string // of the user pool
	pool, key string // the identity pool, and the key of the user pool's logins
}

// demoMail keeps the last code that was sent to each address.
type demoMail map[string]string

// Send keeps the code of a message.
func (d demoMail) Send(_ context.Context, m userpool.Message) error {
	d[m.To] = string(m.Code)
	return nil
}

// newDemoLogin puts the pools of the bundle into service.
func newDemoLogin(ctx context.Context, o localOptions) (*demoLogin, error) {
	b := o.bundle
	if len(b.UserPools) != 1 || len(b.IdentityPools) != 1 {
		return nil, fmt.Errorf("the demo has %d user pools and %d identity pools: want one of each", len(b.UserPools), len(b.IdentityPools))
	}
	d := &demoLogin{bundle: b, mail: demoMail{}, client: b.UserPools[0].Clients[0].ID, pool: b.IdentityPools[0].ID}
	var err error
	if d.key, err = providerOf(b, b.IdentityPools[0]); err != nil {
		return nil, err
	}
	o.sender = d.mail
	// The demo calls nobody, so it takes no tokens of others.
	o.foreign = func(*identity.OIDCProvider) (oidc.Keys, error) { return oidc.NewKeySet(), nil }
	if d.local, err = newLocal(ctx, o); err != nil {
		return nil, err
	}
	d.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: d.account, Keys: o.sealing, Store: o.store, Now: o.now})
	if err != nil {
		return nil, err
	}
	return d, d.sessions.Refresh(ctx)
}

// newKeys makes keys that nobody keeps.
func newKeys(now time.Time) (sealing, storage *identity.Keyring, err error) {
	file, err := identity.GenerateKeys(rand.Reader, now)
	if err != nil {
		return nil, nil, err
	}
	return keyrings(file)
}

// demoUser is somebody who signed in, with what that gave them.
type demoUser struct {
	name, code, identityID string
	token                  string // the ID token of the user pool
	credentials            identity.Credentials
	session                *identity.Session
	caller                 *engine.Caller
}

const demoPassword = "Correct-Horse-9"

// enter signs somebody up, confirms the address by the code that was sent,
// signs in, exchanges the token for credentials and opens these.
func (d *demoLogin) enter(ctx context.Context, name string) (*demoUser, error) {
	address := name + "@game.example"
	_, err := d.users.SignUp(ctx, &userpool.SignUpInput{
		ClientID: d.client, Username: name, Password: demoPassword,
		UserAttributes: []userpool.Attribute{{Name: "email", Value: address}},
	})
	if err != nil {
		return nil, err
	}
	u := &demoUser{name: name, code: d.mail[address]}
	_, err = d.users.ConfirmSignUp(ctx, &userpool.ConfirmSignUpInput{
		ClientID: d.client, Username: name, ConfirmationCode: userpool.Sensitive(u.code),
	})
	if err != nil {
		return nil, err
	}
	in, err := d.users.InitiateAuth(ctx, &userpool.InitiateAuthInput{
		AuthFlow: "USER_PASSWORD_AUTH", ClientID: d.client,
		AuthParameters: map[string]userpool.Sensitive{"USERNAME": userpool.Sensitive(name), "PASSWORD": demoPassword},
	})
	switch {
	case err != nil:
		return nil, err
	case in.AuthenticationResult == nil:
		return nil, fmt.Errorf("%s got the challenge %s", name, in.ChallengeName)
	}
	u.token = string(in.AuthenticationResult.IDToken)
	return u, d.exchange(ctx, u)
}

// exchange turns an ID token into an identity, credentials and a caller.
func (d *demoLogin) exchange(ctx context.Context, u *demoUser) error {
	logins := map[string]string{d.key: u.token}
	id, err := d.pools.GetID(ctx, &identity.GetIDInput{IdentityPoolID: d.pool, Logins: logins})
	if err != nil {
		return err
	}
	u.identityID = id.IdentityID
	out, err := d.pools.GetCredentialsForIdentity(ctx, &identity.GetCredentialsForIdentityInput{IdentityID: id.IdentityID, Logins: logins})
	if err != nil {
		return err
	}
	u.credentials = out.Credentials
	if u.session, err = d.sessions.Open(ctx, u.credentials.AccessKeyID, u.credentials.Token); err != nil {
		return err
	}
	u.caller, err = d.sessions.Caller(u.session)
	return err
}

// request is what a caller asks of the rows of an owner; none asks for all.
func (d *demoLogin) request(u *demoUser, action, owner string) (*engine.Request, error) {
	q := u.caller.NewRequest("dynamodb:"+action, d.bundle.Tables[0].ARN)
	if owner == "" {
		return q, nil
	}
	return q, q.Context.Set("dynamodb:LeadingKeys", owner)
}

// demoQuestion is what alice asks, and what it must come to.
type demoQuestion struct {
	action, row string
	owner       func(alice, bob *demoUser) string
	want        engine.Outcome
}

var demoQuestions = []demoQuestion{
	{"GetItem", "her own row", func(alice, _ *demoUser) string { return alice.identityID }, engine.Allowed},
	{"PutItem", "her own row", func(alice, _ *demoUser) string { return alice.identityID }, engine.Allowed},
	{"GetItem", "the leaderboard", func(_, _ *demoUser) string { return "leaderboard" }, engine.Allowed},
	{"Scan", "all rows", func(_, _ *demoUser) string { return "" }, engine.ExplicitDeny},
	{"GetItem", "bob's row", func(_, bob *demoUser) string { return bob.identityID }, engine.ImplicitDeny},
}

// printLogin tells the story of a login: what it allows, why one question is
// denied, and which rows there are then.
func (c *console) printLogin(ctx context.Context, b *bundle.Bundle) error {
	sealing, storage, err := newKeys(c.now())
	if err != nil {
		return err
	}
	d, err := newDemoLogin(ctx, localOptions{
		bundle: b, store: identity.NewMemory(), sealing: sealing, storage: storage, issuer: "https://rowan.example", now: c.now,
	})
	if err != nil {
		return err
	}
	alice, err := d.enter(ctx, "alice")
	if err != nil {
		return err
	}
	bob, err := d.enter(ctx, "bob")
	if err != nil {
		return err
	}
	c.printf("\n%s\n\n", c.paint(bold, "The same with a login: from a sign-up to credentials to one's own rows"))
	for _, u := range []*demoUser{alice, bob} {
		c.printf("%-5s signs up, and proves %s@game.example with the code %s\n", u.name, u.name, u.code)
	}
	c.printf("alice signs in:            an ID token of the user pool %s\n", b.UserPools[0].ID)
	c.printf("GetId:                     the identity %s\n", alice.identityID)
	c.printf("GetCredentialsForIdentity: the access key %s of the role %s, until %s\n",
		alice.credentials.AccessKeyID, path.Base(alice.session.RoleARN), alice.credentials.Expires.UTC().Format(time.RFC3339))
	c.printf("\nWith these credentials alice asks the table GameScores for\n\n")
	if err := c.askDemo(d, alice, bob); err != nil {
		return err
	}
	return c.printRows(ctx, d, alice, bob)
}

// askDemo asks what alice may do. The last question is a denial, which is
// explained.
func (c *console) askDemo(d *demoLogin, alice, bob *demoUser) error {
	var q *engine.Request
	var x engine.Explanation
	for _, ask := range demoQuestions {
		var err error
		if q, err = d.request(alice, ask.action, ask.owner(alice, bob)); err != nil {
			return err
		}
		x = alice.caller.Evaluator.Explain(q)
		if x.Decision.Outcome != ask.want {
			c.raise(exitUnmet)
		}
		c.printf("    %-7s  %-15s  %s\n", ask.action, ask.row, c.demoVerdict(d.bundle, &x))
	}
	c.printf("\n%s\n\n", c.paint(bold, "Why may alice not get bob's row?"))
	bundle.RenderExplanation(c.out, q, &x, d.bundle.Source, c.color)
	return nil
}

// demoVerdict is the decision with the statements that made it.
func (c *console) demoVerdict(b *bundle.Bundle, x *engine.Explanation) string {
	by := make([]string, len(x.Statements))
	for i := range x.Statements {
		by[i] = b.StatementName(x.Statements[i].StatementRef)
	}
	switch x.Decision.Outcome {
	case engine.Allowed:
		return c.paint(green, "✓ allowed") + " by " + strings.Join(by, ", ")
	case engine.ExplicitDeny:
		return c.paint(red, "✗ explicitly denied") + " by " + strings.Join(by, ", ")
	case engine.ImplicitDeny:
	}
	return "· nothing allows it"
}
