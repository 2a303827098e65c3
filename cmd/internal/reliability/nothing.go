package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// nothingTarget starts servers that lack something. Each must end, or not be
// ready; none may allow anything.
func nothingTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	empty, err := l.folder()
	if err != nil {
		return "", err
	}
	starts := map[string]how{
		"no bundle":           {bare: true, flags: []string{"--bundle", filepath.Join(empty, "none.tar.gz")}},
		"an empty folder":     {bare: true, flags: []string{"--bundle", empty}},
		"no folder":           {bare: true, flags: []string{"--bundle", filepath.Join(empty, "none")}},
		"a source that fails": {bare: true, flags: []string{"--bundle", "http://127.0.0.1:9/b.tar.gz"}},
		"no database":         {store: "postgres://rowan@127.0.0.1:9/rowan?connect_timeout=2"},
		"no folder of data":   {store: "sqlite:" + filepath.Join(empty, "none", "rowan.db")},
		"no keys":             {flags: []string{"--keys", filepath.Join(empty, "none.json")}},
	}
	var c check
	rounds, ended := l.times(1, 10), 0
	for range rounds {
		for name, h := range starts {
			over, err := w.nothing(ctx, h)
			if err != nil {
				c.try(fmt.Errorf("%s: %w", name, err))
			}
			if over {
				ended++
			}
			l.stopAll()
		}
	}
	return fmt.Sprintf("%d starts, %d ended with an error, the others were not ready, 0 allowed", rounds*len(starts), ended), c.err()
}

// nothing starts a server and asks it until it ends, or for some time. ended
// says that it did, with an error.
func (w *world) nothing(ctx context.Context, h how) (ended bool, err error) {
	d, err := w.spawn(ctx, h)
	if err != nil {
		return false, err
	}
	conn, err := d.dial()
	if err != nil {
		return false, err
	}
	client, err := d.client()
	if err != nil {
		return false, err
	}
	for deadline := time.Now().Add(6 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.done:
			if d.exit == nil {
				return true, fmt.Errorf("ended without an error:\n%s", d.said)
			}
			return true, nil
		default:
		}
		out, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
		if err == nil && out.GetStatus() == healthv1.HealthCheckResponse_SERVING {
			return false, fmt.Errorf("says that it is ready:\n%s", d.said)
		}
		if answer, err := client.Decide(ctx, w.calls[0]); err == nil {
			return false, fmt.Errorf("answers: %v", answer)
		}
	}
	return false, nil
}
