package userpool

import (
	"context"
	"slices"

	"github.com/rowan-authz/rowan/identity"
)

// groupNamed checks the name of a group and returns it.
func (p *pool) groupNamed(name string) (*GroupConfig, error) {
	var f faults
	f.text("groupName", name, groupRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	g, ok := p.group(name)
	if !ok {
		return nil, identity.Errorf(identity.ResourceNotFound, "Group not found.")
	}
	return g, nil
}

// AdminAddUserToGroup makes a user a member; one that is a member stays so.
func (d *Directory) AdminAddUserToGroup(ctx context.Context, in *AdminAddUserToGroupInput) (*AdminAddUserToGroupOutput, error) {
	err := d.edit(ctx, in.UserPoolID, in.Username, func(p *pool, u *user) error {
		g, err := p.groupNamed(in.GroupName)
		if err == nil && !slices.Contains(u.Groups, g.Name) {
			u.Groups = append(slices.Clone(u.Groups), g.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &AdminAddUserToGroupOutput{}, nil
}

// AdminRemoveUserFromGroup ends a membership. Tokens that speak of it are good
// until they expire.
func (d *Directory) AdminRemoveUserFromGroup(ctx context.Context, in *AdminRemoveUserFromGroupInput) (*AdminRemoveUserFromGroupOutput, error) {
	err := d.edit(ctx, in.UserPoolID, in.Username, func(p *pool, u *user) error {
		g, err := p.groupNamed(in.GroupName)
		if err == nil {
			u.Groups = slices.DeleteFunc(slices.Clone(u.Groups), func(n string) bool { return n == g.Name })
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &AdminRemoveUserFromGroupOutput{}, nil
}

func (g *GroupConfig) wire(p *pool) Group {
	out := Group{GroupName: g.Name, UserPoolID: p.ID, Description: g.Description, RoleARN: g.RoleARN}
	if g.Precedence >= 0 {
		precedence := g.Precedence
		out.Precedence = &precedence
	}
	return out
}

// AdminListGroupsForUser lists the groups of a user, by precedence.
func (d *Directory) AdminListGroupsForUser(ctx context.Context, in *AdminListGroupsForUserInput) (*AdminListGroupsForUserOutput, error) {
	p, err := d.adminUser(in.UserPoolID, in.Username)
	if err != nil {
		return nil, err
	}
	out := &AdminListGroupsForUserOutput{Groups: []Group{}}
	var groups []GroupConfig
	err = d.store.View(ctx, func(tx identity.Tx) error {
		u, err := p.named(tx, in.Username)
		if err == nil {
			groups = p.groupsOf(u)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	from, to, next, err := d.window(p.key("groups-of", in.Username), in.Limit, in.NextToken, len(groups))
	if err != nil {
		return nil, err
	}
	for i := from; i < to; i++ {
		out.Groups = append(out.Groups, groups[i].wire(p))
	}
	out.NextToken = next
	return out, nil
}

// ListGroups lists the groups of a pool, as it is configured.
func (d *Directory) ListGroups(_ context.Context, in *ListGroupsInput) (*ListGroupsOutput, error) {
	p, err := d.pool(in.UserPoolID)
	if err != nil {
		return nil, err
	}
	from, to, next, err := d.window(p.key("groups"), in.Limit, in.NextToken, len(p.Groups))
	if err != nil {
		return nil, err
	}
	out := &ListGroupsOutput{Groups: []Group{}, NextToken: next}
	for i := from; i < to; i++ {
		out.Groups = append(out.Groups, p.Groups[i].wire(p))
	}
	return out, nil
}

// GetGroup returns a group of a pool.
func (d *Directory) GetGroup(_ context.Context, in *GetGroupInput) (*GetGroupOutput, error) {
	p, err := d.pool(in.UserPoolID)
	if err != nil {
		return nil, err
	}
	g, err := p.groupNamed(in.GroupName)
	if err != nil {
		return nil, err
	}
	out := g.wire(p)
	return &GetGroupOutput{Group: &out}, nil
}
