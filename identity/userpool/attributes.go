package userpool

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/identity"
)

// Names of attributes that mean something to the pool itself.
const (
	attrSub               = "sub"
	attrEmail             = "email"
	attrEmailVerified     = "email_verified"
	attrPhone             = "phone_number"
	attrPhoneVerified     = "phone_number_verified"
	attrPreferredUsername = "preferred_username"
	attrUpdatedAt         = "updated_at"
)

// standardAttributes are those of OpenID Connect, which every pool has.
var standardAttributes = []string{
	"address", "birthdate", attrEmail, "family_name", "gender", "given_name", "locale", "middle_name", "name",
	"nickname", attrPhone, "picture", attrPreferredUsername, "profile", attrUpdatedAt, "website", "zoneinfo",
}

// reserved reports attributes that no user and no client may write.
func reserved(name string) bool {
	return name == attrSub || name == attrEmailVerified || name == attrPhoneVerified || name == "identities" ||
		strings.HasPrefix(name, "cognito:") || strings.HasPrefix(name, "dev:")
}

func compare(a, b string) int { return cmp.Compare(a, b) }

// reads reports whether a client may see an attribute.
func (c *client) reads(name string) bool {
	return name == attrSub || c.ReadAttributes == nil || slices.Contains(c.ReadAttributes, name)
}

// writes reports whether users may change an attribute through a client.
func (c *client) writes(name string) bool {
	return !reserved(name) && (c.WriteAttributes == nil || slices.Contains(c.WriteAttributes, name))
}

// visible returns the attributes that a client may see, sub first.
func (c *client) visible(u *user) []Attribute {
	out := []Attribute{{attrSub, u.Sub}}
	for _, a := range u.Attributes {
		if c.reads(a.Name) {
			out = append(out, a)
		}
	}
	return out
}

// allAttributes are the attributes of a user with the sub first.
func (u *user) allAttributes() []Attribute {
	return append([]Attribute{{attrSub, u.Sub}}, u.Attributes...)
}

// errUnwritable is what a user gets who would write what is not theirs.
func errUnwritable() error {
	return notAuthorized("A client attempted to write unauthorized attribute")
}

// checkWrites refuses attributes that users may not write through the client.
func (c *client) checkWrites(list []Attribute) error {
	for _, a := range list {
		if !c.writes(a.Name) {
			return errUnwritable()
		}
	}
	return nil
}

// checkValues refuses attributes that the pool does not have, that are there
// twice, and values out of form. admin may set what proves an address.
func (p *pool) checkValues(list []Attribute, admin bool) error {
	for i, a := range list {
		if slices.ContainsFunc(list[:i], func(b Attribute) bool { return b.Name == a.Name }) {
			return invalid("Attributes did not conform to the schema: %s: The attribute is there twice", a.Name)
		}
		if admin && (a.Name == attrEmailVerified || a.Name == attrPhoneVerified) {
			if a.Value != "true" && a.Value != "false" {
				return invalid("Attributes did not conform to the schema: %s: Value should be either true or false", a.Name)
			}
			continue
		}
		s, ok := p.schema[a.Name]
		if !ok {
			return invalid("Attributes did not conform to the schema: Type for attribute {%s} could not be determined", a.Name)
		}
		if err := s.check(a.Value); err != nil {
			return err
		}
		if text, _ := normal(a.Value); a.Name == attrPreferredUsername && p.addressed(text) {
			return invalid("preferred_username cannot be of email format, since user pool is configured for email alias.")
		}
	}
	return nil
}

// check refuses a value out of form. "" is none at all, which is in form.
func (s AttributeConfig) check(value string) error {
	if value == "" {
		return nil
	}
	if n := utf8.RuneCountInString(value); n < s.Min || n > s.Max {
		return invalid("Attributes did not conform to the schema: %s: String must be between %d and %d characters", s.Name, s.Min, s.Max)
	}
	if strings.ContainsRune(value, 0) {
		return invalid("Attributes did not conform to the schema: %s: NUL", s.Name)
	}
	switch s.Name {
	case attrEmail:
		if !validEmail(value) {
			return invalid("Invalid email address format.")
		}
		if _, ok := normal(value); !ok {
			return invalid("Invalid email address format.")
		}
	case attrPhone:
		if !validPhone(value) {
			return invalid("Invalid phone number format.")
		}
	case attrPreferredUsername:
		if _, ok := normal(value); !ok {
			return invalid("Attributes did not conform to the schema: preferred_username: not a name")
		}
	case attrUpdatedAt:
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 || value != strconv.FormatInt(n, 10) {
			return invalid("Attributes did not conform to the schema: updated_at: not a number")
		}
	}
	return nil
}

// validPhone takes E.164: a plus and up to 15 digits.
func validPhone(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) >= 2 && len(digits) <= 15 && !strings.ContainsFunc(digits, func(r rune) bool { return !digit(r) })
}

// checkRequired refuses a user that lacks what the pool requires.
func (p *pool) checkRequired(u *user) error {
	if missing := p.missing(u); len(missing) > 0 {
		return invalid("Attributes did not conform to the schema: %s: The attribute is required", missing[0])
	}
	return nil
}

// missing returns the required attributes that a user lacks, in order.
func (p *pool) missing(u *user) []string {
	var out []string
	for name, s := range p.schema {
		if s.Required && u.attribute(name) == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// apply sets attributes of a user that exists. A changed address is not
// verified, whatever it was before.
func (p *pool) apply(u *user, list []Attribute, admin bool) error {
	for _, a := range list {
		s, own := p.schema[a.Name]
		if own && !s.Mutable && !admin && u.attribute(a.Name) != a.Value {
			return invalid("user.%s: Attribute cannot be updated.", a.Name)
		}
		if own && s.Required && a.Value == "" {
			return invalid("user.%s: Attribute cannot be deleted.", a.Name)
		}
		changed := u.attribute(a.Name) != a.Value
		u.set(a.Name, a.Value)
		if changed && (a.Name == attrEmail || a.Name == attrPhone) {
			u.unverify(a.Name, list)
		}
	}
	return nil
}

// unverify clears the proof of an address, unless the same call sets it.
func (u *user) unverify(name string, list []Attribute) {
	flag := name + "_verified"
	if slices.ContainsFunc(list, func(a Attribute) bool { return a.Name == flag }) {
		return
	}
	if u.attribute(name) == "" {
		u.set(flag, "")
		return
	}
	u.set(flag, "false")
}

// aliasError turns a name that is taken into the error that a client sees.
func aliasError(err error) error {
	if taken, ok := errors.AsType[takenError](err); ok {
		return identity.Errorf(AliasExists, "An account with the %s already exists.", taken.as)
	}
	return err
}

// usernameError is aliasError for a user that is being made.
func usernameError(err error) error {
	if taken, ok := errors.AsType[takenError](err); ok {
		if taken.as == nameUsername {
			return identity.Errorf(UsernameExists, "User already exists")
		}
		return identity.Errorf(UsernameExists, "An account with the given %s already exists.", taken.as)
	}
	return err
}
