// Command daemon measures questions to `rowan serve` beside an empty gRPC server that gives answers
// of the same size, in interleaved rounds on one machine, over a Unix socket: the empty server is the
// floor. It reports questions a second, the CPU that the server took for each, and how long they take
// at half the load.
//
//	go run ./daemon                 some three minutes on two cores
//	go run ./daemon -quick          short rounds
//	go run ./daemon -opa            beside the server of OPA too, which it builds
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == echoCommand {
		if err := serveEcho(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "daemon: echo:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		os.Exit(1)
	}
}

// settings say how long to measure.
type settings struct {
	rounds int
	each   time.Duration
	binary string
	opa    bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("daemon", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "short rounds")
	flags.BoolVar(&s.opa, "opa", false, "measure the server of OPA too")
	flags.IntVar(&s.rounds, "count", 5, "rounds")
	flags.StringVar(&s.binary, "rowan", "", "the rowan binary; empty builds one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s.each = 3 * time.Second
	if *quick {
		s.rounds, s.each = min(s.rounds, 2), time.Second
	}
	if s.rounds < 1 {
		return errors.New("want at least one round")
	}
	return measure(ctx, s, stdout, stderr)
}

// measure starts the servers, asks them in turns and prints what came of it.
func measure(ctx context.Context, s settings, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "rowan-daemon-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	servers, err := start(ctx, &s, dir, stderr)
	defer func() {
		for _, x := range servers {
			x.stop()
		}
	}()
	if err != nil {
		return err
	}
	rows, err := rounds(ctx, s, servers, stderr)
	if err != nil {
		return err
	}
	return printTable(stdout, rows)
}

// row is what was measured of one kind of question.
type row struct {
	kind string
	unit string
	// rates and cpus hold a figure of each round, by server.
	rates, cpus map[string][]float64
	// tails is the 99th percentile in microseconds at half of the floor's load.
	tails map[string][]float64
}

// median returns the middle of some figures.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
