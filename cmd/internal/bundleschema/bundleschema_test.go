package bundleschema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/bundleschema"
	"github.com/rowan-authz/rowan/cmd/internal/schema"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy/lint"
)

//go:generate go test . -count=1 -run ^TestSchemas$ -update

var update = flag.Bool("update", false, "rewrite the schemas")

const module = "../../.."

// TestSchemas holds the schemas to what the loader reads; with -update it writes
// them.
func TestSchemas(t *testing.T) {
	made := generate(t)
	var names []string
	for _, s := range bundleschema.All() {
		names = append(names, s.Name)
	}
	require.ElementsMatch(t, names, slices.Collect(maps.Keys(made)))
	for name, object := range made {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		require.NoError(t, e.Encode(object))
		if *update {
			require.NoError(t, os.WriteFile(name+".json", b.Bytes(), 0o644))
			continue
		}
		text, ok := bundleschema.Text(name)
		require.True(t, ok, name)
		require.Equal(t, b.String(), string(text), "%s.json is old: run make gen", name)
	}
}

func generate(t *testing.T) map[string]schema.Object {
	var types []string
	for k := range sqlrow.TextArray + 1 {
		types = append(types, k.String())
	}
	read, err := schema.Read(module, map[string][]string{"columnType": types})
	require.NoError(t, err)
	out := map[string]schema.Object{}
	for i := range read {
		object, err := read[i].JSON()
		require.NoError(t, err)
		name := strings.TrimSuffix(strings.TrimSuffix(read[i].Name, "/NAME.yaml"), ".yaml")
		out[name] = object
	}
	var codes []string
	for _, r := range lint.Rules() {
		codes = append(codes, r.Code)
	}
	out["tests"], out["lint"] = schema.Suite(), schema.LintConfig(codes)
	out["policy"] = schema.Whole("policies/NAME.json", "", schema.Policy())
	return out
}

func compiled(t *testing.T) map[string]*jsonschema.Schema {
	out := map[string]*jsonschema.Schema{}
	c := jsonschema.NewCompiler()
	for _, s := range bundleschema.All() {
		text, ok := bundleschema.Text(s.Name)
		require.True(t, ok, s.Name)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, c.AddResource(s.Name, doc))
		out[s.Name], err = c.Compile(s.Name)
		require.NoError(t, err)
	}
	return out
}

// bundles are those that there are to try.
func bundles(t *testing.T) map[string]fs.FS {
	out := map[string]fs.FS{"demo": demo.FS}
	entries, err := os.ReadDir(module + "/testdata/bundles")
	require.NoError(t, err)
	for _, e := range entries {
		out[e.Name()] = os.DirFS(module + "/testdata/bundles/" + e.Name())
	}
	return out
}

// TestFilesAreValid: every file of the bundles is valid under its schema.
func TestFilesAreValid(t *testing.T) {
	schemas, seen := compiled(t), map[string]int{}
	for name, fsys := range bundles(t) {
		for p, text := range read(t, fsys) {
			of, ok := bundleschema.Of(p)
			if !ok {
				require.False(t, strings.HasSuffix(p, ".yaml"), "%s/%s has no schema", name, p)
				continue
			}
			seen[of]++
			require.NoError(t, schemas[of].Validate(plain(parse(t, text))), "%s/%s", name, p)
		}
	}
	for _, s := range bundleschema.All() {
		require.True(t, seen[s.Name] > 0 || s.Name == "lint", s.Name)
	}
}

// TestExamplesAreValid: so are policies that stand alone, and what the guides show.
func TestExamplesAreValid(t *testing.T) {
	schemas := compiled(t)
	policies, err := filepath.Glob(module + "/testdata/policies/valid/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, policies)
	for _, name := range policies {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, schemas["policy"].Validate(doc), name)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for name, begins := range map[string][2]string{"lint": {"lint.md", "suppress:"}, "tests": {"testing-policies.md", "# tests/"}} {
		page, err := os.ReadFile(module + "/docs/" + begins[0])
		require.NoError(t, err)
		found := 0
		for _, m := range block.FindAllSubmatch(page, -1) {
			if strings.HasPrefix(string(m[1]), begins[1]) {
				found++
				require.NoError(t, schemas[name].Validate(plain(parse(t, m[1]))), begins[0])
			}
		}
		require.NotZero(t, found, begins[0])
	}
}

// TestUnknownMembers puts a member that nobody knows into every object of every
// file: where the loader refuses its name the schema does, and the reverse.
func TestUnknownMembers(t *testing.T) {
	schemas := compiled(t)
	refused, tried := 0, map[string]bool{}
	for name, fsys := range bundles(t) {
		files := read(t, fsys)
		for p := range files {
			of, ok := bundleschema.Of(p)
			if !ok || !strings.HasSuffix(p, ".yaml") {
				continue
			}
			for i := range mappings(parse(t, files[p])) {
				root := parse(t, files[p])
				at := mappings(root)[i]
				like := of + " " + members(at)
				if tried[like] {
					continue
				}
				tried[like] = true
				at.Content = append(at.Content,
					&yaml.Node{Kind: yaml.ScalarNode, Value: "zzUnknown"}, &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle})
				text, err := yaml.Marshal(root)
				require.NoError(t, err)
				bySchema := schemas[of].Validate(plain(parse(t, text)))
				changed := maps.Clone(files)
				changed[p] = text
				byLoader := load(changed)
				where := name + "/" + p + ":" + strconv.Itoa(at.Line)
				if bySchema != nil {
					require.Error(t, byLoader, "%s: the schema refuses: %v", where, bySchema)
					refused++
				}
				if byLoader != nil && strings.Contains(byLoader.Error(), `unknown member "zzUnknown"`) {
					require.Error(t, bySchema, "%s: the loader refuses: %v", where, byLoader)
				}
			}
		}
	}
	require.Greater(t, refused, 60)
}

// load reads a bundle of files with its suites.
func load(files map[string][]byte) error {
	fsys := fstest.MapFS{}
	for p, text := range files {
		fsys[p] = &fstest.MapFile{Data: text}
	}
	b, err := bundle.Load(fsys, "", conditions.AWS())
	if err == nil {
		_, err = b.Suites()
	}
	return err
}

func read(t *testing.T, fsys fs.FS) map[string][]byte {
	out := map[string][]byte{}
	require.NoError(t, fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out[p], err = fs.ReadFile(fsys, p)
		}
		return err
	}))
	return out
}

func parse(t *testing.T, text []byte) *yaml.Node {
	var root yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &root))
	return root.Content[0]
}

// members are the names of an object's.
func members(n *yaml.Node) string {
	var names []string
	for i := 0; i < len(n.Content); i += 2 {
		names = append(names, n.Content[i].Value)
	}
	return strings.Join(names, " ")
}

// mappings are the objects of a file, in order.
func mappings(n *yaml.Node) (out []*yaml.Node) {
	if n.Kind == yaml.MappingNode {
		out = append(out, n)
	}
	for _, c := range n.Content {
		out = append(out, mappings(c)...)
	}
	return out
}

// plain is a tree as an editor's validator sees it.
func plain(n *yaml.Node) any {
	if n.Kind == yaml.MappingNode {
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return out
	}
	if n.Kind == yaml.SequenceNode {
		out := []any{}
		for _, c := range n.Content {
			out = append(out, plain(c))
		}
		return out
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

// TestMembersOfTheLoader: the closed objects of the schemas are those that the
// loader has, whatever reads them.
func TestMembersOfTheLoader(t *testing.T) {
	want := map[string]bool{}
	names, err := fs.Glob(os.DirFS(module+"/bundle"), "*.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(path.Join(module, "bundle", name))
			require.NoError(t, err)
			source.Write(text)
		}
	}
	call := regexp.MustCompile(`\.object\(("[^"]+"|\w+), func\(`)
	for _, m := range call.FindAllStringSubmatchIndex(source.String(), -1) {
		list := source.String()[m[2]:m[3]]
		if !strings.HasPrefix(list, `"`) { // the constant that stands before, else the package's
			constant := regexp.MustCompile(`(?:const |\t)` + list + ` = ("[^"]+"(?:\s*\+\s*"[^"]+")*)`)
			found := constant.FindAllStringSubmatch(source.String()[:m[0]], -1)
			if found == nil {
				found = constant.FindAllStringSubmatch(source.String(), 1)
			}
			require.NotEmpty(t, found, list)
			list = regexp.MustCompile(`"\s*\+\s*"`).ReplaceAllString(found[len(found)-1][1], "")
		}
		members := strings.Split(strings.ReplaceAll(strings.Trim(list, `"`), " or ", ", "), ", ")
		slices.Sort(members)
		want[strings.Join(members, ", ")] = true
	}
	have := map[string]bool{}
	for _, s := range bundleschema.All() {
		if s.Name == "lint" || s.Name == "policy" {
			continue
		}
		text, _ := bundleschema.Text(s.Name)
		var object any
		require.NoError(t, json.Unmarshal(text, &object))
		closed(object, have)
	}
	require.Subset(t, slices.Collect(maps.Keys(have)), slices.Collect(maps.Keys(want)), "what the loader knows")
	for members := range have {
		require.True(t, want[members] || members == "allowed, explicitDeny, implicitDeny" || members == "now", members)
	}
}

// closed notes the members of closed objects, those of policies aside.
func closed(x any, out map[string]bool) {
	switch x := x.(type) {
	case map[string]any:
		if properties, ok := x["properties"].(map[string]any); ok && x["additionalProperties"] == false {
			out[strings.Join(slices.Sorted(maps.Keys(properties)), ", ")] = true
		}
		for name, below := range x {
			if name != "definitions" {
				closed(below, out)
			}
		}
	case []any:
		for _, below := range x {
			closed(below, out)
		}
	}
}
