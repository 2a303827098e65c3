package lsp

import (
	"context"
	"encoding/json"

	"github.com/sourcegraph/jsonrpc2"
)

// Commands of workspace/executeCommand.
const (
	// pinCommand makes an identity of a test suite the one whose values hovers show:
	// IDENTITY or SUITE/IDENTITY, none without an argument.
	pinCommand = "rowan.pinIdentity"
	// testsCommand shows the tests that decide a statement: URI, LINE and CHARACTER
	// of where it begins.
	testsCommand = "rowan.showTests"
)

// method handles a request or a notification.
type method func(s *Server, ctx context.Context, params json.RawMessage) (any, *jsonrpc2.Error)

// methods are those that need no more than an initialized server.
var methods = map[string]method{
	"initialized":                      (*Server).watch,
	"$/setTrace":                       ignored,
	"workspace/didChangeConfiguration": ignored,
	"workspace/didChangeWatchedFiles": func(s *Server, _ context.Context, _ json.RawMessage) (any, *jsonrpc2.Error) {
		s.dirty = true
		return nil, nil
	},
	"textDocument/didOpen":     typed((*Server).didOpen),
	"textDocument/didChange":   typed((*Server).didChange),
	"textDocument/didSave":     typed((*Server).didSave),
	"textDocument/didClose":    typed((*Server).didClose),
	"textDocument/completion":  typed((*Server).completion),
	"textDocument/hover":       typed((*Server).hover),
	"textDocument/codeLens":    typed((*Server).codeLens),
	"textDocument/codeAction":  typed((*Server).codeAction),
	"textDocument/references":  typed((*Server).references),
	"workspace/executeCommand": typed((*Server).execute),
}

// watched are the files whose changes on disk matter.
const watched = "**/*.{json,yaml,rego,xml}"

// watch asks the client to tell of changes on disk, if it does.
func (s *Server) watch(ctx context.Context, _ json.RawMessage) (any, *jsonrpc2.Error) {
	if s.watches {
		// Whatever it answers, the server works with what it is told.
		_, _ = s.conn.DispatchCall(ctx, "client/registerCapability", registrationParams{[]registration{{
			ID: "watch", Method: "workspace/didChangeWatchedFiles",
			Options: watchOptions{[]watcher{{watched}}},
		}}})
	}
	return nil, nil
}

func ignored(*Server, context.Context, json.RawMessage) (any, *jsonrpc2.Error) { return nil, nil }

// typed reads the parameters of a method.
func typed[P any](f func(*Server, context.Context, *P) (any, *jsonrpc2.Error)) method {
	return func(s *Server, ctx context.Context, params json.RawMessage) (any, *jsonrpc2.Error) {
		var p P
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, fault(jsonrpc2.CodeInvalidParams, "parameters: %v", err)
		}
		return f(s, ctx, &p)
	}
}

// handle answers a message in its turn.
func (s *Server) handle(ctx context.Context, req *jsonrpc2.Request) (any, *jsonrpc2.Error) {
	params := json.RawMessage("null")
	if req.Params != nil {
		params = *req.Params
	}
	switch {
	case req.Method == "initialize" && !s.initialized:
		return typed((*Server).initialize)(s, ctx, params)
	case req.Method == "initialize":
		return nil, fault(jsonrpc2.CodeInvalidRequest, "initialized already")
	case !s.initialized && req.Notif:
		return nil, nil // as the protocol wants
	case !s.initialized:
		return nil, fault(codeNotInitialized, "not initialized")
	case s.ended:
		return nil, fault(jsonrpc2.CodeInvalidRequest, "shut down already")
	case req.Method == "shutdown":
		s.ended = true
		return nil, nil
	}
	m, ok := methods[req.Method]
	if !ok {
		return nil, fault(jsonrpc2.CodeMethodNotFound, "no method %.100q", req.Method)
	}
	return m(s, ctx, params)
}

func (s *Server) initialize(_ context.Context, p *initializeParams) (any, *jsonrpc2.Error) {
	if p.Options.Cel {
		s.vocabulary, s.cel = s.options.Cel, true
	}
	s.watches = p.Capabilities.Workspace.DidChangeWatchedFiles.DynamicRegistration
	s.initialized = true
	r := &initializeResult{ServerInfo: serverInfo{Name: "rowan", Version: s.options.Version}}
	c := &r.Capabilities
	c.TextDocumentSync = textDocumentSync{OpenClose: true, Change: 2, Save: true}
	c.CompletionProvider.TriggerCharacters = []string{`"`, ":", "{", "/"}
	c.HoverProvider, c.ReferencesProvider = true, true
	c.CodeActionProvider.CodeActionKinds = []string{quickFix, fixAll}
	c.ExecuteCommandProvider.Commands = []string{pinCommand, testsCommand}
	return r, nil
}

func (s *Server) execute(ctx context.Context, p *executeParams) (any, *jsonrpc2.Error) {
	switch p.Command {
	case pinCommand:
		return s.pinIdentity(p.Arguments)
	case testsCommand:
		return s.showTests(ctx, p.Arguments)
	}
	return nil, fault(jsonrpc2.CodeInvalidParams, "no command %.100q", p.Command)
}
