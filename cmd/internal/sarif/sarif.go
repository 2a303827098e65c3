// Package sarif writes findings as a SARIF 2.1.0 log, which code hosts show
// beside the lines of a change. It holds what the commands of rowan need of the
// format: one run, with rules and results. Source: OASIS, "Static Analysis
// Results Interchange Format (SARIF) Version 2.1.0".
package sarif

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Level says how much a result weighs.
type Level string

// The levels. Source: §3.27.10.
const (
	Note    Level = "note"
	Warning Level = "warning"
	Error   Level = "error"
)

// Rule is what a result is an instance of.
type Rule struct {
	ID string
	// Short says in a line what is found, Full what comes of it.
	Short, Full string
	Level       Level
}

// Result is one finding.
type Result struct {
	// RuleID is the ID of one of the rules of the log.
	RuleID  string
	Level   Level
	Message string
	// File is as the user named it; empty if the result has no place.
	File string
	// Line and Column count from 1, 0 if they are not known. Column is in bytes.
	Line, Column uint32
	// Path is a JSON pointer within the file, or empty.
	Path string
	// Suppressed is the reason why the result does not count, empty if it does.
	Suppressed string
}

// Log is one run of a tool.
type Log struct {
	// Tool is such as "rowan lint", Version its version, which may be empty.
	Tool, Version string
	Rules         []Rule
	Results       []Result
}

type message struct {
	Text string `json:"text"`
}

type rule struct {
	ID       string  `json:"id"`
	Short    message `json:"shortDescription"`
	Full     message `json:"fullDescription"`
	Defaults struct {
		Level Level `json:"level"`
	} `json:"defaultConfiguration"`
}

type region struct {
	StartLine   uint32 `json:"startLine"`
	StartColumn uint32 `json:"startColumn,omitempty"`
}

type artifact struct {
	URI string `json:"uri"`
}

type physical struct {
	Artifact artifact `json:"artifactLocation"`
	Region   *region  `json:"region,omitempty"`
}

type logical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type location struct {
	Physical physical  `json:"physicalLocation"`
	Logical  []logical `json:"logicalLocations,omitempty"`
}

type suppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

type result struct {
	RuleID       string        `json:"ruleId"`
	RuleIndex    int           `json:"ruleIndex"`
	Level        Level         `json:"level"`
	Message      message       `json:"message"`
	Locations    []location    `json:"locations,omitempty"`
	Suppressions []suppression `json:"suppressions,omitempty"`
}

type driver struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Rules   []rule `json:"rules"`
}

type run struct {
	Tool struct {
		Driver driver `json:"driver"`
	} `json:"tool"`
	ColumnKind string   `json:"columnKind"`
	Results    []result `json:"results"`
}

type log struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

// Write writes the log as indented JSON. It refuses a result without a message
// or of a rule that the log does not have, and a level that is none.
func Write(w io.Writer, l Log) error {
	r := run{ColumnKind: "utf16CodeUnits", Results: make([]result, 0, len(l.Results))}
	r.Tool.Driver = driver{Name: l.Tool, Version: l.Version, Rules: make([]rule, 0, len(l.Rules))}
	for _, x := range l.Rules {
		out := rule{ID: x.ID, Short: message{x.Short}, Full: message{x.Full}}
		if out.Defaults.Level = x.Level; !known(x.Level) {
			return fmt.Errorf("sarif: rule %q has the level %q", x.ID, x.Level)
		}
		r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, out)
	}
	for i := range l.Results {
		x, err := l.result(&l.Results[i])
		if err != nil {
			return err
		}
		r.Results = append(r.Results, x)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(log{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []run{r}})
}

func (l *Log) result(x *Result) (result, error) {
	index := slices.IndexFunc(l.Rules, func(r Rule) bool { return r.ID == x.RuleID })
	if index < 0 || x.Message == "" || !known(x.Level) {
		return result{}, fmt.Errorf("sarif: result of rule %q, level %q: want a known rule and level, and a message", x.RuleID, x.Level)
	}
	out := result{RuleID: x.RuleID, RuleIndex: index, Level: x.Level, Message: message{x.Message}}
	if x.File != "" {
		at := location{Physical: physical{Artifact: artifact{uri(x.File)}}}
		if x.Line > 0 {
			at.Physical.Region = &region{x.Line, x.Column}
		}
		if x.Path != "" {
			at.Logical = []logical{{x.Path, "member"}}
		}
		out.Locations = []location{at}
	}
	if x.Suppressed != "" {
		out.Suppressions = []suppression{{"external", x.Suppressed}}
	}
	return out, nil
}

func known(l Level) bool { return l == Note || l == Warning || l == Error }

// uri writes a path as a reference to a URI. Source: RFC 3986, §4.2: a colon in
// the first part would be read as the end of a scheme.
func uri(file string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
	var b strings.Builder
	for _, c := range []byte(filepath.ToSlash(file)) {
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if path := b.String(); strings.HasPrefix(path, "/") {
		return "file://" + path
	}
	return b.String()
}
