package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	maxHeaderBytes = 32 << 10 // a session token takes up to 8 KiB of it
	headerWithin   = 5 * time.Second
	idleWithin     = 2 * time.Minute
	shutdownWithin = 30 * time.Second
)

// Serve answers on l until ctx ends. It then takes no more connections, lets
// requests that are under way come to their end, and returns.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	// Bodies and answers have no time as a whole: each piece has one.
	s := &http.Server{
		Handler: within(h), MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: headerWithin, IdleTimeout: idleWithin,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
	defer cancel()
	err := s.Shutdown(last)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// within gives the first piece of a body and of an answer their time.
func within(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		deadline(c.SetReadDeadline)
		h.ServeHTTP(w, r)
	})
}
