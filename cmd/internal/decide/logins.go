package decide

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/identity"
)

// maxLogins is how many exchanged tokens are kept, and maxIDToken how long one
// may be.
const (
	maxLogins  = 10_000
	maxIDToken = 16 << 10
)

// logins keeps the sessions that tokens of identity providers were exchanged
// for. A token is exchanged once and its session used while both last;
// revocations are asked for each time, since the session is opened each time.
type logins struct {
	pools  *identity.Pools
	flight singleflight.Group

	mu     sync.Mutex
	byName map[loginName]*list.Element
	recent *list.List // of exchanged, the last used first
}

// loginName is the hash of a pool, a provider and a token.
type loginName [sha256.Size]byte

// exchanged is a token's session.
type exchanged struct {
	name               loginName
	accessKeyID, token string
	// until is when the token or the session ends.
	until time.Time
}

func newLogins(p *identity.Pools) *logins {
	return &logins{pools: p, byName: make(map[loginName]*list.Element), recent: list.New()}
}

func nameLogin(pool, provider, token string) loginName {
	h := sha256.New()
	for _, s := range []string{pool, provider, token} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(s)))
		h.Write(size[:])
		h.Write([]byte(s))
	}
	return loginName(h.Sum(nil))
}

// login exchanges a token for a session, or takes the one that it was exchanged
// for before.
func (x *inForce) login(ctx context.Context, in *rowanv1.IdToken, now time.Time) (*subject, error) {
	if in.GetToken() == "" || len(in.GetToken()) > maxIDToken {
		return nil, status.Errorf(codes.InvalidArgument, "an ID token has 1 to %d bytes", maxIDToken)
	}
	pool, err := x.pool(in.GetIdentityPool())
	if err != nil {
		return nil, err
	}
	provider := in.GetProvider()
	if provider == "" {
		if provider = x.ProviderOf(pool, issuerOf(in.GetToken())); provider == "" {
			x.metrics.TokenFailure("invalid")
			return nil, status.Error(codes.Unauthenticated, "the ID token is of no provider of the identity pool, or does not say of which")
		}
	}
	name := nameLogin(pool, provider, in.GetToken())
	if e, ok := x.logins.get(name, now); ok {
		s, err := x.session(ctx, e.accessKeyID, e.token)
		if status.Code(err) == codes.Unauthenticated {
			x.logins.remove(name) // it may be exchanged anew
		}
		return s, err
	}
	e, err := x.logins.exchange(ctx, name, pool, provider, in.GetToken(), now)
	if err != nil {
		if status.Code(err) == codes.Unauthenticated { // and not that nobody could check it
			x.metrics.TokenFailure("invalid")
		}
		return nil, err
	}
	return x.session(ctx, e.accessKeyID, e.token)
}

// issuerOf reads who a token says it is of, which the verifier of that provider
// will check.
func issuerOf(token string) string {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return ""
	}
	return claims.Issuer
}

// exchange asks the identity pool. Many questions with one new token ask once.
func (l *logins) exchange(ctx context.Context, name loginName, pool, provider, token string, now time.Time) (*exchanged, error) {
	v, err, _ := l.flight.Do(string(name[:]), func() (any, error) {
		own := context.WithoutCancel(ctx) // others wait for it
		own, cancel := context.WithTimeout(own, exchangeWithin)
		defer cancel()
		logins := map[string]string{provider: token}
		id, err := l.pools.GetID(own, &identity.GetIDInput{IdentityPoolID: pool, Logins: logins})
		if err != nil {
			return nil, loginError(err)
		}
		out, err := l.pools.GetCredentialsForIdentity(own, &identity.GetCredentialsForIdentityInput{IdentityID: id.IdentityID, Logins: logins})
		if err != nil {
			return nil, loginError(err)
		}
		e := &exchanged{
			name: name, accessKeyID: out.Credentials.AccessKeyID, token: out.Credentials.Token,
			until: tokenEnd(token, out.Credentials.Expires),
		}
		if now.Before(e.until) {
			l.put(e)
		}
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	e, ok := v.(*exchanged)
	if !ok {
		return nil, status.Error(codes.Internal, "no session")
	}
	return e, nil
}

// exchangeWithin bounds an exchange, for which a provider may be asked.
const exchangeWithin = 20 * time.Second

// tokenEnd is the earlier of the end of the token and of its session: a session
// outlives its token at an identity pool, but a question that brings the token
// is not to.
func tokenEnd(token string, session time.Time) time.Time {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err == nil && claims.ExpiresAt != nil && claims.ExpiresAt.Before(session) {
		return claims.ExpiresAt.Time
	}
	return session
}

// loginError is what a calling service is told of a login that failed.
func loginError(err error) error {
	var e *identity.Error
	switch {
	case !errors.As(err, &e):
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return status.FromContextError(err).Err()
		}
		return status.Error(codes.Unavailable, "the login could not be checked")
	case e.Code == identity.InternalError || e.Code == identity.ExternalService:
		return status.Error(codes.Unavailable, "the login could not be checked: "+e.Message)
	case e.Code == identity.TooManyRequests:
		return status.Error(codes.ResourceExhausted, e.Message)
	}
	return status.Error(codes.Unauthenticated, e.Message)
}

func (l *logins) get(name loginName, now time.Time) (*exchanged, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	el, ok := l.byName[name]
	if !ok {
		return nil, false
	}
	e, ok := el.Value.(*exchanged)
	if !ok || !now.Before(e.until) {
		l.recent.Remove(el)
		delete(l.byName, name)
		return nil, false
	}
	l.recent.MoveToFront(el)
	return e, true
}

func (l *logins) put(e *exchanged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el, ok := l.byName[e.name]; ok {
		l.recent.Remove(el)
	}
	l.byName[e.name] = l.recent.PushFront(e)
	for l.recent.Len() > maxLogins {
		if last, ok := l.recent.Remove(l.recent.Back()).(*exchanged); ok {
			delete(l.byName, last.name)
		}
	}
}

func (l *logins) remove(name loginName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el, ok := l.byName[name]; ok {
		l.recent.Remove(el)
		delete(l.byName, name)
	}
}
