package e2e_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/gateway"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// ownRows lets an identity reach the items of its own partition and the objects
// under its own prefix, and read what is public.
const ownRows = `
  Rows:
    Version: 2012-10-17
    Statement:
      - Sid: OwnItems
        Effect: Allow
        Action: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:Query, dynamodb:DeleteItem, dynamodb:BatchGetItem]
        Resource: arn:aws:dynamodb:us-east-1:111122223333:table/Notes
        Condition: {"ForAllValues:StringEquals": {dynamodb:LeadingKeys: "${cognito-identity.amazonaws.com:sub}"}, "Null": {dynamodb:LeadingKeys: "false"}}
      - {Sid: OwnObjects, Effect: Allow, Action: [s3:GetObject, s3:PutObject, s3:DeleteObject], Resource: "arn:aws:s3:::notes/${cognito-identity.amazonaws.com:sub}/*"}
      - {Sid: OwnListing, Effect: Allow, Action: s3:ListBucket, Resource: "arn:aws:s3:::notes", Condition: {StringLike: {s3:prefix: "${cognito-identity.amazonaws.com:sub}/*"}}}
`

const publicRows = `
  Public:
    Version: 2012-10-17
    Statement:
      - Sid: PublicItems
        Effect: Allow
        Action: [dynamodb:GetItem, dynamodb:Query]
        Resource: arn:aws:dynamodb:us-east-1:111122223333:table/Notes
        Condition: {"ForAllValues:StringEquals": {dynamodb:LeadingKeys: public}, "Null": {dynamodb:LeadingKeys: "false"}}
      - {Sid: PublicObjects, Effect: Allow, Action: s3:GetObject, Resource: "arn:aws:s3:::notes/public/*"}
`

// notes is the shop with a table and a bucket of notes.
func notes() fstest.MapFS {
	files := shop()
	role := func(amr, inline string) *fstest.MapFile {
		trust, _, _ := strings.Cut(poolTrust(rulesPool, amr), "inline:")
		return &fstest.MapFile{Data: []byte(trust + "inline:" + inline)}
	}
	files["roles/Shopper.yaml"] = role("authenticated", ownRows+publicRows)
	files["roles/Guest.yaml"] = role("unauthenticated", publicRows)
	files["tables/Notes.yaml"] = &fstest.MapFile{Data: []byte("partitionKey: {name: Owner, type: S}\nsortKey: {name: Note, type: S}\n")}
	pool := string(files["pools/rules.yaml"].Data)
	files["pools/rules.yaml"] = &fstest.MapFile{Data: []byte(pool + "  guestServices: [dynamodb, s3]\n")}
	return files
}

// guardedNotes are gateways in front of real servers of both kinds.
type guardedNotes struct {
	*shopServer
	dynamodb, s3 string
	items        *dynamodb.Client
	objects      *s3.Client
	web          *http.Client
	certificate  *x509.Certificate // of the gateway to S3
}

func newItems(url string, c aws.CredentialsProvider) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{BaseEndpoint: &url, Region: region, Credentials: c, RetryMaxAttempts: 1})
}

func (g *guardedNotes) newObjects(c aws.CredentialsProvider) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &g.s3, Region: region, Credentials: c, UsePathStyle: true, RetryMaxAttempts: 1, HTTPClient: g.web,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	})
}

func guardNotes(t testing.TB) *guardedNotes {
	t.Helper()
	g := &guardedNotes{shopServer: serveFiles(t, notes())}
	tables, storage := needs.Dynalite(t), needs.VersityGW(t)
	o := gateway.Options{
		Current: g.Current, Now: g.clock.now, Random: g.options.Random, Log: g.options.Log,
		Upstream: gateway.Upstream{URL: tables, Region: "eu-central-1", AccessKeyID: "x", Secret: identity.NewSecret([]byte("x"))},
	}
	d, err := gateway.NewDynamoDB(o)
	require.NoError(t, err)
	front := httptest.NewServer(d)
	t.Cleanup(front.Close)
	g.dynamodb = front.URL
	o.Upstream = gateway.Upstream{URL: storage, Region: needs.VersityRegion, AccessKeyID: needs.VersityKey, Secret: identity.NewSecret([]byte(needs.VersitySecret))}
	s, err := gateway.NewS3(o)
	require.NoError(t, err)
	secure := httptest.NewTLSServer(s)
	t.Cleanup(secure.Close)
	g.s3, g.web, g.certificate = secure.URL, secure.Client(), secure.Certificate()

	g.items = newItems(tables, static("x", "x", ""))
	_, err = g.items.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("Notes"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("Owner"), AttributeType: "S"}, {AttributeName: aws.String("Note"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("Owner"), KeyType: "HASH"}, {AttributeName: aws.String("Note"), KeyType: "RANGE"}},
	})
	require.NoError(t, err)
	waiter := dynamodb.NewTableExistsWaiter(g.items, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second })
	require.NoError(t, waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("Notes")}, time.Minute))
	g.objects = s3.New(s3.Options{BaseEndpoint: &storage, Region: region, UsePathStyle: true, Credentials: static(needs.VersityKey, needs.VersitySecret, "")})
	_, err = g.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("notes")})
	require.NoError(t, err)
	return g
}

func note(owner, name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"Owner": &types.AttributeValueMemberS{Value: owner}, "Note": &types.AttributeValueMemberS{Value: name}}
}

func putNote(t testing.TB, c *dynamodb.Client, owner, name string) error {
	_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Notes"), Item: note(owner, name)})
	return err
}

func getNote(t testing.TB, c *dynamodb.Client, owner, name string) error {
	_, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Notes"), Key: note(owner, name)})
	return err
}

func requireDenied(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode())
}

// TestFromSignUpToRows is the whole way: two users and a guest sign up, sign in,
// exchange their tokens, and reach their own rows and objects and no others.
func TestFromSignUpToRows(t *testing.T) {
	g := guardNotes(t)
	type person struct {
		id      string
		items   *dynamodb.Client
		objects *s3.Client
	}
	enter := func(logins map[string]string) person {
		id, c, err := g.exchange(rulesPool, logins)
		require.NoError(t, err)
		return person{id, newItems(g.dynamodb, c), g.newObjects(c)}
	}
	g.signUp("ann")
	g.signUp("bob")
	ann, bob, guest := enter(logins(g.signIn("ann").IdToken)), enter(logins(g.signIn("bob").IdToken)), enter(nil)
	require.NoError(t, putNote(t, g.items, "public", "welcome"))

	require.NoError(t, putNote(t, ann.items, ann.id, "first"))
	require.NoError(t, putNote(t, bob.items, bob.id, "first"))
	require.NoError(t, getNote(t, ann.items, ann.id, "first"))
	for _, p := range []person{ann, bob, guest} {
		require.NoError(t, getNote(t, p.items, "public", "welcome"))
		requireDenied(t, putNote(t, p.items, "public", "mine"), "AccessDeniedException")
		_, err := p.items.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("Notes")})
		requireDenied(t, err, "AccessDeniedException")
	}
	requireDenied(t, getNote(t, bob.items, ann.id, "first"), "AccessDeniedException")
	requireDenied(t, putNote(t, bob.items, ann.id, "forged"), "AccessDeniedException")
	requireDenied(t, getNote(t, guest.items, ann.id, "first"), "AccessDeniedException")
	requireDenied(t, putNote(t, guest.items, guest.id, "first"), "AccessDeniedException")

	own := func(p person) *s3.PutObjectInput {
		return &s3.PutObjectInput{Bucket: aws.String("notes"), Key: aws.String(p.id + "/a"), Body: http.NoBody, ContentLength: aws.Int64(0)}
	}
	_, err := ann.objects.PutObject(t.Context(), own(ann))
	require.NoError(t, err)
	_, err = bob.objects.PutObject(t.Context(), own(ann))
	requireDenied(t, err, "AccessDenied")
	_, err = bob.objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("notes"), Key: aws.String(ann.id + "/a")})
	requireDenied(t, err, "AccessDenied")
	listed, err := ann.objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("notes"), Prefix: aws.String(ann.id + "/")})
	require.NoError(t, err)
	require.Len(t, listed.Contents, 1)
	_, err = bob.objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("notes"), Prefix: aws.String(ann.id + "/")})
	requireDenied(t, err, "AccessDenied")

	// When the hour is over, so are the credentials.
	g.advance(time.Hour + time.Minute)
	err = getNote(t, ann.items, ann.id, "first")
	require.Error(t, err)
}

// TestNodeDocumentClient reaches rows with @aws-sdk/lib-dynamodb.
func TestNodeDocumentClient(t *testing.T) {
	g := guardNotes(t)
	g.signUp("ann")
	id, c, err := g.exchange(rulesPool, logins(g.signIn("ann").IdToken))
	require.NoError(t, err)
	require.NoError(t, putNote(t, g.items, "someone else", "secret"))
	require.NoError(t, putNote(t, g.items, "public", "welcome"))
	v, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	settings, err := json.Marshal(map[string]any{
		"endpoint": g.dynamodb, "region": region, "identity": id, "id": v.AccessKeyID, "secret": v.SecretAccessKey, "token": v.SessionToken,
	})
	require.NoError(t, err)
	node, dir := nodeFolder(t)
	cmd := exec.CommandContext(t.Context(), node, "rows.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ROWAN_E2E="+string(settings))
	runChecks(t, cmd)
}

// pattern is an endless body that is not all in memory.
type pattern struct{ left int64 }

// Read gives the next bytes.
func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	for i := range n {
		b[i] = byte(i)
	}
	p.left -= int64(n)
	return n, nil
}

// TestLargeObjectsStream sends and fetches an object of 128 MiB, or 1 GiB where
// ROWAN_LARGE is set, and watches the memory of the process, which is the
// gateway's and the client's together.
func TestLargeObjectsStream(t *testing.T) {
	size := int64(128 << 20)
	if os.Getenv("ROWAN_LARGE") != "" {
		size = 1 << 30
	}
	g := guardNotes(t)
	g.signUp("ann")
	id, c, err := g.exchange(rulesPool, logins(g.signIn("ann").IdToken))
	require.NoError(t, err)
	objects := g.newObjects(c)
	var peak atomic.Uint64
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse))
			}
		}
	}()
	_, err = objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("notes"), Key: aws.String(id + "/large"), Body: &pattern{size}, ContentLength: &size})
	require.NoError(t, err)
	got, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("notes"), Key: aws.String(id + "/large")})
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, got.Body)
	require.NoError(t, err)
	require.Equal(t, size, n)
	t.Logf("%d MiB up and down, heap at most %d MiB", size>>20, peak.Load()>>20)
	require.Less(t, peak.Load(), uint64(64<<20))
}
