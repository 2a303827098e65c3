package lsp

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rowan-authz/rowan/bundle"
)

// Limits of the texts that a client has open.
const (
	// MaxDocument is the size of the largest text, in bytes: that of a file of a
	// bundle.
	MaxDocument = bundle.MaxFileBytes
	// MaxDocuments is how many there may be.
	MaxDocuments = 1000
	// MaxDocumentBytes is their size together.
	MaxDocumentBytes = 64 << 20
)

// document is a text that the client has open.
type document struct {
	uri string
	// file is the path of the URI; empty if it is no file's.
	file    string
	version int32
	text    text
	// lost says why the text is not known: a change did not fit, or it is too
	// large. It is then not diagnosed until it is opened or sent anew.
	lost string
}

// fit returns why a text is not kept; empty if it is. open are the bytes of the
// other texts.
func fit(s string, open int) string {
	switch {
	case len(s) > MaxDocument:
		return fmt.Sprintf("larger than %d bytes", MaxDocument)
	case open+len(s) > MaxDocumentBytes:
		return fmt.Sprintf("more than %d bytes are open", MaxDocumentBytes)
	case !utf8.ValidString(s):
		return "invalid UTF-8"
	}
	return ""
}

// bytes are those of all texts but one.
func (s *Server) bytes(but string) (n int) {
	for uri, d := range s.documents {
		if uri != but {
			n += len(d.text.string)
		}
	}
	return n
}

func (d *document) set(s string, open int) {
	d.lost = fit(s, open)
	if d.lost != "" {
		s = ""
	}
	d.text = newText(s)
}

// change applies the changes of a client, in their order.
func (d *document) change(changes []contentChange, open int) {
	for i := range changes {
		c := &changes[i]
		if c.Range == nil {
			d.set(c.Text, open)
			continue
		}
		if d.lost != "" {
			continue
		}
		from, to := d.text.offset(c.Range.Start), d.text.offset(c.Range.End)
		if from > to {
			d.text, d.lost = newText(""), "a change whose end is before its start"
			continue
		}
		d.set(d.text.string[:from]+c.Text+d.text.string[to:], open)
	}
}

// maxChanges is how many changes one notification may have.
const maxChanges = 1000

func (s *Server) didOpen(_ context.Context, p *didOpenParams) (any, *jsonrpc2.Error) {
	uri := p.TextDocument.URI
	if _, again := s.documents[uri]; !again && len(s.documents) >= MaxDocuments {
		return nil, fault(jsonrpc2.CodeInvalidParams, "%.200s: more than %d documents are open", uri, MaxDocuments)
	}
	d := &document{uri: uri, version: p.TextDocument.Version}
	d.set(p.TextDocument.Text, s.bytes(uri))
	s.keep(d)
	return nil, nil
}

func (s *Server) didChange(_ context.Context, p *didChangeParams) (any, *jsonrpc2.Error) {
	d, problem := s.document(p.TextDocument.URI)
	switch {
	case problem != nil:
		return nil, problem
	case len(p.ContentChanges) > maxChanges:
		d.text, d.lost = newText(""), fmt.Sprintf("more than %d changes at once", maxChanges)
	default:
		d.change(p.ContentChanges, s.bytes(d.uri))
	}
	d.version, s.dirty = p.TextDocument.Version, true
	return nil, nil
}

func (s *Server) didSave(_ context.Context, _ *documentParams) (any, *jsonrpc2.Error) {
	s.dirty = true
	return nil, nil
}

func (s *Server) didClose(_ context.Context, p *documentParams) (any, *jsonrpc2.Error) {
	if _, problem := s.document(p.TextDocument.URI); problem != nil {
		return nil, problem
	}
	d := s.documents[p.TextDocument.URI]
	delete(s.documents, d.uri)
	if s.files[d.file] == d {
		delete(s.files, d.file)
	}
	s.dirty = true
	return nil, nil
}

// keep notes an open document.
func (s *Server) keep(d *document) {
	if file, ok := filePath(d.uri); ok {
		d.file = file
		s.files[file] = d
	}
	s.documents[d.uri], s.dirty = d, true
}

// document finds an open document.
func (s *Server) document(uri string) (*document, *jsonrpc2.Error) {
	d := s.documents[uri]
	if d == nil {
		return nil, fault(jsonrpc2.CodeInvalidParams, "%.200s is not open", uri)
	}
	return d, nil
}
