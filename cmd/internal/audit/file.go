package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// FileOptions say where a log is, and how its files change.
type FileOptions struct {
	// Path is the file that is written. It becomes PATH.000001, PATH.000002 and
	// so on when it has Size bytes; zero means 100 MiB.
	Path string
	Size int64
	// Keep is how many of those stay; zero means all of them.
	Keep int
}

// file is a sink of files.
type file struct {
	o    FileOptions
	log  *slog.Logger
	lock io.Closer
	f    *os.File // nil until there is one to write to
	size int64    // up to where it is whole
	next int      // the number of the next file that is put away
}

// found is what a log finds of itself when it opens.
type found struct {
	link    link
	log     string // empty if there is nothing
	records uint64
	torn    []byte
	// unended says that the last line lacks its newline.
	unended bool
}

// numberDigits is how many digits the number of a file has at least.
const numberDigits = 6

// openFile opens the file of a log, and finds where its chain ends.
func openFile(o *FileOptions, log *slog.Logger, key ed25519.PrivateKey) (sink, found, error) {
	var none found
	if o.Size < 0 || o.Keep < 0 {
		return nil, none, errors.New("files of a decision log have no less than no size and number")
	}
	if o.Size == 0 {
		o.Size = 100 << 20
	}
	if info, err := os.Stat(o.Path); err == nil && !info.Mode().IsRegular() {
		return openDevice(o.Path, info)
	}
	lock, err := lockFile(o.Path + lockSuffix)
	if err != nil {
		return nil, none, fmt.Errorf("%s: %w", o.Path, err)
	}
	s := &file{o: *o, log: log, lock: lock}
	at, err := s.find(key)
	if err != nil {
		return nil, none, errors.Join(err, lock.Close())
	}
	return s, at, nil
}

// openDevice opens what is no file, such as a terminal.
func openDevice(path string, info fs.FileInfo) (sink, found, error) {
	if info.IsDir() {
		return nil, found{}, fmt.Errorf("%s: a decision log is no directory", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, found{}, err
	}
	return &device{stream{f}, f}, found{}, nil
}

// device is a stream that is closed.
type device struct {
	stream
	f *os.File
}

func (d *device) close() error { return d.f.Close() }

// put returns the files that were put away, the oldest first, and their numbers.
func (s *file) put() (names []string, numbers []int, err error) {
	entries, err := os.ReadDir(filepath.Dir(s.o.Path))
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), filepath.Base(s.o.Path)+".")
		if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 && len(digits) >= numberDigits {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		names = append(names, s.numbered(n))
	}
	return names, numbers, nil
}

func (s *file) numbered(n int) string { return fmt.Sprintf("%s.%0*d", s.o.Path, numberDigits, n) }

// find finds where the chain ends.
func (s *file) find(key ed25519.PrivateKey) (found, error) {
	names, numbers, err := s.put()
	if err != nil {
		return found{}, err
	}
	s.next = 1
	if n := len(numbers); n > 0 {
		s.next = numbers[n-1] + 1
	}
	at, err := scanFile(s.o.Path, key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found{}, err
	}
	if at.log == "" && len(names) > 0 { // nothing whole in it: it was just begun
		last := names[len(names)-1]
		before, err := scanFile(last, key)
		if err != nil {
			return found{}, err
		}
		if before.log == "" || len(before.torn) > 0 || before.unended {
			return found{}, fmt.Errorf("%s: it does not end as a decision log does", last)
		}
		before.torn = at.torn
		at = before
	}
	if at.log == "" && len(at.torn) > 0 {
		return found{}, fmt.Errorf("%s: no decision log: no line of it is whole", s.o.Path)
	}
	return at, errors.Join(s.create(), s.forget())
}

// scanFile reads the chain of a file to its end. A file that is not whole is
// refused, but for what is behind its last line.
func scanFile(path string, key ed25519.PrivateKey) (found, error) {
	f, err := os.Open(path)
	if err != nil {
		return found{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return found{}, errors.New("want a key of ed25519")
	}
	var at found
	r := newLines(f)
	for r.next() {
		if err := at.follow(r, []ed25519.PublicKey{public}); err != nil {
			return found{}, fmt.Errorf("%s:%d: %w: see rowan audit verify", path, r.number, err)
		}
	}
	if r.err != nil {
		return found{}, fmt.Errorf("%s: %w", path, r.err)
	}
	if at.log == "" && at.link.seq > 0 {
		return found{}, fmt.Errorf("%s: a decision log without a head", path)
	}
	return at, nil
}

var errDamaged = errors.New("the decision log is damaged")

// follow takes in the next line.
func (at *found) follow(r *lines, keys []ed25519.PublicKey) error {
	seq, prev, ok := parseLink(r.line)
	if !ok { // what a crash has left, if it is the end or a head says so
		if at.torn = append(at.torn, r.raw...); len(at.torn) > maxLine {
			return errDamaged
		}
		return nil
	}
	if at.link.seq > 0 && (seq != at.link.seq+1 || prev != at.link.last) {
		return errDamaged
	}
	var h *head
	if isHead(r.line) {
		var err error
		if h, err = parseHead(r.line, keys); err != nil {
			return fmt.Errorf("a head that the log's key did not sign: %w", err)
		}
	}
	if !h.explains(at.torn) {
		return errDamaged
	}
	at.link, at.torn, at.unended = link{seq - 1, prev}, nil, !r.ended
	at.link.add(r.line)
	if at.records++; h != nil {
		at.log, at.records = h.Log, 0
	}
	return nil
}

// create opens the file, and makes it if it is not there.
func (s *file) create() error {
	f, err := os.OpenFile(s.o.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.f, s.size = f, info.Size()
	return syncDir(s.o.Path)
}

// syncDir makes the names in the directory of a file safe.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *file) write(text []byte) (int, error) {
	if s.f == nil {
		if err := s.create(); err != nil {
			return 0, err
		}
	}
	n, err := s.f.Write(text)
	if err == nil {
		s.size += int64(n)
		return n, nil
	}
	whole := bytes.LastIndexByte(text[:n], '\n') + 1
	if cut := s.f.Truncate(s.size + int64(whole)); cut != nil {
		s.size += int64(n)
		return n, errors.Join(err, cut)
	}
	s.size += int64(whole)
	return whole, err
}

func (s *file) sync() error {
	if s.f == nil {
		return nil
	}
	return s.f.Sync()
}

func (s *file) full() bool { return s.size >= s.o.Size }

// rotate puts the file away under the next number. The next write makes another.
func (s *file) rotate() error {
	if _, err := os.Lstat(s.numbered(s.next)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there already", s.numbered(s.next)), err)
	}
	if err := os.Rename(s.o.Path, s.numbered(s.next)); err != nil {
		return err
	}
	if err := s.f.Close(); err != nil {
		s.log.Warn("a file of the decision log was not closed well", slog.Any("error", err))
	}
	s.log.Info("a file of the decision log is full", slog.String("file", s.numbered(s.next)))
	s.f, s.size = nil, 0
	s.next++
	if err := s.forget(); err != nil {
		s.log.Error("an old file of the decision log cannot be removed", slog.Any("error", err))
	}
	return nil
}

// forget removes the oldest files.
func (s *file) forget() error {
	if s.o.Keep == 0 {
		return nil
	}
	names, _, err := s.put()
	if err != nil {
		return err
	}
	for _, name := range names[:max(0, len(names)-s.o.Keep)] {
		if err := os.Remove(name); err != nil {
			return err
		}
		s.log.Info("an old file of the decision log was removed", slog.String("file", name))
	}
	return nil
}

func (s *file) close() error {
	var err error
	if s.f != nil {
		err = s.f.Close()
	}
	return errors.Join(err, s.lock.Close())
}

// IsLock reports whether a name is that of the file which keeps other processes
// from writing a log: shells find it beside the log's files.
func IsLock(path string) bool { return strings.HasSuffix(path, lockSuffix) }

const lockSuffix = ".lock"
