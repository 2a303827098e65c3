package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/cmd/internal/schema"
)

//go:generate go test . -count=1 -run ^TestConfigurationReference$ -update

const configurationPage = "../../docs/configuration.md"

// environment says what the variables are for that rowan reads. That these are all
// is tested.
var environment = map[string]string{
	"AWS_ACCESS_KEY_ID":                  "with `--endpoint`, the access key of the administrator who asks; with `prove-filter` and `compare --rows`, of DynamoDB",
	"AWS_REGION":                         "`prove-filter` and `compare --rows`: the region of DynamoDB",
	"AWS_SECRET_ACCESS_KEY":              "the secret of `AWS_ACCESS_KEY_ID`",
	"AWS_SESSION_TOKEN":                  "the session token of `AWS_ACCESS_KEY_ID`, if it is temporary",
	"DATABASE_URL":                       "`drift`, `prove-filter`, `why-hidden` and `compare --rows`: the PostgreSQL to compare with, to prove on or to read",
	"GOGC":                               "if it is set, `serve` leaves the pace of garbage collection to it",
	"GOMEMLIMIT":                         "if it is set, `serve` does not take the limit of its container or unit for the one of its memory",
	"NO_COLOR":                           "if it is set, output has no colours unless `--color always` says so",
	"OTEL_EXPORTER_OTLP_ENDPOINT":        "the collector that `serve` tells of calls and decisions without `--otlp-endpoint`, and that `--audit otlp` writes to",
	"OTEL_EXPORTER_OTLP_PROTOCOL":        "traces are told over `http/protobuf` alone: another one is refused",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the collector for traces alone, with the path",
	"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "as `OTEL_EXPORTER_OTLP_PROTOCOL`",
	"OTEL_SDK_DISABLED":                  "`true` has nobody told of traces without `--otlp-endpoint`",
	"OTEL_TRACES_EXPORTER":               "`none` does what `OTEL_SDK_DISABLED` does",
	"OTEL_TRACES_SAMPLER":                "which traces are told without `--trace-sample`, as OpenTelemetry has it",
	"ROWAN_SECRET_…":                     "`serve`: the secret access key of the administrator whose access key id stands behind the prefix",
	"XDG_STATE_HOME":                     "where `serve` keeps its data directory without `--data`; only an absolute path counts",
}

// TestConfigurationReference holds docs/configuration.md to the flags, the
// variables and the files that there are; with -update it writes it.
func TestConfigurationReference(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Configuration

<!-- Written by make gen from the command line's grammar and the loader's source. A test fails when it is old. -->

Every flag, environment variable and field of a file. There is no configuration file of the server: what it is told stands in
flags, what policies and pools are in a [bundle](bundles.md), and secrets outside of it.

`)
	writeFlags(t, &b)
	writeEnvironment(t, &b)
	b.WriteString("## The secrets file\n\nThat of `--secrets`, in YAML or JSON. Unknown members are refused.\n\n")
	secrets, err := schema.Struct("../..", "cmd/internal/server", "secretsFile")
	require.NoError(t, err)
	writeMembers(&b, secrets)
	writeBundle(t, &b)
	if *update {
		require.NoError(t, os.WriteFile(configurationPage, b.Bytes(), 0o600))
		return
	}
	page, err := os.ReadFile(configurationPage)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(page), "docs/configuration.md is old: run make gen")
}

func writeFlags(t *testing.T, b *bytes.Buffer) {
	var line commandLine
	p := &process{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now, getenv: func(string) string { return "" }}
	parser, err := line.parser(p, func(int) {})
	require.NoError(t, err)
	b.WriteString("## Flags of every command\n\n")
	writeFlagTable(b, parser.Model.Flags)
	var commands func(n *kong.Node)
	commands = func(n *kong.Node) {
		if n.Hidden {
			return
		}
		if n.Leaf() && (len(n.Flags) > 0 || len(n.Positional) > 0) {
			fmt.Fprintf(b, "## %s\n\n%s\n\n", strings.TrimPrefix(n.Path(), "rowan "), n.Help)
			if len(n.Positional) > 0 {
				b.WriteString("| Argument | What |\n|---|---|\n")
				for _, a := range n.Positional {
					fmt.Fprintf(b, "| `%s` | %s |\n", a.Summary(), cell(a.Help))
				}
				b.WriteString("\n")
			}
			writeFlagTable(b, n.Flags)
		}
		for _, child := range n.Children {
			commands(child)
		}
	}
	first := slices.IndexFunc(parser.Model.Children, func(n *kong.Node) bool { return n.Name == "serve" })
	require.GreaterOrEqual(t, first, 0)
	commands(parser.Model.Children[first])
	for i, child := range parser.Model.Children {
		if i != first {
			commands(child)
		}
	}
}

func writeFlagTable(b *bytes.Buffer, flags []*kong.Flag) {
	var rows []string
	for _, f := range flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		name := "--" + f.Name
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		if !f.IsBool() {
			name += " " + f.FormatPlaceHolder()
		}
		help := cell(f.Help)
		if words := strings.TrimPrefix(f.Enum, ","); words != "" {
			help += " One of `" + strings.ReplaceAll(words, ",", "`, `") + "`."
		}
		if f.Required {
			help += " Required."
		}
		if len(f.Envs) > 0 {
			help += " Also `" + strings.Join(f.Envs, "`, `") + "`."
		}
		value := ""
		if f.Default != "" {
			value = "`" + f.Default + "`"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", cell(name), value, help))
	}
	if len(rows) > 0 {
		b.WriteString("| Flag | Default | What |\n|---|---|---|\n" + strings.Join(rows, "") + "\n")
	}
}

// cell makes a text fit for a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func writeEnvironment(t *testing.T, b *bytes.Buffer) {
	require.Equal(t, variables(t), slices.Sorted(maps.Keys(environment)), "variables that are read, and that are described")
	b.WriteString("## Environment\n\n| Variable | What |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		fmt.Fprintf(b, "| `%s` | %s |\n", name, environment[name])
	}
	b.WriteString(`
Libraries read more: Go's (` + "`SSL_CERT_FILE`, `HTTPS_PROXY`" + ` and the like), pgx the ` + "`PG…`" + ` variables of PostgreSQL, and with
` + "`--audit otlp` and for traces OpenTelemetry its `OTEL_…`" + `.

`)
}

// variables are those that the sources of the command read, sorted.
func variables(t *testing.T) []string {
	found := map[string]bool{}
	fset := token.NewFileSet()
	require.NoError(t, filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"testdata", "reliability", "faultproxy", "needs"}, d.Name()): // for tests
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 || !reads(call) {
				return true
			}
			switch x := call.Args[0].(type) {
			case *ast.BasicLit:
				text, err := strconv.Unquote(x.Value)
				require.NoError(t, err)
				found[text] = true
			case *ast.BinaryExpr:
				prefix, ok := x.X.(*ast.Ident)
				require.True(t, ok && prefix.Name == "EnvironmentPrefix", "%s", fset.Position(x.Pos()))
				found["ROWAN_SECRET_…"] = true
			default:
				require.Fail(t, "a variable whose name is not known", "%s", fset.Position(call.Pos()))
			}
			return true
		})
		return nil
	}))
	return slices.Sorted(maps.Keys(found))
}

// reads reports whether a call reads the environment.
func reads(call *ast.CallExpr) bool {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		name = f.Sel.Name
	case *ast.Ident:
		name = f.Name
	}
	return slices.Contains([]string{"getenv", "Getenv", "LookupEnv"}, name)
}

func writeBundle(t *testing.T, b *bytes.Buffer) {
	var types []string
	for k := range sqlrow.TextArray + 1 {
		types = append(types, k.String())
	}
	files, err := schema.Read("../..", map[string][]string{"columnType": types})
	require.NoError(t, err)
	b.WriteString(`## The bundle

[Bundles](bundles.md) says what belongs where. In paths NAME stands for any name, ` + "`[]`" + ` for each element of a list; a list of one
may be its element. What has a star must be there. Policies (` + "`policies/`, `guardrails/`" + `) are IAM JSON, guardrails may be in Rego;
tests are described in [Test policies](testing-policies.md).

`)
	for _, f := range files {
		fmt.Fprintf(b, "### %s\n\n", f.Name)
		if f.About != "" {
			b.WriteString(f.About + "\n\n")
		}
		writeMembers(b, f.Members)
	}
	b.Truncate(len(bytes.TrimRight(b.Bytes(), "\n")) + 1)
}

func writeMembers(b *bytes.Buffer, members []schema.Member) {
	b.WriteString("| Member | Value | What |\n|---|---|---|\n")
	for _, m := range members {
		star, about := "", cell(m.About)
		if m.Needed {
			star = " *"
		}
		if m.Default != "" {
			about += " Default: `" + m.Default + "`."
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", m.Path, star, cell(m.Value), about)
	}
	b.WriteString("\n")
}
