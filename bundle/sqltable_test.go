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

func TestRowSecurity(t *testing.T) {
	files := fstest.MapFS{
		"rowan.yaml":                                {Data: []byte("account: \"111122223333\"\npartition: aws\nregion: us-east-1\n")},
		"policies/Own.json":                         {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${saml:sub}"}}}}`)},
		"policies/Cut.json":                         {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "*", "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "cut-*"}}}}`)},
		"roles/Player.yaml":                         {Data: []byte("policies: [Own]\nboundary: Cut\n")},
		"tables/Tab.yaml":                           {Data: []byte("partitionKey: {name: id}\nsql: {table: tabs, columns: {id: id}}\n")},
		"tables/Other.yaml":                         {Data: []byte("partitionKey: {name: id}\n")},
		"tables/Shared.yaml":                        {Data: []byte("partitionKey: {name: id}\nsql: {table: shared, columns: {id: id}}\n")},
		"resources/Shared.yaml":                     {Data: []byte("arn: arn:aws:dynamodb:us-east-1:111122223333:table/Shared\npolicy:\n  Version: 2012-10-17\n  Statement: {Effect: Deny, Principal: \"*\", Action: \"dynamodb:*\", Resource: \"arn:aws:dynamodb:us-east-1:111122223333:table/Shared\"}\n")},
		"guardrails/scp/00-root/FullAWSAccess.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)},
	}
	variables := map[string]string{"saml:sub": "rowan.sub"}
	b := load(t, files)
	s, err := b.RowSecurity("Player", "Tab", "player", variables)
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::111122223333:role/Player", s.Principal)
	require.Len(t, s.Policies, 3, "identity policies, boundary, service control")
	predicate, err := s.Predicate(sqlrow.Read)
	require.NoError(t, err)
	require.Contains(t, predicate, "'cut-%'")
	require.Contains(t, predicate, "current_setting('rowan.sub', true)")
	for _, ask := range [][3]string{{"Nobody", "Tab", "no role"}, {"Player", "Nothing", "no table"}, {"Player", "Other", "says nothing of sql"}, {"Player", "Shared", "has a resource policy"}} {
		_, err = b.RowSecurity(ask[0], ask[1], "player", variables)
		require.ErrorContains(t, err, ask[2])
	}
	files["guardrails/rcp/00-root/Deny.json"] = &fstest.MapFile{Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}}`)}
	_, err = load(t, files).RowSecurity("Player", "Tab", "player", variables)
	require.ErrorContains(t, err, "resource control policies")
}
