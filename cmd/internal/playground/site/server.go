// Package site is the page of the playground: files that any web server may
// serve, and a server that answers what they ask.
package site

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/playground"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

//go:embed page
var files embed.FS

// proofs is how many proofs are sought at a time, proofWithin how long one may
// wait for its turn.
const (
	proofs      = 2
	proofWithin = 10 * time.Second
)

// contentPolicy is what the page says of itself too, and who may frame it, which
// a page cannot say.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// kinds are the files and their types.
var kinds = map[string]string{
	"index.html": "text/html; charset=utf-8", "page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8",
	"engine.js": "text/javascript; charset=utf-8", "examples.json": "application/json",
}

// New returns a handler that serves the page and answers its questions to
// whoever asks on this machine. now is the time that policies see.
func New(now func() time.Time) (http.Handler, error) {
	mux := http.NewServeMux()
	for name, kind := range kinds {
		text, err := fs.ReadFile(files, "page/"+name)
		if err != nil {
			return nil, err
		}
		path := name
		if name == "index.html" {
			path = "{$}"
		}
		mux.HandleFunc("GET /"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", contentPolicy)
			reply(w, kind, text)
		})
	}
	mux.Handle("POST /answer", &asked{now: now, turn: make(chan struct{}, proofs)})
	// A page of another site must not ask, whatever its browser can reach.
	return server.LocalOnly(http.NewCrossOriginProtection().Handler(mux)), nil
}

// asked answers questions.
type asked struct {
	now  func() time.Time
	turn chan struct{}
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "a question is application/json", http.StatusUnsupportedMediaType)
		return
	}
	question, err := io.ReadAll(http.MaxBytesReader(w, r.Body, playground.MaxQuestion))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "the question is too large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		return // who asked has left
	}
	ctx, cancel := context.WithTimeout(r.Context(), proofWithin)
	defer cancel()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		http.Error(w, "too much is asked at once", http.StatusServiceUnavailable)
		return
	}
	reply(w, "application/json", playground.Answer(ctx, question, a.now))
}

func reply(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // who has left is told nothing
}
