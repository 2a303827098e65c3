package audit

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockFile keeps other processes from writing the same log.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errors.New("another process writes this decision log"), f.Close())
	}
	return f, nil
}
