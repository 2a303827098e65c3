package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/policy/lint"
)

// lintConfigName is the file that names the findings to leave out, in a bundle
// or in the directory where the command runs.
const lintConfigName = ".rowan-lint.yaml"

// maxLintConfig is how large it, or a baseline, may be.
const maxLintConfig = 8 << 20

// exception leaves out findings of one code.
type exception struct {
	Code string `yaml:"code"`
	// File is a pattern of path.Match, of names within the bundle or as given;
	// empty for every file.
	File string `yaml:"file"`
	// Path is a JSON pointer: the finding is there or below; empty for all.
	Path   string `yaml:"path"`
	Reason string `yaml:"reason"`
	used   bool
}

// known is a finding of a baseline, which does not count.
type known struct {
	File    string `json:"file"`
	Code    string `json:"code"`
	Path    string `json:"path"`
	Message string `json:"message"`
}

// exceptions are the findings that do not count.
type exceptions struct {
	file     string
	root     string
	suppress []exception
	baseline map[known]int
	left     map[known]int
}

// readExceptions reads the file that is named, or the one of the bundle or
// directory if there is one, and the baseline.
func readExceptions(config, root, baseline string) (*exceptions, error) {
	x := &exceptions{file: config, root: root, baseline: map[known]int{}}
	if config == "" {
		x.file = filepath.Join(root, lintConfigName)
	}
	text, err := readBounded(x.file)
	switch {
	case config == "" && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%s: %w", x.file, cause(err))
	default:
		if err := x.parse(text); err != nil {
			return nil, fmt.Errorf("%s: %w", x.file, err)
		}
	}
	if baseline != "" {
		if err := x.readBaseline(baseline); err != nil {
			return nil, fmt.Errorf("%s: %w", baseline, cause(err))
		}
	}
	return x, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxLintConfig+1))
	if err == nil && len(text) > maxLintConfig {
		err = fmt.Errorf("larger than %d bytes", maxLintConfig)
	}
	return text, err
}

// parse reads {suppress: [{code, file, path, reason}]}.
func (x *exceptions) parse(text []byte) error {
	var config struct {
		Suppress []exception `yaml:"suppress"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&config); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for i := range config.Suppress {
		s := &config.Suppress[i]
		if _, ok := lint.Find(s.Code); !ok {
			return fmt.Errorf("suppress %d: no code %q", i+1, s.Code)
		}
		if strings.TrimSpace(s.Reason) == "" {
			return fmt.Errorf("suppress %d: no reason for leaving out %s", i+1, s.Code)
		}
		if _, err := path.Match(s.File, ""); err != nil {
			return fmt.Errorf("suppress %d: file %q: %w", i+1, s.File, err)
		}
	}
	x.suppress = config.Suppress
	return nil
}

func (x *exceptions) readBaseline(file string) error {
	text, err := readBounded(file)
	if err != nil {
		return err
	}
	var base struct {
		Findings []known `json:"findings"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&base); err != nil {
		return err
	}
	for _, k := range base.Findings {
		x.baseline[k]++
	}
	return nil
}

// begin forgets which findings of the baseline were met.
func (x *exceptions) begin() {
	x.left = make(map[known]int, len(x.baseline))
	for k, n := range x.baseline {
		x.left[k] = n
	}
}

// reason says why a finding does not count, empty if it does. Of findings that
// a baseline lists, as many do not count as it lists.
func (x *exceptions) reason(f *lint.Finding) string {
	if s := x.suppressed(f); s != "" {
		return s
	}
	k := known{f.Name, f.Code, f.Path, f.Err.Error()}
	if x.left[k] > 0 {
		x.left[k]--
		return "in the baseline"
	}
	return ""
}

// counts reports whether a finding is neither left out nor in the baseline.
func (x *exceptions) counts(f *lint.Finding) bool {
	return x.suppressed(f) == "" && x.baseline[known{f.Name, f.Code, f.Path, f.Err.Error()}] == 0
}

// suppressed says why a finding is left out, empty if it is not.
func (x *exceptions) suppressed(f *lint.Finding) string {
	name := filepath.ToSlash(f.Name)
	if x.root != "" {
		name = strings.TrimPrefix(name, filepath.ToSlash(filepath.Clean(x.root))+"/")
	}
	for i := range x.suppress {
		s := &x.suppress[i]
		matches, _ := path.Match(s.File, name) // the pattern was checked
		if s.Code == f.Code && (s.File == "" || matches) &&
			(s.Path == "" || f.Path == s.Path || strings.HasPrefix(f.Path, strings.TrimSuffix(s.Path, "/")+"/")) {
			s.used = true
			return s.Reason
		}
	}
	return ""
}

// complain says which exceptions were for nothing.
func (x *exceptions) complain(c *console) {
	for i := range x.suppress {
		if s := &x.suppress[i]; !s.used {
			c.say("%s: suppress %d: no finding of %s here", plain(x.file), i+1, s.Code)
		}
	}
}

// writeBaseline writes the findings that count, for another run not to count
// them. The places are left out: they change with every line above.
func writeBaseline(file string, findings []lintFinding) error {
	list := []known{}
	for i := range findings {
		if f := &findings[i]; f.suppressed == "" {
			list = append(list, known{f.Name, f.Code, f.Path, f.Err.Error()})
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(map[string]any{"findings": list}); err != nil {
		return err
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(file, b.Bytes(), 0o644)
	}
	return replaceFile(file, b.Bytes())
}
