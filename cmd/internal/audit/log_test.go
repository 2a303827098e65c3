package audit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

var (
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public = key.Public().(ed25519.PublicKey)
)

func options(t testing.TB) audit.Options {
	return audit.Options{Key: key, Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func record(n int) *audit.Record {
	r := &audit.Record{
		ID: fmt.Sprintf("%032x", n), Time: time.Date(2026, 11, 28, 4, 0, 0, n, time.UTC), Kind: "decide", Service: "orders",
		Principal: "arn:aws:sts::111122223333:assumed-role/Player/CognitoIdentityCredentials", Session: "s-1", Identity: "us-east-1:aaaa",
		Client: netip.MustParseAddr("192.0.2.7"), Action: "dynamodb:GetItem",
		Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores", ResourceAccount: "111122223333",
		By: "identity", Digest: strings.Repeat("ab", 32), Version: 3, Took: 1500,
	}
	if n%2 == 0 {
		r.Outcome = engine.Allowed
		r.Statements = []audit.Statement{{Policy: "policies/Rows.json", Sid: "Own", Index: 1, Line: 7}}
	}
	return r
}

// written writes n records and closes the log.
func written(t testing.TB, o audit.Options, f audit.FileOptions, n int) {
	t.Helper()
	l, err := audit.OpenFile(o, f)
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, l.Write(t.Context(), record(i)))
	}
	require.NoError(t, l.Close())
}

func verify(t testing.TB, o audit.VerifyOptions, paths ...string) *audit.Report {
	t.Helper()
	if o.Keys == nil {
		o.Keys = []ed25519.PublicKey{public}
	}
	r, err := audit.VerifyFiles(paths, o)
	require.NoError(t, err)
	return r
}

func TestLogOfFiles(t *testing.T) {
	dir := t.TempDir()
	f := audit.FileOptions{Path: filepath.Join(dir, "audit.jsonl")}
	o := options(t)
	o.HeadLines = 10
	written(t, o, f, 100)
	written(t, o, f, 50) // the chain goes on
	r := verify(t, audit.VerifyOptions{}, f.Path)
	require.True(t, r.OK, "%+v", r.Problems)
	require.Equal(t, uint64(150), r.Records)
	require.Equal(t, r.Last, r.Records+r.Heads)
	require.Equal(t, r.Last, r.Signed)
	require.Empty(t, r.Notes)
	info, err := os.Stat(f.Path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	for line := range bytes.Lines(text) {
		require.True(t, json.Valid(line), "%s", line)
	}
	var x map[string]any
	require.NoError(t, json.Unmarshal(bytes.Split(text, []byte("\n"))[1], &x))
	require.Equal(t, "allowed", x["decision"])
	require.Equal(t, "192.0.2.7", x["client"])
	require.Equal(t, []any{map[string]any{"policy": "policies/Rows.json", "sid": "Own", "index": 1.0, "line": 7.0}}, x["statements"])
	require.Equal(t, 1500.0, x["tookNanos"])
}

func TestNilLog(t *testing.T) {
	var l *audit.Log
	require.NoError(t, l.Write(t.Context(), record(1)))
	require.NoError(t, l.Close())
	require.Zero(t, l.Stats())
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	f := audit.FileOptions{Path: filepath.Join(dir, "audit.jsonl"), Size: 10_000}
	written(t, options(t), f, 0)
	for range 20 { // each opens, and is a batch or several
		written(t, options(t), f, 10)
	}
	all, err := filepath.Glob(f.Path + ".0*")
	require.NoError(t, err)
	require.Greater(t, len(all), 3)
	r := verify(t, audit.VerifyOptions{}, append([]string{f.Path}, all...)...) // in any order
	require.True(t, r.OK, "%+v", r.Problems)
	require.Equal(t, uint64(200), r.Records)

	t.Run("a file is gone", func(t *testing.T) {
		r := verify(t, audit.VerifyOptions{}, append([]string{f.Path}, append(all[:2:2], all[3:]...)...)...)
		require.False(t, r.OK)
		require.Equal(t, "missing", r.Problems[0].Kind)
	})
	t.Run("the first file is gone", func(t *testing.T) {
		r := verify(t, audit.VerifyOptions{}, append([]string{f.Path}, all[1:]...)...)
		require.False(t, r.OK)
		require.Contains(t, r.Problems[0].Text, "the log begins with")
		require.True(t, verify(t, audit.VerifyOptions{From: r.First}, append([]string{f.Path}, all[1:]...)...).OK)
	})
	t.Run("the last file is gone", func(t *testing.T) {
		r := verify(t, audit.VerifyOptions{}, all...)
		require.False(t, r.OK)
		require.Equal(t, "truncated", r.Problems[0].Kind)
	})
	t.Run("some are kept", func(t *testing.T) {
		f.Keep = 2
		written(t, options(t), f, 60)
		all, err := filepath.Glob(f.Path + ".0*")
		require.NoError(t, err)
		require.Len(t, all, 2)
		r := verify(t, audit.VerifyOptions{}, append([]string{f.Path}, all...)...)
		require.Equal(t, "missing", r.Problems[0].Kind)
		require.Len(t, r.Problems, 1)
		require.True(t, verify(t, audit.VerifyOptions{From: r.First}, append([]string{f.Path}, all...)...).OK)
	})
}

// TestCrashedRotation goes on after a crash between two steps of rotating.
func TestCrashedRotation(t *testing.T) {
	for name, leave := range map[string]string{"nothing": "", "an empty file": "-", "half a line": `{"seq":12,"pre`} {
		t.Run(name, func(t *testing.T) {
			f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
			written(t, options(t), f, 10)
			require.NoError(t, os.Rename(f.Path, f.Path+".000001"))
			if leave != "" {
				require.NoError(t, os.WriteFile(f.Path, []byte(strings.TrimPrefix(leave, "-")), 0o600))
			}
			written(t, options(t), f, 10)
			r := verify(t, audit.VerifyOptions{}, f.Path, f.Path+".000001")
			require.True(t, r.OK, "%+v", r.Problems)
			require.Equal(t, uint64(20), r.Records)
		})
	}
}

func TestTornEnd(t *testing.T) {
	for name, x := range map[string]struct {
		change func([]byte) []byte
		opens  bool
		torn   int
	}{
		"half a line":              {func(b []byte) []byte { return b[:len(b)-40] }, true, 1},
		"no newline":               {func(b []byte) []byte { return b[:len(b)-1] }, true, 0},
		"zeros":                    {func(b []byte) []byte { return append(b, make([]byte, 100)...) }, true, 1},
		"half a line, a recovery":  {func(b []byte) []byte { return append(b, "{\"seq\":9\n{\"se"...) }, true, 1},
		"a line in between":        {func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte("\nx\n"), 3) }, false, 0},
		"an altered line":          {func(b []byte) []byte { return bytes.Replace(b, []byte("GetItem"), []byte("PutItem"), 1) }, false, 0},
		"lines behind half a line": {func(b []byte) []byte { return b[100:] }, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
			written(t, options(t), f, 5)
			text, err := os.ReadFile(f.Path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(f.Path, x.change(text), 0o600))
			require.False(t, verify(t, audit.VerifyOptions{}, f.Path).OK)
			if !x.opens {
				_, err := audit.OpenFile(options(t), f)
				require.ErrorContains(t, err, "audit verify")
				return
			}
			written(t, options(t), f, 5)
			written(t, options(t), f, 5)
			r := verify(t, audit.VerifyOptions{}, f.Path)
			require.True(t, r.OK, "%+v", r.Problems)
			require.Equal(t, x.torn, r.Torn)
			if x.torn == 0 {
				return
			}
			require.Contains(t, r.Notes[0], "a crash left")
			// What the crash left is vouched for too.
			text, err = os.ReadFile(f.Path)
			require.NoError(t, err)
			at := bytes.Index(text, []byte("\"recover\""))
			at = bytes.LastIndexByte(text[:at], '\n') - 1
			text[at] ^= 1
			require.NoError(t, os.WriteFile(f.Path, text, 0o600))
			require.False(t, verify(t, audit.VerifyOptions{}, f.Path).OK)
		})
	}
}

func TestForeignKey(t *testing.T) {
	f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
	written(t, options(t), f, 5)
	o := options(t)
	o.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	_, err := audit.OpenFile(o, f)
	require.ErrorContains(t, err, "did not sign")
	r := verify(t, audit.VerifyOptions{Keys: []ed25519.PublicKey{o.Key.Public().(ed25519.PublicKey)}}, f.Path)
	require.False(t, r.OK)
}

func TestOneWriter(t *testing.T) {
	f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
	l, err := audit.OpenFile(options(t), f)
	require.NoError(t, err)
	_, err = audit.OpenFile(options(t), f)
	require.ErrorContains(t, err, "another process")
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Write(t.Context(), record(1)), audit.ErrUnrecorded)
	written(t, options(t), f, 1)
}

func TestWhat(t *testing.T) {
	for text, want := range map[string]uint64{"all": 2000, "denies": 1000, "sample=0.1": 1102} {
		t.Run(text, func(t *testing.T) {
			f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
			o := options(t)
			var err error
			o.What, err = audit.ParseWhat(text)
			require.NoError(t, err)
			written(t, o, f, 2000)
			r := verify(t, audit.VerifyOptions{}, f.Path)
			require.True(t, r.OK, "%+v", r.Problems)
			require.Equal(t, want, r.Records) // the same with every run: ids decide
			require.Equal(t, 2000-want, r.Skipped)
		})
	}
	for _, bad := range []string{"none", "sample", "sample=0", "sample=1", "sample=NaN", "sample=-1", "sample=2"} {
		_, err := audit.ParseWhat(bad)
		require.Error(t, err, bad)
	}
	// Rows that were denied are a denial.
	f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl")}
	o := options(t)
	o.What, _ = audit.ParseWhat("denies")
	l, err := audit.OpenFile(o, f)
	require.NoError(t, err)
	require.NoError(t, l.Write(t.Context(), &audit.Record{Kind: "rows", Outcome: engine.Allowed, Rows: 3, Allowed: 2}))
	require.NoError(t, l.Write(t.Context(), &audit.Record{Kind: "rows", Outcome: engine.Allowed, Rows: 3, Allowed: 3}))
	require.NoError(t, l.Close())
	require.Equal(t, uint64(1), verify(t, audit.VerifyOptions{}, f.Path).Records)
}

func contextOf(t testing.TB, keys map[string][]string) *conditions.Context {
	c := conditions.AWS().NewContext()
	for name, values := range keys {
		require.NoError(t, c.Set(name, values...))
	}
	return c
}

func TestMasks(t *testing.T) {
	const secret = "us-east-1:secret-row"
	var out bytes.Buffer
	o := options(t)
	for _, text := range []string{"dynamodb:leadingkeys", "aws:PrincipalTag/=drop", "identity", "client=drop"} {
		m, err := audit.ParseMask(text)
		require.NoError(t, err)
		o.Masks = append(o.Masks, m)
	}
	l, err := audit.OpenStream(o, &out)
	require.NoError(t, err)
	r := record(2)
	r.Identity = secret
	r.Context = contextOf(t, map[string][]string{
		"dynamodb:LeadingKeys": {secret, "x"}, "aws:PrincipalTag/tenant": {"secret-tenant"}, "dynamodb:Select": {"ALL_ATTRIBUTES"}, "dynamodb:Attributes": {},
	})
	require.NoError(t, r.Context.SetIndeterminate("dynamodb:ReturnValues"))
	require.NoError(t, l.Write(t.Context(), r))
	require.NoError(t, l.Close())
	require.NotContains(t, out.String(), "secret")
	require.NotContains(t, out.String(), "192.0.2.7")
	var x struct {
		Identity, Client string
		Keys             map[string][]string
		Masks            []string
	}
	require.NoError(t, json.Unmarshal(bytes.Split(out.Bytes(), []byte("\n"))[1], &x))
	require.Regexp(t, "^hmac:[0-9a-f]{32}$", x.Identity)
	require.Equal(t, "masked", x.Client)
	require.Equal(t, x.Identity, x.Keys["dynamodb:LeadingKeys"][0], "one value has one hash")
	require.NotEqual(t, x.Identity, x.Keys["dynamodb:LeadingKeys"][1])
	require.Equal(t, []string{"masked"}, x.Keys["aws:PrincipalTag/tenant"])
	require.Equal(t, []string{"ALL_ATTRIBUTES"}, x.Keys["dynamodb:Select"])
	require.Equal(t, []string{}, x.Keys["dynamodb:Attributes"])
	require.Nil(t, x.Keys["dynamodb:ReturnValues"])
	require.Equal(t, []string{"dynamodb:leadingkeys", "aws:PrincipalTag/", "identity", "client"}, x.Masks)
	for _, bad := range []string{"", "=drop", "x=y"} {
		_, err := audit.ParseMask(bad)
		require.Error(t, err)
	}
}

func TestLargeRecord(t *testing.T) {
	var out bytes.Buffer
	l, err := audit.OpenStream(options(t), &out)
	require.NoError(t, err)
	r := record(2)
	values := make([]string, 10_000)
	for i := range values {
		values[i] = strings.Repeat("v", 40)
	}
	r.Context = contextOf(t, map[string][]string{"dynamodb:LeadingKeys": values, "dynamodb:Select": {"COUNT"}})
	r.Resource = strings.Repeat("é", 9000)
	require.NoError(t, l.Write(t.Context(), r))
	require.NoError(t, l.Close())
	line := bytes.Split(out.Bytes(), []byte("\n"))[1]
	require.True(t, json.Valid(line))
	require.Less(t, len(line), 80<<10)
	require.Contains(t, string(line), `"keysLeftOut":2`)
}

func TestRecent(t *testing.T) {
	o := options(t)
	o.Recent = audit.NewRecent(3)
	o.What, _ = audit.ParseWhat("denies")
	l, err := audit.OpenStream(o, &bytes.Buffer{})
	require.NoError(t, err)
	for i := range 5 {
		require.NoError(t, l.Write(t.Context(), record(i)))
	}
	require.NoError(t, l.Close())
	all, next := o.Recent.Since(0)
	require.Len(t, all, 3)
	require.Equal(t, uint64(5), next)
	require.True(t, json.Valid(all[0]))
	require.Contains(t, string(all[2]), fmt.Sprintf("%032x", 4), "what is not written too")
	all, _ = o.Recent.Since(4)
	require.Len(t, all, 1)
	all, _ = o.Recent.Since(99)
	require.Empty(t, all)
}

func TestManyWriters(t *testing.T) {
	f := audit.FileOptions{Path: filepath.Join(t.TempDir(), "audit.jsonl"), Size: 1 << 20}
	o := options(t)
	o.Queue, o.Wait = 256<<10, 10*time.Second
	l, err := audit.OpenFile(o, f)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				if err := l.Write(context.Background(), record(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, l.Close())
	require.Equal(t, uint64(8000), l.Stats().Written)
	all, err := filepath.Glob(f.Path + "*")
	require.NoError(t, err)
	all = all[:len(all)-1] // the lock
	r := verify(t, audit.VerifyOptions{}, all...)
	require.True(t, r.OK, "%+v", r.Problems)
	require.Equal(t, uint64(8000), r.Records)
	require.Greater(t, len(all), 2)
}

func BenchmarkWrite(b *testing.B) {
	f := audit.FileOptions{Path: filepath.Join(b.TempDir(), "audit.jsonl")}
	o := options(b)
	o.Wait, o.Queue = 10*time.Second, 64<<20
	l, err := audit.OpenFile(o, f)
	require.NoError(b, err)
	r := record(2)
	r.Context = contextOf(b, map[string][]string{"dynamodb:LeadingKeys": {"us-east-1:aaaa"}, "dynamodb:Select": {"ALL_ATTRIBUTES"}, "aws:SourceIp": {"192.0.2.7"}})
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Write(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	require.NoError(b, l.Close())
}
