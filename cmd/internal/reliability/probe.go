package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// probeCommand is the argument of a process that asks as others do while a
// server is attacked. What the attack itself takes of a process, such as making
// messages of 100 MB, is not to pass for the server's time.
const probeCommand = "probe"

// probing is what such a process is told. It asks until its standard input ends.
type probing struct {
	Target string
	Rate   float64
	Calls  []probed
}

// probed is a question, encoded, and its answer.
type probed struct {
	Request []byte
	Want    string
}

// probeReport is what it says at its end.
type probeReport struct {
	Took   time.Duration
	Times  []time.Duration // sorted
	Others int             // calls without an answer
	Fault  string          // the first that must never be
}

// probe is the process, from the outside.
type probe struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

// probe starts to ask d what is right in the current revision. It returns when
// the process is connected and has asked a little: what is measured is how those
// fare who were there before.
func (w *world) probe(ctx context.Context, d *daemon, rate float64) (*probe, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	told := probing{Target: d.target, Rate: rate}
	r := w.current.Load()
	for i, call := range w.calls {
		text, err := proto.Marshal(call)
		if err != nil {
			return nil, err
		}
		told.Calls = append(told.Calls, probed{text, r.decisions[i]})
	}
	p := &probe{process: exec.CommandContext(ctx, self, probeCommand)}
	p.process.Stderr = os.Stderr
	if p.in, err = p.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(out)
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(p.in).Encode(told); err != nil {
		return nil, err
	}
	var warm probeReport
	return p, p.out.Decode(&warm)
}

// end has it stop and returns what it saw. An error is one that must never be.
func (p *probe) end() (*took, error) {
	if err := p.in.Close(); err != nil {
		return nil, err
	}
	var r probeReport
	err := p.out.Decode(&r)
	if err = errors.Join(err, p.process.Wait()); err != nil {
		return nil, err
	}
	t := &took{times: r.Times, answered: len(r.Times), other: r.Others, d: r.Took}
	if r.Fault != "" {
		return t, errors.New(r.Fault)
	}
	return t, nil
}

// runProbe is the process, from the inside.
func runProbe(ctx context.Context, in io.Reader, out io.Writer) error {
	var told probing
	from := json.NewDecoder(in)
	if err := from.Decode(&told); err != nil {
		return err
	}
	calls := make([]*rowanv1.DecideRequest, len(told.Calls))
	for i := range told.Calls {
		calls[i] = &rowanv1.DecideRequest{}
		if err := proto.Unmarshal(told.Calls[i].Request, calls[i]); err != nil {
			return err
		}
	}
	conn, err := dialTo(told.Target)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	client := rowanv1.NewAuthorizationServiceClient(conn)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		stop()
	}()
	j := &judge{}
	ask := func(ctx context.Context, i int) error {
		i %= len(calls)
		answer, err := client.Decide(ctx, calls[i])
		if err != nil {
			return j.refused(ctx, err)
		}
		return j.answer(decisionOf(answer.GetAnswer().GetDecision()), told.Calls[i].Want, fmt.Sprintf("call %d of a probe", i))
	}
	says := json.NewEncoder(out)
	for i := range probeWarm {
		if err := ask(ctx, i); err != nil {
			return err
		}
	}
	if err := says.Encode(probeReport{}); err != nil {
		return err
	}
	t := load{told.Rate, time.Hour, probeFlight, ask}.run(ctx)
	r := probeReport{Took: t.d, Times: t.times, Others: t.other}
	var c check
	if j.clean(&c); c.err() != nil {
		r.Fault = c.err().Error()
	}
	slices.Sort(r.Times)
	return says.Encode(r)
}

// probeFlight is how many calls of a probe are under way, and probeWarm how many
// it makes before it says that it is there.
const (
	probeFlight = 64
	probeWarm   = 200
)
