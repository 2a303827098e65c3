package rpc_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
)

// TestAdmissionCountsQuestions: a batch is as much as its questions, one that is
// larger than all there is gets in alone, streams are refused question by
// question, and health is told in any case.
func TestAdmissionCountsQuestions(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 64)
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	f := decidetest.New(t, decidetest.Options{Decide: decide.Options{Record: func(context.Context, *decide.Record) error {
		entered <- struct{}{}
		<-hold
		return nil
	}}})
	alice := f.User("alice")
	conn := serve(t, rpc.Options{Decider: f.Decider, InFlight: 4}, tcp(t), insecure.NewCredentials())
	c := rowanv1.NewAuthorizationServiceClient(conn)
	q := question(alice.Session(), alice.IdentityID)
	stream, err := c.DecideStream(t.Context())
	require.NoError(t, err)
	batch := &rowanv1.DecideBatchRequest{Subject: alice.Session()}
	for range 8 {
		batch.Requests = append(batch.Requests, question(nil, alice.IdentityID))
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.DecideBatch(t.Context(), batch)
		ended <- err
	}()
	<-entered
	_, err = c.Decide(t.Context(), q)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	_, err = rowanv1.NewPolicyServiceClient(conn).Describe(t.Context(), &rowanv1.DescribeRequest{})
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	_, err = c.DecideStream(t.Context())
	require.NoError(t, err, "it is opened when it is first used")
	require.NoError(t, stream.Send(&rowanv1.DecideStreamRequest{Request: q}))
	out, err := stream.Recv()
	if err == nil { // the stream got in before the batch
		require.Equal(t, int32(codes.ResourceExhausted), out.GetResult().GetProblem().GetCode())
	} else {
		require.Equal(t, codes.ResourceExhausted, status.Code(err))
	}
	_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	require.NoError(t, err)
	release()
	require.NoError(t, <-ended)
	_, err = c.Decide(t.Context(), q)
	require.NoError(t, err, "what the batch weighed was not given back")
}

// TestStreamsAreForTheKnown: a stranger has no stream, however long they say
// nothing.
func TestStreamsAreForTheKnown(t *testing.T) {
	var answers atomic.Int64
	f := decidetest.New(t, decidetest.Options{Decide: decide.Options{Record: func(context.Context, *decide.Record) error {
		answers.Add(1)
		return nil
	}}})
	c := rowanv1.NewAuthorizationServiceClient(serve(t, rpc.Options{Decider: f.Decider}, tcp(t), insecure.NewCredentials()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stranger, err := c.DecideStream(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer nobody"))
	require.NoError(t, err)
	_, err = stranger.Recv()
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	known, err := c.DecideStream(ctx)
	require.NoError(t, err)
	require.NoError(t, known.Send(&rowanv1.DecideStreamRequest{Request: question(f.Guest().Session(), "leaderboard")}))
	out, err := known.Recv()
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, out.GetResult().GetAnswer().GetDecision())
	require.EqualValues(t, 1, answers.Load())
}
