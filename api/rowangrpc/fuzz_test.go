package rowangrpc_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/rowan-authz/rowan/api/rowangrpc"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

// FuzzMetadata: whatever metadata a stranger sends, NAME=VALUE in lines, no call is
// made by anybody when no credentials are good, and none panics; where nobody need
// be known, the handler sees no name that is reserved.
func FuzzMetadata(f *testing.F) {
	s := newSite(f)
	signed := s.signing(f).pairs()
	data := behind(f, newProxy(f), nil)
	var lines []string
	for i := 0; i < len(signed); i += 2 {
		lines = append(lines, signed[i]+"="+signed[i+1])
	}
	f.Add(getMethod, strings.Join(lines, "\n"))
	f.Add(getMethod, strings.Join(append(lines, lines...), "\n"))
	f.Add(getMethod, dataName+"=e30=.e30=.AAAA")
	f.Add("/a/b?X-Amz-Signature=1", "authorization=Bearer x\nx-rowan-id-bin=1\nX_Auth_User=root")
	s.at.Store(noon.Add(2 * time.Hour).Unix())
	require.NoError(f, s.sessions.Refresh(f.Context()))
	s.options.Log, data.options.Log = nil, nil
	s.options.Anonymous = []string{"/scores.v1.Scores/Other"}
	bySignature, err := rowangrpc.New(s.options)
	require.NoError(f, err)
	byData, err := rowangrpc.New(data.options)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, method, text string) {
		md := metadata.Pairs(":authority", host)
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			md.Append(name, value)
		}
		ctx := peer.NewContext(metadata.NewIncomingContext(t.Context(), md), &peer.Peer{Addr: loopback})
		seen := context.Background()
		next := func(ctx context.Context, _ any) (any, error) { seen = ctx; return nil, nil }
		if method != s.options.Anonymous[0] {
			_, err := bySignature.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, next)
			require.Error(t, err)
		}
		_, err := byData.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, next)
		require.Error(t, err)
		_, err = bySignature.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: s.options.Anonymous[0]}, next)
		require.NoError(t, err)
		left, _ := metadata.FromIncomingContext(seen)
		for name := range left {
			require.False(t, httpauth.Reserved(name) || httpauth.Reserved(strings.TrimSuffix(name, "-bin")), name)
		}
	})
}
