package identity

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Credentials are temporary. They print as "[secret]", but for their JSON,
// which is the wire form of identity pools: AccessKeyId, SecretKey,
// SessionToken and Expiration as epoch seconds. Source: identity-protocol §1.3.
type Credentials struct {
	AccessKeyID string
	Secret      Secret
	Token       string
	Expires     time.Time
}

// MarshalJSON gives the secret away: it is the answer to whoever asked for it.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		AccessKeyID  string `json:"AccessKeyId"`
		SecretKey    string
		SessionToken string
		Expiration   Epoch
	}{c.AccessKeyID, string(c.Secret.Reveal()), c.Token, Epoch(c.Expires)})
}

// Format prints the access key id alone, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s [secret]", c.AccessKeyID)
}

// LogValue is the access key id alone.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// GetCredentialsForIdentityInput asks for credentials of an identity's role.
type GetCredentialsForIdentityInput struct {
	// CustomRoleARN chooses among the roles that the logins' mapping gives.
	CustomRoleARN string            `json:"CustomRoleArn,omitempty"`
	IdentityID    string            `json:"IdentityId"`
	Logins        map[string]string `json:"Logins,omitempty"`
}

// GetCredentialsForIdentityOutput is the answer of GetCredentialsForIdentity.
// IdentityID may differ from the one sent, after a merge.
type GetCredentialsForIdentityOutput struct {
	IdentityID  string      `json:"IdentityId"`
	Credentials Credentials `json:"Credentials"`
}

// LogValue is the identity alone.
func (o *GetCredentialsForIdentityOutput) LogValue() slog.Value {
	return slog.StringValue(shortID(o.IdentityID))
}

// GetCredentialsForIdentity makes credentials that last an hour, or as long as
// the provider's own session if that ends before: the enhanced flow. Source:
// identity-protocol §1.7.
func (p *Pools) GetCredentialsForIdentity(ctx context.Context, in *GetCredentialsForIdentityInput) (*GetCredentialsForIdentityOutput, error) {
	out, err := p.getCredentials(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "GetCredentialsForIdentity", err)
	}
	return out, nil
}

// The session of the enhanced flow. Source: identity-protocol §1.7.
const (
	poolSessionName = "CognitoIdentityCredentials"
	poolSessionLife = time.Hour
)

func (p *Pools) getCredentials(ctx context.Context, in *GetCredentialsForIdentityInput) (*GetCredentialsForIdentityOutput, error) {
	var f faults
	f.optional("customRoleArn", in.CustomRoleARN, roleRule)
	f.required("identityId", in.IdentityID, idRule)
	f.logins(in.Logins, false)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	now := p.now()
	pool, err := p.poolOf(ctx, in.IdentityID, now)
	if err != nil {
		return nil, err
	}
	id, proofs, err := p.enter(ctx, pool, in.IdentityID, in.Logins, now)
	if err != nil {
		return nil, err
	}
	plan, err := p.plan(ctx, pool, id, proofs, in.CustomRoleARN, now)
	if err != nil {
		return nil, err
	}
	for i := range proofs {
		if own := proofs[i].own; own != nil {
			if err := p.spend(ctx, pool, own); err != nil {
				return nil, err
			}
		}
	}
	credentials, err := p.mint(ctx, plan.session, poolPrincipal, now)
	if err != nil {
		return nil, err
	}
	return &GetCredentialsForIdentityOutput{IdentityID: id, Credentials: credentials}, nil
}

// enter lets a client in to an identity: by its logins, or by its id alone if
// it is a guest's. The identity may be another one after a merge.
func (p *Pools) enter(ctx context.Context, pool *PoolConfig, id string, logins map[string]string, now time.Time) (string, []proof, error) {
	if len(logins) == 0 {
		_, err := p.enterAsGuest(ctx, pool, id, now)
		return id, nil, err
	}
	proofs, err := p.prove(ctx, pool, logins)
	if err != nil {
		return "", nil, err
	}
	r, err := p.settle(ctx, &question{pool: pool, id: id, proofs: proofs, now: now})
	if err != nil {
		return "", nil, err
	}
	return r.identity.ID, proofs, nil
}

// plan is a session of the enhanced flow before it is made, with how it came
// to be.
type plan struct {
	choice  roleChoice
	tags    []TagTrace
	session *Session
	// assumption is what the role's trust policy is asked about.
	assumption *assumption
}

// plan chooses the role, gathers the tags and asks the trust policy. With an
// error it holds what was found out until then. Source: identity-protocol §1.7.
func (p *Pools) plan(ctx context.Context, pool *PoolConfig, id string, proofs []proof, custom string, now time.Time) (*plan, error) {
	x := &plan{choice: chooseRole(pool, proofs, custom)}
	given, transitive := ownTags(proofs)
	tags, traces, err := mapTags(given, proofs)
	x.tags = traces
	if x.choice.err != nil {
		return x, x.choice.err
	}
	role := p.options.Account.Roles[x.choice.role]
	if role == nil {
		return x, badRoles("no role " + x.choice.role + " in the account")
	}
	if err != nil {
		return x, err
	}
	x.session = &Session{
		Account: p.options.Account.ID, Partition: p.options.Account.Partition,
		RoleARN: role.ARN, RoleID: role.UniqueID, SessionName: poolSessionName,
		IdentityID: id, PoolID: pool.ID, Authenticated: len(proofs) > 0, AMR: p.sessionAMR(pool, proofs),
		Provider: poolPrincipal, Subject: id,
		Tags: tags, TransitiveTags: transitive,
		IssuedAt: now.Truncate(time.Second), Expires: sessionEnd(now, min(poolSessionLife, role.maxSession()), proofs),
	}
	if !x.session.Expires.After(x.session.IssuedAt) {
		return x, Errorf(NotAuthorized, "Invalid login token. The session of the provider has ended.")
	}
	if len(proofs) == 0 && pool.GuestPolicy != "" {
		x.session.Policies = []string{pool.GuestPolicy}
	}
	x.session.MFA, x.session.AuthTime = authentication(proofs)
	x.assumption = &assumption{
		role: role, principal: poolPrincipal, federated: poolPrincipal, action: actionWebIdentity,
		keys: poolKeys(x.session), sessionName: poolSessionName, tags: tags, transitive: transitive,
	}
	refused, err := p.trust(ctx, x.assumption, now)
	if err != nil {
		return x, badRoles(err.Error())
	}
	if refused != "" {
		return x, badRoles("the trust policy of " + role.ARN + " does not allow " + refused)
	}
	return x, nil
}

// sessionEnd is when a session of the life ends: with a provider's own at the
// latest, as at STS.
func sessionEnd(now time.Time, life time.Duration, proofs []proof) time.Time {
	end := now.Truncate(time.Second).Add(life)
	for i := range proofs {
		if e := proofs[i].login.SessionExpires; !e.IsZero() && e.Before(end) {
			end = e.Truncate(time.Second)
		}
	}
	return end
}

// poolKeys are the context keys of a pool's identity.
func poolKeys(s *Session) []ContextKey {
	return []ContextKey{
		{poolPrincipal + ":sub", []string{s.IdentityID}},
		{poolPrincipal + ":aud", []string{s.PoolID}},
		{poolPrincipal + ":amr", s.AMR},
	}
}

// maxSession is how long a session of the role lasts at most: an hour unless
// the role says otherwise.
func (r *Role) maxSession() time.Duration {
	if r.MaxSession <= 0 {
		return time.Hour
	}
	return r.MaxSession.Truncate(time.Second)
}

// authentication says whether every login used a second factor, and when the
// first of them was; zero if one does not say.
func authentication(proofs []proof) (mfa bool, at time.Time) {
	mfa = len(proofs) > 0
	for i := range proofs {
		l := proofs[i].login
		mfa = mfa && l.MFA
		if i == 0 || l.AuthTime.Before(at) {
			at = l.AuthTime
		}
	}
	return mfa, at.Truncate(time.Second)
}

// mint makes the credentials of a session that a provider's login led to.
// Source: identity-protocol §3.1.
func (p *Pools) mint(ctx context.Context, s *Session, provider string, now time.Time) (Credentials, error) {
	random, err := p.random(10 + 30 + 16)
	if err != nil {
		return Credentials{}, err
	}
	s.AccessKeyID = "ASIA" + base32.StdEncoding.EncodeToString(random[:10])
	s.Secret = NewSecret([]byte(base64.StdEncoding.EncodeToString(random[10:40])))
	s.ID = hex.EncodeToString(random[40:])
	token, err := p.options.Sessions.SealSession(now, s)
	if err != nil {
		return Credentials{}, err
	}
	e := Event{
		Name: EventIssue, Time: now, Pool: s.PoolID, Identity: s.IdentityID, Role: s.RoleARN, Session: s.ID,
		AccessKeyID: s.AccessKeyID, Providers: []string{provider},
	}
	if s.PoolID != "" && !s.Authenticated {
		e.Identity = shortID(s.IdentityID)
	}
	p.audit(ctx, e)
	return Credentials{AccessKeyID: s.AccessKeyID, Secret: s.Secret, Token: token, Expires: s.Expires}, nil
}
