package rpc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

func decode(t testing.TB, in, out proto.Message) error {
	t.Helper()
	b, err := proto.Marshal(in)
	require.NoError(t, err)
	return newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, out)
}

// TestCodec: large messages are taken where they have to be, and nowhere else.
func TestCodec(t *testing.T) {
	key := func(n int) *rowanv1.ContextKey { return &rowanv1.ContextKey{Name: "k", Values: make([]string, n)} }
	small := &rowanv1.DecideRequest{Action: strings.Repeat("x", maxOrdinary-100)}
	require.NoError(t, decode(t, small, &rowanv1.DecideRequest{}))
	require.Error(t, decode(t, &rowanv1.DecideRequest{Action: strings.Repeat("x", maxOrdinary)}, &rowanv1.DecideRequest{}))

	page := &rowanv1.DecideRowsRequest{Rows: 200_000, Columns: []*rowanv1.Column{{Key: "k", Values: make([]byte, 2<<20), Ends: make([]uint32, 200_000)}}}
	out := &rowanv1.DecideRowsRequest{}
	require.NoError(t, decode(t, page, out))
	require.True(t, proto.Equal(page, out))
	for range maxMembers {
		page.Context = append(page.GetContext(), key(0))
	}
	require.ErrorIs(t, decode(t, page, out), errMembers)

	batch := &rowanv1.DecideBatchRequest{}
	for range 1024 {
		batch.Requests = append(batch.GetRequests(), &rowanv1.DecideRequest{Action: strings.Repeat("x", 2000), Context: []*rowanv1.ContextKey{key(1)}})
	}
	require.NoError(t, decode(t, batch, &rowanv1.DecideBatchRequest{}))
	for range maxDeeper {
		batch.Requests[7].Context = append(batch.Requests[7].GetContext(), key(0))
	}
	require.ErrorIs(t, decode(t, batch, &rowanv1.DecideBatchRequest{}), errMembers)
}

// FuzzMembers: whatever is counted as few members is so.
func FuzzMembers(f *testing.F) {
	f.Add([]byte{}, 2)
	f.Add(protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte{8, 1}), 2)
	f.Add([]byte{19, 19, 20, 20}, 2)
	f.Fuzz(func(t *testing.T, b []byte, deeper int) {
		err := fewMembers(b, protowire.Number(deeper))
		var m rowanv1.DecideBatchRequest
		if err == nil && proto.Unmarshal(b, &m) == nil {
			require.LessOrEqual(t, len(m.GetRequests()), maxMembers)
		}
	})
}
