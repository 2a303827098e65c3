package schema_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/cmd/internal/schema"
)

// TestFaultsOfALoaderAreFound: what cannot be followed, and what nobody said, is
// an error and no gap in the reference.
func TestFaultsOfALoaderAreFound(t *testing.T) {
	files, err := schema.Read(filepath.Join("testdata", "faulty"), nil)
	for _, want := range []string{
		"bare: no comment says what it is",
		"bounds that are no constants",
		"words that are not known",
		"lost: nothing is read",
		`the message says ["name" "bare" "size" "forgotten"]`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.Len(t, files, 1)
	m := files[0].Members[0]
	require.Equal(t, []any{"name", "text", true, "`name` is what it is called."}, []any{m.Path, m.Value, m.Needed, m.About})
	_, err = schema.Read("testdata", nil)
	require.Error(t, err)
}

// TestBundle reads some members of each sort.
func TestBundle(t *testing.T) {
	files, err := schema.Read("../../..", map[string][]string{"columnType": {"text", "number"}})
	require.NoError(t, err)
	members := map[string]schema.Member{}
	for _, f := range files {
		for _, m := range f.Members {
			members[f.Name+" "+m.Path] = m
		}
	}
	for name, want := range map[string]struct {
		value, initial string
		needed         bool
	}{
		"rowan.yaml account":                                              {"twelve digits in quotes", "", true},
		"rowan.yaml partition":                                            {"text", "aws", false},
		"roles/NAME.yaml maxSessionSeconds":                               {"whole number from 3600 to 43200", "3600", false},
		"roles/NAME.yaml inline":                                          {"object of NAME: policy document", "", false},
		"services/NAME.yaml rights":                                       {"list of `assert`, `explain` or `policies`", "", false},
		"tables/NAME.yaml partitionKey":                                   {"object", "", true},
		"tables/NAME.yaml indexes.NAME.partitionKey.type":                 {"`S`, `N` or `B`", "S", false},
		"tables/NAME.yaml sql.columns":                                    {"object of NAME: text, or object", "", false},
		"tables/NAME.yaml sql.columns.NAME.type":                          {"`text` or `number`", "", false},
		"routes/NAME.yaml routes[].path":                                  {"text", "", true},
		"routes/NAME.yaml stage":                                          {"text", "$default", false},
		"pools/NAME.yaml userPool.password.minimumLength":                 {"whole number from 6 to 99", "8", false},
		"pools/NAME.yaml userPool.clients.NAME.lifetimes.access":          {"time from 5m to 1d", "1h", false},
		"pools/NAME.yaml identityPool.providers.NAME.roles.rules[].match": {"`equals`, `notEqual`, `startsWith` or `contains`", "", true},
		"pools/NAME.yaml identityPool.providers.NAME.principalTags":       {"`defaults`, or object of NAME: text", "", false},
		"providers/NAME.yaml oidc.issuer":                                 {"text", "", true},
		"administrators/NAME.yaml accessKeys":                             {"list of text", "", false},
	} {
		m, ok := members[name]
		require.True(t, ok, name)
		require.Equal(t, want.value, m.Value, name)
		require.Equal(t, want.initial, m.Default, name)
		require.Equal(t, want.needed, m.Needed, name)
		require.NotEmpty(t, m.About, name)
	}
}

// TestFullBundle finds every member that the fullest bundle of the tests has.
func TestFullBundle(t *testing.T) {
	const full = "../../../testdata/bundles/full"
	files, err := schema.Read("../../..", map[string][]string{"columnType": {"text"}})
	require.NoError(t, err)
	sorts := 0
	for _, f := range files {
		values := map[string]string{}
		for _, m := range f.Members {
			values[m.Path] = m.Value
		}
		names, err := filepath.Glob(filepath.Join(full, strings.Replace(f.Name, "NAME", "*", 1)))
		require.NoError(t, err)
		if len(names) > 0 {
			sorts++
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			var root yaml.Node
			require.NoError(t, yaml.Unmarshal(text, &root))
			requireKnown(t, name, values, "", root.Content[0])
		}
	}
	require.GreaterOrEqual(t, sorts, 9)
}

// requireKnown requires that values has the members below a place.
func requireKnown(t *testing.T, file string, values map[string]string, place string, n *yaml.Node) {
	t.Helper()
	of := values[place]
	switch {
	case strings.Contains(of, "policy document"):
		return
	case n.Kind == yaml.SequenceNode:
		require.Contains(t, of, "list of ", "%s: %s", file, place)
		for _, x := range n.Content {
			if x.Kind == yaml.MappingNode {
				requireKnown(t, file, values, place+"[]", x)
			}
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			name, chosen := n.Content[i].Value, strings.Contains(of, "object of NAME")
			if chosen {
				name = "NAME"
			}
			below := strings.TrimPrefix(place+"."+name, ".")
			_, known := values[below]
			require.True(t, known || chosen, "%s: %s", file, below)
			requireKnown(t, file, values, below, n.Content[i+1])
		}
	}
}
