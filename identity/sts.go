package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/internal/strictjson"
)

// AssumeRoleWithWebIdentityInput takes a token of a registered issuer, or of
// an identity pool, to a role. Source: identity-protocol §3.2.
type AssumeRoleWithWebIdentityInput struct {
	RoleARN, RoleSessionName string
	// Token is the WebIdentityToken.
	Token string
	// ProviderID is for two legacy providers, which are refused.
	ProviderID string
	// PolicyARNs and Policy are session policies; none and empty mean no limit.
	PolicyARNs []string
	Policy     string
	// DurationSeconds is 900 to 43200; nil means 3600.
	DurationSeconds *int64
}

// AssumeRoleWithWebIdentityOutput is the answer.
type AssumeRoleWithWebIdentityOutput struct {
	AssumedRole
	SubjectFromWebIdentityToken string
	Audience                    string
	Provider                    string
}

// AssumedRole is what both AssumeRole operations answer.
type AssumedRole struct {
	Credentials Credentials
	// AssumedRoleARN is arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION,
	// AssumedRoleID the role's unique id, a colon and the session's name.
	AssumedRoleARN, AssumedRoleID string
	// PackedPolicySize is a percentage; 0 if there are no policies and tags.
	PackedPolicySize int
	SourceIdentity   string
}

// LogValue is the role session alone.
func (a AssumedRole) LogValue() slog.Value { return slog.StringValue(a.AssumedRoleARN) }

// AssumeRoleWithWebIdentity makes credentials of a role for whoever the token
// names, if the role's trust policy agrees. Refusals have the codes of STS.
// Source: identity-protocol §3.2; iam-semantics §4.8.
func (p *Pools) AssumeRoleWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityInput) (*AssumeRoleWithWebIdentityOutput, error) {
	out, err := p.assumeWithWebIdentity(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "AssumeRoleWithWebIdentity", err)
	}
	return out, nil
}

func (p *Pools) assumeWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityInput) (*AssumeRoleWithWebIdentityOutput, error) {
	var f faults
	f.required("roleSessionName", in.RoleSessionName, sessionNameRule)
	f.required("webIdentityToken", in.Token, webTokenRule.hidden())
	seconds := f.assumption(in.RoleARN, in.Policy, in.PolicyARNs, in.DurationSeconds)
	if in.ProviderID != "" {
		f.add(shown(in.ProviderID), "providerId", "Member must not be given: the legacy OAuth 2.0 providers are not supported")
	}
	if err := f.err(STSValidationError); err != nil {
		return nil, err
	}
	now := p.now()
	w, err := p.webIdentity(ctx, in.Token, now)
	if err != nil {
		return nil, err
	}
	w.sessionName, w.action = in.RoleSessionName, actionWebIdentity
	role, err := p.assume(ctx, in.RoleARN, &w.federation, &limits{seconds, in.Policy, in.PolicyARNs}, now)
	if err != nil {
		return nil, err
	}
	return &AssumeRoleWithWebIdentityOutput{
		AssumedRole: *role, SubjectFromWebIdentityToken: w.session.Subject, Audience: w.audience, Provider: w.provider,
	}, nil
}

// assumption checks what both AssumeRole operations take, and returns the
// seconds.
func (f *faults) assumption(role, policy string, arns []string, seconds *int64) int64 {
	f.required("roleArn", role, roleRule)
	f.optional("policy", policy, policyRule.hidden())
	if len(arns) > maxPolicyARNs {
		f.add("of "+strconv.Itoa(len(arns))+" entries", "policyArns", "Member must have length less than or equal to "+strconv.Itoa(maxPolicyARNs))
	} else {
		for _, arn := range arns {
			f.required("policyArns", arn, roleRule)
		}
	}
	return f.number("durationSeconds", seconds, 900, 43200, 3600)
}

// federation is a proven federated user before it is known whether the role
// takes it.
type federation struct {
	assumption
	// session has what the login gives: who it is, and the keys that stay.
	session Session
	// spend uses up what can be used once; nil if there is nothing.
	spend func() error
}

// limits are what the client asks for itself.
type limits struct {
	seconds    int64
	policy     string
	policyARNs []string
}

// webIdentity is a federation by a token.
type webIdentity struct {
	federation
	audience, provider string
}

// webIdentity verifies a token. It is one of our pools' or of a provider that
// is registered in the account; iss only tells which of them is to verify it.
// Source: identity-protocol §3.2.
func (p *Pools) webIdentity(ctx context.Context, token string, now time.Time) (*webIdentity, error) {
	issuer, err := issuerOf(token)
	if err != nil {
		return nil, stsRefusal(RefuseToken(err))
	}
	if issuer == p.options.Issuer {
		return p.poolIdentity(ctx, token, now)
	}
	_, name, ok := strings.Cut(issuer, "://")
	if !ok {
		name = issuer // Google's second name
	}
	provider, ok := p.options.Account.OIDC[name]
	if !ok {
		return nil, Errorf(STSInvalidIdentityToken, "No OpenIDConnect provider found in your account for the issuer of the token.")
	}
	login, err := p.options.Verifiers[name].Verify(ctx, token, provider.Clients)
	if err != nil {
		return nil, stsRefusal(err)
	}
	w := &webIdentity{audience: login.Audience, provider: provider.ARN}
	if name == googleLogins {
		w.provider = googleLogins // a built-in issuer
	}
	w.principal, w.federated = w.provider, w.provider
	w.keys = slices.Concat(login.Keys, login.TrustKeys)
	if w.tags, w.transitive, err = claimedTags(login.Claims); err != nil {
		return nil, stsRefusal(RefuseToken(fmt.Errorf("%w: %w", oidc.ErrMalformed, err)))
	}
	if _, given := login.Claims[sourceIdentityClaim]; given {
		if w.sourceIdentity, ok = login.Claims.String(sourceIdentityClaim); !ok || !sessionName(w.sourceIdentity) {
			return nil, stsRefusal(RefuseToken(fmt.Errorf("%w: source identity", oidc.ErrMalformed)))
		}
	}
	w.session = Session{
		Provider: w.federated, Subject: login.Subject, Keys: login.Keys, MFA: login.MFA, AuthTime: login.AuthTime.Truncate(time.Second),
	}
	return w, nil
}

// sourceIdentityClaim is where a token says who is behind the session. Source:
// IAM User Guide, "Monitor and control actions taken with assumed roles".
const sourceIdentityClaim = "https://aws.amazon.com/source_identity"

// poolIdentity verifies a token of one of the pools: the second half of the
// basic flow, which the pool must allow. Whose token it is must still be there.
func (p *Pools) poolIdentity(ctx context.Context, token string, now time.Time) (*webIdentity, error) {
	own, err := p.verifyOwn(ctx, token, sortedKeys(p.options.Account.Pools))
	if err != nil {
		return nil, stsRefusal(err)
	}
	pool := p.options.Account.Pools[own.login.Audience]
	if pool == nil || !pool.ClassicFlow {
		return nil, Errorf(STSAccessDenied, "Not authorized to perform %s", actionWebIdentity).
			Because(fmt.Errorf("pool %s does not allow the basic flow", shown(own.login.Audience)))
	}
	alive, err := p.alive(ctx, pool, own, now)
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, Errorf(STSInvalidIdentityToken, "The identity of the token is not there any more.")
	}
	w := &webIdentity{audience: pool.ID, provider: poolPrincipal}
	w.principal, w.federated, w.keys = poolPrincipal, poolPrincipal, own.login.Keys
	w.tags, w.transitive = own.tags, own.transitive
	w.spend = func() error { return p.spend(ctx, pool, own) }
	w.session = Session{
		IdentityID: own.login.Subject, PoolID: pool.ID, Authenticated: own.amr[0] == authenticatedAMR, AMR: own.amr,
		Provider: poolPrincipal, Subject: own.login.Subject,
	}
	return w, nil
}

// alive reports whether a pool's token may still be used: its identity is
// enabled and, for a developer's user, still linked to them.
func (p *Pools) alive(ctx context.Context, pool *PoolConfig, own *ownToken, now time.Time) (bool, error) {
	var alive bool
	err := p.options.Store.View(ctx, func(tx Tx) error {
		r, err := loadIdentity(tx, own.login.Subject, now)
		if err != nil || r == nil {
			return err
		}
		guest := own.amr[0] == guestAMR
		alive = r.Enabled && r.Pool == pool.ID && r.guest() == guest && (!guest || pool.Unauthenticated != "")
		if own.by(pool.DeveloperProvider) {
			holder, err := own.holder(tx, pool, now)
			alive = alive && holder != nil
			return err
		}
		return nil
	})
	return alive, err
}

// issuerOf reads iss without believing it.
func issuerOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("%w: not three parts", oidc.ErrMalformed)
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("%w: payload is no base64url", oidc.ErrMalformed)
	}
	claims, err := strictjson.Object(payload, strictjson.Limits{})
	if err != nil {
		return "", fmt.Errorf("%w: payload: %w", oidc.ErrMalformed, err)
	}
	issuer, ok := oidc.Claims(claims).String("iss")
	if !ok {
		return "", &oidc.MissingClaimError{Claim: "iss"}
	}
	return issuer, nil
}

// stsRefusal turns the refusal of a login into the one that STS has for it.
// Source: identity-protocol §3.2.
func stsRefusal(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != NotAuthorized && e.Code != ExternalService {
		return err
	}
	code := STSInvalidIdentityToken
	switch {
	case e.Code == ExternalService:
		code = STSCommunicationError
	case errors.Is(err, oidc.ErrExpired):
		code = STSExpiredToken
	case errors.Is(err, oidc.ErrAudience):
		code = STSRejectedClaim
	}
	return Errorf(code, "%s", e.Message).Because(err)
}

// assume asks the role's trust policy and makes the session. Source:
// identity-protocol §3.2, "Checks in order".
func (p *Pools) assume(ctx context.Context, arn string, x *federation, l *limits, now time.Time) (*AssumedRole, error) {
	denied := func(action string, cause error) error {
		return Errorf(STSAccessDenied, "Not authorized to perform %s", action).Because(cause)
	}
	role := p.options.Account.Roles[arn]
	if role == nil { // which roles there are is not told
		return nil, denied(x.action, fmt.Errorf("no role %s", shown(arn)))
	}
	x.role = role
	refused, err := p.trust(ctx, &x.assumption, now)
	if err != nil || refused != "" {
		return nil, denied(refused, errors.Join(err, fmt.Errorf("trust policy of %s", role.ARN)))
	}
	life := time.Duration(l.seconds) * time.Second
	if life > role.maxSession() {
		return nil, Errorf(STSValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	s := x.session
	s.Account, s.Partition, s.RoleARN, s.RoleID = p.options.Account.ID, p.options.Account.Partition, role.ARN, role.UniqueID
	s.SessionName, s.SourceIdentity, s.Tags, s.TransitiveTags = x.sessionName, x.sourceIdentity, x.tags, x.transitive
	s.IssuedAt = now.Truncate(time.Second)
	s.Expires = s.IssuedAt.Add(life)
	if s.Policies, err = p.sessionPolicies(l); err != nil {
		return nil, err
	}
	packed := packedSize(&s)
	if packed > 100 {
		return nil, tooLarge()
	}
	if x.spend != nil {
		if err := x.spend(); err != nil {
			return nil, stsRefusal(err)
		}
	}
	credentials, err := p.mint(ctx, &s, x.principal, now)
	if errors.Is(err, ErrSessionSize) {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, err
	}
	name := role.ARN[strings.LastIndexByte(role.ARN, '/')+1:]
	return &AssumedRole{
		Credentials: credentials, PackedPolicySize: packed, SourceIdentity: s.SourceIdentity,
		AssumedRoleARN: "arn:" + s.Partition + ":sts::" + s.Account + ":assumed-role/" + name + "/" + s.SessionName,
		AssumedRoleID:  role.UniqueID + ":" + s.SessionName,
	}, nil
}

func tooLarge() *Error {
	return Errorf(STSPackedPolicyTooLarge, "The session policies and tags are too large.")
}

// Bounds of session policies. Source: identity-protocol §3.2.
const (
	maxPolicyARNs = 10
	packedLimit   = 4096 // bytes of session policies and tags together
)

// packedSize says how much of the limit the policies and tags of a session
// take, in percent, rounded up.
func packedSize(s *Session) int {
	n := 0
	for _, text := range s.Policies {
		n += len(text)
	}
	for _, t := range s.Tags {
		n += len(t.Key) + len(t.Value)
	}
	return (n*100 + packedLimit - 1) / packedLimit
}

// sessionPolicies reads the session policies of a call; nil if it has none.
func (p *Pools) sessionPolicies(l *limits) ([]string, error) {
	var texts []string
	if l.policy != "" {
		if err := p.checkSessionPolicy("Policy", l.policy); err != nil {
			return nil, Errorf(STSMalformedPolicyDocument, "The policy is not valid: %s", shown(err.Error())).Because(err)
		}
		texts = append(texts, l.policy)
	}
	for _, arn := range l.policyARNs {
		text, ok := p.options.Account.Policies[arn]
		if !ok {
			return nil, Errorf(STSValidationError, "There is no policy %s.", shown(arn))
		}
		if err := p.checkSessionPolicy(arn, text); err != nil {
			return nil, Errorf(STSMalformedPolicyDocument, "The policy %s is not valid as a session policy.", shown(arn)).Because(err)
		}
		texts = append(texts, text)
	}
	return texts, nil
}
