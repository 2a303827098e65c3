package rowan_test

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/rowan-authz/rowan"

// TestEngineLinksOnlyTheArrow holds the arrow by what is really linked: beside the standard library
// the engine is conditions, policy and engine, and what is internal to them.
func TestEngineLinksOnlyTheArrow(t *testing.T) {
	out := goTool(t, ".", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./engine")
	var linked []string
	internal := regexp.MustCompile(`^` + regexp.QuoteMeta(module) + `/(conditions|policy|engine)/internal/`)
	for _, pkg := range strings.Fields(out) {
		if !internal.MatchString(pkg) {
			linked = append(linked, pkg)
		}
	}
	require.ElementsMatch(t, []string{module + "/conditions", module + "/policy", module + "/engine"}, linked)
}

// TestNobodyLinksTheCatalogue keeps the catalogue of AWS's actions out of whoever does not import it:
// what decides, what reads policies, and the linter itself.
func TestNobodyLinksTheCatalogue(t *testing.T) {
	packages := []string{"./conditions", "./policy", "./policy/lint", "./engine", "./analysis", "./identity/...", "./access/...", "./bundle/..."}
	out := goTool(t, ".", append([]string{"list", "-deps"}, packages...)...)
	require.Contains(t, out, module+"/policy/lint\n")
	require.NotContains(t, out, module+"/policy/catalogue")
	lint := goTool(t, ".", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./policy/lint")
	require.ElementsMatch(t, []string{module + "/conditions", module + "/policy", module + "/policy/lint"}, strings.Fields(lint))
}

// TestAccessLinksOnlyTheArrow holds each access package of the root module to the arrow: beside the
// standard library the three packages before it, itself, and what is internal to these.
func TestAccessLinksOnlyTheArrow(t *testing.T) {
	packages := strings.Fields(goTool(t, ".", "list", "./access/..."))
	require.NotEmpty(t, packages)
	for _, pkg := range packages {
		own, _, _ := strings.Cut(strings.TrimPrefix(pkg, module+"/access/"), "/")
		arrow := regexp.MustCompile(`^` + regexp.QuoteMeta(module) + `/(conditions|policy|engine|access/` + regexp.QuoteMeta(own) + `)(/internal/.*)?$`)
		out := goTool(t, ".", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg)
		for linked := range strings.FieldsSeq(out) {
			require.Regexp(t, arrow, linked, pkg)
		}
	}
}

// goMod is the part of `go mod edit -json` that the tests read.
type goMod struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []struct{ Old struct{ Path string } }
	Tool    []struct{ Path string }
}

func readGoMod(t *testing.T, file string) goMod {
	t.Helper()
	var mod goMod
	require.NoError(t, json.Unmarshal([]byte(goTool(t, ".", "mod", "edit", "-json", file)), &mod))
	return mod
}

// TestRootRequiresFewModules keeps the root go.mod to what every embedder may be made to carry.
func TestRootRequiresFewModules(t *testing.T) {
	allowed := []string{
		"github.com/golang-jwt/jwt/v5",
		"go.yaml.in/yaml/v3",
		"golang.org/x/crypto",
		"golang.org/x/text",
		"github.com/alexedwards/argon2id",
		"github.com/pquerna/otp",
		"github.com/stretchr/testify",
		"pgregory.net/rapid",
	}
	mod := readGoMod(t, "go.mod")
	require.NotEmpty(t, mod.Require, "a go.mod that requires nothing was not read")
	for _, r := range mod.Require {
		if !r.Indirect {
			require.Contains(t, allowed, r.Path)
		}
	}
	require.Empty(t, mod.Tool, "tools live in internal/tools")
	require.Empty(t, mod.Replace, "an embedder does not see our replacements")
}

// heavy names what made nested modules necessary: modules that no embedder of the engine carries.
var heavy = regexp.MustCompile(`^(google\.golang\.org/grpc|github\.com/open-policy-agent/|cel\.dev/|github\.com/google/cel-go|` +
	`github\.com/aws/|github\.com/jackc/|github\.com/lib/pq|github\.com/go-sql-driver/|github\.com/mattn/go-sqlite3|modernc\.org/)`)

// TestEmbedderCarriesFewModules makes a program that embeds the engine and counts what it drags in.
func TestEmbedderCarriesFewModules(t *testing.T) {
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module embedder.example\n\ngo 1.26.0\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+root+"\n")
	write("embedder.go", "// Package embedder decides.\npackage embedder\n\nimport _ \""+module+"/engine\"\n")
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	write("go.sum", string(sums))

	goTool(t, dir, "build", "-mod=mod", "./...")
	all := strings.Split(strings.TrimSpace(goTool(t, dir, "list", "-mod=mod", "-m", "all")), "\n")
	require.Equal(t, "embedder.example", all[0])
	carried := all[1:]
	require.NotEmpty(t, carried)
	require.LessOrEqual(t, len(carried), 16, "carried: %v", carried)
	for _, line := range carried {
		require.NotRegexp(t, heavy, line)
	}
}

// TestPackageNames refuses the names that say nothing and so attract everything.
func TestPackageNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "pkg", "manager", "impl"}
	for _, file := range goFiles(t) {
		require.NotContains(t, vague, strings.TrimSuffix(file.pkg, "_test"), file.path)
		require.NotContains(t, vague, path.Base(file.dir), file.path)
	}
}

// TestEveryPackageIsDocumentedOnce wants the essay on a package in one place.
func TestEveryPackageIsDocumentedOnce(t *testing.T) {
	docs := map[string][]string{}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file.path, "_test.go") {
			continue
		}
		found := docs[file.dir]
		if file.documented {
			found = append(found, file.path)
		}
		docs[file.dir] = found
	}
	for _, dir := range slices.Sorted(maps.Keys(docs)) {
		require.Len(t, docs[dir], 1, "package comments of %s", dir)
	}
}

// TestTopLevelFolders wants an ADR before a new folder at the top.
func TestTopLevelFolders(t *testing.T) {
	allowed := []string{
		".ci", "access", "analysis", "api", "benchmarks", "bundle", "cmd", "conditions",
		"docs", "engine", "identity", "internal", "policy", "testdata",
	}
	for _, file := range tracked(t) {
		if top, _, nested := strings.Cut(file, "/"); nested {
			require.Contains(t, allowed, top, file)
		}
	}
}

// TestModules keeps the nested modules to the ones that an embedder must not carry, and each of them
// in go.work, where the gates find it. The tools stay outside: their graph collides with cel-go's.
func TestModules(t *testing.T) {
	allowed := []string{".", "access/awssdk", "access/pgxrow", "api", "benchmarks", "cmd", "conditions/celop"}
	var modules []string
	for _, file := range tracked(t) {
		if path.Base(file) == "go.mod" && path.Dir(file) != "internal/tools" && !strings.Contains(file, "testdata/") {
			modules = append(modules, path.Dir(file))
		}
	}
	require.Subset(t, allowed, modules)
	var work struct{ Use []struct{ DiskPath string } }
	require.NoError(t, json.Unmarshal([]byte(goTool(t, ".", "work", "edit", "-json", "go.work")), &work))
	var used []string
	for _, use := range work.Use {
		used = append(used, path.Clean(use.DiskPath))
	}
	require.ElementsMatch(t, modules, used)
}

// TestNoPathsOfThisMachine finds what a tool or a paste leaves behind: the place of this checkout,
// the home of whoever runs the tests, the caches of Go.
func TestNoPathsOfThisMachine(t *testing.T) {
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	places := []string{root, home}
	if parent := filepath.Dir(root); parent != filepath.Clean(os.TempDir()) {
		places = append(places, parent)
	}
	caches := strings.TrimSpace(goTool(t, ".", "env", "GOMODCACHE", "GOCACHE", "GOPATH"))
	places = append(places, strings.Split(caches, "\n")...)
	for _, file := range tracked(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, place := range places {
			place = filepath.ToSlash(place)
			if place == "/" || !bytes.Contains(text, []byte(place)) {
				continue
			}
			// As a whole path: a/srv/b does not name the folder /srv.
			named := regexp.MustCompile(`(^|[^\w./-])` + regexp.QuoteMeta(place) + `(/|\s|$)`)
			require.False(t, named.Match(text), "%s names %s", file, place)
		}
	}
}

type goFile struct {
	path, dir, pkg string
	documented     bool // has a package comment
}

// goFiles reads the package clause of every tracked Go file.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") || slices.Contains(strings.Split(name, "/"), "testdata") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		files = append(files, goFile{name, path.Dir(name), parsed.Name.Name, parsed.Doc != nil})
	}
	require.NotEmpty(t, files)
	return files
}

// tracked lists the files of the repository that stand in the work tree.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var files []string
	folders := map[string]bool{}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(name); err == nil {
			files = append(files, name)
			folders[path.Dir(name)] = true
		}
	}
	// The test cache does not see what git reads. It sees this, and so runs again for a new file.
	for dir := range folders {
		_, err := os.ReadDir(dir)
		require.NoError(t, err)
	}
	require.NotEmpty(t, files)
	return files
}

// goTool runs the go command in dir outside the workspace, as an embedder would.
func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	require.NoError(t, cmd.Run(), "go %s: %s", strings.Join(args, " "), complaints.String())
	return out.String()
}
