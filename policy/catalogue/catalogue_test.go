package catalogue_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy/catalogue"
	"github.com/rowan-authz/rowan/policy/lint"
)

var _ lint.Catalogue = (*catalogue.Catalogue)(nil)

// TestAWS reads the embedded catalogue whole and looks at what is well known.
func TestAWS(t *testing.T) {
	c, err := catalogue.AWS()
	require.NoError(t, err)
	require.Greater(t, len(c.Services()), 400)
	require.True(t, slices.IsSorted(c.Services()))
	actions := 0
	for _, s := range c.Services() {
		require.Equal(t, strings.ToLower(s), s)
		for _, a := range c.Actions(s) {
			actions++
			for _, form := range c.ActionResources(s, a) {
				require.True(t, form == "*" || strings.HasPrefix(form, "arn:"), "%s:%s %s", s, a, form)
			}
		}
	}
	require.Greater(t, actions, 20_000)
	require.Contains(t, c.Actions("dynamodb"), "GetItem")
	require.Contains(t, c.ActionKeys("dynamodb", "getitem"), "dynamodb:LeadingKeys")
	require.NotContains(t, c.ActionKeys("dynamodb", "Scan"), "dynamodb:LeadingKeys")
	require.Equal(t, []string{"arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}"}, c.ActionResources("dynamodb", "GetItem"))
	require.Empty(t, c.ActionResources("s3", "ListAllMyBuckets"))
	require.Contains(t, c.Keys("iam"), "iam:PassedToService")
	require.Nil(t, c.Actions("nothing"))
	require.Nil(t, c.Keys("nothing"))
	require.Nil(t, c.ActionKeys("nothing", "x"))
	require.Equal(t, "Read", c.Access("dynamodb", "getitem"))
	require.Equal(t, "Write", c.Access("dynamodb", "PutItem"))
	require.Equal(t, "Permissions management", c.Access("s3", "PutBucketPolicy"))
	require.Empty(t, c.Access("nothing", "x"))
	about, ok := c.Key("DynamoDB:leadingkeys")
	require.True(t, ok)
	require.Equal(t, "ArrayOfString", about.Type)
	require.Contains(t, about.Text, "partition key")
	tag, ok := c.Key("s3:ExistingObjectTag/team")
	require.True(t, ok)
	require.NotEmpty(t, tag.Text)
	for _, name := range []string{"s3:ExistingObjectTag/", "s3:nothing", "nothing:x", "s3", ""} {
		_, ok := c.Key(name)
		require.False(t, ok, name)
	}
}

// TestSize keeps the catalogue small: whoever imports it carries it.
func TestSize(t *testing.T) {
	stat, err := os.Stat("catalogue.txt.gz")
	require.NoError(t, err)
	require.Less(t, stat.Size(), int64(400_000))
}

// TestOneVersion: the generator, the notice and the package name one version.
func TestOneVersion(t *testing.T) {
	for _, file := range []string{"NOTICE", "../../internal/tools/catalogue/main.go"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), catalogue.Version, file)
	}
}
