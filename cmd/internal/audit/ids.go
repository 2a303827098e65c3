package audit

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"sync/atomic"
)

// IDs names decisions: half of a name tells processes apart, half counts. It may
// be shared.
type IDs struct {
	prefix [8]byte
	count  atomic.Uint64
}

// NewIDs returns names that no other process makes.
func NewIDs(random io.Reader) (*IDs, error) {
	n := &IDs{}
	_, err := io.ReadFull(random, n.prefix[:])
	return n, err
}

// Next returns another name: 32 hexadecimal digits.
func (n *IDs) Next() string {
	var b [16]byte
	copy(b[:], n.prefix[:])
	binary.BigEndian.PutUint64(b[8:], n.count.Add(1))
	return hex.EncodeToString(b[:])
}
