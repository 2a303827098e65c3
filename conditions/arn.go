package conditions

import (
	"fmt"
	"strings"
)

// arnColons is how many colons delimit the six parts of an ARN.
const arnColons = 5

// maxLateTokens is how many tokens an ARN pattern that is split when asked may
// have, and for how many others matching needs no memory.
const maxLateTokens = 24

// isARN reports whether s has at least six parts of which the first is arn.
func isARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= arnColons
}

// compileARN compiles a value of an Arn operator: six parts, each matched by
// itself. If the literals of the policy hold at least five colons, those
// delimit; otherwise the parts are known only with the variables' texts.
// Source: iam-semantics §2.3; choice C12.
func (v *Vocabulary) compileARN(text string, variables bool) (Pattern, error) {
	tokens, err := v.scan(text, true, variables)
	if err != nil {
		return Pattern{}, err
	}
	colons, early := segment(tokens)
	p := newPattern(text, tokens)
	if colons < arnColons {
		if !p.variables {
			return Pattern{}, fmt.Errorf("%w: ARN %q: want six parts, arn:partition:service:region:account:resource", ErrPattern, text)
		}
		if len(tokens) > maxLateTokens {
			return Pattern{}, fmt.Errorf("%w: ARN %q: more than %d wildcards and policy variables", ErrPattern, text, maxLateTokens)
		}
		p.late, p.shape = true, shapeTokens
		return p, nil
	}
	if early || !strings.HasPrefix(p.prefix, "arn:") {
		return Pattern{}, fmt.Errorf("%w: ARN %q: the first part is not arn", ErrPattern, text)
	}
	return p, nil
}

// segment marks the wildcards and variables before the fifth colon of the
// literals, which may not cross a colon, and returns how many colons there
// are, at most five, and whether a wildcard or variable precedes the first.
func segment(tokens []token) (colons int, early bool) {
	out := tokens[:0]
	for _, t := range tokens {
		if t.kind == literal {
			colons = min(arnColons, colons+strings.Count(t.text, ":"))
		} else {
			early = early || colons == 0
			t.segment = colons < arnColons
		}
		out = append(out, t)
	}
	return colons, early
}

// matchLate matches an ARN pattern whose delimiters stand partly in variables:
// the first five colons of literals and texts together delimit.
func (p *Pattern) matchLate(s string, texts *[maxVariables]string) bool {
	if !isARN(s) {
		return false
	}
	colons, vi := 0, 0
	var room [maxLateTokens]token
	tokens := room[:0]
	for _, t := range p.tokens {
		switch t.kind {
		case literal:
			colons += strings.Count(t.text, ":")
		case reserved:
			// From here on a text with colons delimits like a literal.
			t = token{kind: literal, text: texts[vi]}
			vi++
			colons += strings.Count(t.text, ":")
		case star, one:
			if colons == 0 {
				return false
			}
			t.segment = colons < arnColons
		}
		tokens = append(tokens, t)
	}
	q := Pattern{tokens: tokens}
	return colons >= arnColons && q.glob(s, nil)
}

// CompileResource compiles an entry of Resource or NotResource: "*", an ARN
// pattern, or a pattern that begins with "*", which is matched as one text. In
// an ARN pattern wildcards of the first five parts do not cross colons; wide
// lets a * that ends its part do so. Source: iam-semantics §1.6 R1 to R9;
// choices C13, C14.
func (v *Vocabulary) CompileResource(text string, variables, wide bool) (Pattern, error) {
	p, err := v.compileResource(text, variables, wide)
	p.resource = true
	return p, err
}

func (v *Vocabulary) compileResource(text string, variables, wide bool) (Pattern, error) {
	tokens, err := v.scan(text, true, variables)
	if err != nil {
		return Pattern{}, err
	}
	switch {
	case strings.HasPrefix(text, "*"):
		for i := range tokens {
			if tokens[i].kind == literal && strings.Contains(tokens[i].text, ":") {
				break
			}
			if tokens[i].kind == reserved {
				return Pattern{}, fmt.Errorf("%w: resource %q: a policy variable before the first colon", ErrPattern, text)
			}
		}
		return newPattern(text, tokens), nil
	case !strings.HasPrefix(text, "arn:"):
		return Pattern{}, fmt.Errorf("%w: resource %q: want * or arn:partition:service:region:account:resource", ErrPattern, text)
	}
	if tokens[0].kind == literal && strings.Count(tokens[0].text, ":") >= arnColons {
		return newPattern(text, tokens), nil // wildcards and variables stand in the last part only
	}
	tokens = splitAtColons(tokens)
	if err := checkResource(text, tokens); err != nil {
		return Pattern{}, err
	}
	colons, _ := segment(tokens)
	last := len(tokens) - 1
	if colons < arnColons {
		if tokens[last].kind != star {
			return Pattern{}, fmt.Errorf("%w: resource %q: fewer than six parts and no * at the end", ErrPattern, text)
		}
		tokens[last].segment = false // the missing parts are *
	}
	if wide {
		widen(tokens)
	}
	return newPattern(text, join(tokens)), nil
}

// TrailingStarCrossesColons decides whether a * that ends one of the parts
// before the last may run on past colons. AWS's pages disagree (§9.1 #2): what
// a policy grants is read narrowly, what it denies or exempts from a grant
// widely. Source: iam-semantics §1.6 R5; choice C13.
func TrailingStarCrossesColons(deny, not bool) bool { return deny != not }

// splitAtColons gives every colon of the literals a token of its own.
func splitAtColons(tokens []token) []token {
	var out []token
	for _, t := range tokens {
		for t.kind == literal {
			before, after, found := strings.Cut(t.text, ":")
			if !found {
				break
			}
			if before != "" {
				out = append(out, token{kind: literal, text: before})
			}
			out = append(out, token{kind: literal, text: ":"})
			t.text = after
		}
		if t.kind != literal || t.text != "" {
			out = append(out, t)
		}
	}
	return out
}

// join undoes splitAtColons.
func join(tokens []token) []token {
	out := tokens[:0:0]
	for _, t := range tokens {
		if n := len(out); t.kind == literal && n > 0 && out[n-1].kind == literal {
			out[n-1].text += t.text
			continue
		}
		out = append(out, t)
	}
	return out
}

// checkResource refuses a variable before the fifth colon and a wildcard in
// the service part. Source: iam-semantics §1.6 R7, R8.
func checkResource(text string, tokens []token) error {
	colons := 0
	for _, t := range tokens {
		switch {
		case colons == arnColons:
			return nil
		case t.kind == literal && t.text == ":":
			colons++
		case t.kind == reserved:
			return fmt.Errorf("%w: resource %q: a policy variable before the fifth colon", ErrPattern, text)
		case t.kind != literal && colons == 2:
			return fmt.Errorf("%w: resource %q: a wildcard in the service part", ErrPattern, text)
		}
	}
	return nil
}

// widen lets every * that stands right before a delimiting colon cross it.
func widen(tokens []token) {
	for i := 0; i+1 < len(tokens); i++ {
		if tokens[i].kind == star && tokens[i+1].kind == literal && tokens[i+1].text == ":" {
			tokens[i].segment = false
		}
	}
}
