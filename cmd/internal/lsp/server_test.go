package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

var lintFinding = lint.New("invalid", "x", policy.Position{Line: 1, Column: 2}, "", "x")

type nothing struct{}

func (nothing) Close() error { return nil }

// talk is a server in this process, whose answers come one by one.
type talk struct {
	t       *testing.T
	in      *io.PipeWriter
	answers chan string
}

func newTalk(t *testing.T, open func(string) (fs.FS, io.Closer, error)) *talk {
	s, err := New(Options{Vocabulary: conditions.AWS(), Cel: conditions.AWS(), Now: time.Now, Open: open, Settle: time.Hour})
	require.NoError(t, err)
	toServer, in := io.Pipe()
	k := &talk{t: t, in: in, answers: make(chan string, 100)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(context.Background(), toServer, writer(func(p []byte) { k.answers <- string(p) }))
	}()
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		<-ended
	})
	return k
}

type writer func(p []byte)

// Write hands on what is written.
func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func (k *talk) send(body string) {
	_, err := k.in.Write(framed(body))
	require.NoError(k.t, err)
}

// answer is the next one, without its headers.
func (k *talk) answer() string {
	for {
		select {
		case a := <-k.answers:
			if strings.HasPrefix(a, "{") {
				return a
			}
		case <-time.After(30 * time.Second):
			require.FailNow(k.t, "no answer")
		}
	}
}

// TestCancel: a request that waits is answered at once, one that is handled when it
// can be, and neither has a result.
func TestCancel(t *testing.T) {
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	k := newTalk(t, func(string) (fs.FS, io.Closer, error) {
		begun <- struct{}{}
		<-goOn
		return fstest.MapFS{}, nothing{}, nil
	})
	k.send(initializeBody)
	k.answer()
	k.send(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///b/policies/x.json","languageId":"json","version":1,"text":"{}"}}}`)
	hover := `{"jsonrpc":"2.0","id":%d,"method":"textDocument/codeLens","params":{"textDocument":{"uri":"file:///b/policies/x.json"}}}`
	k.send(fmt.Sprintf(hover, 7))
	<-begun
	k.send(fmt.Sprintf(hover, 8))
	k.send(fmt.Sprintf(hover, 8))
	require.Contains(t, k.answer(), `"code":-32600`, "the same id twice")
	k.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":8}}`)
	a := k.answer()
	require.Contains(t, a, `"id":8`)
	require.Contains(t, a, `"code":-32800`)
	k.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}`)
	k.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":99}}`)
	k.send(`{"jsonrpc":"2.0","method":"$/cancelRequest"}`)
	k.send("null") // refused by the reader: the cancellations before it were read
	require.Contains(t, k.answer(), `"code":-32600`)
	close(goOn)
	for {
		if a = k.answer(); strings.Contains(a, `"id":7`) {
			break
		}
	}
	require.Contains(t, a, `"code":-32800`)
}

// TestBadMessages: each is answered, and the next one is read.
func TestBadMessages(t *testing.T) {
	for body, want := range map[string]string{
		"{":    "-32700",
		"\xff": "-32700",
		`[{"jsonrpc":"2.0","id":1,"method":"x"}]`: "one object at a time",
		"7":                                      "-32600",
		"{}":                                     "-32600",
		`{"jsonrpc":"2.0","id":-1,"method":"x"}`: "-32600",
		`{"jsonrpc":"2.0","id":1.5,"method":"x"}`:  "-32600",
		`{"jsonrpc":"2.0","id":null,"method":"x"}`: "-32600",
		`{"jsonrpc":"2.0","id":[],"method":"x"}`:   "-32600",
		strings.Repeat(" ", maxMessage+1):          "more than",
	} {
		k := newTalk(t, nowhere)
		k.send(body)
		require.Contains(t, k.answer(), want, "%.50s", body)
		k.send(initializeBody)
		require.Contains(t, k.answer(), `"capabilities"`)
	}
}

// TestBadHeaders: after them nobody knows where a message begins.
func TestBadHeaders(t *testing.T) {
	for _, head := range []string{
		"Content-Length: x\r\n\r\n", "Content-Length: -1\r\n\r\n", "nothing\r\n\r\n", "X: 1\r\n\r\n",
		strings.Repeat("X: 1\r\n", maxHeaders+1) + "\r\n", "X: " + strings.Repeat("x", maxHeader) + "\r\n\r\n",
	} {
		s, err := New(Options{Vocabulary: conditions.AWS(), Cel: conditions.AWS(), Now: time.Now, Open: nowhere})
		require.NoError(t, err)
		var out bytes.Buffer
		require.Equal(t, 1, s.Serve(context.Background(), strings.NewReader(head+string(framed(initializeBody))), &out))
		require.Contains(t, out.String(), "-32700", "%.40q", head)
		require.NotContains(t, out.String(), "capabilities")
	}
}

// TestLimits: what is too much is refused, and said.
func TestLimits(t *testing.T) {
	s, err := New(Options{Vocabulary: conditions.AWS(), Cel: conditions.AWS(), Now: time.Now, Open: nowhere})
	require.NoError(t, err)
	open := func(uri, text string) error {
		var p didOpenParams
		p.TextDocument.URI, p.TextDocument.Text = uri, text
		if _, problem := s.didOpen(t.Context(), &p); problem != nil {
			return errors.New(problem.Message)
		}
		return nil
	}
	require.NoError(t, open("a", strings.Repeat("x", MaxDocument)))
	require.Empty(t, s.documents["a"].lost)
	require.NoError(t, open("a", strings.Repeat("x", MaxDocument+1)))
	require.NotEmpty(t, s.documents["a"].lost)
	var c didChangeParams
	c.TextDocument.URI, c.ContentChanges = "a", []contentChange{{Text: "{}"}}
	_, problem := s.didChange(t.Context(), &c)
	require.Nil(t, problem)
	require.Empty(t, s.documents["a"].lost, "sent anew")
	c.ContentChanges = make([]contentChange, maxChanges+1)
	_, problem = s.didChange(t.Context(), &c)
	require.Nil(t, problem)
	require.NotEmpty(t, s.documents["a"].lost)
	for i := range MaxDocuments - 1 {
		require.NoError(t, open(fmt.Sprint(i), ""))
	}
	require.ErrorContains(t, open("one more", ""), "more than 1000")
	require.NoError(t, open("1", "again"))
	big := strings.Repeat("x", MaxDocument)
	for i := range MaxDocumentBytes/MaxDocument + 1 {
		require.NoError(t, open(fmt.Sprint(i), big))
	}
	require.NotEmpty(t, s.documents[fmt.Sprint(MaxDocumentBytes/MaxDocument)].lost)
}

func TestOptions(t *testing.T) {
	_, err := New(Options{})
	require.Error(t, err)
}

// TestPaths: only files of this machine are files.
func TestPaths(t *testing.T) {
	for uri, want := range map[string]string{
		"file:///a/b%20c.json": "/a/b c.json", "file://localhost/a": "/a", "file:///a/../b": "/b",
	} {
		p, ok := filePath(uri)
		require.True(t, ok, uri)
		require.Equal(t, want, p)
	}
	for _, uri := range []string{"untitled:x", "file://host/a", "file:", "http:///a", "%", ""} {
		_, ok := filePath(uri)
		require.False(t, ok, uri)
	}
	u, err := url.Parse(fileURI("/a/b c#d.json"))
	require.NoError(t, err)
	require.Equal(t, "/a/b c#d.json", u.Path)
}

// TestOverlay: a text hides its file, a new one is listed, and the rest is as it was.
func TestOverlay(t *testing.T) {
	o := overlay{fstest.MapFS{"a/x": {Data: []byte("old")}, "a/y": {Data: []byte("y")}}, map[string][]byte{"a/x": []byte("newer"), "a/z": []byte("z"), "b/c/w": []byte("w")}}
	entries, err := fs.ReadDir(o, "a")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		text, err := fs.ReadFile(o, "a/"+e.Name())
		require.NoError(t, err)
		names = append(names, e.Name()+"="+string(text))
	}
	require.Equal(t, []string{"x=newer", "y=y", "z=z"}, names)
	var all []string
	require.NoError(t, fs.WalkDir(o, ".", func(p string, _ fs.DirEntry, err error) error {
		all = append(all, p)
		return err
	}))
	require.Equal(t, []string{".", "a", "a/x", "a/y", "a/z", "b", "b/c", "b/c/w"}, all)
	_, err = fs.ReadDir(o, "nowhere")
	require.ErrorIs(t, err, fs.ErrNotExist)
	st, err := fs.Stat(o, "a/x")
	require.NoError(t, err)
	require.EqualValues(t, 5, st.Size())
}

// TestOperators: what is offered is what the vocabulary has, and is described.
func TestOperators(t *testing.T) {
	for _, name := range operators() {
		require.NotEmpty(t, operatorAbout(name), name)
		_, faults := conditions.AWS().Compile(name, "x:y", []string{sample(name)}, true)
		require.Empty(t, faults, name)
	}
	require.Len(t, operators(), 27+26+4*26)
	require.Empty(t, operatorAbout("StringEqualz"))
}

// TestKeys: every key of the vocabulary is described, with its type.
func TestKeys(t *testing.T) {
	s, err := New(Options{Vocabulary: conditions.AWS(), Cel: conditions.AWS(), Now: time.Now, Open: nowhere})
	require.NoError(t, err)
	for _, k := range conditions.AWS().Keys() {
		name := k.Name
		if _, many := family(name); many {
			name += "x"
		}
		about := s.keyAbout(name)
		require.Contains(t, about, k.Kind.String(), name)
		require.Contains(t, about, "\n\n", "%s has no meaning", name)
	}
	for name := range keyWords {
		if _, many := family(name); many {
			name += "x"
		}
		_, err := conditions.AWS().Key(name)
		require.NoError(t, err)
	}
}

// TestShapes: every schema can be followed.
func TestShapes(t *testing.T) {
	all, err := shapes()
	require.NoError(t, err)
	about, member := aboutMember(all["roles"], []string{"trust", "Statement", "0", "Condition"})
	require.NotNil(t, member)
	require.NotEmpty(t, about)
	require.Equal(t, 1, spotAt(all["roles"], []string{"trust", "Statement"}).document)
	require.Equal(t, -1, spotAt(all["roles"], []string{"tags", "x"}).document)
	raw, err := json.Marshal(all["tests"].Required)
	require.NoError(t, err)
	require.Equal(t, `["suite","identities","tests"]`, string(raw))
}

// TestSuppressed: what is left out with a reason is neither told nor mended.
func TestSuppressed(t *testing.T) {
	files := fstest.MapFS{"rowan.yaml": {Data: []byte("account: \"111122223333\"\nregion: us-east-1\nallowEmpty: true\n")}}
	dir := "/b"
	for _, suppressed := range []bool{false, true} {
		s, err := New(Options{
			Vocabulary: conditions.AWS(), Cel: conditions.AWS(), Now: time.Now,
			Open: func(at string) (fs.FS, io.Closer, error) {
				if at != dir {
					return nil, nil, errors.New("no such directory")
				}
				return files, nothing{}, nil
			},
			Suppressed: func(at string) (func(*lint.Finding) string, error) {
				require.Equal(t, dir, at)
				return func(f *lint.Finding) string {
					require.Equal(t, "/b/policies/x.json", f.Name)
					if suppressed && f.Code == "missing-version" {
						return "because"
					}
					return ""
				}, nil
			},
		})
		require.NoError(t, err)
		d := &document{uri: "file:///b/policies/x.json"}
		d.set(`{"Statement": {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}}`, 0)
		s.keep(d)
		p, _, ok := s.projectOf(d)
		require.True(t, ok)
		s.load(p)
		_, fixable := s.fixAll(d)
		require.Equal(t, !suppressed, fixable)
		if suppressed {
			require.Empty(t, p.findings["policies/x.json"])
		} else {
			require.Len(t, p.findings["policies/x.json"], 1)
		}
	}
}
