package bundle

import (
	"encoding/xml"
	"io"
)

// WriteJUnit writes results as JUnit XML: a testsuite for each suite, a
// testcase for each cell.
func (r *Result) WriteJUnit(w io.Writer) error {
	out := junitSuites{Name: "rowan", Tests: r.Passed + r.Failed, Failures: r.Failed}
	for i := range r.Suites {
		s := &r.Suites[i]
		suite := junitSuite{Name: s.Name, File: s.File, Tests: s.Passed + s.Failed, Failures: s.Failed}
		for j := range s.Tests {
			t := &s.Tests[j]
			for k := range t.Cells {
				c := &t.Cells[k]
				x := junitCase{ClassName: s.Name + "." + t.Name, Name: c.Name, File: c.File, Line: c.Line}
				if !c.Pass {
					x.Failure = &junitFailure{Message: firstProblem(c), Type: "decision", Text: c.Failure(false)}
				}
				suite.Cases = append(suite.Cases, x)
			}
		}
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(&out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func firstProblem(c *CellResult) string {
	if len(c.Problems) == 0 {
		return ""
	}
	return c.Problems[0]
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	File     string      `xml:"file,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	ClassName string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	File      string        `xml:"file,attr"`
	Line      int           `xml:"line,attr"`
	Failure   *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",cdata"`
}
