package rpc

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that is bounded
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// Bounds of messages. A message becomes twenty times as large in memory when it
// is made of nothing but small members, so that the size of what comes over the
// wire bounds little: only pages of rows, which are columns of bytes, and
// batches may be large, and only if they have no more members than they need.
const (
	maxOrdinary = 1 << 20
	maxMessage  = 4 << 20
	maxAnswer   = 16 << 20
	// maxMembers are those of a page of rows, or of a batch, and maxDeeper those
	// of its questions together.
	maxMembers = 2048
	maxDeeper  = 64 << 10
)

var errMembers = errors.New("the message has too many members")

// boundedCodec is the usual codec, which looks at a message before it decodes it.
type boundedCodec struct{ encoding.CodecV2 }

func newCodec() boundedCodec { return boundedCodec{encoding.GetCodecV2("proto")} }

// Unmarshal decodes a message, if it is not too large for what it is.
func (c boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	n := data.Len()
	if n <= maxOrdinary {
		return c.CodecV2.Unmarshal(data, v)
	}
	deeper := protowire.Number(0)
	switch v.(type) {
	case *rowanv1.DecideRowsRequest:
	case *rowanv1.DecideBatchRequest:
		deeper = requestsOfBatch
	default:
		return fmt.Errorf("a message of %d bytes, more than %d", n, maxOrdinary)
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	if err := fewMembers(whole.ReadOnlyData(), deeper); err != nil {
		return err
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{whole}, v)
}

// requestsOfBatch is the number of DecideBatchRequest.requests.
const requestsOfBatch = 2

// fewMembers refuses an encoded message of too many members, and if deeper is
// not zero, one whose members of that number have too many.
func fewMembers(b []byte, deeper protowire.Number) error {
	below := 0
	return members(b, maxMembers, func(n protowire.Number, kind protowire.Type, value []byte) error {
		if n != deeper || kind != protowire.BytesType {
			return nil
		}
		question, _ := protowire.ConsumeBytes(value)
		return members(question, maxDeeper, func(protowire.Number, protowire.Type, []byte) error {
			if below++; below > maxDeeper {
				return errMembers
			}
			return nil
		})
	})
}

// members calls f for each member of an encoded message, if there are no more
// than limit. value begins where the member's does.
func members(b []byte, limit int, f func(n protowire.Number, kind protowire.Type, value []byte) error) error {
	for count := 0; len(b) > 0; count++ {
		if count == limit {
			return errMembers
		}
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := f(number, kind, b[:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}
