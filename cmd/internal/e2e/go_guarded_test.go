package e2e_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// guarded is what a user may do with a table and a bucket through a client in
// the same process.
const guarded = `{"Version":"2012-10-17","Statement":[
{"Sid":"Rows","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:BatchWriteItem","dynamodb:ConditionCheckItem"],
 "Resource":"arn:aws:dynamodb:*:*:table/Scores",
 "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:username}","all","team"]},"Null":{"dynamodb:LeadingKeys":"false"}}},
{"Sid":"Board","Effect":"Allow","Action":"dynamodb:Query","Resource":"arn:aws:dynamodb:*:*:table/Scores/index/ByGame",
 "Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["Game","Top","User"]},"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}}},
{"Sid":"Describe","Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"*"},
{"Sid":"Objects","Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":"arn:aws:s3:::photos/${aws:username}/*"},
{"Sid":"Listing","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::photos","Condition":{"StringLike":{"s3:prefix":"${aws:username}/*"}}}]}`

// asUser is a context in which a user calls.
func asUser(t testing.TB, user string) context.Context {
	t.Helper()
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:iam::" + account + ":user/" + user)
	require.NoError(t, err)
	session := v.NewContext()
	require.NoError(t, p.Describe(session))
	require.NoError(t, session.Set("aws:username", user))
	d, err := policy.Parse("guarded.json", []byte(guarded))
	require.NoError(t, err)
	set, err := engine.Compile(v, policy.Identity, d)
	require.NoError(t, err)
	return engine.WithCaller(t.Context(), &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}})
}

func newGuard(t testing.TB, narrow bool) *awssdk.Guard {
	t.Helper()
	g, err := awssdk.New(awssdk.Options{Account: account, Now: time.Now, Narrow: narrow})
	require.NoError(t, err)
	return g
}

func requireGuarded(t testing.TB, err error) {
	t.Helper()
	var denied *awssdk.DeniedError
	require.ErrorAs(t, err, &denied)
}

func attribute(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func scoreKey(user, game string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"User": attribute(user), "Game": attribute(game)}
}

// createScores makes the table with a key; sort and partition may be turned.
func createScores(t testing.TB, c *dynamodb.Client, partition, sort string) {
	t.Helper()
	s := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	_, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("Scores"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("User"), AttributeType: "S"}, {AttributeName: aws.String("Game"), AttributeType: "S"}, {AttributeName: aws.String("Top"), AttributeType: "N"},
		},
		KeySchema: []types.KeySchemaElement{s(partition, "HASH"), s(sort, "RANGE")},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("ByGame"), KeySchema: []types.KeySchemaElement{s("Game", "HASH"), s("Top", "RANGE")},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	})
	require.NoError(t, err)
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second })
	require.NoError(t, waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("Scores")}, time.Minute))
}

// scored is the table with rows of four partitions, and a client of its that is
// not guarded.
func scored(t testing.TB) (url string, root *dynamodb.Client) {
	t.Helper()
	url = needs.Dynalite(t)
	root = newItems(url, static("x", "x", ""))
	createScores(t, root, "User", "Game")
	for _, user := range []string{"all", "ann", "bob", "zoe"} {
		for i, game := range []string{"chess", "go", "gomoku"} {
			row := scoreKey(user, game)
			row["Top"], row["Secret"] = &types.AttributeValueMemberN{Value: strconv.Itoa(i)}, attribute("s")
			_, err := root.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Scores"), Item: row})
			require.NoError(t, err)
		}
	}
	return url, root
}

// names are the rows of an answer, by their keys.
func names(items []map[string]types.AttributeValue) []string {
	out := []string{}
	for _, row := range items {
		user, _ := row["User"].(*types.AttributeValueMemberS)
		game, _ := row["Game"].(*types.AttributeValueMemberS)
		out = append(out, user.Value+"/"+game.Value)
	}
	return out
}

// TestGuardedScans: a Scan that is narrowed returns the rows of each partition
// of which a Query is allowed, and no others.
func TestGuardedScans(t *testing.T) {
	t.Parallel()
	url, root := scored(t)
	c := dynamodb.New(dynamodb.Options{BaseEndpoint: &url, Region: region, Credentials: static("x", "x", ""), RetryMaxAttempts: 1}, newGuard(t, true).DynamoDB)
	ctx := asUser(t, "ann")
	for name, in := range map[string]*dynamodb.ScanInput{
		"all":         {},
		"two by two":  {Limit: aws.Int32(2)},
		"one by one":  {Limit: aws.Int32(1)},
		"by four":     {Limit: aws.Int32(4)},
		"a filter":    {FilterExpression: aws.String("Top > :n"), ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: "0"}}, Limit: aws.Int32(2)},
		"of the key":  {FilterExpression: aws.String("begins_with(Game, :g) AND Top < :n"), ExpressionAttributeValues: map[string]types.AttributeValue{":g": attribute("go"), ":n": &types.AttributeValueMemberN{Value: "2"}}},
		"one's own":   {FilterExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: map[string]types.AttributeValue{":u": attribute("ann")}},
		"legacy":      {ScanFilter: map[string]types.Condition{"Top": {ComparisonOperator: "NE", AttributeValueList: []types.AttributeValue{&types.AttributeValueMemberN{Value: "1"}}}}},
		"projected":   {ProjectionExpression: aws.String("#u, Game"), ExpressionAttributeNames: map[string]string{"#u": "User"}},
		"consistent":  {ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: "TOTAL"},
		"other names": {FilterExpression: aws.String("#k0 = :k0"), ExpressionAttributeNames: map[string]string{"#k0": "Secret"}, ExpressionAttributeValues: map[string]types.AttributeValue{":k0": attribute("s")}},
	} {
		t.Run(name, func(t *testing.T) {
			in.TableName = aws.String("Scores")
			whole, err := root.Scan(t.Context(), &dynamodb.ScanInput{
				TableName: in.TableName, FilterExpression: in.FilterExpression, ExpressionAttributeNames: in.ExpressionAttributeNames, ExpressionAttributeValues: in.ExpressionAttributeValues,
				ScanFilter: in.ScanFilter, ProjectionExpression: in.ProjectionExpression,
			})
			require.NoError(t, err)
			var want []string
			for _, row := range names(whole.Items) {
				user, _, _ := strings.Cut(row, "/")
				_, err := c.Query(ctx, &dynamodb.QueryInput{TableName: in.TableName, KeyConditionExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: map[string]types.AttributeValue{":u": attribute(user)}})
				if err == nil {
					want = append(want, row)
				}
			}
			require.NotEmpty(t, want)
			require.Less(t, len(want), len(whole.Items)+1)
			var have []string
			for pages := dynamodb.NewScanPaginator(c, in); pages.HasMorePages(); {
				page, err := pages.NextPage(ctx)
				require.NoError(t, err)
				if in.Limit != nil {
					require.LessOrEqual(t, page.ScannedCount, *in.Limit)
				}
				have = append(have, names(page.Items)...)
			}
			require.ElementsMatch(t, want, have)
		})
	}
	counted, err := c.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("Scores"), Select: types.SelectCount})
	require.NoError(t, err)
	require.EqualValues(t, 6, counted.Count)
	_, err = c.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("Scores"), FilterExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: map[string]types.AttributeValue{":u": attribute("bob")}})
	requireGuarded(t, err)
}

// TestGuardedTables: an unmodified client against a real server.
func TestGuardedTables(t *testing.T) {
	t.Parallel()
	url, root := scored(t)
	c := dynamodb.New(dynamodb.Options{BaseEndpoint: &url, Region: region, Credentials: static("x", "x", "")}, newGuard(t, true).DynamoDB)
	plain := dynamodb.New(dynamodb.Options{BaseEndpoint: &url, Region: region, Credentials: static("x", "x", "")}, newGuard(t, false).DynamoDB)
	ctx, table := asUser(t, "ann"), aws.String("Scores")

	got, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: scoreKey("ann", "go")})
	require.NoError(t, err)
	require.Len(t, got.Item, 4)
	_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: scoreKey("bob", "go")})
	requireGuarded(t, err)
	_, err = plain.Scan(ctx, &dynamodb.ScanInput{TableName: table})
	requireGuarded(t, err)
	_, err = c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: scoreKey("ann", "go")})
	require.ErrorIs(t, err, awssdk.ErrNoCaller)

	batch := map[string]types.KeysAndAttributes{"Scores": {Keys: []map[string]types.AttributeValue{scoreKey("bob", "go"), scoreKey("ann", "go"), scoreKey("all", "go"), scoreKey("zoe", "go")}}}
	some, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: batch})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"ann/go", "all/go"}, names(some.Responses["Scores"]))
	n, ok := awssdk.NarrowedBy(some.ResultMetadata)
	require.True(t, ok)
	require.Len(t, n.Refused, 2)
	_, err = plain.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: batch})
	requireGuarded(t, err)

	board := &dynamodb.QueryInput{TableName: table, IndexName: aws.String("ByGame"), KeyConditionExpression: aws.String("Game = :g"), ExpressionAttributeValues: map[string]types.AttributeValue{":g": attribute("go")}}
	_, err = plain.Query(ctx, board)
	requireGuarded(t, err)
	columns, err := c.Query(ctx, board)
	require.NoError(t, err)
	require.Len(t, columns.Items, 4)
	for _, row := range columns.Items {
		require.ElementsMatch(t, []string{"Game", "Top", "User"}, slices.Collect(maps.Keys(row)))
	}

	_, err = c.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: scoreKey("ann", "new"), ConditionExpression: aws.String("attribute_not_exists(Game)")})
	require.NoError(t, err)
	_, err = c.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: scoreKey("ann", "new"), ConditionExpression: aws.String("attribute_not_exists(Game)")})
	var failed *types.ConditionalCheckFailedException
	require.ErrorAs(t, err, &failed)
	write := func(user string) error {
		_, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Scores": {
			{DeleteRequest: &types.DeleteRequest{Key: scoreKey("ann", "new")}}, {PutRequest: &types.PutRequest{Item: scoreKey(user, "batch")}},
		}}})
		return err
	}
	requireGuarded(t, write("bob"))
	require.NoError(t, write("ann"))
	transact := func(user string) error {
		_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: table, Item: scoreKey("ann", "t")}}, {ConditionCheck: &types.ConditionCheck{TableName: table, Key: scoreKey(user, "go"), ConditionExpression: aws.String("attribute_exists(Game)")}},
		}})
		return err
	}
	requireGuarded(t, transact("bob"))
	require.ErrorContains(t, transact("ann"), "UnknownOperationException", "it left, and dynalite knows no transactions")

	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second })
	require.NoError(t, waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: table}, time.Minute))

	// The table is made anew with its key turned around: what was learnt of it
	// ends when the store says that a request does not fit.
	_, err = root.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: table})
	require.NoError(t, err)
	gone := dynamodb.NewTableNotExistsWaiter(root, func(o *dynamodb.TableNotExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	})
	require.NoError(t, gone.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: table}, time.Minute))
	createScores(t, root, "Game", "User")
	own := &dynamodb.QueryInput{TableName: table, KeyConditionExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: map[string]types.AttributeValue{":u": attribute("ann")}}
	_, err = c.Query(ctx, own)
	require.ErrorContains(t, err, "ValidationException")
	_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: scoreKey("ann", "go")})
	requireGuarded(t, err)
	_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: scoreKey("bob", "ann")})
	require.NoError(t, err)
}

// TestGuardedBuckets: an unmodified client against a real server.
func TestGuardedBuckets(t *testing.T) {
	t.Parallel()
	url := needs.VersityGW(t)
	o := s3.Options{BaseEndpoint: &url, Region: needs.VersityRegion, Credentials: static(needs.VersityKey, needs.VersitySecret, ""), UsePathStyle: true}
	root, c := s3.New(o), s3.New(o, newGuard(t, false).S3)
	bucket := aws.String("photos")
	_, err := root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket})
	require.NoError(t, err)
	ctx := asUser(t, "ann")
	put := func(name, text string) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &name, Body: strings.NewReader(text)})
		return err
	}
	for _, name := range []string{"ann/1", "ann/a b+c", "ann/é/2"} {
		require.NoError(t, put(name, name))
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &name})
		require.NoError(t, err)
		text, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		require.Equal(t, name, string(text))
	}
	requireGuarded(t, put("bob/1", "x"))
	_, err = root.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("bob/1"), Body: strings.NewReader("b")})
	require.NoError(t, err)
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("bob/1")})
	requireGuarded(t, err)
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	requireGuarded(t, err)
	var listed []string
	for pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("ann/"), MaxKeys: aws.Int32(1)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		for _, object := range page.Contents {
			listed = append(listed, *object.Key)
		}
	}
	require.ElementsMatch(t, []string{"ann/1", "ann/a b+c", "ann/é/2"}, listed)

	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("ann/copy"), CopySource: aws.String("photos/ann/1")})
	require.NoError(t, err)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("ann/stolen"), CopySource: aws.String("photos/bob/1")})
	requireGuarded(t, err)
	guardedMultipart(ctx, t, c, "ann/large")
	_, err = c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("bob/large")})
	requireGuarded(t, err)

	presigned, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("ann/1")})
	require.NoError(t, err)
	require.Equal(t, "ann/1", fetch(t, presigned.URL))
	_, err = s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("bob/1")})
	requireGuarded(t, err)

	remove := func(names ...string) error {
		var all []s3types.ObjectIdentifier
		for _, name := range names {
			all = append(all, s3types.ObjectIdentifier{Key: &name})
		}
		_, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{Objects: all}})
		return err
	}
	requireGuarded(t, remove("ann/1", "bob/1"))
	require.NoError(t, remove("ann/1", "ann/copy"))
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("ann/1")})
	require.ErrorContains(t, err, "NotFound")
}

func guardedMultipart(ctx context.Context, t testing.TB, c *s3.Client, name string) {
	t.Helper()
	bucket := aws.String("photos")
	begun, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: &name})
	require.NoError(t, err)
	part, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: &name, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(make([]byte, 1<<20))})
	require.NoError(t, err)
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: &name, UploadId: begun.UploadId,
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{ETag: part.ETag, PartNumber: aws.Int32(1), ChecksumCRC32: part.ChecksumCRC32}}},
	})
	require.NoError(t, err)
}

func fetch(t testing.TB, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
	return string(text)
}
