package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// nowhere has no file system, so that a message cannot make a test read one.
func nowhere(string) (fs.FS, io.Closer, error) { return nil, nil, errors.New("no such directory") }

func framed(bodies ...string) []byte {
	var b bytes.Buffer
	for _, body := range bodies {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	return b.Bytes()
}

const initializeBody = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`

// FuzzServe: whatever the input is, the server answers it without a fault of its own
// and ends.
func FuzzServe(f *testing.F) {
	open := `{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"untitled:x","languageId":"json","version":1,"text":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":true}}}}"}}}`
	at := func(method, uri string, line, character int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{"textDocument":{"uri":%q},"position":{"line":%d,"character":%d}}}`, character+9, method, uri, line, character)
	}
	for _, seed := range [][]byte{
		nil,
		[]byte("Content-Length: x\r\n\r\n"),
		[]byte("Content-Length: 99999999999\r\n\r\n{}"),
		framed("null", "[]", "[1]", `{"id":null}`, `{"jsonrpc":"2.0","id":-1,"method":"x"}`, `{"id":{},"method":"x"}`, "\xff"),
		framed(initializeBody, open, at("textDocument/completion", "untitled:x", 0, 45), at("textDocument/hover", "untitled:x", 0, 100)),
		framed(initializeBody, open, `{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"untitled:x","version":2},"contentChanges":[{"range":{"start":{"line":0,"character":3},"end":{"line":9,"character":0}},"text":"é🂡"}]}}`),
		framed(initializeBody, open, `{"jsonrpc":"2.0","id":2,"method":"textDocument/codeAction","params":{"textDocument":{"uri":"untitled:x"},"range":{"start":{"line":0,"character":0},"end":{"line":5,"character":0}},"context":{}}}`),
		framed(initializeBody, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`, `{"jsonrpc":"2.0","id":4,"result":{}}`, `{"jsonrpc":"2.0","id":5,"method":"shutdown"}`, `{"jsonrpc":"2.0","method":"exit"}`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		s, err := New(Options{Vocabulary: conditions.AWS(), Cel: conditions.AWS(), Now: time.Now, Open: nowhere})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var out bytes.Buffer
		status := s.Serve(ctx, bytes.NewReader(input), &out)
		require.Contains(t, []int{0, 1}, status)
		require.NoError(t, ctx.Err(), "the server does not end")
		require.NotContains(t, out.String(), "internal error")
	})
}

// FuzzEdit: an edit does to a text what it does to the same text in UTF-16, and every
// place of what comes of it can be asked about.
func FuzzEdit(f *testing.F) {
	f.Add("{\"a\": [1, 🂡]}\n}", uint32(0), uint32(2), uint32(1), uint32(0), "x\ny")
	f.Add("a: {b: \"c\n", uint32(0), uint32(9), uint32(7), uint32(7), "${")
	f.Add("a\r\nb: [", uint32(0), uint32(1), uint32(1), uint32(4), "'")
	f.Fuzz(func(t *testing.T, before string, line, character, toLine, toCharacter uint32, insert string) {
		if !utf8.ValidString(before) || !utf8.ValidString(insert) || len(before)+len(insert) > 4096 {
			t.Skip()
		}
		d := &document{}
		d.set(before, 0)
		r := Range{Position{line, character}, Position{toLine, toCharacter}}
		d.change([]contentChange{{Range: &r, Text: insert}}, 0)
		units := utf16.Encode([]rune(before))
		from, to := naiveOffset(units, r.Start), naiveOffset(units, r.End)
		if from > to {
			require.NotEmpty(t, d.lost)
			return
		}
		want := string(utf16.Decode(units[:from])) + insert + string(utf16.Decode(units[to:]))
		require.Equal(t, want, d.text.string)
		for at := 0; at <= len(want); at += 1 + len(want)/64 {
			if at < len(want) && !utf8.RuneStart(want[at]) {
				continue
			}
			p := d.text.position(at)
			if want[max(at-1, 0):at] == "\r" {
				continue // a line's end is no place in it
			}
			require.Equal(t, at, d.text.offset(p), "%v", p)
			j := scanJSON(want, at)
			require.True(t, 0 <= j.from && j.from <= j.to && j.to <= len(want))
			if y, ok := scanYAML(want, at); ok {
				require.True(t, 0 <= y.from && y.from <= at && at <= y.to && y.to <= len(want))
			}
		}
		_, err := json.Marshal(diagnosticOf(&d.text, &lintFinding))
		require.NoError(t, err)
	})
}

// naiveOffset finds a position in UTF-16, unit by unit.
func naiveOffset(units []uint16, p Position) int {
	at := 0
	for line := uint32(0); line < p.Line; line++ {
		for at < len(units) && units[at] != '\n' {
			at++
		}
		if at == len(units) {
			return at
		}
		at++
	}
	end := at
	for end < len(units) && units[end] != '\n' {
		end++
	}
	for end > at && units[end-1] == '\r' {
		end--
	}
	to := min(uint64(at)+uint64(p.Character), uint64(end))
	if i := int(to); i > at && i < end && utf16.IsSurrogate(rune(units[i])) && units[i] >= 0xdc00 {
		return i - 1 // in the middle of a character
	}
	return int(to)
}
