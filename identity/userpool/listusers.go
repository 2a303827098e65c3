package userpool

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity"
)

// filter is what ListUsers looks for. The zero value takes every user.
type filter struct {
	attribute string
	prefix    bool
	value     string
}

const maxFilter = 256

// filterAttributes are those that a filter may name. Source: identity-protocol
// §2.2.
var filterAttributes = []string{
	"username", attrEmail, attrPhone, "name", "given_name", "family_name", attrPreferredUsername,
	"cognito:user_status", "status", attrSub,
}

func errFilter() error { return invalid("Error while parsing filter.") }

// parseFilter reads one term: attr = "v", or attr ^= "v" for a prefix. Quotes
// and backslashes in the value follow a backslash.
func parseFilter(text string) (filter, error) {
	if len(text) > maxFilter {
		return filter{}, invalid("1 validation error detected: Value at 'filter' failed to satisfy constraint: Member must have length less than or equal to %d", maxFilter)
	}
	if text == "" {
		return filter{}, nil
	}
	i := strings.IndexAny(text, " =^")
	if i < 0 {
		return filter{}, errFilter()
	}
	f := filter{attribute: strings.Trim(text[:i], `"`)}
	rest := strings.TrimLeft(text[i:], " ")
	if rest, f.prefix = strings.CutPrefix(rest, "^"); !strings.HasPrefix(rest, "=") {
		return filter{}, errFilter()
	}
	value, ok := unquote(strings.Trim(rest[1:], " "))
	if !ok || f.attribute == "" {
		return filter{}, errFilter()
	}
	f.value = value
	if !slices.Contains(filterAttributes, f.attribute) {
		return filter{}, invalid("Invalid search attribute: %.40q", f.attribute)
	}
	return f, nil
}

// unquote reads a value between quotes that is the whole text.
func unquote(text string) (string, bool) {
	body, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return "", false
	}
	var out strings.Builder
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			return out.String(), i == len(body)-1
		case c == '\\' && i+1 < len(body) && (body[i+1] == '"' || body[i+1] == '\\'):
			i++
			out.WriteByte(body[i])
		case c == '\\':
			return "", false
		default:
			out.WriteByte(c)
		}
	}
	return "", false
}

// matches reports whether a user is one that is looked for. A user name is
// compared exactly, all else without regard to case.
func (f filter) matches(u *user) bool {
	if f.attribute == "" {
		return true
	}
	var value string
	switch f.attribute {
	case "username":
		return f.compare(u.Username, f.value)
	case "cognito:user_status":
		value = u.Status
	case "status":
		value = "Disabled"
		if u.Enabled {
			value = "Enabled"
		}
	default:
		value = u.attribute(f.attribute)
	}
	if value == "" {
		return false
	}
	return f.compare(strings.ToLower(value), strings.ToLower(f.value))
}

func (f filter) compare(value, want string) bool {
	if f.prefix {
		return strings.HasPrefix(value, want)
	}
	return value == want
}

// scanned bounds the users that one call of ListUsers looks at. A page may so
// be shorter than asked for, even empty, and still not be the last.
const (
	scanned   = 1200
	scanBatch = 100
)

// ListUsers lists the users of a pool, in an order that does not change.
func (d *Directory) ListUsers(ctx context.Context, in *ListUsersInput) (*ListUsersOutput, error) {
	p, err := d.pool(in.UserPoolID)
	if err != nil {
		return nil, err
	}
	f, err := parseFilter(in.Filter)
	if err != nil {
		return nil, err
	}
	var only []string
	if len(in.AttributesToGet) > 0 {
		only = in.AttributesToGet
	}
	s := &scan{pool: p, question: p.key("users", in.Filter), take: f.matches}
	users, next, err := d.scan(ctx, s, in.Limit, in.PaginationToken)
	if err != nil {
		return nil, err
	}
	out := &ListUsersOutput{Users: []User{}, PaginationToken: next}
	for _, u := range users {
		out.Users = append(out.Users, *u.wire(only))
	}
	return out, nil
}

// ListUsersInGroup lists the members of a group.
func (d *Directory) ListUsersInGroup(ctx context.Context, in *ListUsersInGroupInput) (*ListUsersInGroupOutput, error) {
	p, err := d.pool(in.UserPoolID)
	if err != nil {
		return nil, err
	}
	g, err := p.groupNamed(in.GroupName)
	if err != nil {
		return nil, err
	}
	s := &scan{pool: p, question: p.key("users-in", g.Name), take: func(u *user) bool { return slices.Contains(u.Groups, g.Name) }}
	users, next, err := d.scan(ctx, s, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ListUsersInGroupOutput{Users: []User{}, NextToken: next}
	for _, u := range users {
		out.Users = append(out.Users, *u.wire(nil))
	}
	return out, nil
}

// scan is a walk over the users of a pool.
type scan struct {
	pool     *pool
	question string
	take     func(*user) bool
}

func (d *Directory) scan(ctx context.Context, s *scan, size int, token string) ([]*user, string, error) {
	size, err := limit("limit", size)
	if err != nil {
		return nil, "", err
	}
	begin, err := d.openPage(s.question, token)
	if err != nil {
		return nil, "", err
	}
	var found []*user
	var after string
	err = d.store.View(ctx, func(tx identity.Tx) error {
		found, after = nil, begin
		for range scanned / scanBatch {
			records, err := tx.List(kindUser, s.pool.ID, after, scanBatch)
			if err != nil {
				return err
			}
			for _, r := range records {
				u := new(user)
				if err := json.Unmarshal(r.Value, u); err != nil {
					return err
				}
				after = r.Key
				if s.take(u) {
					found = append(found, u)
				}
				if len(found) == size {
					return nil
				}
			}
			if len(records) < scanBatch {
				after = ""
				return nil
			}
		}
		return nil
	})
	if err != nil || after == "" {
		return found, "", err
	}
	next, err := d.sealPage(s.question, after)
	return found, next, err
}
