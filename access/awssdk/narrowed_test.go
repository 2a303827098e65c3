package awssdk_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/engine"
)

// team lets a caller read their own rows and those of everyone.
const team = `{"Effect":"Allow","Action":["dynamodb:Query","dynamodb:BatchGetItem"],"Resource":"*",
 "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:username}","all","team"]},"Null":{"dynamodb:LeadingKeys":"false"}}}`

func narrowing(o *awssdk.Options) { o.Narrow = true }

func partition(items, more string) answer {
	return answer{200, `{"Items":[` + items + `],"Count":1,"ScannedCount":2,"ConsumedCapacity":{"TableName":"Scores","CapacityUnits":1.5}` + more + `}`}
}

const (
	rowOfAll  = `{"User":{"S":"all"},"Game":{"S":"go"}}`
	rowOfAnn  = `{"User":{"S":"ann"},"Game":{"S":"go"}}`
	rowOfTeam = `{"User":{"S":"team"},"Game":{"S":"go"}}`
)

func TestScanIsNarrowed(t *testing.T) {
	ctx := engine.WithCaller(t.Context(), newCaller(t, "ann", team))
	s := newStore(t, partition(rowOfAll, ""), partition(rowOfAnn, ""), partition(rowOfTeam, ""))
	out, err := s.tables(newGuard(t, narrowing)).Scan(ctx, &dynamodb.ScanInput{TableName: table})
	require.NoError(t, err)
	require.Equal(t, []string{"Query", "Query", "Query"}, s.operations())
	require.Len(t, out.Items, 3)
	require.EqualValues(t, 3, out.Count)
	require.EqualValues(t, 6, out.ScannedCount)
	require.InDelta(t, 4.5, *out.ConsumedCapacity.CapacityUnits, 0)
	require.Nil(t, out.LastEvaluatedKey)
	n, ok := awssdk.NarrowedBy(out.ResultMetadata)
	require.True(t, ok)
	require.Len(t, n.Requests, 3)
	require.Equal(t, "dynamodb:Scan", n.Denied.Action)

	// Not for those who did not ask for it.
	_, err = s.tables(newGuard(t, nil)).Scan(ctx, &dynamodb.ScanInput{TableName: table})
	require.NoError(t, deniedOf(t, err).Reason)
	require.Equal(t, 3, s.count())

	// What an answer does not say is not that of the one before.
	s.answers = []answer{partition(rowOfAll, ""), {200, `{}`}, partition(rowOfTeam, "")}
	out, err = s.tables(newGuard(t, narrowing)).Scan(ctx, &dynamodb.ScanInput{TableName: table})
	require.NoError(t, err)
	require.Len(t, out.Items, 2)
	require.EqualValues(t, 2, out.Count)
}

// A page ends in a partition, and the next begins there.
func TestNarrowedPages(t *testing.T) {
	ctx := engine.WithCaller(t.Context(), newCaller(t, "ann", team))
	s := newStore(t, partition(rowOfAll, ""), partition(rowOfAnn, `,"LastEvaluatedKey":`+rowOfAnn), partition(rowOfAnn, ""), partition(rowOfTeam, ""))
	pages := dynamodb.NewScanPaginator(s.tables(newGuard(t, narrowing)), &dynamodb.ScanInput{TableName: table, Limit: aws.Int32(4)})
	var sizes []int
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		sizes = append(sizes, len(page.Items))
	}
	require.Equal(t, []int{2, 2}, sizes)
	for i, want := range []struct{ limit, start string }{{`"Limit":4`, ""}, {`"Limit":2`, ""}, {`"Limit":4`, `"ExclusiveStartKey":`}, {`"Limit":2`, ""}} {
		require.Contains(t, s.bodies[i], want.limit)
		require.Contains(t, s.bodies[i], want.start)
	}
	// A store that says nothing of where its limit struck cannot be asked for more.
	s.answers = []answer{partition(rowOfAll, "")}
	_, err := s.tables(newGuard(t, narrowing)).Scan(ctx, &dynamodb.ScanInput{TableName: table, Limit: aws.Int32(2)})
	require.ErrorContains(t, err, "did not say where")
}

func TestBatchIsNarrowed(t *testing.T) {
	ctx := engine.WithCaller(t.Context(), newCaller(t, "ann", `{"Effect":"Allow","Action":"dynamodb:BatchGetItem","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${aws:username}"}}}`))
	s := newStore(t)
	c := s.tables(newGuard(t, narrowing))
	batch := func(users ...string) (*dynamodb.BatchGetItemOutput, error) {
		var keys []item
		for _, u := range users {
			keys = append(keys, key(u, "go"))
		}
		return c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"Scores": {Keys: keys}}})
	}
	out, err := batch("bob", "ann")
	require.NoError(t, err)
	require.NotContains(t, s.bodies[0], "bob")
	n, ok := awssdk.NarrowedBy(out.ResultMetadata)
	require.True(t, ok)
	require.Len(t, n.Refused, 1)
	require.Contains(t, string(n.Refused[0].Request), "bob")
	out, err = batch("ann")
	require.NoError(t, err)
	_, ok = awssdk.NarrowedBy(out.ResultMetadata)
	require.False(t, ok)
	_, err = batch("bob")
	require.ErrorContains(t, deniedOf(t, err).Reason, "none of its keys")
	require.Equal(t, 2, s.count())
}

// A projection that is missing is asked for.
func TestProjectionIsNarrowed(t *testing.T) {
	s := newStore(t)
	_, err := s.tables(newGuard(t, narrowing)).Query(as(t, "ann"), &dynamodb.QueryInput{
		TableName: table, IndexName: aws.String("ByGame"), KeyConditionExpression: aws.String("Game = :g"), ExpressionAttributeValues: item{":g": text("go")},
	})
	require.NoError(t, err)
	require.Contains(t, s.bodies[0], `"ProjectionExpression":"#a0, #a1, #a2"`)
	_, err = s.tables(newGuard(t, narrowing)).Query(as(t, "ann"), query("bob"))
	require.ErrorContains(t, deniedOf(t, err), "not narrowed: no list of attributes")
}
