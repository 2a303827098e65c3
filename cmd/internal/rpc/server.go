package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
)

// Options say how questions are served. Decider and Log are required.
type Options struct {
	Decider *decide.Decider
	// TLS is for connections that are not on a Unix socket; nil means none,
	// which is for loopback alone.
	TLS *tls.Config
	// Trusted gives all rights to local peers without a name: for development.
	Trusted bool
	// InFlight bounds the questions that are under way, those of a batch each
	// counted, and by itself the streams; zero means DefaultInFlight. More are
	// refused at once.
	InFlight int
	Log      *slog.Logger
	// Register adds services beside Rowan's own; nil adds none.
	Register func(*grpc.Server)
	// Metrics counts what is refused, and panics; nil does not.
	Metrics *metrics.Metrics
	// Stats is told of calls, for traces; nil is nobody.
	Stats stats.Handler
}

// Bounds of calls.
const (
	// DefaultInFlight is how many questions are under way at once.
	DefaultInFlight = 4096
	// leastWaiting calls may begin, however much there is to do.
	leastWaiting = 64
	// maxStreams is of one connection. A client that begins calls and resets them
	// without end leaves so many behind to be run; some hundreds of them would be
	// more than the scheduler keeps in one queue, and others would starve.
	maxStreams = 100
	maxHeaders = 32 << 10
	// streamWindow and connectionWindow are how much may come that nobody has read
	// yet. Left to itself gRPC lets both grow to 16 MiB, each.
	streamWindow     = 512 << 10
	connectionWindow = 1 << 20
	// handshakeWithin and idle connections.
	handshakeWithin = 5 * time.Second
	readyEvery      = time.Second
	drainWithin     = 10 * time.Second
)

// Server serves questions. It may be shared.
type Server struct {
	options Options
	grpc    *grpc.Server
	health  *health.Server
	// calls bounds questions, streams bounds streams, which may last.
	calls, streams *admission
	// waiting bounds the calls of unaries that have begun and whose message is
	// not read yet, by how long others waited for that.
	waiting *admission
	waits   waits
	unaries map[string]bool
}

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Decider == nil || o.Log == nil {
		return nil, errors.New("a server needs a decider and a log")
	}
	if o.InFlight < 0 {
		return nil, fmt.Errorf("%d calls at once", o.InFlight)
	}
	if o.InFlight == 0 {
		o.InFlight = DefaultInFlight
	}
	s := &Server{
		options: o, health: health.NewServer(), calls: newAdmission(o.InFlight, o.Metrics), streams: newAdmission(o.InFlight, o.Metrics),
		waiting: newAdmission(max(leastWaiting, o.InFlight), o.Metrics),
		unaries: unaryMethods(&rowanv1.AuthorizationService_ServiceDesc, &rowanv1.PolicyService_ServiceDesc),
	}
	settings := []grpc.ServerOption{
		grpc.Creds(&transport{config: o.TLS, trusted: o.Trusted}),
		grpc.InTapHandle(s.tap), grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream),
		grpc.ForceServerCodecV2(newCodec()), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxAnswer),
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxHeaders),
		grpc.StaticStreamWindowSize(streamWindow), grpc.StaticConnWindowSize(connectionWindow),
		grpc.ConnectionTimeout(handshakeWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
	if o.Stats != nil {
		settings = append(settings, grpc.StatsHandler(o.Stats))
	}
	s.grpc = grpc.NewServer(settings...)
	rowanv1.RegisterAuthorizationServiceServer(s.grpc, authorization{decider: o.Decider, calls: s.calls})
	rowanv1.RegisterPolicyServiceServer(s.grpc, policies{decider: o.Decider})
	healthv1.RegisterHealthServer(s.grpc, s.health)
	if o.Register != nil {
		o.Register(s.grpc)
	}
	reflection.Register(s.grpc)
	o.Metrics.UnderWay("grpc", func() (now, most int64) { return s.calls.used.Load(), s.calls.most })
	return s, nil
}

// Serve answers on l until ctx ends. It then says that it is not ready, lets
// calls that are under way come to their end, and returns.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go s.watchReadiness(watching)
	go s.relieve(watching)
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.health.Shutdown()
	force := time.AfterFunc(drainWithin, s.grpc.Stop) // streams have no end of their own
	defer force.Stop()
	s.grpc.GracefulStop()
	if err := <-failed; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// watchReadiness keeps the health service true.
func (s *Server) watchReadiness(ctx context.Context) {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		of := healthv1.HealthCheckResponse_SERVING
		if s.options.Decider.Ready() != nil {
			of = healthv1.HealthCheckResponse_NOT_SERVING
		}
		for _, name := range []string{"", rowanv1.AuthorizationService_ServiceDesc.ServiceName, rowanv1.PolicyService_ServiceDesc.ServiceName} {
			s.health.SetServingStatus(name, of)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// unary wraps a call.
func (s *Server) unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	s.read(ctx)
	if !strings.HasPrefix(info.FullMethod, healthPrefix) {
		n := weight(in)
		if err := s.calls.enter(n); err != nil {
			return nil, err
		}
		defer s.calls.leave(n)
	}
	defer s.recovered(ctx, info.FullMethod, &err)
	if ctx, err = withPeer(ctx); err != nil {
		return nil, err
	}
	return next(ctx, in)
}

// stream wraps a stream.
func (s *Server) stream(srv any, of grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer s.recovered(of.Context(), info.FullMethod, &err)
	ctx, err := withPeer(of.Context())
	if err != nil {
		return err
	}
	if strings.HasPrefix(info.FullMethod, questionsPrefix) {
		// A stream may last, so that nobody is to have one who is not known.
		if err := s.options.Decider.Knows(ctx); err != nil {
			return err
		}
	}
	if err := s.streams.enter(1); err != nil {
		return err
	}
	defer s.streams.leave(1)
	return next(srv, &peerStream{of, ctx})
}

// recovered turns a panic into an error: whoever asked denies, and the others
// are served.
func (s *Server) recovered(ctx context.Context, method string, err *error) {
	if r := recover(); r != nil {
		s.options.Metrics.Panicked("grpc")
		s.options.Log.ErrorContext(ctx, "a call panicked", "method", method, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the question could not be answered")
	}
}

// authorization serves AuthorizationService.
type authorization struct {
	rowanv1.UnimplementedAuthorizationServiceServer
	decider *decide.Decider
	calls   *admission
}

// Decide answers one question.
func (a authorization) Decide(ctx context.Context, in *rowanv1.DecideRequest) (*rowanv1.DecideResponse, error) {
	return a.decider.Decide(ctx, in)
}

// DecideBatch answers many questions.
func (a authorization) DecideBatch(ctx context.Context, in *rowanv1.DecideBatchRequest) (*rowanv1.DecideBatchResponse, error) {
	return a.decider.DecideBatch(ctx, in)
}

// DecideRows answers one question about many rows.
func (a authorization) DecideRows(ctx context.Context, in *rowanv1.DecideRowsRequest) (*rowanv1.DecideRowsResponse, error) {
	return a.decider.DecideRows(ctx, in)
}

// DecideStream answers questions in their order. It reads the next one when the
// answer before is on its way, so that a client which does not read is not
// answered without end.
func (a authorization) DecideStream(stream grpc.BidiStreamingServer[rowanv1.DecideStreamRequest, rowanv1.DecideStreamResponse]) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out, err := a.next(stream.Context(), in.GetRequest())
		if err != nil {
			return err
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// next answers the next question of a stream, or refuses it alone.
func (a authorization) next(ctx context.Context, in *rowanv1.DecideRequest) (*rowanv1.DecideStreamResponse, error) {
	if err := a.calls.enter(1); err != nil {
		busy := &rowanv1.Problem{Code: int32(status.Code(err)), Message: status.Convert(err).Message()}
		return &rowanv1.DecideStreamResponse{Result: &rowanv1.Result{Result: &rowanv1.Result_Problem{Problem: busy}}}, nil
	}
	defer a.calls.leave(1)
	return a.decider.Next(ctx, in)
}

// Explain answers a question with everything that led to the answer.
func (a authorization) Explain(ctx context.Context, in *rowanv1.ExplainRequest) (*rowanv1.ExplainResponse, error) {
	return a.decider.Explain(ctx, in)
}

// Filter says which rows a subject may reach.
func (a authorization) Filter(ctx context.Context, in *rowanv1.FilterRequest) (*rowanv1.FilterResponse, error) {
	return a.decider.Filter(ctx, in)
}

// Watch answers a question, and again whenever the answer changes.
func (a authorization) Watch(in *rowanv1.WatchRequest, stream grpc.ServerStreamingServer[rowanv1.WatchResponse]) error {
	return a.decider.Watch(stream.Context(), in.GetRequest(), stream.Send)
}

// policies serves PolicyService.
type policies struct {
	rowanv1.UnimplementedPolicyServiceServer
	decider *decide.Decider
}

// Validate checks a policy document.
func (p policies) Validate(ctx context.Context, in *rowanv1.ValidateRequest) (*rowanv1.ValidateResponse, error) {
	return p.decider.Validate(ctx, in)
}

// Test runs the tests of the bundle in force.
func (p policies) Test(ctx context.Context, in *rowanv1.TestRequest) (*rowanv1.TestResponse, error) {
	return p.decider.Test(ctx, in)
}

// Describe describes the bundle in force.
func (p policies) Describe(ctx context.Context, in *rowanv1.DescribeRequest) (*rowanv1.DescribeResponse, error) {
	return p.decider.Describe(ctx, in)
}
