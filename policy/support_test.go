package policy_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
)

// parse reads a document that is one.
func parse(t testing.TB, src string) *policy.Document {
	t.Helper()
	doc, err := policy.Parse("p.json", []byte(src))
	require.NoError(t, err)
	return doc
}

// refused reads what is no document and returns the text of its faults.
func refused(t testing.TB, src string) string {
	t.Helper()
	doc, err := policy.Parse("p.json", []byte(src))
	require.Error(t, err)
	require.Nil(t, doc)
	return err.Error()
}

// parseFile reads a file; nil if it is no document.
func parseFile(t testing.TB, path string) *policy.Document {
	t.Helper()
	src, err := os.ReadFile(path)
	require.NoError(t, err)
	doc, err := policy.Parse(path, src)
	if err != nil {
		return nil
	}
	return doc
}

// faults are what is wrong, without the places, sorted.
func faults(err error) []string {
	var all policy.Errors
	errors.As(err, &all)
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.Path + ": " + f.Err.Error()
	}
	slices.Sort(out)
	return out
}

// meaning is a document without the places where it says what it says. The
// entries of a principal count by type.
func meaning(d *policy.Document) policy.Document {
	out := policy.Document{Version: plain(d.Version), ID: plain(d.ID), HasID: d.HasID}
	for i := range d.Statements {
		s := &d.Statements[i]
		said := policy.Statement{
			Index: s.Index, Sid: plain(s.Sid), Effect: s.Effect,
			Action:   policy.Element{Not: s.Action.Not, Values: plains(s.Action.Values)},
			Resource: policy.Element{Not: s.Resource.Not, Values: plains(s.Resource.Values)},
		}
		if p := s.Principal; p != nil {
			said.Principal = &policy.Principal{Not: p.Not, Everyone: p.Everyone}
			for _, e := range p.Entries {
				said.Principal.Entries = append(said.Principal.Entries, policy.PrincipalEntry{Type: e.Type, Text: plain(e.Text)})
			}
			slices.SortStableFunc(said.Principal.Entries, func(a, b policy.PrincipalEntry) int { return int(a.Type) - int(b.Type) })
		}
		for _, c := range s.Conditions {
			asked := policy.Condition{Operator: plain(c.Operator), Key: plain(c.Key)}
			for _, v := range c.Values {
				asked.Values = append(asked.Values, policy.Value{Text: plain(v.Text), Kind: v.Kind})
			}
			said.Conditions = append(said.Conditions, asked)
		}
		out.Statements = append(out.Statements, said)
	}
	return out
}

func plain(t policy.Text) policy.Text { return policy.Text{Value: t.Value} }

func plains(all []policy.Text) (out []policy.Text) {
	for _, t := range all {
		out = append(out, plain(t))
	}
	return out
}

// samePrint prints a document and reads it again: the meaning is the same, and
// the print of the print.
func samePrint(t testing.TB, doc *policy.Document) {
	t.Helper()
	text := doc.Print()
	again, err := policy.Parse(doc.Name, text)
	require.NoError(t, err, "%s", text)
	require.Equal(t, meaning(doc), meaning(again))
	require.Equal(t, string(text), string(again.Print()))
}
