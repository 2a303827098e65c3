// Command reliability holds `rowan serve` to the targets of docs/reliability.md:
// it builds the server, starts it as a process of its own, asks it questions
// whose answers are known beforehand, and does bad things to it meanwhile.
//
//	go run ./internal/reliability                  every target, some half an hour
//	go run ./internal/reliability -short           what CI runs, a minute and a half
//	go run ./internal/reliability -only X1,L3      some of them
//	go run ./internal/reliability -controls        seeded faults, which the targets must notice
//	go run ./internal/reliability -soak 10m        one long run of everything at once
//
// Expected answers come from the reference interpreter. It exits with 1 if a
// target is missed, or cannot be measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if slices.Equal(os.Args[1:], []string{probeCommand}) {
		err = runProbe(ctx, os.Stdin, os.Stdout)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

// settings say what is run.
type settings struct {
	only, faults  string
	short, json   bool
	controls, pin bool
	soak          time.Duration
	binary        string
}

var errMissed = errors.New("not all targets are met")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("reliability", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.only, "only", "", "targets, such as X1,L3; empty means all")
	flags.StringVar(&s.faults, "faults", "", "with -controls: seeded faults, by name; empty means all")
	flags.BoolVar(&s.short, "short", false, "shorter runs of the targets that CI holds")
	flags.BoolVar(&s.json, "json", false, "print JSON")
	flags.BoolVar(&s.controls, "controls", false, "run each target against its seeded faults")
	flags.BoolVar(&s.pin, "pin", false, "keep servers on the first core, and the load on the others")
	flags.DurationVar(&s.soak, "soak", 0, "hold 70 % of saturation for so long, with everything going on")
	flags.StringVar(&s.binary, "rowan", "", "the rowan binary; empty builds one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.pin {
		if err := stepAside(args); err != nil {
			return err
		}
	}
	l, err := newLab(ctx, &s, stderr)
	if err != nil {
		return err
	}
	defer l.close()
	if s.controls {
		return runControls(ctx, l, stdout)
	}
	chosen, err := choose(&s)
	if err != nil {
		return err
	}
	return report(stdout, s.json, measureAll(ctx, l, chosen))
}

// aside says that this process has left the first core.
const aside = "ROWAN_RELIABILITY_ASIDE"

// stepAside leaves the first core to the servers. Threads that run already cannot
// all be moved, so the process begins anew.
func stepAside(args []string) error {
	if os.Getenv(aside) != "" {
		return nil
	}
	if runtime.NumCPU() < 2 {
		return errors.New("-pin wants two cores")
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	line := append([]string{taskset, "-c", fmt.Sprintf("1-%d", runtime.NumCPU()-1), self}, args...)
	return syscall.Exec(taskset, line, append(os.Environ(), aside+"=1"))
}

// choose returns the targets that the settings name. Names that match nothing
// are an error: nobody is to believe that something was run.
func choose(s *settings) ([]target, error) {
	if s.soak > 0 {
		return []target{soakTarget}, nil
	}
	all := targets()
	if s.only == "" {
		if s.short {
			all = slices.DeleteFunc(all, func(t target) bool { return !t.short })
		}
		return all, nil
	}
	var out []target
	for _, name := range strings.Split(s.only, ",") {
		i := slices.IndexFunc(all, func(t target) bool { return strings.EqualFold(t.id, strings.TrimSpace(name)) })
		if i < 0 {
			return nil, fmt.Errorf("no target %q", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}
