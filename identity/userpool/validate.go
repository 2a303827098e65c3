package userpool

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/identity"
)

// rule is a constraint of the service model on a text. Source:
// identity-protocol §2.1.
type rule struct {
	min, max int // in characters; max 0 means no bound
	pattern  string
	// class is what the pattern says of each character.
	class func(rune) bool
	// shown says that a message may repeat the value.
	shown bool
}

var (
	poolIDRule   = rule{1, 55, `[\w-]+_[0-9a-zA-Z]+`, func(r rune) bool { return word(r) || r == '-' }, true}
	clientIDRule = rule{1, 128, `[\w+]+`, func(r rune) bool { return word(r) || r == '+' }, false}
	usernameRule = rule{1, 128, visiblePattern, visible, false}
	groupRule    = rule{1, 128, visiblePattern, visible, true}
	passwordRule = rule{1, 256, `[\S]+`, printed, false}
	codeRule     = rule{1, 2048, `[\S]+`, printed, false}
	totpRule     = rule{6, 6, `[0-9]+`, digit, false}
	hashRule     = rule{0, 128, `[\w+=/]+`, func(r rune) bool { return word(r) || strings.ContainsRune("+=/", r) }, false}
	tokenRule    = rule{1, 16 << 10, `[A-Za-z0-9-_=.]+`, func(r rune) bool { return word(r) || strings.ContainsRune("-=.", r) }, false}
	secretRule   = rule{0, 64, `[\w+]+`, func(r rune) bool { return word(r) || r == '+' }, false}
	sessionRule  = rule{20, 2048, "", nil, false}
	attrRule     = rule{1, 32, `[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+`, visible, true}
	pageRule     = rule{0, 8 << 10, `[\S]+`, printed, false}
	deviceRule   = rule{0, 64, visiblePattern + " or space", func(r rune) bool { return visible(r) || r == ' ' }, false}
)

const visiblePattern = `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`

// word is \w, which is ASCII in the service model.
func word(r rune) bool {
	return r == '_' || digit(r) || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func digit(r rune) bool { return '0' <= r && r <= '9' }

func visible(r rune) bool {
	return r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P)
}

func printed(r rune) bool { return r != utf8.RuneError && !unicode.IsSpace(r) && r != 0 }

// broken returns the first constraint that the value breaks, "" if none.
func (r rule) broken(value string) string {
	// Characters are at most bytes: a long text is refused without a look at it.
	n := len(value)
	if r.max == 0 || n <= 4*r.max {
		n = utf8.RuneCountInString(value)
	}
	switch {
	case value == "" && r.min > 0:
		return "Member must not be null"
	case n < r.min:
		return fmt.Sprintf("Member must have length greater than or equal to %d", r.min)
	case r.max > 0 && n > r.max:
		return fmt.Sprintf("Member must have length less than or equal to %d", r.max)
	}
	if r.class != nil && strings.ContainsFunc(value, func(c rune) bool { return !r.class(c) }) {
		return "Member must satisfy regular expression pattern: " + r.pattern
	}
	return ""
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// faults collects the constraints that the members of an input break.
type faults []string

// text checks one member; field is its name in lower camel case.
func (f *faults) text(field, value string, r rule) {
	why := r.broken(value)
	if why == "" {
		return
	}
	at := fmt.Sprintf("Value at '%s'", field)
	if r.shown && value != "" && len(value) <= 128 && !strings.ContainsFunc(value, unprintable) {
		at = fmt.Sprintf("Value '%s' at '%s'", value, field)
	}
	*f = append(*f, at+" failed to satisfy constraint: "+why)
}

// number checks an integer member.
func (f *faults) number(field string, value, low, high int) {
	if value < low || value > high {
		*f = append(*f, fmt.Sprintf("Value '%d' at '%s' failed to satisfy constraint: Member must have value between %d and %d",
			value, field, low, high))
	}
}

// err is InvalidParameter with all faults, nil if there are none. Source:
// identity-protocol §0.5.
func (f *faults) err() error {
	switch len(*f) {
	case 0:
		return nil
	case 1:
		return identity.Errorf(identity.InvalidParameter, "1 validation error detected: %s", (*f)[0])
	}
	return identity.Errorf(identity.InvalidParameter, "%d validation errors detected: %s", len(*f), strings.Join(*f, "; "))
}

const (
	maxAttributes     = 100
	maxAttributeValue = 2048
	maxParameters     = 64
	maxParameterValue = 64 << 10
)

// attributes checks a list of attributes for what the service model says.
func (f *faults) attributes(field string, list []Attribute) {
	if len(list) > maxAttributes {
		*f = append(*f, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", field, maxAttributes))
		return
	}
	for i := range list {
		f.text(fmt.Sprintf("%s.%d.member.name", field, i+1), list[i].Name, attrRule)
		f.text(fmt.Sprintf("%s.%d.member.value", field, i+1), list[i].Value, rule{max: maxAttributeValue})
		if !utf8.ValidString(list[i].Value) {
			*f = append(*f, fmt.Sprintf("Value at '%s.%d.member.value' failed to satisfy constraint: Member must be UTF-8", field, i+1))
		}
	}
}

// parameters checks AuthParameters and ChallengeResponses.
func (f *faults) parameters(field string, m map[string]Sensitive) {
	if len(m) > maxParameters {
		*f = append(*f, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", field, maxParameters))
		return
	}
	for _, v := range m {
		if len(v) > maxParameterValue || !utf8.ValidString(string(v)) {
			*f = append(*f, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Map value must have length less than or equal to %d", field, maxParameterValue))
			return
		}
	}
}
