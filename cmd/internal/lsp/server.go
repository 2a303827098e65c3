package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy/catalogue"
	"github.com/rowan-authz/rowan/policy/lint"
)

// Error codes of the protocol beside those of JSON-RPC.
const (
	codeNotInitialized = -32002
	codeCancelled      = -32800
)

// maxQueue is how many messages wait; then the client does.
const maxQueue = 256

// Options say what a Server works with. The zero value of a field that is not
// said to be optional is refused by New.
type Options struct {
	// Version is the server's, for clients to show; optional.
	Version string
	// Vocabulary is what policies may name, Cel the same with conditions in CEL,
	// which a client may ask for.
	Vocabulary, Cel *conditions.Vocabulary
	// Now is the clock of test suites that fix none.
	Now func() time.Time
	// Settle is how long no change must come before what changed is diagnosed; 0
	// diagnoses after every change.
	Settle time.Duration
	// Open opens the tree of a directory; nil opens that of the file system.
	Open func(dir string) (fs.FS, io.Closer, error)
	// Suppressed returns what says why a finding in a directory is left out, empty
	// if it is not; nil leaves none out.
	Suppressed func(dir string) (func(*lint.Finding) string, error)
}

// Server serves one client.
type Server struct {
	options   Options
	catalogue *catalogue.Catalogue
	queue     chan *work
	done      chan struct{} // closed when the worker has ended
	conn      *jsonrpc2.Conn

	mu      sync.Mutex
	pending map[jsonrpc2.ID]*work

	// What follows is the worker's alone.
	vocabulary         *conditions.Vocabulary
	cel                bool // it has conditions in CEL
	watches            bool // the client tells of changes on disk if it is asked to
	initialized, ended bool // by initialize and shutdown
	status             int
	documents          map[string]*document // by URI
	files              map[string]*document // by path, those that are files
	begins             map[string]bool      // folders on disk that hold rowan.yaml, or do not
	projects           map[string]*project  // by directory
	dirty              bool
	published          map[string]string // what was told last, by URI
	pin                string
}

// work is a message that waits or is handled.
type work struct {
	ctx       context.Context
	cancel    context.CancelFunc
	req       *jsonrpc2.Request // nil at the end of the input
	running   bool              // under Server.mu
	cancelled bool
}

// New returns a server. The error says what the options lack.
func New(o Options) (*Server, error) {
	if o.Vocabulary == nil || o.Cel == nil || o.Now == nil {
		return nil, errors.New("a language server needs vocabularies and a clock")
	}
	if o.Open == nil {
		o.Open = openDir
	}
	c, err := catalogue.AWS()
	if err != nil {
		return nil, err
	}
	return &Server{
		options: o, catalogue: c, vocabulary: o.Vocabulary,
		queue: make(chan *work, maxQueue), done: make(chan struct{}), pending: map[jsonrpc2.ID]*work{},
		documents: map[string]*document{}, files: map[string]*document{}, begins: map[string]bool{}, projects: map[string]*project{}, published: map[string]string{},
		status: 1,
	}, nil
}

// openDir opens a directory so that nothing outside is read through it.
func openDir(dir string) (fs.FS, io.Closer, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	return root.FS(), root, nil
}

// Serve answers a client until it says exit, its input ends or ctx is done. It
// returns the exit status of the process: 0 if the client said shutdown before
// exit, else 1. Call it once. Source: Language Server Protocol Specification,
// "Exit Notification".
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{})
	st := &stream{in: bufio.NewReader(in), out: out}
	st.ended = func() {
		<-ready
		select {
		case s.queue <- &work{ctx: ctx, cancel: func() {}}:
			<-s.done
		case <-s.done:
		}
	}
	s.conn = jsonrpc2.NewConn(ctx, st, handlerFunc(func(ctx context.Context, req *jsonrpc2.Request) {
		<-ready
		s.receive(ctx, req)
	}), jsonrpc2.SetLogger(log.New(io.Discard, "", 0)))
	close(ready)
	s.work(ctx)
	close(s.done)
	_ = s.conn.Close() // nothing is told any more
	return s.status
}

type handlerFunc func(ctx context.Context, req *jsonrpc2.Request)

// Handle is that of jsonrpc2.Handler.
func (f handlerFunc) Handle(ctx context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) {
	f(ctx, req)
}

// receive queues a message. It runs while the next one is waited for.
func (s *Server) receive(ctx context.Context, req *jsonrpc2.Request) {
	if req.Method == "$/cancelRequest" {
		s.cancel(req)
		return
	}
	w := &work{req: req}
	w.ctx, w.cancel = context.WithCancel(ctx)
	if !req.Notif {
		s.mu.Lock()
		_, twice := s.pending[req.ID]
		if !twice {
			s.pending[req.ID] = w
		}
		s.mu.Unlock()
		if twice {
			w.cancel()
			s.reply(req, nil, fault(jsonrpc2.CodeInvalidRequest, "a request with this id is not answered yet"))
			return
		}
	}
	select {
	case s.queue <- w:
	case <-s.done:
		w.cancel()
	}
}

// cancel ends a request: one that waits is answered at once, one that is handled
// when it notices.
func (s *Server) cancel(req *jsonrpc2.Request) {
	var p struct {
		ID *jsonrpc2.ID `json:"id"`
	}
	if req.Params == nil || json.Unmarshal(*req.Params, &p) != nil || p.ID == nil {
		return // there is nothing to answer
	}
	s.mu.Lock()
	w := s.pending[*p.ID]
	waits := w != nil && !w.running && !w.cancelled
	if waits {
		w.cancelled = true
		delete(s.pending, *p.ID)
	}
	s.mu.Unlock()
	if w == nil {
		return
	}
	w.cancel()
	if waits {
		s.reply(w.req, nil, cancelled())
	}
}

func fault(code int64, format string, args ...any) *jsonrpc2.Error {
	return &jsonrpc2.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func cancelled() *jsonrpc2.Error { return fault(codeCancelled, "cancelled") }

// work handles the queue until exit, or the end of the input.
func (s *Server) work(ctx context.Context) {
	settle := time.NewTimer(time.Hour)
	defer settle.Stop()
	for {
		if s.dirty {
			settle.Reset(s.options.Settle)
		}
		select {
		case <-ctx.Done():
			return
		case w := <-s.queue:
			if !s.step(w) {
				return
			}
			if s.dirty && s.options.Settle == 0 {
				s.safely(func() { s.refresh() })
			}
		case <-settle.C:
			if s.dirty {
				s.safely(func() { s.refresh() })
			}
		}
	}
}

// step handles one message; it is false after the last one.
func (s *Server) step(w *work) bool {
	defer w.cancel()
	if w.req == nil {
		return false
	}
	s.mu.Lock()
	gone := w.cancelled
	w.running = true
	s.mu.Unlock()
	if gone {
		return true
	}
	if w.req.Method == "exit" {
		if s.ended {
			s.status = 0
		}
		return false
	}
	var result any
	problem := fault(jsonrpc2.CodeInternalError, "internal error")
	s.safely(func() { result, problem = s.handle(w.ctx, w.req) })
	if w.req.Notif {
		if problem != nil && problem.Code != jsonrpc2.CodeMethodNotFound {
			s.tell(messageError, problem.Message)
		}
		return true
	}
	if w.ctx.Err() != nil {
		result, problem = nil, cancelled()
	}
	s.mu.Lock()
	delete(s.pending, w.req.ID)
	s.mu.Unlock()
	s.reply(w.req, result, problem)
	return true
}

// safely keeps a fault of ours in one message from ending all of them.
func (s *Server) safely(f func()) {
	defer func() {
		if r := recover(); r != nil {
			s.tell(messageError, fmt.Sprintf("internal error: %v", r))
		}
	}()
	f()
}

// reply answers a request. If that cannot be written the input ends too.
func (s *Server) reply(req *jsonrpc2.Request, result any, problem *jsonrpc2.Error) {
	if problem != nil {
		_ = s.conn.ReplyWithError(context.Background(), req.ID, problem)
		return
	}
	_ = s.conn.Reply(context.Background(), req.ID, result)
}

// tell says something to the log of the client.
func (s *Server) tell(kind int, text string) {
	s.notify("window/logMessage", messageParams{kind, text})
}

func (s *Server) notify(method string, params any) {
	_ = s.conn.Notify(context.Background(), method, params) // as with reply
}
