package rpc

import (
	"context"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// admission bounds what is under way. Who comes when there is too much is
// refused at once, since a queue would only grow: until everybody has waited
// longer than they could.
type admission struct {
	limit int64
	used  atomic.Int64
}

func newAdmission(limit int) *admission { return &admission{limit: int64(limit)} }

var errBusy = status.Error(codes.ResourceExhausted, "too many questions are under way: ask again later")

// enter counts n more, or refuses. It takes in whatever comes below the limit,
// so that a call which is larger than what is left is not kept out for ever by
// small ones.
func (a *admission) enter(n int64) error {
	for {
		used := a.used.Load()
		if used >= a.limit {
			return errBusy
		}
		if a.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

func (a *admission) leave(n int64) { a.used.Add(-n) }

func (a *admission) full() bool { return a.used.Load() >= a.limit }

// What calls weigh: a question is 1. So many rows are as much work as a
// question, and running tests is as much as many.
const (
	rowsOfOne  = 64
	ofTests    = 256
	ofDocument = 16
)

// weight is how much work a call is, in questions.
func weight(in any) int64 {
	switch in := in.(type) {
	case *rowanv1.DecideBatchRequest:
		return max(1, int64(len(in.GetRequests())))
	case *rowanv1.DecideRowsRequest:
		return 1 + int64(in.GetRows())/rowsOfOne
	case *rowanv1.TestRequest:
		return ofTests
	case *rowanv1.ValidateRequest, *rowanv1.ExplainRequest:
		return ofDocument
	}
	return 1
}

// healthPrefix begins the methods that an orchestrator calls: a server that is
// busy is well, and to end it would leave the others with more to do.
// questionsPrefix begins those of questions.
var (
	healthPrefix    = "/" + healthv1.Health_ServiceDesc.ServiceName + "/"
	questionsPrefix = "/" + rowanv1.AuthorizationService_ServiceDesc.ServiceName + "/"
)

// tap refuses a call before its message is read, which is most of the work of
// refusing.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if s.calls.full() && !strings.HasPrefix(info.FullMethodName, healthPrefix) {
		return nil, errBusy
	}
	return ctx, nil
}
