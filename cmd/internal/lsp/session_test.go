package lsp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/lsp"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/conditions/celop"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// options are those of the tests: everything is diagnosed at once.
func options(t testing.TB) lsp.Options {
	op, err := celop.New(celop.Config{})
	require.NoError(t, err)
	cel, err := conditions.AWS().With(nil, op)
	require.NoError(t, err)
	return lsp.Options{
		Version: "test", Vocabulary: conditions.AWS(), Cel: cel,
		Now: func() time.Time { return time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC) },
	}
}

// client is the other end of a server.
type client struct {
	t      testing.TB
	out    io.Writer
	in     *bufio.Reader
	nextID int
	status chan int
}

func start(t testing.TB, o lsp.Options) *client {
	s, err := lsp.New(o)
	require.NoError(t, err)
	toServer, out := io.Pipe()
	in, fromServer := io.Pipe()
	c := &client{t: t, out: out, in: bufio.NewReader(in), status: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		c.status <- s.Serve(ctx, toServer, fromServer)
		_ = fromServer.Close()
	}()
	t.Cleanup(func() {
		_ = out.Close()
		_ = in.Close()
		cancel()
	})
	return c
}

func (c *client) write(body string) {
	_, err := fmt.Fprintf(c.out, "Content-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(c.t, err)
}

// message is what a server says.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func (c *client) read() (m message, err error) {
	length := 0
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return m, err
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		length, err = strconv.Atoi(strings.TrimPrefix(line, "Content-Length: "))
		require.NoError(c.t, err)
	}
	body := make([]byte, length)
	if _, err = io.ReadFull(c.in, body); err != nil {
		return m, err
	}
	require.NoError(c.t, json.Unmarshal(body, &m), "%s", body)
	return m, nil
}

// exchange sends a message and returns what the server says until it has handled
// it.
func (c *client) exchange(body string) (out []message) {
	c.write(body)
	c.nextID++
	barrier := fmt.Sprintf(`"barrier %d"`, c.nextID)
	c.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"barrier"}`, barrier))
	for {
		m, err := c.read()
		require.NoError(c.t, err)
		if string(m.ID) == barrier {
			return out
		}
		out = append(out, m)
	}
}

// TestSessions plays the scripts of testdata/*.txtar: a file "session" of messages
// with the answers that they get, which -update rewrites, and the files of a
// folder.
//
// A line "> METHOD PARAMS" is a request, "! METHOD PARAMS" a notification; other
// lines that begin with < are the answers. In PARAMS $ROOT is the folder's URI,
// "@FILE" the text of a file, and @{FILE:BEFORE^AFTER} the position between two
// texts of a file, of which the last one that was sent counts.
func TestSessions(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			s := newSession(t, archive)
			require.Equal(t, "session", archive.Files[0].Name)
			want := string(archive.Files[0].Data)
			have := s.play(want)
			if *update {
				archive.Files[0].Data = []byte(have)
				require.NoError(t, os.WriteFile(name, txtar.Format(archive), 0o600))
				return
			}
			require.Equal(t, want, have)
		})
	}
}

// session is a script that is played.
type session struct {
	*client
	root  string
	texts map[string]string
}

func newSession(t *testing.T, archive *txtar.Archive) *session {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	s := &session{root: root, texts: map[string]string{}}
	for _, f := range archive.Files[1:] {
		s.texts[f.Name] = string(f.Data)
		if strings.HasPrefix(f.Name, "unsaved/") {
			continue
		}
		name := filepath.Join(root, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, f.Data, 0o600))
	}
	s.client = start(t, options(t))
	return s
}

func (s *session) play(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		switch {
		case strings.HasPrefix(line, "<"):
			continue
		case strings.HasPrefix(line, "> "), strings.HasPrefix(line, "! "):
			out.WriteString(line)
			s.say(&out, strings.TrimSpace(line))
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}

func (s *session) say(out *strings.Builder, line string) {
	method, params, _ := strings.Cut(line[2:], " ")
	body := fmt.Sprintf(`{"jsonrpc":"2.0","method":%q`, method)
	if line[0] == '>' {
		s.nextID++
		body += fmt.Sprintf(`,"id":%d`, s.nextID)
	}
	if params != "" {
		body += `,"params":` + s.fill(params)
	}
	if body += "}"; method == "exit" {
		s.write(body)
		fmt.Fprintf(out, "< status %d\n", <-s.status)
		return
	}
	for _, m := range s.exchange(body) {
		switch {
		case m.Method != "":
			fmt.Fprintf(out, "< %s %s\n", m.Method, s.show(m.Params))
		case m.Error != nil:
			fmt.Fprintf(out, "< error %s\n", s.show(m.Error))
		case method == "textDocument/completion":
			showItems(s.t, out, m.Result)
		default:
			fmt.Fprintf(out, "< %s\n", s.show(m.Result))
		}
	}
}

var (
	textOf  = regexp.MustCompile(`"@([^"{]+)"`)
	placeOf = regexp.MustCompile(`@\{([^:}]+):([^^]*)\^(.*?)\}@`)
)

func (s *session) fill(params string) string {
	params = placeOf.ReplaceAllStringFunc(params, func(m string) string {
		p := placeOf.FindStringSubmatch(m)
		text, ok := s.texts[p[1]]
		require.True(s.t, ok, m)
		at := strings.Index(text, p[2]+p[3])
		require.GreaterOrEqual(s.t, at, 0, m)
		before := text[:at+len(p[2])]
		units := 0
		for _, r := range before[strings.LastIndex(before, "\n")+1:] {
			if units++; r > 0xffff {
				units++
			}
		}
		return fmt.Sprintf(`{"line":%d,"character":%d}`, strings.Count(before, "\n"), units)
	})
	params = textOf.ReplaceAllStringFunc(params, func(m string) string {
		text, ok := s.texts[textOf.FindStringSubmatch(m)[1]]
		require.True(s.t, ok, m)
		quoted, err := json.Marshal(text)
		require.NoError(s.t, err)
		return string(quoted)
	})
	return strings.ReplaceAll(params, "$ROOT", "file://"+filepath.ToSlash(s.root))
}

// show writes a value on a line, the folder as $ROOT.
func (s *session) show(raw json.RawMessage) string {
	var b bytes.Buffer
	if raw == nil {
		return "null"
	}
	require.NoError(s.t, json.Compact(&b, raw))
	text := strings.ReplaceAll(b.String(), "file://"+filepath.ToSlash(s.root), "$ROOT")
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(text)
}

// maxItems is how many completions a script shows, the first one whole.
const maxItems = 12

func showItems(t testing.TB, out *strings.Builder, raw json.RawMessage) {
	var list struct {
		Items []struct {
			Label, Detail, SortText string
			TextEdit                json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(raw, &list))
	for i, x := range list.Items {
		if i == maxItems {
			fmt.Fprintf(out, "<   and %d more\n", len(list.Items)-maxItems)
			break
		}
		fmt.Fprintf(out, "<   %s\n", strings.TrimSpace(x.SortText+" "+x.Label+" "+x.Detail))
		if i == 0 {
			fmt.Fprintf(out, "<     %s\n", x.TextEdit)
		}
	}
	if len(list.Items) == 0 {
		out.WriteString("<   nothing\n")
	}
}
