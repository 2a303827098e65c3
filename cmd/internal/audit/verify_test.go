package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
)

// logLines returns the lines of a log of 30 records with a head for every ten.
func logLines(t testing.TB) [][]byte {
	f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
	o := options(t)
	for range 3 {
		written(t, o, f, 10)
	}
	text, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	return bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

func verifyLines(t testing.TB, o audit.VerifyOptions, lines [][]byte) *audit.Report {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, append(bytes.TrimSuffix(bytes.Join(lines, nil), []byte("\n")), '\n'), 0o600))
	return verify(t, o, path)
}

var (
	prev = regexp.MustCompile(`"prev":"[0-9a-f]{64}"`)
	seq  = regexp.MustCompile(`^\{"seq":[0-9]+`)
)

// rechained numbers lines and names the line before in each, as whoever can
// write the file but has no key can.
func rechained(lines [][]byte) [][]byte {
	var out [][]byte
	last := [32]byte{}
	for i, l := range lines {
		l = seq.ReplaceAll(l, fmt.Appendf(nil, `{"seq":%d`, i+1))
		l = prev.ReplaceAll(l, fmt.Appendf(nil, `"prev":"%x"`, last))
		last = sha256.Sum256(bytes.TrimSuffix(l, []byte("\n")))
		out = append(out, l)
	}
	return out
}

func TestVerifyFinds(t *testing.T) {
	whole := logLines(t)
	require.Len(t, whole, 36) // with an opening and a closing head around each ten
	require.True(t, verifyLines(t, audit.VerifyOptions{}, whole).OK)
	edit := func(l []byte) []byte { return bytes.Replace(l, []byte(`"implicitDeny"`), []byte(`"explicitDeny"`), 1) }
	for name, x := range map[string]struct {
		change func([][]byte) [][]byte
		kinds  []string
		line   int
	}{
		"an altered line": {func(l [][]byte) [][]byte { l[16] = edit(l[16]); return l }, []string{"altered"}, 17},
		"an altered line, chained anew": {func(l [][]byte) [][]byte {
			l[16] = edit(l[16])
			return rechained(l)
		}, []string{"forged", "forged", "forged"}, 24},
		"a dropped line":         {func(l [][]byte) [][]byte { return slices.Delete(l, 16, 17) }, []string{"missing"}, 17},
		"a dropped head":         {func(l [][]byte) [][]byte { return slices.Delete(l, 11, 12) }, []string{"missing"}, 12},
		"a dropped first line":   {func(l [][]byte) [][]byte { return l[1:] }, []string{"missing"}, 1},
		"dropped, chained anew":  {func(l [][]byte) [][]byte { return rechained(slices.Delete(l, 30, 31)) }, []string{"forged"}, 35},
		"a dropped end":          {func(l [][]byte) [][]byte { return l[:30] }, []string{"truncated"}, 30},
		"dropped to a head":      {func(l [][]byte) [][]byte { return l[:25] }, []string{"truncated"}, 25},
		"half of the last line":  {func(l [][]byte) [][]byte { l[35] = l[35][:50]; return l }, []string{"truncated"}, 36},
		"lines in another order": {func(l [][]byte) [][]byte { l[16], l[17] = l[17], l[16]; return l }, []string{"missing", "moved"}, 17},
		"in another order, chained anew": {func(l [][]byte) [][]byte {
			l[31], l[32] = l[32], l[31]
			return rechained(l)
		}, []string{"forged"}, 36},
		"a line twice":   {func(l [][]byte) [][]byte { return slices.Insert(l, 17, l[16]) }, []string{"inserted"}, 18},
		"a line put in":  {func(l [][]byte) [][]byte { return slices.Insert(l, 17, edit(l[16])) }, []string{"inserted"}, 18},
		"put in, anew":   {func(l [][]byte) [][]byte { return rechained(slices.Insert(l, 30, l[30])) }, []string{"forged"}, 37},
		"put in behind":  {func(l [][]byte) [][]byte { l[35] = append(l[35], '\n'); return rechained(append(l, l[16])) }, []string{"unsigned"}, 37},
		"something else": {func(l [][]byte) [][]byte { return slices.Insert(l, 17, []byte("hello\n")) }, []string{"damaged"}, 18},
		"an empty line":  {func(l [][]byte) [][]byte { return slices.Insert(l, 17, []byte("\n")) }, []string{"damaged"}, 18},
		"a head's time": {func(l [][]byte) [][]byte {
			l[35] = bytes.Replace(l[35], []byte(`"at":"2`), []byte(`"at":"3`), 1)
			return l
		}, []string{"forged"}, 36},
		"a head's signature": {func(l [][]byte) [][]byte {
			l[35] = bytes.Replace(l[35], []byte(`"}`), []byte(`","x":"1"}`), 1)
			return l
		}, []string{"forged"}, 36},
		"no heads, anew": {func(l [][]byte) [][]byte {
			return rechained(slices.DeleteFunc(l, func(l []byte) bool { return bytes.Contains(l, []byte(`"head"`)) }))
		}, []string{"truncated", "unsigned"}, 30},
		"nothing": {func([][]byte) [][]byte { return nil }, []string{"truncated"}, 0},
		"the number of a line": {func(l [][]byte) [][]byte {
			l[16] = bytes.Replace(l[16], []byte(`{"seq":17`), []byte(`{"seq":017`), 1)
			return l
		}, []string{"missing", "damaged"}, 18},
	} {
		t.Run(name, func(t *testing.T) {
			r := verifyLines(t, audit.VerifyOptions{}, x.change(slices.Clone(whole)))
			require.False(t, r.OK)
			var kinds []string
			for _, p := range r.Problems {
				kinds = append(kinds, p.Kind)
			}
			require.Subset(t, kinds, x.kinds, "%+v", r.Problems)
			require.Equal(t, x.line, r.Problems[0].Line, "%+v", r.Problems)
		})
	}
}

// TestEveryByte changes each byte of a log.
func TestEveryByte(t *testing.T) {
	whole := bytes.Join(logLines(t), nil)
	whole = append(whole, '\n')
	path := filepath.Join(t.TempDir(), "log")
	const step = 97
	for i := range len(whole) / step {
		i *= step
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		r := verify(t, audit.VerifyOptions{}, path)
		require.False(t, r.OK, "byte %d", i)
		line := 1 + bytes.Count(whole[:i], []byte("\n"))
		require.LessOrEqual(t, r.Problems[0].Line, line+1)
		require.GreaterOrEqual(t, r.Problems[0].Line, line-1)
	}
}

func TestGrowing(t *testing.T) {
	whole := logLines(t)
	open := whole[:30]
	r := verifyLines(t, audit.VerifyOptions{Growing: true}, open)
	require.True(t, r.OK, "%+v", r.Problems)
	require.Contains(t, r.Notes[0], "not signed yet")
	open = append(slices.Clone(open), whole[30][:80])
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, bytes.Join(open, nil), 0o600))
	require.True(t, verify(t, audit.VerifyOptions{Growing: true}, path).OK)
	require.False(t, verify(t, audit.VerifyOptions{}, path).OK)
	// An end that was seen elsewhere cannot be cut off.
	sum := sha256.Sum256(bytes.TrimSuffix(whole[34], []byte("\n")))
	anchor, err := audit.ParseAnchor("35:" + hex.EncodeToString(sum[:]))
	require.NoError(t, err)
	require.True(t, verifyLines(t, audit.VerifyOptions{Anchor: anchor}, whole).OK)
	r = verifyLines(t, audit.VerifyOptions{Growing: true, Anchor: anchor}, whole[:30])
	require.Equal(t, "anchor", r.Problems[0].Kind)
	for _, bad := range []string{"", "1", "0:" + strings.Repeat("0", 64), "1:ab", "x:" + strings.Repeat("0", 64), "1:" + strings.Repeat("x", 64)} {
		_, err := audit.ParseAnchor(bad)
		require.Error(t, err, bad)
	}
}

func TestVerifyWantsAKey(t *testing.T) {
	_, err := audit.VerifyFiles(nil, audit.VerifyOptions{})
	require.Error(t, err)
	_, err = audit.VerifyFiles([]string{"/does/not/exist"}, audit.VerifyOptions{Keys: []ed25519.PublicKey{public}})
	require.ErrorIs(t, err, os.ErrNotExist)
}

var update = flag.Bool("update", false, "write the log that FuzzVerify begins with anew")

// FuzzVerify reads whatever a file may have. It begins with one log that stands
// in a file, since each process of a fuzzer would write another.
func FuzzVerify(f *testing.F) {
	const kept = "testdata/whole.jsonl"
	if *update {
		require.NoError(f, os.WriteFile(kept, append(bytes.Join(logLines(f), nil), '\n'), 0o600))
	}
	whole, err := os.ReadFile(kept)
	require.NoError(f, err)
	require.True(f, verify(f, audit.VerifyOptions{}, kept).OK)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("{\"seq\":1,\"prev\":\"" + strings.Repeat("0", 64) + "\",\"at\":\"x\",\"kind\":\"head\",\"why\":1}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "log")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		r := verify(t, audit.VerifyOptions{}, path)
		if r.OK && !bytes.Equal(text, whole) {
			// Nobody but the key makes another whole log.
			t.Errorf("%q is whole", text)
		}
		_ = verify(t, audit.VerifyOptions{Growing: true, From: 9}, path)
	})
}
