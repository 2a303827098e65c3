package analysis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// ErrQuestion means a question that makes no sense.
var ErrQuestion = errors.New("question about policies")

// Question asks for a request that By allows and Not does not. The requests are
// those with an action, a resource of the principal's account (of any account
// where a resource policy counts), and values of each key's kind: no key is
// indeterminate.
type Question struct {
	// Vocabulary is that of the policies; nil means conditions.AWS.
	Vocabulary *conditions.Vocabulary
	By         *Policies
	// Not may be nil, which allows nothing.
	Not *Policies
	// And are further policies that must each allow the request too: identity
	// policies that say which requests are meant, for instance.
	And []*Policies
	// Principal is the ARN of who asks. Empty means any user or role session: the
	// keys that a principal determines may then have any value. Of a session of a
	// role with a path, the key "aws:PrincipalArn" must be given: the role's ARN.
	Principal string
	// Keys are context keys whose values are given; nil values mean that the key
	// is absent.
	Keys map[string][]string
	// Needed are keys that no request lacks.
	Needed []string
	// Formats says what values of a key look like, for instance "*:*"; * is any
	// text, ? a code point, # a digit.
	Formats map[string]string
	// Actions are names that witnesses rather use than made-up ones.
	Actions []string
	Limits  Limits
}

// Limits bound the work of a question. Zero values mean the defaults, which
// are meant for policies that strangers write.
type Limits struct {
	// Steps counts what the search does; a state of an automaton is about one.
	Steps int
	// Assignments is how many values of policy variables are tried together.
	Assignments int
	// Time is how long a question may take, by the clock Now; without one it may
	// take as long as its steps do.
	Time time.Duration
	Now  func() time.Time
}

// Default limits. Source: analysis A5.
const (
	defaultSteps       = 4_000_000
	defaultAssignments = 5_000
	defaultTime        = 10 * time.Second
)

// Verdict is the answer to a question. The zero value is Unknown.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota
	// Never means that there is no such request: it is proved.
	Never
	// Found means that there is one: the witness.
	Found
)

func (v Verdict) String() string {
	return [...]string{Unknown: "unknown", Never: "never", Found: "found"}[v]
}

// Answer is what Search found.
type Answer struct {
	Verdict Verdict
	// Witness is a request, if the verdict is Found. The engine and the
	// reference interpreter have both decided it as the answer says.
	Witness *Witness
	// Reason says why the verdict is Unknown.
	Reason string
	// Assignments is how many values of variables were tried.
	Assignments int

	action int // the atom of the witness's action
}

// search is a question while it is answered.
type search struct {
	*Question
	budget     *budget
	vocabulary *conditions.Vocabulary
	by, not    *side
	and        []*side
	statements []*statement
	actions    *dimension
	names      map[int]string // of actions, by atom
	ranks      map[int]int    // in which order to use them
	cache      atomCache
	worlds     []*world
	principal  engine.Principal
	replay     *replay
	unknown    []string
	standing   []string // doubts that no answer takes away
	tried      int
	limit      int
	blocked    set // actions that are not looked at any more
}

// Search answers a question. Its errors are those of policies that are not
// valid and of questions that make no sense, ErrQuestion; a request that the
// model and the interpreters decide differently is one too, ErrInternal.
func Search(ctx context.Context, q *Question) (*Answer, error) {
	s, err := newSearch(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.run()
}

func newSearch(ctx context.Context, q *Question) (*search, error) {
	if q.By == nil {
		return nil, fmt.Errorf("%w: no policies", ErrQuestion)
	}
	s := &search{Question: q, vocabulary: q.Vocabulary, limit: q.Limits.Assignments}
	if s.vocabulary == nil {
		s.vocabulary = conditions.AWS()
	}
	if s.limit == 0 {
		s.limit = defaultAssignments
	}
	s.budget = newBudget(ctx, q.Limits)
	if err := s.compile(); err != nil {
		return nil, err
	}
	return s, nil
}

// compile compiles the policies for who asks.
func (s *search) compile() error {
	var err error
	if s.replay, err = newReplay(s.vocabulary, s.By, s.Not, s.And); err != nil {
		return err
	}
	if s.Principal == "" && slices.ContainsFunc(append([]*Policies{s.By, s.Not}, s.And...), (*Policies).hasPrincipals) {
		return fmt.Errorf("%w: policies that name principals, and no principal", ErrQuestion)
	}
	who := s.Principal
	if who == "" {
		who = "arn:aws:iam::" + someAccount + ":user/someone"
	}
	if s.principal, err = principalOf(who, s.Keys); err != nil {
		return fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	c := &compiler{vocabulary: s.vocabulary, principal: &s.principal}
	if s.by, err = c.side(s.By); err != nil {
		return err
	}
	if s.Not != nil {
		if s.not, err = c.side(s.Not); err != nil {
			return err
		}
	}
	sides := []*side{s.by, s.not}
	for _, p := range s.And {
		x, err := c.side(p)
		if err != nil {
			return err
		}
		s.and = append(s.and, x)
		sides = append(sides, x)
	}
	for _, x := range sides {
		if x != nil {
			x.each(func(st *statement) { s.statements = append(s.statements, st) })
		}
	}
	s.findSpellings()
	if err := s.actionDimension(); err != nil {
		return err
	}
	return s.makeWorlds()
}

// principalOf reads who asks. The ARN of a session lacks the path of its role:
// aws:PrincipalArn has it, if it is given.
func principalOf(arn string, keys map[string][]string) (engine.Principal, error) {
	p, err := engine.ParsePrincipal(arn)
	if role := keys["aws:PrincipalArn"]; err == nil && p.Kind() == engine.RoleSession && len(role) == 1 {
		return p.WithRole(role[0])
	}
	return p, err
}

// findSpellings doubts keys that are written in two ways: a request may have two
// tags that differ by case, of which each spelling reads its own. Source:
// iam-semantics §2.6.
func (s *search) findSpellings() {
	seen := map[string]string{}
	note := func(name string) {
		folded := strings.ToLower(name)
		if other, ok := seen[folded]; ok && other != name {
			s.standing = append(s.standing, other+" and "+name+" may be two tags of one request")
		}
		seen[folded] = name
	}
	for _, st := range s.statements {
		for i := range st.conditions {
			note(st.conditions[i].Key().Name)
		}
	}
	s.eachTemplate(func(_ string, p *conditions.Pattern, _ bool) {
		for _, t := range p.Template() {
			if t.Kind == conditions.TokenVariable {
				note(t.Variable.Key.Name)
			}
		}
	})
}

// hasPrincipals reports whether policies name principals.
func (p *Policies) hasPrincipals() bool { return p != nil && (p.Resource != nil || p.Endpoint != nil) }

// actionDimension finds the atoms of actions, and a known name for each that has
// one.
func (s *search) actionDimension() error {
	var u units
	for _, st := range s.statements {
		for i := range st.actions {
			if err := u.addPattern(&st.actions[i]); err != nil {
				return err
			}
		}
	}
	if err := u.add("="+listBuckets, func() (glob, error) { return glob(nil).appendText(listBuckets, takesRune) }); err != nil {
		return err
	}
	name := glob{{kind: takesOne, part: true}, {kind: takesStar, part: true}, {kind: takesRune, r: ':'}, {kind: takesOne, part: true}, {kind: takesStar, part: true}}
	var globs []glob
	for _, x := range u.all {
		globs = append(globs, x.glob)
	}
	d, err := newTextDimension(s.budget, "action", textSpace{"action", []glob{name}, actionLetters}, &u)
	if err != nil {
		return s.overBudget(err)
	}
	d.needed = true
	s.actions, s.blocked = d, newSet(len(d.atoms))
	return s.nameActions(d, globs, u.all)
}

// nameActions finds names that people know for atoms of actions.
func (s *search) nameActions(d *dimension, globs []glob, all []unit) error {
	s.names, s.ranks = map[int]string{}, map[int]int{}
	known := slices.Concat(s.Actions, knownActions)
	for _, st := range s.statements {
		if st.source == nil {
			continue
		}
		for _, t := range st.source.Action.Values {
			if !strings.ContainsAny(t.Value, "*?") {
				known = append(known, t.Value)
			}
		}
	}
	a, err := newAutomaton(s.budget, globs, 0, actionLetters)
	if err != nil {
		return s.overBudget(err)
	}
	atoms := map[string]int{}
	for i := range d.atoms {
		atoms[d.signature(all, i)] = i
	}
	for rank, name := range known {
		state, err := a.read(0, strings.ToLower(name))
		if err != nil {
			return s.overBudget(err)
		}
		if i, ok := atoms[sigKey(a.states[state].accepts)]; ok && s.names[i] == "" {
			s.names[i], s.ranks[i] = name, rank
		}
	}
	return nil
}

// signature is which units an atom matches.
func (d *dimension) signature(all []unit, atom int) string {
	var sig []int32
	for g, x := range all {
		if d.members[x.name].has(atom) {
			sig = append(sig, int32(g))
		}
	}
	return sigKey(sig)
}

func (s *search) overBudget(err error) error {
	if errors.Is(err, errBudget) {
		s.budget.over = true
		return nil
	}
	return err
}

// someAccount is an account that no policy names, unless one does.
const someAccount = "111122223333"

var accountPattern = regexp.MustCompile(`\b[0-9]{12}\b`)

// makeWorlds says which accounts the principal may be of: each that a policy
// names and one that none does. A principal that is given has its own.
func (s *search) makeWorlds() error {
	base := world{fixed: map[string][]string{}, needed: map[string]bool{}, formats: map[string]glob{}}
	for name, text := range s.Formats {
		base.formats[keyName(name)] = wildcards(text)
	}
	for _, name := range s.Needed {
		base.needed[keyName(name)] = true
	}
	if s.Principal != "" {
		return s.worldsOf(&base)
	}
	kinds := []string{"User", "AssumedRole"}
	if !s.tellsPrincipals() {
		kinds = kinds[1:]
	}
	for _, account := range s.accounts() {
		for _, kind := range kinds {
			s.worlds = append(s.worlds, s.given(anybody(&base, account, kind)))
		}
	}
	return nil
}

// worldsOf are the worlds of the principal that is given: one for each account
// whose resources it may reach.
func (s *search) worldsOf(base *world) error {
	owners := []string{s.principal.Account()}
	if slices.ContainsFunc(append([]*Policies{s.By, s.Not}, s.And...), func(p *Policies) bool { return p != nil && p.Resource != nil }) {
		for _, a := range s.accounts() {
			if !slices.Contains(owners, a) {
				owners = append(owners, a)
			}
		}
	}
	described := s.vocabulary.NewContext()
	if err := s.principal.Describe(described); err != nil {
		return err
	}
	for _, owner := range owners {
		w := *base
		w.account, w.owner = s.principal.Account(), owner
		w.fixed = map[string][]string{"aws:resourceaccount": {owner}}
		for name, values := range described.All() {
			w.fixed[keyName(name)] = values
		}
		s.worlds = append(s.worlds, s.given(&w))
	}
	return nil
}

// anybody is the world of principals of a kind of which only the account is
// known. Source: iam-semantics §5.2.
func anybody(base *world, account, kind string) *world {
	w := *base
	w.account, w.owner = account, account
	w.fixed = map[string][]string{
		"aws:principalaccount": {account}, "aws:resourceaccount": {account}, "aws:principaltype": {kind}, "aws:principalisawsservice": {"false"},
	}
	w.needed = maps.Clone(base.needed)
	w.needed["aws:principalarn"] = true
	w.formats = maps.Clone(base.formats)
	if kind == "User" {
		w.needed["aws:username"] = true
		w.formats["aws:principalarn"] = wildcards("arn:?*:iam::" + account + ":user/?*").partly()
	} else {
		w.fixed["aws:username"] = nil
		w.formats["aws:principalarn"] = wildcards("arn:?*:iam::" + account + ":role/?*").partly()
	}
	return &w
}

// tellsPrincipals reports whether it matters to a policy of what kind the
// principal is.
func (s *search) tellsPrincipals() bool {
	tells := func(name string) bool {
		switch keyName(name) {
		case "aws:principalarn", "aws:principaltype", "aws:username":
			return true
		}
		return false
	}
	for _, st := range s.statements {
		for i := range st.conditions {
			if tells(st.conditions[i].Key().Name) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.reads(), tells)
}

// given adds the keys that the question gives.
func (s *search) given(w *world) *world {
	for name, values := range s.Keys {
		w.fixed[keyName(name)] = values
	}
	return w
}

// accounts are those that policies name, that of a principal that is given, and
// another.
func (s *search) accounts() []string {
	var out []string
	if s.Principal != "" {
		out = append(out, s.principal.Account())
	}
	add := func(text string) {
		if part := strings.SplitN(text, ":", 6); len(part) > 4 && part[4] != "*" && strings.ContainsAny(part[4], "*?$") {
			s.standing = append(s.standing, "an account is told by a pattern: "+text)
		}
		for _, a := range accountPattern.FindAllString(text, -1) {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	for _, st := range s.statements {
		if st.source == nil {
			continue
		}
		for _, t := range st.source.Resource.Values {
			add(t.Value)
		}
		for i := range st.source.Conditions {
			key := keyName(st.source.Conditions[i].Key.Value)
			for _, v := range st.source.Conditions[i].Values {
				add(v.Value)
				if (key == "aws:principalaccount" || key == "aws:resourceaccount") && v.Value != "*" && strings.ContainsAny(v.Value, "*?$") {
					s.standing = append(s.standing, "an account is told by a pattern: "+v.Value)
				}
			}
		}
	}
	slices.Sort(out)
	for fresh := 111122223333; ; fresh++ {
		if a := fmt.Sprint(fresh); !slices.Contains(out, a) {
			return append(out, a)
		}
	}
}

// run looks through all worlds and assignments.
func (s *search) run() (*Answer, error) {
	if s.Not != nil && s.By.equal(s.Not) {
		return &Answer{Verdict: Never}, nil
	}
	for _, reason := range s.standing {
		s.doubt(reason)
	}
	for _, w := range s.worlds {
		found, err := s.inWorld(w)
		if found != nil || err != nil {
			return found, err
		}
		if s.budget.spent() {
			break
		}
	}
	out := &Answer{Verdict: Never, Assignments: s.tried}
	if s.budget.spent() {
		s.doubt("it takes more than the question may take")
	}
	if len(s.unknown) > 0 {
		out.Verdict, out.Reason = Unknown, strings.Join(s.unknown, "; ")
	}
	return out, nil
}

// doubt notes why the absence of a witness proves nothing.
func (s *search) doubt(reason string) {
	if !slices.Contains(s.unknown, reason) && len(s.unknown) < 8 {
		s.unknown = append(s.unknown, reason)
	}
}

// inWorld looks through the assignments of a world.
func (s *search) inWorld(w *world) (*Answer, error) {
	p, err := s.plan(w)
	if errors.Is(err, errBudget) {
		s.budget.over = true
		return nil, nil
	}
	if err != nil {
		s.doubt(err.Error())
		return nil, nil
	}
	for _, reason := range p.inexact {
		s.doubt(reason)
	}
	for values := range p.assignments() {
		if s.tried++; s.tried > s.limit {
			s.doubt(fmt.Sprintf("more than %d values of policy variables", s.limit))
			return nil, nil
		}
		found, err := s.under(w, p.keys, values)
		if found != nil || err != nil || s.budget.spent() {
			return found, err
		}
	}
	return nil, nil
}

// under looks for a request under one assignment.
func (s *search) under(w *world, keys []string, values assignment) (*Answer, error) {
	f, err := s.frame(w, keys, values)
	if errors.Is(err, errBudget) {
		s.budget.over = true
		return nil, nil
	}
	if err != nil {
		s.doubt(err.Error())
		return nil, nil
	}
	h := &hunt{search: s, frame: f, coupled: f.coupled()}
	h.look()
	if h.err != nil {
		return nil, h.err
	}
	return h.answer, nil
}

// frame reads all statements under an assignment.
func (s *search) frame(w *world, keys []string, values assignment) (*frame, error) {
	f, err := newFrame(s.budget, s.vocabulary, w, keys, values)
	if err != nil {
		return nil, err
	}
	for _, st := range s.statements {
		if err := f.read(st); err != nil {
			return nil, err
		}
	}
	if err := f.build(s.actions, &s.cache, s.statements); err != nil {
		return nil, err
	}
	for _, reason := range f.inexact {
		s.doubt(reason)
	}
	return f, nil
}
