package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Report is what latest.json holds.
type Report struct {
	Machine Machine  `json:"machine"`
	Modules []Module `json:"modules"`
	Rounds  int      `json:"rounds"`
	Target  string   `json:"timeOfOneMeasurement"`
	Sizes   []int    `json:"sizes"`
	Goals   []Goal   `json:"goals"`
	Results Results  `json:"results,omitempty"`
}

// Machine is where it was measured.
type Machine struct {
	Go    string `json:"go"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
}

// Module is a peer as it was built.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// peers are the modules that a reader wants to know the versions of.
var peers = []string{
	"github.com/casbin/casbin/v3", "github.com/cedar-policy/cedar-go",
	"github.com/google/cel-go", "github.com/open-policy-agent/opa",
}

func newReport(s settings) *Report {
	r := &Report{
		Machine: Machine{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuModel(), Cores: runtime.GOMAXPROCS(0)},
		Rounds:  s.rounds, Target: s.target.String(), Sizes: s.sizes,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	for _, m := range info.Deps {
		if slices.Contains(peers, m.Path) {
			r.Modules = append(r.Modules, Module{Path: m.Path, Version: m.Version})
		}
	}
	return r
}

// cpuModel is empty where the system does not say.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// encode is r as JSON, each result on a line of its own.
func (r *Report) encode() ([]byte, error) {
	head := *r
	head.Results = nil
	data, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return nil, err
	}
	data = append(bytes.TrimSuffix(data, []byte("\n}")), ",\n  \"results\": [\n"...)
	for i, result := range r.Results {
		line, err := json.Marshal(result)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			data = append(data, ",\n"...)
		}
		data = append(data, line...)
	}
	return append(data, "\n]}\n"...), nil
}

func (r *Report) write(folder, text string) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	files := []struct {
		name    string
		content []byte
	}{
		{"latest.json", data},
		{"latest.md", []byte(text)},
		{"decide.svg", []byte(chart(r.Results, r.Sizes))},
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(folder, f.name), f.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
