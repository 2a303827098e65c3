package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// readyWithin bounds the question to the store.
const readyWithin = 2 * time.Second

// readiness is the last answer of the store. Anyone may ask, and no limit is
// kept, as those who should ask may share an address with strangers: so however
// many do, the store is asked once a second, on one connection.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (r *readiness) ask(store identity.Store, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.at); age >= 0 && age < time.Second && !r.at.IsZero() {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	r.at, r.err = now, store.View(ctx, func(identity.Tx) error { return nil })
	return r.err
}

// healthy says that the process answers.
func healthy(x *exchange) {
	x.w.Header().Set("Cache-Control", "no-store")
	x.reply(http.StatusOK, applicationJSON, []byte(`{"status":"healthy"}`))
}

// ready says whether requests should come here: the store answers, and nobody
// has asked us to end.
func ready(x *exchange) {
	x.w.Header().Set("Cache-Control", "no-store")
	err := x.readiness.ask(x.store, x.now)
	switch {
	case x.draining.Load():
		x.reply(http.StatusServiceUnavailable, applicationJSON, []byte(`{"status":"ending"}`))
	case err != nil:
		x.cause = err
		x.reply(http.StatusServiceUnavailable, applicationJSON, []byte(`{"status":"the store does not answer"}`))
	default:
		x.reply(http.StatusOK, applicationJSON, []byte(`{"status":"ready"}`))
	}
}
