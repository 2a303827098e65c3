package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"

	"github.com/rowan-authz/rowan/cmd/internal/gateway"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// gatewayFlags say which servers of rows and objects are guarded.
type gatewayFlags struct {
	DynamoDBListen   string   `name:"dynamodb-listen" placeholder:"ADDRESS" help:"Where to listen for calls of DynamoDB: host:port or unix:PATH."`
	DynamoDBUpstream string   `name:"dynamodb-upstream" placeholder:"URL" help:"The DynamoDB-compatible server behind it: https, or http on this machine. Its credentials are upstreams: {dynamodb: {region, accessKeyId, secretAccessKey}} of the secrets file."`
	DynamoDBHosts    []string `name:"dynamodb-host" placeholder:"HOST" help:"A host that clients of DynamoDB may name, with its port unless it is the default one; may be repeated. Default: whatever they sign."`
	S3Listen         string   `name:"s3-listen" placeholder:"ADDRESS" help:"Where to listen for calls of S3: host:port or unix:PATH."`
	S3Upstream       string   `name:"s3-upstream" placeholder:"URL" help:"The S3-compatible server behind it, with upstreams: {s3: …} of the secrets file."`
	S3Hosts          []string `name:"s3-host" placeholder:"HOST" help:"A host that clients of S3 may name, also with a bucket before it: BUCKET.HOST. Default: whatever they sign, with buckets in the path."`
	ExplainDenials   bool     `name:"explain-denials" help:"Tell callers what the nearest statement wanted. It shows policies: for development."`
}

// open listens for the gateways that were asked for. What it returns is to be
// closed, with an error too.
func (f *gatewayFlags) open(ctx context.Context, live *server.Live, o *server.Options, config *tls.Config, w *witness) (all []service, err error) {
	for _, x := range []struct {
		name, listen, upstream string
		hosts                  []string
		secret                 *server.Upstream
		make                   func(gateway.Options) (http.Handler, error)
	}{
		{"dynamodb", f.DynamoDBListen, f.DynamoDBUpstream, f.DynamoDBHosts, o.Secrets.DynamoDB, gateway.NewDynamoDB},
		{"s3", f.S3Listen, f.S3Upstream, f.S3Hosts, o.Secrets.S3, gateway.NewS3},
	} {
		if x.listen == "" && x.upstream == "" && len(x.hosts) == 0 {
			continue
		}
		if x.listen == "" || x.upstream == "" {
			return all, fmt.Errorf("--%s-listen and --%s-upstream come together", x.name, x.name)
		}
		if x.secret == nil {
			return all, fmt.Errorf("the secrets file must have upstreams: {%s: {region, accessKeyId, secretAccessKey}}", x.name)
		}
		g := gateway.Options{
			Current: live.Current, Hosts: x.hosts, Explain: f.ExplainDenials,
			Upstream: gateway.Upstream{URL: x.upstream, Region: x.secret.Region, AccessKeyID: x.secret.AccessKeyID, Secret: x.secret.SecretAccessKey},
			Count:    live.Usage().Decided, Now: o.Now, Random: o.Random, Log: o.Log, Metrics: w.metrics,
		}
		if w.watches() {
			g.Record = w.record
		}
		handler, err := x.make(g)
		if err != nil {
			return all, fmt.Errorf("%s: %w", x.name, err)
		}
		l, err := server.Listen(ctx, x.listen, config)
		if err != nil {
			return all, fmt.Errorf("%s: %w", x.name, err)
		}
		all = append(all, service{"guarding " + x.name, l, func(ctx context.Context, l net.Listener) error {
			return gateway.Serve(ctx, l, w.tracer.Gateway(x.name, handler), o.Log)
		}})
	}
	return all, nil
}
