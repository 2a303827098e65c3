package main

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// builtVersion and builtRevision are what `make binary` says of its source; empty in other
// builds. A revision that ends in "-dirty" had changes on top.
var builtVersion, builtRevision string

// versionCommand is `rowan version`.
type versionCommand struct{}

// build is what is known of how the program was built.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Help describes the command.
func (*versionCommand) Help() string {
	return `Example:

    rowan version`
}

// Run prints how the program was built.
func (*versionCommand) Run(c *console) error {
	b := thisBuild()
	if c.format == "json" {
		return c.encode(b)
	}
	text := "rowan " + b.Version
	if b.Revision != "" {
		text += " " + b.Revision
	}
	if b.Modified {
		text += " (modified)"
	}
	c.printf("%s %s %s\n", text, b.Go, b.Platform)
	return nil
}

func thisBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if builtVersion != "" {
		b.Version = builtVersion
		b.Revision, b.Modified = strings.CutSuffix(builtRevision, "-dirty")
		return b
	}
	read, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = read.Main.Version
	for _, s := range read.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
