package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

const docsPage = "../../docs/cli.md"

// TestDocs runs the shell examples of docs/cli.md in order, in one folder, and
// holds them to the output that the page shows; with -update it rewrites that.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(docsPage)
	require.NoError(t, err)
	block := regexp.MustCompile("(?ms)^```(sh|text)(?: status=([0-9]))?\n(.*?)^```$")
	script, compared := docsScript(block.FindAllStringSubmatch(string(page), -1))
	require.NotZero(t, compared, "no example shows its output")
	name := filepath.Join(t.TempDir(), "docs.txtar")
	require.NoError(t, os.WriteFile(name, txtar.Format(script), 0o600))
	t.Run("examples", func(t *testing.T) {
		testscript.Run(t, testscript.Params{Files: []string{name}, RequireExplicitExec: true, UpdateScripts: *update})
	})
	if !*update {
		return
	}
	script, err = txtar.ParseFile(name)
	require.NoError(t, err)
	next := 0
	updated := block.ReplaceAllStringFunc(string(page), func(old string) string {
		next++
		first, _, _ := strings.Cut(old, "\n")
		return first + "\n" + string(script.Files[next-1].Data) + "```"
	})
	require.NoError(t, os.WriteFile(docsPage, []byte(updated), 0o600))
}

// docsScript makes a script of the page's blocks: each runs, and a block of
// text is what the one before it printed.
func docsScript(blocks [][]string) (script *txtar.Archive, compared int) {
	script = &txtar.Archive{}
	for i, b := range blocks {
		name := fmt.Sprintf("block%d.%s", i, b[1])
		script.Files = append(script.Files, txtar.File{Name: name, Data: []byte(b[3])})
		if b[1] == "text" {
			script.Comment = fmt.Appendf(script.Comment, "cmp stdout %s\n", name)
			compared++
			continue
		}
		status := "0"
		if b[2] != "" {
			status = b[2]
		}
		script.Comment = fmt.Appendf(script.Comment, "exec sh -c '. ./%s; exit $(( $? - %s ))'\n", name, status)
	}
	return script, compared
}
