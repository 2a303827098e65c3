package rpc

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
)

// admission bounds what is under way. Who comes when there is too much is
// refused at once, since a queue would only grow: until everybody has waited
// longer than they could.
type admission struct {
	limit, used atomic.Int64
	metrics     *metrics.Metrics // counts those that are refused
	// least and most are between what adapt sets the limit.
	least, most int64
}

func newAdmission(limit int, m *metrics.Metrics) *admission {
	a := &admission{metrics: m, least: min(leastWaiting, int64(limit)), most: int64(limit)}
	a.limit.Store(a.most)
	return a
}

var errBusy = status.Error(codes.ResourceExhausted, "too many questions are under way: ask again later")

// enter counts n more, or refuses. It takes in whatever comes below the limit,
// so that a call which is larger than what is left is not kept out for ever by
// small ones.
func (a *admission) enter(n int64) error {
	for {
		used := a.used.Load()
		if used >= a.limit.Load() {
			a.metrics.Shed("grpc")
			return errBusy
		}
		if a.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

func (a *admission) leave(n int64) { a.used.Add(-n) }

func (a *admission) full() bool { return a.used.Load() >= a.limit.Load() }

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

// begun is a call that was let in and whose message is to be read.
type begun struct {
	at time.Time
	// stop keeps the call from being taken off the count when it ends.
	stop func() bool
}

type begunKey struct{}

// tap lets a call begin, or refuses it before its message is read, which is most
// of the work of refusing. Where there is too little of the processor calls wait
// here, to be read, and not in what comes later: from then on each runs to its
// end.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if !s.unaries[info.FullMethodName] {
		return ctx, nil // streams have a bound of their own, and health has none
	}
	if s.calls.full() {
		s.options.Metrics.Shed("grpc")
		return nil, errBusy
	}
	if err := s.waiting.enter(1); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.waiting.leave(1) }) // it may end before it is read
	return context.WithValue(ctx, begunKey{}, &begun{time.Now(), stop}), nil
}

// read takes a call whose message was read off the count of those that wait.
func (s *Server) read(ctx context.Context) {
	if b, ok := ctx.Value(begunKey{}).(*begun); ok && b.stop() {
		s.waiting.leave(1)
		s.waits.add(time.Since(b.at))
	}
}

// unaryMethods are the full names of the calls of services.
func unaryMethods(all ...*grpc.ServiceDesc) map[string]bool {
	out := map[string]bool{}
	for _, of := range all {
		for i := range of.Methods {
			out["/"+of.ServiceName+"/"+of.Methods[i].MethodName] = true
		}
	}
	return out
}
