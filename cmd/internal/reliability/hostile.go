package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

const (
	slowConnections = 2000
	headersWithin   = 5 * time.Second
	hostileRoom     = 64 // MB
	othersRate      = 100
)

// attack is something bad that is done to a server for some time, or until the
// context ends.
type attack struct {
	name string
	run  func(*victim, context.Context) error
}

// victim is who is attacked.
type victim struct {
	daemon *daemon
	http   string // host:port
	world  *world
	lasts  time.Duration
}

func attacks() []attack {
	return []attack{
		{"slow connections to gRPC", func(v *victim, ctx context.Context) error {
			return v.slow(ctx, v.daemon.target, http2.ClientPreface[:10])
		}},
		{"slow connections to HTTP", func(v *victim, ctx context.Context) error {
			return v.slow(ctx, v.http, "POST / HTTP/1.1\r\nHost: x\r\n")
		}},
		{"100 MB", (*victim).large},
		{"1,000,000 keys", (*victim).keys},
		{"100,000 levels", (*victim).deep},
		{"1,000,000 dots", (*victim).dots},
		{"rapid reset", (*victim).resets},
	}
}

func hostileTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	address, err := free()
	if err != nil {
		return "", err
	}
	var c check
	var figures []string
	for _, a := range attacks() {
		d, err := w.start(ctx, how{listen: address})
		if err != nil {
			return "", err
		}
		v := &victim{d, address, w, l.span(2*time.Second, 20*time.Second)}
		figure, err := v.suffer(ctx, l, a)
		c.try(err)
		figures = append(figures, figure)
		d.kill()
	}
	return strings.Join(figures, "; "), c.err()
}

// suffer runs an attack while others ask.
func (v *victim) suffer(ctx context.Context, l *lab, a attack) (string, error) {
	client, err := v.daemon.client()
	if err != nil {
		return "", err
	}
	j := v.world.newJudge()
	// Its heap is to be as large as it gets by itself.
	closed(ctx, 32, l.span(2*time.Second, 5*time.Second), func(ctx context.Context, i int) error { return j.ask(ctx, client, i) })
	calm := load{othersRate, time.Second, 16, func(ctx context.Context, i int) error { return j.ask(ctx, client, i) }}.run(ctx)
	before := v.daemon.memory()
	others, err := v.world.probe(ctx, v.daemon, othersRate)
	if err != nil {
		return "", err
	}
	stop := v.daemon.watch()
	attacked := a.run(v, ctx)
	t, err := others.end()
	grown := stop().peak() - float64(before)/megabyte
	if t == nil {
		return "", err
	}
	var c check
	if err := errors.Join(attacked, err); err != nil {
		c.try(fmt.Errorf("%s: %w", a.name, err))
	}
	j.clean(&c)
	c.must(grown <= hostileRoom, "%s: memory grew by %.0f MB", a.name, grown)
	c.must(t.at(0.99) <= l.span(loose*goodP99, 2*goodP99), "%s: others' p99 %v (%v before)", a.name, brief(t.at(0.99)), brief(calm.at(0.99)))
	return fmt.Sprintf("%s: p99 %v (%v before), %+.0f MB", a.name, brief(t.at(0.99)), brief(calm.at(0.99)), grown), c.err()
}

// slow opens connections that begin to speak and do not go on. All are hung up
// on in time, and others get in meanwhile.
func (v *victim) slow(ctx context.Context, address, begin string) error {
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	for range slowConnections {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		all = append(all, c)
		_, _ = io.WriteString(c, begin) // it may have hung up already
	}
	began := time.Now()
	conn, err := dialTo(v.daemon.target)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	within, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := rowanv1.NewAuthorizationServiceClient(conn).Decide(within, v.world.calls[0], grpc.WaitForReady(true)); err != nil {
		return fmt.Errorf("a newcomer among them: %w", err)
	}
	// Those that do not get in at once wait for the others to be hung up on.
	deadline := began.Add(2*headersWithin + 5*time.Second)
	open := 0
	for _, c := range all {
		if err := c.SetReadDeadline(deadline); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
			open++
		}
	}
	if open > 0 {
		return fmt.Errorf("%d of %d are still open after %v", open, slowConnections, time.Since(began))
	}
	return nil
}

// isReset reports whether the other side hung up.
func isReset(err error) bool {
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// repeat does something on some connections for as long as the attack lasts,
// and wants it refused each time.
func (v *victim) repeat(ctx context.Context, do func(context.Context, *grpc.ClientConn) error) error {
	within, cancel := context.WithTimeout(ctx, v.lasts)
	defer cancel()
	const connections = 2
	errs := make([]error, connections)
	times := make([]int, connections)
	var wg sync.WaitGroup
	for k := range connections {
		wg.Go(func() {
			conn, err := dialTo(v.daemon.target)
			if err != nil {
				errs[k] = err
				return
			}
			defer func() { _ = conn.Close() }()
			for times[k] = 0; within.Err() == nil; times[k]++ {
				if err := do(within, conn); err == nil || within.Err() == nil && code(err) == codes.Unavailable {
					errs[k] = fmt.Errorf("not refused: %w", errors.Join(err, errWrong))
					return
				}
			}
		})
	}
	wg.Wait()
	if times[0] == 0 {
		errs = append(errs, errors.New("it was not done once"))
	}
	return errors.Join(errs...)
}

func (v *victim) large(ctx context.Context) error {
	message := bytes.Repeat([]byte{0}, 100<<20)
	return v.repeat(ctx, func(ctx context.Context, c *grpc.ClientConn) error {
		return c.Invoke(ctx, rowanv1.AuthorizationService_Decide_FullMethodName, message, &rowanv1.DecideResponse{},
			grpc.ForceCodecV2(raw{}), grpc.MaxCallSendMsgSize(len(message)))
	})
}

// keys asks with a million context keys.
func (v *victim) keys(ctx context.Context) error {
	var message []byte
	for i := range 1_000_000 {
		key := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), fmt.Sprintf("k:%d", i))
		message = protowire.AppendBytes(protowire.AppendTag(message, 5, protowire.BytesType), key)
	}
	return v.raw(ctx, message)
}

// raw asks with an encoded message over and over.
func (v *victim) raw(ctx context.Context, message []byte) error {
	return v.repeat(ctx, func(ctx context.Context, c *grpc.ClientConn) error {
		return c.Invoke(ctx, rowanv1.AuthorizationService_Decide_FullMethodName, message, &rowanv1.DecideResponse{}, grpc.ForceCodecV2(raw{}))
	})
}

// deep sends groups within groups to gRPC, and lists within lists to HTTP.
func (v *victim) deep(ctx context.Context) error {
	const levels = 100_000
	var message []byte
	for range levels {
		message = protowire.AppendTag(message, 100, protowire.StartGroupType)
	}
	for range levels {
		message = protowire.AppendTag(message, 100, protowire.EndGroupType)
	}
	text := `{"IdentityPoolId": ` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+v.http+"/", strings.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityService.GetId")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = w.Body.Close()
	if w.StatusCode < 400 || w.StatusCode >= 500 {
		return fmt.Errorf("lists within lists: status %d", w.StatusCode)
	}
	return v.raw(ctx, message)
}

// dots asks with a token of dots.
func (v *victim) dots(ctx context.Context) error {
	of := &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{Provider: "x", Token: strings.Repeat(".", 1_000_000)}}}
	return v.repeat(ctx, func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := rowanv1.NewAuthorizationServiceClient(c).Decide(ctx, request(of, getItem, "open"))
		return err
	})
}

// resets begins calls and resets them at once, as fast as it can.
func (v *victim) resets(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, v.lasts)
	defer cancel()
	begun := 0
	for within.Err() == nil {
		n, err := v.resetsOf(within)
		if err != nil && begun+n == 0 {
			return err
		}
		begun += n // the server may hang up, which is well
	}
	if begun < 1000 {
		return fmt.Errorf("only %d calls were begun", begun)
	}
	return nil
}

func (v *victim) resetsOf(ctx context.Context) (begun int, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", v.daemon.target)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	go func() { _, _ = io.Copy(io.Discard, c) }() // it ends with the connection
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return 0, err
	}
	f := http2.NewFramer(c, nil)
	if err := f.WriteSettings(); err != nil {
		return 0, err
	}
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", rowanv1.AuthorizationService_Decide_FullMethodName},
		{":authority", "x"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
		{"authorization", "Bearer " + bearerKey},
	} {
		if err := e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1], Sensitive: true}); err != nil {
			return 0, err
		}
	}
	for id := uint32(1); id < 1<<30 && ctx.Err() == nil; id += 2 {
		err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if err == nil {
			err = f.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			return begun, err
		}
		begun++
	}
	return begun, nil
}
