package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// What becomes of a seeded fault.
const (
	killed   = "killed"
	survived = "SURVIVED"
	unknown  = "no verdict" // the target is missed without the fault too
)

// controls are the builds that have faults.
type controls struct {
	lab           *lab
	rowan, itself string
	// met remembers which targets are met without a fault.
	met map[string]string
}

// runControls runs each target against the faults that it is to notice. All must
// be noticed.
func runControls(ctx context.Context, l *lab, stdout io.Writer) error {
	all, err := chosenFaults(&l.settings)
	if err != nil {
		return err
	}
	c := &controls{lab: l, rowan: filepath.Join(l.dir, "rowan.faulty"), itself: filepath.Join(l.dir, "reliability.faulty"), met: map[string]string{}}
	if err := c.build(ctx); err != nil {
		return err
	}
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "FAULT\tTARGET\tVERDICT\tNOTICED BY") // Flush tells of errors
	noticed := 0
	for _, f := range all {
		verdict, by := c.verdict(ctx, &f)
		if verdict == killed {
			noticed++
		}
		_, _ = fmt.Fprintf(l.progress, "%s against %s: %s %s\n", f.target, f.name, verdict, by)
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.name, f.target, verdict, by)
	}
	_, _ = fmt.Fprintf(t, "%d of %d killed\n", noticed, len(all))
	if err := t.Flush(); err != nil {
		return err
	}
	if noticed < len(all) {
		return errors.New("not all seeded faults are noticed")
	}
	return nil
}

// chosenFaults are those that the settings name, or those of the targets that
// they name.
func chosenFaults(s *settings) ([]fault, error) {
	all := faults()
	if s.faults != "" {
		names := strings.Split(s.faults, ",")
		all = slices.DeleteFunc(all, func(f fault) bool { return !slices.Contains(names, f.name) })
	}
	if s.only != "" {
		names := strings.Split(s.only, ",")
		all = slices.DeleteFunc(all, func(f fault) bool { return !slices.Contains(names, f.target) })
	}
	if len(all) == 0 {
		return nil, errors.New("no fault of that name")
	}
	return all, nil
}

// build builds a server and this program with all faults.
func (c *controls) build(ctx context.Context) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	file, err := overlay(root, c.lab.dir, faults())
	if err != nil {
		return err
	}
	return errors.Join(build(ctx, c.lab.progress, c.rowan, "./rowan", "-overlay", file),
		build(ctx, c.lab.progress, c.itself, "./internal/reliability", "-overlay", file))
}

// verdict runs a target without a fault and with it.
func (c *controls) verdict(ctx context.Context, f *fault) (verdict, by string) {
	without, ok := c.met[f.target]
	if !ok {
		met, why := c.run(ctx, f.target, "")
		if !met {
			met, why = c.run(ctx, f.target, "") // the machine does other things too
		}
		if met {
			why = ""
		} else if why == "" {
			why = "it is missed"
		}
		c.met[f.target], without = why, why
	}
	if without != "" {
		return unknown, "without the fault: " + without
	}
	if met, why := c.run(ctx, f.target, f.name); !met {
		return killed, why
	}
	return survived, ""
}

// run runs a target in a process of its own, in its short form.
func (c *controls) run(ctx context.Context, target, fault string) (met bool, why string) {
	cmd := exec.CommandContext(ctx, c.itself, "-rowan", c.rowan, "-only", target, "-short", "-json")
	cmd.Env = append(os.Environ(), faultEnv+"="+fault)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	var all []outcome
	if json.Unmarshal(out.Bytes(), &all) != nil || len(all) != 1 {
		return false, fmt.Sprintf("the target did not run: %v", err)
	}
	first, _, _ := strings.Cut(all[0].Error, "\n")
	return all[0].Verdict == pass, fmt.Sprintf("%.120s", first)
}
