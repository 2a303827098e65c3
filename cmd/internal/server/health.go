package server

import (
	"context"
	"net/http"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// readyWithin bounds the question to the store.
const readyWithin = 2 * time.Second

// healthy says that the process answers.
func healthy(x *exchange) {
	x.w.Header().Set("Cache-Control", "no-store")
	x.reply(http.StatusOK, applicationJSON, []byte(`{"status":"healthy"}`))
}

// ready says whether requests should come here: the store answers, and nobody
// has asked us to end.
func ready(x *exchange) {
	x.w.Header().Set("Cache-Control", "no-store")
	ctx, cancel := context.WithTimeout(x.r.Context(), readyWithin)
	defer cancel()
	err := x.store.View(ctx, func(identity.Tx) error { return nil })
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
