package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/edge"
	"github.com/rowan-authz/rowan/cmd/internal/extauthz"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/cmd/internal/web"
	"github.com/rowan-authz/rowan/identity"
)

// authorizeFlags say who is answered questions, and where.
type authorizeFlags struct {
	GRPCListen string        `name:"grpc-listen" placeholder:"ADDRESS" help:"Where to answer questions over gRPC: host:port or unix:PATH. With --dev, unless --listen is given, 127.0.0.1:8081."`
	HTTPListen string        `name:"http-listen" placeholder:"ADDRESS" help:"Where to answer questions over HTTP, those of proxies too: host:port or unix:PATH. With --dev, unless --listen is given, 127.0.0.1:8082."`
	HTTPURL    string        `name:"http-url" placeholder:"URL" help:"The address that services use for questions over HTTP, as AuthZEN's metadata names it. Default: where it listens."`
	ClientCA   string        `name:"client-ca" placeholder:"FILE" help:"The certificates, in PEM, of who issues certificates to services that ask."`
	MaxAge     time.Duration `name:"max-answer-age" default:"2s" placeholder:"TIME" help:"How long an answer may be kept, as its valid_until says. A revocation is heard of so much later. Default 2s."`
	MaxCalls   int           `name:"max-calls" default:"4096" placeholder:"N" help:"How many questions are answered at once; more are refused. Default 4096."`
}

const (
	defaultListen     = "127.0.0.1:8080"
	defaultGRPCListen = "127.0.0.1:8081"
	defaultHTTPListen = "127.0.0.1:8082"
)

// service is something that is served until a context ends.
type service struct {
	name     string
	listener net.Listener
	serve    func(context.Context, net.Listener) error
}

// open listens for questions. What it returns is to be closed, with an error
// too.
func (f *authorizeFlags) open(ctx context.Context, s *serveCommand, d *decide.Decider, o *server.Options, config *tls.Config, w *witness) (all []service, err error) {
	f.setDefaults(s)
	grpcListen, httpListen := f.GRPCListen, f.HTTPListen
	if grpcListen == "" && httpListen == "" {
		return nil, nil
	}
	if config, err = f.mutual(config); err != nil {
		return nil, err
	}
	checker, err := f.checker(ctx, d, o)
	if err != nil {
		return nil, err
	}
	if grpcListen != "" {
		x, err := f.openGRPC(ctx, grpcListen, rpc.Options{
			Decider: d, TLS: withProtocols(config, "h2"), Trusted: s.Dev, InFlight: f.MaxCalls, Log: o.Log, Register: extauthz.New(checker).Register,
			Metrics: w.metrics, Stats: w.tracer.GRPC(),
		})
		if err != nil {
			return nil, fmt.Errorf("grpc: %w", err)
		}
		all = append(all, x)
	}
	if httpListen != "" {
		x, err := f.openHTTP(ctx, httpListen, web.Options{
			Decider: d, Edge: checker, TLS: withProtocols(config, "h2", "http/1.1"), Trusted: s.Dev, InFlight: f.MaxCalls, Log: o.Log, Metrics: w.metrics, Wrap: w.tracer.Services,
		})
		if err != nil {
			return all, fmt.Errorf("http: %w", err)
		}
		all = append(all, x)
	}
	return all, nil
}

// setDefaults lets --dev answer where nothing else is said.
func (f *authorizeFlags) setDefaults(s *serveCommand) {
	if s.Dev && s.Listen == defaultListen {
		f.GRPCListen, f.HTTPListen = cmp.Or(f.GRPCListen, defaultGRPCListen), cmp.Or(f.HTTPListen, defaultHTTPListen)
	}
}

// checker makes what checks calls for proxies. Its key is shared through the
// store.
func (f *authorizeFlags) checker(ctx context.Context, d *decide.Decider, o *server.Options) (*edge.Checker, error) {
	key, kid, err := identity.LoadECSigningKey(ctx, o.Store, o.Storage, "proxies", o.Random, o.Now())
	if err != nil {
		return nil, err
	}
	signer, err := edge.NewSigner(key, kid, o.URL)
	if err != nil {
		return nil, err
	}
	return edge.New(edge.Options{Decider: d, Signer: signer, Now: o.Now, Log: o.Log})
}

// openGRPC listens for questions over gRPC.
func (f *authorizeFlags) openGRPC(ctx context.Context, address string, o rpc.Options) (service, error) {
	answering, err := rpc.New(o)
	if err != nil {
		return service{}, err
	}
	l, err := server.ListenForServices(ctx, address, o.TLS != nil)
	if err != nil {
		return service{}, err
	}
	return service{"answering grpc", l, answering.Serve}, nil
}

// openHTTP listens for questions over HTTP.
func (f *authorizeFlags) openHTTP(ctx context.Context, address string, o web.Options) (service, error) {
	l, err := server.ListenForServices(ctx, address, o.TLS != nil)
	if err != nil {
		return service{}, err
	}
	o.URL = f.HTTPURL
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && o.URL == "" && !tcp.IP.IsUnspecified() {
		o.URL = "http://" + tcp.String()
		if o.TLS != nil {
			o.URL = "https://" + tcp.String()
		}
	}
	answering, err := web.New(o)
	if err != nil {
		return service{}, errors.Join(err, l.Close())
	}
	return service{"answering http", l, answering.Serve}, nil
}

// decider makes what answers questions with the deployment in force.
func (f *authorizeFlags) decider(live *server.Live, o *server.Options, w *witness) (*decide.Decider, error) {
	options := decide.Options{
		Current: live.Current, Now: o.Now, Random: o.Random, Log: o.Log, Keep: f.MaxAge, Metrics: w.metrics,
		Count: live.Usage().Decided,
		Refusal: func() (string, time.Time) {
			if r := live.Status().Refusal; r != nil {
				return r.Error(), r.At
			}
			return "", time.Time{}
		},
	}
	if w.watches() {
		options.Record = w.decided
	}
	return decide.New(options)
}

// withProtocols returns a copy of a configuration that speaks these; nil stays
// nil.
func withProtocols(config *tls.Config, protocols ...string) *tls.Config {
	if config == nil {
		return nil
	}
	config = config.Clone()
	config.NextProtos = protocols
	return config
}

// mutual returns the TLS configuration that asks for certificates of services.
func (f *authorizeFlags) mutual(config *tls.Config) (*tls.Config, error) {
	if f.ClientCA == "" {
		return config, nil
	}
	if config == nil {
		return nil, errors.New("--client-ca goes with --tls-cert and --tls-key")
	}
	text, err := os.ReadFile(f.ClientCA)
	if err != nil {
		return nil, cause(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate", f.ClientCA)
	}
	config = config.Clone()
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, pool
	return config, nil
}

// serveAll serves all beside f, until the context ends or one of them fails; it
// returns when all have ended.
func serveAll(ctx context.Context, all []service, f func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(all)+1)
	var wg sync.WaitGroup
	for i, x := range all {
		wg.Go(func() {
			defer stop()
			if err := x.serve(ctx, x.listener); err != nil {
				errs[i] = fmt.Errorf("%s: %w", x.name, err)
			}
		})
	}
	errs[len(all)] = f(ctx)
	stop()
	wg.Wait()
	return errors.Join(errs...)
}
