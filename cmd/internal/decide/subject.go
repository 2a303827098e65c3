package decide

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// subject is who asks, as far as policies know.
type subject struct {
	caller *engine.Caller
	// session is the id of the session, identity the id at its pool; both may be
	// empty.
	session, identity string
	// of is the session itself; nil for a user.
	of *identity.Session
	// expires is when the credentials end; zero if they do not.
	expires time.Time
	// steady says that nothing of the caller changes by the passing of time.
	steady bool
}

// subject finds out who asks.
func (s *session) subject(ctx context.Context, of *rowanv1.Subject) (*subject, error) {
	switch of := of.GetSubject().(type) {
	case *rowanv1.Subject_Session:
		return s.force.session(ctx, of.Session.GetAccessKeyId(), of.Session.GetToken())
	case *rowanv1.Subject_IdToken:
		return s.force.login(ctx, of.IdToken, s.now)
	case *rowanv1.Subject_Principal:
		if !s.by.Has(bundle.AssertRight) {
			return nil, lacks(bundle.AssertRight)
		}
		return s.force.asserted(of.Principal, s.now)
	}
	return nil, status.Error(codes.InvalidArgument, "the question has no subject")
}

// session opens temporary credentials.
func (x *inForce) session(ctx context.Context, accessKeyID, token string) (*subject, error) {
	s, err := x.Sessions.Open(ctx, accessKeyID, token)
	if err != nil {
		return nil, x.sessionError(err)
	}
	return x.opened(s)
}

// opened returns the subject of a session that Open returned.
func (x *inForce) opened(s *identity.Session) (*subject, error) {
	caller, err := x.Sessions.Caller(s)
	if err != nil {
		return nil, x.sessionError(err)
	}
	return &subject{caller: caller, of: s, session: s.ID, identity: s.IdentityID, expires: s.Expires, steady: !s.MFA}, nil
}

// sessionError says why a session does not count, without saying more than an
// outsider may know.
func (x *inForce) sessionError(err error) error {
	x.metrics.TokenFailed(err)
	switch {
	case errors.Is(err, identity.ErrSessionExpired):
		return status.Error(codes.Unauthenticated, "the session token has expired")
	case errors.Is(err, identity.ErrSessionRevoked):
		return status.Error(codes.Unauthenticated, "the session was revoked")
	case errors.Is(err, identity.ErrRevocationsStale):
		return status.Error(codes.Unavailable, "revocations cannot be read, so no session can be trusted")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Unauthenticated, "the session token is not valid for this access key id")
}

// maxTags is how many tags a session has. Source: IAM User Guide, "IAM and AWS
// STS quotas".
const maxTags = 50

// asserted makes the subject that a service vouches for.
func (x *inForce) asserted(p *rowanv1.Principal, now time.Time) (*subject, error) {
	if strings.HasPrefix(p.GetPrincipal(), "arn:"+x.Account.Partition+":iam::"+x.Account.ID+":user/") {
		return x.user(p)
	}
	role, err := x.role(p.GetPrincipal())
	if err != nil {
		return nil, err
	}
	s := &identity.Session{
		Account: x.Account.ID, Partition: x.Account.Partition, RoleARN: role.ARN, RoleID: role.UniqueID,
		SessionName: p.GetSessionName(), IssuedAt: now, Expires: now.Add(time.Hour),
	}
	if s.SessionName == "" {
		s.SessionName = bundle.SessionName
	}
	if err := x.inPool(s, p); err != nil {
		return nil, err
	}
	if len(p.GetTags()) > maxTags {
		return nil, status.Errorf(codes.InvalidArgument, "the principal has more than %d tags", maxTags)
	}
	for _, k := range slices.Sorted(maps.Keys(p.GetTags())) {
		s.Tags = append(s.Tags, identity.Tag{Key: k, Value: p.GetTags()[k]})
	}
	caller, err := x.Account.Caller(s, now)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the principal is none: %v", err)
	}
	return &subject{caller: caller, of: s, identity: s.IdentityID, steady: true}, nil
}

// inPool puts the session into the identity pool that the principal names.
func (x *inForce) inPool(s *identity.Session, p *rowanv1.Principal) error {
	if p.GetIdentityId() == "" {
		if p.GetIdentityPool() != "" || len(p.GetAmr()) > 0 {
			return status.Error(codes.InvalidArgument, "a principal with an identity pool or amr has an identity id")
		}
		return nil
	}
	pool, err := x.pool(p.GetIdentityPool())
	if err != nil {
		return err
	}
	s.IdentityID, s.PoolID, s.AMR = p.GetIdentityId(), pool, p.GetAmr()
	if len(s.AMR) == 0 {
		s.AMR = []string{"authenticated"}
	}
	s.Authenticated = s.AMR[0] == "authenticated"
	if !s.Authenticated && s.AMR[0] != "unauthenticated" {
		return status.Error(codes.InvalidArgument, `the first of a principal's amr is "authenticated" or "unauthenticated"`)
	}
	return nil
}

// role finds a role by its name or ARN.
func (x *inForce) role(name string) (*identity.Role, error) {
	if strings.HasPrefix(name, "arn:") {
		if r, ok := x.Account.Roles[name]; ok {
			return r, nil
		}
	} else if r, ok := x.Bundle.Role(name); ok {
		return x.Account.Roles[r.ARN], nil
	}
	return nil, status.Errorf(codes.InvalidArgument, "no role and no user %.200q in the bundle", name)
}

// pool finds an identity pool by its id; an empty one means the only pool.
func (x *inForce) pool(id string) (string, error) {
	if id != "" {
		if _, ok := x.Account.Pools[id]; ok {
			return id, nil
		}
		return "", status.Errorf(codes.InvalidArgument, "no identity pool %.100q in the bundle", id)
	}
	if len(x.Account.Pools) != 1 {
		return "", status.Errorf(codes.InvalidArgument, "the bundle has %d identity pools: name one", len(x.Account.Pools))
	}
	for id := range x.Account.Pools {
		return id, nil
	}
	return "", fmt.Errorf("unreachable")
}

// user returns a user of the account.
func (x *inForce) user(p *rowanv1.Principal) (*subject, error) {
	if p.GetSessionName() != "" || p.GetIdentityId() != "" || p.GetIdentityPool() != "" || len(p.GetAmr()) > 0 || len(p.GetTags()) > 0 {
		return nil, status.Error(codes.InvalidArgument, "a user has no session, identity or tags of its own")
	}
	for _, a := range x.Account.Administrators {
		if a.ARN != p.GetPrincipal() {
			continue
		}
		caller, err := x.Account.AdministratorCaller(a)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "the principal is none: %v", err)
		}
		return &subject{caller: caller, steady: true}, nil
	}
	return nil, status.Errorf(codes.InvalidArgument, "no role and no user %.200q in the bundle", p.GetPrincipal())
}
