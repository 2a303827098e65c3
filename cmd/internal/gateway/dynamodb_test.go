package gateway_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/gateway"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// scores lets each user reach the rows of the partition that has their name,
// read a few columns of a board, and query one index.
const scores = `
inline:
  Rows:
    Version: 2012-10-17
    Statement:
      - Sid: Own
        Effect: Allow
        Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:DeleteItem, dynamodb:BatchWriteItem, dynamodb:ConditionCheckItem, dynamodb:PartiQLSelect, dynamodb:PartiQLInsert]
        Resource: ["arn:aws:dynamodb:us-east-1:111122223333:table/Scores", "arn:aws:dynamodb:us-east-1:111122223333:table/Learnt"]
        Condition: {"ForAllValues:StringEquals": {dynamodb:LeadingKeys: "${aws:username}"}, "Null": {dynamodb:LeadingKeys: "false"}}
      - Sid: Board
        Effect: Allow
        Action: dynamodb:Query
        Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/Scores/index/ByGame"
        Condition:
          ForAllValues:StringEquals: {dynamodb:Attributes: [Game, Top, User]}
          StringEquals: {dynamodb:Select: SPECIFIC_ATTRIBUTES}
      - {Sid: Describe, Effect: Allow, Action: dynamodb:DescribeTable, Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/*"}
      - {Sid: Anything, Effect: Allow, Action: "dynamodb:*", Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/Nowhere"}
`

const scoresTable = `
partitionKey: {name: User, type: S}
sortKey: {name: Game, type: S}
indexes: {ByGame: {partitionKey: {name: Game, type: S}, sortKey: {name: Top, type: N}}}
`

func dynamoUpstream(url string) gateway.Upstream {
	return gateway.Upstream{URL: url, Region: "eu-central-1", AccessKeyID: "UPSTREAM", Secret: identity.NewSecret([]byte("upstream-secret"))}
}

func dynamoClient(url, key, secret string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &url, Region: "us-east-1", RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
}

// newDynamo returns the address of a gateway in front of an upstream.
func newDynamo(t testing.TB, upstream string, change func(*gateway.Options)) (url string) {
	t.Helper()
	o := options(t, scores, map[string]string{"tables/Scores.yaml": scoresTable}, dynamoUpstream(upstream))
	if change != nil {
		change(&o)
	}
	h, err := gateway.NewDynamoDB(o)
	require.NoError(t, err)
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	return front.URL
}

func createTable(t testing.TB, c *dynamodb.Client, name string) {
	t.Helper()
	s := func(name string) *string { return &name }
	_, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: s("User"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: s("Game"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: s("Top"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{{AttributeName: s("User"), KeyType: types.KeyTypeHash}, {AttributeName: s("Game"), KeyType: types.KeyTypeRange}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: s("ByGame"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: s("Game"), KeyType: types.KeyTypeHash}, {AttributeName: s("Top"), KeyType: types.KeyTypeRange}},
		}},
	})
	require.NoError(t, err)
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second })
	require.NoError(t, waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute))
}

type item = map[string]types.AttributeValue

func row(user, game string, top int) item {
	return item{"User": text(user), "Game": text(game), "Top": &types.AttributeValueMemberN{Value: strconv.Itoa(top)}, "Secret": text("s")}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func key(user, game string) item { return item{"User": text(user), "Game": text(game)} }

func TestDynamoDB(t *testing.T) {
	ctx := t.Context()
	upstream := needs.Dynalite(t)
	root := dynamoClient(upstream, "x", "x")
	createTable(t, root, "Scores")
	for _, r := range []item{row("ann", "go", 9), row("ann", "chess", 3), row("bob", "go", 7), row("bob", "chess", 8)} {
		_, err := root.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Scores"), Item: r})
		require.NoError(t, err)
	}
	url := newDynamo(t, upstream, nil)
	ann, bob := dynamoClient(url, keys["ann"], secretOf("ann")), dynamoClient(url, keys["bob"], secretOf("bob"))
	table := aws.String("Scores")

	t.Run("items", func(t *testing.T) {
		got, err := ann.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
		require.NoError(t, err)
		require.Len(t, got.Item, 4)
		_, err = bob.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
		requireCode(t, err, "AccessDeniedException")
		require.ErrorContains(t, err, "not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:111122223333:table/Scores")
		_, err = ann.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: row("ann", "poker", 1)})
		require.NoError(t, err)
		_, err = ann.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: row("bob", "poker", 1)})
		requireCode(t, err, "AccessDeniedException")
		_, err = ann.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: key("ann", "poker"), UpdateExpression: aws.String("SET Top = Top + :n"), ExpressionAttributeValues: item{":n": &types.AttributeValueMemberN{Value: "1"}}})
		require.NoError(t, err)
		_, err = ann.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key("bob", "go")})
		requireCode(t, err, "AccessDeniedException")
		_, err = ann.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key("ann", "poker")})
		require.NoError(t, err)
	})
	t.Run("queries and scans", func(t *testing.T) {
		query := func(c *dynamodb.Client, user string) (*dynamodb.QueryOutput, error) {
			return c.Query(ctx, &dynamodb.QueryInput{TableName: table, KeyConditionExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: item{":u": text(user)}})
		}
		out, err := query(ann, "ann")
		require.NoError(t, err)
		require.Len(t, out.Items, 2)
		_, err = query(ann, "bob")
		requireCode(t, err, "AccessDeniedException")
		_, err = ann.Scan(ctx, &dynamodb.ScanInput{TableName: table})
		requireCode(t, err, "AccessDeniedException")
		board := &dynamodb.QueryInput{
			TableName: table, IndexName: aws.String("ByGame"), KeyConditionExpression: aws.String("Game = :g"), ProjectionExpression: aws.String("#u, Top"),
			ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: item{":g": text("go")},
		}
		out, err = ann.Query(ctx, board)
		require.NoError(t, err)
		require.Len(t, out.Items, 2)
		board.ProjectionExpression = aws.String("#u, Secret")
		_, err = ann.Query(ctx, board)
		requireCode(t, err, "AccessDeniedException")
		board.ProjectionExpression, board.FilterExpression, board.ExpressionAttributeValues = aws.String("#u, Top"), aws.String("Secret = :s"), item{":g": text("go"), ":s": text("s")}
		_, err = ann.Query(ctx, board)
		requireCode(t, err, "AccessDeniedException")
	})
	t.Run("pages", func(t *testing.T) {
		pages := dynamodb.NewQueryPaginator(ann, &dynamodb.QueryInput{TableName: table, Limit: aws.Int32(1), KeyConditionExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: item{":u": text("ann")}})
		n := 0
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)
			n += len(page.Items)
		}
		require.Equal(t, 2, n)
	})
	t.Run("batches", func(t *testing.T) {
		batch := func(keys ...item) error {
			_, err := ann.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"Scores": {Keys: keys}}})
			return err
		}
		require.NoError(t, batch(key("ann", "go"), key("ann", "chess")))
		requireCode(t, batch(key("ann", "go"), key("bob", "go")), "AccessDeniedException")
		_, err := ann.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Scores": {{PutRequest: &types.PutRequest{Item: row("ann", "x", 1)}}, {DeleteRequest: &types.DeleteRequest{Key: key("bob", "go")}}}}})
		requireCode(t, err, "AccessDeniedException")
		left, err := root.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key("ann", "x")})
		require.NoError(t, err)
		require.Empty(t, left.Item, "nothing of a denied batch is written")
	})
	t.Run("conditions come back as they are", func(t *testing.T) {
		_, err := ann.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: row("ann", "go", 1), ConditionExpression: aws.String("attribute_not_exists(Game)")})
		var failed *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &failed)
	})
	t.Run("malformed and unknown", func(t *testing.T) {
		_, err := ann.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: item{"User": text("ann")}})
		requireCode(t, err, "ValidationException")
		_, err = ann.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: key("ann", "go"), UpdateExpression: aws.String("SET")})
		requireCode(t, err, "ValidationException")
		_, err = ann.ListBackups(ctx, &dynamodb.ListBackupsInput{})
		requireCode(t, err, "UnknownOperationException")
		_, err = ann.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: table})
		require.NoError(t, err)
		_, err = ann.ListTables(ctx, &dynamodb.ListTablesInput{})
		requireCode(t, err, "AccessDeniedException")
		_, err = ann.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("arn:aws:dynamodb:us-east-1:999999999999:table/Scores"), Key: key("ann", "go")})
		requireCode(t, err, "ValidationException")
	})
	t.Run("tables that are not there", func(t *testing.T) {
		_, err := ann.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Elsewhere"), Key: key("ann", "go")})
		requireCode(t, err, "AccessDeniedException")
		_, err = ann.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Nowhere"), Key: key("ann", "go")})
		requireCode(t, err, "ResourceNotFoundException")
	})
	t.Run("wrong credentials", func(t *testing.T) {
		_, err := dynamoClient(url, keys["ann"], secretOf("bob")).GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
		requireCode(t, err, "InvalidSignatureException")
		_, err = dynamoClient(url, "AKIANOBODY0000000001", "x").GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
		requireCode(t, err, "UnrecognizedClientException")
	})
}

// A table that the bundle does not describe is guarded by the keys that the
// upstream tells.
func TestDynamoDBLearnsKeys(t *testing.T) {
	upstream := needs.Dynalite(t)
	root := dynamoClient(upstream, "x", "x")
	createTable(t, root, "Learnt")
	now := time.Now()
	url := newDynamo(t, upstream, func(o *gateway.Options) { o.Now = func() time.Time { return now } })
	ann := dynamoClient(url, keys["ann"], secretOf("ann"))
	ask := func(user string) error {
		_, err := ann.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Learnt"), Key: key(user, "go")})
		return err
	}
	require.NoError(t, ask("ann"))
	requireCode(t, ask("bob"), "AccessDeniedException")
	now = now.Add(61 * time.Second)
	require.NoError(t, ask("ann"))
}

// recorder answers like a DynamoDB whose one table has turned its key around,
// and keeps what it was asked.
type recorder struct {
	mu       sync.Mutex
	seen     []string
	bodies   [][]byte
	headers  []http.Header
	turned   bool
	describe int
}

// ServeHTTP answers.
func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	op := strings.TrimPrefix(q.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if op == "DescribeTable" {
		r.describe++
		hash, rng := "User", "Game"
		if r.turned {
			hash, rng = rng, hash
		}
		_, _ = fmt.Fprintf(w, `{"Table":{"AttributeDefinitions":[{"AttributeName":"User","AttributeType":"S"},{"AttributeName":"Game","AttributeType":"S"}],"KeySchema":[{"AttributeName":%q,"KeyType":"HASH"},{"AttributeName":%q,"KeyType":"RANGE"}]}}`, hash, rng)
		return
	}
	r.seen, r.bodies, r.headers = append(r.seen, op), append(r.bodies, body), append(r.headers, q.Header.Clone())
	if r.turned && op == "Query" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazon.coral.validate#ValidationException","message":"Query condition missed key schema element"}`))
		return
	}
	_, _ = w.Write([]byte(`{}`))
}

// A learnt schema is used for a minute, and dropped when the store says that a
// request does not fit it.
func TestDynamoDBForgetsKeys(t *testing.T) {
	r := &recorder{}
	upstream := httptest.NewServer(r)
	t.Cleanup(upstream.Close)
	now := time.Now()
	url := newDynamo(t, upstream.URL, func(o *gateway.Options) { o.Now = func() time.Time { return now } })
	ann := dynamoClient(url, keys["ann"], secretOf("ann"))
	get := func(user, game string) error {
		_, err := ann.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Learnt"), Key: key(user, game)})
		return err
	}
	require.NoError(t, get("ann", "go"))
	require.NoError(t, get("ann", "chess"))
	require.Equal(t, 1, r.describe)
	r.turned = true
	_, err := ann.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("Learnt"), KeyConditionExpression: aws.String("#u = :u"), ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: item{":u": text("ann")}})
	requireCode(t, err, "ValidationException")
	requireCode(t, get("ann", "go"), "AccessDeniedException") // its partition is go now
	require.NoError(t, get("bob", "ann"))
	require.Equal(t, 2, r.describe)
	r.turned = false
	now = now.Add(61 * time.Second)
	requireCode(t, get("bob", "ann"), "AccessDeniedException")
	require.Equal(t, 3, r.describe)
}

// Transactions and PartiQL, which dynalite does not know: the decision, and the
// bytes that are forwarded.
func TestDynamoDBForwardsWhatItDecided(t *testing.T) {
	r := &recorder{}
	upstream := httptest.NewServer(r)
	t.Cleanup(upstream.Close)
	url := newDynamo(t, upstream.URL, nil)
	ann := dynamoClient(url, keys["ann"], secretOf("ann"))
	ctx := t.Context()
	transact := func(check item) error {
		_, err := ann.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: aws.String("Scores"), Item: row("ann", "go", 1)}},
			{ConditionCheck: &types.ConditionCheck{TableName: aws.String("Scores"), Key: check, ConditionExpression: aws.String("attribute_exists(Game)")}},
		}})
		return err
	}
	require.NoError(t, transact(key("ann", "chess")))
	requireCode(t, transact(key("bob", "chess")), "AccessDeniedException")
	statement := func(s string) error {
		_, err := ann.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: &s})
		return err
	}
	require.NoError(t, statement(`SELECT * FROM "Scores" WHERE "User" = 'ann'`))
	requireCode(t, statement(`SELECT * FROM "Scores" WHERE "User" = 'bob'`), "AccessDeniedException")
	requireCode(t, statement(`SELECT * FROM "Scores"`), "AccessDeniedException")
	requireCode(t, statement(`SELECT * FROM "Scores" WHERE "User" = 'ann' OR Top > 3`), "AccessDeniedException")
	requireCode(t, statement(`SELECT * FROM "Scores" WHERE "User" IN ['ann', 'bob']`), "AccessDeniedException")
	requireCode(t, statement(`DELETE FROM "Scores" WHERE "User" = 'ann' AND Game = 'go'`), "AccessDeniedException")
	requireCode(t, statement(`SELECT * FROM "Scores" WHERE`), "ValidationException")
	require.Equal(t, []string{"TransactWriteItems", "ExecuteStatement"}, r.seen)
	for _, h := range r.headers {
		require.Contains(t, h.Get("Authorization"), "Credential=UPSTREAM/")
		require.Contains(t, h.Get("Authorization"), "/eu-central-1/dynamodb/aws4_request")
		require.Empty(t, h.Get("X-Amz-Security-Token"))
	}
	require.Contains(t, string(r.bodies[0]), `"ConditionCheck"`)
	require.JSONEq(t, `{"Statement":"SELECT * FROM \"Scores\" WHERE \"User\" = 'ann'"}`, string(r.bodies[1]))
}

// Errors have the checksum that clients of DynamoDB look for.
func TestDynamoDBErrorsHaveChecksums(t *testing.T) {
	url := newDynamo(t, "http://127.0.0.1:1", nil)
	for _, c := range []struct {
		method, path, body, target, contentType string
		status                                  int
	}{
		{"GET", "/", "", "", "", 404},
		{"POST", "/x", "{}", "DynamoDB_20120810.GetItem", "application/x-amz-json-1.0", 404},
		{"POST", "/", "{}", "DynamoDB_20120810.GetItem", "application/x-amz-json-1.0", 400},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Target", c.target)
		r.Header.Set("Content-Type", c.contentType)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, c.status, answer.StatusCode)
		require.Equal(t, strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10), answer.Header.Get("X-Amz-Crc32"))
		require.True(t, json.Valid(body))
		require.NotEmpty(t, answer.Header.Get("X-Amzn-Requestid"))
	}
	// An upstream that is gone is no denial.
	_, err := dynamoClient(url, keys["ann"], secretOf("ann")).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Scores"), Key: key("ann", "go")})
	requireCode(t, err, "ServiceUnavailableException")
}

// A host that was signed is taken, unless the hosts are named and it is none of
// them.
func TestDynamoDBHosts(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		code  string
	}{
		{nil, "ServiceUnavailableException"}, // the upstream is not there
		{[]string{"rows.example.com", "127.0.0.1"}, "InvalidSignatureException"},
	} {
		url := newDynamo(t, "http://127.0.0.1:1", func(o *gateway.Options) { o.Hosts = c.hosts })
		_, err := dynamoClient(url, keys["ann"], secretOf("ann")).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Scores"), Key: key("ann", "go")})
		requireCode(t, err, c.code)
	}
}

// A denial explains itself only where that is asked for.
func TestDynamoDBExplains(t *testing.T) {
	url := newDynamo(t, "http://127.0.0.1:1", func(o *gateway.Options) { o.Explain = true })
	_, err := dynamoClient(url, keys["bob"], secretOf("bob")).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Scores"), Key: key("ann", "go")})
	requireCode(t, err, "AccessDeniedException")
	require.ErrorContains(t, err, `dynamodb:LeadingKeys: the request has ["ann"], the policy wants ["bob"]`)
}
