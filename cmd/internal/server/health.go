package server

import (
	"context"
	"encoding/json"
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

// readyAnswer is what /-/ready says. It holds no reason of a refusal: anyone may
// ask, and reasons quote policies.
type readyAnswer struct {
	Status string      `json:"status"`
	Bundle readyBundle `json:"bundle"`
	// Revocations are as old as the last reading of them and of the keys of
	// session tokens.
	Revocations readyAge `json:"revocations"`
}

type readyAge struct {
	AgeSeconds int64 `json:"ageSeconds"`
}

// readyBundle is the bundle in force. AgeSeconds is since it came into force,
// RefusedAt when a newer one was refused, absent if none was since.
type readyBundle struct {
	Digest     string     `json:"digest"`
	Version    uint64     `json:"version,omitempty"`
	LoadedAt   time.Time  `json:"loadedAt"`
	AgeSeconds int64      `json:"ageSeconds"`
	Expires    *time.Time `json:"expires,omitempty"`
	RefusedAt  *time.Time `json:"refusedAt,omitempty"`
}

// unready says why requests should not come here, with what is behind it; empty
// if they should.
func (h *Handler) unready(now time.Time) (why string, cause error) {
	err := h.readiness.ask(h.store, now)
	switch {
	case h.draining.Load():
		return "ending", nil
	case h.Expired(now):
		return "the bundle is past its time", nil
	case err != nil:
		return "the store does not answer", err
	case h.Sessions.Ready() != nil:
		return "revocations are stale", nil
	}
	return "", nil
}

// Unready says why requests should not come here; empty if they should.
func (l *Live) Unready() string {
	why, _ := l.Current().handler.unready(l.now())
	return why
}

// ready says whether requests should come here: the store answers, the bundle
// is good, revocations and keys are known, and nobody has asked us to end; and
// how old the bundle is, and what is known of the store.
func ready(x *exchange) {
	x.w.Header().Set("Cache-Control", "no-store")
	code, text := http.StatusOK, "ready"
	if unready, err := x.unready(x.now); unready != "" {
		code, text, x.cause = http.StatusServiceUnavailable, unready, err
	}
	b := readyBundle{
		Digest: x.Digest, Version: x.Version, LoadedAt: x.Loaded.UTC(), AgeSeconds: int64(max(0, x.now.Sub(x.Loaded)).Seconds()),
	}
	if !x.Expires.IsZero() {
		b.Expires = &x.Expires
	}
	if r := x.front.status.refusal(); r != nil {
		at := r.At.UTC()
		b.RefusedAt = &at
	}
	body, err := json.Marshal(readyAnswer{text, b, readyAge{int64(x.Sessions.Age().Seconds())}})
	if err != nil {
		x.fail(internal(err))
		return
	}
	x.reply(code, applicationJSON, body)
}
