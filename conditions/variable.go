package conditions

import (
	"errors"
	"fmt"
	"strings"
)

// ErrVariable means a malformed policy variable.
var ErrVariable = errors.New("malformed policy variable")

// variable is ${key} or ${key, 'default'}. Its text is always literal.
type variable struct {
	key        keyRef
	fallback   string
	hasDefault bool
}

// parseVariable reads the text between "${" and "}". Source: iam-semantics
// §2.2; choice C11.
func (v *Vocabulary) parseVariable(body string) (*variable, error) {
	name, rest, hasDefault := strings.Cut(body, ",")
	if name == "" || strings.ContainsAny(name, " \t\r\n'") || !strings.Contains(name, ":") {
		return nil, fmt.Errorf("%w ${%s}: want ${prefix:name} or ${prefix:name, 'default'}", ErrVariable, body)
	}
	out := &variable{hasDefault: hasDefault}
	if hasDefault {
		inner, ok := strings.CutPrefix(rest, " '")
		if ok {
			inner, ok = strings.CutSuffix(inner, "'")
		}
		if !ok || strings.Contains(inner, "'") {
			return nil, fmt.Errorf("%w ${%s}: want a default in single quotes after one space", ErrVariable, body)
		}
		out.fallback = inner
	}
	var err error
	if out.key, err = v.resolve(name); err != nil {
		return nil, fmt.Errorf("policy variable ${%s}: %w", body, err)
	}
	return out, nil
}

// resolution says how a policy variable fared.
type resolution uint8

const (
	unresolved resolution = iota
	resolved
	indeterminate
)

// resolve returns the literal text of the variable; a nil context has none. A
// list-typed key never resolves, nor does an empty value without a default. Source: iam-semantics
// §2.4, §2.5.
func (x *variable) resolve(c *Context) (string, resolution) {
	if x.key.list || c == nil {
		return "", unresolved
	}
	e, ambiguous := c.find(&x.key)
	switch {
	case ambiguous:
		return "", indeterminate
	case e == nil:
	case e.bad:
		return "", indeterminate
	case len(e.values) == 1:
		if e.values[0] != "" {
			return e.values[0], resolved
		}
	case len(e.values) > 1:
		return "", unresolved
	}
	if x.hasDefault {
		return x.fallback, resolved
	}
	return "", unresolved
}

// equalAll says whether every value is the variable's text.
func (x *variable) equalAll(c *Context, values []string) Truth {
	text, r := x.resolve(c)
	if r == indeterminate {
		return Unknown
	}
	if r == unresolved {
		return False
	}
	for _, v := range values {
		if v != text {
			return False
		}
	}
	return True
}
