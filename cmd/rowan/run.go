package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// Exit statuses; of several the highest is returned. What 1 and 3 mean is said
// by each command.
const (
	exitUnmet      = 1
	exitUsage      = 2
	exitUnloadable = 3
)

// process is what a command sees of the world around it.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	terminal       func(stream any) bool
	getenv         func(string) string
}

// run runs one command line and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &process{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now, terminal: isTerminal, getenv: os.Getenv}
	return p.run(args)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *process) run(args []string) int {
	var line commandLine
	done := false
	parser, err := line.parser(p, func(int) { done = true })
	if err != nil {
		return p.refuse(err)
	}
	if len(args) == 0 {
		parser.Stdout = p.stderr
		_, _ = parser.Parse([]string{"--help"}) // prints the help, then misses a command
		return exitUsage
	}
	command, err := parser.Parse(args)
	switch {
	case done: // kong printed the help that was asked for
		return 0
	case err == nil:
		err = line.checkFormat(command.Selected().Name)
	}
	if err != nil {
		return p.usage(err)
	}
	c := line.console(p)
	err = command.Run(c)
	if flushed := c.out.Flush(); err == nil {
		err = flushed
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) { // whoever read has read enough
		return p.refuse(err)
	}
	return c.status
}

func (p *process) refuse(err error) int {
	p.say("%v", err)
	return exitUsage
}

// say tells people something that is no part of the output. If even that
// cannot be written there is nobody to tell.
func (p *process) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, "rowan: "+format+"\n", args...)
}

// usage complains about the command line and says where its description is.
func (p *process) usage(err error) int {
	name := "rowan"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if command := parse.Context.Selected(); command != nil {
			name = command.FullPath()
		}
	}
	p.say("%v\nsee: %s --help", err, name)
	return exitUsage
}

// console is what a command talks to.
type console struct {
	*process
	out    *bufio.Writer
	format string
	color  bool
	status int
}

// raise makes the exit status at least n.
func (c *console) raise(n int) { c.status = max(c.status, n) }

// complain reports what keeps a command from doing its work on one file; the
// rest goes on.
func (c *console) complain(file string, err error) {
	c.say("%s", plain(fmt.Sprintf("%s: %v", file, cause(err))))
	c.raise(exitUsage)
}

// printf writes output. An error stays: see broken.
func (c *console) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.out, format, args...)
}

// encode writes v as one line of JSON.
func (c *console) encode(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// broken returns the error of a write that failed, if one has.
func (c *console) broken() error {
	_, err := c.out.Write(nil)
	return err
}

// The colours that a console paints with.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours s, if the console has colours.
func (c *console) paint(color, s string) string {
	if !c.color || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}
