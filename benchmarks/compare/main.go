// Command compare measures Rowan beside its peers and a hand-written function, all in one process
// and in interleaved rounds, so that what slows the machine for a while slows all of them. It
// prints a table of ratios to the hand-written function, and writes latest.json, latest.md and
// decide.svg into a folder.
//
//	go run ./compare              everything, about ten minutes on two cores
//	go run ./compare -quick       small sizes and short times, written only with -out
//	go run ./compare -goals       Rowan and the floor alone, written only with -out
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

type settings struct {
	rounds   int
	out      string // nothing is written if it is empty
	sizes    []int
	target   time.Duration
	policies int  // of the load and memory figures
	goals    bool // without the peers
}

func run(args []string, stdout, stderr io.Writer) error {
	s, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	return compare(s, stdout, stderr)
}

func compare(s settings, stdout, stderr io.Writer) error {
	r := &runner{rounds: s.rounds, target: s.target, slowest: 20 * time.Millisecond, progress: stderr}
	report := newReport(s)
	for _, p := range plan(s.sizes) {
		if s.goals && p.name != goalsPhase {
			continue
		}
		results, err := r.phase(p)
		if err != nil {
			return err
		}
		results.rate()
		report.Results = append(report.Results, results...)
	}
	loads, err := r.loadGoals(s.policies)
	if err != nil {
		return err
	}
	report.Goals = append(decideGoals(report.Results, s.sizes), loads...)
	text := report.markdown()
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if s.out == "" {
		return nil
	}
	return report.write(s.out, text)
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("count", 0, "rounds, of which medians are taken (15, or 3 with -quick)")
	quick := flags.Bool("quick", false, "at most 100 policies, short times")
	goals := flags.Bool("goals", false, "only Rowan and the floor")
	out := flags.String("out", "", "folder for the results (results, or none with -quick or -goals)")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	s := settings{rounds: 15, out: "results", sizes: []int{1, 10, 100, 1_000, 10_000}, target: 20 * time.Millisecond, policies: 10_000}
	if *quick {
		s = settings{rounds: 3, sizes: []int{1, 10, 100}, target: 2 * time.Millisecond, policies: 1_000}
	}
	s.goals = *goals
	if *goals {
		s.out = ""
	}
	if *out != "" {
		s.out = *out
	}
	if *rounds != 0 {
		s.rounds = *rounds
	}
	if s.rounds < 1 || s.rounds > 1_000 {
		return settings{}, fmt.Errorf("-count %d: want 1 to 1000", s.rounds)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if info, err := os.Stat(s.out); s.out != "" && (err != nil || !info.IsDir()) {
		return settings{}, fmt.Errorf("-out %s: no such folder (the default is that of benchmarks/)", s.out)
	}
	return s, nil
}
