package rpc

import (
	"errors"
	"net"
	"syscall"
)

// PeerUID returns the user id of the process at the other end of a Unix socket,
// as it was when it connected.
func PeerUID(c net.Conn) (uint32, error) {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return 0, errors.New("no Unix socket")
	}
	conn, err := raw.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var failed error
	if err := conn.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, failed
	}
	return cred.Uid, nil
}
