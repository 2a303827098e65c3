package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
)

const (
	// MaxArchive is the size of the largest tar.gz that is read.
	MaxArchive = 64 << 20
	// maxUnpacked bounds the tar inside: the files, and a header and padding for
	// each of them.
	maxUnpacked = bundle.MaxBundleBytes + bundle.MaxFiles*4096
	// maxRatio is how often larger than the tar.gz the tar may be, once it is
	// larger than freeUnpacked: policies that are alike shrink to a hundredth.
	maxRatio     = 250
	freeUnpacked = 8 << 20
)

// gzipHeader is what build begins an archive with: no name, no time, the best
// compression. Source: RFC 1952 §2.3.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff}

// Read reads a tar.gz. Beside files and folders it takes only the comment that
// git archive begins with.
func Read(text []byte) (*Files, error) {
	if len(text) > MaxArchive {
		return nil, refuse("invalid", "an archive of more than %d bytes", MaxArchive)
	}
	packed := bytes.NewReader(text)
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, refuse("invalid", "no tar.gz: %w", err)
	}
	z.Multistream(false)
	f := newFiles()
	f.loose = !bytes.HasPrefix(text, gzipHeader)
	unpacked := &bounded{r: z, most: min(maxUnpacked, max(freeUnpacked, int64(len(text))*maxRatio))}
	if err := f.readTar(unpacked); err != nil {
		var refused *RefusedError
		if !errors.As(err, &refused) {
			err = refuse("invalid", "no tar.gz: %w", err)
		}
		return nil, err
	}
	if packed.Len() > 0 {
		return nil, refuse("invalid", "something follows the archive")
	}
	return f, nil
}

// bounded reads no more than it may.
type bounded struct {
	r          io.Reader
	read, most int64
}

var errBomb = refuse("invalid", "the archive unpacks to much more than itself, or than a bundle may have")

// Read reads.
func (b *bounded) Read(p []byte) (int, error) {
	if b.read >= b.most {
		return 0, errBomb
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.most-b.read)])
	b.read += int64(n)
	return n, err
}

func (f *Files) readTar(r io.Reader) error {
	t := tar.NewReader(r)
	for entries := 0; ; entries++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return rest(r)
		}
		if err != nil {
			return err
		}
		if entries > 2*bundle.MaxFiles {
			return refuse("invalid", "an archive of more than %d entries", 2*bundle.MaxFiles)
		}
		if err := f.readEntry(t, h); err != nil {
			return err
		}
	}
}

func (f *Files) readEntry(t *tar.Reader, h *tar.Header) error {
	name := strings.TrimPrefix(h.Name, "./")
	switch {
	case h.Typeflag == tar.TypeXGlobalHeader:
		f.loose = true
		return nil
	case h.Typeflag == tar.TypeDir:
		f.loose = true
		if name = strings.TrimSuffix(name, "/"); name == "" || name == "." {
			return nil
		}
		return f.addDir(name)
	case h.Typeflag != tar.TypeReg:
		return refuse("invalid", "%.200q: neither a file nor a folder: links and devices are not taken", h.Name)
	case h.Size > limitOf(name):
		return refuse("invalid", "%.200q: larger than %d bytes", h.Name, limitOf(name))
	}
	text, err := readText(t, name)
	if err != nil {
		return fmt.Errorf("%.200q: %w", h.Name, err)
	}
	return f.add(name, text)
}

// rest reads what tar fills the last record with.
func rest(r io.Reader) error {
	b := bufio.NewReader(r)
	for {
		c, err := b.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil // the checksum was right
		case err != nil:
			return err
		case c != 0:
			return refuse("invalid", "something follows the files")
		}
	}
}

// Write returns the tar.gz of files, manifest and signature first. The same
// files make the same bytes, with the same version of Go.
func (f *Files) Write() ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	write := func(name string, text []byte) {
		if err == nil {
			err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))})
		}
		if err == nil {
			_, err = t.Write(text)
		}
	}
	if f.manifest != nil {
		write(manifestName, f.manifest)
	}
	if f.signature != nil {
		write(signatureName, f.signature)
	}
	for _, p := range f.Paths() {
		write(p, f.texts[p])
	}
	if err = errors.Join(err, t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
