package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// tagsClaim is where a token carries session tags. Source: identity-protocol
// §1.8, §3.2.
const tagsClaim = "https://aws.amazon.com/tags"

// maxMappedTags bounds the bytes of all tags that a mapping gives. Source:
// identity-protocol §1.11.
const maxMappedTags = 460

// TagTrace is a tag that a login gives, or would give.
type TagTrace struct {
	Tag      string `json:"tag"`
	Provider string `json:"provider,omitempty"`
	// Claim is where the value comes from.
	Claim string `json:"claim,omitempty"`
	Value string `json:"value,omitempty"`
	// Set says that the session has the tag; Why says why not.
	Set bool   `json:"set"`
	Why string `json:"why,omitempty"`
}

// ownTags returns the tags that a developer put into a token of the pool.
func ownTags(proofs []proof) (tags []Tag, transitive []string) {
	for i := range proofs { // there is one at most: logins have unique keys
		if own := proofs[i].own; own != nil {
			return own.tags, own.transitive
		}
	}
	return nil, nil
}

// mapTags returns the session tags of a call: those that a developer gave, and
// below them what the pool maps from the claims of the logins. Any tag that
// cannot be set as it is fails the call; none is cut or left out, but for a
// claim that is absent or a list. Source: identity-protocol §1.11.
func mapTags(given []Tag, proofs []proof) (tags []Tag, traces []TagTrace, err error) {
	tags = slices.Clone(given)
	for _, t := range given {
		traces = append(traces, TagTrace{Tag: t.Key, Provider: poolPrincipal, Claim: tagsClaim, Value: t.Value, Set: true})
	}
	size := 0
	for i := range proofs {
		f := &proofs[i]
		if f.provider == nil {
			continue
		}
		for _, m := range f.provider.PrincipalTags.claims(f.kind) {
			t := mapTag(m, f)
			at := slices.IndexFunc(tags, func(o Tag) bool { return strings.EqualFold(o.Key, m.Tag) })
			switch {
			case !t.Set:
			case at >= 0 && at < len(given):
				t.Set, t.Why = false, "the developer's token sets it"
			case at >= 0 && tags[at] != Tag{m.Tag, t.Value}:
				t.Set, t.Why = false, "two claims give it different values"
				err = errors.Join(err, fmt.Errorf("tag %s: %s", shown(t.Tag), t.Why))
			case at < 0:
				tags = append(tags, Tag{m.Tag, t.Value})
				size += len(m.Tag) + len(t.Value)
				err = errors.Join(err, checkTag(m.Tag, t.Value))
			}
			traces = append(traces, t)
		}
	}
	if len(tags) > maxSessionTags || size > maxMappedTags {
		err = errors.Join(err, fmt.Errorf("more than %d principal tags or %d bytes of them", maxSessionTags, maxMappedTags))
	}
	if err != nil {
		return nil, traces, Errorf(InvalidParameter, "A principal tag of these logins is not valid.").Because(err)
	}
	return tags, traces, nil
}

func mapTag(m TagClaim, f *proof) TagTrace {
	t := TagTrace{Tag: m.Tag, Provider: f.name(), Claim: m.Claim}
	values, list, ok := claimValues(f.login.Claims, m.Claim)
	if f.kind == SAML2Provider && m.Claim == nameIDClaim {
		values, list, ok = []string{f.login.Subject}, false, true
	}
	switch {
	case list:
		t.Why = "the claim is a list, and a tag has one value"
	case !ok || values[0] == "":
		t.Why = "the login has no such claim"
	default:
		t.Value, t.Set = values[0], true
	}
	return t
}

// nameIDClaim stands for the subject of a SAML assertion, which is no
// attribute, in the default tags of SAML providers.
const nameIDClaim = "NameID"

// claims returns the mapping from claims to tags. Source: identity-protocol
// §1.11.
func (t *PrincipalTags) claims(kind ProviderKind) []TagClaim {
	switch {
	case !t.Defaults:
		return t.Claims
	case kind == SAML2Provider:
		return []TagClaim{{"username", nameIDClaim}}
	}
	return []TagClaim{{"client", "aud"}, {"username", "sub"}}
}

// checkTag refuses a session tag that STS would. Source: identity-protocol
// §1.11.
func checkTag(key, value string) error {
	switch {
	case key == "" || utf8.RuneCountInString(key) > maxTagKey || !tagText(key):
		return fmt.Errorf("tag %s: a key has 1 to %d letters, digits, spaces or _.:/=+-@", shown(key), maxTagKey)
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return fmt.Errorf("tag %s: the prefix aws: is reserved", shown(key))
	case utf8.RuneCountInString(value) > maxTagValue || !tagText(value):
		return fmt.Errorf("tag %s: a value has at most %d letters, digits, spaces or _.:/=+-@", shown(key), maxTagValue)
	}
	return nil
}

// tagText reports whether s has only the characters of tags.
func tagText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Zs, r) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// checkTags refuses a list of session tags that STS would.
func checkTags(tags []Tag) error {
	if len(tags) > maxSessionTags {
		return fmt.Errorf("%d tags, at most %d", len(tags), maxSessionTags)
	}
	for i, t := range tags {
		if err := checkTag(t.Key, t.Value); err != nil {
			return err
		}
		if slices.ContainsFunc(tags[:i], func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			return fmt.Errorf("tag %s stands twice", shown(t.Key))
		}
	}
	return nil
}

// claimedTags reads the session tags of a token: principal_tags with arrays of
// one value, and transitive_tag_keys. Anything else there is an error.
func claimedTags(claims oidc.Claims) (tags []Tag, transitive []string, err error) {
	if _, ok := claims[tagsClaim]; !ok {
		return nil, nil, nil
	}
	outer, ok := claims[tagsClaim].(map[string]any)
	if !ok {
		return nil, nil, errors.New("the tags are no object")
	}
	inner := oidc.Claims{}
	if x, given := outer["principal_tags"]; given {
		if inner, ok = x.(map[string]any); !ok {
			return nil, nil, errors.New("principal_tags is no object")
		}
	}
	for _, key := range sortedKeys(inner) {
		one, ok := inner.Strings(key)
		if !ok || len(one) != 1 {
			return nil, nil, fmt.Errorf("tag %s has not one value", shown(key))
		}
		tags = append(tags, Tag{key, one[0]})
	}
	if _, given := outer["transitive_tag_keys"]; given {
		if transitive, ok = oidc.Claims(outer).Strings("transitive_tag_keys"); !ok {
			return nil, nil, errors.New("transitive_tag_keys is no array of strings")
		}
	}
	for _, key := range transitive {
		if !slices.ContainsFunc(tags, func(t Tag) bool { return t.Key == key }) {
			return nil, nil, fmt.Errorf("transitive tag %s is not set", shown(key))
		}
	}
	return tags, transitive, checkTags(tags)
}
