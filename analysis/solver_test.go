package analysis_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/policy"
)

var (
	solverN = flag.Int("analysis.solver", 1000, "how many questions TestSolver asks cvc5; Z3 is asked a tenth of them")
	z3Share = flag.Int("analysis.z3", 10, "every how many questions Z3 is asked too")
)

// encoding writes a question about policies of `small` as a formula in SMT-LIB
// that is satisfiable if and only if there is a request. It is made from
// iam-semantics and the text of the policies, and shares nothing with what it
// judges.
type encoding struct {
	elements int // of aws:TagKeys: more than any request needs
	unasked  string
}

// listKey is the one key of several values in `small`.
const listKey = "aws:TagKeys"

// name is the variable of a key.
func name(key string) string {
	return "|" + strings.ToLower(key) + "|"
}

func present(key string) string { return "|has " + strings.ToLower(key) + "|" }

// arns begin every resource that policies of small name.
const arns = "arn:aws:s3:::"

// prelude declares a request of the account's principal. Those policies name
// actions of s3 alone, so that one other service stands for all; and resources
// under arns alone, so that tail is what follows, other stands for every other
// resource, and none for a request without one.
func (e *encoding) prelude() string {
	var b strings.Builder
	b.WriteString(`(set-logic ALL)
(declare-const s3 Bool)
(declare-const act String)
(assert (str.in_re act (re.+ (re.union (re.range "a" "z") (re.range "0" "9")))))
(declare-const tail String)
(declare-const other Bool)
(declare-const none Bool)
`)
	for _, key := range []string{tagU, tagV, "s3:prefix"} {
		fmt.Fprintf(&b, "(declare-const %s String)\n(declare-const %s Bool)\n", name(key), present(key))
	}
	fmt.Fprintf(&b, "(declare-const %s Real)\n(declare-const %s Bool)\n", name("s3:max-keys"), present("s3:max-keys"))
	fmt.Fprintf(&b, "(declare-const %s Bool)\n(declare-const v6 Bool)\n(declare-const v4address (_ BitVec 32))\n", present("aws:SourceIp"))
	fmt.Fprintf(&b, "(declare-const %s Bool)\n", present(listKey))
	for i := range e.elements {
		fmt.Fprintf(&b, "(declare-const e%d String)\n(declare-const in%d Bool)\n", i, i)
		if i > 0 {
			fmt.Fprintf(&b, "(assert (=> in%d in%d))\n", i, i-1)
		}
	}
	return b.String()
}

// connective joins formulas.
func connective(op, none string, all []string) string {
	switch len(all) {
	case 0:
		return none
	case 1:
		return all[0]
	}
	return "(" + op + " " + strings.Join(all, " ") + ")"
}

func every(all ...string) string { return connective("and", "true", all) }
func some(all ...string) string  { return connective("or", "false", all) }
func opposite(f string) string   { return "(not " + f + ")" }

// allows is what it takes that documents allow a request, with no policy of the
// resource. Source: iam-semantics §4.2, §4.4.
func (e *encoding) allows(docs []*policy.Document) string {
	var allow, deny []string
	for _, d := range docs {
		for i := range d.Statements {
			s := &d.Statements[i]
			if s.Effect == policy.Allow {
				allow = append(allow, e.applies(s))
			} else {
				deny = append(deny, e.applies(s))
			}
		}
	}
	return every(some(allow...), opposite(some(deny...)))
}

func (e *encoding) applies(s *policy.Statement) string {
	var actions []string
	for _, v := range s.Action.Values {
		if v.Value == "*" {
			actions = append(actions, "true")
			continue
		}
		name, ok := strings.CutPrefix(strings.ToLower(v.Value), "s3:")
		if !ok {
			e.unasked = "an action of another service"
		}
		actions = append(actions, every("s3", e.matches("act", name, true)))
	}
	action := some(actions...)
	if s.Action.Not {
		action = opposite(action)
	}
	all := []string{action, e.resource(s)}
	for i := range s.Conditions {
		all = append(all, e.condition(&s.Conditions[i]))
	}
	return every(all...)
}

// resource is iam-semantics §1.6: an Allow with an entry of NotResource whose
// variable has no value does not apply.
func (e *encoding) resource(s *policy.Statement) string {
	var hits, known []string
	for _, v := range s.Resource.Values {
		if v.Value == "*" {
			hits = append(hits, "true")
			continue
		}
		tail, ok := strings.CutPrefix(v.Value, arns)
		if !ok {
			e.unasked = "a resource of another service"
		}
		hit := every("(not none)", "(not other)", e.matches("tail", tail, true))
		if tail == "*" {
			hit = some(hit, `(and none s3 (= act "listallmybuckets"))`)
		}
		hits = append(hits, hit)
		known = append(known, resolved(v.Value))
	}
	switch {
	case !s.Resource.Not:
		return some(hits...)
	case s.Effect == policy.Allow:
		return every(opposite(some(hits...)), every(known...))
	}
	return opposite(some(hits...))
}

// variable cuts a text at its variable, if it has one.
func variable(text string) (before, key, fallback, after string, has bool) {
	before, rest, has := strings.Cut(text, "${")
	if !has {
		return text, "", "", "", false
	}
	inside, after, _ := strings.Cut(rest, "}")
	key, fallback, _ = strings.Cut(inside, ", '")
	return before, key, strings.TrimSuffix(fallback, "'"), after, true
}

// resolved is when the variable of a text has a value. An empty one is none.
func resolved(text string) string {
	_, key, fallback, _, has := variable(text)
	if !has || fallback != "" {
		return "true"
	}
	return fmt.Sprintf(`(and %s (not (= %s "")))`, present(key), name(key))
}

// matches is when a string matches a text with wildcards, if these are active,
// and at most one variable.
func (e *encoding) matches(of, text string, wild bool) string {
	before, key, fallback, after, has := variable(text)
	if !has {
		return fmt.Sprintf("(str.in_re %s %s)", of, expression(text, wild, false))
	}
	x := name(key)
	if fallback != "" {
		x = fmt.Sprintf(`(ite (and %s (not (= %s ""))) %s %q)`, present(key), x, x, fallback)
	}
	return every(resolved(text), e.around(of, before, x, after, wild))
}

// around is when a string is before, x and after, where x may be anything: as
// the theory of strings says it, without a quantifier.
func (e *encoding) around(of, before, x, after string, wild bool) string {
	active := func(s string) bool { return wild && strings.ContainsAny(s, "*?") }
	front, open := strings.CutPrefix(before, "*")
	open = open && wild
	if !open {
		front = before
	}
	if active(front) {
		e.unasked = "wildcards before a variable"
		return "true"
	}
	middle := fmt.Sprintf("(str.++ %q %s)", front, x)
	switch {
	case !open && !active(after):
		return fmt.Sprintf("(= %s (str.++ %s %q))", of, middle, after)
	case !open && strings.HasSuffix(after, "*") && !active(after[:len(after)-1]):
		return fmt.Sprintf("(str.prefixof (str.++ %s %q) %s)", middle, after[:len(after)-1], of)
	case !open && after == "?":
		return fmt.Sprintf("(and (str.prefixof %s %s) (= (str.len %s) (+ 1 (str.len %s))))", middle, of, of, middle)
	case open && !active(after):
		return fmt.Sprintf("(str.suffixof (str.++ %s %q) %s)", middle, after, of)
	case open && strings.HasSuffix(after, "*") && !active(after[:len(after)-1]):
		return fmt.Sprintf("(str.contains %s (str.++ %s %q))", of, middle, after[:len(after)-1])
	case open && after == "?":
		return fmt.Sprintf("(and (> (str.len %s) 0) (str.suffixof %s (str.substr %s 0 (- (str.len %s) 1))))", of, middle, of, of)
	}
	e.unasked = "wildcards behind a variable"
	return "true"
}

// expression is the regular expression of a text.
func expression(text string, wild, folded bool) string {
	parts := []string{`(str.to_re "")`}
	for _, r := range text {
		c := string(r)
		switch {
		case wild && r == '*':
			parts = append(parts, "re.all")
		case wild && r == '?':
			parts = append(parts, "re.allchar")
		case folded && strings.ToLower(c) != strings.ToUpper(c):
			parts = append(parts, fmt.Sprintf("(re.union (str.to_re %q) (str.to_re %q))", strings.ToLower(c), strings.ToUpper(c)))
		default:
			parts = append(parts, fmt.Sprintf("(str.to_re %q)", c))
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(re.++ " + strings.Join(parts, " ") + ")"
}

// condition is iam-semantics §3.3.
func (e *encoding) condition(c *policy.Condition) string {
	op, key := c.Operator.Value, c.Key.Value
	absent := opposite(present(key))
	if key == listKey { // no value at all, or one that is empty
		absent = some(absent, "(not in0)", `(and in0 (not in1) (= e0 ""))`)
	}
	if op == "Null" {
		var all []string
		for _, v := range c.Values {
			if v.Value == "true" {
				all = append(all, absent)
			} else {
				all = append(all, opposite(absent))
			}
		}
		return some(all...)
	}
	quantifier, base, quantified := strings.Cut(op, ":")
	if !quantified {
		base = op
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	if quantified {
		return e.quantified(quantifier, base, absent, c)
	}
	without := "false"
	if ifExists || strings.Contains(base, "Not") {
		without = "true"
	}
	return fmt.Sprintf("(ite %s %s %s)", absent, without, e.hit(base, name(key), c))
}

// quantified is a condition on every value, or on some value. That it is one of
// IfExists changes nothing.
func (e *encoding) quantified(quantifier, op, absent string, c *policy.Condition) string {
	var all []string
	for i := range e.elements {
		hit := e.hit(op, fmt.Sprintf("e%d", i), c)
		if quantifier == "ForAllValues" {
			all = append(all, fmt.Sprintf("(=> in%d %s)", i, hit))
		} else {
			all = append(all, fmt.Sprintf("(and in%d %s)", i, hit))
		}
	}
	if quantifier == "ForAllValues" {
		return some(absent, every(all...))
	}
	return every(opposite(absent), some(all...))
}

// hit is when one value meets an operator.
func (e *encoding) hit(op, of string, c *policy.Condition) string {
	positive := strings.Replace(op, "Not", "", 1)
	var all []string
	for _, v := range c.Values {
		all = append(all, e.test(positive, of, v.Value))
	}
	if positive != op {
		return opposite(some(all...))
	}
	return some(all...)
}

func (e *encoding) test(op, of, value string) string {
	switch op {
	case "StringEquals":
		return e.matches(of, value, false)
	case "StringLike":
		return e.matches(of, value, true)
	case "StringEqualsIgnoreCase":
		if strings.Contains(value, "${") {
			e.unasked = "a variable whose case is ignored"
		}
		return fmt.Sprintf("(str.in_re %s %s)", of, expression(value, false, true))
	case "NumericEquals", "NumericLessThan", "NumericGreaterThanEquals":
		if !strings.Contains(value, ".") {
			value += ".0"
		}
		return fmt.Sprintf("(%s %s %s)", map[string]string{"NumericEquals": "=", "NumericLessThan": "<", "NumericGreaterThanEquals": ">="}[op], of, value)
	case "IpAddress":
		return network(value)
	}
	e.unasked = "the operator " + op
	return "true"
}

// network is when the address lies in a network.
func network(text string) string {
	if !strings.Contains(text, "/") {
		text += "/32"
	}
	p := netip.MustParsePrefix(text)
	if p.Addr().Is6() {
		return "v6" // ::/0 is the only one
	}
	four := p.Masked().Addr().As4()
	mask := ^uint32(0) << (32 - p.Bits())
	return fmt.Sprintf("(and (not v6) (= (bvand v4address #x%08x) #x%x))", mask, four)
}

// formula is the whole question.
func formula(by, not []*policy.Document) (text, unasked string) {
	e := &encoding{elements: 2}
	for _, d := range slices.Concat(by, not) {
		for i := range d.Statements {
			for j := range d.Statements[i].Conditions {
				if d.Statements[i].Conditions[j].Key.Value == listKey {
					e.elements++
				}
			}
		}
	}
	both := every(e.allows(by), opposite(e.allows(not)))
	return e.prelude() + "(assert " + both + ")\n(check-sat)\n", e.unasked
}

// solver is a program that reads SMT-LIB.
type solver struct {
	path string
	args []string
}

// solvers are cvc5 and Z3, as Debian has them.
func solvers(t *testing.T) (cvc5, z3 solver) {
	find := func(name string, args ...string) solver {
		path, err := exec.LookPath(name)
		if err != nil && os.Getenv("CI") != "true" && os.Getenv("ROWAN_REQUIRE_ALL") != "1" {
			t.Skipf("no %s here: %v", name, err)
		}
		require.NoError(t, err)
		return solver{path, args}
	}
	return find("cvc5", "--lang=smt2", "--strings-exp", "--tlimit=2000", "-"), find("z3", "-T:2", "-in")
}

// answer is sat, unsat or something else, and how long it took.
func (s solver) answer(ctx context.Context, formula string) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, s.path, s.args...)
	c.Stdin = strings.NewReader(formula)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	began := time.Now()
	err := c.Run() // what a solver that gives up returns says nothing
	took := time.Since(began)
	if text := out.String(); strings.Contains(text, "(error") || strings.Contains(text, "Error") {
		return "", took, fmt.Errorf("%s: %s", s.path, text)
	}
	if err != nil && ctx.Err() != nil {
		return "", took, ctx.Err()
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	return first, took, nil
}

// verdicts counts how answers go together.
type verdicts struct {
	mu                       sync.Mutex
	agree, undecided, doubts int
	own, other               []time.Duration
}

// TestSolver asks SMT solvers the questions of TestRandom, in an encoding of
// their own: they may not disagree.
func TestSolver(t *testing.T) {
	cvc5, z3 := solvers(t)
	if raceEnabled && *solverN == 1000 {
		*solverN = 30 // make solver asks all
	}
	byCVC5, byZ3 := &verdicts{}, &verdicts{}
	jobs := make(chan uint64)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range jobs {
				g := small{rand.New(rand.NewPCG(*randomSeed+1<<32, i)), false}
				by, not := g.document(t), g.document(t)
				text, unasked := formula(by, not)
				if unasked != "" {
					continue
				}
				byCVC5.compare(t, cvc5, text, by, not)
				if i%uint64(*z3Share) == 0 {
					byZ3.compare(t, z3, text, by, not)
				}
			}
		})
	}
	for i := uint64(0); byCVC5.asked() < *solverN && !t.Failed(); i++ {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	for name, v := range map[string]*verdicts{"cvc5": byCVC5, "Z3": byZ3} {
		t.Logf("%s: %d agree, %d it did not decide, %d we did not; median %v beside %v, 99 %% %v beside %v", name, v.agree, v.undecided, v.doubts,
			percentile(v.own, 0.5), percentile(v.other, 0.5), percentile(v.own, 0.99), percentile(v.other, 0.99))
		require.Greater(t, v.agree*10, (v.agree+v.undecided+v.doubts)*6, "%s: most questions are decided", name)
	}
}

func (v *verdicts) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.agree
}

func percentile(all []time.Duration, p float64) time.Duration {
	slices.Sort(all)
	return all[int(p*float64(len(all)-1))]
}

func (v *verdicts) compare(t *testing.T, s solver, text string, by, not []*policy.Document) {
	says, other, err := s.answer(t.Context(), text)
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return
	}
	q := &analysis.Question{By: &analysis.Policies{Identity: by}, Not: &analysis.Policies{Identity: not}, Principal: asker}
	began := time.Now()
	a, err := analysis.Search(t.Context(), q)
	own := time.Since(began)
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, printed(by), printed(not))
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.own, v.other = append(v.own, own), append(v.other, other)
	switch {
	case a.Verdict == analysis.Unknown:
		v.doubts++
	case says != "sat" && says != "unsat":
		v.undecided++
	case (a.Verdict == analysis.Found) == (says == "sat"):
		v.agree++
	default:
		t.Errorf("%s says %s, and we %s: %s\n%s\n%s\n%s", s.path, says, a.Verdict, a.Witness, printed(by), printed(not), text)
	}
}
