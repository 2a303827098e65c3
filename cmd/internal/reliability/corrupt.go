package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/conditions"
)

// corruptTarget changes a bundle in every way: each bit flip and truncation is
// tried on what reads bundles, and one of each sort on a server.
func corruptTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	const first = 5
	if err := w.publish(first); err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{})
	if err != nil {
		return "", err
	}
	good, err := w.sign(w.current.Load())
	if err != nil {
		return "", err
	}
	var c check
	flips, same := w.flipped(&c, good, l.times(200, 1000))
	for size := range 200 {
		_, err := w.read(good[:len(good)*size/200])
		c.must(err != nil, "a bundle that was cut to %d of %d bytes is taken", len(good)*size/200, len(good))
	}
	sorts, err := w.badBundles(first)
	if err != nil {
		return "", err
	}
	client, err := d.client()
	if err != nil {
		return "", err
	}
	j := w.newJudge()
	for _, bad := range sorts {
		c.try(d.refuses(ctx, w, bad))
		if _, err := j.pair(ctx, client, 1); err != nil {
			c.try(fmt.Errorf("after %s: %w", bad.name, err))
		}
	}
	if err := w.publish(first + 1); err != nil {
		return "", err
	}
	c.try(d.until(ctx, w.current.Load().digest, 10*time.Second))
	j.clean(&c)
	return fmt.Sprintf("%d bits flipped (%d refused, %d changed nothing), 200 truncations, %d sorts refused by a server that went on", flips, flips-same, same, len(sorts)), c.err()
}

// read reads a bundle as a server does, and returns its digest.
func (w *world) read(text []byte) (string, error) {
	f, err := archive.Read(text)
	if err != nil {
		return "", err
	}
	public, ok := w.lab.private.Public().(ed25519.PublicKey)
	if !ok {
		return "", errWrong
	}
	m, _, err := f.Verify([]ed25519.PublicKey{public}, time.Now())
	if err != nil {
		return "", err
	}
	b, err := bundle.Load(f.FS(), "corrupt", conditions.AWS())
	if err != nil {
		return "", err
	}
	return fmt.Sprint(m.Version, b.Digest), nil
}

// flipped flips a bit at so many offsets. What is taken all the same must be the
// very same bundle: some bits of a gzip header mean nothing.
func (w *world) flipped(c *check, good []byte, n int) (flips, same int) {
	want, err := w.read(good)
	c.try(err)
	for i := range n {
		at := len(good) * i / n
		text := slices.Clone(good)
		text[at] ^= 1 << (i % 8)
		got, err := w.read(text)
		c.must(err != nil || got == want, "with a bit flipped at %d another bundle is taken", at)
		if err == nil {
			same++
		}
	}
	return n, same
}

// badBundle is a bundle that must be refused, and why.
type badBundle struct {
	name string
	text []byte
	want string // within the reason
}

// badBundles are one of each sort. Version first is in force.
func (w *world) badBundles(first int) ([]badBundle, error) {
	next, err := w.prepare(first + 1)
	if err != nil {
		return nil, err
	}
	good, err := w.sign(next)
	if err != nil {
		return nil, err
	}
	old, err := w.prepare(first - 1)
	if err != nil {
		return nil, err
	}
	older, err := w.sign(old)
	if err != nil {
		return nil, err
	}
	unsigned, err := next.files.Write()
	if err != nil {
		return nil, err
	}
	foreign, err := signedByAnother(next.files)
	if err != nil {
		return nil, err
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	out := []badBundle{
		{"a flipped bit", flipped, ""},
		{"a truncation", good[:len(good)-30], "no tar.gz"},
		{"nothing", nil, "no tar.gz"},
		{"a page", []byte("<html>"), "no tar.gz"},
		{"an old version", older, "was in force already"},
		{"no signature", unsigned, "only signed ones"},
		{"a foreign signature", foreign, "no signature of a trusted key"},
	}
	for name, texts := range map[string]map[string]string{
		"an empty set":   {"rowan.yaml": revisionFiles(1, 0)["rowan.yaml"]},
		"a bad policy":   with(revisionFiles(first+1, 0), season, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*"}]}`),
		"a missing file": with(revisionFiles(first+1, 0), season, ""),
	} {
		f, err := pack(texts, first+1)
		if err != nil {
			return nil, err
		}
		if f, err = f.Signed(w.lab.private); err != nil {
			return nil, err
		}
		text, err := f.Write()
		if err != nil {
			return nil, err
		}
		out = append(out, badBundle{name, text, map[string]string{"an empty set": "allowEmpty"}[name]})
	}
	swapped, err := swapped(good, "season-", "saeson-")
	if err != nil {
		return nil, err
	}
	out = append(out, badBundle{"a swapped file", swapped, "not the file that the manifest lists"})
	bomb, err := zipBomb()
	escape, err2 := tarOf("../../etc/passwd", tar.TypeReg)
	link, err3 := tarOf("rowan.yaml", tar.TypeSymlink)
	for _, err := range []error{err, err2, err3} {
		if err != nil {
			return nil, err
		}
	}
	return append(out, badBundle{"a bomb", bomb, "larger than"}, badBundle{"a path that leads out", escape, "no path within a bundle"}, badBundle{"a link", link, "links and devices are not taken"}), nil
}

// swapped changes a text in the files of an archive, and leaves its manifest and
// signature.
func swapped(good []byte, old, changed string) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(good))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(text, []byte(old)) || len(old) != len(changed) {
		return nil, errWrong
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression) // as the original is
	if err != nil {
		return nil, err
	}
	_, err = w.Write(bytes.ReplaceAll(text, []byte(old), []byte(changed)))
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// with returns files with another text of one; an empty one takes it out.
func with(files map[string]string, name, text string) map[string]string {
	files[name] = text
	if text == "" {
		delete(files, name)
	}
	return files
}

func signedByAnother(f *archive.Files) ([]byte, error) {
	private, _, err := archive.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := archive.ParsePrivateKey(private)
	if err != nil {
		return nil, err
	}
	if f, err = f.Signed(key); err != nil {
		return nil, err
	}
	return f.Write()
}

// zipBomb is a small archive of a gigabyte.
func zipBomb() ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	const size = 1 << 30
	if err := t.WriteHeader(&tar.Header{Name: "policies/Big.json", Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(t, zeros{}, size); err != nil {
		return nil, err
	}
	err := z.Close() // the end of the tar is not wanted
	return out.Bytes(), err
}

// zeros has no end.
type zeros struct{}

// Read reads zeros.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func tarOf(name string, kind byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	h := &tar.Header{Name: name, Mode: 0o644, Typeflag: kind}
	if kind == tar.TypeSymlink {
		h.Linkname = "/etc/passwd"
	}
	if err := t.WriteHeader(h); err != nil {
		return nil, err
	}
	err := errors.Join(t.Close(), z.Close())
	return out.Bytes(), err
}

// refusedLine is what a server logs of a bundle that it does not take.
const refusedLine = "a bundle was refused"

// refuses publishes a bad bundle and waits until it is refused, with a reason.
func (d *daemon) refuses(ctx context.Context, w *world, bad badBundle) error {
	before, _, err := d.describe(ctx)
	if err != nil {
		return err
	}
	lines := strings.Count(d.said.String(), refusedLine)
	if err := w.put(bad.text); err != nil {
		return err
	}
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now, refusal, err := d.describe(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", bad.name, err)
		case now != before:
			return fmt.Errorf("%s came into force", bad.name)
		case strings.Count(d.said.String(), refusedLine) > lines && refusal != "" && strings.Contains(refusal, bad.want):
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%s was not refused as it should: %q", bad.name, refusal)
		}
	}
}
