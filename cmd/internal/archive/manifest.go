package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/internal/strictjson"
)

// manifestFormat names the form of a manifest. Another one is refused.
const manifestFormat = "rowan-bundle/1"

// maxManifest bounds a manifest: a line for each file.
const maxManifest = 8 << 20

// Manifest is manifest.json: what is in a bundle, and which one it is.
type Manifest struct {
	Format string `json:"format"`
	// Version grows from one bundle to the next. A server never goes back.
	Version uint64 `json:"version"`
	// CreatedAt is for people. Expires is until when the bundle may be served,
	// nil for ever.
	CreatedAt time.Time  `json:"createdAt"`
	Expires   *time.Time `json:"expires,omitempty"`
	// Files are all files but the manifest and its signature, in the order of
	// their paths.
	Files []ManifestFile `json:"files"`
}

// ManifestFile is one file. SHA256 has 64 hexadecimal digits.
type ManifestFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// describe lists files.
func (f *Files) describe() []ManifestFile {
	out := make([]ManifestFile, 0, len(f.texts))
	for _, p := range f.Paths() {
		sum := sha256.Sum256(f.texts[p])
		out = append(out, ManifestFile{p, int64(len(f.texts[p])), hex.EncodeToString(sum[:])})
	}
	return out
}

// Numbered returns the files with a manifest of that version; expires zero means
// never. An old manifest and signature are dropped, and so is what bundle.Load
// leaves alone.
func (f *Files) Numbered(version uint64, created, expires time.Time) (*Files, error) {
	switch {
	case version == 0:
		return nil, errors.New("versions count from 1")
	case !expires.IsZero() && !expires.After(created):
		return nil, errors.New("a bundle cannot expire before it was made")
	}
	out := newFiles()
	for _, p := range f.Paths() {
		if hidden(p) {
			continue
		}
		if err := out.add(p, f.texts[p]); err != nil {
			return nil, err
		}
	}
	m := Manifest{Format: manifestFormat, Version: version, CreatedAt: created.UTC().Truncate(time.Second), Files: out.describe()}
	if !expires.IsZero() {
		expires = expires.UTC().Truncate(time.Second)
		m.Expires = &expires
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return out, out.add(manifestName, append(text, '\n'))
}

// hidden reports whether bundle.Load leaves a path alone.
func hidden(p string) bool {
	for rest := []byte(p); ; {
		name, after, more := bytes.Cut(rest, []byte("/"))
		if bundle.Ignored(string(name)) {
			return true
		}
		if !more {
			return false
		}
		rest = after
	}
}

// Manifest returns the manifest, nil if there is none. It is not verified.
func (f *Files) Manifest() (*Manifest, error) {
	if f.manifest == nil {
		return nil, nil
	}
	if err := strictjson.Check(f.manifest, strictjson.Limits{Depth: 4, Members: 8 * bundle.MaxFiles, Bytes: maxManifest}); err != nil {
		return nil, refuse("invalid", "%s: %w", manifestName, err)
	}
	d := json.NewDecoder(bytes.NewReader(f.manifest))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return nil, refuse("invalid", "%s: %w", manifestName, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("invalid", "%s: something follows the object", manifestName)
	}
	switch {
	case m.Format != manifestFormat:
		return nil, refuse("invalid", "%s: format %.40q: this rowan knows %s", manifestName, m.Format, manifestFormat)
	case m.Version == 0 || m.CreatedAt.IsZero():
		return nil, refuse("invalid", "%s: version and createdAt must be there", manifestName)
	}
	return &m, nil
}

// covers refuses files that are not just those of the manifest.
func (m *Manifest) covers(f *Files) error {
	have := f.describe()
	for i := 0; i < len(have) || i < len(m.Files); i++ {
		switch {
		case i == len(m.Files) || i < len(have) && have[i].Path < m.Files[i].Path:
			return refuse("invalid", "%s: the manifest does not list it", have[i].Path)
		case i == len(have) || have[i].Path > m.Files[i].Path:
			return refuse("invalid", "%.200q: the manifest lists it, and it is not there or not in order", m.Files[i].Path)
		case have[i] != m.Files[i]:
			return refuse("invalid", "%s: not the file that the manifest lists", have[i].Path)
		}
	}
	return nil
}
