package awssdk_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

const account = "111122223333"

// statements let each caller reach the rows and objects of their own, and read
// a few columns of a board.
const statements = `
{"Sid":"OwnRows","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem",
  "dynamodb:BatchWriteItem","dynamodb:ConditionCheckItem","dynamodb:PartiQLSelect"],
 "Resource":"arn:aws:dynamodb:us-east-1:111122223333:table/Scores",
 "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${aws:username}"},"Null":{"dynamodb:LeadingKeys":"false"}}},
{"Sid":"Board","Effect":"Allow","Action":"dynamodb:Query","Resource":"arn:aws:dynamodb:us-east-1:111122223333:table/Scores/index/ByGame",
 "Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["Game","Top","User"]},"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}}},
{"Sid":"Describe","Effect":"Allow","Action":["dynamodb:DescribeTable","dynamodb:UpdateTable"],"Resource":"*"},
{"Sid":"OwnObjects","Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::photos/${aws:username}/*"},
{"Sid":"OwnList","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::photos","Condition":{"StringLike":{"s3:prefix":"${aws:username}/*"}}}`

// newCaller is a user under these statements, with keys of their session.
func newCaller(t testing.TB, user, statements string, keys ...string) *engine.Caller {
	t.Helper()
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:iam::" + account + ":user/" + user)
	require.NoError(t, err)
	session := v.NewContext()
	require.NoError(t, p.Describe(session))
	require.NoError(t, session.Set("aws:username", user))
	for i := 0; i < len(keys); i += 2 {
		require.NoError(t, session.Set(keys[i], keys[i+1]))
	}
	d, err := policy.Parse("rows.json", []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
	require.NoError(t, err)
	set, err := engine.Compile(v, policy.Identity, d)
	require.NoError(t, err)
	return &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}}
}

func as(t testing.TB, user string) context.Context {
	t.Helper()
	return engine.WithCaller(t.Context(), newCaller(t, user, statements))
}

func scores(arn string) (dynamoitem.Table, bool) {
	s := func(name, kind string) []dynamoitem.Attribute {
		return []dynamoitem.Attribute{{Name: name, Type: kind}}
	}
	return dynamoitem.Table{
		Key:     dynamoitem.Key{Partition: s("User", "S"), Sort: s("Game", "S")},
		Indexes: map[string]dynamoitem.Key{"ByGame": {Partition: s("Game", "S"), Sort: s("Top", "N")}},
	}, arn == "arn:aws:dynamodb:us-east-1:"+account+":table/Scores"
}

func newGuard(t testing.TB, change func(*awssdk.Options)) *awssdk.Guard {
	t.Helper()
	o := awssdk.Options{Account: account, Now: time.Now, Tables: scores}
	if change != nil {
		change(&o)
	}
	g, err := awssdk.New(o)
	require.NoError(t, err)
	return g
}

// answer is what a store says to one request.
type answer struct {
	status int
	body   string
}

// store records what arrives and answers in turn, then with {}.
type store struct {
	mu      sync.Mutex
	seen    []*http.Request
	bodies  []string
	answers []answer
	// describe answers DescribeTable, which is not recorded; nil for no table.
	describe  func() answer
	described int
	url       string
}

func newStore(t testing.TB, answers ...answer) *store {
	t.Helper()
	s := &store{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP answers.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	next := answer{http.StatusOK, `{}`}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeTable") && s.describe != nil {
		s.described++
		next = s.describe()
	} else {
		s.seen, s.bodies = append(s.seen, r), append(s.bodies, string(body))
		if len(s.answers) > 0 {
			next, s.answers = s.answers[0], s.answers[1:]
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(next.status)
	_, _ = w.Write([]byte(next.body))
}

// operations are the names of what arrived.
func (s *store) operations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, r := range s.seen {
		out = append(out, strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810."))
	}
	return out
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

var static = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
})

func (s *store) config() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: static, BaseEndpoint: &s.url, RetryMaxAttempts: 3}
}

func (s *store) tables(g *awssdk.Guard) *dynamodb.Client {
	return dynamodb.NewFromConfig(s.config(), g.DynamoDB)
}

// buckets is a client that has every host on the store.
func (s *store) buckets(g *awssdk.Guard, change ...func(*s3.Options)) *s3.Client {
	cfg := s.config()
	address := strings.TrimPrefix(s.url, "http://")
	cfg.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	return s3.NewFromConfig(cfg, append(change, g.S3)...)
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

func virtualHost(o *s3.Options) { o.BaseEndpoint = aws.String("http://s3.example.test") }

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func key(user, game string) item { return item{"User": text(user), "Game": text(game)} }

var table = aws.String("Scores")

func requireDenied(t testing.TB, err error) {
	t.Helper()
	require.Error(t, deniedOf(t, err))
}

// deniedOf wants a denial, and returns it.
func deniedOf(t testing.TB, err error) *awssdk.DeniedError {
	t.Helper()
	var denied *awssdk.DeniedError
	require.ErrorAs(t, err, &denied)
	return denied
}

func query(user string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: table, KeyConditionExpression: aws.String("#u = :u"),
		ExpressionAttributeNames: map[string]string{"#u": "User"}, ExpressionAttributeValues: item{":u": text(user)},
	}
}

// described is what DescribeTable says of a table with that key.
func described(partition, sort string) answer {
	return answer{http.StatusOK, fmt.Sprintf(`{"Table":{"AttributeDefinitions":[{"AttributeName":%q,"AttributeType":"S"},{"AttributeName":%q,"AttributeType":"S"}],
	  "KeySchema":[{"AttributeName":%[1]q,"KeyType":"HASH"},{"AttributeName":%[2]q,"KeyType":"RANGE"}],"TableStatus":"ACTIVE"}}`, partition, sort)}
}

// elsewhere is an endpoint whatever is asked.
type elsewhere string

// ResolveEndpoint resolves it.
func (e elsewhere) ResolveEndpoint(context.Context, s3.EndpointParameters) (out smithyendpoints.Endpoint, err error) {
	u, err := url.Parse(string(e))
	if err == nil {
		out.URI = *u
	}
	return out, err
}
