package bundle_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/bundle"
)

func TestSQLRow(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	described := func(b *bundle.Bundle, name string) (sqlrow.Table, bool) {
		x, ok := b.Table(name)
		require.True(t, ok)
		return x.SQLRow()
	}
	orders, ok := described(b, "Orders")
	require.True(t, ok)
	require.Equal(t, sqlrow.Table{
		Name: "orders", Columns: []sqlrow.Column{{Key: "dynamodb:LeadingKeys", Name: "customer_id"}},
		Access: sqlrow.Access{
			Resource: "arn:aws:dynamodb:eu-west-1:012345678901:table/Orders",
			Read:     "dynamodb:Query", Insert: "dynamodb:PutItem", Update: "dynamodb:UpdateItem", Delete: "dynamodb:DeleteItem",
			Attributes: map[string]string{"total": "total"},
		},
	}, orders)
	_, ok = described(b, "Blobs")
	require.False(t, ok)

	files := fstest.MapFS{
		"rowan.yaml":      {Data: []byte("account: \"111122223333\"\npartition: aws\nregion: us-east-1\n")},
		"tables/Tab.yaml": {Data: []byte("partitionKey: {name: id, type: N}\nsql: {schema: app, table: tabs, columns: {id: {column: id, type: integer}, top: top_score, \"aws:ResourceTag/owner\": {column: owner, type: uuid}}}\n")},
	}
	tabs, ok := described(load(t, files), "Tab")
	require.True(t, ok)
	require.Equal(t, "app", tabs.Schema)
	require.Equal(t, []sqlrow.Column{
		{Key: "dynamodb:LeadingKeys", Name: "id", Type: sqlrow.Integer}, {Key: "aws:ResourceTag/owner", Name: "owner", Type: sqlrow.UUID},
	}, tabs.Columns)
	require.Equal(t, map[string]string{"id": "id", "top_score": "top"}, tabs.Access.Attributes)
}
