package analysis_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var runMutants = flag.Bool("analysis.mutants", false, "have TestMutants run the tests against each mutant: a quarter of an hour")

// mutant is a fault that is seeded into the analysis: a text of a file, and what
// stands in its place.
type mutant struct{ name, file, from, to string }

func mutants() []mutant {
	return []mutant{
		{"negation keeps the quantifier", "solve.go", "every: !l.every", "every: l.every"},
		{"negation keeps absence", "solve.go", "null: !l.null", "null: l.null"},
		{"absence outlives what wants a value", "solve.go", "c.absent = c.absent && l.null", "c.absent = c.absent || l.null"},
		{"one value for all existentials", "solve.go", "c.some = append(slices.Clip(c.some), l.values)", "c.all = c.all.and(l.values)"},
		{"existentials outside of what is allowed", "solve.go", "if !e.meets(c.all) {", "if e.empty() {"},
		{"absence implies what wants a value", "solve.go", "if c.absent && !l.null {", "if c.absent && l.null {"},
		{"some value stands for every value", "solve.go", "if l.every || !dims[l.dim].list {", "if !dims[l.dim].list {"},
		{"absence excludes what it meets", "solve.go", "if c.absent && l.null {", "if c.absent && !l.null {"},
		{"excluded unless it holds all", "solve.go", "if !l.values.meets(c.all) {", "if !l.values.within(c.all) {"},
		{"existentials exclude what they meet", "solve.go", "if !meets3(e, c.all, l.values) {", "if meets3(e, c.all, l.values) {"},
		{"a clause of nothing is dropped", "solve.go", "case 0:\n\t\t\t\treturn nil, false", "case 0:\n\t\t\t\tcontinue"},
		{"branches without the rest", "solve.go", "s.with(dims, l.not(dims[l.dim].universe)); !ok", "s.with(dims, l); !ok"},
		{"denials of conjuncts are forgotten", "hunt.go", "denies = append(denies, x.denies...)", "_ = x"},
		{"denials of the other side are forgotten", "hunt.go", "range h.not.denies {", "range h.not.denies[:0] {"},
		{"only the first layer fails", "hunt.go", "for _, l := range ways[0] {", "for _, l := range ways[0][:1] {"},
		{"statements that never apply are avoided", "hunt.go", "if b.never {\n\t\treturn nil, false\n\t}", ""},
		{"needed keys may be absent", "hunt.go", "absent: !d.needed", "absent: true"},
		{"no key may be absent", "hunt.go", "absent: !d.needed", "absent: false"},
		{"values are not negated", "dimension.go", "if t.Not {", "if t.Not && d.list {"},
		{"nothing between the first two numbers", "dimension.go", "if i > 0 {\n\t\t\tall", "if i > 1 {\n\t\t\tall"},
		{"nothing above the last number", "dimension.go", "all = append(all, new(big.Rat).Add(points[len(points)-1], one))", ""},
		{"nothing behind a network", "dimension.go", "p.Masked().Addr(), last(p).Next())", "p.Masked().Addr())"},
		{"IgnoreCase compares case", "dimension.go", "prefix = \"~\"", "prefix = \"=\""},
		{"texts of another space", "dimension.go", "int(accepts[0]) >= required)", "int(accepts[0]) > required)"},
		{"wildcards cross colons", "glob.go", "case e.part:", "case e.part && e.r != 0:"},
		{"folding is lower case alone", "glob.go", "n := unicode.SimpleFold(r); n != r; n", "n := r; n != r; n"},
		{"the empty text stands for others", "glob.go", "at < len(texts) && texts[at] == \"\"", "at < 0 && texts[at] == \"\""},
		{"variables have a value", "variables.go", "if !t.world.needed[t.name] {", "if t.world.needed[t.name] {"},
		{"variables do not share values", "variables.go", "p.offer(to[0], c.text, w)", "_ = to"},
		{"folded variables are exact", "variables.go", "case p.folded && (", "case p.folded && false && ("},
		{"variables in keys that are read are exact", "variables.go", "case pinned && !p.whole():", "case pinned && false:"},
		{"entangled variables are exact", "variables.go", "case !p.plain() && entangled(p, all):", "case !p.plain() && false:"},
		{"overlapping places are exact", "variables.go", "!apart(p, q) && !nested(p, q) {", "!apart(p, q) && false {"},
		{"two variables in one text are exact", "variables.go", "case p.others > 0:", "case p.others > 9:"},
		{"different lengths are no longer different", "variables.go", "!pOpen && qLeast > pLeast ||", "!pOpen && qLeast >= pLeast ||"},
		{"a denial is sure", "frame.go", "l = l.not(d.universe) // a Deny", "_ = l.not(d.universe) // a Deny"},
		{"NotResource without a value allows", "frame.go", "s.source.Resource.Not && f.loose[s] {", "s.source.Resource.Not && false {"},
		{"every account is one's own", "frame.go", "s.account && f.world.owner != f.world.account ||", ""},
		{"no resource for all buckets", "frame.go", "if allBuckets(p.String()) {", "if allBuckets(p.String() + \"x\") {"},
		{"keys of two names are two", "frame.go", "if name == \"dynamodb:firstpartitionkeyvalues\" {", "if name == \"\" {"},
		{"service control limits nobody", "model.go", "guards = append(guards, l)", "_ = l"},
		{"boundaries limit direct grants", "model.go", "slices.Concat(guards, []layer{resource.least(engine.NamedByEveryone), same})", "slices.Concat(limited, []layer{resource.least(engine.NamedByEveryone), same})"},
		{"accounts are named directly", "model.go", "if s.naming >= n {", "if s.naming >= n || true {"},
		{"roles and keys need no policy of theirs", "model.go", "[]layer{identity, c.openToAccount()}", "[]layer{identity}"},
		{"everybody is a session", "question.go", "if !s.tellsPrincipals() {", "if len(kinds) > 0 {"},
		{"sessions have user names", "question.go", "w.fixed[\"aws:username\"] = nil", ""},
		{"roles of sessions have no path", "question.go", "return p.WithRole(role[0])", "return p, nil"},
		{"accounts by patterns are exact", "question.go", "range s.standing {", "range s.standing[:0] {"},
	}
}

// mutate writes what the compiler reads instead of a mutant's file.
func (m mutant) mutate(t *testing.T) (overlay string) {
	here, err := filepath.Abs(m.file)
	require.NoError(t, err)
	text, err := os.ReadFile(here)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), m.from), "%s: %s", m.name, m.from)
	dir := t.TempDir()
	there := filepath.Join(dir, m.file)
	require.NoError(t, os.WriteFile(there, []byte(strings.Replace(string(text), m.from, m.to, 1)), 0o600))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{here: there}})
	require.NoError(t, err)
	overlay = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, replace, 0o600))
	return overlay
}

// TestMutants: each mutant has its place, and with -analysis.mutants the tests
// kill it.
func TestMutants(t *testing.T) {
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			overlay := m.mutate(t)
			if !*runMutants {
				return
			}
			t.Parallel()
			// The seeds are not those of CI: no mutant is killed by a pair that was chosen for it.
			said, err := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-count=1", "-failfast", "-skip", "TestMutants|SharedCorpus",
				".", "-args", "-analysis.n=3000", "-analysis.tries=300", "-analysis.solver=400", "-analysis.z3=1000000", "-analysis.seed=5").CombinedOutput()
			switch text := string(said); {
			case err == nil:
				t.Error("it lives")
			case strings.Contains(text, "[build failed]"):
				t.Errorf("it does not compile:\n%s", text)
			default:
				t.Log("killed by", firstFailure(text))
			}
		})
	}
}

func firstFailure(text string) string {
	_, rest, _ := strings.Cut(text, "--- FAIL: ")
	name, _, _ := strings.Cut(rest, " ")
	return name
}
