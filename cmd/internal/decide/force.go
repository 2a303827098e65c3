package decide

import (
	"path"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/metrics"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// inForce is the deployment in force with what is made of it once.
type inForce struct {
	*server.Deployment
	metrics  *metrics.Metrics
	name     *rowanv1.BundleVersion
	prefix   string // of the names of files in messages
	services services
	logins   *logins
	requests sync.Pool // of *asked
}

func newInForce(d *server.Deployment, m *metrics.Metrics) *inForce {
	x := &inForce{
		Deployment: d, metrics: m, services: newServices(d.Bundle), logins: newLogins(d.Pools),
		name:   &rowanv1.BundleVersion{Digest: d.Digest, Version: d.Version},
		prefix: strings.TrimSuffix(path.Join(d.Bundle.Name, "x"), "x"),
	}
	x.requests.New = func() any { return &asked{context: d.Account.Vocabulary.NewContext()} }
	return x
}

// asked is the memory of a question.
type asked struct {
	request   engine.Request
	context   *conditions.Context
	evaluator engine.Evaluator
	subject   *subject

	// of, resource and account are what the parts below and above were made of,
	// shared how many keys of the context all questions about these share. A
	// batch asks again with them.
	of                *rowanv1.Subject
	resource, account string
	shared            int
	until             *timestamppb.Timestamp
	deciding          engine.StatementRef
	statements        []*rowanv1.Statement
}

// free gives the memory back. Nothing of it may be in use.
func (x *inForce) free(a *asked) {
	a.context.Reset(nil)
	*a = asked{context: a.context}
	x.requests.Put(a)
}
