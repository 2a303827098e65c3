package awssdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// TestCalls: each call with the one beside it that is denied.
func TestCalls(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, nil))
	ctx := as(t, "ann")
	put := func(user string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: table, Item: key(user, "go")}}
	}
	for name, call := range map[string]func(user string) error{
		"GetItem": func(user string) error {
			_, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key(user, "go")})
			return err
		},
		"PutItem": func(user string) error {
			_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: key(user, "go")})
			return err
		},
		"UpdateItem": func(user string) error {
			_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: key(user, "go"), UpdateExpression: aws.String("REMOVE Top")})
			return err
		},
		"DeleteItem": func(user string) error {
			_, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key(user, "go")})
			return err
		},
		"Query": func(user string) error {
			_, err := c.Query(ctx, query(user))
			return err
		},
		"BatchGetItem": func(user string) error {
			_, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"Scores": {Keys: []item{key("ann", "x"), key(user, "go")}}}})
			return err
		},
		"BatchWriteItem": func(user string) error {
			_, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Scores": {{DeleteRequest: &types.DeleteRequest{Key: key(user, "go")}}}}})
			return err
		},
		"TransactGetItems": func(user string) error {
			_, err := c.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: table, Key: key("ann", "x")}}, {Get: &types.Get{TableName: table, Key: key(user, "go")}}}})
			return err
		},
		"TransactWriteItems": func(user string) error {
			_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put("ann"), put(user)}})
			return err
		},
		"ExecuteStatement": func(user string) error {
			_, err := c.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM "Scores" WHERE "User" = ?`), Parameters: []types.AttributeValue{text(user)}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.count()
			require.NoError(t, call("ann"))
			require.Equal(t, before+1, s.count())
			denied := deniedOf(t, call("bob"))
			require.Equal(t, before+1, s.count(), "a denied call arrived")
			require.Equal(t, "arn:aws:dynamodb:us-east-1:"+account+":table/Scores", denied.Resource)
			require.Equal(t, strings.HasPrefix(name, "Transact") || strings.HasPrefix(name, "Batch"), denied.Member != "")
		})
	}
	t.Run("Scan", func(t *testing.T) {
		_, err := c.Scan(ctx, &dynamodb.ScanInput{TableName: table})
		require.Equal(t, "dynamodb:Scan", deniedOf(t, err).Action)
	})
}

// TestDeniedErrorExplains holds a denial to what it says.
func TestDeniedErrorExplains(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, nil))
	_, err := c.GetItem(as(t, "bob"), &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
	denied := deniedOf(t, err)
	require.EqualError(t, denied, "not authorized to perform dynamodb:GetItem on arn:aws:dynamodb:us-east-1:111122223333:table/Scores: implicitDeny")
	x := denied.Explain()
	require.Equal(t, engine.ImplicitDeny, x.Decision.Outcome)
	require.Equal(t, "OwnRows", x.Nearest.Sid)
	var of smithy.APIError
	require.ErrorAs(t, err, &of)
	require.Equal(t, "AccessDeniedException", of.ErrorCode())
	require.Equal(t, smithy.FaultClient, of.ErrorFault())
	require.Equal(t, engine.Explanation{}, new(awssdk.DeniedError).Explain())
}

func TestNoCallerNoCall(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, nil))
	_, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
	require.ErrorIs(t, err, awssdk.ErrNoCaller)
	_, err = c.GetItem(engine.WithCaller(t.Context(), &engine.Caller{}), &dynamodb.GetItemInput{TableName: table, Key: key("ann", "go")})
	require.ErrorContains(t, err, "without policies")
	require.Zero(t, s.count())
}

// TestNotUnderstoodNotSent: what has no checks, and what does not fit them.
func TestNotUnderstoodNotSent(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, nil))
	ctx := as(t, "ann")
	_, err := c.ListBackups(ctx, &dynamodb.ListBackupsInput{})
	require.ErrorIs(t, err, dynamoitem.ErrUnknownOperation)
	_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: item{"User": text("ann")}})
	require.ErrorIs(t, err, dynamoitem.ErrKeys)
	_, err = c.Query(ctx, &dynamodb.QueryInput{TableName: table, IndexName: aws.String("ByRank"), KeyConditionExpression: aws.String("a = :a"), ExpressionAttributeValues: item{":a": text("a")}})
	require.ErrorIs(t, err, dynamoitem.ErrUnknownIndex)
	for _, arn := range []string{"arn:aws:dynamodb:us-east-1:999999999999:table/Scores", "arn:aws:dynamodb:eu-west-1:111122223333:table/Scores"} {
		_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: &arn, Key: key("ann", "go")})
		require.ErrorContains(t, err, "another account or region")
	}
	require.Zero(t, s.count())
}

// eager is a retryer that tries everything again.
type eager struct {
	aws.Retryer
	asked atomic.Int32
}

func (r *eager) IsErrorRetryable(error) bool { r.asked.Add(1); return true }

func (r *eager) MaxAttempts() int { return 3 }

func (r *eager) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func TestRetries(t *testing.T) {
	s := newStore(t, answer{500, `{}`}, answer{500, `{}`})
	r := &eager{Retryer: retry.NewStandard()}
	cfg := s.config()
	cfg.Retryer = func() aws.Retryer { return r }
	c := dynamodb.NewFromConfig(cfg, newGuard(t, nil).DynamoDB)
	_, err := c.Query(as(t, "ann"), query("ann"))
	require.NoError(t, err)
	require.Equal(t, 3, s.count())
	require.Equal(t, s.bodies[0], s.bodies[2])
	require.EqualValues(t, 2, r.asked.Load())
	_, err = c.Query(as(t, "ann"), query("bob"))
	requireDenied(t, err)
	require.EqualValues(t, 2, r.asked.Load(), "a denial is not tried again")
	require.Equal(t, 3, s.count())
}

func TestPaginatorsAndWaiters(t *testing.T) {
	page := func(next string) answer {
		if next != "" {
			next = `,"LastEvaluatedKey":{"User":{"S":"ann"},"Game":{"S":"` + next + `"}}`
		}
		return answer{200, `{"Items":[{"User":{"S":"ann"}}],"Count":1,"ScannedCount":1` + next + `}`}
	}
	s := newStore(t, page("a"), page("b"), page(""), answer{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`}, described("User", "Game"))
	c := s.tables(newGuard(t, nil))
	pages, n := dynamodb.NewQueryPaginator(c, query("ann")), 0
	for pages.HasMorePages() {
		out, err := pages.NextPage(as(t, "ann"))
		require.NoError(t, err)
		n += len(out.Items)
	}
	require.Equal(t, 3, n)
	_, err := dynamodb.NewQueryPaginator(c, query("bob")).NextPage(as(t, "ann"))
	requireDenied(t, err)

	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
	})
	require.NoError(t, waiter.Wait(as(t, "ann"), &dynamodb.DescribeTableInput{TableName: table}, time.Minute))
	require.Equal(t, []string{"Query", "Query", "Query", "DescribeTable", "DescribeTable"}, s.operations())
	nobody := engine.WithCaller(t.Context(), newCaller(t, "ann", `{"Effect":"Deny","Action":"*","Resource":"*"}`))
	requireDenied(t, waiter.Wait(nobody, &dynamodb.DescribeTableInput{TableName: table}, time.Minute))
}

// changes is a middleware of the last step before a request is sent.
func changes(change func(*smithyhttp.Request) *smithyhttp.Request) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("change", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				in.Request = change(in.Request.(*smithyhttp.Request))
				return next.HandleFinalize(ctx, in)
			}), middleware.Before)
		})
	}
}

// TestNothingElseIsSent takes the guard out, and changes requests behind it.
func TestNothingElseIsSent(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, nil))
	body := func(text string) func(*smithyhttp.Request) *smithyhttp.Request {
		return func(r *smithyhttp.Request) *smithyhttp.Request {
			r, err := r.SetStream(strings.NewReader(text))
			require.NoError(t, err)
			return r
		}
	}
	header := func(name, value string) func(*smithyhttp.Request) *smithyhttp.Request {
		return func(r *smithyhttp.Request) *smithyhttp.Request {
			r.Header.Set(name, value)
			return r
		}
	}
	for name, option := range map[string]func(*dynamodb.Options){
		"without the guard": func(o *dynamodb.Options) { o.APIOptions = nil },
		"another body":      changes(body(`{"TableName":"Scores"}`)),
		"a longer body": changes(func(r *smithyhttp.Request) *smithyhttp.Request {
			text, _ := io.ReadAll(r.GetStream())
			return body(string(text) + " ")(r)
		}),
		"no body":           changes(body("")),
		"another operation": changes(header("X-Amz-Target", "DynamoDB_20120810.DeleteTable")),
		"another encoding":  changes(header("Content-Encoding", "gzip")),
		"another protocol":  changes(header("Content-Type", "application/cbor")),
	} {
		_, err := c.Query(as(t, "ann"), query("ann"), option, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
		require.ErrorIs(t, err, awssdk.ErrUnguarded, name)
		require.Zero(t, s.count(), name)
	}
	// Nor is it tried again.
	_, err := c.Query(as(t, "ann"), query("ann"), changes(body(`{}`)))
	require.ErrorIs(t, err, awssdk.ErrUnguarded)
	require.NotContains(t, err.Error(), "exceeded maximum number of attempts")
	_, err = c.Query(as(t, "ann"), query("ann"), changes(header("X-Other", "x")))
	require.NoError(t, err)
}

// A table that nobody described is guarded by what the store says of it, for a
// minute.
func TestLearnsKeys(t *testing.T) {
	s := newStore(t)
	turned := false
	s.describe = func() answer {
		if turned {
			return described("Game", "User")
		}
		return described("User", "Game")
	}
	now := time.Now()
	c := s.tables(newGuard(t, func(o *awssdk.Options) { o.Tables, o.Now = nil, func() time.Time { return now } }))
	ask := func(user, game string) error {
		_, err := c.GetItem(as(t, "ann"), &dynamodb.GetItemInput{TableName: table, Key: key(user, game)})
		return err
	}
	var together sync.WaitGroup
	for range 50 {
		together.Go(func() {
			if err := ask("ann", "go"); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	require.Equal(t, 1, s.described)
	require.Equal(t, 50, s.count())
	requireDenied(t, ask("bob", "ann"))

	turned = true
	requireDenied(t, ask("bob", "ann"))
	now = now.Add(time.Minute)
	require.NoError(t, ask("bob", "ann"))
	requireDenied(t, ask("ann", "bob"))
	require.Equal(t, 2, s.described)

	// The store says that a request does not fit.
	turned = false
	s.answers = []answer{{400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"Query condition missed key schema element"}`}}
	require.Error(t, ask("bob", "ann"))
	requireDenied(t, ask("bob", "ann"))
	require.NoError(t, ask("ann", "bob"))
	require.Equal(t, 3, s.described)

	// The same client changes a table.
	_, err := c.UpdateTable(as(t, "ann"), &dynamodb.UpdateTableInput{TableName: table})
	require.NoError(t, err)
	require.NoError(t, ask("ann", "bob"))
	require.Equal(t, 4, s.described)
}

func TestDoesNotLearnWhatIsNotThere(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, func(o *awssdk.Options) { o.Tables = nil }))
	ask := func(options ...func(*dynamodb.Options)) error {
		_, err := c.Query(as(t, "ann"), query("ann"), options...)
		return err
	}
	s.describe = func() answer {
		return answer{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no such table"}`}
	}
	var missing *types.ResourceNotFoundException
	require.ErrorAs(t, ask(), &missing)
	for _, body := range []string{`{}`, `{"Table":{}}`, `{"Table":{"KeySchema":[{"AttributeName":"a","KeyType":"HASH"}]}}`} {
		s.describe = func() answer { return answer{200, body} }
		require.ErrorContains(t, ask(), "no key schema", body)
	}
	s.describe = func() answer { return answer{200, `{"Table":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`} }
	require.Error(t, ask())
	// Another HTTP client tells the guard nothing.
	s.describe = func() answer { return described("User", "Game") }
	require.Error(t, ask(func(o *dynamodb.Options) { o.HTTPClient = http.DefaultClient }))
	require.Zero(t, s.count())
	require.NoError(t, ask())
}

// A caller who leaves does not end the learning of the others.
func TestLearningOutlivesWhoAsked(t *testing.T) {
	s := newStore(t)
	begun, end := make(chan struct{}, 8), make(chan struct{})
	s.describe = func() answer {
		begun <- struct{}{}
		<-end
		return described("User", "Game")
	}
	c := s.tables(newGuard(t, func(o *awssdk.Options) { o.Tables = nil }))
	ctx, leave := context.WithCancel(as(t, "ann"))
	left, stays := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := c.Query(ctx, query("ann"))
		left <- err
	}()
	<-begun
	go func() {
		_, err := c.Query(as(t, "ann"), query("ann"))
		stays <- err
	}()
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(end)
	require.NoError(t, <-stays)
}

func TestRegionIsTheCalls(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, func(o *awssdk.Options) { o.Tables = func(string) (dynamoitem.Table, bool) { return scores2() } }))
	_, err := c.Query(as(t, "ann"), query("ann"), func(o *dynamodb.Options) { o.Region = "eu-west-1" })
	require.Equal(t, "arn:aws:dynamodb:eu-west-1:"+account+":table/Scores", deniedOf(t, err).Resource)
}

func scores2() (dynamoitem.Table, bool) {
	t, _ := scores("")
	return t, true
}

// TestContext: what the application says of the request.
func TestContext(t *testing.T) {
	s := newStore(t)
	office := `{"Effect":"Allow","Action":"dynamodb:Query","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`
	anywhere := `{"Effect":"Allow","Action":"dynamodb:Query","Resource":"*"}`
	ask := func(address, statements string, keys ...string) error {
		g := newGuard(t, func(o *awssdk.Options) {
			if address != "" {
				o.Context = func(_ context.Context, x *conditions.Context) error { return x.Set("aws:SourceIp", address) }
			}
		})
		_, err := s.tables(g).Query(engine.WithCaller(t.Context(), newCaller(t, "ann", statements, keys...)), query("ann"))
		return err
	}
	require.NoError(t, ask("203.0.113.7", office))
	requireDenied(t, ask("198.51.100.7", office))
	requireDenied(t, ask("", office))
	require.NoError(t, ask("", office, "aws:SourceIp", "203.0.113.7"))
	deny := `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}}`
	require.NoError(t, ask("203.0.113.7", anywhere+deny))
	requireDenied(t, ask("198.51.100.7", anywhere+deny))
	requireDenied(t, ask("", anywhere+deny)) // nobody knows where it comes from
	clear := `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	requireDenied(t, ask("", anywhere+clear))
	require.NoError(t, ask("", anywhere+clear, "aws:SecureTransport", "true"))

	down := errors.New("no request")
	g := newGuard(t, func(o *awssdk.Options) { o.Context = func(context.Context, *conditions.Context) error { return down } })
	_, err := s.tables(g).Query(as(t, "ann"), query("ann"))
	require.ErrorIs(t, err, down)
}

// TestResourcePolicies: those of a table are asked too.
func TestResourcePolicies(t *testing.T) {
	s := newStore(t)
	set := func(effect string) *engine.Set {
		d, err := policy.Parse("table.json", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"`+effect+`","Principal":{"AWS":"arn:aws:iam::`+account+`:user/bob"},"Action":"dynamodb:Query","Resource":"*"}}`))
		require.NoError(t, err)
		out, err := engine.Compile(conditions.AWS(), policy.Resource, d)
		require.NoError(t, err)
		return out
	}
	ask := func(user string, own *engine.Set, failure error) error {
		g := newGuard(t, func(o *awssdk.Options) {
			o.Resource = func(arn string) (*engine.Set, error) {
				require.Equal(t, "arn:aws:dynamodb:us-east-1:"+account+":table/Scores", arn)
				return own, failure
			}
		})
		_, err := s.tables(g).Query(as(t, user), query("bob"))
		return err
	}
	require.NoError(t, ask("bob", nil, nil))
	requireDenied(t, ask("ann", set("Allow"), nil))
	require.Equal(t, engine.ExplicitDeny, deniedOf(t, ask("bob", set("Deny"), nil)).Decision.Outcome)
	down := errors.New("no policy")
	require.ErrorIs(t, ask("bob", nil, down), down)
}

// TestManyCallers share one client.
func TestManyCallers(t *testing.T) {
	s := newStore(t)
	c := s.tables(newGuard(t, nil))
	var all sync.WaitGroup
	for i := range 64 {
		user := fmt.Sprintf("user%d", i)
		ctx := as(t, user)
		all.Go(func() {
			for j := range 5 {
				if _, err := c.Query(ctx, query(user)); err != nil {
					t.Error(err)
				}
				var denied *awssdk.DeniedError
				if _, err := c.Query(ctx, query(fmt.Sprintf("user%d", i+j+1))); !errors.As(err, &denied) {
					t.Error("a foreign row")
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, 64*5, s.count())
}

func TestNewWantsWhatDecisionsNeed(t *testing.T) {
	for _, o := range []awssdk.Options{{}, {Now: time.Now}, {Account: account}, {Account: "11112222333x", Now: time.Now}} {
		_, err := awssdk.New(o)
		require.Error(t, err)
	}
}

// Twice guarded is decided twice.
func TestGuardedTwice(t *testing.T) {
	s := newStore(t)
	asked := 0
	g := newGuard(t, func(o *awssdk.Options) {
		o.Context = func(context.Context, *conditions.Context) error {
			asked++
			return nil
		}
	})
	c := dynamodb.NewFromConfig(s.config(), g.DynamoDB, g.DynamoDB)
	_, err := c.Query(as(t, "ann"), query("bob"))
	requireDenied(t, err)
	require.Equal(t, 1, asked)
	_, err = c.Query(as(t, "ann"), query("ann"))
	require.NoError(t, err)
	require.Equal(t, 3, asked)
	require.Equal(t, 1, s.count())
}
