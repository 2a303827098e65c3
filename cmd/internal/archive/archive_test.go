package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
)

var (
	created = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	expires = created.Add(24 * time.Hour)
	now     = created.Add(time.Hour)
)

func newKey(t testing.TB) (ed25519.PrivateKey, []ed25519.PublicKey) {
	t.Helper()
	private, public, err := GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ParsePrivateKey(private)
	require.NoError(t, err)
	trusted, err := ParseTrusted(public)
	require.NoError(t, err)
	return key, trusted
}

func readDemo(t testing.TB) *Files {
	t.Helper()
	f, err := ReadDir(demo.FS)
	require.NoError(t, err)
	return f
}

func signDemo(t testing.TB, key ed25519.PrivateKey, version uint64) *Files {
	t.Helper()
	f, err := readDemo(t).Numbered(version, created, expires)
	require.NoError(t, err)
	f, err = f.Signed(key)
	require.NoError(t, err)
	return f
}

// entries is a tar.gz of entries as anybody may write it.
func entries(t testing.TB, all ...tar.Header) []byte {
	t.Helper()
	return entriesAt(t, gzip.BestCompression, all...)
}

func entriesAt(t testing.TB, level int, all ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	for _, h := range all {
		text := h.Uname // carries the text
		h.Uname, h.Size = "", int64(len(text))
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return out.Bytes()
}

func file(name, text string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Uname: text, Mode: 0o644}
}

// of makes an archive of files that may be changed first.
func of(t testing.TB, f *Files, change func(texts map[string]string)) []byte {
	t.Helper()
	texts := map[string]string{}
	for p, text := range f.texts {
		texts[p] = string(text)
	}
	if f.manifest != nil {
		texts[manifestName] = string(f.manifest)
	}
	if f.signature != nil {
		texts[signatureName] = string(f.signature)
	}
	change(texts)
	var all []tar.Header
	for _, p := range slices.Sorted(mapsKeys(texts)) {
		all = append(all, file(p, texts[p]))
	}
	return entries(t, all...)
}

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func requireRefused(t testing.TB, err error, kind, text string) {
	t.Helper()
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, kind, refused.Kind, "%v", err)
	require.ErrorContains(t, err, text)
}

// TestRoundTrip: the same input makes the same bytes, and the directory, its
// archive and its signed archive are one bundle.
func TestRoundTrip(t *testing.T) {
	key, trusted := newKey(t)
	first, err := signDemo(t, key, 7).Write()
	require.NoError(t, err)
	second, err := signDemo(t, key, 7).Write()
	require.NoError(t, err)
	require.Equal(t, first, second)

	want, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	f, err := Read(first)
	require.NoError(t, err)
	m, id, err := f.Verify(trusted, now)
	require.NoError(t, err)
	require.EqualValues(t, 7, m.Version)
	require.Equal(t, expires, *m.Expires)
	require.Len(t, id, 16)
	got, err := bundle.Load(f.FS(), "demo", conditions.AWS())
	require.NoError(t, err)
	require.Equal(t, want.Digest, got.Digest)

	// Unpacked into a directory it is the same, signature and all.
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, f.FS()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), f.manifest, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, signatureName), f.signature, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("beside"), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".git", "objects"), 0o700))
	unpacked, err := ReadDir(os.DirFS(dir))
	require.NoError(t, err)
	_, _, err = unpacked.Verify(trusted, now)
	require.NoError(t, err)
	got, err = bundle.Load(os.DirFS(dir), "demo", conditions.AWS())
	require.NoError(t, err)
	require.Equal(t, want.Digest, got.Digest)
}

// TestTarOfADirectory: what other programs pack is read, unless it must be
// signed.
func TestTarOfADirectory(t *testing.T) {
	text := entries(t,
		tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "2f"}},
		tar.Header{Typeflag: tar.TypeDir, Name: "./"}, file("./rowan.yaml", "x"), tar.Header{Typeflag: tar.TypeDir, Name: "./roles/"},
		file("./roles/A.yaml", "y"), file("./README.md", "z"))
	f, err := Read(text)
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(f.FS(), "rowan.yaml", "roles/A.yaml"))
	m, _, err := f.Verify(nil, now)
	require.NoError(t, err)
	require.Nil(t, m)
	_, trusted := newKey(t)
	_, _, err = f.Verify(trusted, now)
	requireRefused(t, err, "invalid", "not an archive of rowan bundle build")
	n, err := f.Numbered(1, created, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"roles/A.yaml", "rowan.yaml"}, n.Paths(), "what is beside a bundle does not travel")
}

// TestThreatTampered: each is refused, with its reason. Source: reliability.md
// X3; The Update Framework, "Security".
func TestThreatTampered(t *testing.T) {
	key, trusted := newKey(t)
	other, otherTrusted := newKey(t)
	good := signDemo(t, key, 7)
	newer := signDemo(t, key, 8)
	swap := func(change func(m map[string]string)) []byte { return of(t, good, change) }
	manifestOf := func(change func(*Manifest)) []byte {
		m, err := good.Manifest()
		require.NoError(t, err)
		change(m)
		text, err := json.Marshal(m)
		require.NoError(t, err)
		return swap(func(files map[string]string) {
			f := *good
			f.manifest = text
			s, err := f.Signed(key) // so that the signature is not what refuses it
			require.NoError(t, err)
			files[manifestName], files[signatureName] = string(s.manifest), string(s.signature)
		})
	}
	for name, c := range map[string]struct {
		text       []byte
		kind, want string
	}{
		"no change":                     {swap(func(map[string]string) {}), "", ""},
		"stripped signature":            {swap(func(m map[string]string) { delete(m, signatureName) }), "unsigned", "has no manifest.sig"},
		"stripped manifest":             {swap(func(m map[string]string) { delete(m, manifestName) }), "unsigned", "has no manifest.json"},
		"stripped both":                 {swap(func(m map[string]string) { delete(m, manifestName); delete(m, signatureName) }), "unsigned", "has no manifest.json"},
		"changed file":                  {swap(func(m map[string]string) { m["rowan.yaml"] += " " }), "invalid", "rowan.yaml: not the file"},
		"changed file of the same size": {swap(func(m map[string]string) { m["rowan.yaml"] = strings.Replace(m["rowan.yaml"], "1", "2", 1) }), "invalid", "rowan.yaml: not the file"},
		"two files swapped": {swap(func(m map[string]string) {
			m["roles/Guest.yaml"], m["roles/Player.yaml"] = m["roles/Player.yaml"], m["roles/Guest.yaml"]
		}), "invalid", "roles/Guest.yaml: not the file"},
		"extra file":            {swap(func(m map[string]string) { m["policies/Extra.json"] = "{}" }), "invalid", "policies/Extra.json: the manifest does not list it"},
		"extra file beside":     {swap(func(m map[string]string) { m["README.md"] = "x" }), "invalid", "README.md: the manifest does not list it"},
		"extra file at the end": {swap(func(m map[string]string) { m["zzz"] = "x" }), "invalid", "zzz: the manifest does not list it"},
		"missing file": {swap(func(m map[string]string) {
			delete(m, "guardrails/scp/00-root/FullAWSAccess.json")
			delete(m, "roles/Guest.yaml")
		}), "invalid", "the manifest lists it"},
		"missing last file": {swap(func(m map[string]string) { delete(m, "tests/referees_test.yaml") }), "invalid", "the manifest lists it"},
		"renamed file": {swap(func(m map[string]string) {
			m["roles/Guests.yaml"] = m["roles/Guest.yaml"]
			delete(m, "roles/Guest.yaml")
		}), "invalid", "roles/Guest"},
		"manifest of a newer one":  {swap(func(m map[string]string) { m[manifestName] = string(newer.manifest) }), "unsigned", "no signature of a trusted key"},
		"signature of a newer one": {swap(func(m map[string]string) { m[signatureName] = string(newer.signature) }), "unsigned", "no signature of a trusted key"},
		"higher version": {swap(func(m map[string]string) {
			m[manifestName] = strings.Replace(m[manifestName], `"version": 7`, `"version": 9`, 1)
		}), "unsigned", "no signature of a trusted key"},
		"later expiry": {swap(func(m map[string]string) {
			m[manifestName] = strings.Replace(m[manifestName], "2026-11-29", "2036-11-29", 1)
		}), "unsigned", "no signature of a trusted key"},
		"signed by somebody else":    {of(t, signDemo(t, other, 7), func(map[string]string) {}), "unsigned", "no signature of a trusted key"},
		"without a key id":           {swap(func(m map[string]string) { m[signatureName] = emptyKeyID(t, m[signatureName]) }), "", ""},
		"empty key id, wrong signer": {of(t, signDemo(t, other, 7), func(m map[string]string) { m[signatureName] = emptyKeyID(t, m[signatureName]) }), "unsigned", "no signature of a trusted key"},
		"no signatures":              {swap(func(m map[string]string) { m[signatureName] = `{"payloadType":"` + payloadType + `","signatures":[]}` }), "unsigned", "1 to 8 signatures"},
		"signature over another type": {swap(func(m map[string]string) {
			m[signatureName] = strings.Replace(m[signatureName], "vnd.rowan", "vnd.other", 1)
		}), "unsigned", "want payloadType"},
		"empty signature": {swap(func(m map[string]string) { m[signatureName] = "" }), "unsigned", "manifest.sig"},
		"unknown member of signature": {swap(func(m map[string]string) {
			m[signatureName] = strings.Replace(m[signatureName], "{", `{"alg":"none",`, 1)
		}), "unsigned", "alg"},
		"member of signature twice": {swap(func(m map[string]string) {
			m[signatureName] = strings.Replace(m[signatureName], "{", `{"payloadtype":"x",`, 1)
		}), "unsigned", "manifest.sig"},
		"another format":                {manifestOf(func(m *Manifest) { m.Format = "rowan-bundle/2" }), "invalid", "this rowan knows rowan-bundle/1"},
		"no version":                    {manifestOf(func(m *Manifest) { m.Version = 0 }), "invalid", "version and createdAt"},
		"freeze":                        {manifestOf(func(m *Manifest) { m.Expires = &created }), "expired", "expired at 2026-11-28T00:00:00Z"},
		"file listed twice":             {manifestOf(func(m *Manifest) { m.Files = append([]ManifestFile{m.Files[0]}, m.Files...) }), "invalid", "the manifest lists it"},
		"files listed in another order": {manifestOf(func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] }), "invalid", "manifest"},
		"manifest that lists itself":    {manifestOf(func(m *Manifest) { m.Files = append(m.Files, ManifestFile{Path: manifestName}) }), "invalid", "manifest"},
		"something after the manifest":  {swap(func(m map[string]string) { m[manifestName] += "{}" }), "unsigned", "no signature of a trusted key"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read(c.text)
			if err == nil {
				_, _, err = f.Verify(trusted, now)
			}
			if c.kind == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, c.kind, c.want)
		})
	}
	// With the other's key beside ours both are taken.
	f, err := Read(of(t, signDemo(t, other, 7), func(map[string]string) {}))
	require.NoError(t, err)
	_, _, err = f.Verify(append(trusted, otherTrusted...), now)
	require.NoError(t, err)
	// Without trusted keys a manifest still must be right.
	f, err = Read(swap(func(m map[string]string) { m["rowan.yaml"] += " " }))
	require.NoError(t, err)
	_, _, err = f.Verify(nil, now)
	requireRefused(t, err, "invalid", "rowan.yaml: not the file")
}

func emptyKeyID(t testing.TB, text string) string {
	t.Helper()
	var e envelope
	require.NoError(t, json.Unmarshal([]byte(text), &e))
	e.Signatures[0].KeyID = ""
	out, err := json.Marshal(e)
	require.NoError(t, err)
	return string(out)
}

// TestThreatHostileArchives: names that lead out, what is no file, and what
// takes all memory.
func TestThreatHostileArchives(t *testing.T) {
	zeros := strings.Repeat("\x00", bundle.MaxFileBytes)
	entries := func(t *testing.T, all ...tar.Header) []byte { return entriesAt(t, gzip.BestSpeed, all...) } // a minute less with the race detector
	many := func(n int) (all []tar.Header) {
		for i := range n {
			all = append(all, file(fmt.Sprintf("policies/P%d.json", i), ""))
		}
		return all
	}
	big := func(n int, text string) (all []tar.Header) {
		for i := range n {
			all = append(all, file(fmt.Sprintf("policies/P%d.json", i), text))
		}
		return all
	}
	noise := make([]byte, 1024)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	good := entries(t, file("rowan.yaml", "x"))
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"escape":               {entries(t, file("../rowan.yaml", "x")), "no path within a bundle"},
		"escape inside":        {entries(t, file("roles/../../x.yaml", "x")), "no path within a bundle"},
		"escape that returns":  {entries(t, file("roles/../rowan.yaml", "x")), "no path within a bundle"},
		"absolute":             {entries(t, file("/etc/passwd", "x")), "no path within a bundle"},
		"double slash":         {entries(t, file("roles//A.yaml", "x")), "no path within a bundle"},
		"backslash":            {entries(t, file(`roles\A.yaml`, "x")), "no path within a bundle"},
		"control character":    {entries(t, file("roles/A\n.yaml", "x")), "no path within a bundle"},
		"long name":            {entries(t, file(strings.Repeat("a/", 300)+"a", "x")), "no path within a bundle"},
		"symbolic link":        {entries(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "rowan.yaml", Linkname: "/etc/passwd"}), "neither a file nor a folder"},
		"hard link":            {entries(t, tar.Header{Typeflag: tar.TypeLink, Name: "rowan.yaml", Linkname: "x"}), "neither a file nor a folder"},
		"device":               {entries(t, tar.Header{Typeflag: tar.TypeChar, Name: "rowan.yaml", Devmajor: 1}), "neither a file nor a folder"},
		"fifo":                 {entries(t, tar.Header{Typeflag: tar.TypeFifo, Name: "rowan.yaml"}), "neither a file nor a folder"},
		"name twice":           {entries(t, file("rowan.yaml", "x"), file("rowan.yaml", "y")), "rowan.yaml is there twice"},
		"name twice, dotted":   {entries(t, file("rowan.yaml", "x"), file("./rowan.yaml", "y")), "rowan.yaml is there twice"},
		"manifest twice":       {entries(t, file(manifestName, "x"), file(manifestName, "y")), "manifest.json is there twice"},
		"case":                 {entries(t, file("roles/A.yaml", "x"), file("roles/a.yaml", "y")), "differs from roles/A.yaml by case alone"},
		"case of a folder":     {entries(t, file("roles/A.yaml", "x"), file("Roles/B.yaml", "y")), "Roles differs from roles by case alone"},
		"case of the manifest": {entries(t, file(manifestName, "x"), file("Manifest.json", "y")), "by case alone"},
		"file as folder":       {entries(t, file("roles", "x"), file("roles/A.yaml", "y")), "roles is there twice"},
		"folder as file":       {entries(t, file("roles/A.yaml", "y"), file("roles", "x")), "roles is there twice"},
		"large file":           {entries(t, file("rowan.yaml", zeros+"x")), "larger than"},
		"bomb of zeros":        {entries(t, big(100, zeros)...), "unpacks to much more than itself"},
		"many files":           {entries(t, many(bundle.MaxFiles+1)...), "more than"},
		"many folders": {entries(t, func() (all []tar.Header) {
			for i := range 2*bundle.MaxFiles + 2 {
				all = append(all, tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprintf("d%d/", i)})
			}
			return all
		}()...), "more than"},
		"no gzip":               {[]byte("rowan"), "no tar.gz"},
		"nothing":               {nil, "no tar.gz"},
		"gzip of no tar":        {gzipped(t, noise), "no tar.gz"},
		"half":                  {good[:len(good)/2], "no tar.gz"},
		"without its checksum":  {good[:len(good)-8], "no tar.gz"},
		"a second gzip":         {append(slices.Clone(good), good...), "something follows the archive"},
		"something behind it":   {append(slices.Clone(good), 0), "something follows the archive"},
		"something in the tail": {gzipped(t, append(unzipped(t, good), 1)), "something follows the files"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(c.text)
			requireRefused(t, err, "invalid", c.want)
		})
	}
	f, err := Read(good)
	require.NoError(t, err)
	require.Equal(t, []string{"rowan.yaml"}, f.Paths())
	_, err = Read(make([]byte, MaxArchive+1))
	requireRefused(t, err, "invalid", "an archive of more than")
}

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

func unzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(text))
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = out.ReadFrom(z)
	require.NoError(t, err)
	return out.Bytes()
}

// TestThreatFlippedBits: of an archive with one bit changed, at any place, or cut
// short, nothing is taken that is not just what was signed.
func TestThreatFlippedBits(t *testing.T) {
	key, trusted := newKey(t)
	good := signDemo(t, key, 7)
	text, err := good.Write()
	require.NoError(t, err)
	verify := func(b []byte) (*Files, error) {
		f, err := Read(b)
		if err == nil {
			_, _, err = f.Verify(trusted, now)
		}
		return f, err
	}
	_, err = verify(text)
	require.NoError(t, err)
	same, step := 0, 1
	if raceEnabled {
		step = 11 // which makes each ten times dearer
	}
	for i := 0; i < len(text); i += step {
		b := slices.Clone(text)
		b[i] ^= 1 << (i % 8)
		f, err := verify(b)
		if err == nil { // bits of the compression that say nothing, such as the last ones
			same++
			require.Equal(t, good.manifest, f.manifest)
			require.Equal(t, good.texts, f.texts)
			continue
		}
		var refused *RefusedError
		require.ErrorAs(t, err, &refused)
	}
	t.Logf("%d places, %d of them without meaning", len(text), same)
	require.LessOrEqual(t, same, 8)
	for i := 0; i < len(text); i += step {
		_, err := verify(text[:i])
		require.Error(t, err)
	}
}

func TestReadDirRefuses(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "rowan.yaml")))
	_, err := ReadDir(os.DirFS(dir))
	requireRefused(t, err, "invalid", "a symbolic link")
	_, err = ReadDir(os.DirFS(filepath.Join(dir, "missing")))
	requireRefused(t, err, "unreadable", "no such file")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = ReadDir(fstest.MapFS{"rowan.yaml": {Data: make([]byte, bundle.MaxFileBytes+1)}})
	requireRefused(t, err, "invalid", "larger than")
	_, err = ReadDir(fstest.MapFS{"pipe": {Mode: fs.ModeNamedPipe}})
	requireRefused(t, err, "invalid", "neither a file nor a folder")
}

func TestKeys(t *testing.T) {
	private, public, err := GenerateKey(rand.Reader)
	require.NoError(t, err)
	two, err := ParseTrusted(append(slices.Clone(public), public...))
	require.NoError(t, err)
	require.Len(t, two, 2)
	for name, text := range map[string][]byte{"empty": nil, "private": private, "cut": public[:40], "text": []byte("x")} {
		_, err := ParseTrusted(text)
		require.Error(t, err, name)
	}
	for name, text := range map[string][]byte{"empty": nil, "public": public, "cut": private[:40], "two": append(slices.Clone(private), private...)} {
		_, err := ParsePrivateKey(text)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), string(private[30:60]))
	}
	_, err = readDemo(t).Numbered(0, created, expires)
	require.Error(t, err)
	_, err = readDemo(t).Numbered(1, created, created)
	require.Error(t, err)
	key, _ := newKey(t)
	_, err = readDemo(t).Signed(key)
	require.Error(t, err)
}

// FuzzRead: whatever the bytes, reading ends within bounds, and what is read and
// written again is read as the same.
func FuzzRead(f *testing.F) {
	key, trusted := newKey(f)
	text, err := signDemo(f, key, 7).Write()
	require.NoError(f, err)
	f.Add(text)
	f.Add(entries(f, file("rowan.yaml", "x"), tar.Header{Typeflag: tar.TypeDir, Name: "roles/"}))
	f.Add(entries(f, file("../x", "x")))
	f.Add(entries(f, file(manifestName, `{"format":"rowan-bundle/1","version":1,"createdAt":"2026-11-28T00:00:00Z","files":[]}`), file(signatureName, `{}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, err := Read(text)
		if err != nil {
			var refused *RefusedError
			require.True(t, errors.As(err, &refused))
			return
		}
		_, _, err = files.Verify(nil, now)
		if _, _, trust := files.Verify(trusted, now); trust == nil {
			require.NoError(t, err)
		}
		again, err := files.Write()
		require.NoError(t, err)
		same, err := Read(again)
		require.NoError(t, err)
		require.Equal(t, files.texts, same.texts)
		require.Equal(t, files.manifest, same.manifest)
	})
}

// FuzzManifest: no manifest or signature makes trouble.
func FuzzManifest(f *testing.F) {
	key, trusted := newKey(f)
	good := signDemo(f, key, 7)
	f.Add(good.manifest, good.signature)
	f.Add([]byte(`{"format":"rowan-bundle/1","version":18446744073709551615,"createdAt":"2026-11-28T00:00:00Z","expires":null,"files":null}`), []byte(`{"payloadType":"","signatures":null}`))
	f.Fuzz(func(t *testing.T, manifest, signature []byte) {
		files := *good
		files.manifest, files.signature = manifest, signature
		if _, _, err := files.Verify(trusted, now); err == nil {
			require.Equal(t, good.manifest, manifest, "nobody else has the key")
		}
		_, _, _ = files.Verify(nil, now)
		_, _ = files.Signers()
	})
}
