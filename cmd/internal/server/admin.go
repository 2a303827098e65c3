package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
	"github.com/rowan-authz/rowan/identity"
)

// Operations that AWS does not have: JSON over POST, signed for the service
// "rowan" by someone whose policies allow rowan:Whoami, rowan:LookupIdentity,
// rowan:RevokeSessions or rowan:GetUsage.
const (
	adminService = "rowan"
	adminPrefix  = "/admin/"
)

// adminNames are the operations by what follows /admin/ in the path.
var adminNames = map[string]string{
	"whoami":            "Whoami",
	"identities/lookup": "LookupIdentity",
	"sessions/revoke":   "RevokeSessions",
	"usage":             "GetUsage",
}

func newAdminService(d *Deployment) *service {
	const pool = "IdentityPoolId"
	lookup := signed(d.lookupIdentity, pool)
	lookup.optional = true
	return &service{name: adminService, operations: map[string]*operation{
		"Whoami":         signed(d.whoami, pool),
		"LookupIdentity": lookup,
		"RevokeSessions": signed(d.revokeSessions, ""),
		"GetUsage":       signed(d.getUsage, ""),
	}}
}

// callAdmin answers a request of an administrator.
func (x *exchange) callAdmin(path string) {
	x.contentType = applicationJSON
	name, ok := adminNames[path]
	switch {
	case !ok:
		x.fail(notFound())
		return
	case x.r.Method != http.MethodPost:
		x.w.Header().Set("Allow", http.MethodPost)
		f := badRequest("UnknownOperationException", "The method must be POST.")
		f.status = http.StatusMethodNotAllowed
		x.fail(f)
		return
	case mediaType(x.r.Header) != x.contentType:
		x.fail(badRequest("UnknownOperationException", "The Content-Type must be %s.", x.contentType))
		return
	}
	x.service, x.operation = adminService, name
	out, err := x.perform(x.admin, name, x.admin.operations[name])
	if err != nil {
		x.fail(err)
		return
	}
	x.replyJSON(out)
}

type whoamiInput struct {
	IdentityPoolID string            `json:"IdentityPoolId"`
	Logins         map[string]string `json:"Logins"`
}

func (d *Deployment) whoami(ctx context.Context, in *whoamiInput) (*identity.Lens, error) {
	return d.Pools.Lens(ctx, in.IdentityPoolID, in.Logins)
}

type lookupInput struct {
	IdentityPoolID string `json:"IdentityPoolId"`
	Provider       string
	Subject        string
	IdentityID     string `json:"IdentityId"`
}

// identityAnswer is an identity with its logins and their subjects.
type identityAnswer struct {
	IdentityID string          `json:"identityId"`
	Pool       string          `json:"pool"`
	Created    identity.Epoch  `json:"created"`
	Modified   identity.Epoch  `json:"modified"`
	Links      []identity.Link `json:"links"`
	Disabled   bool            `json:"disabled,omitempty"`
	MergedInto string          `json:"mergedInto,omitempty"`
}

// lookupIdentity finds an identity by a login, or by its id; the pool limits
// both.
func (d *Deployment) lookupIdentity(ctx context.Context, in *lookupInput) (*identityAnswer, error) {
	id := in.IdentityID
	if (id == "") == (in.Subject == "") {
		return nil, identity.Errorf(identity.InvalidParameter, "Give either IdentityId, or IdentityPoolId, Provider and Subject.")
	}
	if id == "" {
		var err error
		if id, err = d.Pools.Lookup(ctx, in.IdentityPoolID, in.Provider, in.Subject); err != nil {
			return nil, err
		}
	}
	found, err := d.Pools.DescribeIdentity(ctx, &identity.DescribeIdentityInput{IdentityID: id})
	if err != nil {
		return nil, err
	}
	if in.IdentityPoolID != "" && in.IdentityPoolID != found.Pool {
		return nil, identity.Errorf(identity.ResourceNotFound, "The pool has no such identity.")
	}
	return &identityAnswer{
		IdentityID: found.IdentityID, Pool: found.Pool, Created: found.CreationDate, Modified: found.LastModifiedDate,
		Links: found.Links, Disabled: found.Disabled, MergedInto: found.MergedInto,
	}, nil
}

// revokeInput names what to revoke: exactly one of the first four. Before is in
// epoch seconds.
type revokeInput struct {
	IdentityID     string `json:"IdentityId"`
	RoleARN        string `json:"RoleArn"`
	IdentityPoolID string `json:"IdentityPoolId"`
	SessionID      string `json:"SessionId"`
	Before         *int64
}

func (d *Deployment) revokeSessions(ctx context.Context, in *revokeInput) (*struct{}, error) {
	r := identity.Revocation{Identity: in.IdentityID, Role: in.RoleARN, Pool: in.IdentityPoolID, SessionID: in.SessionID}
	if in.Before != nil {
		r.Before = time.Unix(*in.Before, 0)
	}
	return &struct{}{}, d.Sessions.Revoke(ctx, r)
}

// usageInput names a month, such as 2026-11; empty is the one that is.
type usageInput struct{ Month string }

func (d *Deployment) getUsage(ctx context.Context, in *usageInput) (*usage.Month, error) {
	out, err := d.usage.Month(ctx, in.Month, UserPools(d.Bundle), IdentityPools(d.Bundle))
	if errors.Is(err, usage.ErrMonth) {
		return nil, identity.Errorf(identity.InvalidParameter, "Month: %v.", err)
	}
	return out, err
}

// UserPools returns the ids of a bundle's user pools.
func UserPools(b *bundle.Bundle) (ids []string) {
	for _, p := range b.UserPools {
		ids = append(ids, p.ID)
	}
	return ids
}

// IdentityPools returns the ids of a bundle's identity pools.
func IdentityPools(b *bundle.Bundle) (ids []string) {
	for _, p := range b.IdentityPools {
		ids = append(ids, p.ID)
	}
	return ids
}
