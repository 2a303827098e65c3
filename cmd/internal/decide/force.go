package decide

import (
	"path"
	"strings"
	"sync"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// inForce is the deployment in force with what is made of it once.
type inForce struct {
	*server.Deployment
	name     *rowanv1.BundleVersion
	prefix   string // of the names of files in messages
	services services
	logins   *logins
	requests sync.Pool // of *asked
}

func newInForce(d *server.Deployment) *inForce {
	x := &inForce{
		Deployment: d, services: newServices(d.Bundle), logins: newLogins(d.Pools),
		name:   &rowanv1.BundleVersion{Digest: d.Digest, Version: d.Version},
		prefix: strings.TrimSuffix(path.Join(d.Bundle.Name, "x"), "x"),
	}
	x.requests.New = func() any { return &asked{context: d.Account.Vocabulary.NewContext()} }
	return x
}

// asked is the memory of one question.
type asked struct {
	request   engine.Request
	context   *conditions.Context
	evaluator engine.Evaluator
	caller    *engine.Caller
	subject   *subject
}

// free gives the memory back. Nothing of it may be in use.
func (x *inForce) free(a *asked) {
	a.context.Reset(nil)
	*a = asked{context: a.context}
	x.requests.Put(a)
}
