package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// The demo's bundle.
const (
	table       = "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores"
	pool        = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	leaderboard = "leaderboard"
	batchSize   = 256
	pageSize    = 10_000
)

// kind is one kind of question.
type kind struct {
	name, unit string
	// each is how many decisions one call asks for, flight how many calls are
	// under way.
	each, flight int
	// tail asks for the times at half the load.
	tail bool
	ask  func(context.Context, rowanv1.AuthorizationServiceClient) error
}

var errWrong = errors.New("a wrong answer")

// kinds makes the questions of a guest with temporary credentials.
func kinds(of *rowanv1.Subject) []kind {
	one := &rowanv1.DecideRequest{
		Subject: of, Action: "dynamodb:GetItem", Resource: table,
		Context: []*rowanv1.ContextKey{{Name: "dynamodb:LeadingKeys", Values: []string{leaderboard}}},
	}
	batch := &rowanv1.DecideBatchRequest{Subject: of}
	for range batchSize {
		batch.Requests = append(batch.Requests, &rowanv1.DecideRequest{Action: one.GetAction(), Resource: table, Context: one.GetContext()})
	}
	column := &rowanv1.Column{Key: "dynamodb:LeadingKeys"}
	for i := range pageSize {
		text := leaderboard
		if i%2 == 1 {
			text = fmt.Sprintf("us-east-1:00000000-0000-4000-8000-%012d", i)
		}
		column.Values = append(column.GetValues(), text...)
		column.Ends = append(column.GetEnds(), uint32(len(column.GetValues())))
	}
	page := &rowanv1.DecideRowsRequest{Subject: of, Action: "dynamodb:GetItem", Resource: table, Rows: pageSize, Columns: []*rowanv1.Column{column}}
	return []kind{
		{"Decide", "decisions", 1, 64, true, func(ctx context.Context, c rowanv1.AuthorizationServiceClient) error {
			out, err := c.Decide(ctx, one)
			if err == nil && out.GetAnswer().GetDecision() != rowanv1.Decision_DECISION_ALLOWED {
				err = errWrong
			}
			return err
		}},
		{fmt.Sprintf("DecideBatch of %d", batchSize), "decisions", batchSize, 8, false, func(ctx context.Context, c rowanv1.AuthorizationServiceClient) error {
			out, err := c.DecideBatch(ctx, batch)
			if err == nil && (len(out.GetResults()) != batchSize || out.GetResults()[batchSize-1].GetAnswer().GetDecision() != rowanv1.Decision_DECISION_ALLOWED) {
				err = errWrong
			}
			return err
		}},
		{fmt.Sprintf("DecideRows of %d", pageSize), "rows", pageSize, 8, false, func(ctx context.Context, c rowanv1.AuthorizationServiceClient) error {
			out, err := c.DecideRows(ctx, page)
			if err == nil && out.GetCount() != pageSize/2 {
				err = errWrong
			}
			return err
		}},
	}
}

// echo answers every question with what it was given first: the floor.
type echo struct {
	rowanv1.UnimplementedAuthorizationServiceServer
	one   *rowanv1.DecideResponse
	batch *rowanv1.DecideBatchResponse
	rows  *rowanv1.DecideRowsResponse
}

// newEcho makes answers of the size that Rowan's have.
func newEcho() *echo {
	answer := func() *rowanv1.Answer {
		return &rowanv1.Answer{
			Decision: rowanv1.Decision_DECISION_ALLOWED, DecidedBy: "identity", DecisionId: strings.Repeat("0", 32), ValidUntil: someTime(),
			Statements: []*rowanv1.Statement{{Policy: "policies/Leaderboard.json", Sid: "ReadLeaderboard", Line: 4, Column: 5}},
		}
	}
	version := &rowanv1.BundleVersion{Digest: strings.Repeat("0", 64)}
	e := &echo{
		one:   &rowanv1.DecideResponse{Answer: answer(), Bundle: version},
		batch: &rowanv1.DecideBatchResponse{Bundle: version},
		rows: &rowanv1.DecideRowsResponse{
			Allowed: make([]byte, pageSize/8), Count: pageSize / 2, DecisionId: strings.Repeat("0", 32), ValidUntil: someTime(), Bundle: version,
		},
	}
	for range batchSize {
		e.batch.Results = append(e.batch.GetResults(), &rowanv1.Result{Result: &rowanv1.Result_Answer{Answer: answer()}})
	}
	return e
}

// Decide answers.
func (e *echo) Decide(context.Context, *rowanv1.DecideRequest) (*rowanv1.DecideResponse, error) {
	return e.one, nil
}

// DecideBatch answers.
func (e *echo) DecideBatch(context.Context, *rowanv1.DecideBatchRequest) (*rowanv1.DecideBatchResponse, error) {
	return e.batch, nil
}

// DecideRows answers.
func (e *echo) DecideRows(context.Context, *rowanv1.DecideRowsRequest) (*rowanv1.DecideRowsResponse, error) {
	return e.rows, nil
}

func serveEcho(socket string) error {
	l, err := listen(socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(1000))
	rowanv1.RegisterAuthorizationServiceServer(s, newEcho())
	return s.Serve(l)
}
