package saml

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// Options are what every verifier needs.
type Options struct {
	// Store remembers which assertions were used. Now is the clock.
	Store identity.Store
	Now   func() time.Time
}

// Verifier proves logins of one SAML provider: it is an identity.Verifier and
// an identity.Spender. It may be shared.
type Verifier struct {
	options    Options
	arn        string
	account    string
	name       string
	metadata   *metadata
	audience   string
	recipients []string
}

// NewVerifier returns the verifier of a registered provider. It refuses
// metadata that does not say unmistakably who signs, and a provider without an
// audience or a recipient, as any assertion would be for it.
func NewVerifier(p *identity.SAMLProvider, o Options) (*Verifier, error) {
	parts := strings.Split(p.ARN, ":")
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "saml-provider/") {
		return nil, fmt.Errorf("%q is no ARN of a SAML provider", p.ARN)
	}
	if o.Store == nil || o.Now == nil {
		return nil, errors.New("no store or no clock")
	}
	if p.Audience == "" || len(p.Recipients) == 0 || slices.Contains(p.Recipients, "") {
		return nil, fmt.Errorf("%s: no audience or no recipients", p.ARN)
	}
	m, err := parseMetadata(p.Metadata)
	if err != nil {
		return nil, fmt.Errorf("%s: metadata: %w", p.ARN, err)
	}
	return &Verifier{
		options: o, arn: p.ARN, account: parts[4], name: strings.TrimPrefix(parts[5], "saml-provider/"),
		metadata: m, audience: p.Audience, recipients: slices.Clone(p.Recipients),
	}, nil
}

// Verify proves a login by a response in base64, which the provider must have
// begun; clients do not matter. The login's Claims are the attributes, its
// Audience the recipient, as saml:aud is. Verify changes nothing: a login must
// go through Spend before it is used. See identity.Verifier.
func (v *Verifier) Verify(_ context.Context, token string, _ []string) (*identity.Login, error) {
	a, err := v.read(token, v.options.Now())
	if err != nil {
		return nil, refuse(err)
	}
	login := &identity.Login{
		Provider: v.arn, Subject: a.subject, Issuer: v.metadata.entity, Audience: a.recipient,
		Claims: a.claims(), AuthTime: a.authenticated, Expires: a.expires, SessionExpires: a.sessionEnds, ID: a.id,
	}
	login.Keys, login.TrustKeys = v.contextKeys(a)
	return login, nil
}

func (v *Verifier) read(token string, now time.Time) (*assertion, error) {
	if until := v.metadata.validUntil; !until.IsZero() && !now.Before(until) {
		return nil, fmt.Errorf("%w: the provider's metadata is valid until %s", oidc.ErrSignature, until.Format(time.RFC3339))
	}
	response, err := decode(token)
	if err != nil {
		return nil, err
	}
	x := &expect{issuer: v.metadata.entity, audience: v.audience, recipients: v.recipients, now: now}
	if err := checkResponse(response, x); err != nil {
		return nil, err
	}
	covered, err := verify(response, v.metadata.certificates, now)
	if err != nil {
		return nil, err
	}
	return readAssertion(covered, x)
}

// refuse is the answer to a response that err was found in.
func refuse(err error) error {
	for _, known := range []error{oidc.ErrExpired, oidc.ErrNotYet, oidc.ErrIssuer, oidc.ErrAudience, oidc.ErrSignature} {
		if errors.Is(err, known) {
			return identity.RefuseToken(err)
		}
	}
	return identity.Errorf(identity.NotAuthorized, "Invalid login token. Not a valid SAML response.").Because(err)
}

// contextKeys returns the context keys that stay in a session, and those that
// only a trust policy sees. saml:aud is the recipient, not the audience. Source:
// iam-semantics §5.4; IAM User Guide, "Available keys for SAML-based AWS STS
// federation".
func (v *Verifier) contextKeys(a *assertion) (session, trust []identity.ContextKey) {
	key := func(name, value string) identity.ContextKey {
		return identity.ContextKey{Name: "saml:" + name, Values: []string{value}}
	}
	session = []identity.ContextKey{
		key("sub", a.subject), key("sub_type", "persistent"), key("namequalifier", v.nameQualifier()),
	}
	trust = slices.Concat([]identity.ContextKey{
		key("aud", a.recipient), key("iss", v.metadata.entity), key("doc", v.account+"/"+v.name),
	}, a.attributeKeys())
	return session, trust
}

// nameQualifier tells providers apart for whoever sees only the subject. AWS
// says SHA-1, and nothing relies on its strength.
func (v *Verifier) nameQualifier() string {
	sum := sha1.Sum([]byte(v.metadata.entity + v.account + "/" + v.name))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// kindAssertion are the assertions that were used.
const kindAssertion = "assertion"

// Spend ties an assertion to where it is first used: an identity pool, in which
// it stays good until it ends, or STS ("") where it is good once. Anything else
// is refused. See identity.Spender.
func (v *Verifier) Spend(ctx context.Context, login *identity.Login, pool string) error {
	if login.Provider != v.arn || !validID(login.ID) || login.Expires.IsZero() {
		return fmt.Errorf("no login of %s", v.arn)
	}
	issuer := sha256.Sum256([]byte(v.metadata.entity))
	used := identity.Record{
		Kind: kindAssertion, Key: hex.EncodeToString(issuer[:]) + "/" + login.ID,
		Value: []byte(pool), Expires: login.Expires.Add(skew + identity.MaxClockSkew),
	}
	err := v.options.Store.Update(ctx, func(tx identity.Tx) error {
		before, err := tx.Get(used.Kind, used.Key)
		switch {
		case errors.Is(err, identity.ErrNoRecord):
			return tx.Insert(used)
		case err != nil:
			return err
		case pool == "" || string(before.Value) != pool:
			return errUsed
		}
		return nil
	})
	if errors.Is(err, errUsed) {
		return identity.Errorf(identity.NotAuthorized, "Token is inactive").Because(err)
	}
	return err
}

var errUsed = errors.New("the assertion was used before")
