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

// demoIssuer begins the issuers of tokens that never leave the process.
const demoIssuer = "https://rowan.example"

// demoLogin is the way from a sign-up to a decision, with the services that
// `rowan serve` runs and a store in memory.
type demoLogin struct {
	bundle    *bundle.Bundle
	users     *userpool.Directory
	pools     *identity.Pools
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
func newDemoLogin(ctx context.Context, b *bundle.Bundle, now func() time.Time) (*demoLogin, error) {
	if len(b.UserPools) != 1 || len(b.IdentityPools) != 1 {
		return nil, fmt.Errorf("the demo has %d user pools and %d identity pools: want one of each", len(b.UserPools), len(b.IdentityPools))
	}
	account, err := b.IdentityAccount()
	if err != nil {
		return nil, err
	}
	sealing, storage, err := demoKeys(now())
	if err != nil {
		return nil, err
	}
	store := identity.NewMemory()
	d := &demoLogin{bundle: b, mail: demoMail{}, client: b.UserPools[0].Clients[0].ID, pool: b.IdentityPools[0].ID}
	d.users, err = userpool.New(ctx, b.UserPoolConfigs(), userpool.Options{
		Store: store, Storage: storage, Sessions: sealing, Sender: d.mail, Now: now, Random: rand.Reader,
		Issuer: func(poolID string) string { return demoIssuer + "/" + poolID },
	})
	if err != nil {
		return nil, err
	}
	verifiers, err := d.verifiers(account, now)
	if err != nil {
		return nil, err
	}
	d.pools, err = identity.New(ctx, identity.Options{
		Account: account, Store: store, Sessions: sealing, Storage: storage, Verifiers: verifiers, Issuer: demoIssuer,
		Now: now, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	d.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: account, Keys: sealing, Store: store, Now: now})
	if err != nil {
		return nil, err
	}
	return d, d.sessions.Refresh(ctx)
}

func demoKeys(now time.Time) (sealing, storage *identity.Keyring, err error) {
	file, err := identity.GenerateKeys(rand.Reader, now)
	if err != nil {
		return nil, nil, err
	}
	s, k, err := identity.ParseKeys(file)
	if err != nil {
		return nil, nil, err
	}
	if sealing, err = identity.NewKeyring(s, rand.Reader); err != nil {
		return nil, nil, err
	}
	storage, err = identity.NewKeyring(k, rand.Reader)
	return sealing, storage, err
}

// verifiers of the identity pool's providers. The demo calls nobody, so it has
// no keys of others and takes none of their tokens.
func (d *demoLogin) verifiers(a *identity.Account, now func() time.Time) (map[string]identity.Verifier, error) {
	out := map[string]identity.Verifier{}
	own := d.bundle.UserPools[0].ID
	for _, p := range a.Pools[d.pool].Providers {
		if p.Kind == identity.UserPoolProvider && strings.HasSuffix(p.Name, "/"+own) {
			d.key = p.Name
			out[p.Name] = d.users.Verifier(own, p.Name)
			continue
		}
		v, err := identity.NewOIDCVerifier(a.Issuer(p.Name), oidc.NewKeySet(), now, 0)
		if err != nil {
			return nil, err
		}
		out[p.Name] = v
	}
	return out, nil
}

// demoUser is somebody who signed in, with what that gave them.
type demoUser struct {
	name, code, identityID string
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
	return u, d.exchange(ctx, u, string(in.AuthenticationResult.IDToken))
}

// exchange turns an ID token into an identity, credentials and a caller.
func (d *demoLogin) exchange(ctx context.Context, u *demoUser, token string) error {
	logins := map[string]string{d.key: token}
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

// printLogin tells the story of a login, and explains the denial at its end.
func (c *console) printLogin(ctx context.Context, b *bundle.Bundle) error {
	d, err := newDemoLogin(ctx, b, c.now)
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
	return c.askDemo(d, alice, bob)
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
