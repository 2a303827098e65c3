package rpc_test

import (
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/credentials/insecure"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
)

// BenchmarkDecide is a question over a Unix socket, client and server in one
// process, for profiles. benchmarks/daemon measures it beside an empty server.
func BenchmarkDecide(b *testing.B) {
	f := decidetest.New(b, decidetest.Options{})
	alice := f.User("alice")
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	c := rowanv1.NewAuthorizationServiceClient(serve(b, rpc.Options{Decider: f.Decider}, l, insecure.NewCredentials()))
	q := question(alice.Session(), alice.IdentityID)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := c.Decide(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
	})
}
