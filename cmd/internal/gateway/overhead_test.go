package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/gateway"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

// TestOverhead measures what the gateway costs beside a proxy that verifies
// nothing and decides nothing but forwards with a signature of its own, and
// beside no proxy. Store and proxy are processes of their own, so that the
// processor time of each is its own; the client's requests are signed before the
// clock starts. It runs where ROWAN_OVERHEAD is the number of calls of a round:
//
//	ROWAN_OVERHEAD=4000 go test ./internal/gateway -run TestOverhead -v -timeout 30m
//
// With ROWAN_PROFILE=FILE the gateway writes a profile.
func TestOverhead(t *testing.T) {
	calls, err := strconv.Atoi(os.Getenv("ROWAN_OVERHEAD"))
	if err != nil {
		t.Skip("ROWAN_OVERHEAD is not set: see the comment of TestOverhead")
	}
	for _, store := range []string{"stub", "dynalite"} {
		t.Run(store, func(t *testing.T) { measureOverhead(t, store, calls) })
	}
}

// rounds are many and short: the layouts take turns, so that what else the
// machine does meets all of them, and the least of each says what it takes when
// nothing else does.
const rounds = 41

func measureOverhead(t *testing.T, store string, calls int) {
	var url string
	if store == "stub" {
		url = startProcess(t, "stub", "").url
	} else {
		url = needs.Dynalite(t)
		fillScores(t, url)
		calls /= 10 // it takes milliseconds
	}
	layouts := []struct {
		name string
		*process
	}{
		{"direct", &process{url: url}},
		{"proxy", startProcess(t, "proxy", url)},
		{"gateway", startProcess(t, "gateway", url)},
	}
	layouts[1].token = layouts[2].token // requests are of the same size
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %d rounds of %d calls, one after the other; µs\n\n", store, rounds, calls)
	b.WriteString("| call | layout | latency, median | CPU per call, median | CPU per call, least |\n|---|---|---|---|---|\n")
	for _, call := range overheadCalls() {
		latency, cpu := make([][]float64, len(layouts)), make([][]float64, len(layouts))
		for round := range rounds + 1 {
			for i, l := range layouts {
				p50, spent := l.measure(t, &call, calls)
				if round > 0 { // the first one warms up
					latency[i], cpu[i] = append(latency[i], p50), append(cpu[i], spent)
				}
			}
		}
		for i, l := range layouts {
			fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f | %.0f |\n", call.operation, l.name, median(latency[i]), median(cpu[i]), slices.Min(cpu[i]))
		}
		over := make([]float64, rounds) // of rounds that are neighbours
		for i := range over {
			over[i] = cpu[2][i] - cpu[1][i]
		}
		fmt.Fprintf(&b, "| %s | gateway above proxy | %.0f | %.0f | %.0f |\n", call.operation,
			median(latency[2])-median(latency[1]), median(over), slices.Min(cpu[2])-slices.Min(cpu[1]))
	}
	t.Log(b.String())
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// overheadCall is a call that is measured.
type overheadCall struct{ operation, body, answer string }

const overheadOwner = "us-east-1:aaaaaaaa-95d3-4a47-9c67-0c2f1de6b7aa"

// overheadCalls are calls of an allowed player with what the stub answers.
func overheadCalls() []overheadCall {
	item := func(i int) string {
		return fmt.Sprintf(`{"UserId":{"S":%q},"GameTitle":{"S":"Game %d"},"TopScore":{"N":"%d"},"Wins":{"N":"21"},"Losses":{"N":"72"},"TopScoreDateTime":{"S":"2026-11-23T05:00:00Z"}}`, overheadOwner, i, 5842+i)
	}
	key := func(i int) string {
		return fmt.Sprintf(`{"UserId":{"S":%q},"GameTitle":{"S":"Game %d"}}`, overheadOwner, i)
	}
	many := func(n int, of func(int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = of(i)
		}
		return strings.Join(all, ",")
	}
	return []overheadCall{
		{"GetItem", `{"TableName":"GameScores","Key":` + key(1) + `,"ProjectionExpression":"GameTitle, TopScore, #w","ExpressionAttributeNames":{"#w":"Wins"}}`, `{"Item":` + item(1) + `}`},
		{"PutItem", `{"TableName":"GameScores","Item":` + item(1) + `}`, `{}`},
		{"Query", `{"TableName":"GameScores","KeyConditionExpression":"UserId = :u AND begins_with(GameTitle, :g)","FilterExpression":"TopScore > :t","ExpressionAttributeValues":{":u":{"S":"` + overheadOwner + `"},":g":{"S":"Game"},":t":{"N":"5"}},"Limit":10}`, `{"Items":[` + many(10, item) + `],"Count":10,"ScannedCount":10}`},
		{"BatchGetItem", `{"RequestItems":{"GameScores":{"Keys":[` + many(25, key) + `]}}}`, `{"Responses":{"GameScores":[` + many(25, item) + `]},"UnprocessedKeys":{}}`},
	}
}

func fillScores(t testing.TB, url string) {
	c := dynamoClient(url, "x", "x")
	s := aws.String
	_, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: s("GameScores"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: s("UserId"), AttributeType: "S"}, {AttributeName: s("GameTitle"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: s("UserId"), KeyType: "HASH"}, {AttributeName: s("GameTitle"), KeyType: "RANGE"}},
	})
	require.NoError(t, err)
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second })
	require.NoError(t, waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: s("GameScores")}, time.Minute))
	for i := range 25 {
		_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: s("GameScores"), Item: item{
			"UserId": text(overheadOwner), "GameTitle": text(fmt.Sprintf("Game %d", i)), "TopScore": &types.AttributeValueMemberN{Value: "5842"}, "Wins": text("21"),
		}})
		require.NoError(t, err)
	}
}

// process is a server that is measured; without cmd its time is not.
type process struct {
	url   string
	token string // of the session that it knows
	in    io.Writer
	out   *bufio.Reader
}

// startProcess starts this program again, as a server.
func startProcess(t testing.TB, role, upstream string) *process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run=^TestOverheadProcess$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), "ROWAN_OVERHEAD_ROLE="+role, "ROWAN_OVERHEAD_UPSTREAM="+upstream)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	p := &process{in: in, out: bufio.NewReader(out)}
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	words := append(strings.Fields(line), "", "")
	require.True(t, strings.HasPrefix(words[0], "http://"), "%s", line)
	p.url, p.token = words[0], words[1]
	return p
}

// spent is the processor time of the process until now.
func (p *process) spent(t testing.TB) time.Duration {
	if p.in == nil {
		return 0
	}
	_, err := io.WriteString(p.in, "\n")
	require.NoError(t, err)
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	require.NoError(t, err)
	return time.Duration(n)
}

// measure makes calls one after the other, and returns the median of their times
// and the processor time of the process for one, both in µs.
func (p *process) measure(t testing.TB, call *overheadCall, calls int) (p50, cpu float64) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/", nil)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+call.operation)
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/dynamodb#1.60.0 m/E,e")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	r.Header.Set("Amz-Sdk-Invocation-Id", "d5d71242-746a-4dcb-a626-ad0976e4702c")
	r.Header.Set("Accept-Encoding", "identity")
	sum := sha256.Sum256([]byte(call.body))
	c := aws.Credentials{AccessKeyID: overheadKey, SecretAccessKey: overheadSecret, SessionToken: p.token}
	r.ContentLength = int64(len(call.body))
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), c, r, hex.EncodeToString(sum[:]), "dynamodb", "us-east-1", time.Now()))
	times := make([]float64, calls)
	before := p.spent(t)
	for i := range times {
		r.Body = io.NopCloser(strings.NewReader(call.body))
		begun := time.Now()
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		times[i] = float64(time.Since(begun)) / 1e3
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
		require.NoError(t, answer.Body.Close())
	}
	return median(times), float64(p.spent(t)-before) / 1e3 / float64(calls)
}

const (
	overheadKey    = "ASIAABCDEFGHIJKLMNOP"
	overheadSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// TestOverheadProcess is a server of TestOverhead. It says where it listens and
// then, for each line that it reads, how much processor time it has used.
func TestOverheadProcess(t *testing.T) {
	role := os.Getenv("ROWAN_OVERHEAD_ROLE")
	if role == "" {
		t.Skip("it is started by TestOverhead")
	}
	debug.SetGCPercent(400) // as rowan serve does
	upstream, token := os.Getenv("ROWAN_OVERHEAD_UPSTREAM"), ""
	var h http.Handler
	switch role {
	case "stub":
		h = stubStore()
	case "proxy":
		h = &resigning{url: upstream, client: &http.Client{Transport: overheadTransport()}, signer: v4.NewSigner()}
	case "gateway":
		h, token = overheadGateway(t, upstream)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	go func() { _ = gateway.Serve(ctx, l, h, slog.New(slog.DiscardHandler)) }()
	fmt.Println("http://"+l.Addr().String(), token)
	if name := os.Getenv("ROWAN_PROFILE"); name != "" && role == "gateway" {
		f, err := os.Create(name)
		require.NoError(t, err)
		require.NoError(t, pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var u syscall.Rusage
		require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		fmt.Println(u.Utime.Nano() + u.Stime.Nano())
	}
	stop()
}

// stubStore answers at once with what a store might.
func stubStore() http.Handler {
	answers := map[string]string{}
	for _, c := range overheadCalls() {
		answers["DynamoDB_20120810."+c.operation] = c.answer
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer := answers[r.Header.Get("X-Amz-Target")]
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Header().Set("X-Amzn-Requestid", "d5d71242-746a-4dcb-a626-ad0976e4702c")
		w.Header().Set("X-Amz-Crc32", "2745614147")
		_, _ = io.WriteString(w, answer)
	})
}

// overheadTransport is that of the proxy and of the gateway.
func overheadTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy, t.DisableCompression, t.MaxIdleConns, t.MaxIdleConnsPerHost, t.ResponseHeaderTimeout = nil, true, 256, 256, time.Minute
	return t
}

// resigning is a proxy that lets everything through.
type resigning struct {
	url    string
	client *http.Client
	signer *v4.Signer
}

// ServeHTTP forwards a request with a signature of its own.
func (p *resigning) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.url+"/", bytes.NewReader(body))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target"} {
		out.Header.Set(name, r.Header.Get(name))
	}
	out.Header["User-Agent"] = nil
	sum := sha256.Sum256(body)
	c := aws.Credentials{AccessKeyID: "UPSTREAM", SecretAccessKey: "upstream-secret"}
	if err := p.signer.SignHTTP(r.Context(), c, out, hex.EncodeToString(sum[:]), "dynamodb", "us-east-1", time.Now()); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	answer, err := p.client.Do(out)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	buffer := copies.Get().(*[]byte)
	defer copies.Put(buffer)
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{answer.Body}, *buffer)
}

var copies = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// overheadGateway guards the demo's table: a player with a boundary and a
// service control policy. It returns the token of the player's session too.
func overheadGateway(t testing.TB, upstream string) (http.Handler, string) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	a, err := b.IdentityAccount()
	require.NoError(t, err)
	keys, err := identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret(bytes.Repeat([]byte{7}, 32))}}, rand.Reader)
	require.NoError(t, err)
	sessions, err := identity.NewSessions(identity.SessionsOptions{Account: a, Keys: keys, Store: identity.NewMemory(), Now: time.Now})
	require.NoError(t, err)
	require.NoError(t, sessions.Refresh(t.Context()))
	go sessions.Run(context.WithoutCancel(t.Context()), func(error) {})
	c, err := httpauth.NewCredentials(httpauth.CredentialsOptions{Sessions: sessions, Account: a})
	require.NoError(t, err)
	var role *identity.Role
	for arn, r := range a.Roles {
		if strings.HasSuffix(arn, "/Player") {
			role = r
		}
	}
	now := time.Now().Truncate(time.Second)
	token, err := keys.SealSession(now, &identity.Session{
		AccessKeyID: overheadKey, Secret: identity.NewSecret([]byte(overheadSecret)), Account: a.ID, Partition: a.Partition,
		RoleARN: role.ARN, RoleID: role.UniqueID, SessionName: "CognitoIdentityCredentials",
		IdentityID: overheadOwner, PoolID: "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa", Authenticated: true, AMR: []string{"authenticated", "accounts.google.com"},
		Provider: "cognito-identity.amazonaws.com", Subject: "alice", IssuedAt: now, Expires: now.Add(time.Hour), ID: "6f1d",
	})
	require.NoError(t, err)
	d := server.Deployment{Bundle: b, Account: a, Credentials: c}
	h, err := gateway.NewDynamoDB(gateway.Options{
		Current: func() *server.Deployment { return &d }, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Upstream: gateway.Upstream{URL: upstream, Region: "us-east-1", AccessKeyID: "UPSTREAM", Secret: identity.NewSecret([]byte("upstream-secret")), Transport: overheadTransport()},
	})
	require.NoError(t, err)
	return h, token
}
