package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/internal/reference/generate"
	"github.com/rowan-authz/rowan/policy"
)

// TestPrintGenerated prints the random documents with which the engine is
// tested, of every kind.
func TestPrintGenerated(t *testing.T) {
	printed := 0
	for seed := range uint64(2000) {
		d := generate.Question(rand.New(rand.NewPCG(17, seed))).Documents
		texts := slices.Concat(d.Identity, d.PermissionsBoundary, d.Session, d.Endpoint)
		texts = append(texts, slices.Concat(slices.Concat(d.ServiceControl, d.ResourceControl)...)...)
		if d.Resource != "" {
			texts = append(texts, d.Resource)
		}
		for _, text := range texts {
			doc, err := policy.Parse("p", []byte(text))
			if err != nil {
				continue // now and then one is meant to be refused
			}
			printed++
			samePrint(t, doc)
		}
	}
	require.Greater(t, printed, 3000)
}

// TestPrintIsAsValid: the print of a document has the faults of the document,
// as a policy of every kind.
func TestPrintIsAsValid(t *testing.T) {
	compared := 0
	for _, path := range append(folder(t, "invalid"), folder(t, "valid")...) {
		doc := parseFile(t, path)
		if doc == nil {
			continue
		}
		again := parse(t, string(doc.Print()))
		for kind := policy.Identity; kind <= policy.ResourceControl; kind++ {
			want, got := doc.Validate(kind, conditions.AWS()), again.Validate(kind, conditions.AWS())
			require.Equal(t, faults(want), faults(got), "%s as %s", path, kind)
			compared++
		}
	}
	require.Greater(t, compared, 8*30)
}

// TestPrintText escapes what JSON forbids in a text, and nothing else.
func TestPrintText(t *testing.T) {
	for c := range rune(0x300) {
		text := "a" + string(c) + "b"
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		doc := parse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":`+string(quoted)+`}}`)
		require.Equal(t, text, doc.Statements[0].Resource.Values[0].Value)
		print := doc.Print()
		require.True(t, json.Valid(print))
		require.Equal(t, c >= ' ' && c != '"' && c != '\\', strings.Contains(string(print), text), "%U", c)
		require.Equal(t, meaning(doc), meaning(parse(t, string(print))))
	}
}
